"""The handle of an archive as a notebook holds it: its collections, its store, its accessors."""

from functools import cached_property
from typing import TYPE_CHECKING, Self

from catalog import Catalog, Collection
from pipelines.documents.roots import Roots
from pipelines.session import Session

if TYPE_CHECKING:
    from arraystore import ArrayStore
    from pipelines.calibration.accessor import Calibration
    from pipelines.pixels.accessor import Pixels
    from pipelines.upkeep.accessor import Upkeep

GUARD = (
    "it would leave no record and could not be undone. Change fields with archive.upkeep.change(ID, {FIELD: VALUE}, "
    "why=TEXT), delete with archive.delete(ID), add files with archive.ingest(PATH); "
    "open_archive(..., unguarded=True) writes all the same"
)


class Handle:
    """What every part of an archive's face has.

    Attributes
    ----------
    session : Session
        The handle that the verbs take: catalog, lazy store, roots, whether they may be changed.
    """

    def __init__(self, session: Session, *, unguarded: bool = False) -> None:
        self.session = session
        self._unguarded = unguarded

    @property
    def catalog(self) -> Catalog:
        """The documents: every collection."""
        return self.session.catalog

    @property
    def store(self) -> "ArrayStore":
        """The arrays; opened when first asked for."""
        return self.session.store

    @property
    def headers(self) -> Collection:
        """One document per FITS file: a pymongo-style collection, read-only unless opened `unguarded`."""
        return self.session.headers if self._unguarded else self.session.headers.guarded(GUARD)

    @property
    def masters(self) -> Collection:
        """Master frames, read-only likewise."""
        return self.session.masters if self._unguarded else self.session.masters.guarded(GUARD)

    @property
    def runs(self) -> Collection:
        """The ledger of runs."""
        return self.session.runs

    @property
    def quarantine(self) -> Collection:
        """The files that could not be taken, and why."""
        return self.session.quarantine

    @property
    def history(self) -> Collection:
        """Documents as they were before each change."""
        return self.session.history

    @property
    def roots(self) -> Roots:
        """The named folders of original files."""
        return self.session.roots

    @cached_property
    def calibration(self) -> "Calibration":
        """Everything about darks, flats and their masters: groups, checks, certificates, recalls, trends."""
        from pipelines.calibration.accessor import Calibration

        return Calibration(self.session)

    @cached_property
    def upkeep(self) -> "Upkeep":
        """What keeps the archive whole: check, rebuild, backup, migrate, undo, quarantine."""
        from pipelines.upkeep.accessor import Upkeep

        return Upkeep(self.session)

    @cached_property
    def pixels(self) -> "Pixels":
        """Detector pixels over all exposures: searches, rate history, which calibration made what."""
        from pipelines.pixels.accessor import Pixels

        return Pixels(self.session)

    def require_current(self) -> None:
        """Refuse documents of another release: they have to be migrated first."""
        from pipelines.documents.migrate import require_current

        require_current(self.catalog)

    def close(self) -> None:
        """Close the catalog's connection."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        from pipelines.table.html import record

        place = self.session.store_url.partition("?")[0]  # what follows may be credentials
        facts = {
            "catalog": self.catalog.url,
            "store": place,
            "files": self.headers.estimated_document_count(),
            "masters": self.masters.estimated_document_count(),
            "in quarantine": self.quarantine.estimated_document_count(),
            "writable": self.session.writable,
        }
        return record(facts, "Archive; .status() says more")

    def __repr__(self) -> str:
        return repr(self.session).replace("<Session", "<Archive", 1)
