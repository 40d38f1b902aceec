"""Overscan and trim: the level a camera adds to every pixel, per amplifier, and what of a frame is picture.

Extra columns beside the picture follow the level from row to row: each row has its own, a clipped mean,
smoothed only as far as it needs to be known to a tenth of the read noise. Extra rows above or below it
give one value: their columns show the fixed pattern of the picture, which is the work of the bias. Nor do they follow
what changes: of six biases of IDS (INT) the first 30 columns are 3.4 ADU above the others in every one, and in the
one that was settling they slope by 0.9 ADU more than in the others, where the picture slopes by 0.5 along its columns,
and by 1.7 along its rows, of which extra rows say nothing. Such a frame is found when it is held out.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipelines.calibration.masters.geometry import Amplifier, Geometry, Section
from pipelines.combine.methods import MAD_TO_SIGMA
from pipelines.errors import UsageError

__all__ = ["Overscan", "measure_overscan"]

Values = npt.NDArray[np.float64]


CLIP = 5.0
"""Robust sigmas (MAD) within which a sample of the overscan counts: hits and bad columns are beyond."""

KNOWN = 100
"""Samples that make a level: it is known to a tenth of the noise of one."""


class Frame(Protocol):
    """A frame that gives its rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def read(self, start: int, stop: int) -> npt.NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class Overscan:
    """The overscan of a frame, as it is taken from its picture.

    Attributes
    ----------
    level : float
        Mean over the picture, in units of the frame.
    parts : tuple
        For each amplifier its rows and columns in the picture, and its level there: an array that
        broadcasts over them.
    shape : (int, int)
        Of the picture.
    """

    level: float
    parts: tuple[tuple[Section, Values], ...]
    shape: tuple[int, int]

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the level of each pixel of some rows of the picture."""
        rows = np.empty((stop - start, self.shape[1]))
        for (down, across), level in self.parts:
            low, high = max(start, down.start), min(stop, down.stop)
            if low < high:
                part = level[low - down.start : high - down.start] if level.shape[0] > 1 else level
                rows[low - start : high - start, across] = part
        return rows


def measure_overscan(frame: Frame, geometry: Geometry) -> Overscan:
    """Measure the overscan of a raw frame, amplifier by amplifier.

    Raises
    ------
    UsageError
        An overscan has no valid pixel, or the frame none.
    """
    if not geometry.has_overscan:
        raise UsageError("the frame states no overscan for each of its amplifiers")
    parts, levels, sizes = [], [], []
    for amplifier in geometry.amplifiers:
        if amplifier.bias is None:  # has_overscan says it is not
            continue
        rows, columns = amplifier.bias
        values = np.ma.filled(frame.read(rows.start, rows.stop)[:, columns].astype(np.float64), np.nan)
        level = _level(values, amplifier)
        place = _placed(amplifier.data, geometry)
        parts.append((place, level))
        levels.append(float(level.mean()))
        sizes.append((place[0].stop - place[0].start) * (place[1].stop - place[1].start))
    return Overscan(float(np.average(levels, weights=sizes)), tuple(parts), geometry.trimmed)


def _level(values: Values, amplifier: Amplifier) -> Values:
    """Level of an amplifier over its picture: (rows, 1), (1, columns) or (1, 1)."""
    (rows, columns), (down, across) = amplifier.bias or amplifier.data, amplifier.data
    beside = columns.stop <= across.start or columns.start >= across.stop
    below = rows.stop <= down.start or rows.start >= down.stop
    if beside and not below:
        profile = _profile(values)
        return profile[np.clip(np.arange(down.start, down.stop) - rows.start, 0, len(profile) - 1), None]
    return np.full((1, 1), _clipped_mean(values))


def _profile(values: Values) -> Values:
    """Level of each row, smoothed as far as it must be."""
    middle = np.median(values, axis=1, keepdims=True) if np.isfinite(values).all() else _nanmedian(values)
    apart = np.abs(values - middle)
    finite = apart[np.isfinite(apart)]
    if not finite.size:
        raise UsageError("the overscan has no valid pixel")
    # Whole numbers can have a MAD of 0: one unit is always within reach.
    good = apart <= CLIP * MAD_TO_SIGMA * np.median(finite) + 1
    count = good.sum(axis=1)
    total = np.where(good, values, 0.0).sum(axis=1)
    width = min(len(total), max(1, -(-KNOWN // values.shape[1]) // 2 * 2 + 1))
    smooth, samples = _running(total, width), _running(count.astype(np.float64), width)
    known = samples > 0
    if not known.any():
        raise UsageError("the overscan has no valid pixel")
    profile: Values = np.interp(np.arange(len(total)), np.flatnonzero(known), smooth[known] / samples[known])
    return profile


def _running(values: Values, width: int) -> Values:
    """Sum over a window, which narrows towards the ends: evenly, so that a slope is no error there."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    half = np.minimum(width // 2, np.minimum(place, len(values) - 1 - place))
    low, high = place - half, place + half + 1
    found: Values = total[high] - total[low]
    return found


def _nanmedian(values: Values) -> Values:
    filled = np.where(np.isfinite(values), values, np.nan)
    empty = ~np.isfinite(filled).any(axis=1)
    filled[empty] = 0.0
    found: Values = np.nanmedian(filled, axis=1, keepdims=True)
    found[empty] = np.nan
    return found


def _clipped_mean(values: Values) -> float:
    """Mean of what lies within `CLIP` robust sigmas of the median."""
    flat = values[np.isfinite(values)]
    if not flat.size:
        raise UsageError("the overscan has no valid pixel")
    apart = np.abs(flat - np.median(flat))
    return float(flat[apart <= CLIP * MAD_TO_SIGMA * np.median(apart) + 1].mean())


def _placed(data: Section, geometry: Geometry) -> Section:
    """Return where the picture of an amplifier lies once the frame is trimmed."""
    down, across = data
    top, left = int(np.searchsorted(geometry.rows, down.start)), int(np.searchsorted(geometry.columns, across.start))
    return slice(top, top + down.stop - down.start), slice(left, left + across.stop - across.start)
