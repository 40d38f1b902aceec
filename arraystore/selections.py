"""Selections: what ``cube[...]`` asks for, axis by axis."""

from __future__ import annotations

import operator
from typing import NamedTuple, SupportsIndex, cast

__all__ = ["Axis", "dotted", "parse"]


class Axis(NamedTuple):  # a tuple, for it is hashed with every read
    """The elements wanted of one axis: ``start``, ``start + step``, ... `size` of them.

    `step` is positive; `backwards` says that they are wanted in the opposite order, and
    `drop` that the axis was given by an integer and goes away.
    """

    start: int
    step: int
    size: int
    backwards: bool = False
    drop: bool = False

    def within(self, low: int, high: int) -> tuple[int, int]:
        """Which of the wanted elements lie in ``[low, high)``: from, to."""
        first = max(0, -(-(low - self.start) // self.step))
        last = min(self.size, -(-(high - self.start) // self.step))
        return first, max(first, last)


def parse(key: object, shape: tuple[int, ...]) -> tuple[Axis, ...]:
    """The axes that a subscript selects, as numpy's basic indexing has it.

    Raises
    ------
    IndexError
        Out of range, too many indices, or a subscript that is not basic (an array, a
        list, a boolean, None).
    """
    items = key if isinstance(key, tuple) else (key,)
    dots = [n for n, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    given = len(items) - len(dots)
    if given > len(shape):
        raise IndexError(f"too many indices: {given} for an array of {len(shape)} axes")
    at = dots[0] if dots else len(items)
    whole = (slice(None),) * (len(shape) - given)
    items = (*items[:at], *whole, *items[at + 1 :])
    return tuple(_axis(item, length, n) for n, (item, length) in enumerate(zip(items, shape, strict=True)))


def dotted(key: object) -> bool:
    """Whether a subscript has an ellipsis: it then gives an array, be it of no axes."""
    return key is Ellipsis or (isinstance(key, tuple) and any(item is Ellipsis for item in key))


def _axis(item: object, length: int, number: int) -> Axis:
    if isinstance(item, slice):
        start, stop, step = item.indices(length)
        count = len(range(start, stop, step))
        if step > 0 or count == 0:
            return Axis(start, abs(step), count)
        return Axis(start + (count - 1) * step, -step, count, backwards=True)
    try:
        index = operator.index(cast("SupportsIndex", item))
    except TypeError:
        index = None
    if index is None or isinstance(item, bool) or getattr(item, "shape", ()) != ():
        raise IndexError(
            f"only integers, slices and '...' select from a cube, not {type(item).__name__}; "
            "use np.asarray(cube) first."
        )
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range for axis {number} of length {length}")
    return Axis(index % length, 1, 1, drop=True)
