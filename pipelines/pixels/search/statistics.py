"""Statistics of pixels along time: centre and scatter, two levels, change. Plain numpy, a block of pixels at once.

Values are (time, y, x), NaN where a slope is missing; the missing are left out, and a pixel with too few is
not judged: its statistics are NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.combine.methods import MAD_TO_SIGMA

Floats = npt.NDArray[np.floating]
Counts = npt.NDArray[np.int32]

MEDIAN_VARIANCE = np.pi / 2
"""Variance of the median of n normal values, times n and over their variance, for large n."""


def centre(values: Floats) -> Floats:
    """Median along time, (y, x); NaN without any value."""
    # By a sort, which puts NaN last: nanmedian says NaN of an empty pixel with a warning, and warnings are
    # switched for all threads at once.
    ordered = np.sort(values, axis=0)
    n = np.isfinite(ordered).sum(axis=0)[np.newaxis]
    lower = np.take_along_axis(ordered, np.maximum(n - 1, 0) // 2, axis=0)[0]
    upper = np.take_along_axis(ordered, np.minimum(n // 2, len(values) - 1), axis=0)[0]
    found: Floats = (lower + upper) / 2
    return found


def scatter(values: Floats, middle: Floats, floor: Floats) -> Floats:
    """Robust standard deviation along time, (y, x): 1.4826 times the median absolute deviation.

    Of n values it comes out too small by about (n - 0.8) / n, which is taken out (Croux & Rousseeuw 1992,
    COMPSTAT, for n > 9), and it is never below `floor`, the median of the quoted errors: a few values that
    happen to agree do not make a pixel quiet.
    """
    n = np.isfinite(values).sum(axis=0)
    deviation = MAD_TO_SIGMA * centre(np.abs(values - middle))
    corrected = deviation * np.where(n > 1, n / np.maximum(n - 0.8, 0.2), np.nan)
    found: Floats = np.fmax(corrected, floor)
    return np.where(found > 0, found, np.nan)


@dataclass(frozen=True, slots=True)
class Outliers:
    """How far each pixel strays above its own history; arrays (y, x).

    Attributes
    ----------
    count : ndarray of int32
        Integrations above the threshold.
    median, sigma : ndarray
        Centre and scatter of the history.
    largest : ndarray
        The largest deviation, in sigma.
    when : ndarray of int32
        The integration of the largest deviation, from 0; -1 where nothing is above.
    """

    count: Counts
    median: Floats
    sigma: Floats
    largest: Floats
    when: Counts


def outliers(values: Floats, errors: Floats, *, sigmas: float, least: int) -> Outliers:
    """Compare each slope of a pixel with the median and robust scatter of all its slopes.

    Parameters
    ----------
    values, errors : ndarray
        Slopes and their quoted errors, (time, y, x).
    sigmas : float
        The threshold.
    least : int
        Fewest slopes by which a pixel is judged.
    """
    middle = centre(values)
    sigma = scatter(values, middle, centre(errors))
    judged = np.isfinite(values).sum(axis=0) >= least
    sigma = np.where(judged, sigma, np.nan)
    with np.errstate(invalid="ignore"):
        deviation = (values - middle) / sigma
        above = deviation > sigmas
    count = above.sum(axis=0, dtype=np.int32)
    filled = np.where(np.isfinite(deviation), deviation, -np.inf)
    when = np.where(count > 0, filled.argmax(axis=0), -1).astype(np.int32)
    largest = np.where(judged, filled.max(axis=0), np.nan)
    return Outliers(count, middle, sigma, largest, when)


@dataclass(frozen=True, slots=True)
class Shift:
    """The change of each pixel's level between two spans of time; arrays (y, x).

    ``sigma`` is the error of ``after - before``, from the scatter within each span.
    """

    before: Floats
    after: Floats
    sigma: Floats


def shift(before: Floats, before_errors: Floats, after: Floats, after_errors: Floats, *, least: int) -> Shift:
    """Compare the medians of two spans; the error of each is that of the median of its values."""
    levels, variances = [], []
    for values, errors in ((before, before_errors), (after, after_errors)):
        middle = centre(values)
        n = np.isfinite(values).sum(axis=0)
        spread = scatter(values, middle, centre(errors))
        levels.append(np.where(n >= least, middle, np.nan))
        variances.append(MEDIAN_VARIANCE * spread**2 / np.maximum(n, 1))
    return Shift(levels[0], levels[1], np.sqrt(variances[0] + variances[1]))


@dataclass(frozen=True, slots=True)
class TwoLevels:
    """The best split of each pixel's slopes into a low and a high level; arrays (y, x).

    Attributes
    ----------
    low, high : ndarray
        Means of the two levels.
    separation : ndarray
        Ashman's D: the distance of the levels over the root mean square of their two scatters.
    duty : ndarray
        Fraction of the slopes at the high level.
    switches : ndarray of int32
        How often the slope goes from one level to the other, in order of time.
    """

    low: Floats
    high: Floats
    separation: Floats
    duty: Floats
    switches: Counts


def two_levels(values: Floats, errors: Floats, *, occupancy: float, least: int) -> TwoLevels:
    """Split each pixel's slopes into two levels, and say how clearly they are two.

    The split is Otsu's (1979, IEEE Trans. Syst. Man Cybern. 9, 62): of the sorted values, the one with the largest
    variance between its parts. How clear it is, is the D of Ashman, Bird & Zepf (1994, AJ 108, 2348), which
    they hold for separate above 2; but the best split of n values that have only one level has itself a D of
    about 2.65, and more by chance when n is small, so a search asks for more. The quoted errors are the
    floor of both scatters.

    Parameters
    ----------
    values, errors : ndarray
        Slopes and their quoted errors, (time, y, x), in order of time.
    occupancy : float
        Least fraction of the slopes that each level holds, and at least two of them: a single deviation
        is not a level.
    least : int
        Fewest slopes by which a pixel is judged.
    """
    times = values.shape[0]
    ordered = np.sort(values.astype(np.float64), axis=0)  # NaN last
    finite = np.isfinite(ordered)
    n = finite.sum(axis=0)
    filled = np.where(finite, ordered, 0)
    sums = np.cumsum(filled, axis=0)
    total = sums[-1]
    fewest = np.maximum(2, np.ceil(occupancy * n))
    best = np.full(n.shape, -np.inf)
    split = np.zeros(n.shape, np.int64)
    for k in range(2, times - 1):  # k values below
        allowed = (k >= fewest) & (n - k >= fewest)
        rest = np.maximum(n - k, 1)
        between = np.where(allowed, k * rest * (sums[k - 1] / k - (total - sums[k - 1]) / rest) ** 2, -np.inf)
        better = between > best
        best = np.where(better, between, best)
        split = np.where(better, k, split)
    judged = (n >= least) & (split > 0)
    below = np.maximum(split, 1)
    at = np.maximum(below - 1, 0)[np.newaxis]
    low = np.take_along_axis(sums, at, 0)[0] / below
    above = np.maximum(n - below, 1)
    high = (total - low * below) / above
    edge = np.take_along_axis(ordered, at, 0)[0]  # the largest of the low level
    is_low = ordered <= edge
    floor = np.nan_to_num(centre(errors)) ** 2
    low_variance = (np.where(is_low & finite, ordered - low, 0) ** 2).sum(axis=0) / np.maximum(below - 1, 1)
    high_variance = (np.where(~is_low & finite, ordered - high, 0) ** 2).sum(axis=0) / np.maximum(above - 1, 1)
    noise = np.sqrt((np.maximum(low_variance, floor) + np.maximum(high_variance, floor)) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        separation = np.where(judged, (high - low) / noise, np.nan)
    return TwoLevels(
        low=np.where(judged, low, np.nan),
        high=np.where(judged, high, np.nan),
        separation=separation,
        duty=np.where(judged, above / np.maximum(n, 1), np.nan),
        switches=np.where(judged, _switches(values, edge), 0).astype(np.int32),
    )


def _switches(values: Floats, edge: Floats) -> Counts:
    """Count the passages across `edge` in order of time; a missing value is passed over."""
    count = np.zeros(edge.shape, np.int32)
    state = np.zeros(edge.shape, np.int8)  # 0 not known yet, 1 low, 2 high
    for moment in values:
        now = np.where(np.isfinite(moment), np.where(moment > edge, 2, 1), 0)
        count += (now > 0) & (state > 0) & (now != state)
        state = np.where(now > 0, now, state)
    return count
