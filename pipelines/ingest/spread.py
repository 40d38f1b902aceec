"""Spread: files taken by the workers of a scheduler, many together; the catalog is told here.

A worker opens each file under the path that it has here. Where it does not see one that is here, the run ends and names
both: a folder that is not mounted must not look like files that are damaged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.ingest.file import Answer, Outcome, Task
from pipelines.ingest.pool import take_all
from pipelines.processes.limits import Bounds
from pipelines.schedulers.workers import SharedStore, Unlike, Workers, worker_name

__all__ = ["take_spread"]

FILES = 250  # in one piece of work, at most
NBYTES = 1 << 30  # and bytes of them, but for the last
PIECES = 8  # for each thread, at least, so that all of them end at about the same time
FEWEST, LEAST = 8, 8 << 20  # files and bytes that are worth a piece


@dataclass(frozen=True, slots=True)
class _Piece:
    """Files that are taken together."""

    tasks: Sequence[Task]
    headers_only: bool
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Files that a worker does not see."""

    worker: str
    files: Sequence[str]


def take_spread(
    tasks: Iterable[Task], *, found: Sequence[Task], workers: Workers, store_url: str | None, bounds: Bounds
) -> Iterator[Outcome]:
    """Take files as `pipelines.ingest.pool.take_all` does, by the workers of a scheduler.

    Files of a piece that ended every worker that had it are taken by a process of this machine, which finds out
    which one it is; so are files that have gone since they were found.

    Parameters
    ----------
    tasks : iterable of Task
        Asked for a few pieces ahead; it may end early.
    found : sequence of Task
        All there are, by which the pieces are cut.

    Raises
    ------
    Unlike
        A worker does not see a file that is here.
    SchedulerGone
        The scheduler went away.
    arraystore.StoreError
        The store is full, gone, damaged or read-only.
    """
    threads = workers.threads
    files = min(FILES, max(FEWEST, len(found) // (PIECES * threads)))
    nbytes = min(NBYTES, max(LEAST, sum(max(0, task.found.size) for task in found) // (PIECES * threads)))
    cut = _pieces(tasks, files=files, nbytes=nbytes, headers_only=store_url is None, bounds=bounds)
    for done in workers.each(_take_some, cut):
        answers = done.result
        if isinstance(answers, _Unseen):
            here = [file for file in answers.files if os.path.lexists(file)]
            if here:
                raise Unlike(
                    f"the worker {answers.worker} does not see {here[0]}: mount its folder there under the same path"
                )
        if answers is None or isinstance(answers, _Unseen):
            yield from take_all(done.piece.tasks, store_url=store_url, jobs=1, bounds=bounds)
        else:
            for task, answer in zip(done.piece.tasks, answers, strict=True):
                yield Outcome.of(task, answer)


def _pieces(tasks: Iterable[Task], *, files: int, nbytes: int, headers_only: bool, bounds: Bounds) -> Iterator[_Piece]:
    """Cut files into pieces, in their order: those of a night stay together as far as they can."""
    some: list[Task] = []
    held = 0
    for task in tasks:
        some.append(task)
        held += 0 if headers_only else max(0, task.found.size)
        if len(some) >= files or held >= nbytes:
            yield _Piece(some, headers_only, bounds)
            some, held = [], 0
    if some:
        yield _Piece(some, headers_only, bounds)


def _take_some(shared: SharedStore, piece: _Piece) -> list[Answer] | _Unseen:
    """Take the files of a piece, on a worker; return what became of each, in their order."""
    unseen = [task.file for task in piece.tasks if not os.path.lexists(task.opened)]
    if unseen:
        return _Unseen(worker_name(), unseen)
    url = None if piece.headers_only else shared.url
    outcomes = take_all(piece.tasks, store_url=url, jobs=0, bounds=piece.bounds)
    taken = {outcome.task.file: outcome for outcome in outcomes}
    return [taken[task.file].answer() for task in piece.tasks]
