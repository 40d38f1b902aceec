"""Makes one operation of catalog or store go wrong, whichever comes k-th: the seam of both, counted together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo.errors

from arraystore import ArrayStore, StoreError, StoreUnreachable
from arraystore.backends.addresses import open_backend
from arraystore.testing.faults import Fault, FaultyBackend
from catalog import CatalogError
from pipelines import open_archive
from pipelines.archive import Archive
from tests.crash.processes import DIED, finish, start

#: How an operation goes wrong: it is not done; it is done and nobody is told; half of it is done; the process
#: ends before it, or in the midst of it. (To end after one is to end before the next.)
SORTS = ("fails", "is unanswered", "tears", "dies before", "dies within")
ASKS = frozenset({"find", "find_one", "aggregate", "distinct", "count_documents", "estimated_document_count"})
WRITES = frozenset(
    {
        "insert_one",
        "insert_many",
        "replace_one",
        "update_one",
        "update_many",
        "delete_one",
        "delete_many",
        "bulk_write",
        "find_one_and_update",
        "find_one_and_replace",
        "find_one_and_delete",
    }
)
NAMES = {"dies before": "fails", "dies within": "tears"}


@dataclass(slots=True)
class Struck(Fault):
    """A fault that may also end the process, be repeated, and tell what it struck."""

    dies: bool = False
    persistent: bool = False
    struck: list[int] = field(default_factory=list)

    def strikes(self) -> bool:
        self.count += 1
        hit = self.count == self.at or (self.persistent and 0 < self.at <= self.count)
        if hit:
            self.struck.append(self.count)
        return hit

    def apply(self, action: Any, half: Any = None) -> Any:
        if self.sort == "tears" and half is None:
            return action()  # it is done or not, there is nothing between: not counted
        if not self.dies or self.count + 1 != self.at:
            return Fault.apply(self, action, half)
        if self.sort == "tears":
            half()
        os._exit(DIED)


@dataclass(slots=True)
class Crash(Fault):
    """The process is gone at its n-th write: that one is not done, or half of it, and nothing after it.

    Attributes
    ----------
    torn : bool
        Whether half of a write that has several parts is done.
    gone : bool
        Whether it has happened.
    """

    torn: bool = False
    gone: bool = False

    def apply(self, action: Any, half: Any = None) -> Any:
        if not self.gone:
            self.count += 1
            if self.count != self.at:
                return action()
            self.gone = True
            if self.torn and half is not None:
                half()
        raise StoreUnreachable(f"the process is gone at write {self.at}, as the test wants it.")


class FaultyWrites(FaultyBackend):
    """A store's backend whose reading always works: its writes alone are counted."""

    __slots__ = ()

    def reader(self, path: str) -> Any:
        return self.inner.reader(path)

    def read(self, path: str) -> bytes:
        return self.inner.read(path)

    def stat(self, path: str) -> Any:
        return self.inner.stat(path)

    def walk(self, prefix: str) -> Iterator[Any]:
        return self.inner.walk(prefix)

    def objects(self) -> Iterator[Any]:
        return self.inner.objects()

    def leftovers(self) -> Iterator[Any]:
        return self.inner.leftovers()


def struck(sort: str, at: int, *, persistent: bool = False) -> Struck:
    """Make a fault of one of `SORTS`."""
    return Struck(NAMES.get(sort, sort), at, dies=sort in NAMES, persistent=persistent)


class FaultyCollection:
    """A collection of a catalog's backend, one of whose operations goes wrong."""

    def __init__(self, inner: Any, fault: Fault) -> None:
        self._inner = inner
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in (WRITES if isinstance(self._fault, Crash) else ASKS | WRITES):
            return method

        def call(*arguments: Any, **options: Any) -> Any:
            def half() -> None:
                if len(arguments[0]) > 1:
                    method(arguments[0][: len(arguments[0]) // 2], *arguments[1:], **options)

            # A server may have done the first requests of several; a single one is whole or not at all.
            several = name in ("bulk_write", "insert_many")
            try:
                return self._fault.apply(lambda: method(*arguments, **options), half if several else None)
            except Exception as error:
                if "as the test wants it" in str(error):
                    raise pymongo.errors.AutoReconnect(str(error)) from None
                raise

        return call


class FaultyCatalogBackend:
    """A catalog's backend, whose collections are faulty."""

    def __init__(self, inner: Any, fault: Fault) -> None:
        self._inner = inner
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def collection(self, name: str) -> FaultyCollection:
        return FaultyCollection(self._inner.collection(name), self._fault)


@contextmanager
def faulty_archive(home: Path, fault: Fault) -> Iterator[Archive]:
    """Open an archive whose catalog and store share one fault; ingests in this process use it too."""
    import pipelines.ingest.pool

    with open_archive(home) as archive:
        address = str(home / "store")
        faulty = FaultyWrites if isinstance(fault, Crash) else FaultyBackend
        store = ArrayStore(faulty(open_backend(address, readonly=False, create=True), fault))
        archive.session.__dict__["store"] = store
        archive.catalog._backend = FaultyCatalogBackend(archive.catalog._backend, fault)  # type: ignore[assignment]
        before = pipelines.ingest.pool.open_store
        pipelines.ingest.pool.open_store = lambda *_, **__: store  # type: ignore[assignment]
        try:
            yield archive
        finally:
            pipelines.ingest.pool.open_store = before


def strike(home: Path, sort: str, k: int, act: Callable[..., None], *arguments: Any) -> bool:
    """Do something with its k-th operation going wrong; whether there was a k-th.

    Parameters
    ----------
    act : callable
        Given the archive and the arguments; of a module, as another process may have to find it.
    """
    if sort.startswith("dies"):
        (code,) = finish(start(_die, home, sort, k, act, *arguments))
        assert code in (0, DIED), code
        return code == DIED
    fault = struck(sort, k)
    with suppress(StoreError, CatalogError), faulty_archive(home, fault) as archive:
        act(archive, *arguments)
    return bool(fault.struck)


def numbers(home: Path, sort: str, act: Callable[..., None], *arguments: Any, every: bool) -> range:
    """Return which operations to let go wrong: every one, or every fifth, another fifth for each of `SORTS`.

    Parameters
    ----------
    home : Path
        An archive in which `act` is done once, to count its operations.
    """
    fault = struck(sort, 0)
    with faulty_archive(home, fault) as archive:
        act(archive, *arguments)
    step = 1 if every else max(1, min(len(SORTS), fault.count // 6))
    return range(1 + SORTS.index(sort) % step, fault.count + 1, step)


def crash(home: Path, k: int, act: Callable[..., None], *arguments: Any, torn: bool) -> bool:
    """Do something in a process that is gone at its k-th write to catalog or store; whether there was a k-th."""
    fault = Crash("fails", k, torn=torn)
    with suppress(StoreError, CatalogError), faulty_archive(home, fault) as archive:
        act(archive, *arguments)
    return fault.gone


def _die(home: Path, sort: str, k: int, act: Callable[..., None], *arguments: Any) -> None:
    with faulty_archive(home, struck(sort, k)) as archive:
        act(archive, *arguments)


__all__ = [
    "SORTS",
    "FaultyCatalogBackend",
    "FaultyCollection",
    "Struck",
    "crash",
    "faulty_archive",
    "numbers",
    "strike",
    "struck",
]
