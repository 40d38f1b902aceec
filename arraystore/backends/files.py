"""File backend: a store in a folder, durable and safe to share between processes.

::

    arraystore.json             marker: format and identity of the store
    objects/ab/<digest>/        zarr.json, manifest.json and the shard of one array
    records/...                 small named files
    .staging/<id>/              what is being written; locked by its writer
    .aside/<digest>/            what a sweep has put out of reach, for a moment

Everything is written in ``.staging``, forced to disk, and renamed into place: a rename
is the only way anything becomes visible. Nothing visible is ever changed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from arraystore.backends.folders import (
    described,
    folders,
    identity,
    make_folders,
    regular,
    sync_folder,
    unfinished_marker,
    unless_gone,
)
from arraystore.backends.protocol import Entry, StoredObject
from arraystore.backends.staging import TAKEN, FileStaging
from arraystore.errors import StoreReadOnly, translated
from arraystore.ref import object_path

__all__ = ["FileBackend"]

_DIGEST = re.compile(r"[0-9a-f]{64}")


class _ReadFile:
    """An open file that is read at any place, by any thread."""

    __slots__ = ("_descriptor", "_path", "_status")

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._path = path
        self._status = regular(descriptor, path)

    @property
    def identity(self) -> tuple[int, ...]:
        found = self._status
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def read(self, offset: int, length: int) -> bytes:
        try:
            data = os.pread(self._descriptor, length, offset)
            if len(data) == length or not data:
                return data
            parts = [data]  # a read may be cut short, at 2 GiB always, and still go on
            done = len(data)
            while done < length and (data := os.pread(self._descriptor, length - done, offset + done)):
                parts.append(data)
                done += len(data)
            return b"".join(parts)
        except OSError as error:
            with translated("read", self._path):
                raise error

    def ahead(self, offset: int, length: int) -> None:
        if hasattr(os, "posix_fadvise"):
            with suppress(OSError):  # it is advice
                os.posix_fadvise(self._descriptor, offset, length, os.POSIX_FADV_WILLNEED)

    def __enter__(self) -> _ReadFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class FileBackend:
    """A store in the folder `root`."""

    root: Path
    id: str
    readonly: bool
    concurrency: int = 1

    @classmethod
    def open(cls, root: Path, *, readonly: bool, create: bool) -> FileBackend:
        """Open the store in a folder; the errors are those of `arraystore.backends.folders.identity`."""
        return cls(root, identity(root, readonly=readonly, create=create), readonly)

    @property
    def url(self) -> str:
        return self.root.absolute().as_uri()

    def require_writable(self) -> None:
        if self.readonly:
            raise StoreReadOnly(f"{self.url} was opened to be read only. Open it with readonly=False to write.")

    def folder(self, digest: str) -> Path:
        """Where an object is, or would be."""
        return self.root / object_path(digest)

    # -- reading ------------------------------------------------------------------

    def reader(self, path: str) -> _ReadFile:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        full = f"{self.root}/{path}"
        try:
            return _ReadFile(os.open(full, flags), full)
        except FileNotFoundError:
            pass
        except OSError as error:
            with translated("read", full):
                raise error
        with translated("read", full):
            # A sweep may hold the object aside for a moment, and put it back in the next.
            for place in (self._aside_path(path), full):
                with suppress(FileNotFoundError):
                    return _ReadFile(os.open(place, flags), full)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), full)

    def _aside_path(self, path: str) -> str:
        return f"{self.root}/.aside/{path.split('/', 2)[-1]}"

    def read(self, path: str) -> bytes:
        with self.reader(path) as file:
            data = b""
            while part := file.read(len(data), 2**24):
                data += part
            return data

    def stat(self, path: str) -> Entry | None:
        with translated("look at", f"{self.root}/{path}"):
            try:
                found = Path(self.root, path).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return Entry(path, found.st_size, found.st_mtime)

    def walk(self, prefix: str) -> Iterator[Entry]:
        top = self.root / prefix
        if top.is_file():
            entry = self.stat(prefix)
            if entry is not None:
                yield entry
            return
        if not top.exists() and prefix.startswith("objects/"):
            top = Path(self._aside_path(prefix))
        for folder, _, names in os.walk(top, onerror=unless_gone):
            inside = Path(folder).relative_to(top).as_posix()
            for name in names:
                with translated("look at", top), suppress(FileNotFoundError):
                    found = Path(folder, name).stat(follow_symlinks=False)
                    path = f"{prefix}/{name}" if inside == "." else f"{prefix}/{inside}/{name}"
                    yield Entry(path, found.st_size, found.st_mtime)

    # -- objects ------------------------------------------------------------------

    def stage(self) -> FileStaging:
        self.require_writable()
        return FileStaging(self.root)

    def objects(self) -> Iterator[StoredObject]:
        seen = set()
        with translated("list", self.root):
            for top in (self.root / "objects", self.root / ".aside"):
                for folder in folders(top):
                    inner = [folder] if top.name == ".aside" else folders(Path(folder.path))
                    for item in inner:
                        if _DIGEST.fullmatch(item.name) and item.name not in seen:
                            seen.add(item.name)
                            yield described(Path(item.path))

    def touch(self, digest: str) -> bool:
        self.require_writable()
        target = self.folder(digest)
        with translated("refresh", target):
            for _ in range(2):
                with suppress(FileNotFoundError):
                    self._make_young(target / "manifest.json")
                    # The time may have been set after a sweep looked; then it is gone by now.
                    if target.is_dir():
                        return True
                self._restore(digest)
        return False

    def _make_young(self, manifest: Path) -> None:
        """Set the time of a manifest to now; one that belongs to another account is put anew, with the same bytes."""
        try:
            os.utime(manifest)
        except PermissionError:
            place = manifest.relative_to(self.root).as_posix()
            staging = FileStaging(self.root)
            try:
                staging.place({place: manifest.read_bytes()})
            finally:
                staging.discard()

    def withdraw(self, digest: str, keep: Callable[[float], bool]) -> bool:
        self.require_writable()
        aside, target = self.root / ".aside" / digest, self.folder(digest)
        with self._one_sweep():
            with translated("remove", target):
                if aside.exists() and target.exists():
                    self._trash(aside)
                with suppress(FileNotFoundError):
                    target.rename(aside)
                if not aside.exists():
                    return False
            kept = True
            try:
                kept = keep(described(aside).modified)
            finally:
                with translated("put back", target):
                    if kept:
                        self._restore(digest)
            with translated("remove", target):
                return not kept and self._trash(aside)

    def recover(self) -> None:
        self.require_writable()
        with self._one_sweep(), translated("put back what is in", self.root / ".aside"):
            for folder in folders(self.root / ".aside"):
                if _DIGEST.fullmatch(folder.name):
                    self._restore(folder.name)

    @contextmanager
    def _one_sweep(self) -> Iterator[None]:
        """Keep other sweeps out: what one has put aside must not be put back by another."""
        with translated("sweep", self.root):
            make_folders(self.root / ".aside")
            lock = os.open(self.root / ".aside", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _restore(self, digest: str) -> None:
        """Put an object back from aside, unless it has been written again meanwhile."""
        aside, target = self.root / ".aside" / digest, self.folder(digest)
        with suppress(FileNotFoundError):
            os.lstat(aside)  # of most objects nothing is there
            make_folders(target.parent)
            try:
                aside.rename(target)
            except OSError as error:
                if error.errno not in TAKEN:
                    raise
                self._trash(aside)

    def _trash(self, folder: Path) -> bool:
        """Rename a folder to where nothing finds it, and remove it there."""
        grave = self.root / ".staging" / f"removed-{uuid.uuid4().hex}"
        make_folders(grave.parent)
        try:
            folder.rename(grave)
        except FileNotFoundError:
            return False
        with suppress(FileNotFoundError):
            sync_folder(folder.parent)  # before its files go: it must not come back without them
        shutil.rmtree(grave, ignore_errors=True)  # what is left of it is staging, for the next sweep
        return True

    def leftovers(self) -> Iterator[Entry]:
        with translated("list", self.root / ".staging"):
            for folder in folders(self.root / ".staging"):
                found = described(Path(folder.path))
                yield Entry(f".staging/{folder.name}", found.nbytes, found.modified)
            for path in self.root.glob(unfinished_marker("*")):
                if (entry := self.stat(path.name)) is not None:
                    yield entry

    def clear(self, path: str) -> bool:
        self.require_writable()
        if not path.startswith(".staging/"):
            with translated("remove", self.root / path):
                (self.root / path).unlink(missing_ok=True)
            return True
        folder = self.root / ".staging" / path.removeprefix(".staging/")
        with translated("remove", folder):
            try:
                lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except FileNotFoundError:
                return False
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False  # its writer lives
            except OSError:
                pass
            finally:
                os.close(lock)
            shutil.rmtree(folder, ignore_errors=True)
            return not folder.exists()

    # -- small files --------------------------------------------------------------

    def write(self, files: Mapping[str, bytes]) -> None:
        self.require_writable()
        staging = FileStaging(self.root)
        try:
            staging.place(files)
        finally:
            staging.discard()

    def create(self, path: str, data: bytes) -> bool:
        self.require_writable()
        staging = FileStaging(self.root)
        try:
            return staging.place_new(path, data)
        finally:
            staging.discard()

    def create_many(self, files: Mapping[str, bytes]) -> set[str]:
        self.require_writable()
        staging = FileStaging(self.root)
        try:
            return staging.place_all_new(files)
        finally:
            staging.discard()

    def remove(self, path: str) -> None:
        self.require_writable()
        target = self.root / path
        with translated("remove", target):
            target.unlink()
            sync_folder(target.parent)
            folder = target.parent
            with suppress(OSError):  # folders that still hold something stay
                while folder.parent != self.root:
                    folder.rmdir()
                    folder = folder.parent
