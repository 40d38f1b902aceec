"""Many: one selection of many cubes, as one pixel through every exposure of a year."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .cubes import Cube
from .selections import Axis, dotted, parse

__all__ = ["select_from_each"]

#: So many slow reads, one after the other, and the files are taken not to be in memory.
_TRIAL = 3
#: Seconds: one from memory takes 0.06 ms, one from a disk 0.3 ms.
_WAITS = 0.00016
#: Cubes whose bytes are asked of a disk before the first of them is waited for.
_ABREAST = 32
#: Slow opening, as over a network, is waited for by so many threads; of a disk of its own, one is nearly as quick.
_WAITING = 2


def select_from_each(cubes: Sequence[Cube], key: object, *, concurrency: int) -> list[Any]:
    """Give ``cube[key]`` for each cube.

    Parameters
    ----------
    cubes : sequence of Cube
        Any number of cubes.
    key : object
        What is wanted of each, as in ``cube[key]``.
    concurrency : int
        Reads that the place of the cubes gains from at once; 1 for a disk, which is tried.
    """
    scalar = not dotted(key)
    known: dict[tuple[int, ...], tuple[Axis, ...]] = {}
    wanted = []
    for cube in cubes:
        if (axes := known.get(cube.shape)) is None:
            axes = known[cube.shape] = parse(key, cube.shape)
        wanted.append((cube, axes))
    values: list[Any] = []
    abreast = 1
    if concurrency < 2:
        abreast = _ABREAST
        slow = 0
        for cube, axes in wanted:
            started = time.perf_counter()
            values.append(cube.select(axes, scalar=scalar))
            slow = slow + 1 if time.perf_counter() - started > _WAITS else 0
            if slow == _TRIAL:
                break
    rest = wanted[len(values) :]
    if rest:
        parts = [rest[n : n + abreast] for n in range(0, len(rest), abreast)]
        with ThreadPoolExecutor(max(_WAITING, concurrency), thread_name_prefix="arraystore") as pool:
            values += itertools.chain.from_iterable(pool.map(lambda part: _in_step(part, scalar=scalar), parts))
    return values


def _in_step(wanted: Sequence[tuple[Cube, tuple[Axis, ...]]], *, scalar: bool) -> list[Any]:
    """Read of each cube, all of them a step at a time."""
    reads = [cube.steps(axes, scalar=scalar) for cube, axes in wanted]
    try:
        for _ in range(2):
            for read in reads:
                next(read)
        return [_end(read) for read in reads]
    finally:
        for read in reads:
            read.close()


def _end(read: Generator[None, None, Any]) -> Any:
    try:
        next(read)
    except StopIteration as end:
        return end.value
    raise AssertionError("a read stops twice")
