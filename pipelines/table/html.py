"""The same tables for a notebook."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pipelines.table.cells import short

MOST = 200
"""Rows a notebook is sent; the rest are counted."""


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], title: str = "") -> str:
    """Return a table: what all rows share is said in its caption, empty columns are left out."""
    cells = {column: [short(row[column]) for row in rows] for column in columns}
    said = [column for column in columns if any(text not in ("-", "") for text in cells[column])] or list(columns)
    alike = [column for column in said if len(rows) > 2 and len(set(cells[column])) == 1]
    shown = [column for column in said if column not in alike] or said
    facts = [title] if title else []
    facts += [f"all: {', '.join(f'{column} {cells[column][0]}' for column in alike)}"] if alike else []
    facts += [] if rows else ["none"]
    facts += [f"the first {MOST} of {len(rows)} rows; .to_pandas() has all"] if len(rows) > MOST else []
    caption = f"<caption>{'<br>'.join(map(escape, facts))}</caption>" if facts else ""
    head = "".join(f"<th>{escape(column)}</th>" for column in shown)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cells[column][number])}</td>" for column in shown) + "</tr>"
        for number in range(min(len(rows), MOST))
    )
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def record(values: Mapping[str, Any], title: str = "") -> str:
    """Return names and values below each other."""
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(short(value))}</td></tr>" for name, value in values.items())
    return f"<table>{caption}<tbody>{body}</tbody></table>"
