"""Questions of headers, out of a closed set of words: the only way from an address to a filter of the catalog.

No operator, no path and no pattern of an address goes into a filter: fields are those listed here, or one keyword;
operators are names that stand for what is written here; values are numbers or text.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from catalog import encode_keyword
from pipelines.web.asked import Unclear

__all__ = ["FIELDS", "OPERATORS", "Condition", "condition"]

FIELDS: Mapping[str, str] = {
    "kind": "kind",
    "camera": "obs.camera",
    "target": "obs.object",
    "filter": "obs.filter",
    "exposure-time": "obs.exptime",
    "temperature": "obs.temperature",
    "airmass": "obs.airmass",
    "ra": "obs.ra",
    "dec": "obs.dec",
    "mode": "obs.mode",
    "gain": "obs.gain",
    "stacked": "obs.stacked",
    "instrument": "instrument",
    "detector": "detector",
    "unit": "unit",
    "campaign": "campaign",
    "verdict": "qc.verdict",
    "flag": "qc.flags",
    "root": "root",
    "name": "_id",
}
"""Fields of documents that can be asked for, by their names in an address; beside them keywords."""

_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}|[A-Z0-9_-]{1,20}( [A-Z0-9_-]{1,20}){1,7}")
"""A keyword of FITS, or one of the convention HIERARCH."""

_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition.

    Attributes
    ----------
    word : str
        The field or keyword, as it was asked for.
    operator, value : str
        As they were asked for.
    filter : dict
        For the catalog.
    path : str
        The field that a table of what was found shows.
    """

    word: str
    operator: str
    value: str
    filter: dict[str, Any]
    path: str


def condition(word: str, operator: str, value: str) -> Condition:
    """Read a condition.

    Parameters
    ----------
    word : str
        One of `FIELDS`, or a keyword such as ``EXPTIME`` or ``ESO DET CHIP1 NAME``.
    operator : str
        One of `OPERATORS`.
    value : str
        With `equals` and `not` a number is also found as text.

    Raises
    ------
    Unclear
        A word is none of these.

    Examples
    --------
    >>> condition("exposure-time", "above", "30").filter
    {'obs.exptime': {'$gt': 30.0}}
    """
    if operator not in OPERATORS:
        raise Unclear(f"a condition is one of {', '.join(OPERATORS)}; not {operator!r:.60}")
    wants, make = OPERATORS[operator]
    if wants and not value:
        raise Unclear(f"the condition on {word!r:.60} lacks a value")
    if not wants and value:
        raise Unclear(f"the condition {operator} takes no value")
    test = make(value)
    if word in FIELDS:
        return Condition(word, operator, value, {FIELDS[word]: test}, FIELDS[word])
    keyword = word.upper()
    if _KEYWORD.fullmatch(keyword) is None:
        raise Unclear(f"{word!r:.60} is no keyword of FITS, and no field; fields are: {', '.join(FIELDS)}")
    own = encode_keyword(keyword)
    both = [{f"header.{own}": test}, {f"hdus.header.{own}": test}]
    # What is absent, or different, is so in every header of the file.
    joined = {"$and": both} if operator in _NEGATIVE else {"$or": both}
    return Condition(keyword, operator, value, joined, f"header.{own}")


def _number(value: str) -> float | None:
    if _NUMBER.fullmatch(value) is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _alike(value: str) -> list[Any]:
    """Return every value that a header may mean by a text: it, a number, a logical value."""
    found: list[Any] = [value]
    number = _number(value)
    if number is not None:
        found.append(number)
    if value in ("T", "F"):
        found.append(value == "T")
    return found


def _ordered(operator: str) -> Callable[[str], dict[str, Any]]:
    def make(value: str) -> dict[str, Any]:
        number = _number(value)
        return {operator: value if number is None else number}

    return make


OPERATORS: Mapping[str, tuple[bool, Callable[[str], dict[str, Any]]]] = {
    "equals": (True, lambda value: {"$in": _alike(value)}),
    "not": (True, lambda value: {"$nin": _alike(value)}),
    "above": (True, _ordered("$gt")),
    "at-least": (True, _ordered("$gte")),
    "below": (True, _ordered("$lt")),
    "at-most": (True, _ordered("$lte")),
    "contains": (True, lambda value: {"$regex": re.escape(value), "$options": "i"}),
    "begins": (True, lambda value: {"$regex": "^" + re.escape(value)}),
    "exists": (False, lambda _: {"$exists": True}),
    "missing": (False, lambda _: {"$exists": False}),
}
"""Operators by their names in an address: whether they take a value, and what they are to the catalog."""

_NEGATIVE = frozenset({"not", "missing"})
