"""Answers that are tables: rows to loop over, a table in Jupyter, pandas or astropy on request."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, overload

from pipelines.errors import require
from pipelines.table.html import table
from pipelines.table.layout import lines
from pipelines.table.spreadsheet import cell

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
        One dict per row; every row has every column.
    title : str
        What was asked, for the head of the table.
    main : tuple of str
        The columns worth most, where a terminal has no room for all of them.

    Examples
    --------
    >>> Answer(("camera", "count"), ({"camera": "A", "count": 2}, {"camera": "B", "count": 12}), "Darks")
    Darks
    camera  count
    A           2
    B          12
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    title: str = ""
    main: tuple[str, ...] = ()

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

    def lines(self, room: int | None = None) -> list[str]:
        """Return the table as lines of text.

        Parameters
        ----------
        room : int, optional
            Columns of the terminal to fit; without it every column stands there, whole.
        """
        return lines(self.columns, self.rows, room=room, main=self.main, title=self.title)

    def __repr__(self) -> str:
        return "\n".join(self.lines(get_terminal_size().columns if sys.stdout.isatty() else None))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # One call for both forms: Jupyter would otherwise ask twice.
        return {"text/plain": repr(self), "text/html": table(self.columns, self.rows, self.title)}

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows as a pandas DataFrame (needs the ``pandas`` extra)."""
        made: pd.DataFrame = require("pandas", extra="pandas", what="to_pandas()").DataFrame(
            list(self.rows), columns=list(self.columns)
        )
        return made

    def to_table(self) -> "astropy.table.Table":
        """Return the rows as an astropy Table; lists stay Python lists in object columns."""
        import numpy as np
        from astropy.table import Table

        made = Table()
        for column in self.columns:
            values = [row[column] for row in self.rows]
            if any(isinstance(v, list | dict) or v is None for v in values):
                cells = np.empty(len(values), dtype=object)
                cells[:] = values
                made[column] = cells
            else:
                made[column] = values
        return made

    def to_csv(self) -> str:
        """Return the rows as CSV with a head; its cells are those of `pipelines.table.spreadsheet`."""
        import csv
        import io

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow([cell(column) for column in self.columns])
        for row in self.rows:
            writer.writerow([cell(row[column]) for column in self.columns])
        return text.getvalue()

    def to_json(self) -> str:
        """Return the rows as a JSON array, MongoDB's relaxed Extended JSON for dates."""
        from bson import json_util

        return json_util.dumps(list(self.rows), json_options=json_util.RELAXED_JSON_OPTIONS)
