"""The samples of many pixels, sorted pixel by pixel, and their moments.

Every operation is element by element over pixels, and sums run over samples in ascending order: a
pixel's result depends neither on its neighbours nor on the order of the frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Keep = NDArray[np.bool_]

#: Variance of one sample at a level, both in the units of the frames.
VarianceAt = Callable[[Plane], Plane]


class Samples:
    """Sorted samples of pixels that have equally many.

    Parameters
    ----------
    rows : sequence of ndarray
        One array a rank, lowest first, of shape (pixels,); finite.
    variance_at : callable, optional
        Variance that the noise model gives a sample at a level.
    """

    __slots__ = ("_moments", "rows", "variance_at")

    def __init__(self, rows: Sequence[NDArray[Any]], *, variance_at: VarianceAt | None = None) -> None:
        self.rows = rows
        self.variance_at = variance_at
        self._moments: tuple[Plane, Plane] | None = None

    @property
    def count(self) -> int:
        """Samples of each pixel."""
        return len(self.rows)

    @property
    def moments(self) -> tuple[Plane, Plane]:
        """Mean, and sum of squared deviations from it, of all samples."""
        if self._moments is None:
            short = self.rows[0].dtype == np.uint16 and self.count > 2
            self._moments = _moments_of_counts(self.rows) if short else moments(self.rows)
        return self._moments

    def median(self) -> Plane:
        """The middle sample, or the mean of the two middle ones, float64."""
        count = self.count
        low = self.rows[(count - 1) // 2].astype(np.float64)
        return low if count % 2 else (low + self.rows[count // 2]) / 2

    def middle(self) -> tuple[Plane, Plane]:
        """The two middle samples; of an odd number, the same one twice."""
        return (
            self.rows[(self.count - 1) // 2].astype(np.float64),
            self.rows[self.count // 2].astype(np.float64),
        )

    def quantile(self, fraction: float) -> Plane:
        """A quantile between ranks, as `numpy.quantile` interpolates by default."""
        place = fraction * (self.count - 1)
        rank = min(int(place), self.count - 1)
        low = self.rows[rank].astype(np.float64)
        high = self.rows[min(rank + 1, self.count - 1)]
        return low + (high - low) * (place - rank)

    def of(self, pixels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Samples of some pixels, (samples, pixels), float64."""
        chosen = np.empty((self.count, len(pixels)))
        for out, row in zip(chosen, self.rows, strict=True):
            out[:] = row[pixels]
        return chosen


def moments(rows: Sequence[NDArray[Any]]) -> tuple[Plane, Plane]:
    """Mean, and sum of squared deviations from it, in two passes."""
    total = rows[0].astype(np.float64)
    for row in rows[1:]:
        total += row
    mean = np.divide(total, len(rows), out=total)
    squares = np.zeros_like(mean)
    deviation = np.empty_like(mean)
    for row in rows:
        np.subtract(row, mean, out=deviation)
        np.multiply(deviation, deviation, out=deviation)
        squares += deviation
    return mean, squares


def _moments_of_counts(rows: Sequence[NDArray[Any]]) -> tuple[Plane, Plane]:
    """Mean, and sum of squared deviations from it, of sorted whole numbers, in half the time.

    Above the lowest sample they are small: as long as their squares add up to less than 2^24, float32 holds every
    sum exactly. The pixels of which that is not so, those that are hit or noisy, are worked out as all others.
    """
    lowest, number = rows[0], len(rows)
    total, squares = (np.zeros(len(lowest), np.float32) for _ in range(2))
    above, size = np.empty_like(lowest), np.empty_like(total)
    for row in rows[1:]:
        np.subtract(row, lowest, out=above)
        size[:] = above
        total += size
        np.multiply(size, size, out=size)
        squares += size
    mean = total.astype(np.float64)
    spread = squares.astype(np.float64)
    spread -= mean * mean / number
    mean += lowest * np.float64(number)  # the whole sum, which is exact too
    mean /= number
    wide = np.flatnonzero(above > math.isqrt((1 << 24) // number))  # above: of the largest sample
    if wide.size:
        mean[wide], spread[wide] = moments([row[wide] for row in rows])
    return mean, spread


def kept_moments(samples: NDArray[np.float64], keep: Keep) -> tuple[NDArray[np.intp], Plane, Plane]:
    """Count, mean and sum of squared deviations of the samples that are kept; mean NaN where none is.

    What is not kept adds 0.0, which changes no sum: the result is that of the kept samples alone.
    """
    count = keep.sum(axis=0)
    total = np.zeros(samples.shape[1])
    for row, kept in zip(samples, keep, strict=True):
        total += np.where(kept, row, 0.0)
    mean = np.full(samples.shape[1], np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    squares = np.zeros_like(mean)
    for row, kept in zip(samples, keep, strict=True):
        deviation = row - mean
        squares += np.where(kept, deviation * deviation, 0.0)
    return count, mean, squares


def kept_median(samples: NDArray[np.float64], keep: Keep) -> Plane:
    """Median of the samples kept, which are neighbours in rank."""
    count = keep.sum(axis=0)
    first = keep.argmax(axis=0)
    low: Plane = np.take_along_axis(samples, (first + (count - 1) // 2)[np.newaxis], axis=0)[0]
    high = np.take_along_axis(samples, (first + np.minimum(count // 2, count - 1))[np.newaxis], axis=0)[0]
    # One middle value is given as it is: adding it to itself could overflow.
    return np.asarray(np.where(count % 2 == 1, low, (low + high) / 2))
