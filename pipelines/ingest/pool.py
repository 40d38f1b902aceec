"""Worker processes that take files; a file that kills, hangs or swells its worker costs only itself.

Each worker is a fresh interpreter that is handed files over a pipe, so nothing is inherited by
accident (threads, locks, database sockets), the caller's main module is never imported again, and it
is always known which file a dead worker was reading. A few files are handed out ahead, so that no
worker waits while what it has done is committed; small ones go and come back several in one message.
"""

import fcntl
import logging
import mmap
import os
import pickle
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from tempfile import TemporaryDirectory, TemporaryFile

from arraystore import ArrayStore, open_store
from pipelines.ingest.file import Outcome, Task, refused, take
from pipelines.ingest.worker import COUNT, Failed, needs_worker
from pipelines.instruments import Profile, profiles
from pipelines.processes import interpreter
from pipelines.processes.limits import Bounds

logger = logging.getLogger(__name__)

AHEAD = 64  # files handed to a worker before it has answered
AHEAD_BYTES = 32 << 20  # and bytes of files, so that a run that is to stop need not wait for many
AHEAD_MESSAGE = 32 << 10  # and bytes of messages: what waits in a pipe never blocks both of its ends
TOGETHER = 16  # files in one message, at most
TOGETHER_NAMES = 8 << 10  # and bytes of their names, at most, but for the last
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
        yield from _take_here(iter(tasks), store_url, bounds)
        return
    pool = [_Worker(store_url, bounds) for _ in range(jobs)]
    try:
        yield from _take_there(iter(tasks), pool)
    finally:
        for worker in pool:
            worker.stop()


def _take_here(tasks: Iterator[Task], store_url: str | None, bounds: Bounds) -> Iterator[Outcome]:
    store = None if store_url is None else open_store(store_url)
    known = profiles()
    alone = store is not None and store.url.startswith("memory:")  # no other process sees this memory
    with ExitStack() as opened:
        helper: _Worker | None = None
        while some := _together(tasks):
            packed = {task.file for task in some if needs_worker(task.opened)}
            with nullcontext() if store is None else store.batch() as batch:
                outcomes = [take(task, store=batch, profiles=known) for task in some if task.file not in packed]
            yield from outcomes
            if not packed:
                continue
            if helper is None:
                # What it decompresses for a store in memory goes nowhere: it is a trial of the file.
                trial = opened.enter_context(TemporaryDirectory(prefix="darkroom-trial-")) if alone else None
                helper = _Worker(store_url if trial is None else trial, bounds)
                opened.callback(helper.stop)
            for outcome in _take_there((task for task in some if task.file in packed), [helper]):
                yield _taken_again(outcome, store, known) if alone and outcome.state == "taken" else outcome


def _taken_again(outcome: Outcome, store: ArrayStore | None, known: Mapping[str, Profile]) -> Outcome:
    """Take a file whose trial went well into a store of this process."""
    with nullcontext() if store is None else store.batch() as batch:
        return take(outcome.task, store=batch, profiles=known)


def _take_there(tasks: Iterator[Task], pool: "list[_Worker]") -> Iterator[Outcome]:
    """Keep every worker busy, and yield what they answer."""
    while True:
        for worker in sorted(pool, key=lambda one: len(one.waiting)):
            while worker.has_room and (some := _together(tasks)):
                worker.hand(some)
        busy = {worker.answers: worker for worker in pool if worker.waiting}
        if not busy:
            return
        ready = wait(list(busy), timeout=LOOK)
        for answers in ready:
            if isinstance(answers, Connection):
                yield from busy[answers].collect()
        for worker in pool:
            yield from worker.look_at_clock()


def _together(tasks: Iterator[Task]) -> list[Task]:
    """Return the next tasks that go into one message: several small files, or one that is not small."""
    some: list[Task] = []
    nbytes = names = 0
    while len(some) < TOGETHER and nbytes < AHEAD_BYTES // TOGETHER and names < TOGETHER_NAMES:
        task = next(tasks, None)
        if task is None:
            break
        some.append(task)
        nbytes += max(0, task.found.size)
        names += len(task.file) + len(task.located.path)
    return some


