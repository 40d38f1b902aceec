"""The upkeep of an archive in one place: prove, rebuild, copy, migrate, tell and undo changes.

A facade: each verb lives in a module of its own beside this one, and has its words there.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.session import Session
from pipelines.table import Answer

if TYPE_CHECKING:
    from pipelines.documents.migrate import Migration
    from pipelines.ingest.report import IngestReport
    from pipelines.processes.limits import Bounds
    from pipelines.upkeep.backup import BackedUp
    from pipelines.upkeep.check import CheckReport
    from pipelines.upkeep.copying import CopyReport
    from pipelines.upkeep.learning import Learned
    from pipelines.upkeep.rebuild import Rebuilt
    from pipelines.upkeep.status import Status


class Upkeep:
    """What keeps an archive whole; ``archive.upkeep`` is one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def check(
        self,
        *,
        level: str = "digests",
        time_limit: timedelta | None = None,
        max_age: timedelta = timedelta(0),
        grace: timedelta = timedelta(hours=1),
        repair: bool = False,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "CheckReport":
        """Prove that nothing is missing, changed or left behind: `pipelines.upkeep.check`."""
        from pipelines.progress import bar
        from pipelines.upkeep.check import check

        if repair:
            self._session.require_writable("repair")
        with self._session.spread(scheduler) as session, bar("Check", shown=progress) as advance:
            return check(
                session,
                level=level,
                time_limit=time_limit,
                max_age=max_age,
                grace=grace,
                repair=repair,
                progress=advance,
            )

    def prometheus(self, status: "Status") -> str:
        """Return a status in the text format of Prometheus: `pipelines.upkeep.prometheus`."""
        from pipelines.upkeep.prometheus import exposition

        return exposition(status)

    def rebuild(
        self, *, missing: bool = False, documents: Sequence[str] = (), progress: bool | None = None
    ) -> "Rebuilt":
        """Make a lost catalog again from the array store: `pipelines.upkeep.rebuild`."""
        from pipelines.progress import bar
        from pipelines.upkeep.rebuild import rebuild

        with bar("Rebuild", shown=progress) as advance:
            return rebuild(self._session, missing=missing, documents=documents, progress=advance)

    def backup(self, out: str | os.PathLike[str]) -> "BackedUp":
        """Copy the embedded catalog, as it is at this moment, to a file: `pipelines.upkeep.backup`."""
        from pipelines.upkeep.backup import backup

        return backup(self._session, out)

    def copy(
        self,
        to: str | os.PathLike[str] | None = None,
        *,
        store_to: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        progress: bool | None = None,
    ) -> "CopyReport":
        """Copy the catalog, the array store or both to another place, each proved there: `pipelines.upkeep.copying`."""
        from pipelines.progress import bar
        from pipelines.upkeep.copying import copy_to

        with bar("Copy", shown=progress) as advance:
            return copy_to(self._session, to, store_to=store_to, dry_run=dry_run, progress=advance)

    def migrate(self, *, dry_run: bool = False, progress: bool | None = None) -> "Migration":
        """Bring documents of an older release to the schema of this one: `pipelines.documents.migrate`."""
        from pipelines.documents.migrate import migrate
        from pipelines.progress import bar

        with bar("Migrate", shown=progress) as advance:
            return migrate(catalog=self._session.catalog, store=self._session.store, dry_run=dry_run, progress=advance)

    def learn_site(self, *, dry_run: bool = False) -> "Learned":
        """Find the longitude at which cameras stand, and write it to ``darkroom.toml``: `pipelines.upkeep.learning`."""
        from pipelines.upkeep.learning import learn_site

        if not dry_run:
            self._session.require_writable("learn a site")
        return learn_site(self._session, dry_run=dry_run)

    # -- quarantine ------------------------------------------------------------------------------

    def quarantined(self, *, code: str | None = None) -> Answer:
        """The files that could not be taken, with the reason and how to fix it: `pipelines.ingest.quarantine`."""
        from pipelines.ingest.quarantine import listed

        return listed(self._session, code=code)

    def retry(
        self, names: Sequence[str] = (), *, bounds: "Bounds | None" = None, everything: bool = False
    ) -> "IngestReport | None":
        """Ingest files in quarantine again, those that have changed or all: `pipelines.ingest.retry`."""
        from pipelines.ingest.retry import retry
        from pipelines.ingest.run import IngestOptions
        from pipelines.processes.limits import Bounds

        self._session.require_writable("ingest")
        return retry(self._session, names, options=IngestOptions(bounds=bounds or Bounds()), everything=everything)

    def gone(self, names: Sequence[str] = ()) -> list[str]:
        """The entries of the quarantine whose files are no more: `pipelines.ingest.retry`."""
        from pipelines.ingest.retry import gone

        return gone(self._session, names)

    def forget(self, names: Sequence[str] = (), *, force: bool = False, why: str = "") -> list[str]:
        """Strike out entries of the quarantine whose files are no more: `pipelines.ingest.retry`."""
        from pipelines.ingest.retry import forget

        self._session.require_writable("forget")
        return forget(self._session, names, force=force, why=why)

    def acknowledge(self, names: str | Sequence[str], *, why: str) -> list[str]:
        """Say that entries of the quarantine may stay there, and why: `pipelines.ingest.quarantine`."""
        from pipelines.ingest.quarantine import acknowledge

        self._session.require_writable("acknowledge")
        return acknowledge(self._session, [names] if isinstance(names, str) else names, why=why)

    def runs(self, *, verb: str | None = None, limit: int = 20) -> Answer:
        """The last runs that changed the archive, the newest first: `pipelines.upkeep.ledger`."""
        from pipelines.upkeep.ledger import list_runs

        return list_runs(self._session, verb=verb, limit=limit)

    # -- changes ---------------------------------------------------------------------------------

    def change(
        self,
        document_id: str,
        values: Mapping[str, Any],
        *,
        unset: Sequence[str] = (),
        why: str,
        collection: str = "headers",
    ) -> list[str]:
        """Change fields of a document by dotted path, and keep what was there: `pipelines.documents.changes`."""
        from pipelines.documents.changes import Edit, change

        self._session.require_writable("change documents")
        return change(
            [Edit(document_id, values, tuple(unset))],
            catalog=self._session.catalog,
            store=self._session.store,
            why=why,
            collection=collection,
        )

    def undo(self, run: str, *, why: str) -> list[str]:
        """Put back exactly what the changes of a run replaced: `pipelines.documents.changes`."""
        from pipelines.documents.undoing import undo

        self._session.require_writable("undo")
        return undo(run, catalog=self._session.catalog, store=self._session.store, why=why)

    def history(self, document_id: str, *, collection: str = "headers") -> Answer:
        """Who changed a document, when, why, and what was there before: `pipelines.documents.history`."""
        from pipelines.documents.history import history

        return history(document_id, catalog=self._session.catalog, collection=collection)

    def story(self, document_id: str, *, collection: str = "headers") -> Answer:
        """Return what `history` returns, under its name of earlier releases."""
        warnings.warn("archive.upkeep.story is now archive.upkeep.history", DeprecationWarning, stacklevel=2)
        return self.history(document_id, collection=collection)

    def as_of(self, document_id: str, when: datetime | str, *, collection: str = "headers") -> dict[str, Any]:
        """Return a document as it stood at a time; a text is an ISO date or time, UTC unless it says otherwise."""
        from pipelines.documents.history import as_of, instant

        moment = instant(when) if isinstance(when, str) else when
        return as_of(document_id, moment, catalog=self._session.catalog, collection=collection)
