"""How documents and results show themselves: in Jupyter as a table, on a terminal as lines; bytes are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from catalog.errors import CatalogError

__all__ = ["MOST", "NoPandas", "Shown", "bundle", "frame"]

MOST = 20
"""Documents of a result that are shown."""

_LONGEST, _SIDE = 160, 40
"""Characters of one value: of a document alone, and of one in a table."""


class NoPandas(CatalogError, ImportError):
    """A table was asked for, and pandas is not installed."""


class Shown(dict[str, Any]):
    """A document as it shows itself: names and values below each other, bytes counted, headers named.

    It is an ordinary dict otherwise; ``dict(document)`` prints everything.
    """

    def _lines(self) -> list[tuple[str, str]]:
        return [(_plain(str(name)), _text(value, _LONGEST)) for name, value in self.items()]

    def __repr__(self) -> str:
        lines = self._lines()
        wide = max((len(name) for name, _ in lines), default=0)
        return "\n".join(f"{name:{wide}}  {value}" for name, value in lines) or "{}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in self._lines())
        return {"text/plain": repr(self), "text/html": f"<table><tbody>{rows}</tbody></table>"}


def bundle(documents: Sequence[Mapping[str, Any]], *, where: str, more: bool) -> dict[str, str]:
    """Return some documents for Jupyter and for a terminal.

    Parameters
    ----------
    documents : sequence of mapping
        The first ones of a result.
    where : str
        The collection, for the head.
    more : bool
        Whether there are others.
    """
    columns = list(dict.fromkeys(str(name) for document in documents for name in document))
    cells = [[_text(document[name], _SIDE) if name in document else "" for name in columns] for document in documents]
    count = f"{'the first ' if more else ''}{len(documents)} document{'s'[: len(documents) != 1]}"
    title = _plain(f"{count} of {where}" + ("; .to_pandas() has all" if more else ""))
    head = "".join(f"<th>{escape(_plain(name))}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in cells)
    named = [[f"{_plain(name)} {text}" for name, text in zip(columns, row, strict=True) if text] for row in cells]
    lines = [title, *(f"  {', '.join(row)}" for row in named)]
    html = f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return {"text/plain": "\n".join(lines), "text/html": html}


def frame(documents: Sequence[Mapping[str, Any]]) -> Any:
    """Return documents as a pandas DataFrame: fields below others have names as in a query, bytes are left out.

    Raises
    ------
    NoPandas
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise NoPandas("to_pandas() needs pandas: pip install 'darkroom-archive[pandas]'") from error
    rows = [dict(_flat(document)) for document in documents]
    return pd.DataFrame(rows, columns=list(dict.fromkeys(name for row in rows for name in row)))


def _flat(document: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            found += _flat(value, f"{before}{name}.")
        elif not any(isinstance(one, bytes) for one in (value if isinstance(value, list) else [value])):
            found.append((f"{before}{name}", value))
    return found


def _text(value: Any, longest: int) -> str:
    """Return a value as one line of text."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{name} {_inner(one)}" for name, one in list(value.items())[:longest])
        text = inner if len(inner) <= longest else f"{len(value)} fields: {inner}"
    elif isinstance(value, list | tuple):
        inner = ", ".join(_inner(one) for one in value[:longest])
        text = inner if len(inner) <= longest else f"{len(value)} items: {inner}"
    else:
        text = _inner(value)
    text = _plain(text[: 2 * longest])
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _inner(value: Any) -> str:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, Mapping):
        return f"({len(value)} fields)"
    if isinstance(value, list | tuple):
        return f"({len(value)} items)"
    return str(value)[: 2 * _LONGEST]


def _plain(text: str) -> str:
    """Return text without what would move a cursor or turn the direction of writing."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)
