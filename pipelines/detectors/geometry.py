"""The JWST detectors: their size, their reference pixels, and the number of every pixel.

Columns and rows count from 1 in the orientation of the science frame, as SUBSTRT1 and SUBSTRT2 do. The number of the
pixel in column x and row y is ``(y - 1) * columns + x``: 1 to 4 194 304 on a detector of 2048 x 2048. MIRI's
detectors have 1032 columns and a fifth, reference, output whose numbers come after them (`numbering`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class PixelOutside(ValueError):
    """No such pixel: a coordinate or a number outside the detector."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """A detector: how large it is, and which of its pixels see no light.

    Attributes
    ----------
    detector, instrument
        As DETECTOR and INSTRUME write them.
    columns, rows
        Of the full science frame, reference pixels included.
    reference
        Reference pixels along each edge of the full frame: (left and right, bottom and top).

    Examples
    --------
    >>> GEOMETRIES["NRCA1"].pixel_id(5, 2)
    2053
    >>> GEOMETRIES["NRCA1"].position(2053)
    (5, 2)
    """

    detector: str
    instrument: str
    columns: int
    rows: int
    reference: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns), as an array of the full frame has them."""
        return self.rows, self.columns

    def pixel_id(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Any:
        """Return the number of the pixel in column `x` and row `y`: int for ints, int64 array for arrays.

        Raises
        ------
        PixelOutside
            A coordinate is outside the detector.
        TypeError
            A coordinate is not an integer.
        """
        column, row = within("x", x, 1, self.columns), within("y", y, 1, self.rows)
        return plain((row - 1) * self.columns + column)

    def position(self, pixel: npt.ArrayLike) -> tuple[Any, Any]:
        """Return (x, y), from 1, of a pixel's number.

        Raises
        ------
        PixelOutside
            Not the number of a pixel of this detector.
        """
        number = within("pixel_id", pixel, 1, self.columns * self.rows) - 1
        return plain(number % self.columns + 1), plain(number // self.columns + 1)

    def is_reference(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Any:
        """Tell whether the pixel in column `x` and row `y` is a reference pixel, which sees no light."""
        column, row = within("x", x, 1, self.columns), within("y", y, 1, self.rows)
        sides, ends = self.reference
        answer = (column <= sides) | (column > self.columns - sides) | (row <= ends) | (row > self.rows - ends)
        return bool(answer) if answer.ndim == 0 else answer

    def holds(self, x: int, y: int, nx: int, ny: int) -> bool:
        """Tell whether a window lies on the detector: first column and row, from 1, and its size."""
        return x >= 1 and y >= 1 and nx >= 1 and ny >= 1 and x + nx - 1 <= self.columns and y + ny - 1 <= self.rows


def _miri(detector: str) -> Geometry:
    return Geometry(detector, "MIRI", 1032, 1024, (4, 0))


def _h2rg(detector: str, instrument: str) -> Geometry:
    return Geometry(detector, instrument, 2048, 2048, (4, 4))


_NIRCAM = ("NRCA1", "NRCA2", "NRCA3", "NRCA4", "NRCALONG", "NRCB1", "NRCB2", "NRCB3", "NRCB4", "NRCBLONG")

GEOMETRIES: Mapping[str, Geometry] = MappingProxyType(
    {
        geometry.detector: geometry
        for geometry in (
            *map(_miri, ("MIRIMAGE", "MIRIFULONG", "MIRIFUSHORT")),
            *(_h2rg(name, "NIRCAM") for name in _NIRCAM),
            *(_h2rg(name, "NIRSPEC") for name in ("NRS1", "NRS2")),
            _h2rg("NIS", "NIRISS"),
            *(_h2rg(name, "FGS") for name in ("GUIDER1", "GUIDER2")),
        )
    }
)
"""Every detector by name."""

ALIASES: Mapping[str, str] = MappingProxyType({"NRCA5": "NRCALONG", "NRCB5": "NRCBLONG"})
"""Other names in use, and the one of the headers."""


def within(what: str, value: npt.ArrayLike, low: int, high: int) -> Ints:
    """Return `value` as int64.

    Raises
    ------
    PixelOutside
        An element is outside low..high; the message names the first.
    TypeError
        It is not of integers.
    """
    array = np.asarray(value)
    if array.size == 0:
        return array.astype(np.int64)
    outside: npt.NDArray[np.bool_]
    if array.dtype.kind in "iu":
        outside = ((array < low) | (array > high)).ravel()
    elif array.dtype == object:  # Python ints beyond 64 bit arrive so
        outside = np.asarray([not low <= _whole(what, item) <= high for item in array.ravel().tolist()], bool)
    else:
        raise TypeError(f"{what} is of type {array.dtype}; give an integer, or an array of integers")
    if outside.any():
        first = array.ravel()[int(np.argmax(outside))]
        raise PixelOutside(f"{what} = {first} does not exist; it runs from {low} to {high}")
    return array.astype(np.int64)


def _whole(what: str, item: object) -> int:
    if isinstance(item, bool) or not isinstance(item, int):
        raise TypeError(f"{what} is {item!r}; give an integer, or an array of integers")
    return item


def plain(array: Ints) -> Any:
    """Return an int for an array without axes."""
    return int(array) if array.ndim == 0 else array
