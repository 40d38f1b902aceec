"""Cards out of the ordinary, read as astropy reads them.

Strings with quotes inside, records, complex values, blanks inside numbers, lower-case
keywords, bytes that are not printable ASCII: astropy's Card is asked. What it cannot
parse costs that one value: it is kept as :class:`catalog.Unparsable`. Strings continued
over many cards are joined here, because astropy takes a time that grows with the square
of their length.
"""

from __future__ import annotations

import re
import warnings

from catalog import Unparsable
from pipelines.fits.limits import CARD
from pipelines.fits.ordinary import Card, Value, ordinary_card

__all__ = ["long_card", "odd_card"]

_INDICATOR = "= "
_QUOTED = re.compile(r"\s*'(.*)' *(?:/(.*))?$", re.DOTALL)
_CLOSING = re.compile(r"'(?= *(?:/|$))")
_RECORD = re.compile(r"[A-Za-z_][\w.]*: +[0-9.+-]")
_SHORT_CHAIN = 4 * CARD


def odd_card(image: str) -> Card:
    """Return keyword, value and comment of any card, or of a few cards joined by CONTINUE.

    Parameters
    ----------
    image
        Its characters, a multiple of 80, bytes decoded as Latin-1.
    """
    if not _has_indicator(image):
        # No value at all: astropy gives the text after the keyword.
        return image[:8].strip(), _readable(image[8:].rstrip()), ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _by_astropy(image)


def long_card(images: list[str]) -> Card:
    """Return the one card that a card and the CONTINUE cards after it make.

    Parameters
    ----------
    images
        The 80 characters of each.
    """
    joined = _joined(images)
    if joined is not None:
        return joined
    image = "".join(images)
    if len(image) <= _SHORT_CHAIN:
        return odd_card(image)
    keyword, _, comment = ordinary_card(images[0]) or odd_card(images[0])
    return keyword, Unparsable(_readable("".join(part[10:] for part in images)).strip()), comment


def _by_astropy(image: str) -> Card:
    from astropy.io.fits import VerifyError
    from astropy.io.fits.card import Card as AstropyCard
    from astropy.io.fits.card import Undefined

    card = AstropyCard.fromstring(image)
    # Capitals of letters outside ASCII may be other letters, or two: astropy's are not taken.
    keyword = card.keyword if image[:8].isascii() else _readable(image[:8].strip())
    try:
        value: Value = card.value
        comment = card.comment
    except (VerifyError, ValueError, IndexError):
        text, comment = _raw_value(image)
        return keyword, Unparsable(text), comment
    if isinstance(value, Undefined):
        value = None
    elif isinstance(value, str):
        value = _readable(value)
    return keyword, value, _readable(comment)


def _has_indicator(image: str) -> bool:
    """Tell whether astropy would find a value, or text that needs none, in this card."""
    keyword = image[:8].strip().upper()
    if keyword in {"", "COMMENT", "HISTORY", "CONTINUE", "END"}:
        return True
    if keyword == "HIERARCH" and image[8] == " " and "=" in image:
        return True
    return 0 <= image.find(_INDICATOR) <= 8


def _raw_value(image: str) -> tuple[str, str]:
    """Return the text of a value that cannot be parsed, and the comment after it."""
    start = image.find("=") + 1 if "=" in image[:10] or image.startswith("HIERARCH ") else 8
    field = image[start:].strip()
    quoted = _QUOTED.match(field)
    if quoted is not None:
        text, comment = quoted.groups()
    else:
        text, _, comment = field.partition("/")
    return _readable(text.strip()), _readable((comment or "").strip())


def _readable(text: str) -> str:
    """Return text decoded as Latin-1 as the UTF-8 it may have been."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _joined(images: list[str]) -> Card | None:
    """Join a chain whose every piece is a quoted string of printable ASCII; else None.

    The rule is astropy's: each piece loses trailing blanks and one ``&``, comments are
    joined by a blank, and what comes of it is read as one card again.
    """
    keyword, field = _named(images[0])
    if not keyword:
        return None
    values: list[str] = []
    comments: list[str] = []
    for number, image in enumerate(images):
        piece = _piece(field if number == 0 else image[8:])
        if piece is None or (number and image[8] != " "):
            return None
        value, comment = piece
        values.append(value.rstrip(" ").removesuffix("&"))
        if comment:
            comments.append(comment)
    if _RECORD.match(field.lstrip(" ")[1:]):
        return None
    whole = _piece(f"'{''.join(values)}' / {' '.join(comments)}")
    if whole is None:
        return None
    return keyword, whole[0].replace("''", "'").rstrip(" "), whole[1]


def _named(image: str) -> tuple[str, str]:
    """Return the keyword of a card and the field behind its indicator; no keyword where it is no ordinary one."""
    if image.startswith("HIERARCH ") and "=" in image:
        keyword, _, field = image[9:].partition("=")
        return keyword.strip(" ") if keyword.isascii() and keyword.isprintable() else "", field
    keyword = image[:8].rstrip(" ")
    ordinary = image[8:10] == _INDICATOR and re.fullmatch("[A-Z0-9_-]+", keyword)
    return keyword if ordinary else "", image[10:]


def _piece(field: str) -> tuple[str, str] | None:
    """Return a quoted string, its quotes still doubled, and the comment after it; else None.

    The string ends at the first quote after which only blanks or a comment follow; it is
    empty only when there is no later one.
    """
    field = field.strip(" ")
    if not (field.startswith("'") and field.isascii() and field.isprintable()):
        return None
    closing = _CLOSING.search(field, 2) or _CLOSING.search(field, 1)
    if closing is None:
        return None
    end = closing.start()
    return field[1:end], field[end + 1 :].lstrip(" ")[1:].strip(" ")
