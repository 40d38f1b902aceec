"""How answers are shown: a table that fits the terminal, every column in a pipe, CSV or JSON on request."""

import json
import shutil
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pipelines.table import FORMAT, Answer, extended_json, plain


@dataclass(frozen=True, slots=True)
class Look:
    """How this command line wants its answers: ``--json``, ``--csv``, ``--wide``."""

    json: bool = False
    csv: bool = False
    wide: bool = False


LOOK: ContextVar[Look] = ContextVar("LOOK", default=Look())  # noqa: B039 - it is frozen


def show(answer: Answer, *, as_json: bool) -> None:
    """Print an answer."""
    look = LOOK.get()
    if as_json:
        print_json({"title": answer.title, "rows": list(answer.rows)})
    elif look.csv:
        sys.stdout.write(answer.to_csv())
    else:
        print("\n".join(answer.lines(None if look.wide else room())))


def show_object(value: Any, *, as_json: bool) -> None:
    """Print a report: its ``to_dict`` as JSON, or its repr for people."""
    if as_json:
        print_json(value.to_dict())
    else:
        print(plain(repr(value), lines=True))


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object with the version of its names; dates as in MongoDB's relaxed Extended JSON."""
    print(extended_json({"format": FORMAT, **value}))


def error_json(message: str, exit_code: int) -> str:
    """Return an error as one line of JSON."""
    return json.dumps({"format": FORMAT, "error": {"reason": message, "exit_code": exit_code}})


def room() -> int | None:
    """Return how many columns there are to fill; None in a pipe, where nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
