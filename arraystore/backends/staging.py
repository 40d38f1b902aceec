"""Staging: files being written in a locked folder, forced to disk, renamed into place."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from arraystore.backends.folders import make_folders, sync_folder
from arraystore.backends.protocol import StagedFile
from arraystore.errors import translated
from arraystore.ref import object_path

__all__ = ["TAKEN", "FileStaging"]

#: What rename says of a folder that is there already.
TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY})
#: Files or folders that are forced to disk at the same time.
_SYNCS = 8
#: How a file is opened that must not be there yet.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
#: So few are not worth a thread.
_FEW = 8


@dataclass(frozen=True, slots=True)
class _OpenFile:
    """A file being written; its errors are the store's, and no other error is taken for one."""

    descriptor: int
    path: Path

    def write(self, data: bytes, /) -> None:
        view = memoryview(data)
        with translated("write", self.path):
            while view:
                view = view[os.write(self.descriptor, view) :]


class FileStaging:
    """A folder in ``.staging``, locked as long as its writer lives.

    Parameters
    ----------
    root : Path
        Folder of the store.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._descriptors: list[int] = []
        self.folder, self._lock = _locked_folder(root)

    @contextmanager
    def create(self, name: str) -> Iterator[StagedFile]:
        """Open a new file of the object."""
        path = self.folder / name
        with translated("write", path):
            if "/" in name:
                make_folders(path.parent)
            descriptor = os.open(path, _NEW, 0o666)
        # Kept open until it is synced, so that no write error of the disk goes unseen.
        self._descriptors.append(descriptor)
        yield _OpenFile(descriptor, path)

    def publish(self, digest: str) -> bool:
        """Force the files to disk and rename their folder to that of the object."""
        target = self._root / object_path(digest)
        with translated("publish", target):
            self._force()
            for folder, _, names in os.walk(self.folder):
                for name in names:
                    _protect(Path(folder, name))
                sync_folder(Path(folder))
            make_folders(target.parent)
            try:
                self.folder.rename(target)
            except OSError as error:
                if error.errno in TAKEN:
                    return False
                raise
            self._unlock()
            sync_folder(target.parent)
        return True

    def place(self, files: Mapping[str, bytes]) -> None:
        """Write small files, force them all to disk, and rename each to its path."""
        with translated("write to", self._root):
            staged = self._write(files)
            self._force()
            for path, new in staged.items():
                _move(new, f"{self._root}/{path}")
            self._sync_above(files)

    def _write(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Write small files under numbers; return where each is."""
        staged = {path: f"{self.folder}/{number}" for number, path in enumerate(files)}
        for path, data in files.items():
            descriptor = os.open(staged[path], _NEW, 0o666)
            self._descriptors.append(descriptor)
            written = os.write(descriptor, data)
            while written < len(data):
                written += os.write(descriptor, data[written:])
        return staged

    def _sync_above(self, files: Iterable[str]) -> None:
        """Force every folder above some files to disk, each once: whoever made it may not have done so yet."""
        folders = {path.rpartition("/")[0] for path in files}
        for folder in list(folders):
            while folder:
                folder = folder.rpartition("/")[0]
                folders.add(folder)
        _at_once(_sync_if_there, [Path(self._root, folder) for folder in folders])

    def _force(self) -> None:
        """Force every file to disk and close it; all are tried, and the first failure is raised."""
        descriptors, self._descriptors = self._descriptors, []
        _at_once(_sync_and_close, descriptors)

    def place_new(self, path: str, data: bytes) -> bool:
        """Write a small file, force it to disk, and give it its path unless that is taken.

        Returns
        -------
        bool
            Whether the file at `path` now holds `data`.
        """
        new, target = self.folder / "0", self._root / path
        with self.create("0") as file:
            file.write(data)
        with translated("write to", self._root):
            os.fsync(self._descriptors[-1])
            os.close(self._descriptors.pop())
            placed = _link(new, target) or target.read_bytes() == data
            sync_folder(target.parent)
        return placed

    def place_all_new(self, files: Mapping[str, bytes]) -> set[str]:
        """Write small files, force them all to disk, and give each its path unless that is taken.

        Returns
        -------
        set of str
            The paths that hold other bytes.
        """
        taken: set[str] = set()
        with translated("write to", self._root):
            staged = self._write(files)
            self._force()
            for path, new in staged.items():
                target = self._root / path
                if not _link(Path(new), target) and target.read_bytes() != files[path]:
                    taken.add(path)
            self._sync_above(files)
        return taken

    def discard(self) -> None:
        """Remove what has not been published. Never raises."""
        for descriptor in self._descriptors:
            with suppress(OSError):
                os.close(descriptor)
        self._descriptors = []
        if self._lock >= 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._unlock()

    def _unlock(self) -> None:
        lock, self._lock = self._lock, -1
        os.close(lock)


def _locked_folder(root: Path) -> tuple[Path, int]:
    """A new folder in ``.staging``, and the descriptor that holds its lock."""
    with translated("write to", root):
        make_folders(root / ".staging")
        while True:
            folder = root / ".staging" / uuid.uuid4().hex
            folder.mkdir()
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with suppress(OSError):  # a file system without locks leaves age alone to tell
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.is_dir():  # else cleared before the lock was taken
                return folder, lock
            os.close(lock)


def _link(new: Path, target: Path) -> bool:
    """Return a file its name unless the name is taken; False if it is."""
    while True:
        make_folders(target.parent)
        try:
            os.link(new, target)
            return True
        except FileExistsError:
            return False
        except FileNotFoundError:
            if not new.exists():
                raise  # not the folder, which another process may prune: the file itself


def _move(new: str, target: str) -> None:
    while True:
        try:
            os.replace(new, target)
            return
        except FileNotFoundError:
            if not os.path.exists(new):
                raise  # not the folder, which is not there yet or another process prunes: the file itself
        # Not make_folders: `place` forces every folder to disk once all names are in.
        os.makedirs(os.path.dirname(target), exist_ok=True)


def _protect(path: Path) -> None:
    """Take the right to write a file from everybody: what is published never changes."""
    with suppress(OSError):  # a file system without rights
        path.chmod(path.stat().st_mode & 0o444)


def _sync_and_close(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_if_there(folder: Path) -> None:
    with suppress(FileNotFoundError):  # its last file was removed meanwhile
        sync_folder(folder)


def _at_once(action: Callable[[Any], None], things: Sequence[Any]) -> None:
    """Do something to each thing, several at a time where there are many.

    One flush of a disk's journal serves all who wait for it, so waiting together is cheaper.
    """
    if len(things) <= _FEW:
        failed = _attempt(action, things)
    else:
        with ThreadPoolExecutor(_SYNCS, thread_name_prefix="arraystore-sync") as pool:
            parts = [things[start::_SYNCS] for start in range(_SYNCS)]
            failed = [error for errors in pool.map(partial(_attempt, action), parts) for error in errors]
    if failed:
        raise failed[0]


def _attempt(action: Callable[[Any], None], things: Sequence[Any]) -> list[OSError]:
    """Do something to each thing; return what went wrong."""
    failed = []
    for thing in things:
        try:
            action(thing)
        except OSError as error:
            failed.append(error)
    return failed
