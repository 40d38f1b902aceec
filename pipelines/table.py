"""Answers that are tables: rows to loop over, a table in Jupyter, pandas or astropy on request."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import astropy.table
    import pandas as pd

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class Answer(Sequence[Row]):
    """The rows of an answer, in the order of the question.

    Attributes
    ----------
    columns : tuple of str
        The columns, in the order they are shown.
    rows : tuple of dict
        One dict a row; every row has every column.
    title : str
        What was asked, for the head of the table.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    title: str = ""

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __repr__(self) -> str:
        cells = [[str(column) for column in self.columns]]
        cells += [[short(row[column]) for column in self.columns] for row in self.rows]
        widths = [max(len(line[i]) for line in cells) for i in range(len(self.columns))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells]
        return "\n".join(([self.title] if self.title else []) + lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # One call for both forms: Jupyter would otherwise ask twice.
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(short(row[c]))}</td>" for c in self.columns) + "</tr>" for row in self.rows
        )
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        html = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return {"text/plain": repr(self), "text/html": html}

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows as a pandas DataFrame (needs the ``pandas`` extra)."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))

    def to_table(self) -> "astropy.table.Table":
        """Return the rows as an astropy Table; lists stay Python lists in object columns."""
        import numpy as np
        from astropy.table import Table

        table = Table()
        for column in self.columns:
            values = [row[column] for row in self.rows]
            if any(isinstance(v, list | dict) or v is None for v in values):
                cells = np.empty(len(values), dtype=object)
                cells[:] = values
                table[column] = cells
            else:
                table[column] = values
        return table

    def to_json(self) -> str:
        """Return the rows as a JSON array, MongoDB's relaxed Extended JSON for dates."""
        from bson import json_util

        return json_util.dumps(list(self.rows), json_options=json_util.RELAXED_JSON_OPTIONS)


def short(value: Any) -> str:
    """Return one cell as text: long lists are cut, floats are plain."""
    if value is None:
        return "-"
    if isinstance(value, list):
        shown = ", ".join(short(v) for v in value[:3])
        return shown + (f", … ({len(value)})" if len(value) > 3 else "")
    if isinstance(value, dict):
        return json.dumps(value, default=str)
    return f"{value:g}" if isinstance(value, float) else str(value)
