"""Photon transfer: the gain, from how the variance of differences grows with the level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.methods import MAD_TO_SIGMA

#: Fewer pixels in a bin of levels do not count.
_FEWEST = 64
#: Pixels of the bulk that are looked at: they give the noise to 0.2 % a pair.
_BULK = 1 << 17
#: Pixels that change by more than this fraction of their light are hit, or unstable: they tell no gain.
_STEADY = 0.3
#: The slope must exceed its error by this, and the light its share of the noise, for a gain to be believed.
_SURE = 3.0
_SHARE = 0.05
#: A hot pixel is above the others by so many sigmas; when more than a fraction is, it is no hot pixel but light.
_HOT = 20.0
_FEW = 0.05
_HOT_FEWEST = 8
#: Fraction of the hot pixels whose changes are explained, and the sigmas within which samples are kept.
_EXPLAINED = 0.99
_TAIL = 1.25
_KEPT = 4.0


@dataclass(frozen=True, slots=True)
class Pair:
    """The difference of two frames, pixel by pixel.

    Attributes
    ----------
    lower : ndarray
        The lower of the two values: a hit in one frame does not make a pixel look bright.
    levels : ndarray of float32
        Mean of the two, the second weighed by ``ratio^2``: of this the variance is a linear function, and
        noise that raises the difference does not raise it.
    differences : ndarray of float64
        Around zero.
    ratio : float
        Light of the first frame over that of the second, which is taken out of the difference.
    quantum : float
        Step between possible values: 1 of whole numbers, 0 of continuous ones.
    """

    lower: NDArray[Any]
    levels: NDArray[np.float32]
    differences: NDArray[np.float64]
    ratio: float
    quantum: float
    variance: float = field(init=False)
    level: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variance", self.variance_of(self.differences[:: _step(len(self.differences), _BULK)]))
        object.__setattr__(self, "level", float(np.median(self.levels[:: _step(len(self.levels))])))

    def variance_of(self, differences: NDArray[np.float64]) -> float:
        """Variance of one frame, from differences of some pixels."""
        measured = robust_variance(differences, self.quantum) / (1 + self.ratio**2)
        # Differences of noise well below the step are zero: rounding is what is left of it.
        return max(measured, self.quantum**2 / 12)


@dataclass(frozen=True, slots=True)
class Bin:
    """Pixels of about one level."""

    level: float
    variance: float
    pixels: int


def robust_variance(differences: NDArray[np.float64], quantum: float) -> float:
    """Mean square of what lies within 5 robust sigmas of zero."""
    size = np.abs(differences)
    some = size[:: _step(len(size))].copy()
    if quantum:
        # Whole numbers have a MAD in whole numbers: dither makes it continuous.
        some += quantum * (np.random.default_rng(1).random(len(some)) - 0.5)
        np.abs(some, out=some)
    reach = 5 * MAD_TO_SIGMA * float(np.median(some))
    kept = differences[size <= reach]
    # Not a dot product: the threads of BLAS would fight with those at work here.
    return float(np.square(kept).mean()) - float(kept.mean()) ** 2 if len(kept) else 0.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Variance as a function of level.

    Attributes
    ----------
    gain : float or None
        Electrons a unit.
    level, variance : float
        The lowest level there is, and the variance there.
    reason : str or None
        Why there is no gain.
    """

    gain: float | None
    level: float = 0.0
    variance: float = 0.0
    reason: str | None = None


def transfer_bins(pair: Pair) -> list[Bin]:
    """Variance of one frame in bins of level, without the pixels that were hit.

    What is hit is told by a first look at bins of the lower values. Its bins are biased at their edges
    by the noise that moves pixels across them, but by no more than a hit can be told with.
    """
    if not len(pair.levels):
        return []
    width = 8 * math.sqrt(pair.variance)
    edge = float(np.quantile(pair.lower[:: _step(len(pair.lower))], 0.001)) + 1.5 * width
    pixels = _spread(pair.levels, edge)
    lower, levels, differences = pair.lower[pixels], pair.levels[pixels], pair.differences[pixels]
    rough = _bins(pair, lower, differences, edge=edge, width=width)
    first = fit(rough)
    if first.gain is None:
        return rough
    expected = first.variance + np.maximum(lower - np.float64(first.level), 0.0) / first.gain
    clean = np.square(differences) <= 36 * (1 + pair.ratio**2) * expected
    return _bins(pair, levels[clean], differences[clean], edge=edge, width=width)


