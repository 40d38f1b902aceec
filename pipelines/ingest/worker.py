"""A worker process: takes the files it is handed, one after another, within the bounds it was told."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from arraystore import ArrayStore, StoreError, open_store
from pipelines.fits import FitsError, open_fits
from pipelines.ingest.file import Outcome, Task, take
from pipelines.instruments import Profile, profiles
from pipelines.processes.limits import Bounds, Fence

_PACKED = (b"\x1f\x8b", b"BZh")


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker's word that no file can be taken now."""

    error: StoreError


def needs_worker(file: str) -> bool:
    """Tell whether a file has to be decompressed, so that its size says little of what it costs.

    Of a plain file every byte that is held in memory is on disk, header and axes are believed only
    as far as the file's size bears them out, and no foreign code runs over it.
    """
    try:
        with open(file, "rb", opener=_without_waiting) as start:
            if start.read(3).startswith(_PACKED):
                return True
        with open_fits(file, follow=False) as opened:
            return opened.encoding is not None
    except (OSError, FitsError):
        return False  # taking it finds the same, and says so


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def serve(tasks: Connection, answers: Connection) -> None:
    """Take files one after another until the other end closes the pipe."""
    # Whoever stops the run tells its parent, which ends this process when it is no longer needed: a
    # signal to the whole group must not look like a file that kills.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store_url: str | None
    bounds: Bounds
    store_url, bounds = tasks.recv()
    store: ArrayStore | None = None
    known = profiles()
    fence = Fence()
    while True:
        try:
            task: Task = tasks.recv()
        except EOFError:
            return
        try:
            if store is None and store_url is not None:
                store = open_store(store_url)
            fence.allow(bounds.memory_for(task.found.size))
            answer: Outcome | Failed = _within(task, store, known, bounds)
        except StoreError as error:
            answer = Failed(error)
        try:
            answers.send(answer)
        except BrokenPipeError:
            return  # the run has been killed: nobody waits for an answer


def _within(task: Task, store: ArrayStore | None, known: Mapping[str, Profile], bounds: Bounds) -> Outcome:
    outcome = take(task, store=store, profiles=known)
    if outcome.code != "out-of-memory":
        return outcome
    return replace(
        outcome,
        code="worker-memory",
        message=f"needs more than the {bounds.memory_for(task.found.size):,} bytes of memory a file may take",
        hint="if it is genuine: darkroom quarantine retry NAME --memory 4G",
    )


if __name__ == "__main__":
    # Under this name the dataclasses above would be __main__'s: pickle by their real module.
    from pipelines.ingest import worker

    worker.serve(Connection(int(sys.argv[1]), writable=False), Connection(int(sys.argv[2]), readable=False))
