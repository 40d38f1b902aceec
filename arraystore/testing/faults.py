"""Faults: a backend one of whose operations goes wrong, for tests of what is built on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from arraystore.backends.protocol import Backend, Entry, RangeReader, StagedFile, Staging, StoredObject
from arraystore.errors import StoreUnreachable

__all__ = ["FAULTS", "Fault", "FaultyBackend"]

#: What can happen to an operation: it is not done; it is done and its answer is lost; half of
#: it is done; it takes long.
FAULTS = ("fails", "is unanswered", "tears", "stalls")


@dataclass(slots=True)
class Fault:
    """Which operation goes wrong, and how.

    Attributes
    ----------
    sort : str
        One of `FAULTS`.
    at : int
        Number of the operation, from 1; 0 for none.
    pause : float
        Seconds that one which stalls takes longer.
    count : int
        Operations so far.
    """

    sort: str
    at: int = 0
    pause: float = 0.01
    count: int = 0

    def strikes(self) -> bool:
        """Count an operation; whether it is the one."""
        self.count += 1
        return self.count == self.at

    def apply(self, action: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        """Do an operation, or what is left of it."""
        if not self.strikes():
            return action()
        if self.sort == "stalls":
            time.sleep(self.pause)
            return action()
        if self.sort == "is unanswered":
            action()
        elif self.sort == "tears" and half is not None:
            half()
        raise StoreUnreachable(f"operation {self.count} {self.sort}, as the test wants it.")


@dataclass(frozen=True, slots=True)
class _FaultyReader:
    inner: RangeReader
    fault: Fault

    @property
    def identity(self) -> tuple[int, ...] | None:
        return self.inner.identity

    def read(self, offset: int, length: int) -> bytes:
        if self.fault.sort == "tears" and self.fault.strikes():
            return self.inner.read(offset, length // 2)
        return bytes(self.fault.apply(lambda: self.inner.read(offset, length)))

    def ahead(self, offset: int, length: int) -> None:
        self.inner.ahead(offset, length)


@dataclass(frozen=True, slots=True)
class _FaultyFile:
    inner: StagedFile
    fault: Fault

    def write(self, data: bytes, /) -> None:
        self.fault.apply(lambda: self.inner.write(data), lambda: self.inner.write(data[: len(data) // 2]))


@dataclass(frozen=True, slots=True)
class _FaultyStaging:
    inner: Staging
    fault: Fault

    @contextmanager
    def create(self, name: str) -> Iterator[StagedFile]:
        with self.inner.create(name) as file:
            yield _FaultyFile(file, self.fault)

    def publish(self, digest: str) -> bool:
        return bool(self.fault.apply(lambda: self.inner.publish(digest)))

    def discard(self) -> None:
        self.inner.discard()


@dataclass(frozen=True, slots=True)
class FaultyBackend:
    """A backend one of whose operations goes wrong.

    Attributes
    ----------
    inner : Backend
        The backend that does the work.
    fault : Fault
        What goes wrong.
    """

    inner: Backend
    fault: Fault

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def id(self) -> str:
        return self.inner.id

    @property
    def concurrency(self) -> int:
        return 1

    @contextmanager
    def reader(self, path: str) -> Iterator[RangeReader]:
        with self.inner.reader(path) as reader:
            yield _FaultyReader(reader, self.fault)

    def read(self, path: str) -> bytes:
        return bytes(self.fault.apply(lambda: self.inner.read(path)))

    def stat(self, path: str) -> Entry | None:
        found: Entry | None = self.fault.apply(lambda: self.inner.stat(path))
        return found

    def walk(self, prefix: str) -> Iterator[Entry]:
        yield from self.fault.apply(lambda: list(self.inner.walk(prefix)))

    def stage(self) -> Staging:
        return _FaultyStaging(self.inner.stage(), self.fault)

    def objects(self) -> Iterator[StoredObject]:
        yield from self.fault.apply(lambda: list(self.inner.objects()))

    def touch(self, digest: str) -> bool:
        return bool(self.fault.apply(lambda: self.inner.touch(digest)))

    def withdraw(self, digest: str, keep: Callable[[float], bool]) -> bool:
        return bool(self.fault.apply(lambda: self.inner.withdraw(digest, keep)))

    def recover(self) -> None:
        self.fault.apply(self.inner.recover)

    def leftovers(self) -> Iterator[Entry]:
        yield from self.fault.apply(lambda: list(self.inner.leftovers()))

    def clear(self, path: str) -> bool:
        return bool(self.fault.apply(lambda: self.inner.clear(path)))

    def write(self, files: Mapping[str, bytes]) -> None:
        first = dict(list(files.items())[: len(files) // 2])
        self.fault.apply(lambda: self.inner.write(files), lambda: self.inner.write(first))

    def create(self, path: str, data: bytes) -> bool:
        return bool(self.fault.apply(lambda: self.inner.create(path, data)))

    def create_many(self, files: Mapping[str, bytes]) -> set[str]:
        return set(self.fault.apply(lambda: self.inner.create_many(files)))

    def remove(self, path: str) -> None:
        self.fault.apply(lambda: self.inner.remove(path))

    def require_writable(self) -> None:
        self.inner.require_writable()
