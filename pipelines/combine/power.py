"""What a method can reject with few samples, and how noisy its value is: worked out, not assumed."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from pipelines.combine.methods import Clip, Method, relative, trims
from pipelines.combine.samples import Plane, Samples

#: Outliers that are tried, in standard deviations of one sample.
_TRIED = np.geomspace(0.01, 1e4, 2048)
_DRAWS = 1 << 16


def rejection_power(method: Method, count: int, *, sigma: Plane, value: Plane) -> Plane:
    """The smallest outlier that would have been rejected among `count` samples.

    Parameters
    ----------
    sigma : ndarray
        Noise of one sample, of each pixel.
    value : ndarray
        Its combined value.
    """
    if relative(method):
        fraction = method.fraction(count)
        return np.full_like(value, np.inf) if math.isinf(fraction) else fraction * np.abs(value)
    factor = power_factor(method, count)
    # 0 x inf is NaN, and means nothing here: a pixel without noise still cannot reject.
    return np.full_like(sigma, factor) if math.isinf(factor) else factor * sigma


@lru_cache(maxsize=4096)
def power_factor(method: Method, count: int) -> float:
    """The smallest high outlier that `method` rejects of `count` samples, in sigmas of one sample.

    Found by trying: the other samples lie at the expected places of normal order statistics (Blom's),
    the outlier grows until it is rejected and stays so. Infinite where it never is.

    >>> from pipelines.combine.methods import SigmaClip
    >>> power_factor(SigmaClip(center="mean"), 10), round(power_factor(SigmaClip(center="mean"), 20), 1)
    (inf, 4.0)
    """
    if count < 2:
        return math.inf
    if trims(method):
        return 0.0 if method.trim(count)[1] else math.inf
    if relative(method):
        return method.fraction(count)
    clip: Clip = method  # type: ignore[assignment]
    others = [NormalDist().inv_cdf((rank + 0.625) / (count - 0.75)) for rank in range(count - 1)]
    samples = np.empty((count, len(_TRIED)))
    samples[:-1] = np.array(others)[:, np.newaxis]
    samples[-1] = _TRIED
    samples.sort(axis=0)
    _, high = clip.bounds(Samples(list(samples), variance_at=np.ones_like))
    rejected = high < _TRIED
    if not rejected[-1]:
        return math.inf
    kept = np.flatnonzero(~rejected)
    return float(_TRIED[kept[-1] + 1] if kept.size else _TRIED[0])


@lru_cache(maxsize=4096)
def trim_factor(count: int, low: int, high: int) -> float:
    """Variance of the mean of trimmed normal samples, in variances of the mean of all `count`.

    Simulated with a fixed seed, good to 1 %: 1.35 for the median of three, towards pi/2 for many.
    """
    if low == high == 0:
        return 1.0
    draws = np.random.default_rng(20).standard_normal((max(2048, _DRAWS * 8 // max(8, count)), count))
    draws.sort(axis=1)
    values = draws[:, low : count - high].mean(axis=1) - draws.mean(axis=1)
    # The mean is independent of what is left of it (Basu), so its known variance is added, not drawn.
    return 1.0 + float(values.var()) * count
