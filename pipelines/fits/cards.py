"""Cards of a FITS header: bytes in, (keyword, value, comment) out.

A header of ordinary cards is read by slices and one regular expression, about ten
times faster than astropy; a card out of the ordinary is read by
:mod:`pipelines.fits.oddcards`. Either way the answer is astropy's, where astropy has one.
"""

from __future__ import annotations

from functools import lru_cache

from pipelines.fits.limits import CARD
from pipelines.fits.ordinary import Card, Value, ordinary_card

__all__ = ["Card", "Value", "first_values", "parse_card", "read_cards"]


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
    card = ordinary_card(image)
    if card is not None:
        return card
    from pipelines.fits.oddcards import odd_card  # brings astropy, which most headers do not need

    return odd_card(image)


# Most cards of a night are the same 80 characters in every file of it.
_remembered = lru_cache(maxsize=4096)(parse_card)


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
