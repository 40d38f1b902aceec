"""What every command has, written once: ``-h``, ``--home`` after it as before it, the looks of an answer, examples."""

import functools
import inspect
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

import typer

from pipelines.cli.chapters import Noun
from pipelines.cli.options import ADDRESS, table_option
from pipelines.cli.show import LOOK, Look

SETTINGS = {"help_option_names": ["-h", "--help"]}

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_LOOKS = {
    "csv": typer.Option(False, "--csv", help="Print CSV, every column."),
    "wide": typer.Option(False, "--wide", help="Every column, nothing cut, however long the lines."),
}
_SECTION = "\n\nExamples\n--------\n"
_QUIET = typer.Option(False, "--quiet", "-q", help="Print nothing when the exit code is 0; for cron.")


class Commands(typer.Typer):
    """A Typer application whose commands have the options that all commands share."""

    def __init__(self, **settings: Any) -> None:
        settings = {
            "cls": Noun,
            "no_args_is_help": True,
            "rich_markup_mode": None,
            "context_settings": SETTINGS,
            **settings,
        }
        super().__init__(**settings)

    def command(self, name: str | None = None, *, for_cron: bool = False, **settings: Any) -> Any:
        """Register a function as a command, as `typer.Typer.command` does.

        Parameters
        ----------
        for_cron : bool
            It has ``--quiet``, which prints nothing when the exit code is 0.
        """
        register = super().command

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            settings.setdefault("help", help_of(function))
            settings.setdefault("context_settings", SETTINGS)
            register(name, **settings)(_shared(function, for_cron))
            return function

        return decorate


class Interrupted(Exception):
    """Ctrl-C, or SIGTERM: Typer itself would end without a word."""


def help_of(function: Callable[..., Any]) -> str:
    """Return the help text of a command; its examples keep their lines."""
    return (inspect.getdoc(function) or "").replace(_SECTION, "\n\n\b\nExamples:\n")


def _shared(function: Callable[..., Any], for_cron: bool) -> Callable[..., Any]:
    """Wrap a command so that it also takes the options that all commands share."""
    signature = inspect.signature(function)
    given = signature.parameters
    extra: dict[str, Any] = dict(ADDRESS) if "context" in given else {}
    asks = given["as_json"].default if "as_json" in given else None
    if asks is table_option:
        extra |= {name: option for name, option in _LOOKS.items() if name not in given}
    if for_cron:
        extra["quiet"] = _QUIET

    @functools.wraps(function)
    def command(**values: Any) -> Any:
        shared = {name: values.pop(name) for name in extra}
        place = {name: shared[name] for name in ADDRESS if shared.get(name) is not None}
        if place:  # after the command as before it
            values["context"].obj = replace(values["context"].obj, **place)
        look = Look(bool(values.get("as_json")), bool(shared.get("csv")), bool(shared.get("wide")))
        if look.json + look.csv + look.wide > 1:
            raise typer.BadParameter("give one of --json, --csv and --wide")
        LOOK.set(look)
        try:
            if shared.get("quiet"):
                return _quietly(functools.partial(function, **values))
            return function(**values)
        except KeyboardInterrupt as error:
            raise Interrupted from error

    hidden = [
        inspect.Parameter(name, _KEYWORD, default=option, annotation=bool if name not in ADDRESS else str)
        for name, option in extra.items()
    ]
    command.__signature__ = signature.replace(parameters=[*given.values(), *hidden])  # type: ignore[attr-defined]
    command.__annotations__ = {
        **function.__annotations__,
        **{one.name: one.annotation for one in hidden},
    }
    return command


def _quietly(run: Callable[[], Any]) -> Any:
    """Run a command; print what it said only if it ends with another exit code than 0."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            result = run()
    except typer.Exit as ended:
        if ended.exit_code:
            sys.stdout.write(said.getvalue())
        raise
    except BaseException:
        sys.stdout.write(said.getvalue())
        raise
    return result