def _step(size: int, most: int = 1 << 16) -> int:
    return max(1, -(-size // most))


def _spread(levels: NDArray[np.float32], edge: float) -> NDArray[np.intp]:
    """Some of the many pixels below an edge, and all those above it, or very many."""
    bulk = np.arange(0, len(levels), _step(len(levels), _BULK))
    above = np.flatnonzero(levels >= edge)
    return np.concatenate([bulk[levels[bulk] < edge], above[:: _step(len(above), 1 << 19)]])


def _bins(
    pair: Pair, levels: NDArray[Any], differences: NDArray[np.float64], *, edge: float, width: float
) -> list[Bin]:
    """Bins wider than the noise, widening twofold: the first, to `edge`, holds the bulk of a dark."""
    bins: list[Bin] = []
    while len(levels):
        inside = levels < edge
        chosen = differences[inside]
        if len(chosen) >= _FEWEST:
            level = float(levels[inside].mean(dtype=np.float64))
            bins.append(Bin(level, pair.variance_of(chosen), len(chosen)))
        levels, differences = levels[~inside], differences[~inside]
        width *= 2
        edge += width
    return bins


def fit(bins: list[Bin]) -> Transfer:
    """Fit variance = floor + level / gain to bins of one or several pairs."""
    if bins:
        lowest = min(bins, key=lambda item: item.level)
        bins = [
            b for b in bins if b.variance - lowest.variance <= (_STEADY * (b.level - lowest.level)) ** 2 or b is lowest
        ]
    if len({round(item.level) for item in bins}) < 2:
        return Transfer(None, reason="no gain: all pixels are at one level")
    level = np.array([item.level for item in bins])
    variance = np.array([item.variance for item in bins])
    # The variance of a sample variance of normal values is 2 s^4 / n.
    weight = np.array([item.pixels for item in bins]) / (2 * np.maximum(variance, 1e-12) ** 2)
    centre = np.average(level, weights=weight)
    middle = float(np.average(variance, weights=weight))
    spread = float(weight @ (level - centre) ** 2)
    slope = float(weight @ ((level - centre) * variance)) / spread
    residual = variance - middle - slope * (level - centre)
    # Bins that scatter more than their counting allows make the slope as much less certain.
    excess = max(1.0, float(weight @ residual**2) / max(1, len(bins) - 2))
    error = math.sqrt(excess / spread)
    if slope < _SURE * error:
        return Transfer(None, reason=f"no gain: noise does not grow with the level ({slope:.3g} +- {error:.2g} a unit)")
    bottom = float(level.min())
    floor = middle + slope * (bottom - centre)
    if floor <= 0 or slope * float(np.ptp(level)) < _SHARE * floor:
        return Transfer(None, reason="no gain: light adds too little to the noise at the levels there are")
    return Transfer(1 / slope, bottom, float(floor))


def hot_scatter(
    samples: Sequence[NDArray[Any]], noise: float, gain: float | None, *, saturation: float | None
) -> float:
    """Return by which fraction of their signal hot pixels change from frame to frame, beyond photon noise.

    Such that 4 sigma hold 99 % of the changes: telegraph noise and dark current that follows the temperature
    have long tails. What is looked at is how far below its median a pixel falls, for a cosmic ray only adds.
    0 where the bright pixels are not few: then they are no hot pixels but light.

    Parameters
    ----------
    samples : sequence of ndarray
        The same pixels of each frame.
    noise : float
        Of a sample without light.
    """
    flat = [np.ravel(sample) for sample in samples]
    if len(flat) < 2:
        return 0.0
    levels = [float(np.nanmedian(one[:: _step(len(one))])) for one in flat]
    lowest = flat[0] - np.float32(levels[0])
    for one, level in zip(flat[1:], levels[1:], strict=True):
        np.minimum(lowest, one - np.float32(level), out=lowest)
    with np.errstate(invalid="ignore"):
        bright = np.flatnonzero(lowest > _HOT * noise)
    if len(bright) > _FEW * len(lowest):
        return 0.0
    bright = bright[:: _step(len(bright))]
    values = np.array([one[bright] - level for one, level in zip(flat, levels, strict=True)])
    if saturation is not None:
        values = values[:, (values + np.array(levels)[:, np.newaxis] < saturation).all(axis=0)]
    if values.shape[1] < _HOT_FEWEST:
        return 0.0
    middle = np.sort(values, axis=0)[(len(values) - 1) // 2] if len(values) > 2 else values.max(axis=0)
    fallen = middle - values.min(axis=0)
    beyond = np.square(fallen) - 4 * (noise**2 + (middle / gain if gain else 0.0))
    relative = np.sqrt(np.maximum(beyond, 0.0)) / middle
    fall = min(0.5, float(np.quantile(relative, _EXPLAINED)))
    # What falls to 1 - f of its signal has risen by f / (1 - f) before.
    return min(1.0, _TAIL * fall / (1 - fall)) / _KEPT
