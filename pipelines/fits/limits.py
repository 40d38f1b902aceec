"""Caps that keep an untrusted file bounded in memory and time."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BLOCK", "CARD", "MAX_AXES", "Limits"]

BLOCK = 2880
"""Bytes of a FITS block (FITS 4.0, section 3.1)."""

CARD = 80
"""Bytes of a card, the keyword record of FITS 4.0, section 4.1."""

MAX_AXES = 64
"""Axes an array may have: FITS allows 999, numpy 64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a file is believed before it is refused. All sizes are in bytes.

    Parameters
    ----------
    header
        One header: 36,000 cards.
    headers
        All headers of a file together.
    pixels
        The declared pixels of one HDU.
    expanded
        What a compressed file or image may expand to at most.
    ratio
        How many times its compressed size it may expand to, above `floor`.
        The best deflate can do is 1032 (RFC 1951: 258 bytes for 2 bits);
        exposures stay under 10, blank masks under 400.
    floor
        Expanding to this much is never too much.
    tile
        One decompressed tile, which has to be held in memory.
    trailing
        What may follow the last HDU inside a compressed file.
    """

    header: int = 36_000 * CARD
    headers: int = 360_000 * CARD
    pixels: int = 1 << 36
    expanded: int = 1 << 34
    ratio: int = 500
    floor: int = 1 << 26
    tile: int = 1 << 29
    trailing: int = 1 << 20

    def expansion(self, compressed: int) -> int:
        """Return the bytes that `compressed` bytes may expand to."""
        return min(self.expanded, max(self.floor, compressed * self.ratio))
