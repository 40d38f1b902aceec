"""Rebuild: a lost catalog made again from what the array store keeps of every document.

The store has each document as it was ingested, and each change since in its order. What comes back:
documents in use, masters, the trash, and the history. What only the catalog knew does not: the ledger
of runs, the quarantine, folders of the roots, and views; see `Rebuilt`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo import ReplaceOne

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents.filling import fill
from pipelines.documents.lives import Life, Replayed
from pipelines.documents.migrate import rename_records
from pipelines.documents.records import PREFIXES, parse_key, record_stem
from pipelines.documents.schema import Document
from pipelines.documents.strangers import EVER, leave_mark, strangers
from pipelines.errors import Refused, UnknownDocument
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table.cells import counted

BATCH = 200  # documents written together
KEPT = ("history", "trash", "headers", "masters")
"""What is rebuilt, in the order it is written: cut short, nothing is in use without its history."""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild brought back.

    Attributes
    ----------
    headers, masters, trash, history : int
        Documents in use, deleted ones, and remembered changes and revisions.
    passed : int
        Documents the catalog had already.
    observed : int
        Documents kept before there were observation fields, which were filled now.
    lost : list of str
        Records that are gone or damaged, each with what it means.
    roots : dict of str to int
        Roots the documents lie under and whose folders the catalog does not know; how many documents.
    """

    headers: int = 0
    masters: int = 0
    trash: int = 0
    history: int = 0
    passed: int = 0
    observed: int = 0
    lost: list[str] = field(default_factory=list)
    roots: dict[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """4 if a record was gone or damaged, 0 else."""
        return 4 if self.lost else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        lines = [
            f"rebuilt {counted(self.headers, 'document')}, {counted(self.masters, 'master')}, "
            f"{self.trash} in the trash, "
            f"{self.history} in the history" + (f"; {self.passed} were there" if self.passed else "")
        ]
        if self.observed:
            lines.append(f"  observation fields filled from the stored headers: {counted(self.observed, 'document')}")
        lines += [f"  LOST {text}" for text in self.lost]
        for name, count in self.roots.items():
            lines.append(
                f"  say where root {name!r} is ({counted(count, 'document')}): darkroom root add {name} FOLDER"
            )
        lines.append("  not kept in the store, so not rebuilt: the ledger of runs, the quarantine, views")
        return "\n".join(lines)


def rebuild(
    session: Session, *, missing: bool = False, documents: Sequence[str] = (), progress: Progress | None = None
) -> Rebuilt:
    """Make the documents of a catalog again from the records in the store.

    Parameters
    ----------
    catalog : Catalog
        Where to; it must be empty, unless one of the next two is given.
    missing : bool
        Only add documents the catalog does not have; also goes on with a rebuild that was cut short.
    documents : sequence of str
        Only these, put back to what the store keeps of them.
    progress : callable, optional
        Called with documents done, and how many there are.

    Raises
    ------
    Refused
        The catalog holds documents.
    UnknownDocument
        The store keeps nothing of one of `documents`.
    SchemaTooNew
        A later release wrote a record.
    """
    if not missing and not documents:
        _require_empty(session.catalog)
    rename_records(session.store)
    stems = _stems(session.store, documents)
    run = ledger.start(
        session.runs,
        verb="rebuild",
        arguments={"missing": missing, "documents": list(documents), "store": session.store.id},
    )
    wanted = set(stems)
    if missing:
        wanted = {s.stem for s in strangers(session.catalog, session.store, before=EVER, patience=0.0)}
    report, batch = Rebuilt(), _Batch(session.catalog)
    for done, (stem, numbers) in enumerate(sorted(stems.items()), 1):
        if stem not in wanted:
            report.passed += 1
        else:
            life = Life.read(session.store, stem, sorted(numbers))
            report.lost += life.lost
            if not missing or not life.lost or not _has(session.catalog, life):
                batch.add(life.replay(), replace=missing or bool(documents))
        if len(batch) >= BATCH:
            batch.write(report)
        if progress is not None:
            progress(done, len(stems))
    batch.write(report)
    report.observed = fill(catalog=session.catalog, store=session.store, run=run)
    report.roots = _unplaced(session.catalog)
    result = {name: getattr(report, name) for name in ("headers", "masters", "trash", "history", "lost")}
    ledger.finish(session.runs, run, status="finished", result=result)
    if not documents and not report.lost:
        leave_mark(session.store, run)
    return report


def _has(catalog: Catalog, life: Life) -> bool:
    """Tell whether a catalog has a document in some state: one of which records are lost must not replace it."""
    name = life.document_id
    query = {"document": name, "collection": life.collection}
    return any(
        found is not None
        for found in (catalog[life.collection].find_one({"_id": name}), catalog.trash.find_one(query, {"_id": 1}))
    )


def _require_empty(catalog: Catalog) -> None:
    for name in KEPT:
        if catalog[name].find_one({}, {"_id": 1}) is not None:
            raise Refused(
                f"{catalog.url} holds documents in {name}; rebuild into an empty catalog (--into URL), add what is "
                "not there (--missing), or put single documents back (--document ID). Nothing was changed"
            )


def _stems(store: ArrayStore, documents: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Return the numbers of the records of each document."""
    wanted = {record_stem(name, collection=c): name for name in documents for c in PREFIXES}
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for prefix in wanted or PREFIXES.values():
        for record in store.records(prefix):
            name = parse_key(record.key)
            if name is not None:
                found[name.stem].append((name.revision, name.change))
    absent = set(documents) - {wanted[stem] for stem in found if stem in wanted}
    if absent:
        raise UnknownDocument(f"{store.url} keeps nothing of {', '.join(sorted(absent)[:5])}; nothing was changed")
    return found


def _unplaced(catalog: Catalog) -> dict[str, int]:
    """Count the documents under each root whose folder is not known."""
    named = {root["_id"] for root in catalog.roots.find({}, {"_id": 1})}
    groups = catalog.headers.aggregate([{"$group": {"_id": "$root", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}])
    return {group["_id"]: group["n"] for group in groups if group["_id"] not in named}


class _Batch:
    """Documents waiting to be written."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._writes: dict[str, list[Document]] = {name: [] for name in KEPT}
        self._replaced: list[Replayed] = []

    def __len__(self) -> int:
        return sum(map(len, self._writes.values()))

    def add(self, life: Replayed, *, replace: bool) -> None:
        self._writes["history"] += life.history
        self._writes["trash"] += life.trash
        if life.live is not None:
            self._writes[life.collection].append(life.live)
        if replace and life.sound:
            self._replaced.append(life)

    def write(self, report: Rebuilt) -> None:
        for name in KEPT:
            waiting, self._writes[name] = self._writes[name], []
            if waiting:
                writes = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in waiting]
                self._catalog[name].bulk_write(writes, ordered=False)
                setattr(report, name, getattr(report, name) + len(waiting))
        for life in self._replaced:
            # Deleted, or restored, after what the catalog shows.
            if life.live is None and life.trash:
                self._catalog[life.collection].delete_one({"_id": life.document_id})
            kept = [entry["_id"] for entry in life.trash]
            self._catalog.trash.delete_many(
                {"document": life.document_id, "collection": life.collection, "_id": {"$nin": kept}}
            )
        self._replaced = []
