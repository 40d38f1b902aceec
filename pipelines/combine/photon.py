"""Photon transfer: the gain, from how the variance of differences grows with the level."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Fewer pixels in a bin of levels do not count.
_FEWEST = 64
#: Pixels of the bulk that are looked at: they give the noise to 0.2 % a pair.
_BULK = 1 << 17
#: The slope must exceed its error by this, and the light its share of the noise, for a gain to be believed.
_SURE = 5.0
_SHARE = 0.05


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
        return robust_variance(differences, self.quantum) / (1 + self.ratio**2)


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
    reach = 5 * 1.482602218505602 * float(np.median(some))
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
    edge = float(np.quantile(pair.lower[:: _step(len(pair.lower))], 0.001)) + width
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
    lowest = float(level.min())
    floor = middle + slope * (lowest - centre)
    if floor <= 0 or slope * float(np.ptp(level)) < _SHARE * floor:
        return Transfer(None, reason="no gain: light adds too little to the noise at the levels there are")
    return Transfer(1 / slope, lowest, float(floor))
