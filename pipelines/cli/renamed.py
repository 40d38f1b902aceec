"""Words of earlier releases: each is answered with the word of this one, exit code 2, and nothing is done."""

import re
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from pipelines.cli.logs import with_log

COMMANDS = {
    "shoot": "darkroom needs",
}
"""Commands of 0.2 that have another name now."""


class RenamedGroup(TyperGroup):
    """A group of commands that knows the names its commands had."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; a name of an earlier release is refused with the name of this one."""
        word = args[0] if args else ""
        if word in COMMANDS and word not in self.commands:
            refuse(f"`darkroom {word}` is now `{COMMANDS[word]}`")
        name, command, rest = super().resolve_command(ctx, args)
        return name, with_log(self, command), rest


class MastersGroup(TyperGroup):
    """The group ``masters``; in 0.2 it was a command that took a night."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; a night in its place is refused with the command that makes the masters of a night."""
        if args and re.fullmatch(r"\d{4}-\d{2}-\d{2}", args[0]):
            refuse(f"`darkroom masters {args[0]}` is now `darkroom masters make {args[0]}`")
        return super().resolve_command(ctx, args)


def refuse(text: str) -> NoReturn:
    """Answer a word of an earlier release.

    Raises
    ------
    typer.BadParameter
        Always; exit code 2.
    """
    raise typer.BadParameter(text)


def renamed_option(old: str, new: str) -> Any:
    """Return a hidden option of an earlier release, refused with the name it has now.

    Parameters
    ----------
    old, new : str
        With their dashes, such as ``--mend`` and ``--repair``.
    """

    def tell(value: str | None) -> str | None:
        if value:
            refuse(f"{old} is now {new}")
        return None

    return typer.Option(None, old, hidden=True, callback=tell, help=f"Now {new}.")


def renamed_flag(old: str, new: str) -> Any:
    """Return a hidden switch of an earlier release, refused with the name it has now."""

    def tell(value: bool) -> bool:
        if value:
            refuse(f"{old} is now {new}")
        return False

    return typer.Option(False, old, hidden=True, callback=tell, help=f"Now {new}.")
