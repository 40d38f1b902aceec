"""Lives: all the store keeps of one document, and what its revisions and changes make of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from arraystore import ArrayDamaged, ArrayStore, Lost
from pipelines.documents.changes import history_name, is_stale, trash_entry, trash_name
from pipelines.documents.records import PREFIXES, numbered
from pipelines.documents.replay import kept_document, kept_entry, replayed
from pipelines.documents.schema import Document

WHY_REVISED = "revision: the file has new bytes"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a document as the store keeps it.

    Attributes
    ----------
    document : dict
        As it was ingested.
    entries : tuple of dict
        Its changes, in order.
    """

    document: Document
    entries: tuple[Document, ...]

    @property
    def deletion(self) -> Document | None:
        """The entry that deleted it, where that is the last that is recorded of it; else None.

        The record of a document that was written anew may contain the change already: it counts all the same.
        """
        states = [e for e in self.entries if e["state"] is not None and not is_stale(e, self.document)]
        return states[-1] if states and states[-1]["state"] == "deleted" else None


@dataclass(slots=True)
class Life:
    """All the store keeps of one document.

    Attributes
    ----------
    stem : str
        What the names of its records begin with.
    revisions : list of Revision
        In their order: by number, but one that was deleted before another was ingested comes before that.
    lost : list of str
        Records that are gone or damaged, each with what it means.
    """

    stem: str
    revisions: list[Revision] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, store: ArrayStore, stem: str, numbers: Sequence[tuple[int, int]]) -> "Life":
        """Read the records of a document.

        Parameters
        ----------
        numbers : sequence of (int, int)
            Revision and change of each of its records; change 0 is the document as ingested.

        Raises
        ------
        SchemaTooNew
            A later release wrote one.
        """
        life = cls(stem)
        for revision in sorted({revision for revision, _ in numbers}):
            try:
                document = kept_document(store, numbered(stem, revision))
            except (Lost, ArrayDamaged) as error:
                life.lost.append(f"revision {revision} of a document: {error}")
                continue
            changes = sorted(change for number, change in numbers if number == revision and change)
            life._insert(Revision(document, tuple(life._entries(store, document, revision, changes))))
        return life

    def _insert(self, revision: Revision) -> None:
        """Put a revision after those that were made before it.

        A sweep cut short leaves records of what was deleted, and the numbers of a document that is
        ingested again then begin at 1.
        """
        deletion = revision.deletion
        later = (
            place
            for place, other in enumerate(self.revisions)
            if deletion is not None and deletion["at"] < other.document["ingest"]["at"]
        )
        self.revisions.insert(next(later, len(self.revisions)), revision)

    def _entries(
        self, store: ArrayStore, document: Document, revision: int, changes: Sequence[int]
    ) -> Iterator[Document]:
        for change in changes:
            try:
                yield kept_entry(store, numbered(self.stem, revision, change))
            except (Lost, ArrayDamaged) as error:
                self.lost.append(f"change {change} of {document['_id']}: {error}")

    @property
    def collection(self) -> str:
        """Where the document belongs."""
        return next(name for name, prefix in PREFIXES.items() if self.stem.startswith(prefix))

    @property
    def document_id(self) -> str:
        """Its name; empty where no record of it can be read."""
        return str(self.revisions[-1].document["_id"]) if self.revisions else ""

    def replay(self) -> "Replayed":
        """Return what its revisions and changes make of it."""
        made = Replayed(self.collection, self.document_id)
        for revision in self.revisions:
            document, entries, deletion = revision.document, revision.entries, revision.deletion
            changes = document["ingest"]["changes"]
            made.history += [
                {"_id": history_name(entry), **entry}
                for entry in entries
                if entry["change"] <= changes or not is_stale(entry, document)
            ]
            if made.live is not None:
                made.history.append(_remembered(made.live, document, self.collection))
                made.live = None
            if deletion is not None:
                made.trash.append(trash_entry(deletion, replayed(document, entries)))
            else:
                made.live = replayed(document, entries)
        made.sound = not self.lost
        return made


@dataclass(slots=True)
class Replayed:
    """What a life leads to.

    Attributes
    ----------
    collection, document_id : str
        Which document.
    live : dict or None
        The document in use; None if it was deleted.
    trash, history : list of dict
        Entries for the trash and the history.
    sound : bool
        Whether every record of it could be read.
    """

    collection: str
    document_id: str
    live: Document | None = None
    trash: list[Document] = field(default_factory=list)
    history: list[Document] = field(default_factory=list)
    sound: bool = True


def _remembered(before: Document, after: Document, collection: str) -> Document:
    """Return the history entry of a revision: made by the ingest of the next, when that was."""
    return {
        "_id": trash_name({"document": before["_id"], "revision": before["ingest"]["revision"]}),
        "document": before["_id"],
        "collection": collection,
        "revision": before["ingest"]["revision"],
        "at": after["ingest"]["at"],
        "why": WHY_REVISED,
        "run": after["ingest"]["run"],
        "digests": before["digests"],
        "before": before,
    }
