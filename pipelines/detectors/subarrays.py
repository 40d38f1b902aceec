"""The subarrays of the MIRI detectors: corner, size and frame time of each.

Corners and sizes are the SUBSTRT1, SUBSTRT2, SUBSIZE1, SUBSIZE2 of the headers:
columns x = 1..1032 and rows y = 1..1024 of the full science frame, counted
from 1, the four reference columns on each side included, the reference output
not. Frame times follow from the row and frame clocks of each subarray (10 us a
clock) in FAST readout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

COLUMNS = 1032
"""Columns of the science frame, x = 1..1032."""

ROWS = 1024
"""Rows of the science frame, y = 1..1024."""

DETECTORS: Mapping[str, int] = MappingProxyType({"MIRIMAGE": 493, "MIRIFULONG": 494, "MIRIFUSHORT": 495})
"""The three detectors and their SCA ids."""


@dataclass(frozen=True, slots=True)
class Subarray:
    """A window on the detector, in full-frame coordinates counted from 1.

    Attributes
    ----------
    name
        The SUBARRAY keyword, ``'GENERIC'`` for a window without a name.
    x, y
        First column and first row (SUBSTRT1, SUBSTRT2).
    nx, ny
        Columns and rows (SUBSIZE1, SUBSIZE2).
    frame_time
        Seconds to read a frame in FAST readout; None where it is not known.
    """

    name: str
    x: int
    y: int
    nx: int
    ny: int
    frame_time: float | None = None

    def __post_init__(self) -> None:
        inside = self.x >= 1 and self.nx >= 1 and self.x + self.nx - 1 <= COLUMNS
        if not (inside and self.y >= 1 and self.ny >= 1 and self.y + self.ny - 1 <= ROWS):
            raise ValueError(
                f"{self.name} of {self.nx} x {self.ny} pixels at x={self.x}, y={self.y} does not lie "
                f"on the detector (x 1..{COLUMNS}, y 1..{ROWS}); check SUBSTRT1/2 and SUBSIZE1/2"
            )

    @property
    def raw_shape(self) -> tuple[int, int]:
        """(rows, columns) of a ground-test frame, the reference output in extra rows on top."""
        return self.ny + self.ny // 4, self.nx

    def covers(self, x: int, y: int) -> bool:
        """Tell whether the pixel at full-frame (x, y) is in this window."""
        return self.x <= x < self.x + self.nx and self.y <= y < self.y + self.ny

    def index(self, x: int, y: int) -> tuple[int, int]:
        """Return row and column, from 0, of the pixel at full-frame (x, y) in this window's arrays.

        Raises
        ------
        ValueError
            The window does not cover the pixel.

        Examples
        --------
        >>> SUBARRAYS['SUB64'].index(1, 779)
        (0, 0)
        """
        if not self.covers(x, y):
            raise ValueError(
                f"{self.name} does not cover the pixel x={x}, y={y}: it holds "
                f"x {self.x}..{self.x + self.nx - 1}, y {self.y}..{self.y + self.ny - 1}"
            )
        return y - self.y, x - self.x


_TABLE = (
    Subarray("FULL", 1, 1, 1032, 1024, 2.77504),
    Subarray("BRIGHTSKY", 457, 51, 512, 512, 0.86528),
    Subarray("SUB256", 413, 51, 256, 256, 0.29952),
    Subarray("SUB128", 1, 889, 136, 128, 0.11904),
    Subarray("SUB64", 1, 779, 72, 64, 0.08512),
    Subarray("SLITLESSPRISM", 1, 529, 72, 416, 0.15904),
    Subarray("MASK1065", 1, 19, 288, 224, 0.23968),
    Subarray("MASK1140", 1, 245, 288, 224, 0.23968),
    Subarray("MASK1550", 1, 467, 288, 224, 0.23968),
    Subarray("MASKLYOT", 1, 717, 320, 304, 0.32400),
    Subarray("ILLUM", 360, 1, 668, 1024),
)

SUBARRAYS: Mapping[str, Subarray] = MappingProxyType({entry.name: entry for entry in _TABLE})
"""Every subarray whose place is known, by name. ILLUM was used in ground tests only."""


def find_subarray(x: int, y: int, nx: int, ny: int) -> Subarray:
    """Find the subarray at a corner, of a size; one named ``'GENERIC'`` when the table has none.

    Size alone does not tell: three coronagraph subarrays are 288 x 224.

    Raises
    ------
    ValueError
        The window does not lie on the detector.

    Examples
    --------
    >>> find_subarray(1, 245, 288, 224).name
    'MASK1140'
    """
    for entry in _TABLE:
        if (entry.x, entry.y, entry.nx, entry.ny) == (x, y, nx, ny):
            return entry
    return Subarray("GENERIC", x, y, nx, ny)
