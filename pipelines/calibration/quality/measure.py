"""Measures a frame: level, noise, saturation, hot pixels, shape, and its distance from a master.

A frame is read once, in bands of rows. Of integers of up to 16 bits only histograms are kept, from
which medians and counts follow exactly; of others the frame itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipelines.errors import UsageError

Pixels = npt.NDArray[Any]

_MEDIAN_OF_TWO = 0.6745 * 2**0.5  # median |difference| of two normal values, in standard deviations
_ENOUGH = 2**21  # pixels, about, from which the noise is told: to a thousandth
_SAMPLE = 512  # rows and columns, about, of the picture from which the shape of a frame is told
_BLOCKS = 16  # blocks of that picture along each axis
_SMALLEST = 8  # pixels along each axis of a block that has a median worth the name


class Bands(Protocol):
    """Pixels that are read in bands of rows; `arraystore.Cube` is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def bands(self, rows: int | None = None) -> Iterator[tuple[slice, Pixels]]:
        """Return the rows, and their values, band by band."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What was measured of a frame, in the units of the file.

    Attributes
    ----------
    level
        Median.
    noise
        Standard deviation of a pixel: the differences of neighbours along a row, less their median, have
        a median absolute value of 0.954 times that; of about two million pixels. Gradients and stars
        hardly count; the noise of the sensor's fixed pattern does.
    saturated
        Fraction of saturated pixels; None where the profile does not say what saturates.
    hot
        Pixels further above the level than the profile's multiple of the noise.
    gradient
        Difference from edge to edge of the plane that fits the frame best, along its slope.
    asymmetry
        Root mean square difference between the frame and its mirror image, the larger of the two.
    structure
        How far the brightest block of a sixteenth of the frame in each direction is above the median one.
    structure_sigma
        What noise alone makes of a block's mean.
    undefined
        Pixels that are not numbers.
    """

    level: float
    noise: float
    saturated: float | None
    hot: int
    gradient: float | None
    asymmetry: float | None
    structure: float | None
    structure_sigma: float | None
    undefined: int

    def to_dict(self) -> dict[str, Any]:
        """Return the values as a document keeps them, with seven digits."""
        return {name: float(f"{v:.7g}") if isinstance(v, float) else v for name, v in asdict(self).items()}


