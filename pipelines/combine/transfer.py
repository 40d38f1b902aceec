"""The photon transfer curve: variance against level over pairs of frames of many exposure times.

Photons give ``variance = read_noise^2 + signal / gain`` (Janesick 2007, Photon Transfer), until pixels are full and the
variance falls. As EMVA 1288 does, the gain is the slope of a line, all levels alike, through the levels up to 70 % of
where that happens (through all where no pair comes near), and linearity is told by a line through the levels of
exposure times from 5 to 95 % of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.photon import robust_variance

#: Fewer pixels give no variance worth the name.
_FEWEST = 256
#: Fraction of the full well up to which levels tell the gain; and from and up to which they tell linearity.
_LINEAR = 0.7
_LOW, _HIGH = 0.05, 0.95
#: The variance has turned when it is below its largest by this factor, at a level above that of the largest.
_TURNED, _ABOVE = 0.9, 1.02
#: A pair with more than this fraction of saturated pixels tells nothing but that the well is full.
_CLIPPED = 0.001
#: Points further than this from the curve, in robust relative sigmas and at least as a fraction, are left out.
_OUTLIER, _LEAST = 5.0, 0.02
#: From the lowest to the highest sample of a pixel without light, in sigmas, from which it is unstable.
_WIDE = 8.0
#: Levels of one exposure time that differ by more are of light that was not constant.
_STEADY = 0.01

Pixels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Point:
    """What one pair of frames says.

    Attributes
    ----------
    level : float
        Signal above the dark, in the units of the frames.
    variance : float
        Of one sample at that level.
    clipped : float
        Fraction of its pixels that are saturated.
    exptime : float or None
        Seconds.
    used : bool
        Whether it has a part in the gain.
    """

    level: float
    variance: float
    clipped: float = 0.0
    exptime: float | None = None
    used: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """What the points of one detector, or amplifier, say together.

    Attributes
    ----------
    points : tuple of Point
        By level.
    gain, gain_error : float or None
        Electrons a unit, and its standard error by the scatter of the points.
    read_noise : float or None
        Units: of pairs without light, quantisation included; where there are none, what the curve says.
    full_well : float or None
        Level above the dark from which pixels are full; None where no pair reaches it.
    linearity : float or None
        Largest departure from a line of level against exposure time, a fraction of the level.
    reasons : tuple of str
        What could not be told, and why.
    """

    points: tuple[Point, ...]
    gain: float | None = None
    gain_error: float | None = None
    read_noise: float | None = None
    full_well: float | None = None
    linearity: float | None = None
    reasons: tuple[str, ...] = ()


def pair_point(
    first: Pixels,
    second: Pixels,
    dark: Pixels | float,
    *,
    step: float,
    saturation: float | None = None,
    colour: bool = False,
    exptime: float | None = None,
) -> Point | str:
    """Return the point of a pair of frames of about equal level, or why there is none.

    Unstable and hit pixels have no part in it: what is beyond 5 robust sigmas is left out. What is smooth, a slope
    of the light, is taken out by differences of neighbours.

    Parameters
    ----------
    first, second : ndarray
        Rows and columns of one place of both, as read; NaN where they are bad.
    dark : ndarray or float
        The same place without light.
    step : float
        Between possible values.
    saturation : float, optional
        Value from which samples are saturated.
    colour : bool
        Whether neighbours have other colours.
    exptime : float, optional
        Of both, s.
    """
    clipped = 0.0
    if saturation is not None:
        clipped = float(np.mean((first >= saturation) | (second >= saturation)))
    one, two = np.subtract(first, dark, dtype=np.float64), np.subtract(second, dark, dtype=np.float64)
    lag = 2 if colour else 1
    finite = np.isfinite(one) & np.isfinite(two)
    if finite.sum() < _FEWEST or one.shape[1] <= lag:
        return f"only {int(finite.sum())} pixels are valid in both"
    levels = float(np.median(one[finite])), float(np.median(two[finite]))
    ratio = levels[0] / levels[1] if min(levels) > 10 * step else 1.0
    if not 0.8 <= ratio <= 1.25:
        return f"their light differs by a factor of {ratio:.2f}"
    apart = one - ratio * two
    both = finite[:, lag:] & finite[:, :-lag]
    steps = ((apart[:, lag:] - apart[:, :-lag]) / math.sqrt(2))[both]
    if not steps.any():
        return "they are equal"
    variance = robust_variance(steps - np.median(steps), step) / (1 + ratio**2)
    signal = _trimmed_mean(one[finite]) * (1 + ratio) / (1 + ratio**2)
    return Point(signal, max(variance, step**2 / 12), clipped, exptime)


def unstable(planes: Iterable[Pixels]) -> NDArray[np.bool_]:
    """Return which pixels differ between frames without light by more than noise, (rows, columns).

    From the lowest to the highest of 20 normal values there are 7.5 sigmas once in a thousand pixels; telegraph noise
    is wider. In light such pixels cannot be told from others, and would add to its variance.
    """
    lowest = highest = None
    sigmas = []
    for plane in planes:
        if lowest is None or highest is None:
            lowest, highest = plane.astype(np.float64), plane.astype(np.float64)
            continue
        apart = (plane - lowest)[::3, ::3]
        apart = apart[np.isfinite(apart)]
        if apart.size:
            sigmas.append(1.4826 * float(np.median(np.abs(apart - np.median(apart)))) / math.sqrt(2))
        np.fmin(lowest, plane, out=lowest)
        np.fmax(highest, plane, out=highest)
    if lowest is None or highest is None or not sigmas:
        return np.zeros((), bool)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.bool_] = highest - lowest > _WIDE * max(sigmas[0], 0.5)
    return found


def _trimmed_mean(values: Pixels) -> float:
    """Mean without the lowest and the highest thousandth: hot pixels are no light."""
    low, high = np.quantile(values[:: max(1, values.size >> 18)], (0.001, 0.999))
    kept = values[(values >= low) & (values <= high)]
    return float(kept.mean()) if kept.size else float(np.median(values))


def fit_curve(lit: Sequence[Point], unlit: Sequence[Point]) -> Curve:
    """Return what the points of flats (`lit`) and of the shortest darks or biases (`unlit`) say together."""
    points = sorted(lit, key=lambda point: point.level)
    read = math.sqrt(float(np.median([point.variance for point in unlit]))) if unlit else None
    if not points:
        return Curve((), read_noise=read, reasons=("no flats",))
    full = _full_well(points)
    top = full if full is not None else points[-1].level
    most = math.inf if full is None else _LINEAR * full
    usable = [n for n, point in enumerate(points) if 0 < point.level <= most and point.clipped <= _CLIPPED]
    linearity, why = _linearity(points, top)
    reasons = [why] if why else []
    if full is None:
        reasons.append(f"no full well: the largest level is {top:.5g}")
    found = _line([points[n] for n in usable], read)
    if isinstance(found, str):
        reasons.insert(0, found)
        return Curve(tuple(points), None, None, read, full, linearity, tuple(reasons))
    gain, error, floor, kept = found
    chosen = {usable[n] for n in kept}
    marked = tuple(replace(point, used=n in chosen) for n, point in enumerate(points))
    if read is None and floor > 0:
        read = math.sqrt(floor)
        reasons.append("read noise by the curve: no darks or biases")
    return Curve(marked, gain, error, read, full, linearity, tuple(reasons))


def _full_well(points: Sequence[Point]) -> float | None:
    """Level at which the variance is largest, if it falls above; or the lowest at which samples are clipped."""
    peak = max(points, key=lambda point: point.variance)
    fallen = [p for p in points if p.level > _ABOVE * peak.level and p.variance < _TURNED * peak.variance]
    clipped = [p.level for p in points if p.clipped > _CLIPPED]
    found = ([peak.level] if fallen else []) + clipped[:1]
    return min(found) if found else None


def _line(points: Sequence[Point], read: float | None) -> tuple[float, float, float, list[int]] | str:
    """Fit ``variance = floor + level / gain``, without the points that are far from it.

    Where the floor is not known it is told by the lowest levels: then relative errors count.
    """
    floor = None if read is None else read**2
    level = np.array([point.level for point in points])
    variance = np.array([point.variance for point in points])
    keep = np.ones(len(points), bool)
    slope = error = 0.0
    for _ in range(5):
        use = np.flatnonzero(keep)
        if len(use) < 2 or (floor is None and np.ptp(level[use]) < 0.2 * level[use].max()):
            return "no gain: there are no two levels below 70 % of the full well"
        if floor is None:
            design = np.stack([np.ones(len(use)), level[use]], axis=1) / variance[use, np.newaxis]
            (base, slope), *_ = np.linalg.lstsq(design, np.ones(len(use)), rcond=None)
        else:
            base = floor
            slope = float(level[use] @ (variance[use] - floor) / (level[use] @ level[use]))
        residual = (variance - base - slope * level) / variance
        error = float(np.std(residual[use])) / math.sqrt(max(1, len(use) - 1))
        middle = float(np.median(residual[use]))
        reach = max(_OUTLIER * 1.4826 * float(np.median(np.abs(residual[use] - middle))), _LEAST)
        again = np.abs(residual - middle) <= reach
        if (again == keep).all():
            break
        keep = again
    if slope <= 0:
        return "no gain: noise does not grow with the level"
    return 1 / float(slope), error / float(slope), float(base), np.flatnonzero(keep).tolist()


def _linearity(points: Sequence[Point], top: float) -> tuple[float | None, str | None]:
    """Return the largest departure from a line of level against exposure time, or why there is none."""
    inside = [p for p in points if p.exptime and _LOW * top <= p.level <= _HIGH * top]
    seconds = np.array([p.exptime for p in inside])
    levels = np.array([p.level for p in inside])
    times = np.unique(seconds)
    if len(times) < 3:
        return None, f"no linearity: {len(times)} exposure times from 5 to 95 % of the largest level, three are needed"
    for time in times:
        mine = levels[seconds == time]
        if np.ptp(mine) > _STEADY * mine.mean():
            return None, f"no linearity: the light was not constant, by {np.ptp(mine) / mine.mean():.1%} at {time:g} s"
    design = np.stack([1 / levels, seconds / levels], axis=1)
    (offset, rate), *_ = np.linalg.lstsq(design, np.ones(len(levels)), rcond=None)
    return float(np.max(np.abs(levels - offset - rate * seconds) / levels)), None
