"""Copying: a store brought to another place, object by object and record by record, each proved by its digest.

What goes there is hashed on its way and compared with the object's manifest, then read back. A copy may be cut
short at any point: what was proved is noted at the target, and is not copied again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Semaphore
from typing import TypeVar

from arraystore.backends.protocol import Backend, Entry
from arraystore.backends.receiving import Receiver, receive
from arraystore.errors import ArrayDamaged, Lost, NotAStore
from arraystore.format.manifests import Manifest
from arraystore.proving import Notes, hashed, holds, manifest_of
from arraystore.records import unframed
from arraystore.ref import object_path

__all__ = ["Copied", "StoreCopy"]

T = TypeVar("T")

_RECORDS = 64  # written, and forced to disk, together
_WORKERS = 4
_MOST_WORKERS = 16
#: Objects over this size are on their way two at a time, so that memory is bounded.
_LARGE = 16 * 2**20
#: Seconds that the clocks of two places may differ.
_SKEW = 900.0


@dataclass(frozen=True, slots=True)
class Copied:
    """What one pass over a store found and did.

    Attributes
    ----------
    objects, records, nbytes : int
        What the source holds: arrays, records, bytes of both.
    written, removed : int
        Arrays and records written, and those removed that the source has no more.
    written_bytes : int
        Bytes of what was written.
    damaged : tuple of str
        What is damaged in the source and was not copied, each with the reason.
    """

    objects: int
    records: int
    nbytes: int
    written: int
    removed: int
    written_bytes: int
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Arrived:
    """What became of an object: the bytes written, and what is wrong with the one of the source."""

    nbytes: int = 0
    wrong: str = ""


class StoreCopy:
    """A store on its way to another place.

    Parameters
    ----------
    source : Backend
        The store; it is only read, and others may go on using it.
    url : str or path
        The place it is copied to.
    begin : bool
        Begin the copy; without it the place is looked at only.

    Raises
    ------
    NotAStore, StoreTooNew, InvalidStoreURL, StoreReadOnly, StoreUnreachable
        As `arraystore.backends.receiving.receive`.
    """

    def __init__(self, source: Backend, url: str | os.PathLike[str], *, begin: bool = True) -> None:
        self._source = source
        self._to: Receiver = receive(url, store=source.id, source=source.url, begin=begin)
        if self._to.backend.url == source.url:
            raise NotAStore(f"{source.url} would be copied onto itself. Name another place.")
        self._target = self._to.backend
        self._workers = min(_MOST_WORKERS, max(_WORKERS, source.concurrency, self._target.concurrency))
        self._large = Semaphore(2)
        self._notes: Notes | None = None

    @property
    def url(self) -> str:
        """Where it goes, without the options of the address."""
        return self._target.url

    def lacking(self) -> Copied:
        """Return what the source holds, and as written what of it is not at the target yet; nothing is changed."""
        objects, records = self._listed()
        there = {found.digest: found.nbytes for found in self._target.objects()}
        paths = {entry.path: entry.size for entry in self._target.walk("records")}
        sizes = [size for digest, size in objects.items() if there.get(digest) != size]
        sizes += [entry.size for entry in records if paths.get(entry.path) != entry.size]
        return Copied(len(objects), len(records), _bytes(objects, records), len(sizes), 0, sum(sizes), ())

    def once(self, progress: Callable[[int, int], None] | None = None) -> Copied:
        """Bring over whatever the source holds now and the target lacks, and prove it.

        Parameters
        ----------
        progress : callable, optional
            Called with the arrays and records done, and how many there are.

        Raises
        ------
        StoreFull, StoreReadOnly, StoreUnreachable
            Either place cannot be used; run it again, it goes on from here.
        ArrayDamaged
            The target does not hold what was written to it, or a record of another content under the same name.
        """
        if self._notes is None:
            self._notes = Notes.read(self._target)
        objects, records = self._listed()
        total, written, nbytes = len(objects) + len(records), 0, 0
        damaged: list[str] = []
        there = {found.digest: found.nbytes for found in self._target.objects()}
        paths = {entry.path: entry for entry in self._target.walk("records")}
        wanted = [d for d, size in objects.items() if there.get(d) != size or not self._known(d)]
        newer = [entry for entry in records if self._differs(entry, paths.get(entry.path))]
        done = total - len(wanted) - len(newer)
        try:
            with ThreadPoolExecutor(self._workers, thread_name_prefix="arraystore-copy") as pool:
                for digest, arrived in _in_turn(pool, lambda d: self._object(d, d in there), wanted, self._workers):
                    written, nbytes = written + bool(arrived.nbytes), nbytes + arrived.nbytes
                    done += 1
                    if progress is not None:
                        progress(done, total)
                    if arrived.wrong:
                        damaged.append(arrived.wrong)
                    elif not self._to.complete:
                        self._notes.add(digest, "-")
                for some in (newer[n : n + _RECORDS] for n in range(0, len(newer), _RECORDS)):
                    sizes, bad = self._records(pool, some)
                    written, nbytes, damaged = written + len(sizes), nbytes + sum(sizes), damaged + bad
                    done += len(some)
                    if progress is not None:
                        progress(done, total)
            removed = self._remove(there.keys() - objects.keys(), paths.keys() - {entry.path for entry in records})
        finally:
            with suppress(Exception):  # what is not noted is proved once more
                self._notes.write()
        return Copied(
            len(objects), len(records), _bytes(objects, records), written, removed, nbytes, tuple(sorted(damaged))
        )

    def finish(self) -> None:
        """Make the target a store, with the identity of the source."""
        self._to.finish()

    def _listed(self) -> tuple[dict[str, int], list[Entry]]:
        objects = {found.digest: found.nbytes for found in self._source.objects()}
        return objects, list(self._source.walk("records"))

    def _known(self, path: str, stamp: str = "-") -> bool:
        return self._to.complete or (self._notes is not None and self._notes.known.get(path) == stamp)

    def _differs(self, entry: Entry, there: Entry | None) -> bool:
        """Whether a record may be another at the target: it is as long, and is no younger than what was copied."""
        if there is None or there.size != entry.size:
            return True
        if self._to.complete:
            return entry.modified > there.modified - _SKEW
        return not self._known(entry.path, _stamp(entry))

    def _object(self, digest: str, there: bool) -> _Arrived:
        """Bring an object over, unless it is there already and sound."""
        try:
            data, manifest = manifest_of(self._source, digest)
        except (Lost, ArrayDamaged) as error:
            return _Arrived(wrong=f"{object_path(digest)}: {error}")
        if there:
            if holds(self._target, digest, data, manifest):
                return _Arrived()
            self._target.withdraw(digest, lambda _: False)
        large = manifest.nbytes > _LARGE
        if large:
            self._large.acquire()
        try:
            wrong = self._send(digest, manifest, data)
        finally:
            if large:
                self._large.release()
        if wrong:
            return _Arrived(wrong=wrong)
        if not holds(self._target, digest, data, manifest):
            raise ArrayDamaged(
                f"{self._target.url}/{object_path(digest)} is not what was written there. Check that place, then run "
                "the copy again."
            )
        return _Arrived(manifest.nbytes)

    def _send(self, digest: str, manifest: Manifest, data: bytes) -> str:
        """Write and publish an object; return what is wrong with the one of the source."""
        path, staging = object_path(digest), self._target.stage()
        try:
            for name, record in manifest.files.items():
                with staging.create(name) as file:
                    parts = hashed(self._source, f"{path}/{name}", record)
                    while True:
                        try:
                            part = next(parts, b"")
                        except (Lost, ArrayDamaged) as error:  # of the source: what the target raises goes up
                            return f"{path}/{name}: {error}"
                        if not part:
                            break
                        file.write(part)
            with staging.create("manifest.json") as file:
                file.write(data)
            staging.publish(digest)
        finally:
            staging.discard()
        return ""

    def _records(self, pool: ThreadPoolExecutor, entries: Sequence[Entry]) -> tuple[list[int], list[str]]:
        """Bring some records over and read them back; return the bytes of each one written, and what is damaged."""
        read = dict(zip(entries, pool.map(lambda entry: _read(self._source, entry.path), entries), strict=True))
        gone = [f"{entry.path}: damaged" for entry, data in read.items() if data is not None and unframed(data) is None]
        files = {entry.path: data for entry, data in read.items() if data is not None and unframed(data) is not None}
        there = dict(zip(files, pool.map(lambda path: _read(self._target, path), files), strict=True))
        new = {path: data for path, data in files.items() if there[path] != data}
        if self._to.complete:
            if taken := self._target.create_many(new):
                raise ArrayDamaged(
                    f"{self._target.url}/{min(taken)} is another record than that of {self._source.url}: both were "
                    "used since the copy. Copy to an empty place."
                )
        else:
            self._target.write(new)
        for path, data in zip(new, pool.map(lambda path: _read(self._target, path), new), strict=True):
            if data != new[path]:
                raise ArrayDamaged(f"{self._target.url}/{path} is not what was written there. Check that place.")
        if self._notes is not None and not self._to.complete:
            for entry in entries:
                if entry.path in files:
                    self._notes.add(entry.path, _stamp(entry))
        return [len(data) for data in new.values()], gone

    def _remove(self, objects: Iterable[str], records: Iterable[str]) -> int:
        """Remove what the source has no more; not from a target that is a store already."""
        if self._to.complete:
            return 0
        removed = sum(self._target.withdraw(digest, lambda _: False) for digest in sorted(objects))
        for path in sorted(records):
            self._target.remove(path)
            removed += 1
        return removed


def _in_turn(
    pool: ThreadPoolExecutor, work: Callable[[str], T], things: Sequence[str], workers: int
) -> Iterator[tuple[str, T]]:
    """Do something to each thing, some at a time; what is not begun yet takes no room."""
    waiting: list[tuple[str, Future[T]]] = []
    try:
        for thing in things:
            waiting.append((thing, pool.submit(work, thing)))
            if len(waiting) >= 2 * workers:
                first, future = waiting.pop(0)
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def _read(backend: Backend, path: str) -> bytes | None:
    try:
        return backend.read(path)
    except Lost:
        return None


def _stamp(entry: Entry) -> str:
    return f"{entry.modified:.6f}"


def _bytes(objects: dict[str, int], records: list[Entry]) -> int:
    return sum(objects.values()) + sum(entry.size for entry in records)
