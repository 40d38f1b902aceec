"""Colour sensors: which pixel of a square of four is red, green or blue."""

import re
from dataclasses import dataclass

__all__ = ["Mosaic", "mosaic_of"]

_PATTERN = re.compile(r"(RGGB|BGGR|GRBG|GBRG)([+-]\d+)?([+-]\d+)?")


@dataclass(frozen=True, slots=True)
class Mosaic:
    """The colours of a sensor's pixels, as the rows are stored.

    Attributes
    ----------
    pattern : str
        Row by row, of the square that begins with the first stored pixel, such as ``RGGB``.
    """

    pattern: str

    def places(self, colour: str) -> list[tuple[int, int]]:
        """Return row and column of a colour's pixels in the square of four.

        Examples
        --------
        >>> Mosaic("RGGB").places("G")
        [(0, 1), (1, 0)]
        """
        return [(place // 2, place % 2) for place, one in enumerate(self.pattern) if one == colour]


def mosaic_of(stated: object, *, bottom_up: bool = False, rows: int = 0) -> Mosaic | None:
    """Read a pattern as documents have it, with the shift of a window behind it; None where it is none of the four.

    Parameters
    ----------
    stated : object
        Such as ``RGGB`` or ``RGGB+1+0``.
    bottom_up : bool
        The header says ROWORDER BOTTOM-UP: the pattern is that of the displayed picture, whose top row is stored last.
    rows : int
        Rows of the image; of an odd number, the last row begins a square.

    Examples
    --------
    >>> mosaic_of("RGGB+1+0"), mosaic_of("RGGB", bottom_up=True, rows=4), mosaic_of("XTRANS")
    (Mosaic(pattern='GRBG'), Mosaic(pattern='GBRG'), None)
    """
    found = _PATTERN.fullmatch(str(stated).strip().upper()) if stated is not None else None
    if found is None:
        return None
    pattern, across, down = found[1], int(found[2] or 0), int(found[3] or 0)
    if bottom_up:
        down = rows - 1 - down
    square = [pattern[:2], pattern[2:]]
    step = -1 if bottom_up else 1
    return Mosaic(
        "".join(square[(down + step * row) % 2][(across + column) % 2] for row in (0, 1) for column in (0, 1))
    )
