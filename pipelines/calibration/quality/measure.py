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

from pipelines.calibration.quality.counts import Histograms, Values, pile_up_of
from pipelines.errors import UsageError

Pixels = npt.NDArray[Any]

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
        Fraction of saturated pixels; None where nothing says what saturates.
    full
        Value from which pixels were counted as saturated: the stated one, or a lower one at which they pile up.
    hot
        Pixels further above the pixels around them than the profile's multiple of the noise: a bright middle of a
        vignetted frame has none.
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
    full: float | None
    hot: int
    gradient: float | None
    asymmetry: float | None
    structure: float | None
    structure_sigma: float | None
    undefined: int

    def to_dict(self) -> dict[str, Any]:
        """Return the values as a document keeps them, with seven digits."""
        return {name: float(f"{v:.7g}") if isinstance(v, float) else v for name, v in asdict(self).items()}


def measure(frame: Bands, *, saturation: float | None, hot_sigma: float, colour: bool = False) -> Stats:
    """Measure a frame in one pass.

    Parameters
    ----------
    frame
        Of two axes.
    saturation
        The value from which a pixel is saturated, where one is stated. Where samples pile up at a lower
        largest value, that counts.
    hot_sigma
        Times the noise above the pixels around it at which a pixel is hot.
    colour
        Whether neighbours have other colours: each pixel is then compared with the next of its own, two away,
        and the shape is that of one colour.

    Raises
    ------
    UsageError
        It is no picture, or has not a single number.
    """
    if len(frame.shape) != 2 or 0 in frame.shape:
        raise UsageError(f"a frame of shape {frame.shape} is no picture: it is not measured")
    kept: Histograms | Values = (
        Histograms(frame.dtype) if frame.dtype.kind in "ui" and frame.dtype.itemsize <= 2 else Values(frame)
    )
    apart = 2 if colour else 1
    step = max(1, min(frame.shape) // _SAMPLE)
    step += step % apart  # of one colour only
    every = max(1, frame.shape[0] * frame.shape[1] // _ENOUGH)
    sample = []
    for rows, values in frame.bands():
        some = values[-rows.start % every :: every]
        kept.add(values, _differences(some, apart), _above_around(values))
        sample.append(values[-rows.start % step :: step, ::step])
    level, noise, count = kept.level(), kept.noise(), kept.count()
    if count == 0:
        raise UsageError("not one pixel of the frame is a number: it is not measured")
    shape = _shape(np.concatenate(sample).astype(np.float64), noise)
    full = min([value for value in (saturation, pile_up_of(kept)) if value is not None], default=None)
    return Stats(
        level=level,
        noise=noise,
        saturated=None if full is None else kept.above(full, itself=True) / count,
        full=full,
        # Without noise, as in a frame that is saturated everywhere, nothing stands out.
        hot=kept.sticking_out(hot_sigma * noise) if noise else 0,
        **shape,
        undefined=frame.shape[0] * frame.shape[1] - count,
    )


def _differences(values: Pixels, apart: int) -> Pixels:
    """Return the differences of pixels along a row."""
    wide = values.astype(np.int64) if values.dtype.kind in "ui" else values
    with np.errstate(invalid="ignore"):  # of infinities, which are left out
        found: Pixels = wide[:, apart:] - wide[:, :-apart]
    return found


def _above_around(values: Pixels) -> Pixels:
    """Return by how much each pixel is above the fainter of the two that are two away in its row.

    Two away, for those have its colour, and no charge that ran over; the fainter, for one may be hot too.
    """
    if values.shape[1] < 3:
        return np.zeros(values.shape, np.int32)
    wide = values.astype(np.int32) if values.dtype.kind in "ui" and values.dtype.itemsize <= 2 else values
    padded = np.pad(wide, ((0, 0), (2, 2)), mode="reflect")
    with np.errstate(invalid="ignore"):
        above: Pixels = wide - np.fmin(padded[:, :-4], padded[:, 4:])
    return above


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
