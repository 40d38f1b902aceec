"""Cloud backend: a store in a bucket of an object store, shared between machines.

The keys are the files of a store in a folder, but nothing can be renamed. So an object
is there once its manifest is, and the manifest is written last, if it is not there yet.

::

    objects/ab/<digest>/        zarr.json and shard, then manifest.json
    .staging/<id>/              a large shard on its way; copied to its place by the service
    .aside/<digest>             mark of a sweep that is about to remove an object

A sweep first sets a mark that says ``asked``. Whoever puts the object meanwhile changes
it to ``released``, and the sweep lets go; or the sweep changes it to ``going`` before the
other comes, who then waits until it is gone, and writes anew. Both changes name the
version of the mark they replace, so exactly one of them is made. A service that sends in
parts keeps those of a writer that was killed: give the bucket a rule that drops them.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from arraystore.backends.buckets import Bucket
from arraystore.backends.markers import COPYING, MARKER, new_marker, parse_marker, unfinished
from arraystore.backends.protocol import Entry, StagedFile, StoredObject
from arraystore.backends.uploads import Upload
from arraystore.errors import Lost, NotAStore, StoreError, StoreReadOnly, StoreUnreachable
from arraystore.ref import object_path

__all__ = ["CloudBackend"]

#: Requests under way at once: the way there and back is most of what each of them takes.
_REQUESTS = 16
#: Seconds after which no sweep is still at what it has marked, and no writer at what it has staged.
_LEASE = 900.0
#: Seconds to wait for a sweep to finish with an object that is put again.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class _Ranges:
    """A key that is read at any place; nothing is asked to open it."""

    bucket: Bucket
    path: str

    @property
    def identity(self) -> tuple[int, ...]:
        return (hash((self.bucket.url, self.path)),)  # of the place alone: to ask for the version would be a request

    def read(self, offset: int, length: int) -> bytes:
        return self.bucket.read(self.path, offset, length)

    def ahead(self, offset: int, length: int) -> None:
        return None


class CloudStaging:
    """The files of an object that is not yet published."""

    def __init__(self, backend: CloudBackend) -> None:
        self._backend = backend
        self._folder = f".staging/{uuid.uuid4().hex}"
        self._files: dict[str, Upload] = {}

    @contextmanager
    def create(self, name: str) -> Iterator[StagedFile]:
        upload = self._files[name] = Upload(self._backend.bucket, f"{self._folder}/{name}")
        yield upload
        upload.close()

    def publish(self, digest: str) -> bool:
        """Bring the files to their keys, the manifest last."""
        bucket, path = self._backend.bucket, object_path(digest)
        manifest = f"{path}/manifest.json"
        if bucket.stat(manifest) is not None:
            return False
        self._backend.settle(digest)
        for name, upload in self._files.items():
            if name != "manifest.json":
                upload.place(f"{path}/{name}")
        if bucket.create(manifest, self._files["manifest.json"].data()) is None:
            return False
        # A sweep, or a writer with another version of a codec, may have come between.
        self._backend.settle(digest)
        if all(upload.is_at(f"{path}/{name}") for name, upload in self._files.items()):
            return True
        bucket.delete(manifest)
        return False

    def discard(self) -> None:
        for upload in self._files.values():
            with suppress(StoreError):
                upload.discard()
        self._files = {}


@dataclass(frozen=True, slots=True)
class CloudBackend:
    """A store in a bucket."""

    bucket: Bucket
    id: str
    readonly: bool
    concurrency: int = _REQUESTS

    @classmethod
    def open(cls, url: str, *, readonly: bool, create: bool) -> CloudBackend:
        """Open the store at ``s3://bucket/prefix`` (or ``gs://``, ``az://``), an empty one if there is none.

        Raises
        ------
        InvalidURL, NotAStore, StoreTooNew, StoreReadOnly, StoreUnreachable
            As `arraystore.open_store`.
        """
        bucket = Bucket.connect(url)
        found = bucket.get(MARKER)
        if found is None:
            if bucket.get(COPYING) is not None:
                raise unfinished(bucket.url)
            stranger = next((entry for entry in bucket.list() if entry.path != MARKER), None)
            if readonly or not create:
                raise StoreUnreachable(f"there is no array store at {bucket.url}. Check the address.")
            if stranger is not None:
                raise NotAStore(f"{bucket.url} is not an array store: it holds {stranger.path!r}. Name another prefix.")
            if bucket.create(MARKER, new_marker()) is not None:
                bucket.require_conditions(MARKER)
            found = bucket.get(MARKER)
            if found is None:
                raise StoreUnreachable(f"{bucket.url} does not keep what is written to it.")
        return cls(bucket, parse_marker(found.data, bucket.url), readonly)

    @property
    def url(self) -> str:
        return self.bucket.url

    def require_writable(self) -> None:
        if self.readonly:
            raise StoreReadOnly(f"{self.url} was opened to be read only. Open it with readonly=False to write.")

    # -- reading ------------------------------------------------------------------

    @contextmanager
    def reader(self, path: str) -> Iterator[_Ranges]:
        yield _Ranges(self.bucket, path)

    def read(self, path: str) -> bytes:
        found = self.bucket.get(path)
        if found is None:
            raise Lost(f"cannot read {self.url}/{path}: it is not there. Ingest it again.")
        return found.data

    def stat(self, path: str) -> Entry | None:
        return self.bucket.stat(path)

    def walk(self, prefix: str) -> Iterator[Entry]:
        nothing = True
        for entry in self.bucket.list(prefix):
            nothing = False
            yield entry
        entry_itself = self.stat(prefix) if nothing else None
        if entry_itself is not None:
            yield entry_itself

    # -- objects ------------------------------------------------------------------

    def stage(self) -> CloudStaging:
        self.require_writable()
        return CloudStaging(self)

    def objects(self) -> Iterator[StoredObject]:
        yield from (found for found, whole in self._folders() if whole)

    def _folders(self) -> Iterator[tuple[StoredObject, bool]]:
        """Whatever lies below ``objects/``, and whether it has its manifest."""
        found: dict[str, tuple[int, float, float | None]] = {}
        for entry in self.bucket.list("objects"):
            digest, name = entry.path.split("/")[2:4]
            nbytes, newest, manifest = found.get(digest, (0, 0.0, None))
            manifest = entry.modified if name == "manifest.json" else manifest
            found[digest] = nbytes + entry.size, max(newest, entry.modified), manifest
        for digest, (nbytes, newest, manifest) in found.items():
            yield StoredObject(digest, nbytes, newest if manifest is None else manifest), manifest is not None

    def touch(self, digest: str) -> bool:
        self.require_writable()
        manifest = f"{object_path(digest)}/manifest.json"
        while (found := self.bucket.get(manifest)) is not None:
            # Of the version that was read: one that a sweep has removed must not come back alone.
            if self.bucket.replace(manifest, found.data, found.version) is not None:
                self.settle(digest)
                return self.bucket.stat(manifest) is not None
        return False

    def settle(self, digest: str) -> None:
        """Make a sweep let go of an object, or wait until it has removed it."""
        mark = f".aside/{digest}"
        give_up = time.monotonic() + _PATIENCE
        while (found := self.bucket.get(mark)) is not None:
            if found.data.startswith(b"released"):
                return
            if found.data.startswith(b"asked"):
                if self.bucket.replace(mark, b"released " + uuid.uuid4().hex.encode(), found.version) is not None:
                    return
            elif time.time() - found.modified > _LEASE:
                self.bucket.delete(mark)  # the sweep was killed at it
            elif time.monotonic() > give_up:
                raise StoreUnreachable(
                    f"a sweep has been removing {self.url}/{object_path(digest)} for long, or was killed at it. "
                    f"Try again in {_LEASE / 60:.0f} minutes."
                )
            else:
                time.sleep(0.05)

    def withdraw(self, digest: str, keep: Callable[[float], bool]) -> bool:
        self.require_writable()
        mark, path = f".aside/{digest}", object_path(digest)
        version = self._claim(mark)
        if version is None:
            return False  # another sweep is at it
        try:
            files = {entry.path: entry.modified for entry in self.bucket.list(path)}
            manifest = f"{path}/manifest.json"
            if not files or keep(files.get(manifest, max(files.values()))):
                return False
            if self.bucket.replace(mark, b"going " + uuid.uuid4().hex.encode(), version) is None:
                return False
            self.bucket.delete(*sorted(files, key=manifest.__ne__))
            return True
        finally:
            self._unmark(mark)

    def _claim(self, mark: str) -> dict[str, Any] | None:
        """Set the mark of a sweep, unless another has; leave none behind if that fails."""
        claim = b"asked " + uuid.uuid4().hex.encode()
        try:
            return self.bucket.create(mark, claim)
        except StoreError:
            found = self.bucket.get(mark)
            if found is not None and found.data == claim:
                self._unmark(mark)
            raise

    def _unmark(self, mark: str) -> None:
        """Remove a mark, and try twice: one that stays keeps others waiting."""
        try:
            self.bucket.delete(mark)
        except StoreError:
            self.bucket.delete(mark)

    def recover(self) -> None:
        self.require_writable()
        for entry in self.bucket.list(".aside"):
            if time.time() - entry.modified > _LEASE:
                self.bucket.delete(entry.path)

    def leftovers(self) -> Iterator[Entry]:
        found: dict[str, tuple[int, float]] = {}
        for entry in self.bucket.list(".staging"):
            folder = "/".join(entry.path.split("/")[:2])
            size, newest = found.get(folder, (0, 0.0))
            found[folder] = size + entry.size, max(newest, entry.modified)
        for folder, (size, newest) in found.items():
            yield Entry(folder, size, newest)
        for part, whole in self._folders():
            if not whole:  # a put or a sweep was killed at it
                yield Entry(object_path(part.digest), part.nbytes, part.modified)

    def clear(self, path: str) -> bool:
        self.require_writable()
        if path.startswith("objects/"):
            return self.withdraw(path.rpartition("/")[2], lambda modified: time.time() - modified < _LEASE)
        entries = list(self.bucket.list(f".staging/{path.removeprefix('.staging/')}"))
        if not entries or time.time() - max(entry.modified for entry in entries) < _LEASE:
            return False  # its writer may be alive
        self.bucket.delete(*(entry.path for entry in entries))
        return True

    # -- small files --------------------------------------------------------------

    def write(self, files: Mapping[str, bytes]) -> None:
        self.require_writable()
        with ThreadPoolExecutor(min(self.concurrency, max(1, len(files)))) as pool:
            for _ in pool.map(self.bucket.put, files.keys(), files.values()):
                pass

    def create(self, path: str, data: bytes) -> bool:
        self.require_writable()
        return self.bucket.create(path, data) is not None

    def create_many(self, files: Mapping[str, bytes]) -> set[str]:
        self.require_writable()
        with ThreadPoolExecutor(min(self.concurrency, max(1, len(files)))) as pool:
            placed = list(pool.map(self.create, files.keys(), files.values()))
        return {path for path, done in zip(files, placed, strict=True) if not done}

    def remove(self, path: str) -> None:
        self.require_writable()
        if self.stat(path) is None:
            raise Lost(f"cannot remove {self.url}/{path}: it is not there.")
        self.bucket.delete(path)
