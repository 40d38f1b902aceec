"""Telegraph noise: pixels whose samples have two levels, and how often they go from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]

#: Levels are two when they are so many sigmas of a sample apart, and samples scatter around them by no more than this.
_APART, _SCATTER = 5.0, 1.5
#: Fewest samples of a pixel, and of a level.
_FEWEST, _LEVEL = 8, 2
#: Frames further apart than so many usual intervals tell nothing of what happened between them.
_PAUSE = 5.0
#: With no memory from frame to frame a pixel changes level in 2 f (1 - f) of all steps: it must do so less often.
_MEMORY = 0.7


@dataclass(frozen=True, slots=True)
class TwoLevels:
    """What the samples of some pixels say, arrays (pixels,); NaN where two levels are not resolved.

    Attributes
    ----------
    low, high : ndarray
        The levels, in the units of the samples.
    share : ndarray
        Fraction of the samples at the high level.
    rate : ndarray
        Sum of the rates up and down, 1/s; NaN also where a pixel forgets its level from frame to frame.
    """

    low: Plane
    high: Plane
    share: Plane
    rate: Plane


def two_levels(samples: NDArray[Any], noise: NDArray[Any], times: NDArray[Any]) -> TwoLevels:
    """Divide the samples of each pixel into two levels, where that explains them.

    The division has the least squares around its two means. A pixel that stays at a level for a time of
    1 / rate is at the other one after t with the probability ``2 f (1 - f) (1 - exp(-rate t))`` (Machlup 1954, J.
    Appl. Phys. 25, 341).

    Parameters
    ----------
    samples : ndarray
        (frames, pixels), in the order of time; NaN where there is none.
    noise : ndarray
        Of a sample of a steady pixel, (pixels,).
    times : ndarray
        Of the frames, s; NaN where it is not known.
    """
    count, pixels = samples.shape
    empty = np.full(pixels, np.nan)
    if count < _FEWEST:
        return TwoLevels(empty, empty.copy(), empty.copy(), empty.copy())
    filled = np.where(np.isfinite(samples), samples, np.nanmedian(samples, axis=0))
    ordered = np.sort(filled - np.median(filled, axis=0), axis=0)
    sums, squares = np.cumsum(ordered, axis=0), np.cumsum(ordered**2, axis=0)
    below = np.arange(_LEVEL, count - _LEVEL + 1)[:, np.newaxis]
    lower, upper = sums[below[:, 0] - 1], sums[-1] - sums[below[:, 0] - 1]
    left = squares[-1] - lower**2 / below - upper**2 / (count - below)
    best = np.argmin(left, axis=0)
    each = np.arange(pixels)
    number = below[best, 0]
    low, high = lower[best, each] / number, upper[best, each] / (count - number)
    scatter = np.sqrt(np.maximum(left[best, each], 0) / (count - 2))
    found = (high - low > _APART * noise) & (scatter < _SCATTER * noise)
    middle = np.median(filled, axis=0)
    up = filled - middle > (low + high) / 2
    share = 1 - number / count
    return TwoLevels(
        np.where(found, low + middle, np.nan),
        np.where(found, high + middle, np.nan),
        np.where(found, share, np.nan),
        np.where(found, _rates(up, share, times), np.nan),
    )


def _rates(up: NDArray[np.bool_], share: Plane, times: NDArray[Any]) -> Plane:
    steps = np.diff(times)
    usual = np.nanmedian(steps[steps > 0]) if (steps > 0).any() else np.nan
    near = (steps > 0) & (steps < _PAUSE * usual)
    if near.sum() < _FEWEST - 1:
        return np.full(up.shape[1], np.nan)
    changes = (up[1:] != up[:-1])[near].mean(axis=0)
    random = 2 * share * (1 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = -np.log1p(-changes / random) / float(steps[near].mean())
    return np.where((changes > 0) & (changes < _MEMORY * random), rate, np.nan)
