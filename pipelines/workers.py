"""Worker processes that take files in parallel; a file that kills its worker costs only itself.

Each worker is a fresh interpreter that is handed one file at a time over a pipe, so nothing is
inherited by accident (threads, locks, database sockets), the caller's main module is never imported
again, and it is always known which file a dead worker was reading.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue

from arraystore import ArrayStore, StoreError, open_store
from pipelines import interpreter
from pipelines.instruments import profiles
from pipelines.take import Outcome, Task, refused, take

WINDOW = 8  # files handed out ahead, per worker


@dataclass(frozen=True, slots=True)
class _Failed:
    """A worker's word that no file can be taken now."""

    error: StoreError


def take_all(tasks: Iterable[Task], *, store_url: str | None, jobs: int) -> Iterator[Outcome]:
    """Take files, in worker processes when ``jobs`` > 1, yielding outcomes as they come.

    Parameters
    ----------
    store_url : str or None
        Where arrays go; None for headers only.
    jobs : int
        Worker processes; 1 works in this process.

    Raises
    ------
    arraystore.StoreError
        The store is full, gone, damaged or read-only.
    """
    if jobs <= 1:
        store = None if store_url is None else open_store(store_url)
        known = profiles()
        for task in tasks:
            yield take(task, store=store, profiles=known)
        return
    idle: SimpleQueue[_Worker] = SimpleQueue()
    workers = [_Worker(store_url) for _ in range(jobs)]
    for worker in workers:
        idle.put(worker)

    def one(task: Task) -> Outcome:
        worker = idle.get()
        try:
            return worker.take(task)
        finally:
            idle.put(worker)

    pool = ThreadPoolExecutor(jobs, thread_name_prefix="darkroom-worker")
    try:
        pending: set[Future[Outcome]] = set()
        for task in tasks:
            pending.add(pool.submit(one, task))
            if len(pending) >= WINDOW * jobs:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        for future in pending:
            future.cancel()
        for worker in workers:
            worker.stop()
        pool.shutdown()


class _Worker:
    """One worker process, started again when it dies."""

    def __init__(self, store_url: str | None) -> None:
        self._store_url = store_url
        self._stopped = False
        self._start()

    def _start(self) -> None:
        task_in, task_out = os.pipe()
        answer_in, answer_out = os.pipe()
        self._process = subprocess.Popen(
            interpreter.command("pipelines.workers", task_in, answer_out),
            pass_fds=(task_in, answer_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=interpreter.environment(),
        )
        os.close(task_in)
        os.close(answer_out)
        self._tasks = Connection(task_out, readable=False)
        self._answers = Connection(answer_in, writable=False)
        with suppress(BrokenPipeError):  # a worker dead so soon is met when it is given a file
            self._tasks.send(self._store_url)  # not an argument: an address may hold credentials

    def take(self, task: Task) -> Outcome:
        try:
            self._tasks.send(task)
            answer = self._answers.recv()
        except (EOFError, OSError):
            status = self._process.wait()
            self._close()
            if not self._stopped:
                self._start()
            ended = f"signal {-status}" if status < 0 else f"exit code {status}"
            message = f"ended the process that was reading it ({ended})"
            return refused(task, "worker-died", message, "check the file and the memory; then ingest it again")
        if isinstance(answer, _Failed):
            raise answer.error
        if not isinstance(answer, Outcome):
            raise TypeError(f"a worker answered {type(answer).__name__}")
        return answer

    def stop(self) -> None:
        self._stopped = True
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        self._tasks.close()
        self._answers.close()


def _serve(tasks: Connection, answers: Connection) -> None:
    """Take files one after another until the parent closes the pipe."""
    store_url: str | None = tasks.recv()
    store: ArrayStore | None = None
    known = profiles()
    while True:
        try:
            task = tasks.recv()
        except EOFError:
            return
        try:
            if store is None and store_url is not None:
                store = open_store(store_url)
            answers.send(take(task, store=store, profiles=known))
        except StoreError as error:
            answers.send(_Failed(error))


if __name__ == "__main__":
    # Under this name the dataclasses above would be __main__'s: pickle by their real module.
    from pipelines import workers

    workers._serve(Connection(int(sys.argv[1]), writable=False), Connection(int(sys.argv[2]), readable=False))
