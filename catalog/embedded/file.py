"""Keeps the SQLite file of an embedded catalog: opening, connections, transactions."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from catalog.embedded.filesystem import is_frozen, is_network, make_empty, make_folders, needs_wal
from catalog.embedded.reserve import keep, lacks_room, release, spend
from catalog.errors import CatalogTooNew, InvalidURL, Misused, ReadOnly, StorageFull, Unreachable
from catalog.translate import reraise

__all__ = ["FORMAT", "CatalogFile", "Journal"]

Journal = Literal["auto", "wal", "truncate"]
#: Version of the layout of tables, kept in SQLite's user_version.
FORMAT = 1
_TO_READ = 1 << 17  # bytes that SQLite wants beside the file before it reads it
_APPLICATION = 0x4441524B  # 'DARK', kept in SQLite's application_id
_TABLES = """
CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE fields (id INTEGER PRIMARY KEY, collection INTEGER NOT NULL, path TEXT NOT NULL,
                     UNIQUE (collection, path));
CREATE TABLE indexes (id INTEGER PRIMARY KEY, collection INTEGER NOT NULL, name TEXT NOT NULL,
                      spec BLOB NOT NULL, UNIQUE (collection, name));
"""


class _Local(threading.local):
    """What a thread has of its own."""

    connection: sqlite3.Connection | None = None
    process: int = 0
    depth: int = 0


class CatalogFile:
    """One catalog file, open in this process.

    Every thread has a connection of its own, and so has every process after a fork.

    Parameters
    ----------
    path : Path
        The file; made if it does not exist, unless `readonly`.
    readonly : bool
        Refuse writes.
    journal : {'auto', 'wal', 'truncate'}
        How SQLite keeps its journal; 'auto' takes 'truncate' on network file systems.
    timeout : float
        Seconds to wait for other processes.
    """

    def __init__(self, path: Path, *, readonly: bool, journal: Journal = "auto", timeout: float = 30.0) -> None:
        self.path = Path.cwd() / path.expanduser()
        self.readonly = readonly
        self._timeout = timeout
        self._local = _Local()
        self._lock = threading.Lock()
        self._open: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._left_to_parent: list[sqlite3.Connection] = []
        self._process = os.getpid()
        self._closed = False
        # A connection and its cache of statements refer to each other, so that one that is forgotten stays open.
        weakref.finalize(self, _close_all, self._open, self._process).atexit = False
        if journal == "auto":
            journal = "truncate" if is_network(self.path) else "wal"
        self.journal: Journal = journal
        self._prepare()

    def _prepare(self) -> None:
        if self.readonly:
            if not self.path.is_file():
                raise Unreachable(f"{self.path}: there is no catalog; ingest something first, or check the path")
        else:
            try:
                make_folders(self.path.parent)
            except OSError as error:
                raise Unreachable(f"{self.path.parent}: {error.strerror}; choose a folder you can write") from None
        if self.path.is_dir():
            raise InvalidURL(f"{self.path} is a folder; name a file in it, as {self.path / 'catalog.db'}")
        try:
            self._first()
            self._identity = _identity(self.path)
        except sqlite3.Error as error:
            if lacks_room(self.path):
                text = f"{self.path}: {error}: the disk is full; free space, or let an account that may write do so: "
                raise StorageFull(f"{text}darkroom sweep goes on by its reserve", 14031) from None
            reraise(error, str(self.path))

    def _first(self) -> None:
        """Connect; on a full disk by a part of the reserve, for what SQLite keeps beside the file to read it."""
        try:
            self.connection()
        except sqlite3.Error:
            if not (lacks_room(self.path) and spend(self.path, _TO_READ)):
                raise
            self.connection()

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection.

        Raises
        ------
        Misused
            If the catalog is closed.
        """
        local = self._local
        if self._closed:
            raise Misused(f"{self.path}: the catalog is closed; connect again")
        if local.connection is not None and local.process == os.getpid():
            return local.connection
        with self._lock:
            if self._process != os.getpid():
                # Forked: SQLite must not touch the parent's connections here, not even to close them.
                self._left_to_parent += [connection for _, connection in self._open]
                self._open[:], self._process = [], os.getpid()
            self._close_ended()
            connection = self._connect()
            self._open.append((threading.current_thread(), connection))
        local.connection, local.process, local.depth = connection, os.getpid(), 0
        return connection

    def _close_ended(self) -> None:
        """Close the connections of threads that are no more."""
        for thread, connection in self._open:
            if not thread.is_alive():
                connection.close()
        self._open[:] = [(thread, connection) for thread, connection in self._open if thread.is_alive()]

    def _connect(self) -> sqlite3.Connection:
        deadline = time.monotonic() + self._timeout
        while True:
            connection = self._try_open()
            try:
                self._set_up(connection)
            except sqlite3.OperationalError as error:
                connection.close()
                # Changing the journal mode does not wait for other processes as statements do.
                busy = (error.sqlite_errorcode or 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            except BaseException:
                connection.close()
                raise
            else:
                return connection

    def _try_open(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self.path))}"
        if self.readonly:
            uri += "?mode=rw" if self._may_write() else "?mode=ro"
            if not self._may_write() and self._lacks_wal() and needs_wal(self.path):
                if not is_frozen(self.path):
                    raise Unreachable(
                        f"{self.path} cannot be read by an account that may not write there before its owner has "
                        "opened it with this release: let the owner run `darkroom status` once"
                    )
                uri += "&immutable=1"
        else:
            make_empty(self.path)
        return sqlite3.connect(
            uri,
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )

    def _may_write(self) -> bool:
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _lacks_wal(self) -> bool:
        return not _beside(self.path, "-wal").exists()

    def _leave_wal(self) -> None:
        """Leave an empty WAL and its index, which SQLite removes with the last connection.

        An account that may not write in the folder cannot make them, and reads current answers only where
        they are. Empty, they say nothing; another process may be using them by now.
        """
        for path in (_beside(self.path, "-wal"), _beside(self.path, "-shm")):
            with contextlib.suppress(OSError):
                make_empty(path, like=self.path)

    def _set_up(self, connection: sqlite3.Connection) -> None:
        version, application, objects = self._header(connection)
        if version == 0 and application == 0:
            if self.readonly or objects:
                raise InvalidURL(f"{self.path} is a SQLite file but no catalog; name another file")
        elif application != _APPLICATION:
            raise InvalidURL(f"{self.path} is a SQLite file of another program; name another file")
        if version > FORMAT:
            raise CatalogTooNew(
                f"{self.path} has format {version}, this version reads up to {FORMAT}; upgrade darkroom"
            )
        if self.readonly:
            connection.execute("PRAGMA query_only=ON")
        else:
            connection.execute(f"PRAGMA journal_mode={self.journal}").fetchone()
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute("PRAGMA cache_size=-32000")
        if version == 0:
            self._create(connection)

    def _header(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        """Read format, program and number of tables and indexes, as they stood at one moment.

        Read one by one, another process creating the catalog between them would look like a foreign file.
        """
        connection.execute("BEGIN")
        try:
            version, application, objects = (
                int(connection.execute(question).fetchone()[0])
                for question in (
                    "PRAGMA user_version",
                    "PRAGMA application_id",
                    "SELECT count(*) FROM sqlite_master",
                )
            )
        finally:
            if connection.in_transaction:  # SQLite ends it by itself on some errors
                connection.execute("ROLLBACK")
        return version, application, objects

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if int(connection.execute("PRAGMA user_version").fetchone()[0]) == 0:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={_APPLICATION}")
                connection.execute(f"PRAGMA user_version={FORMAT}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def keep_reserve(self) -> None:
        """Keep room for the day on which the disk is full."""
        self.connection().execute("PRAGMA wal_autocheckpoint=1000")
        keep(self.path)

    def release_reserve(self) -> None:
        """Give that room up, for what makes more of it; the log beside the file is kept short meanwhile."""
        self.connection().execute("PRAGMA wal_autocheckpoint=64")
        release(self.path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock of the file; commit at the end, roll back on an error.

        A transaction within one of the same thread is part of it.

        Raises
        ------
        ReadOnly
            If the catalog was opened for reading.
        """
        if self.readonly:
            raise ReadOnly(f"{self.path} was opened for reading; connect without readonly to write", 13)
        connection = self.connection()
        if self._local.depth:
            yield connection
            return
        connection.execute("BEGIN IMMEDIATE")
        self._local.depth = 1
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite rolls back by itself when the disk is full
                connection.execute("ROLLBACK")
            raise
        finally:
            self._local.depth = 0

    def require_there(self) -> None:
        """Refuse to answer from a file that was deleted, or in whose place is another.

        Raises
        ------
        Unreachable
            It is so.
        """
        if _identity(self.path) != self._identity:
            raise Unreachable(f"{self.path}: the catalog was taken away, or replaced; open it again")

    def close(self) -> None:
        """Close every connection of this process; the last one folds the WAL into the file."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._process == os.getpid():
                for _, connection in self._open:
                    connection.close()
                if self._open and self.journal == "wal" and self._may_write() and self._lacks_wal():
                    self._leave_wal()
            self._open[:] = []


def _close_all(opened: list[tuple[threading.Thread, sqlite3.Connection]], process: int) -> None:
    if os.getpid() == process:  # else they are the parent's
        for _, connection in opened:
            connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
