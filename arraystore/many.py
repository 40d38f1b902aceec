"""Many: one selection of many cubes, as one pixel through every exposure of a year."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from arraystore.cubes import Cube
from arraystore.selections import Axis, dotted, parse

__all__ = ["select_from_each"]

#: Seconds that one read from memory takes at most, most of them to decode its chunk.
_QUICK = 0.0003
#: Cubes whose bytes are asked of a disk before the first of them is waited for.
_ABREAST = 32
#: Seconds for each of them: one from memory takes 0.06 ms, from a disk asked beforehand 0.3 ms. What
#: takes longer is a disk far away, where opening a file is a question too, and is asked by threads.
_FAR = 0.001
_THREADS = 4
#: Of reads as small as these so many times more are under way than of those that fill a line.
_SMALL = 2


def select_from_each(cubes: Sequence[Cube], key: object, *, concurrency: int) -> list[Any]:
    """Return ``cube[key]`` for each cube.

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
    if concurrency < 2:
        values = _while_quick(wanted, scalar=scalar)
        for part in (wanted[n : n + _ABREAST] for n in range(len(values), len(wanted), _ABREAST)):
            started = time.perf_counter()
            values += _in_step(part, scalar=scalar)
            if time.perf_counter() - started > _FAR * len(part):
                break
    if rest := wanted[len(values) :]:
        with ThreadPoolExecutor(max(_THREADS, _SMALL * concurrency), thread_name_prefix="arraystore") as pool:
            values += pool.map(lambda one: one[0].select(one[1], scalar=scalar), rest)
    return values


def _while_quick(wanted: Sequence[tuple[Cube, tuple[Axis, ...]]], *, scalar: bool) -> list[Any]:
    """Read of one cube after the other, as long as they are in memory: then it is no use to ask beforehand."""
    values: list[Any] = []
    before = time.perf_counter()
    for cube, axes in wanted:
        values.append(cube.select(axes, scalar=scalar))
        now = time.perf_counter()
        if now - before > _QUICK:
            break
        before = now
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
