"""Cards of a FITS header: bytes in, (keyword, value, comment) out.

A header of ordinary cards is read by slices and one regular expression, about ten
times faster than astropy; a card out of the ordinary is read by
:mod:`pipelines.fits.oddcards`. Either way the answer is astropy's, where astropy has one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from pipelines.fits.limits import CARD

if TYPE_CHECKING:
    from catalog import Unparsable

__all__ = ["Card", "Value", "first_values", "parse_card", "read_cards"]

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


def read_cards(header: bytes) -> list[Card]:
    """Return the cards of a header, in order, without its END.

    Parameters
    ----------
    header
        Whole cards of 80 bytes, up to but not including END.

    Returns
    -------
    list
        ``(keyword, value, comment)`` as `astropy.io.fits.Header.cards` has them: trailing
        blanks stripped, an undefined value None, CONTINUE cards joined to the card before
        them, ``HIERARCH`` taken off, record-valued cards under their dotted name. A value
        astropy would refuse is a :class:`catalog.Unparsable` of its text.
    """
    text = header.decode("latin-1")
    images = [text[start : start + CARD] for start in range(0, len(text), CARD)]
    if "CONTINUE" not in text:
        return [_remembered(image) for image in images]
    return [_remembered(group[0]) if len(group) == 1 else _long_card(group) for group in _continued(images)]


def first_values(cards: list[Card]) -> dict[str, Value]:
    """Return keyword -> value of `cards`; of duplicates the first, blank keywords left out."""
    values: dict[str, Value] = {}
    for keyword, value, _ in cards:
        if keyword and keyword not in values:
            values[keyword] = value
    return values


def parse_card(image: str) -> Card:
    """Return keyword, value and comment of one card.

    Parameters
    ----------
    image
        Its 80 characters, bytes decoded as Latin-1.
    """
    keyword = image[:8].rstrip(" ")
    if image.isascii() and image.isprintable():
        if keyword in _COMMENTARY:
            return keyword, image[8:].rstrip(" "), ""
        if image[8:10] == "= " and _KEYWORD(keyword):
            card = _valued(keyword, image[10:])
            if card is not None:
                return card
        elif keyword == "HIERARCH" and image[8] == " " and "=" in image:
            name, _, field = image[9:].partition("=")
            name = name.strip(" ")
            card = None if name.upper() in _RESERVED else _valued(name, field)
            if card is not None:
                return card
    from pipelines.fits.oddcards import odd_card

    return odd_card(image)


# Most cards of a night are the same 80 characters in every file of it.
_remembered = lru_cache(maxsize=4096)(parse_card)


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


def _continued(images: list[str]) -> list[list[str]]:
    """Group each card with the CONTINUE cards that follow it; after a number they stand alone (FITS 4.0, 4.2.1.2)."""
    groups: list[list[str]] = []
    for image in images:
        last = groups[-1] if groups else []
        if last and image[:8] == "CONTINUE" and (len(last) > 1 or not _holds_no_text(last[0])):
            last.append(image)
        else:
            groups.append([image])
    return groups


def _holds_no_text(image: str) -> bool:
    """Tell whether a card has a value that is no string, so that nothing can go on with it."""
    if image.startswith("HIERARCH ") and "=" in image:
        field = image.partition("=")[2]
    elif image[8:10] == "= ":
        field = image[10:]
    else:
        return False
    return not field.lstrip(" ").startswith("'")


def _long_card(images: list[str]) -> Card:
    from pipelines.fits.oddcards import long_card

    return long_card(images)
