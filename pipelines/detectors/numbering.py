"""The number of every detector pixel: pixel_id <-> (x, y) <-> reference output, by arithmetic.

A detector has 1032 x 1024 science pixels and a fifth, reference, output that
gives one value for every four columns of a row. Numbers count from 1:

* science pixels, row by row: ``(y - 1) * 1032 + x``, 1 .. 1 056 768;
* the reference output, column by column, after them:
  ``1 056 769 + k * 1024 + (y - 1)`` with ``k = (x - 1) // 4 = 0..257``, up to 1 320 960.

The three detectors share the numbers. Every function takes a plain int and
gives one, or takes integer arrays (broadcast against each other) and gives
int64 arrays. These are the numbers of the MIRI Pixel Database.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import numpy.typing as npt

from pipelines.detectors.geometry import plain, within
from pipelines.detectors.subarrays import COLUMNS, ROWS, Subarray

SCIENCE_PIXELS = COLUMNS * ROWS
"""Last number of a science pixel, 1 056 768."""

REFOUT_COLUMNS = COLUMNS // 4
"""Values of the reference output in a row, 258."""

ALL_PIXELS = SCIENCE_PIXELS + REFOUT_COLUMNS * ROWS
"""Last number of all, 1 320 960."""

Ints = npt.NDArray[np.int64]


@overload
def pixel_id(x: int, y: int) -> int: ...
@overload
def pixel_id(x: npt.ArrayLike, y: npt.ArrayLike) -> Any: ...
def pixel_id(x: npt.ArrayLike, y: npt.ArrayLike) -> Any:
    """Return the number of the science pixel in column `x` (1..1032) and row `y` (1..1024).

    Raises
    ------
    PixelOutside
        A coordinate is outside the detector.
    TypeError
        A coordinate is not an integer.

    Examples
    --------
    >>> pixel_id(1, 779)
    802897
    """
    column, row = within("x", x, 1, COLUMNS), within("y", y, 1, ROWS)
    return plain((row - 1) * COLUMNS + column)


@overload
def position(pixel: int) -> tuple[int, int]: ...
@overload
def position(pixel: npt.ArrayLike) -> tuple[Any, Any]: ...
def position(pixel: npt.ArrayLike) -> tuple[Any, Any]:
    """Return (x, y), from 1, of a science pixel's number.

    Raises
    ------
    PixelOutside
        Not the number of a science pixel; `refout_position` takes those of the reference output.
    """
    number = within("science pixel_id", pixel, 1, SCIENCE_PIXELS) - 1
    return plain(number % COLUMNS + 1), plain(number // COLUMNS + 1)


@overload
def refout_id(k: int, y: int) -> int: ...
@overload
def refout_id(k: npt.ArrayLike, y: npt.ArrayLike) -> Any: ...
def refout_id(k: npt.ArrayLike, y: npt.ArrayLike) -> Any:
    """Return the number of value `k` (0..257, for columns 4k+1 .. 4k+4) of the reference output in row `y`.

    Raises
    ------
    PixelOutside
        `k` or `y` is outside the detector.
    """
    index, row = within("reference output k", k, 0, REFOUT_COLUMNS - 1), within("y", y, 1, ROWS)
    return plain(SCIENCE_PIXELS + index * ROWS + row)


@overload
def refout_position(pixel: int) -> tuple[int, int]: ...
@overload
def refout_position(pixel: npt.ArrayLike) -> tuple[Any, Any]: ...
def refout_position(pixel: npt.ArrayLike) -> tuple[Any, Any]:
    """Return (k, y) of a reference-output number: k from 0, row y from 1.

    Raises
    ------
    PixelOutside
        Not a number of the reference output.
    """
    number = within("reference output pixel_id", pixel, SCIENCE_PIXELS + 1, ALL_PIXELS) - SCIENCE_PIXELS - 1
    return plain(number // ROWS), plain(number % ROWS + 1)


@overload
def refout_for(x: int, y: int) -> int: ...
@overload
def refout_for(x: npt.ArrayLike, y: npt.ArrayLike) -> Any: ...
def refout_for(x: npt.ArrayLike, y: npt.ArrayLike) -> Any:
    """Return the number of the reference-output value read together with the science pixel (x, y)."""
    column = within("x", x, 1, COLUMNS)
    return refout_id((column - 1) // 4, y)


@overload
def raw_position(pixel: int) -> tuple[int, int]: ...
@overload
def raw_position(pixel: npt.ArrayLike) -> tuple[Any, Any]: ...
def raw_position(pixel: npt.ArrayLike) -> tuple[Any, Any]:
    """Return (row, column), from 1, of any number in a raw ground-test frame of 1280 rows of 1032.

    There the reference output fills 256 rows on top of the science rows.
    """
    number = within("pixel_id", pixel, 1, ALL_PIXELS) - 1
    return plain(number // COLUMNS + 1), plain(number % COLUMNS + 1)


def is_refout(pixel: npt.ArrayLike) -> Any:
    """Tell whether a number belongs to the reference output (bool, or an array of bool)."""
    number = within("pixel_id", pixel, 1, ALL_PIXELS)
    answer = number > SCIENCE_PIXELS
    return bool(answer) if answer.ndim == 0 else answer


def is_reference_column(x: npt.ArrayLike) -> Any:
    """Tell whether column `x` holds reference pixels, which see no light: 1..4 and 1029..1032."""
    column = within("x", x, 1, COLUMNS)
    answer = (column <= 4) | (column > COLUMNS - 4)
    return bool(answer) if answer.ndim == 0 else answer


def science_ids(window: Subarray) -> Ints:
    """Return the numbers of a window's science pixels, shape (ny, nx): SCI[..., i, j] has the one at [i, j].

    Examples
    --------
    >>> from pipelines.detectors.geometry import PixelOutside, plain, within
    from pipelines.detectors.subarrays import SUBARRAYS
    >>> ids = science_ids(SUBARRAYS['SUB64'])
    >>> int(ids[0, 0]), int(ids[-1, -1])
    (802897, 867984)
    """
    rows = np.arange(window.y, window.y + window.ny, dtype=np.int64)[:, np.newaxis]
    columns = np.arange(window.x, window.x + window.nx, dtype=np.int64)
    ids: Ints = pixel_id(columns, rows)
    return ids


def refout_ids(window: Subarray) -> Ints:
    """Return the numbers of a window's reference output, shape (ny, nx // 4), as REFOUT[..., i, m]."""
    rows = np.arange(window.y, window.y + window.ny, dtype=np.int64)[:, np.newaxis]
    first = (window.x - 1) // 4
    ids: Ints = refout_id(np.arange(first, first + window.nx // 4, dtype=np.int64), rows)
    return ids
