"""The chapters of ``darkroom --help``: which command is listed where."""

import re
from typing import Any

from typer.core import TyperGroup

from pipelines.cli.logs import with_log
from pipelines.cli.renamed import COMMANDS, refuse

CHAPTERS = {
    "Begin": ("demo", "ingest", "status", "root"),
    "Every night": ("nightly", "night", "report", "targets", "frames", "clock", "trends", "quarantine"),
    "Ask and look": ("query", "header", "show", "serve", "history", "pixel", "find", "rates", "follow"),
    "Darks, flats and masters": ("darks", "flats", "groups", "needs", "masters", "why", "recall", "calibrate"),
    "Files out, files away": ("export", "delete", "restore", "trash", "sweep"),
    "Keep the archive whole": (
        "check",
        "runs",
        "backup",
        "copy",
        "rebuild",
        "migrate",
        "identify",
        "correct",
        "profile",
        "site",
    ),
    "JWST": ("detector1", "log"),
}


class Noun(TyperGroup):
    """A noun with its verbs, each with the whole first sentence of its help."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the verbs."""
        with formatter.section("Commands"):
            formatter.write_dl(_summaries([one for one in self.commands.values() if not one.hidden]))


class Masters(Noun):
    """The noun ``masters``; in 0.2 it was a command that took a night."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; a night in its place is refused with the command that makes the masters of a night."""
        if args and re.fullmatch(r"\d{4}-\d{2}-\d{2}", args[0]):
            refuse(f"`darkroom masters {args[0]}` is now `darkroom masters make {args[0]}`")
        return super().resolve_command(ctx, args)


class Chapters(Noun):
    """The command ``darkroom``: lists its commands by chapter, and knows the names they had."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command; a name of an earlier release is refused with the name of this one."""
        word = args[0] if args else ""
        if word in COMMANDS and word not in self.commands:
            refuse(f"`darkroom {word}` is now `{COMMANDS[word]}`")
        name, command, rest = super().resolve_command(ctx, args)
        return name, with_log(self, command), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, chapter by chapter: those listed here, then those that name the chapter themselves."""
        listed = {name for names in CHAPTERS.values() for name in names}
        chapters = {title: list(names) for title, names in CHAPTERS.items()}
        for name in self.list_commands(ctx):
            if name not in listed:
                chapters.setdefault(chapter_of(self.commands[name]) or "More", []).append(name)
        for title, names in chapters.items():
            there = [self.commands[name] for name in names if name in self.commands and not self.commands[name].hidden]
            if there:
                with formatter.section(title):
                    formatter.write_dl(_summaries(there))


def chapter_of(command: Any) -> str | None:
    """Return the chapter that a command or a noun names itself."""
    panel = getattr(command, "rich_help_panel", None)
    return panel if isinstance(panel, str) else None


def _summaries(commands: list[Any]) -> list[tuple[str, str]]:
    return [(str(one.name), first_sentence(one.help or "")) for one in commands]


def first_sentence(text: str) -> str:
    """Return the first sentence of a help text, on one line and without its stop."""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".")
