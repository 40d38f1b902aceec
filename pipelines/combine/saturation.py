"""Saturation that no header states: samples that pile up at the largest value there is.

A detector or its converter has a value that it cannot exceed; whatever is brighter has exactly that value, and the
values just below it are rare beside it. Of 12 or 14 bits it is not the largest value of the type of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.frames import read_rows, stack_of
from pipelines.combine.pairs import step_of

#: Fewer samples at the largest value are no pile-up: a few cosmic rays may agree.
_FEWEST = 20
#: Steps below the largest value, and fraction of the range, that all together hold fewer samples than it does.
_STEPS, _SHARE = 32, 0.002
#: A frame of no more different values than this is nearly constant: it is full only at the top of a converter.
_RANGE = 64
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Pile:
    """The largest value of a frame, and what it takes to tell whether samples pile up there.

    Attributes
    ----------
    top : float
        The largest value.
    count : int
        How many samples have it.
    low : float
        What 99 % of the samples exceed or reach.
    step : float
        Between possible values; 0 of continuous ones.
    """

    top: float
    count: int
    low: float
    step: float

    @property
    def possible(self) -> bool:
        """Whether it may be a pile-up, as far as the largest value tells."""
        if self.count < _FEWEST:
            return False
        constant = self.top - self.low <= _RANGE * max(self.step, 1e-9 * abs(self.top))
        return not constant or _top_code(self.top, self.step)

    @property
    def reach(self) -> float:
        """How far below the largest value samples are counted that must be fewer."""
        return max(_STEPS * self.step, _SHARE * (self.top - self.low))

    def holds(self, near: int) -> bool:
        """Tell whether it is one, with so many samples within reach below it."""
        return self.possible and self.count > near


def pile_up(frame: Any) -> float | None:
    """Return the value at which the samples of a frame pile up; None where they do not.

    Parameters
    ----------
    frame : array-like or source of rows
        (rows, columns); what is masked or no number does not count.

    Examples
    --------
    >>> ramp = np.minimum(np.arange(10_000).reshape(100, 100), 8_000)
    >>> pile_up(ramp), pile_up(np.arange(10_000).reshape(100, 100))
    (8000.0, None)
    """
    return _largest(lambda: _bands(lambda start, stop: read_rows(frame, start, stop), frame.shape[0]))[1]


def saturation_of(
    frames: Sequence[Any], *, stated: float | None, names: Sequence[str] | None = None
) -> tuple[float | None, list[bool]]:
    """Tell from which value the samples of frames are saturated, and which frames have such samples.

    Parameters
    ----------
    frames : sequence
        Of one camera; each is read whole.
    stated : float or None
        What header or profile say; where samples pile up at a lower value, that counts.

    Returns
    -------
    float or None
        None where nothing is stated and nothing piles up.
    list of bool
        One for each frame.
    """
    stack = stack_of(frames, names=names)
    tops, piles = [], []
    for number in range(len(stack)):
        read = partial(stack.read, number)
        top, pile = _largest(lambda read=read: _bands(read, stack.shape[0]))  # type: ignore[misc]
        tops.append(top)
        piles.append(pile)
    level = min([value for value in (stated, *piles) if value is not None], default=None)
    return level, [level is not None and top >= level for top in tops]


def _largest(bands: Callable[[], Iterator[NDArray[Any]]]) -> tuple[float, float | None]:
    """Return the largest sample, and the same again where samples pile up there."""
    top, count, thin = -np.inf, 0, []
    for values in bands():
        largest = float(values.max()) if values.size else -np.inf
        if largest >= top:
            count = int(np.count_nonzero(values == largest)) + (count if largest == top else 0)
            top = largest
        thin.append(values[:: max(1, values.size >> 12)])
    some = np.concatenate(thin) if thin else np.empty(0)
    if not some.size:
        return top, None
    pile = Pile(top, count, float(np.quantile(some, 0.01)), step_of(some))
    if not pile.possible:
        return top, None
    floor = top - pile.reach
    near = sum(int(np.count_nonzero((values >= floor) & (values < top))) for values in bands())
    return top, top if pile.holds(near) else None


def _bands(read: Callable[[int, int], NDArray[Any]], height: int) -> Iterator[NDArray[Any]]:
    """Valid samples of a frame, band by band, flat."""
    for start in range(0, height, _ROWS):
        rows = read(start, min(start + _ROWS, height))
        values = rows.compressed() if isinstance(rows, np.ma.MaskedArray) else rows.ravel()
        yield values[np.isfinite(values)] if values.dtype.kind == "f" else values


def _top_code(value: float, step: float) -> bool:
    """Tell whether a value is the largest of a converter of 8 to 16 bits, in the lower or the upper bits of 16.

    >>> _top_code(4095, 1), _top_code(65520, 16), _top_code(65520, 1), _top_code(1000, 1)
    (True, True, True, False)
    """
    if value <= 0 or value != round(value):
        return False
    gap = 65536 - int(value)
    shifted = gap > 0 and gap & (gap - 1) == 0 and gap <= 1 << 8
    plain = int(value) + 1
    return shifted or (plain & (plain - 1) == 0 and 1 << 8 <= plain <= 1 << 16)
