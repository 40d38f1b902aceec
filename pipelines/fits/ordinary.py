"""The ordinary card of a FITS header, read by slices and one regular expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from catalog import Unparsable

__all__ = ["Card", "Value", "ordinary_card"]

Value: TypeAlias = "str | bool | int | float | complex | Unparsable | None"
Card: TypeAlias = tuple[str, Value, str]

_KEYWORD = re.compile(r"[A-Z0-9_-]+").fullmatch

# The value field of FITS 4.0 section 4.2, free format: a string without quotes inside,
# a logical, an integer, a real, or nothing; then perhaps a comment.
_FIELD = re.compile(
    r" *(?:'([ -&(-~]*)'(?![^ /])"
    r"|([TF])"
    r"|([+-]?[0-9]+)"
    r"|([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[DEde][+-]?[0-9]+)?)"
    r"|) *(?:/ *(.*))?$"
).match

_EXPONENT = str.maketrans("dD", "ee")
_COMMENTARY = frozenset({"", "COMMENT", "HISTORY"})
_RESERVED = frozenset({"", "COMMENT", "HISTORY", "CONTINUE", "END"})
_DIGITS = frozenset("0123456789.")


def ordinary_card(image: str) -> Card | None:
    """Return keyword, value and comment of a card whose value astropy reads alike; else None.

    Parameters
    ----------
    image
        Its 80 characters, bytes decoded as Latin-1.
    """
    if not (image.isascii() and image.isprintable()):
        return None
    keyword = image[:8].rstrip(" ")
    if keyword in _COMMENTARY:
        return keyword, image[8:].rstrip(" "), ""
    if image[8:10] == "= " and _KEYWORD(keyword):
        return _valued(keyword, image[10:])
    if keyword == "HIERARCH" and image[8] == " " and "=" in image:
        name, _, field = image[9:].partition("=")
        name = name.strip(" ")
        return None if name.upper() in _RESERVED else _valued(name, field)
    return None


def _valued(keyword: str, field: str) -> Card | None:
    """Return the card of a keyword and its ordinary value field, else None."""
    found = _FIELD(field.rstrip(" "))
    if found is None:
        return None
    string, logical, integer, real, comment = found.groups()
    comment = comment or ""
    if string is not None:
        if ": " in string and string[-1] in _DIGITS:
            return None  # perhaps a record: 'AXIS.1: 2'
        if not string and "'" in comment:
            return None  # astropy may take the string to end at that quote
        return keyword, string.rstrip(" "), comment
    if integer is not None:
        return keyword, int(integer), comment
    if real is not None:
        return keyword, float(real.translate(_EXPONENT)), comment
    if logical is not None:
        return keyword, logical == "T", comment
    return keyword, None, comment
