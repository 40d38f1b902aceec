"""Memory backend: stores that live as long as the process, shared by name within it."""

from __future__ import annotations

import io
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from arraystore.backends.protocol import Entry, StagedFile, StoredObject
from arraystore.errors import Lost, StoreReadOnly, StoreUnreachable
from arraystore.ref import object_path

__all__ = ["MemoryBackend"]


@dataclass(slots=True)
class _Contents:
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    files: dict[str, bytes] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


_stores: dict[str, _Contents] = {}


class _MemoryFile:
    __slots__ = ("_data",)

    identity = None

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def ahead(self, offset: int, length: int) -> None:
        return None


class MemoryStaging:
    """An object being put together."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend
        self._files: dict[str, io.BytesIO] = {}

    @contextmanager
    def create(self, name: str) -> Iterator[StagedFile]:
        self._files[name] = io.BytesIO()
        yield self._files[name]

    def publish(self, digest: str) -> bool:
        contents, path = self._backend.contents, object_path(digest)
        with contents.lock:
            if any(name.startswith(f"{path}/") for name in contents.files):
                return False
            for name, file in self._files.items():
                contents.files[f"{path}/{name}"] = file.getvalue()
                contents.times[f"{path}/{name}"] = time.time()
        return True

    def discard(self) -> None:
        self._files = {}


@dataclass(frozen=True, slots=True)
class MemoryBackend:
    """A store in this process."""

    name: str
    contents: _Contents
    readonly: bool
    concurrency: int = 1

    @classmethod
    def open(cls, name: str, *, readonly: bool, create: bool) -> MemoryBackend:
        """Open the store called `name`, an empty one if there is none; else `StoreUnreachable`."""
        if name not in _stores and (readonly or not create):
            raise StoreUnreachable(f"there is no array store at memory://{name}. Check the name.")
        return cls(name, _stores.setdefault(name, _Contents()), readonly)

    @property
    def url(self) -> str:
        return f"memory://{self.name}"

    @property
    def id(self) -> str:
        return self.contents.id

    def require_writable(self) -> None:
        if self.readonly:
            raise StoreReadOnly(f"{self.url} was opened to be read only. Open it with readonly=False to write.")

    @contextmanager
    def reader(self, path: str) -> Iterator[_MemoryFile]:
        yield _MemoryFile(self.read(path))

    def read(self, path: str) -> bytes:
        try:
            return self.contents.files[path]
        except KeyError:
            raise Lost(f"cannot read {self.url}/{path}: it is not there. Ingest it again.") from None

    def stat(self, path: str) -> Entry | None:
        with self.contents.lock:
            data = self.contents.files.get(path)
            return None if data is None else Entry(path, len(data), self.contents.times[path])

    def walk(self, prefix: str) -> Iterator[Entry]:
        with self.contents.lock:
            paths = sorted(p for p in self.contents.files if p == prefix or p.startswith(f"{prefix}/"))
        for path in paths:
            entry = self.stat(path)
            if entry is not None:
                yield entry

    def stage(self) -> MemoryStaging:
        self.require_writable()
        return MemoryStaging(self)

    def objects(self) -> Iterator[StoredObject]:
        found: dict[str, StoredObject] = {}
        for entry in self.walk("objects"):
            digest, name = entry.path.split("/")[2:4]
            before = found.get(digest, StoredObject(digest, 0, entry.modified))
            modified = entry.modified if name == "manifest.json" else before.modified
            found[digest] = StoredObject(digest, before.nbytes + entry.size, modified)
        yield from found.values()

    def touch(self, digest: str) -> bool:
        self.require_writable()
        manifest = f"{object_path(digest)}/manifest.json"
        with self.contents.lock:
            if manifest not in self.contents.files:
                return False
            self.contents.times[manifest] = time.time()
        return True

    def withdraw(self, digest: str, keep: Callable[[float], bool]) -> bool:
        self.require_writable()
        path = object_path(digest)
        with self.contents.lock:
            names = [name for name in self.contents.files if name.startswith(f"{path}/")]
            manifest = f"{path}/manifest.json"
            dated = [manifest] if manifest in names else names
            modified = max((self.contents.times[name] for name in dated), default=0.0)
            if not names or keep(modified):
                return False
            if modified != max(self.contents.times[name] for name in dated):
                return False  # put again while `keep` was making up its mind
            for name in names:
                del self.contents.files[name], self.contents.times[name]
        return True

    def recover(self) -> None:
        self.require_writable()

    def leftovers(self) -> Iterator[Entry]:
        yield from ()

    def clear(self, path: str) -> bool:
        self.require_writable()
        return False

    def write(self, files: Mapping[str, bytes]) -> None:
        self.require_writable()
        with self.contents.lock:
            for path, data in files.items():
                self.contents.files[path] = bytes(data)
                self.contents.times[path] = time.time()

    def create(self, path: str, data: bytes) -> bool:
        self.require_writable()
        with self.contents.lock:
            if path not in self.contents.files:
                self.contents.files[path] = bytes(data)
                self.contents.times[path] = time.time()
            return self.contents.files[path] == data

    def create_many(self, files: Mapping[str, bytes]) -> set[str]:
        return {path for path, data in files.items() if not self.create(path, data)}

    def remove(self, path: str) -> None:
        self.require_writable()
        with self.contents.lock:
            if self.contents.files.pop(path, None) is None:
                raise Lost(f"cannot remove {self.url}/{path}: it is not there.")
            del self.contents.times[path]