def measure(frame: Bands, *, saturation: float | None, hot_sigma: float) -> Stats:
    """Measure a frame in one pass.

    Parameters
    ----------
    frame
        Of two axes.
    saturation
        The value from which a pixel is saturated.
    hot_sigma
        Times the noise above the level at which a pixel is hot.

    Raises
    ------
    UsageError
        It is no picture, or has not a single number.
    """
    if len(frame.shape) != 2 or 0 in frame.shape:
        raise UsageError(f"a frame of shape {frame.shape} is no picture: it is not measured")
    kept: _Histograms | _Values = (
        _Histograms(frame.dtype) if frame.dtype.kind in "ui" and frame.dtype.itemsize <= 2 else _Values(frame)
    )
    step = max(1, min(frame.shape) // _SAMPLE)
    every = max(1, frame.shape[0] * frame.shape[1] // _ENOUGH)
    sample = []
    for rows, values in frame.bands():
        kept.add(values, values[-rows.start % every :: every])
        sample.append(values[-rows.start % step :: step, ::step])
    level, noise, count = kept.level(), kept.noise(), kept.count()
    if count == 0:
        raise UsageError("not one pixel of the frame is a number: it is not measured")
    shape = _shape(np.concatenate(sample).astype(np.float64), noise)
    return Stats(
        level=level,
        noise=noise,
        saturated=None if saturation is None else kept.above(saturation, itself=True) / count,
        # Without noise, as in a frame that is saturated everywhere, nothing stands out.
        hot=kept.above(level + hot_sigma * noise, itself=False) if noise else 0,
        **shape,
        undefined=frame.shape[0] * frame.shape[1] - count,
    )


def distance(
    frame: Bands,
    stats: Stats,
    *,
    master: Bands,
    variance: Bands | None,
    scale: float,
    sigma: float,
    offset: float = 0.0,
) -> float:
    """Return the fraction of pixels that are further than `sigma` from a master.

    Parameters
    ----------
    frame, master, variance
        Of one shape. Pixels that are not numbers in any are left out.
    scale
        What the master's values are multiplied by: 1 for a dark, the level for a normalised flat.

    offset
        What is added to them: the frame's overscan level where the master is without it.

    Raises
    ------
    UsageError
        The shapes differ, or no pixel can be compared.
    """
    if frame.shape != master.shape:
        raise UsageError(f"a frame of shape {frame.shape} cannot be compared with a master of {master.shape}")
    off = compared = 0
    rows = 256
    thick = variance.bands(rows) if variance is not None else None
    for (_, values), (_, expected) in zip(frame.bands(rows), master.bands(rows), strict=True):
        spread = np.float64(stats.noise**2) + (next(thick)[1] * scale**2 if thick is not None else 0.0)
        apart = np.square(values.astype(np.float64) - expected.astype(np.float64) * scale - offset)
        usable = np.isfinite(apart) & np.isfinite(spread)
        off += int(np.count_nonzero((apart > sigma**2 * spread) & usable))
        compared += int(np.count_nonzero(usable))
    if compared == 0:
        raise UsageError("no pixel is a number in both the frame and the master")
    return off / compared


def _shape(sample: Pixels, noise: float) -> dict[str, float | None]:
    """Tell the shape of a frame from means of blocks; nothing of a frame too small for blocks."""
    ny, nx = (min(_BLOCKS, size // _SMALLEST) for size in sample.shape)
    if ny < 2 or nx < 2:
        return dict.fromkeys(("gradient", "asymmetry", "structure", "structure_sigma"))
    height, width = sample.shape[0] // ny, sample.shape[1] // nx
    blocks = sample[: ny * height, : nx * width].reshape(ny, height, nx, width).swapaxes(1, 2)
    grid = _clipped_means(blocks, noise)
    y, x = ((np.arange(n) + 0.5) / n - 0.5 for n in (ny, nx))
    # Even spacing makes the least-squares slopes separate sums.
    down = float((grid * y[:, np.newaxis]).sum() / (nx * (y**2).sum()))
    across = float((grid * x).sum() / (ny * (x**2).sum()))
    mirrored = [float(np.sqrt(np.mean((grid - other) ** 2))) for other in (grid[:, ::-1], grid[::-1])]
    return {
        "gradient": float(np.hypot(down, across)),
        "asymmetry": max(mirrored),
        "structure": float(grid.max() - np.median(grid)),
        "structure_sigma": noise / float(np.sqrt(height * width)),
    }


def _clipped_means(blocks: Pixels, noise: float) -> Pixels:
    """Return the mean of each block, of what lies within 5 sigmas of its median: medians of whole numbers are whole.

    Hot pixels and stars do not count; a block without a number has the median of all.
    """
    flat = blocks.reshape(*blocks.shape[:2], -1)
    flat = np.where(np.isfinite(flat), flat, np.nan)
    whole = np.nanmedian(flat)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of blocks without a number
        middle = np.nanmedian(flat, axis=2, keepdims=True)
    reach = 5 * max(noise, 1e-30) if noise else np.inf
    # A whole number is as good as half a step: the two next to the median are within reach.
    keep = np.abs(flat - middle) <= max(reach, 1.0)
    count = keep.sum(axis=2)
    total = np.where(keep, flat, 0).sum(axis=2)
    found: Pixels = np.where(count > 0, total / np.maximum(count, 1), whole)
    return found


class _Histograms:
    """Counts of values, and of differences between neighbours, of integers of up to 16 bits."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._lowest = int(np.iinfo(dtype).min)
        self._values = np.zeros(2**16, np.int64)
        self._steps = np.zeros(2**17, np.int64)  # of differences, from -65536

    def add(self, values: Pixels, some: Pixels) -> None:
        steps = np.diff(some.astype(np.intp), axis=1) + 2**16
        self._steps += np.bincount(steps.ravel(), minlength=2**17)
        wide = values.astype(np.intp)
        wide -= self._lowest
        self._values += np.bincount(wide.ravel(), minlength=2**16)

    def count(self) -> int:
        return int(self._values.sum())

    def level(self) -> float:
        return _middle(self._values) + self._lowest

    def noise(self) -> float:
        if not self._steps.any():
            return 0.0  # a single column
        slope = round(_middle(self._steps))
        apart = np.zeros(2**17, np.int64)
        apart[: 2**17 - slope] += self._steps[slope:]
        apart[1 : slope + 1] += self._steps[:slope][::-1]
        return _smooth_middle(apart) / _MEDIAN_OF_TWO

    def above(self, limit: float, *, itself: bool) -> int:
        first = limit - self._lowest
        place = int(np.ceil(first)) if itself else int(np.floor(first)) + 1
        return int(self._values[min(max(place, 0), 2**16) :].sum())


class _Values:
    """The numbers of a frame themselves, where there are too many different ones to count."""

    def __init__(self, frame: Bands) -> None:
        self._frame = np.empty(frame.shape, np.float64 if frame.dtype.itemsize > 4 else np.float32)
        self._filled = 0
        self._steps: list[Pixels] = []

    def add(self, values: Pixels, some: Pixels) -> None:
        with np.errstate(invalid="ignore"):  # of infinities, which are left out
            steps = np.diff(some.astype(self._frame.dtype), axis=1)
        self._steps.append(steps[np.isfinite(steps)])
        self._frame[self._filled : self._filled + len(values)] = values
        self._filled += len(values)

    def count(self) -> int:
        return int(np.count_nonzero(np.isfinite(self._frame)))

    def level(self) -> float:
        good = self._frame[np.isfinite(self._frame)]
        return float(np.median(good)) if good.size else float("nan")

    def noise(self) -> float:
        steps = np.concatenate(self._steps)
        return float(np.median(np.abs(steps - np.median(steps)))) / _MEDIAN_OF_TWO if steps.size else 0.0

    def above(self, limit: float, *, itself: bool) -> int:
        with np.errstate(invalid="ignore"):
            return int(np.count_nonzero(self._frame >= limit if itself else self._frame > limit))


def _middle(counts: Pixels) -> float:
    """Median of a histogram: the mean of the two middle values where their number is even."""
    whole = int(counts.sum())
    if whole == 0:
        return float("nan")
    sums = np.cumsum(counts)
    low, high = np.searchsorted(sums, [(whole + 1) // 2, whole // 2 + 1])
    return (int(low) + int(high)) / 2


def _smooth_middle(counts: Pixels) -> float:
    """Median of |differences| as if they were not whole numbers: between the edges of the middle one's bin.

    The bin of a difference d reaches from d - 1/2 to d + 1/2, that of 0 from 0 to 1/2.
    """
    whole = int(counts.sum())
    sums = np.cumsum(counts)
    middle = int(np.searchsorted(sums, whole / 2))
    if middle == 0 and counts[0] == whole:
        return 0.0
    before = int(sums[middle - 1]) if middle else 0
    low, high = (middle - 0.5, middle + 0.5) if middle else (0.0, 0.5)
    return low + (whole / 2 - before) / int(counts[middle]) * (high - low)
