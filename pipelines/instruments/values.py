"""Values of cards as numbers, angles, words and sections, however a header writes them; None for what says nothing."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from pipelines.instruments.dialects.entry import MISSING

__all__ = ["angle", "measure", "number", "plain", "section", "squeezed", "whole"]

_NUMBER = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[EeDd][+-]?[0-9]+)?)\s*(°|[A-Za-zµ%]*)")
_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+)(?=\s*[A-Za-z°]*$)")
_FRACTION = re.compile(r"([0-9]+)/([0-9]+)")
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<a>[0-9]{1,3})(?:\s*[:hHdD°]\s*|\s+)(?P<b>[0-9]{1,2})"
    r"(?:(?:\s*[:mM'′]\s*|\s+)(?P<c>[0-9]{1,2}(?:\.[0-9]*)?)\s*[sS\"″]?)?\s*[mM'′]?\s*(?P<side>[NSEWnsew]?)"
)
_STARTS = frozenset("+-.0123456789")
_CARD = 80
"""Texts that a card can hold are remembered: the frames of a night say the same words."""
_SECTION = re.compile(r"\[\s*([0-9]+)\s*:\s*([0-9]+)\s*,\s*([0-9]+)\s*:\s*([0-9]+)\s*\]")


def plain(value: Any) -> str | int | float | bool | None:
    """Return a card's value if it says something: stripped text, a finite number, a logical; else None."""
    if type(value) is not str:
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, int):
            return value
        value = getattr(value, "text", None)  # what could not be read as a value of FITS
        if value is None:
            return None
    return _said(value) if len(value) <= _CARD else _said.__wrapped__(value)


@lru_cache(maxsize=4096)
def _said(value: str) -> str | None:
    text = value.strip()
    if len(text) > 1 and text[0] in "'\"" and text[-1] in "'\"":
        text = text[1:-1].strip()
    elif text[:1] in ("'", '"'):
        text = text[1:].strip()
    return None if text.lower() in MISSING else text


def number(value: Any) -> float | None:
    """Return a finite number, written as one or as text, with or without a unit; None for anything else.

    Examples
    --------
    >>> number("-10.0 C"), number("-1.0D1"), number("-10,0"), number("1/8"), number("east")
    (-10.0, -10.0, -10.0, 0.125, None)
    """
    found = measure(value)
    return None if found is None else found[0]


def measure(value: Any) -> tuple[float, str] | None:
    """Return a number and the unit written behind it, ``''`` without one; None for anything else.

    Examples
    --------
    >>> measure("30 s"), measure(2)
    ((30.0, 's'), (2.0, ''))
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (float(value), "") if math.isfinite(value) else None
    return _measured(value) if isinstance(value, str) else None


def _measured(value: str) -> tuple[float, str] | None:
    text = value.strip()
    if not text or (text[0] not in _STARTS):
        return None
    text = _COMMA.sub(r"\1.\2", text)
    found = _NUMBER.fullmatch(text)
    if found is not None:
        result = float(found[1].translate(str.maketrans("dD", "ee")))
        return (result, found[2]) if math.isfinite(result) else None
    fraction = _FRACTION.fullmatch(text)
    if fraction is not None and int(fraction[2]):
        return int(fraction[1]) / int(fraction[2]), ""
    return None


def whole(value: Any) -> int | None:
    """Return a whole number; None for anything else."""
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def angle(value: Any, *, hours: bool = False) -> float | None:
    """Return an angle in degrees: a number of degrees, or sexagesimal text.

    Parameters
    ----------
    hours
        Sexagesimal text is in hours, fifteen degrees each.

    Examples
    --------
    >>> angle("-70 44 12"), angle("11:10:00"), angle("70.5 W"), angle("12 30 00", hours=True)
    (-70.73666666666666, 11.166666666666666, -70.5, 187.5)
    """
    if not isinstance(value, str):
        return number(value)
    text = value.strip()
    found = _SEXAGESIMAL.fullmatch(text)
    if found is not None:
        parts = int(found["a"]), int(found["b"]), float(found["c"] or 0)
        if parts[1] >= 60 or parts[2] >= 60:
            return None
        result = (parts[0] + parts[1] / 60 + parts[2] / 3600) * (15 if hours or "h" in text.lower() else 1)
        negative = found["sign"] == "-" or found["side"].upper() in ("S", "W")
        return -result if negative else result
    side = text[-1:].upper()
    if side in ("N", "S", "E", "W"):
        size = number(text[:-1])
        return None if size is None else -size if side in ("S", "W") else size
    return number(text)


def section(value: Any) -> str | None:
    """Return a section ``[x1:x2,y1:y2]`` of pixels counted from 1, without blanks; None where it is none.

    Examples
    --------
    >>> section("[1:366, 1:4099]  "), section("[0:0,0:0]"), section("UNKNOWN")
    ('[1:366,1:4099]', None, None)
    """
    found = _SECTION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or any(int(edge) < 1 for edge in found.groups()):
        return None
    return "[{}:{},{}:{}]".format(*(int(edge) for edge in found.groups()))


def squeezed(text: str) -> str:
    """Return a word in lower case, letters and digits only, so that spellings compare."""
    return _squeezed(text) if len(text) <= _CARD else _squeezed.__wrapped__(text)


@lru_cache(maxsize=4096)
def _squeezed(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
