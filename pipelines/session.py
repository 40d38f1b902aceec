"""Session: the handle on one archive that every verb takes — its catalog, its array store, its roots."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catalog import Catalog, Collection
from pipelines.documents.roots import Roots
from pipelines.errors import NEAR, UnknownDocument, UsageError, near_misses
from pipelines.table.cells import plain

if TYPE_CHECKING:
    from pathlib import Path

    from arraystore import ArrayStore
    from pipelines.instruments.sites import Place
    from pipelines.schedulers.workers import Workers

LOOKED_AT = 5000  # names in which near misses are looked for


class Session:
    """The catalog and the array store of one archive, and whether they may be changed.

    The store is opened when it is first needed: a question of headers never touches it.

    Parameters
    ----------
    catalog : Catalog
        The documents.
    store_url : str, optional
        Where the arrays are; worker processes open it by this address.
    store : ArrayStore, optional
        A store that is open already, in place of `store_url`.
    writable : bool
        Whether verbs may change anything.
    home : Path, optional
        The folder of ``darkroom.toml`` and of ``profiles``; without one there are neither.

    Attributes
    ----------
    workers : Workers or None
        Who does the large work of verbs, piece by piece; None is this process. See :meth:`spread`.

    Examples
    --------
    >>> from catalog import connect
    >>> with Session(connect(":memory:"), store_url="memory://session-example") as session:  # doctest: +SKIP
    ...     session.headers.count_documents({})
    0
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        store_url: str = "",
        store: "ArrayStore | None" = None,
        writable: bool = True,
        home: "Path | None" = None,
    ) -> None:
        self.catalog = catalog
        self.store_url = store_url if store is None else store.url
        self.writable = writable
        self.home = home
        self.workers: Workers | None = None
        if store is not None:
            self.__dict__["store"] = store  # the place where cached_property keeps what it has made

    @cached_property
    def store(self) -> "ArrayStore":
        """The arrays.

        Raises
        ------
        arraystore.StoreError
            The store cannot be opened.
        UsageError
            It belongs to another catalog.
        """
        from arraystore import open_store
        from pipelines.documents.pairing import is_paired, require_store

        create = self.writable and not is_paired(self.catalog)
        store = open_store(self.store_url, readonly=not self.writable, create=create)
        require_store(self.catalog, store)
        return store

    def patient(self, seconds: float) -> "Session":
        """Return the same session, whose questions wait so long for a server that does not answer."""
        patient = copy(self)
        patient.catalog = self.catalog.patient(seconds)
        return patient

    @contextmanager
    def spread(self, scheduler: Any) -> "Iterator[Session]":
        """Yield the same session, whose verbs give their large work to a scheduler: `pipelines.schedulers`.

        Parameters
        ----------
        scheduler : str or distributed.Client, optional
            ``'processes'``, ``'synchronous'``, ``'tcp://host:8786'`` or a Dask client; None is this process.

        Raises
        ------
        UsageError
            That is no scheduler, or the store is in memory; workers are of another release, or do not see the store.
        SchedulerGone
            No scheduler answers, or it has no workers.
        """
        if scheduler is None:
            yield self
            return
        from pipelines.instruments.registry import fingerprint
        from pipelines.schedulers.connecting import connected

        with connected(scheduler, store=self.store, url=self.store_url, facts=fingerprint) as workers:
            spread = copy(self)
            spread.workers = workers
            yield spread

    @property
    def site(self) -> "Place":
        """Where the cameras stand by ``darkroom.toml``, for frames of which nothing else tells.

        Raises
        ------
        UsageError
            The file makes no sense.
        """
        from pipelines.instruments.home import read_site

        return read_site(self.home)

    @property
    def headers(self) -> Collection:
        """One document per FITS file."""
        return self.catalog.headers

    @property
    def masters(self) -> Collection:
        """Master frames."""
        return self.catalog.masters

    @property
    def runs(self) -> Collection:
        """The ledger of runs."""
        return self.catalog.runs

    @property
    def quarantine(self) -> Collection:
        """The files that could not be taken, and why."""
        return self.catalog.quarantine

    @property
    def history(self) -> Collection:
        """Documents as they were before each change."""
        return self.catalog.history

    @property
    def roots(self) -> Roots:
        """The named folders of original files."""
        return Roots(self.catalog.roots)

    def document(self, document_id: str) -> dict[str, Any]:
        """Return one document by its name: of a file, or of what was made here (masters, calibrated frames).

        Raises
        ------
        UnknownDocument
            There is none; the message names near misses.
        """
        return self._named(document_id, "headers", "masters")

    def frame(self, document_id: str) -> dict[str, Any]:
        """Return the document of a file by its name.

        Raises
        ------
        UnknownDocument
            No file has it; a master of that name is none.
        """
        return self._named(document_id, "headers")

    def collection_of(self, document_id: str) -> str:
        """Return where a document of that name is, or was: ``'headers'`` unless only ``'masters'`` knows it."""
        for collection in ("headers", "masters"):
            if self.catalog[collection].find_one({"_id": document_id}, {"_id": 1}) is not None:
                return collection
        gone = self.catalog.trash.find_one({"document": document_id}, {"collection": 1})
        return "headers" if gone is None else str(gone["collection"])

    def _named(self, document_id: str, *collections: str) -> dict[str, Any]:
        if not isinstance(document_id, str):
            raise UnknownDocument(f"a document's name is text, not {document_id!r:.100}")
        for collection in collections:
            document = self.catalog[collection].find_one({"_id": document_id})
            if document is not None:
                return document
        hint = self._near_documents(document_id, collections) or "; `darkroom query` lists names"
        raise UnknownDocument(f"no document named {plain(document_id, 200)!r}{hint}")

    def _near_documents(self, name: str, collections: Sequence[str]) -> str:
        """Return names like this one, as the end of a message: of its own folder, or files of its name elsewhere."""
        folder, slash, file = name.rpartition("/")
        inside = {"$regex": f"^{re.escape(folder + slash)}[^/]*$"}
        elsewhere = {"$regex": re.escape(file)}
        for place in (inside, elsewhere, {"$exists": True}):
            for collection in collections:
                some = self.catalog[collection].find({"_id": place}, {"_id": 1}).limit(LOOKED_AT)
                names = [str(one["_id"]) for one in some]
                if hint := near_misses(name, names):
                    return hint
                if names and place is elsewhere and file:
                    return f"; is it one of {', '.join(names[:NEAR])}?"
        return ""

    def require_writable(self, verb: str) -> None:
        """Refuse a change of an archive that is open for reading, or whose documents are of another release.

        Raises
        ------
        UsageError
            It is open for reading, or has to be migrated first.
        SchemaTooNew
            A later release has written to it.
        """
        from pipelines.documents.migrate import require_current

        if not self.writable:
            raise UsageError(f"this archive is open read-only and cannot {verb}; open it without readonly=True")
        require_current(self.catalog)

    def close(self) -> None:
        """Close the catalog's connection."""
        self.catalog.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        place = self.store_url.partition("?")[0]  # what follows may be credentials
        return f"<Session {self.catalog!r} {place}>"
