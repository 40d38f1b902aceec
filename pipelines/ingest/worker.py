"""A worker process: takes the files it is handed, one after another, within the bounds it was told."""

import gc
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from arraystore import StoreError, open_store
from pipelines.fits import FitsError, open_fits
from pipelines.ingest.file import Answer, Outcome, Task, take
from pipelines.instruments import Profile, profiles
from pipelines.processes.limits import Bounds, Fence

if TYPE_CHECKING:  # it brings the codecs, which headers alone do not need
    from arraystore import Batch

COUNT = struct.Struct("Q")
"""How many files a worker has begun, in memory it shares with its parent."""

_PACKED = (b"\x1f\x8b", b"BZh")
_SECONDS = 0.05  # an answer waits no longer than this for others to go with it
_BYTES = 256 << 10  # and for no more bytes of them


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


def serve(tasks: Connection, answers: Connection, count: mmap.mmap) -> None:
    """Take files one after another until the other end closes the pipe."""
    # Whoever stops the run tells its parent, which ends this process when it is no longer needed: a
    # signal to the whole group must not look like a file that kills.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store_url: str | None
    bounds: Bounds
    store_url, bounds = tasks.recv()
    batch: Batch | None = None
    known = profiles()
    fence = Fence()
    begun = 0
    while True:
        try:
            some: list[Task] = tasks.recv()
        except EOFError:
            return
        done = _Done(answers)
        try:
            for task in some:
                begun += 1
                COUNT.pack_into(count, 0, begun)
                if batch is None and store_url is not None:
                    batch = open_store(store_url).batch()
                fence.allow(bounds.memory_for(task.found.size))
                done.add(_within(task, batch, known, bounds))
                if done.is_due:
                    done.send(batch)
            done.send(batch)
        except StoreError as error:
            with suppress(BrokenPipeError):
                answers.send(Failed(error))
        except BrokenPipeError:
            return  # the run has been killed: nobody waits for an answer


class _Done:
    """Files that are done and not yet answered: their arrays are made durable together, and then all are answered."""

    def __init__(self, answers: Connection) -> None:
        self._answers = answers
        self._begin()

    def _begin(self) -> None:
        self._held: list[Answer] = []
        self._nbytes, self._since = 0, time.monotonic()

    def add(self, outcome: Outcome) -> None:
        self._held.append(outcome.answer())
        self._nbytes += len(outcome.document)

    @property
    def is_due(self) -> bool:
        return self._nbytes > _BYTES or time.monotonic() - self._since > _SECONDS

    def send(self, batch: "Batch | None") -> None:
        if batch is not None:
            batch.publish()
        if self._held:
            self._answers.send(self._held)
        self._begin()


def _within(task: Task, store: "Batch | None", known: Mapping[str, Profile], bounds: Bounds) -> Outcome:
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

    # What is loaded stays, and a file leaves few objects that hold each other: they are looked for less often.
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    shared = mmap.mmap(int(sys.argv[3]), COUNT.size)
    worker.serve(Connection(int(sys.argv[1]), writable=False), Connection(int(sys.argv[2]), readable=False), shared)
