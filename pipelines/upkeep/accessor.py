"""The upkeep of an archive in one place: prove, rebuild, copy, migrate, tell and undo changes.

A facade: each verb lives in a module of its own beside this one, and has its words there.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.table import Answer

if TYPE_CHECKING:
    from pipelines.archive import Archive
    from pipelines.documents.migrate import Migration
    from pipelines.upkeep.backup import Copied
    from pipelines.upkeep.check import CheckReport
    from pipelines.upkeep.rebuild import Rebuilt


class Upkeep:
    """What keeps an archive whole; ``archive.upkeep`` is one."""

    def __init__(self, archive: "Archive") -> None:
        self._archive = archive

    def check(
        self,
        *,
        level: str = "digests",
        max_duration: timedelta | None = None,
        max_age: timedelta = timedelta(0),
        mend: bool = False,
        progress: bool | None = None,
    ) -> "CheckReport":
        """Prove that nothing is missing, changed or left behind: `pipelines.upkeep.check`."""
        from pipelines.progress import bar
        from pipelines.upkeep.check import check

        if mend:
            self._archive.require_writable("mend")
        with bar("Check", shown=progress) as advance:
            return check(
                catalog=self._archive.catalog,
                store=self._archive.store,
                level=level,
                max_duration=max_duration,
                max_age=max_age,
                mend=mend,
                progress=advance,
            )

    def rebuild(self, *, missing: bool = False, documents: Sequence[str] = ()) -> "Rebuilt":
        """Make a lost catalog again from the array store: `pipelines.upkeep.rebuild`."""
        from pipelines.upkeep.rebuild import rebuild

        return rebuild(catalog=self._archive.catalog, store=self._archive.store, missing=missing, documents=documents)

    def backup(self, out: str | os.PathLike[str]) -> "Copied":
        """Copy the embedded catalog, as it is at this moment, to a file: `pipelines.upkeep.backup`."""
        from pipelines.upkeep.backup import backup

        return backup(out, catalog=self._archive.catalog)

    def migrate(self, *, dry_run: bool = False) -> "Migration":
        """Bring documents of an older release to the schema of this one: `pipelines.documents.migrate`."""
        from pipelines.documents.migrate import migrate

        return migrate(catalog=self._archive.catalog, store=self._archive.store, dry_run=dry_run)

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

        self._archive.require_writable("change documents")
        return change(
            [Edit(document_id, values, tuple(unset))],
            catalog=self._archive.catalog,
            store=self._archive.store,
            why=why,
            collection=collection,
        )

    def undo(self, run: str, *, why: str) -> list[str]:
        """Put back exactly what the changes of a run replaced: `pipelines.documents.changes`."""
        from pipelines.documents.changes import undo

        self._archive.require_writable("undo")
        return undo(run, catalog=self._archive.catalog, store=self._archive.store, why=why)

    def story(self, document_id: str, *, collection: str = "headers") -> Answer:
        """Who changed a document, when, why, and what was there before: `pipelines.documents.story`."""
        from pipelines.documents.story import story

        return story(document_id, catalog=self._archive.catalog, collection=collection)

    def as_of(self, document_id: str, when: datetime, *, collection: str = "headers") -> dict[str, Any]:
        """Give a document as it stood at a time: `pipelines.documents.history`."""
        from pipelines.documents.history import as_of

        return as_of(document_id, when, catalog=self._archive.catalog, collection=collection)
