"""Schedulers: large work in pieces, on processes of this machine or on the workers of a Dask cluster.

A verb cuts its work into few large pieces. A worker opens the array store by its address and reads and writes arrays
there, under the digest of their pixels, so that a piece may be done twice without harm; what a worker that was lost had
in work is done by another. The catalog is the caller's alone: an embedded one serves a cluster as well, and no worker
needs its password. Keys of a bucket go nowhere either: each worker takes them from its own environment.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from arraystore import ArrayStore, StoreError, open_store
from pipelines.errors import DarkroomError, UsageError
from pipelines.version import __version__

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Alike", "Done", "SchedulerGone", "SharedStore", "Unlike", "Workers", "introduce", "worker_name"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")

ALIKE = 5.0  # seconds for which a worker that was found alike is taken to be
LOOK = 0.5  # seconds between looks at a scheduler that says nothing
AHEAD = 2  # pieces per thread that are handed out before one has come back


_alike_since: dict[Any, float] = {}


class SchedulerGone(DarkroomError):
    """The scheduler cannot be reached, or is no more. What was committed stays; run again, the rest is done."""

    exit_code = 3


class Unlike(UsageError):
    """A worker is not like this process: another release, another profile, another store; the message names it."""


@dataclass(frozen=True, slots=True, repr=False)
class SharedStore:
    """The array store of an archive, as a worker opens it.

    Attributes
    ----------
    url : str
        Its address, without keys.
    id : str
        Its identity: a folder of the same name on another machine may hold another store.
    """

    url: str
    id: str

    @property
    def store(self) -> ArrayStore:
        """The store; opened once per process.

        Raises
        ------
        Unlike
            There is none, or another.
        """
        try:
            store = _opened(self.url)
        except StoreError as error:
            raise Unlike(
                f"cannot open the array store: {error} Every worker has to see it under this address"
            ) from error
        if store.id != self.id:
            raise Unlike(f"{self!r} is another array store there: mount the same folder on every worker")
        return store

    def __repr__(self) -> str:
        return f"<store {self.url.partition('?')[0].rpartition('@')[2]}>"  # Dask logs what it was given


@lru_cache(maxsize=4)
def _opened(url: str) -> ArrayStore:
    return open_store(url, create=False)


@dataclass(frozen=True, slots=True)
class Done(Generic[Piece, Result]):
    """A piece that came back.

    Attributes
    ----------
    number : int
        Its place among the pieces, from 0.
    piece : object
        The piece.
    result : object or None
        What was made of it.
    lost : str
        Why nothing was: every worker that had it died.
    """

    number: int
    piece: Piece
    result: Result | None
    lost: str = ""

    def require(self, what: str) -> Result:
        """Return the result.

        Raises
        ------
        DarkroomError
            There is none; the message begins with what was in work.
        """
        if self.lost or self.result is None:
            raise DarkroomError(f"{what} {self.lost}; give each worker more memory, or do it without a scheduler")
        return self.result


@dataclass(frozen=True, slots=True)
class Alike:
    """What has to be the same on both sides: the release, and what `facts` returns.

    Attributes
    ----------
    version : str
        Of the process that has the work.
    facts : callable
        Returns what else counts, by name.
    here : Mapping
        What it returns there.
    """

    version: str
    facts: Callable[[], Mapping[str, str]]
    here: Mapping[str, str]

    def require(self) -> None:
        """Raise `Unlike` where this process differs; looked at every few seconds, for a file may change."""
        key = (self.version, self.facts, tuple(sorted(self.here.items())))
        if time.monotonic() - _alike_since.get(key, -ALIKE) < ALIKE:
            return
        self._compare()
        _alike_since.clear()
        _alike_since[key] = time.monotonic()

    def _compare(self) -> None:
        if __version__ != self.version:
            raise Unlike(f"has darkroom {__version__}, and this process {self.version}: install the same release there")
        there = dict(self.facts())
        names = sorted(name for name in {*there, *self.here} if there.get(name) != self.here.get(name))
        if names:
            raise Unlike(
                f"has not the instrument profiles that this process has ({', '.join(names)}): set "
                "DARKROOM_PROFILES and install the same distributions there"
            )


class Workers:
    """The workers of a scheduler, with the store they open; made by `pipelines.schedulers.connecting.connected`.

    Without a client every piece is done here, one after another.
    """

    def __init__(self, client: Client | None, shared: SharedStore, alike: Alike) -> None:
        self._client = client
        self._shared = shared
        self._alike = alike
        self._threads, self._counted = 1, -LOOK

    @property
    def threads(self) -> int:
        """How many pieces are in work at once; of a cluster that grows, as many as there were a moment ago."""
        if self._client is not None and time.monotonic() - self._counted > LOOK:
            self._threads, self._counted = max(1, sum(self._client.nthreads().values())), time.monotonic()
        return self._threads

    def each(
        self, work: Callable[[SharedStore, Piece], Result], pieces: Iterable[Piece]
    ) -> Generator[Done[Piece, Result], None, None]:
        """Do a work on every piece, and yield each as it comes back.

        Parameters
        ----------
        work : callable
            Given the shared store and a piece; a function of a module.
        pieces : iterable
            Asked for a few ahead of the workers, never all at once.

        Raises
        ------
        SchedulerGone
            The scheduler went away; what was yielded before is done.
        Unlike
            A worker is of another release, or has other profiles.
        Exception
            What `work` raised.
        """
        if self._client is None:
            for number, piece in enumerate(pieces):
                yield Done(number, piece, work(self._shared, piece))
            return
        yield from self._on_cluster(self._client, work, pieces)

    def in_order(
        self, work: Callable[[SharedStore, Piece], Result], pieces: Iterable[Piece]
    ) -> Generator[Done[Piece, Result], None, None]:
        """As :meth:`each`, in the order of the pieces: what comes early is kept until its turn."""
        early: dict[int, Done[Piece, Result]] = {}
        turn = 0
        for done in self.each(work, pieces):
            early[done.number] = done
            while turn in early:
                yield early.pop(turn)
                turn += 1

    def _on_cluster(
        self, client: Client, work: Callable[[SharedStore, Piece], Result], pieces: Iterable[Piece]
    ) -> Generator[Done[Piece, Result], None, None]:
        run, source = secrets.token_hex(4), enumerate(pieces)
        waiting: dict[str, tuple[Any, int, Piece]] = {}
        finished: SimpleQueue[str] = SimpleQueue()
        try:
            while True:
                with _still_there(client):
                    room = AHEAD * self.threads - len(waiting)
                for number, piece in islice(source, max(0, room)):
                    with _still_there(client):
                        key = f"darkroom-{getattr(work, '__name__', 'work').strip('_')}-{run}-{number}"
                        future = client.submit(_carry_out, work, self._shared, self._alike, piece, key=key, pure=False)
                    waiting[key] = (future, number, piece)
                    future.add_done_callback(lambda ended: finished.put(ended.key))
                if not waiting:
                    return
                future, number, piece = waiting.pop(_next(client, finished))
                yield self._came_back(client, future, number, piece)
        finally:
            with suppress(Exception):  # whatever ended the run is what is told
                client.cancel([future for future, _, _ in waiting.values()])

    def _came_back(self, client: Client, future: Any, number: int, piece: Piece) -> Done[Piece, Any]:
        from distributed import KilledWorker

        with _still_there(client):
            try:
                return Done(number, piece, future.result())
            except KilledWorker as error:
                return Done(number, piece, None, f"ended every worker that had it: {error.last_worker}"[:300])


def _carry_out(work: Callable[[SharedStore, Piece], Result], shared: SharedStore, alike: Alike, piece: Piece) -> Result:
    """Do one piece, on a worker."""
    try:
        alike.require()
        _ = shared.store
    except Unlike as error:
        raise Unlike(f"the worker {worker_name()} {error}") from error
    return work(shared, piece)


def introduce(shared: SharedStore, alike: Alike) -> str:
    """Say what is wrong with this worker; nothing if it will do."""
    try:
        alike.require()
        _ = shared.store
    except (DarkroomError, StoreError) as error:
        return str(error)
    return ""


def worker_name() -> str:
    """Return the address of the worker that this process is."""
    try:
        from distributed import get_worker

        return str(get_worker().address)
    except (ImportError, ValueError):  # without a cluster pieces are done where they are made
        return "of this process"


def _next(client: Client, finished: SimpleQueue[str]) -> str:
    """Wait for the next piece that has ended, as long as the scheduler is there."""
    while True:
        try:
            return finished.get(timeout=LOOK)
        except Empty:
            if client.status != "running":
                raise _gone(client) from None


@contextmanager
def _still_there(client: Client) -> Iterator[None]:
    """Tell a scheduler that is no more from what a piece itself raised."""
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError

    try:
        yield
    except (CommClosedError, FutureCancelledError) as error:
        raise _gone(client) from error
    except Exception as error:
        if client.status == "running" or isinstance(error, DarkroomError):
            raise
        raise _gone(client) from error


def _gone(client: Client) -> SchedulerGone:
    where = getattr(client.scheduler, "address", None) or "the scheduler"
    return SchedulerGone(
        f"the scheduler {where} went away: what was committed stays; run it again, the rest is done then"
    )
