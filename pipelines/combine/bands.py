"""Bands of rows, and the threads that work through them: numpy lets go of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

from arraystore.processors import processors
from pipelines.combine.errors import FramesUnfit
from pipelines.combine.frames import Stack

#: Bytes of samples that a thread holds, about: a band of every frame.
_BAND_BYTES = 12 * 2**20
#: Rows of a chunk of a stored frame: a band of fewer would decode chunks more than once.
_ROWS = 64
#: Pixels of a band of small frames, about.
_PIXELS = 1 << 18

#: Threads by default, however many processors there are.
_MOST = 8

Task = TypeVar("Task")


def row_bands(stack: Stack, *, rows: int | None = None) -> list[tuple[int, int]]:
    """Cut the rows of a stack into bands, (start, stop).

    Parameters
    ----------
    rows : int, optional
        Rows of a band; by default two chunks of a stored frame, or what memory allows.
    """
    if rows is not None and rows < 1:
        raise FramesUnfit(f"a band has one row at least, not {rows}.")
    step = rows or _default_rows(stack)
    return [(start, min(start + step, stack.shape[0])) for start in range(0, stack.shape[0], step)]


def _default_rows(stack: Stack) -> int:
    row = max(1, len(stack) * stack.shape[1] * stack.dtype.itemsize)
    rows = max(1, _BAND_BYTES // row)
    if rows >= _ROWS:
        return min(rows // _ROWS * _ROWS, max(2 * _ROWS, _PIXELS // max(1, stack.shape[1])))
    # A power of two divides a chunk, so that none is decoded oftener than it must be.
    return 1 << (rows.bit_length() - 1)


def in_threads(work: Callable[[Task], Any], tasks: Iterable[Task], *, workers: int | None) -> Iterator[Task]:
    """Do tasks in threads and give each back when it is done, in any order; the first error ends it.

    Parameters
    ----------
    workers : int, optional
        Threads; by default one for each processor this process may use.
    """
    with ThreadPoolExecutor(workers or threads(), thread_name_prefix="combine") as pool:
        pending = {pool.submit(work, task): task for task in tasks}
        try:
            for future in as_completed(pending):
                future.result()
                yield pending[future]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def threads() -> int:
    """Threads that combine, 8 at most: each costs the memory of a band, and memory sets the pace."""
    return min(_MOST, processors())
