"""Lanes: so much work at once, so much waiting, so long; what is more is sent away at once, and told to come back."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from catalog import time_limit
from pipelines.web.answers import Busy

__all__ = ["Lane"]

T = TypeVar("T")


class Lane:
    """Threads that do the work of requests.

    Parameters
    ----------
    name : str
        Of its threads.
    workers : int
        Requests that are worked on at a time.
    waiting : int
        Requests that may wait for a worker.
    seconds : float
        How long one may take, waiting included. A question to the catalog ends then; what cannot be ended, such as
        reading pixels, goes on and keeps its worker, and its answer is thrown away.
    """

    def __init__(self, name: str, *, workers: int, waiting: int, seconds: float) -> None:
        self.seconds = seconds
        self._room = workers + waiting
        self._inside = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"darkroom-{name}")

    async def run(self, work: Callable[[], T]) -> T:
        """Do some work in a thread.

        Raises
        ------
        Busy
            Too much waits already, or it took too long.
        """
        with self._lock:
            if self._inside >= self._room:
                raise Busy("too much is asked of this server at once; ask again in a moment")
            self._inside += 1
        job = self._pool.submit(contextvars.copy_context().run, self._bounded, work)
        job.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(job), self.seconds)
        except TimeoutError:
            raise Busy(f"that took longer than {self.seconds:g} s; ask for less: one night, one camera") from None

    def _bounded(self, work: Callable[[], T]) -> T:
        with time_limit(self.seconds):
            return work()

    def _leave(self, job: object) -> None:
        with self._lock:
            self._inside -= 1

    def close(self) -> None:
        """End the threads; what has not begun never does."""
        self._pool.shutdown(wait=False, cancel_futures=True)
