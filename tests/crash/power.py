"""Power loss: what store and catalog write is recorded, and a disk is made as it may be when the power goes.

What was forced to disk is there. Of anything later, whatever order it was done in, some is there and some is not:
names that a folder has, and does not have; files without their last bytes, or with zeros in their place; pages and
log frames of SQLite's files, whole, in part (by sectors), or not at all.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.vfs import watched

SECTOR = 512  # bytes of a disk that are written whole or not at all
CALLS = ("open", "write", "fsync", "close", "rename", "replace", "link", "mkdir", "unlink", "rmdir")


@dataclass(frozen=True, slots=True)
class Name:
    """A folder is told, or forbidden, a name; of a rename both folders together."""

    entries: tuple[tuple[int, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Bytes:
    """A file has these contents now."""

    inode: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Forced:
    """A file or folder is forced to disk."""

    inode: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of one of SQLite's files has these contents now."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Size:
    """One of SQLite's files has this size now."""

    inode: int
    size: int


Operation = Name | Bytes | Forced | Part | Size
HOME = -1  # the folder of the catalog; of its names only those of the catalog's files are recorded


@dataclass(slots=True)
class Recording:
    """Everything a program does below a folder, in order.

    Attributes
    ----------
    root : Path
        The folder; inode 0.
    catalog : Path
        SQLite's file beside it.
    """

    root: Path
    catalog: Path
    operations: list[Operation] = field(default_factory=list)
    folders: dict[int, dict[str, int]] = field(default_factory=lambda: {0: {}, HOME: {}})
    files: dict[int, bytes] = field(default_factory=dict)
    before: tuple[dict[int, dict[str, int]], dict[int, bytes]] = ({}, {})
    _open: dict[int, int] = field(default_factory=dict)
    _next: int = 1
    _lock: Any = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Take what is there as on disk."""
        self._adopt(self.root, 0)
        for path in self.catalog.parent.glob(f"{self.catalog.name}*"):
            if self._is_catalog(str(path)):
                self.folders[HOME][path.name] = inode = self._new()
                self.files[inode] = path.read_bytes()
        self.before = ({inode: dict(names) for inode, names in self.folders.items()}, dict(self.files))

    def _adopt(self, folder: Path, inode: int) -> None:
        for path in folder.iterdir():
            new = self._new()
            self.folders[inode][path.name] = new
            if path.is_dir():
                self.folders[new] = {}
                self._adopt(path, new)
            else:
                self.files[new] = path.read_bytes()

    def _new(self) -> int:
        self._next += 1
        return self._next

    def _find(self, path: Any) -> tuple[int, str, int | None] | None:
        """Return the folder a path is in, its name there, and its inode; None for what lies elsewhere."""
        try:
            parts = Path(os.path.abspath(os.fspath(path))).relative_to(self.root).parts
        except (TypeError, ValueError):
            return None
        inode: int | None = 0
        folder, name = 0, ""
        for part in parts:
            if inode is None or inode not in self.folders:
                return None
            folder, name = inode, part
            inode = self.folders[folder].get(part)
        return folder, name, inode

    def _note(self, operation: Name | Bytes | Forced) -> None:
        if isinstance(operation, Name):
            for folder, name, inode in operation.entries:
                if inode is None:
                    self.folders[folder].pop(name, None)
                else:
                    self.folders[folder][name] = inode
        elif isinstance(operation, Bytes):
            self.files[operation.inode] = operation.data
        self.operations.append(operation)

    # -- what SQLite does: a Watcher -----------------------------------------------------------------

    def _is_catalog(self, path: str) -> bool:
        name = self.catalog.name
        ours = (name, f"{name}-wal", f"{name}-journal")
        return os.path.dirname(path) == str(self.catalog.parent) and os.path.basename(path) in ours

    def opened(self, path: str, made: bool) -> bool:
        if not self._is_catalog(path):
            return False
        with self._lock:
            name = os.path.basename(path)
            if made or name not in self.folders[HOME]:
                inode = self._new()
                self.files[inode] = b""
                self._note(Name(((HOME, name, inode),)))
        return True

    def written(self, path: str, offset: int, data: bytes) -> None:
        with self._lock:
            self._note(Part(self.folders[HOME][os.path.basename(path)], offset, data))

    def cut(self, path: str, size: int) -> None:
        with self._lock:
            self._note(Size(self.folders[HOME][os.path.basename(path)], size))

    def forced(self, path: str) -> None:
        with self._lock:  # with a file that is new SQLite forces its folder too
            inode = self.folders[HOME][os.path.basename(path)]
            if not any(isinstance(done, Forced) and done.inode == inode for done in self.operations):
                self._note(Forced(HOME))
            self._note(Forced(inode))

    def deleted(self, path: str) -> None:
        with self._lock:
            if self._is_catalog(path) and os.path.basename(path) in self.folders[HOME]:
                self._note(Name(((HOME, os.path.basename(path), None),)))

    def done(self, call: str, result: Any, arguments: tuple[Any, ...]) -> None:
        """Note what a call of the system did."""
        with self._lock:
            if call == "open":
                self._opened(result, *arguments)
            elif call == "write" and (inode := self._open.get(arguments[0])) in self.files:
                self._note(Bytes(inode, self.files[inode] + bytes(arguments[1][:result])))
            elif call == "fsync" and (inode := self._open.get(arguments[0])) is not None:
                self._note(Forced(inode))
            elif call == "close":
                self._open.pop(arguments[0], None)
            elif call in ("rename", "replace", "link"):
                self._moved(call, *arguments[:2])
            elif call == "mkdir" and (found := self._find(arguments[0])) is not None:
                new = self._new()
                self.folders[new] = {}
                self._note(Name(((found[0], found[1], new),)))
            elif call in ("unlink", "rmdir") and (found := self._find(arguments[0])) is not None and found[2]:
                self._note(Name(((found[0], found[1], None),)))

    def _opened(self, descriptor: int, path: Any, flags: int, *_: Any) -> None:
        found = self._find(path)
        if found is None:
            return
        folder, name, inode = found
        if inode is None and name:
            inode = self._new()
            self.files[inode] = b""
            self._note(Name(((folder, name, inode),)))
        self._open[descriptor] = 0 if inode is None else inode

    def _moved(self, call: str, source: Any, target: Any) -> None:
        here, there = self._find(source), self._find(target)
        if here is None or there is None or here[2] is None:
            return
        entries: list[tuple[int, str, int | None]] = [(there[0], there[1], here[2])]
        if call != "link":
            entries.append((here[0], here[1], None))
        self._note(Name(tuple(entries)))

    # -- the power goes ----------------------------------------------------------------------------

    def moment(self, rng: random.Random) -> int:
        """Choose after how many operations the power goes; half of the time beside something the store does."""
        store = [n for n, done in enumerate(self.operations) if isinstance(done, Name | Bytes) and not _of(done, HOME)]
        if store and rng.random() < 0.5:
            return rng.choice(store) + rng.randint(0, 1)
        return rng.randint(0, len(self.operations))

    def lost_at(self, moment: int, rng: random.Random, home: Path) -> None:
        """Make the folder as it may be when the power goes after so many operations."""
        folders, files = {i: dict(names) for i, names in self.before[0].items()}, dict(self.before[1])
        forced: dict[int, int] = {}
        for number, operation in enumerate(self.operations[:moment]):
            if isinstance(operation, Forced):
                forced[operation.inode] = number
        luck = rng.choice((0.0, 0.5, 0.9))  # of what was not forced to disk
        later: dict[int, bytes] = {}
        for number, operation in enumerate(self.operations[:moment]):
            if isinstance(operation, Name):
                sure = any(forced.get(folder, -1) > number for folder, _, _ in operation.entries)
                if sure or rng.random() < luck:
                    for folder, name, inode in operation.entries:
                        names = folders.setdefault(folder, {})
                        if inode is None:
                            names.pop(name, None)
                        else:
                            names[name] = inode
            elif isinstance(operation, Bytes):
                if forced.get(operation.inode, -1) > number:
                    files[operation.inode] = operation.data
                else:
                    later[operation.inode] = operation.data
            elif isinstance(operation, Part | Size):
                sure = forced.get(operation.inode, -1) > number
                if sure or rng.random() < luck:
                    _change(files, operation, None if sure else rng)
        for inode, data in later.items():
            sure = files.get(inode, b"")
            files[inode] = _torn(sure, data, rng)
        self._write(home / self.root.name, 0, folders, files)
        for name, inode in folders[HOME].items():
            (home / name).write_bytes(files.get(inode, b""))

    def _write(self, place: Path, inode: int, folders: dict[int, dict[str, int]], files: dict[int, bytes]) -> None:
        place.mkdir(parents=True, exist_ok=True)
        for name, inner in folders.get(inode, {}).items():
            if inner in self.folders:
                self._write(place / name, inner, folders, files)
            else:
                (place / name).write_bytes(files.get(inner, b""))


def _of(operation: Name | Bytes, folder: int) -> bool:
    return isinstance(operation, Name) and any(entry[0] == folder for entry in operation.entries)


def _change(files: dict[int, bytes], operation: Part | Size, rng: random.Random | None) -> None:
    """Write a part of a file, or give it its size; not forced to disk, some sectors of it may be as they were."""
    there = bytearray(files.get(operation.inode, b""))
    if isinstance(operation, Size):
        there = there[: operation.size].ljust(operation.size, b"\0")
    else:
        there = there.ljust(operation.offset + len(operation.data), b"\0")
        torn = rng is not None and rng.random() < 0.5
        for start in range(0, len(operation.data), SECTOR):
            if not torn or (rng is not None and rng.random() < 0.5):
                some = operation.data[start : start + SECTOR]
                there[operation.offset + start : operation.offset + start + len(some)] = some
    files[operation.inode] = bytes(there)


def _torn(sure: bytes, data: bytes, rng: random.Random) -> bytes:
    """Return what may be on disk of a file whose last bytes were not forced there."""
    length = rng.choice((len(sure), len(data), rng.randint(len(sure), len(data))))
    if rng.random() < 0.3:
        return sure + bytes(length - len(sure))  # its length is known already, its bytes are not
    return data[:length]


@contextmanager
def recorded(root: Path, catalog: Path) -> Iterator[Recording]:
    """Record what this process does below a folder."""
    recording = Recording(root, catalog)
    recording.start()
    real = {name: getattr(os, name) for name in CALLS}
    real_rmtree = shutil.rmtree

    def told(name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if name == "close":  # before the number is given to another file
                recording.done(name, None, arguments)
            result = real[name](*arguments, **options)
            if name != "close" and not options.get("dir_fd") and not options.get("src_dir_fd"):
                recording.done(name, result, arguments)
            return result

        return call

    def rmtree(path: Any, *arguments: Any, **options: Any) -> None:
        real_rmtree(path, *arguments, **options)
        if not os.path.exists(path):
            recording.done("rmdir", None, (path,))

    for name in CALLS:
        setattr(os, name, told(name))
    shutil.rmtree = rmtree  # type: ignore[assignment]
    try:
        with watched(recording):
            yield recording
    finally:
        for name, call in real.items():
            setattr(os, name, call)
        shutil.rmtree = real_rmtree
