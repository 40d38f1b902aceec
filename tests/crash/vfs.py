"""What SQLite does to its files, told write by write: a layer in what stands between it and the system.

Python's ``sqlite3`` and `ctypes` share one library; where it is built into Python there is nothing to reach.
Source of the structures: https://www.sqlite.org/c3ref/vfs.html and https://www.sqlite.org/c3ref/io_methods.html
"""

from __future__ import annotations

import _sqlite3
import ctypes
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

OK = 0
_P = ctypes.c_void_p
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, _P, ctypes.c_int, _P)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.c_int)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _P, ctypes.c_int)
_CLOSE = ctypes.CFUNCTYPE(ctypes.c_int, _P)


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int), ("szOsFile", ctypes.c_int), ("mxPathname", ctypes.c_int),
        ("pNext", _P), ("zName", _P), ("pAppData", _P), ("xOpen", _P), ("xDelete", _P),
    ]  # fmt: skip


class _Methods(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        *[(name, _P) for name in ("xClose", "xRead", "xWrite", "xTruncate", "xSync")],
        ("others", _P * 13),  # xFileSize to xUnfetch
    ]


class Watcher(Protocol):
    """Who is told; each call returns only after the file was changed."""

    def opened(self, path: str, made: bool) -> bool:
        """A file was opened, and perhaps made; return whether to tell more of it."""

    def written(self, path: str, offset: int, data: bytes) -> None:
        """Bytes were written."""

    def cut(self, path: str, size: int) -> None:
        """A file was given a size."""

    def forced(self, path: str) -> None:
        """A file was forced to disk, and with it its name the first time."""

    def deleted(self, path: str) -> None:
        """A file was deleted."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the library that ``sqlite3`` uses, if it is one that can be shared."""
    extension = getattr(_sqlite3, "__file__", None)
    if extension is None or not os.path.exists("/proc/self/maps"):
        return None
    with open("/proc/self/maps", encoding="utf-8") as maps:
        places = {line.split()[-1] for line in maps if "libsqlite3" in line}
    if len(places) != 1:
        return None
    loaded = ctypes.CDLL(places.pop())
    loaded.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    return loaded


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell of every file that SQLite opens in this process from now on."""
    sqlite = library()
    assert sqlite is not None
    vfs = sqlite.sqlite3_vfs_find(None).contents
    real_open, real_delete = _OPEN(vfs.xOpen), _DELETE(vfs.xDelete)
    before = vfs.xOpen, vfs.xDelete
    files = _Files(watcher)

    def opens(self: Any, name: Any, file: Any, flags: int, out: Any) -> int:
        path = os.fsdecode(ctypes.string_at(name)) if name else ""
        made = bool(path) and not os.path.exists(path)
        code = int(real_open(self, name, file, flags, out))
        if code == OK and path and watcher.opened(path, made):
            files.watch(file, path)
        return code

    def deletes(self: Any, name: Any, sync: int) -> int:
        code = int(real_delete(self, name, sync))
        if code == OK:
            watcher.deleted(os.fsdecode(ctypes.string_at(name)))
        return code

    ours = _OPEN(opens), _DELETE(deletes)
    vfs.xOpen, vfs.xDelete = (ctypes.cast(call, _P).value for call in ours)
    try:
        yield
    finally:
        vfs.xOpen, vfs.xDelete = before


_KEPT: list[Any] = []  # of files that are closed later: SQLite calls these as long as it lives


class _Files:
    """The open files that are watched, each with the methods of its kind put in between."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.paths: dict[int, str] = {}
        self._made: dict[int, int] = {}  # by address of the real methods: address of ours

    def watch(self, file: int, path: str) -> None:
        """Put our methods in the place of the real ones."""
        methods = _P.from_address(file)
        if methods.value is None:
            return
        self.paths[file] = path
        if methods.value not in self._made:
            self._made[methods.value] = self._between(_Methods.from_address(methods.value))
        methods.value = self._made[methods.value]

    def _between(self, real: _Methods) -> int:
        write, truncate = _WRITE(real.xWrite), _TRUNCATE(real.xTruncate)
        sync, close = _SYNC(real.xSync), _CLOSE(real.xClose)

        def writes(file: int, data: int, size: int, offset: int) -> int:
            code = int(write(file, data, size, offset))
            if code == OK:
                self.watcher.written(self.paths[file], offset, ctypes.string_at(data, size))
            return code

        def truncates(file: int, size: int) -> int:
            code = int(truncate(file, size))
            if code == OK:
                self.watcher.cut(self.paths[file], size)
            return code

        def syncs(file: int, flags: int) -> int:
            code = int(sync(file, flags))
            if code == OK:
                self.watcher.forced(self.paths[file])
            return code

        def closes(file: int) -> int:
            self.paths.pop(file, None)
            return int(close(file))

        calls = _WRITE(writes), _TRUNCATE(truncates), _SYNC(syncs), _CLOSE(closes)
        ours = _Methods.from_buffer_copy(real)
        ours.xWrite, ours.xTruncate, ours.xSync, ours.xClose = (ctypes.cast(call, _P).value for call in calls)
        _KEPT.extend((ours, *calls))
        return ctypes.addressof(ours)
