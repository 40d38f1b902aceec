"""Cells of a table: any value as one line of text."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

LONGEST = 2000
"""Characters of one cell that are ever shown; ``--json`` and ``--csv`` have all of them."""

LISTED = 3
"""Items of a list that are shown; then their number."""


def short(value: Any) -> str:
    """Return one cell as one line of text.

    Lists are cut, floats are plain, times are UTC to the second, and no control character reaches a terminal.

    Examples
    --------
    >>> short([1, 2, 3, 4, 5])
    '1, 2, 3, … (5)'
    >>> short({"exptime": 0.5})
    'exptime 0.5'
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        shown = ", ".join(short(v) for v in value[:LISTED])
        return shown + (f", … ({len(value)})" if len(value) > LISTED else "")
    if isinstance(value, Mapping):
        items = [f"{short(key)} {short(one)}" for key, one in list(value.items())[: 2 * LISTED]]
        return ", ".join(items) + (f", … ({len(value)})" if len(value) > 2 * LISTED else "")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}" + ("Z" if value.utcoffset() is not None and not value.utcoffset() else "")
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    return f"{value:g}" if isinstance(value, float) else plain(str(value))


def plain(text: str, longest: int = LONGEST) -> str:
    r"""Return text as one line: what would move the cursor or colour the screen is shown as ``?``.

    Examples
    --------
    >>> plain("M31\x1b[2J\nsecond line")
    'M31?[2J second line'
    """
    cut = text[:longest] + ("…" if len(text) > longest else "")
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(_shown(one) for one in " ".join(cut.split()))


def _shown(one: str) -> str:
    # Cc: control characters; Cf: among them those that turn the direction of writing; Cs: halves of pairs,
    # which no terminal can be sent.
    return "?" if unicodedata.category(one) in ("Cc", "Cf", "Cs") else one


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes; East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def cut(text: str, room: int) -> str:
    """Cut text to so many columns: between words, and a name without any in front, where names are alike.

    Examples
    --------
    >>> cut("no master of this camera", 16)
    'no master of …'
    >>> cut("Dragonfly101/2024-02-20/T1_31_dark.fits", 20)
    '…-20/T1_31_dark.fits'
    """
    if width(text) <= room:
        return text
    if room <= 1:
        return "…"[:room]
    if " " not in text:
        tail = text
        while width(tail) > room - 1:
            tail = tail[1:]
        return "…" + tail
    kept = ""
    for word in text.split(" "):
        longer = f"{kept} {word}" if kept else word
        if width(longer) > room - 2:
            break
        kept = longer
    return f"{kept} …" if kept else "…"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural where it is one; with an s, unless it is given.

    Examples
    --------
    >>> counted(1, "document"), counted(2, "document")
    ('1 document', '2 documents')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
