"""An image of an archive made as small as its picture: block means, read a band of rows at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import Cube
from pipelines.errors import UsageError
from pipelines.pictures.colour import Mosaic

__all__ = ["Plane", "Reduced", "Window", "plane_of", "reduce"]

Array = npt.NDArray[Any]
Part = tuple[slice, slice]
"""Rows and columns."""

Bad = Callable[[Array, Part], npt.NDArray[np.bool_]]

_BAND = 4_000_000
"""Pixels that are read at a time."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of an image, in indices of its array, from 0; the last ones are not in it."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Its rows and columns."""
        return self.y1 - self.y0, self.x1 - self.x0


@dataclass(frozen=True, slots=True)
class Plane:
    """One image of an array, or a window of it.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns.
    said : str
        Which one it is, where the array has more axes than two.
    bands : callable
        Called with a number of rows, yields which rows and columns of the array, and their pixels, (y, x).
    """

    shape: tuple[int, int]
    said: str
    bands: Callable[[int], Iterator[tuple[Part, Array]]]


@dataclass(frozen=True, slots=True)
class Reduced:
    """An image as small as its picture.

    Attributes
    ----------
    values : ndarray
        (y, x), of a colour sensor (y, x, 3); NaN where no pixel of a block has a value.
    bad : ndarray of bool
        (y, x): whether any pixel of the block is flagged.
    block : int
        Pixels of the image along each side of a block.
    flagged, undefined : int
        Pixels of the image that are flagged, that have no finite value.
    """

    values: Array
    bad: npt.NDArray[np.bool_]
    block: int
    flagged: int
    undefined: int


def plane_of(cube: Cube, window: Window | None = None) -> Plane:
    """Return the image that stands for an array: of ramps the last group of the first integration, else the first.

    Parameters
    ----------
    window : Window, optional
        Only this part of it: no other chunk is read.

    Raises
    ------
    UsageError
        It has fewer than two axes, or no pixels; or the window is not inside it.
    """
    if cube.ndim < 2 or not cube.size:
        raise UsageError(
            f"no picture can be made of an array of shape {cube.shape}: it takes rows and columns of pixels"
        )
    rows, columns = int(cube.shape[-2]), int(cube.shape[-1])
    whole = Window(0, 0, columns, rows)
    part = whole if window is None else window
    if not (0 <= part.x0 < part.x1 <= columns and 0 <= part.y0 < part.y1 <= rows):
        raise UsageError(
            f"no window of {columns} x {rows} pixels has columns {part.x0} to {part.x1 - 1} and "
            f"rows {part.y0} to {part.y1 - 1}, from 0"
        )
    across = slice(part.x0, part.x1)
    if cube.dims[-3:-2] == ("group",):
        picture = cube.quicklook((slice(part.y0, part.y1), across))
        said = "last group" + (" of the first integration" if cube.ndim > 3 else "")
        return Plane(part.shape, said, _bands(part, lambda down: picture[down.start - part.y0 : down.stop - part.y0]))
    lead = (0,) * (cube.ndim - 2)
    named = [name if not name.startswith("axis") else "plane" for name in cube.dims[:-2]]
    said = ", ".join(f"{name} 1 of {length}" for name, length in zip(named, cube.shape[:-2], strict=True))
    return Plane(part.shape, said, _bands(part, lambda down: cube[(*lead, down, across)]))


def _bands(part: Window, read: Callable[[slice], Array]) -> Callable[[int], Iterator[tuple[Part, Array]]]:
    def bands(rows: int) -> Iterator[tuple[Part, Array]]:
        for start in range(part.y0, part.y1, rows):
            down = slice(start, min(start + rows, part.y1))
            yield (down, slice(part.x0, part.x1)), read(down)

    return bands


def reduce(plane: Plane, size: int, *, bad: Bad | None = None, mosaic: Mosaic | None = None) -> Reduced:
    """Reduce an image until its longer side has at most `size` points.

    Memory: some 4 million pixels at a time, and the picture.

    Parameters
    ----------
    bad : callable, optional
        Told a band of pixels, and its rows and columns, it says which are flagged.
    mosaic : Mosaic, optional
        Of a colour sensor: each point gets its three colours from whole squares of four pixels; an odd row or
        column at the end belongs to none.
    """
    block = max(1, -(-max(plane.shape) // size))
    if mosaic is not None:
        block += block % 2
    rows = block * max(1, _BAND // max(1, plane.shape[1] * block))
    values, flags = [], []
    flagged = undefined = 0
    for part, band in plane.bands(rows):
        whole = band.dtype.kind in "iub"  # summed as they are: every integer is a value
        pixels = band if whole else band.astype(np.result_type(band.dtype, np.float32), copy=False)
        there = None if whole else np.isfinite(pixels)
        marked = np.zeros(band.shape, bool) if bad is None else bad(band, part)
        undefined += 0 if there is None else int(there.size - np.count_nonzero(there))
        here = int(np.count_nonzero(marked))
        flagged += here
        if mosaic is not None:
            even = np.s_[: len(band) // 2 * 2, : band.shape[1] // 2 * 2]
            pixels, there, marked = pixels[even], None if there is None else there[even], marked[even]
            if not len(pixels):
                continue
        if there is not None and there.all():
            there = None
        colours = [mosaic.places(one) for one in "RGB"] if mosaic is not None else [[]]
        values.append(np.stack([_mean(pixels, there, block, one) for one in colours], axis=-1))
        flags.append(_sums(marked, block) > 0 if here else np.zeros(values[-1].shape[:2], bool))
    made = np.concatenate(values)
    return Reduced(made if mosaic is not None else made[..., 0], np.concatenate(flags), block, flagged, undefined)


def _mean(pixels: Array, there: Array | None, block: int, places: list[tuple[int, int]]) -> Array:
    """Return the mean of each block, or of the pixels of one colour in it; NaN where none has a value."""
    if places:
        # Colours that lie beside each other are added as images of half the size.
        sums: Any = 0.0
        counts: Any = 0.0
        for row, column in places:
            part, own = pixels[row::2, column::2], None if there is None else there[row::2, column::2]
            sums = sums + _sums(_filled(part, own), block // 2)
            counts = counts + _counts(part.shape, own, block // 2)
    else:
        sums, counts = _sums(_filled(pixels, there), block), _counts(pixels.shape, there, block)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = np.where(counts > 0, sums / counts, np.nan)
    return found


def _filled(pixels: Array, there: Array | None) -> Array:
    return pixels if there is None else np.where(there, pixels, 0)


def _counts(shape: tuple[int, ...], there: Array | None, block: int) -> Array:
    if there is not None:
        return _sums(there, block)
    down, across = (np.minimum(block, side - np.arange(0, side, block)) for side in shape)
    return down[:, None] * across


def _sums(values: Array, block: int) -> Array:
    """Return the sum of each block; those at the upper ends may be smaller."""
    if values.dtype.kind in "bui" and values.dtype.itemsize <= 2:
        total: Any = np.int64 if block > 128 or values.dtype.kind == "i" else np.uint32  # 128 x 128 of 65535 fit
    else:
        total = np.float64 if values.dtype.kind in "ui" else values.dtype
    if block == 1:
        return values.astype(total, copy=False)
    found: Array = _strips(_strips(values, block, total).T, block, total).T
    return found


def _strips(values: Array, block: int, total: Any) -> Array:
    """Return the sums over strips of so many rows; the last may be narrower."""
    full = len(values) // block * block
    sums: Array = np.add.reduce(values[:full].reshape(-1, block, values.shape[1]), axis=1, dtype=total)
    if full == len(values):
        return sums
    rest: Array = np.add.reduce(values[full:], axis=0, dtype=total)
    return np.concatenate([sums, rest[None]])
