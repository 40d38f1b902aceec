"""Copies a catalog file while it is in use: one moment of it, whole, verified, under its name at once or never."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from catalog.embedded.file import CatalogFile
from catalog.embedded.schema import load
from catalog.errors import Damaged, Misused

__all__ = ["back_up"]


def back_up(file: CatalogFile, out: Path) -> dict[str, int]:
    """Write a copy of a catalog file as it is at one moment; others go on reading and writing.

    Parameters
    ----------
    file : CatalogFile
        The catalog, open.
    out : Path
        The copy; it may not exist, and appears under this name only when it is whole and verified.

    Returns
    -------
    dict of str to int
        The documents of each collection in the copy.

    Raises
    ------
    Misused
        There is a file of that name.
    Damaged
        The copy does not pass SQLite's integrity check, or has not the documents of the original.
    """
    if out.exists():
        raise Misused(f"{out} exists and is not overwritten; name a new file")
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        expected = _copy(file, partial)
        found = _verified(partial)
        if found != expected:
            raise Damaged(f"the copy of {file.path} has not the documents of the original; nothing was written")
        _publish(partial, out)
    finally:
        for name in (partial, *(Path(f"{partial}-{end}") for end in ("journal", "wal", "shm"))):
            name.unlink(missing_ok=True)
    return found


def _copy(file: CatalogFile, partial: Path) -> dict[str, int]:
    """Copy the pages and count the documents within one reading transaction: the same moment of both."""
    source = file.connection()
    if source.in_transaction:
        raise Misused(f"{file.path}: a backup within a transaction would miss it; commit first")
    partial.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        source.execute("BEGIN")
        try:
            counts = _counts(source)
            source.backup(copy)  # in one step: in many, every write of others would begin it again
        finally:
            source.rollback()  # SQLite ends it by itself on some errors; then this does nothing
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()  # one file, whatever the original used
    return counts


def _verified(partial: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        said = [row[0] for row in copy.execute("PRAGMA integrity_check")]
        if said != ["ok"]:
            raise Damaged(f"the copy fails SQLite's integrity check ({said[0]}); nothing was written: check the disk")
        return _counts(copy)


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    return {
        name: int(connection.execute(f"SELECT count(*) FROM d{schema.id}").fetchone()[0])  # noqa: S608 - a number
        for name, schema in sorted(load(connection).items())
    }


def _publish(partial: Path, out: Path) -> None:
    _sync(partial, os.O_RDWR)
    try:
        os.link(partial, out)  # unlike a rename, never in the place of another file
    except FileExistsError:
        raise Misused(f"{out} exists and is not overwritten; name a new file") from None
    _sync(out.parent, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
