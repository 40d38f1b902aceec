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


def cell(value: Any) -> Any:
    """Return a value as it may stand in a CSV file.

    Lists and dicts are JSON, times are ISO 8601; text that a spreadsheet would compute begins with an apostrophe.

    Examples
    --------
    >>> cell("=1+2"), cell("-10.5"), cell(-3), cell(["=x"])
    ("'=1+2", '-10.5', -3, '["=x"]')
    """
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=str)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def guarded(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table of pandas whose text is as it may stand in a CSV file."""
    text = [name for name in frame.columns if frame[name].dtype == object or str(frame[name].dtype).startswith("str")]
    return frame.assign(**{name: frame[name].map(cell, na_action="ignore") for name in text})