@dataclass(frozen=True, slots=True)
class _Handed:
    """A file in the hands of a worker, and its share of the message that told it, in bytes."""

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
        # The worker counts the files it begins here, so that it is known which one it died of though
        # its answers come several in one message.
        shared = TemporaryFile()  # noqa: SIM115 - kept open until the process is there
        shared.truncate(COUNT.size)
        self._count = mmap.mmap(shared.fileno(), COUNT.size)
        self._answered = 0  # files this process has answered
        self._begun = 0  # files it had begun when it was last looked at
        task_in, task_out = os.pipe()
        answer_in, answer_out = os.pipe()
        with suppress(OSError):  # a limit of this user's pipes: then fewer answers wait
            fcntl.fcntl(answer_out, fcntl.F_SETPIPE_SZ, ANSWERS)
        # A signal to the whole group reaches an interpreter that is only starting: it is held back until the
        # worker has said that it does not care.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            self._process = subprocess.Popen(
                interpreter.command("pipelines.ingest.worker", task_in, answer_out, shared.fileno()),
                pass_fds=(task_in, answer_out, shared.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=interpreter.environment(store=self._store_url),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        shared.close()
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
        """Whether it can be handed a message of files more."""
        if not self.waiting:
            return True
        return (
            len(self.waiting) <= AHEAD - TOGETHER
            and sum(handed.task.found.size for handed in self.waiting) < AHEAD_BYTES
            and sum(handed.message for handed in self.waiting) < AHEAD_MESSAGE
        )

    def hand(self, tasks: Sequence[Task]) -> None:
        """Hand it some files."""
        message = pickle.dumps(tasks)
        if not self.waiting:
            self._since = time.monotonic()
        self.waiting.extend(_Handed(task, len(message) // len(tasks)) for task in tasks)
        with suppress(OSError):  # dead: that is met when its answer is read
            self._tasks.send_bytes(message)

    def collect(self) -> Iterator[Outcome]:
        """Read every answer that is there; of a dead worker, say what it died of."""
        try:
            while self.waiting and self.answers.poll():
                answers = self.answers.recv()
                if isinstance(answers, Failed):
                    raise answers.error
                for answer in answers:
                    self._answered += 1
                    yield Outcome.of(self.waiting.popleft().task, answer)
        except (EOFError, ConnectionError):
            status = self._process.wait()
            ended = f"signal {-status}" if status < 0 else f"exit code {status}"
            message = f"ended the process that was reading it ({ended})"
            yield self._lost("worker-died", message, "check the file and the memory; then ingest it again")

    def look_at_clock(self) -> Iterator[Outcome]:
        """End a worker that has had its time with a file, and say so of that file."""
        begun = COUNT.unpack(self._count)[0]
        if begun != self._begun:
            self._begun, self._since = begun, time.monotonic()
        if not self.waiting or self.answers.poll():
            return
        allowed = self._bounds.seconds_for(self.waiting[self._place()].task.found.size)
        if time.monotonic() - self._since < allowed:
            return
        message = f"was not read within {allowed:.0f} s"
        yield self._lost("worker-timeout", message, "if it is genuine: darkroom quarantine retry NAME --timeout 1h")

    def _place(self) -> int:
        """Return which of the files that wait is being read: those before it are done, and not yet answered."""
        begun: int = COUNT.unpack(self._count)[0]
        return min(max(0, begun - self._answered - 1), len(self.waiting) - 1)

    def _lost(self, code: str, message: str, hint: str) -> Outcome:
        """Give up the file being read, and hand the others to a new process."""
        place = self._place()
        self._end()
        others = list(self.waiting)
        lost = others.pop(place)
        self.waiting.clear()
        logger.info("a worker %s at %s; another begins, with the %d files it had", code, lost.task.file, len(others))
        self._start()
        again = iter([handed.task for handed in others])
        while some := _together(again):
            self.hand(some)
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
        self._count.close()
