"""How answers are shown: a drawn table on a terminal, plain columns in a pipe, JSON on request."""

import json
import sys
from typing import Any

from pipelines.table import Answer


def show(answer: Answer, *, as_json: bool) -> None:
    """Print an answer."""
    if as_json:
        print(answer.to_json())
    elif sys.stdout.isatty():
        _draw(answer)
    else:
        print(repr(answer) if len(answer) else f"{answer.title}: none")


def show_object(value: Any, *, as_json: bool) -> None:
    """Print a report: its ``to_dict`` as JSON, or its repr for people."""
    print(json.dumps(value.to_dict(), default=str) if as_json else repr(value))


def _draw(answer: Answer) -> None:
    from rich.console import Console
    from rich.table import Table

    from pipelines.table import short

    table = Table(title=answer.title or None, title_justify="left")
    for column in answer.columns:
        table.add_column(column, overflow="fold")
    for row in answer:
        table.add_row(*(short(row[column]) for column in answer.columns))
    Console().print(table if len(answer) else f"{answer.title}: none")
