"""Photon transfer: the gain, from how the variance of differences grows with the level."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Fewer pixels in a bin of levels do not count.
_FEWEST = 64
#: The slope must exceed its error by this, and the light its share of the noise, for a gain to be believed.
_SURE = 5.0
_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """The difference of two frames, pixel by pixel.

    Attributes
    ----------
    levels : ndarray
        The lower of the two values: a hit in one frame does not make a pixel look bright.
    differences : ndarray of float64
        Around zero.
    ratio : float
        Light of the first frame over that of the second, which is taken out of the difference.
    quantum : float
        Step between possible values: 1 of whole numbers, 0 of continuous ones.
    """

    levels: NDArray[Any]
    differences: NDArray[np.float64]
    ratio: float
    quantum: float
    variance: float = field(init=False)
    level: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variance", self.variance_of(self.differences))
        lower = float(np.median(self.levels[:: max(1, len(self.levels) >> 16)]))
        object.__setattr__(self, "level", lower + self.lowering(self.variance))

    def variance_of(self, differences: NDArray[np.float64]) -> float:
        """Variance of one frame, from differences of some pixels."""
        return robust_variance(differences, self.quantum) / (1 + self.ratio**2)

    def lowering(self, variance: float) -> float:
        """How far the lower of two samples lies under their level, on average: sigma over the root of pi."""
        return math.sqrt(max(variance, 0.0) / math.pi)


@dataclass(frozen=True, slots=True)
class Bin:
    """Pixels of about one level."""

    level: float
    variance: float
    pixels: int


def robust_variance(differences: NDArray[np.float64], quantum: float) -> float:
    """Mean square of what lies within 5 robust sigmas of zero."""
    some = np.abs(differences[:: max(1, len(differences) >> 16)])
    if quantum:
        # Whole numbers have a MAD in whole numbers: dither makes it continuous.
        some += quantum * (np.random.default_rng(1).random(len(some)) - 0.5)
        np.abs(some, out=some)
    reach = 5 * 1.482602218505602 * float(np.median(some))
    kept = differences[np.abs(differences) <= reach]
    return float(np.dot(kept, kept) / len(kept)) - float(kept.mean()) ** 2 if len(kept) else 0.0


def transfer_bins(pair: Pair) -> list[Bin]:
    """Variance of one frame in bins of level, each wider than the noise, so that noise picks no pixels.

    The first holds the bulk of a dark; those above widen twofold.
    """
    sigma = pair.variance**0.5
    low = float(np.quantile(pair.levels[:: max(1, len(pair.levels) // 65536)], 0.001))
    top = float(pair.levels.max())
    bins = []
    rest = np.arange(len(pair.levels))
    levels = pair.levels
    edge, width = low + 8 * sigma, 8 * sigma
    while len(rest):
        inside = levels < edge
        chosen = rest[inside]
        if len(chosen) >= _FEWEST:
            variance = pair.variance_of(pair.differences[chosen])
            bins.append(Bin(float(levels[inside].mean()) + pair.lowering(variance), variance, len(chosen)))
        if edge > top:
            break
        rest, levels = rest[~inside], levels[~inside]
        width *= 2
        edge += width
    return bins


def fit_gain(bins: list[Bin]) -> tuple[float | None, list[str]]:
    """Fit variance = floor + level / gain to bins of several pairs.

    Returns
    -------
    float or None
        Electrons a unit.
    list of str
        Why there is none.
    """
    if len({round(b.level) for b in bins}) < 2 or not bins:
        return None, ["no gain: all pixels are at one level"]
    level = np.array([b.level for b in bins])
    variance = np.array([b.variance for b in bins])
    # The variance of a sample variance of normal values is 2 s^4 / n.
    weight = np.array([b.pixels for b in bins]) / (2 * np.maximum(variance, 1e-12) ** 2)
    centre = np.average(level, weights=weight)
    spread = float(weight @ (level - centre) ** 2)
    slope = float(weight @ ((level - centre) * variance)) / spread
    residual = variance - np.average(variance, weights=weight) - slope * (level - centre)
    # Bins that scatter more than their counting allows make the slope as much less certain.
    excess = max(1.0, float(weight @ residual**2) / max(1, len(bins) - 2))
    error = (excess / spread) ** 0.5
    if slope < _SURE * error:
        return None, [f"no gain: the noise does not grow with the level ({slope:.3g} +- {error:.2g} a unit)"]
    if slope * float(np.ptp(level)) < _SHARE * float(variance.min()):
        return None, ["no gain: light adds too little to the noise at the levels there are"]
    return 1 / slope, []
