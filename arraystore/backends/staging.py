"""Staging: files being written in a locked folder, forced to disk, renamed into place."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
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
            make_folders(path.parent)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
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
        staged = {path: self.folder / str(number) for number, path in enumerate(files)}
        for path, data in files.items():
            with self.create(staged[path].name) as file:
                file.write(data)
        with translated("write to", self._root):
            self._force()
            folders: set[Path] = set()
            for path, new in staged.items():
                target = self._root / path
                _move(new, target)
                folders.update(target.relative_to(self._root).parents)
            # Every folder above, each once: whoever made it may not have forced it to disk yet.
            _at_once(_sync_if_there, [self._root / folder for folder in folders])

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
        staged = {path: self.folder / str(number) for number, path in enumerate(files)}
        for path, data in files.items():
            with self.create(staged[path].name) as file:
                file.write(data)
        with translated("write to", self._root):
            self._force()
            folders: set[Path] = set()
            taken: set[str] = set()
            for path, new in staged.items():
                target = self._root / path
                if not _link(new, target) and target.read_bytes() != files[path]:
                    taken.add(path)
                folders.update(target.relative_to(self._root).parents)
            _at_once(_sync_if_there, [self._root / folder for folder in folders])
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


def _move(new: Path, target: Path) -> None:
    while True:
        # Not make_folders: `place` forces every folder to disk once all names are in.
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            new.replace(target)
            return
        except FileNotFoundError:
            if not new.exists():
                raise  # not the folder, which another process may prune: the file itself


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
        failed = [error for thing in things if (error := _attempt(action, thing)) is not None]
    else:
        with ThreadPoolExecutor(_SYNCS, thread_name_prefix="arraystore-sync") as pool:
            results = pool.map(partial(_attempt, action), things)
            failed = [error for error in results if error is not None]
    if failed:
        raise failed[0]


def _attempt(action: Callable[[Any], None], thing: Any) -> OSError | None:
    try:
        action(thing)
    except OSError as error:
        return error
    return None
