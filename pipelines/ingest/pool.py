"""Worker processes that take files; a file that kills, hangs or swells its worker costs only itself.

Each worker is a fresh interpreter that is handed files over a pipe, so nothing is inherited by
accident (threads, locks, database sockets), the caller's main module is never imported again, and it
is always known which file a dead worker was reading. A few files are handed out ahead, so that no
worker waits while what it has done is committed.
"""

import fcntl
import logging
import os
import pickle
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from tempfile import TemporaryDirectory

from arraystore import open_store
from pipelines.ingest.file import Outcome, Task, refused, take
from pipelines.ingest.worker import Failed, needs_worker
from pipelines.instruments import profiles
from pipelines.processes import interpreter
from pipelines.processes.limits import Bounds

logger = logging.getLogger(__name__)

AHEAD = 64  # files handed to a worker before it has answered
AHEAD_BYTES = 32 << 20  # and bytes of files, so that a run that is to stop need not wait for many
AHEAD_MESSAGE = 32 << 10  # and bytes of messages: what waits in a pipe never blocks both of its ends
ANSWERS = 1 << 20  # bytes of answers that may wait, where the system allows
LOOK = 0.5  # seconds between looks at the clock of each worker


def take_all(
    tasks: Iterable[Task], *, store_url: str | None, jobs: int, bounds: Bounds | None = None
) -> Iterator[Outcome]:
    """Take files, yielding outcomes as they come.

    Parameters
    ----------
    tasks : iterable of Task
        Asked for one after the other, never many ahead; it may end early.
    store_url : str or None
        Where arrays go; None for headers only.
    jobs : int
        Worker processes. 0 works in this process, where the reader's own limits bound what a plain
        file can ask for; files that have to be decompressed are given to a worker all the same.
    bounds : Bounds, optional
        What one file may cost.

    Raises
    ------
    arraystore.StoreError
        The store is full, gone, damaged or read-only.
    """
    bounds = bounds or Bounds()
    if jobs < 1:
        yield from _take_here(tasks, store_url, bounds)
        return
    pool = [_Worker(store_url, bounds) for _ in range(jobs)]
    try:
        yield from _take_there(iter(tasks), pool)
    finally:
        for worker in pool:
            worker.stop()


def _take_here(tasks: Iterable[Task], store_url: str | None, bounds: Bounds) -> Iterator[Outcome]:
    store = None if store_url is None else open_store(store_url)
    known = profiles()
    alone = store is not None and store.url.startswith("memory:")  # no other process sees this memory
    with ExitStack() as opened:
        helper: _Worker | None = None
        for task in tasks:
            if not needs_worker(task.opened):
                yield take(task, store=store, profiles=known)
                continue
            if helper is None:
                # What it decompresses for a store in memory goes nowhere: it is a trial of the file.
                trial = opened.enter_context(TemporaryDirectory(prefix="darkroom-trial-")) if alone else None
                helper = _Worker(store_url if trial is None else trial, bounds)
                opened.callback(helper.stop)
            for outcome in _take_there(iter([task]), [helper]):
                yield take(task, store=store, profiles=known) if alone and outcome.state == "taken" else outcome


def _take_there(tasks: Iterator[Task], pool: "list[_Worker]") -> Iterator[Outcome]:
    """Keep every worker busy, and yield what they answer."""
    while True:
        for worker in sorted(pool, key=lambda one: len(one.waiting)):
            while worker.has_room and (task := next(tasks, None)) is not None:
                worker.hand(task)
        busy = {worker.answers: worker for worker in pool if worker.waiting}
        if not busy:
            return
        ready = wait(list(busy), timeout=LOOK)
        for answers in ready:
            if isinstance(answers, Connection):
                yield from busy[answers].collect()
        for worker in pool:
            yield from worker.look_at_clock()


@dataclass(frozen=True, slots=True)
class _Handed:
    """A file in the hands of a worker, and the bytes of the message that told it."""

    task: Task
    message: int


class _Worker:
    """One worker process, started again when it dies."""

    def __init__(self, store_url: str | None, bounds: Bounds) -> None:
        self._store_url = store_url
        self._bounds = bounds
        self.waiting: deque[_Handed] = deque()
        self._since = 0.0  # when the file it is reading began, at the earliest
        self._start()

    def _start(self) -> None:
        task_in, task_out = os.pipe()
        answer_in, answer_out = os.pipe()
        with suppress(OSError):  # a limit of this user's pipes: then fewer answers wait
            fcntl.fcntl(answer_out, fcntl.F_SETPIPE_SZ, ANSWERS)
        # A signal to the whole group reaches an interpreter that is only starting: it is held back until the
        # worker has said that it does not care.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            self._process = subprocess.Popen(
                interpreter.command("pipelines.ingest.worker", task_in, answer_out),
                pass_fds=(task_in, answer_out),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=interpreter.environment(store=self._store_url),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(task_in)
        os.close(answer_out)
        self._tasks = Connection(task_out, readable=False)
        self.answers = Connection(answer_in, writable=False)
        with suppress(BrokenPipeError):  # a worker dead so soon is met when it is given a file
            # Not an argument: an address may hold credentials.
            self._tasks.send((self._store_url, self._bounds))
        self._since = time.monotonic()
        logger.debug("worker process %d begins", self._process.pid)

    @property
    def has_room(self) -> bool:
        """Whether it can be handed one file more."""
        if not self.waiting:
            return True
        return (
            len(self.waiting) < AHEAD
            and sum(handed.task.found.size for handed in self.waiting) < AHEAD_BYTES
            and sum(handed.message for handed in self.waiting) < AHEAD_MESSAGE
        )

    def hand(self, task: Task) -> None:
        """Hand it a file."""
        message = pickle.dumps(task)
        if not self.waiting:
            self._since = time.monotonic()
        self.waiting.append(_Handed(task, len(message)))
        with suppress(OSError):  # dead: that is met when its answer is read
            self._tasks.send_bytes(message)

    def collect(self) -> Iterator[Outcome]:
        """Read every answer that is there; of a dead worker, say what it died of."""
        try:
            while self.waiting and self.answers.poll():
                answer = self.answers.recv()
                if isinstance(answer, Failed):
                    raise answer.error
                if not isinstance(answer, Outcome):
                    raise TypeError(f"a worker answered {type(answer).__name__}")
                self.waiting.popleft()
                self._since = time.monotonic()
                yield answer
        except (EOFError, ConnectionError):
            status = self._process.wait()
            ended = f"signal {-status}" if status < 0 else f"exit code {status}"
            message = f"ended the process that was reading it ({ended})"
            yield self._lost("worker-died", message, "check the file and the memory; then ingest it again")

    def look_at_clock(self) -> Iterator[Outcome]:
        """End a worker that has had its time with a file, and say so of that file."""
        if not self.waiting or self.answers.poll():
            return
        allowed = self._bounds.seconds_for(self.waiting[0].task.found.size)
        if time.monotonic() - self._since < allowed:
            return
        message = f"was not read within {allowed:.0f} s"
        yield self._lost("worker-timeout", message, "if it is genuine: darkroom quarantine retry NAME --timeout 1h")

    def _lost(self, code: str, message: str, hint: str) -> Outcome:
        """Return up the file being read, and hand the others to a new process."""
        self._end()
        lost, *others = self.waiting
        self.waiting.clear()
        logger.info("a worker %s at %s; another begins, with the %d files it had", code, lost.task.file, len(others))
        self._start()
        for handed in others:
            self.hand(handed.task)
        return refused(lost.task, code, message, hint)

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.waiting.clear()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._tasks.close()
        self.answers.close()
