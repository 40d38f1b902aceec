"""Combining as one would write it to be believed: pixel by pixel, plain numpy, slow."""

import math
from statistics import NormalDist

import numpy as np

from pipelines.combine import (
    FractionClip,
    MadClip,
    Mean,
    Median,
    MinMax,
    NoiseClip,
    PercentileClip,
    SigmaClip,
    WinsorizedClip,
)


def kept(x, method, variance_at):
    """The samples that a method keeps of one pixel's, float64."""
    x = np.sort(x)
    n = len(x)
    match method:
        case Mean():
            return x
        case Median():
            return x[[(n - 1) // 2]] if n % 2 else x[n // 2 - 1 : n // 2 + 1]
        case MinMax(low, high):
            return x[low : n - high] if low + high < n else kept(x, Median(), None)
        case NoiseClip(sigma):
            if n < 3:
                return x
            centre = np.median(x)
            low, high = x[(n - 1) // 2], x[n // 2]
            if high - low > sigma * math.sqrt(variance_at(centre)):
                centre = low
            return x[np.abs(x - centre) <= sigma * math.sqrt(variance_at(centre))]
        case SigmaClip(sigma, iterations, center):
            rest = x
            for _ in range(iterations or 1000):
                c = np.median(rest) if center == "median" else rest.mean()
                reach = sigma * rest.std()
                inside = rest[(rest >= c - reach) & (rest <= c + reach)]
                if len(inside) == len(rest):
                    break
                rest = inside
            return x[(x >= c - reach) & (x <= c + reach)]
        case MadClip(sigma):
            m = np.median(x)
            reach = sigma * np.median(np.abs(x - m)) / NormalDist().inv_cdf(0.75)
            return x[np.abs(x - m) <= reach * (1 + 1e-14)]
        case PercentileClip(sigma, low, high):
            reach = sigma * (np.percentile(x, high) - np.percentile(x, low)) / 2
            return x[np.abs(x - np.median(x)) <= reach]
        case FractionClip(low, high):
            m = np.median(x)
            return x[(x >= m - low * abs(m)) & (x <= m + high * abs(m))]
        case WinsorizedClip(sigma, rounds):
            m, width = np.median(x), x.std(ddof=1) if n > 1 else 0.0
            for _ in range(rounds):
                moved = np.clip(x, m - 1.5 * width, m + 1.5 * width)
                before, width = width, 1.134 * moved.std(ddof=1) if n > 1 else 0.0
                if abs(width - before) <= 0.0005 * before:
                    break
            return x[np.abs(x - m) <= sigma * width]
    raise AssertionError(method)


def combined(frames, method, *, bad=None, variance_at=None):
    """Value, variance by scatter and count of a stack; NaN where nothing is valid."""
    frames = np.asarray(frames, np.float64)
    bad = ~np.isfinite(frames) if bad is None else bad | ~np.isfinite(frames)
    value, scatter = np.full((2, *frames.shape[1:]), np.nan)
    count = np.zeros(frames.shape[1:], int)
    for place in np.ndindex(frames.shape[1:]):
        x = frames[(slice(None), *place)][~bad[(slice(None), *place)]]
        if len(x) == 0:
            continue
        left = kept(x, method, variance_at)
        left = left if len(left) else x
        value[place] = left.mean()
        count[place] = len(x) if isinstance(method, Median) else len(left)
        if len(left) > 1 and not isinstance(method, Median | MinMax):
            scatter[place] = left.var(ddof=1) / len(left)
    return value, scatter, count
