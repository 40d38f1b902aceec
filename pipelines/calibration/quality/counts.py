"""What is kept of a frame while it is measured: counts of its values, or the values themselves."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipelines.combine.pairs import step_of
from pipelines.combine.saturation import Pile

Pixels = npt.NDArray[Any]

_MEDIAN_OF_TWO = 0.6745 * 2**0.5  # median |difference| of two normal values, in standard deviations


class Shaped(Protocol):
    """Anything with a shape and a type."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...


class Histograms:
    """Counts of values, and of differences between neighbours, of integers of up to 16 bits."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._lowest = int(np.iinfo(dtype).min)
        self._values = np.zeros(2**16, np.int64)
        self._steps = np.zeros(2**17, np.int64)  # of differences, from -65536
        self._around = np.zeros(2**17, np.int64)

    def add(self, values: Pixels, steps: Pixels, around: Pixels) -> None:
        for counts, some in ((self._steps, steps), (self._around, around)):
            counts += np.bincount(some.ravel() + 2**16, minlength=2**17)
        wide = values.astype(np.intp)
        wide -= self._lowest
        self._values += np.bincount(wide.ravel(), minlength=2**16)

    def count(self) -> int:
        return int(self._values.sum())

    def level(self) -> float:
        return _middle(self._values) + self._lowest

    def noise(self) -> float:
        if not self._steps.any():
            return 0.0  # a single column
        slope = round(_middle(self._steps))
        apart = np.zeros(2**17, np.int64)
        apart[: 2**17 - slope] += self._steps[slope:]
        apart[1 : slope + 1] += self._steps[:slope][::-1]
        return _smooth_middle(apart) / _MEDIAN_OF_TWO

    def above(self, limit: float, *, itself: bool) -> int:
        first = limit - self._lowest
        place = int(np.ceil(first)) if itself else int(np.floor(first)) + 1
        return int(self._values[min(max(place, 0), 2**16) :].sum())

    def sticking_out(self, least: float) -> int:
        return int(self._around[min(2**16 + int(np.floor(least)) + 1, 2**17) :].sum())

    def pile(self) -> Pile:
        there = np.flatnonzero(self._values)
        low = int(np.searchsorted(np.cumsum(self._values), self.count() / 100))
        top = int(there[-1])
        return Pile(float(top + self._lowest), int(self._values[top]), float(low + self._lowest), step_of(there))


class Values:
    """The numbers of a frame themselves, where there are too many different ones to count."""

    def __init__(self, frame: Shaped) -> None:
        self._frame = np.empty(frame.shape, np.float64 if frame.dtype.itemsize > 4 else np.float32)
        self._filled = 0
        self._steps: list[Pixels] = []
        self._around: list[Pixels] = []

    def add(self, values: Pixels, steps: Pixels, around: Pixels) -> None:
        self._steps.append(steps[np.isfinite(steps)])
        # Few pixels stand out; of the others only that they do not is needed.
        self._around.append(around[around > 0].astype(np.float32))
        self._frame[self._filled : self._filled + len(values)] = values
        self._filled += len(values)

    def count(self) -> int:
        return int(np.count_nonzero(np.isfinite(self._frame)))

    def level(self) -> float:
        good = self._frame[np.isfinite(self._frame)]
        return float(np.median(good)) if good.size else float("nan")

    def noise(self) -> float:
        steps = np.concatenate(self._steps)
        return float(np.median(np.abs(steps - np.median(steps)))) / _MEDIAN_OF_TWO if steps.size else 0.0

    def above(self, limit: float, *, itself: bool) -> int:
        with np.errstate(invalid="ignore"):
            return int(np.count_nonzero(self._frame >= limit if itself else self._frame > limit))

    def sticking_out(self, least: float) -> int:
        return sum(int(np.count_nonzero(one > least)) for one in self._around)

    def pile(self) -> Pile:
        good = self._frame[np.isfinite(self._frame)]
        top = good.max()
        low = np.quantile(good[:: max(1, good.size >> 16)], 0.01)
        return Pile(float(top), int(np.count_nonzero(good == top)), float(low), step_of(good))


def pile_up_of(kept: Histograms | Values) -> float | None:
    """Return the value at which samples pile up, by what is kept of a frame."""
    pile = kept.pile()
    if not pile.possible:
        return None
    near = kept.above(pile.top - pile.reach, itself=True) - pile.count
    return pile.top if pile.holds(near) else None


def _middle(counts: Pixels) -> float:
    """Median of a histogram: the mean of the two middle values where their number is even."""
    whole = int(counts.sum())
    if whole == 0:
        return float("nan")
    sums = np.cumsum(counts)
    low, high = np.searchsorted(sums, [(whole + 1) // 2, whole // 2 + 1])
    return (int(low) + int(high)) / 2


def _smooth_middle(counts: Pixels) -> float:
    """Median of |differences| as if they were not whole numbers: between the edges of the middle one's bin.

    The bin of a difference d reaches from d - 1/2 to d + 1/2, that of 0 from 0 to 1/2.
    """
    whole = int(counts.sum())
    sums = np.cumsum(counts)
    middle = int(np.searchsorted(sums, whole / 2))
    if middle == 0 and counts[0] == whole:
        return 0.0
    before = int(sums[middle - 1]) if middle else 0
    low, high = (middle - 0.5, middle + 0.5) if middle else (0.0, 0.5)
    return low + (whole / 2 - before) / int(counts[middle]) * (high - low)
