"""Joins the file, its collections and the pipelines of an embedded catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from catalog.embedded.collection import EmbeddedCollection
from catalog.embedded.file import CatalogFile, Journal
from catalog.embedded.scan import in_order
from catalog.embedded.schema import Schema
from catalog.errors import InvalidURL
from catalog.indexes import Index
from catalog.waiting import FileWaiter, Waiter

__all__ = ["EmbeddedBackend", "connect_embedded"]

_JOURNALS = ("auto", "wal", "truncate")


def connect_embedded(path: str, *, readonly: bool, options: Mapping[str, Any]) -> EmbeddedBackend:
    """Open a catalog file.

    Parameters
    ----------
    path : str
        The file.
    readonly : bool
        Refuse writes.
    options : mapping
        ``journal`` ('auto', 'wal' or 'truncate') and ``timeoutMS``, how long to wait for other
        processes (30,000 by default).
    """
    unknown = set(options) - {"journal", "timeoutMS"}
    if unknown:
        raise InvalidURL(f"{sorted(unknown)[0]!r} is no option of a catalog file; it takes 'journal' and 'timeoutMS'")
    journal: Journal = options.get("journal", "auto")
    if journal not in _JOURNALS:
        raise InvalidURL(f"journal={journal!r}: it can be {', '.join(_JOURNALS)}")
    timeout = float(options.get("timeoutMS", 30_000)) / 1000
    return EmbeddedBackend(CatalogFile(Path(path), readonly=readonly, journal=journal, timeout=timeout))


class EmbeddedBackend:
    """The collections of one catalog file."""

    name = "embedded"

    def __init__(self, file: CatalogFile) -> None:
        self.file = file
        self.schemas = Schema(file)

    def collection(self, name: str) -> EmbeddedCollection:
        """Return a collection; it is made by the first write."""
        return EmbeddedCollection(self.schemas, name)

    def collection_names(self) -> list[str]:
        """Return the names of the collections there are."""
        return self.schemas.names()

    def blobs(self, name: str) -> Iterator[bytes]:
        """Return the documents of a collection as BSON, in the order of their ``_id``."""
        schema = self.schemas.get(name)
        return iter(()) if schema is None else in_order(self.file.connection(), schema)

    def waiter(self) -> Waiter:
        """Return what waits for changes."""
        return FileWaiter(lambda: int(self.file.connection().execute("PRAGMA data_version").fetchone()[0]))

    def ensure(self, indexes: Sequence[Index]) -> None:
        """Make the indexes that are not there; of a new file within one transaction: one wait for the disk."""
        known = self.schemas.names()
        unmade = not all(index.collection in known for index in indexes)
        with self.file.transaction() if unmade else nullcontext():
            for index in indexes:
                self.collection(index.collection).create_index(index.spec, unique=index.unique)

    def back_up(self, out: Path) -> dict[str, int]:
        """Copy the file as it is now; return the documents of each collection."""
        from catalog.embedded.backup import back_up

        return back_up(self.file, out)

    def keep_reserve(self) -> None:
        """Keep room beside the file for the day on which the disk is full."""
        self.file.keep_reserve()

    def release_reserve(self) -> None:
        """Give that room up."""
        self.file.release_reserve()

    def require_there(self) -> None:
        """Refuse to answer from a file that was deleted, or in whose place is another."""
        self.file.require_there()

    def close(self) -> None:
        """Close the file."""
        self.file.close()
