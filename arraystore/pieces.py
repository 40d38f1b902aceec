"""Pieces: the chunks that a selection touches, what is taken of each and where it goes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from arraystore.format.layouts import Layout
from arraystore.selections import Axis

__all__ = ["Piece", "Placed", "planned", "runs"]

#: Selections of one chunk that a layout remembers.
_PLANS = 256


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of one chunk and where it goes; of the values of the chunk, those after the `first` ones are not in it."""

    number: int
    source: tuple[slice, ...]
    target: tuple[slice, ...]
    first: int


Placed = tuple[Piece, tuple[int, int] | None]


def runs(placed: list[Placed]) -> Iterator[list[Placed]]:
    """Group what lies end to end in the file; what has no place stands alone."""
    run: list[Placed] = []
    for item in placed:
        before = run[-1][1] if run else None
        if run and (item[1] is None or before is None or before[0] + before[1] != item[1][0]):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def planned(layout: Layout, axes: tuple[Axis, ...]) -> list[Piece]:
    """The chunks of a selection; remembered where it is one, as a pixel is asked of a thousand cubes alike."""
    pieces: list[Piece] | None = layout.plans.get(axes)
    if pieces is None:
        pieces = list(_pieces(layout, tuple(axes[n] for n in layout.order)))
        if len(pieces) == 1:
            if len(layout.plans) >= _PLANS:
                layout.plans.clear()
            layout.plans[axes] = pieces
    return pieces


def _pieces(layout: Layout, axes: tuple[Axis, ...]) -> Iterator[Piece]:
    """The chunks a selection touches, with what is taken of each and where it goes."""
    parts = [_parts(axis, size) for axis, size in zip(axes, layout.chunk, strict=True)]
    steps = [math.prod(layout.chunk[n + 1 :]) for n in range(len(layout.chunk))]
    for place in itertools.product(*parts):
        number = sum(part[0] * stride for part, stride in zip(place, layout.strides, strict=True))
        source = tuple(part[1] for part in place)
        first = 1 + sum((part.stop - 1) * step for part, step in zip(source, steps, strict=True))
        yield Piece(number, source, tuple(part[2] for part in place), first)


def _parts(axis: Axis, size: int) -> list[tuple[int, slice, slice]]:
    """Along one axis: chunk, slice of the chunk, slice of the result."""
    last = axis.start + (axis.size - 1) * axis.step
    parts = []
    for chunk in range(axis.start // size, last // size + 1):
        low = chunk * size
        first, stop = axis.within(low, low + size)
        if first < stop:
            start = axis.start + first * axis.step - low
            end = axis.start + (stop - 1) * axis.step - low + 1
            parts.append((chunk, slice(start, end, axis.step), slice(first, stop)))
    return parts
