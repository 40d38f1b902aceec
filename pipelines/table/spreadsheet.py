"""Cells of a CSV file: text of a header or a file name that a spreadsheet takes for a formula is marked as text."""

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"\s*[=+\-@\t\r\uff0b\uff0d\uff1d\uff20|%]")
"""How what a spreadsheet computes may begin, in any width of letter."""
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""What moves the cursor of a terminal, or begins a new line: CSV is often looked at in one."""


def cell(value: Any) -> Any:
    r"""Return a value as it may stand in a CSV file.

    Lists and dicts are JSON, times are ISO 8601; text that a spreadsheet would compute begins with an apostrophe,
    and control characters are written out. JSON has every text as it is.

    Examples
    --------
    >>> cell("M31\x1b[2J")
    'M31\\x1b[2J'
    >>> cell("=1+2"), cell("-10.5"), cell(-3), cell(["=x"])
    ("'=1+2", '-10.5', -3, '["=x"]')
    """
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=str)
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str):
        return value
    marked = f"'{value}" if _FORMULA.match(value) and not _NUMBER.fullmatch(value) else value
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], marked)


def guarded(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table of pandas whose text is as it may stand in a CSV file."""
    text = [name for name in frame.columns if frame[name].dtype == object or str(frame[name].dtype).startswith("str")]
    return frame.assign(**{name: frame[name].map(cell, na_action="ignore") for name in text})
