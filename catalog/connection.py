"""Opens a catalog: a MongoDB database or a file, behind one set of methods."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from catalog.collection import Collection
from catalog.indexes import INDEXES, Index
from catalog.patience import Patience
from catalog.translate import translated
from catalog.url import CatalogURL, check_collection_name, parse_url
from catalog.waiting import Waiter

__all__ = ["Catalog", "connect"]


class Backend(Protocol):
    """The seam: what a catalog needs of a database."""

    name: str

    def collection(self, name: str) -> Any:
        """Return a collection with the methods of PyMongo's."""

    def collection_names(self) -> list[str]:
        """Return the names of the collections there are."""

    def blobs(self, name: str) -> Iterator[bytes]:
        """Return the documents of a collection as BSON, in the order of their ``_id``."""

    def waiter(self) -> Waiter:
        """Return what waits for changes."""

    def ensure(self, indexes: Sequence[Index]) -> None:
        """Make the indexes that are not there."""

    def back_up(self, out: Path) -> dict[str, int]:
        """Copy the database as it is now to a file; return the documents of each collection."""

    def keep_reserve(self) -> None:
        """Keep room beside the database for the day on which the disk is full."""

    def release_reserve(self) -> None:
        """Give that room up."""

    def require_there(self) -> None:
        """Refuse to answer from a database that is no longer where it was opened."""

    def close(self) -> None:
        """Close what is open."""


def connect(url: str | os.PathLike[str], *, readonly: bool = False, **client_options: Any) -> Catalog:
    """Open a catalog.

    Parameters
    ----------
    url : str or path
        ``mongodb://...`` or ``mongodb+srv://...`` with the database in its path; or a file, as a path or
        ``file:///...``, which is made if it does not exist.
    readonly : bool
        Refuse writes, and make no indexes.
    **client_options
        For a server the options of `pymongo.MongoClient` (``username``, ``password``, ``tls``,
        ``server_api``, ...). For a file ``journal`` ('auto', 'wal', 'truncate') and ``timeoutMS``.

    Returns
    -------
    Catalog
        Open; it is its own context manager.

    Raises
    ------
    InvalidURL
        If the URL or an option cannot be used.
    Unreachable
        If the server does not answer, or the file cannot be made.
    CatalogTooNew
        If the file was written by a newer version.
    """
    place = parse_url(os.fspath(url))
    catalog = Catalog(place, _backend(place, readonly=readonly, options=client_options), readonly=readonly)
    if not readonly:
        try:
            catalog.ensure_indexes()
        except BaseException:
            catalog.close()
            raise
    return catalog


def _backend(place: CatalogURL, *, readonly: bool, options: dict[str, Any]) -> Backend:
    if place.kind == "mongodb":
        from catalog.mongodb import connect_mongodb

        return connect_mongodb(place, options=options)
    from catalog.embedded.backend import connect_embedded

    with translated(place.redacted):
        return connect_embedded(place.target, readonly=readonly, options=options)


class Catalog:
    """An open catalog. Its collections are attributes, ``catalog.headers``, or items, ``catalog['name']``."""

    def __init__(
        self, place: CatalogURL, backend: Backend, *, readonly: bool, patience: Patience | None = None
    ) -> None:
        self._place = place
        self._backend = backend
        self._readonly = readonly
        self._patience = patience

    def patient(self, seconds: float) -> Catalog:
        """Return the same catalog, whose every question waits so long for a server that does not answer.

        A file needs no patience: it is returned as it is.
        """
        if self.backend != "mongodb" or seconds <= 0:
            return self
        return Catalog(self._place, self._backend, readonly=self._readonly, patience=Patience(seconds))

    @property
    def url(self) -> str:
        """The URL, without user name and password."""
        return self._place.redacted

    @property
    def backend(self) -> Literal["embedded", "mongodb"]:
        """Which backend serves it."""
        return self._place.kind

    @property
    def readonly(self) -> bool:
        """Whether writes are refused."""
        return self._readonly

    def __repr__(self) -> str:
        return f"<Catalog {self.url} ({self.backend}{', readonly' if self._readonly else ''})>"

    def __getitem__(self, name: str) -> Collection:
        """Return a collection.

        Raises
        ------
        InvalidName
            If MongoDB would refuse the name.
        """
        check_collection_name(name)
        return Collection(
            self._backend.collection(name), place=self.url, readonly=self._readonly, patience=self._patience
        )

    @property
    def headers(self) -> Collection:
        """One document a FITS file."""
        return self["headers"]

    @property
    def masters(self) -> Collection:
        """Master frames, with validity and provenance."""
        return self["masters"]

    @property
    def runs(self) -> Collection:
        """The ledger of ingests."""
        return self["runs"]

    @property
    def quarantine(self) -> Collection:
        """What could not be taken, and why."""
        return self["quarantine"]

    @property
    def history(self) -> Collection:
        """Changes: who, when, why, and what was there before."""
        return self["history"]

    @property
    def trash(self) -> Collection:
        """Documents deleted, restorable."""
        return self["trash"]

    @property
    def roots(self) -> Collection:
        """Names of the folders that originals lie in."""
        return self["roots"]

    def collection_names(self) -> list[str]:
        """Return the names of the collections there are, sorted."""

        def once() -> list[str]:
            with translated(self.url):
                return self._backend.collection_names()

        return once() if self._patience is None else self._patience.ask(once)

    def blobs(self, name: str) -> Iterator[bytes]:
        """Return the documents of a collection as BSON, byte for byte as they are kept, in the order of their ``_id``.

        Examples
        --------
        >>> with connect(":memory:") as catalog:  # doctest: +SKIP
        ...     digests = [hashlib.sha256(blob).digest() for blob in catalog.blobs("headers")]
        """
        check_collection_name(name)
        with translated(f"{name} in {self.url}"):
            yield from self._backend.blobs(name)

    def waiter(self) -> Waiter:
        """Return what waits until anybody changes the catalog; from now on."""
        with translated(self.url):
            return self._backend.waiter()

    def ensure_indexes(self) -> None:
        """Make the declared indexes; those that exist are left as they are."""
        with translated(self.url):
            self._backend.ensure(INDEXES)

    def back_up(self, out: str | os.PathLike[str]) -> dict[str, int]:
        """Copy an embedded catalog, as it is at this moment, to a new file; others may go on writing.

        Returns
        -------
        dict of str to int
            The documents of each collection in the copy.

        Raises
        ------
        Misused
            There is a file of that name, or the catalog is on a server.
        Damaged
            The copy does not hold what the original does.
        """
        with translated(self.url):
            return self._backend.back_up(Path(out).expanduser())

    def keep_reserve(self) -> None:
        """Keep room beside an embedded catalog, which is given up when the disk is full."""
        with translated(self.url):
            self._backend.keep_reserve()

    def release_reserve(self) -> None:
        """Give up what `keep_reserve` keeps, for work that makes room."""
        with translated(self.url):
            self._backend.release_reserve()

    def require_there(self) -> None:
        """Make sure that the catalog still is where it was opened; who serves for days asks this now and then.

        An open file answers on after it was deleted or another was put in its place.

        Raises
        ------
        Unreachable
            The file was taken away, or is another. Of a server, the next question tells.
        """
        self._backend.require_there()

    def close(self) -> None:
        """Close the catalog; closing it again does nothing."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
