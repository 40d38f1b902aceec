"""Migrate: documents of an older schema become documents of this one, step by step.

Each step is a pure function of the document. What the store keeps of a document stays as it was
written, and is put through the same steps whenever it is read: so `rebuild` gives what `migrate` gave.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import bson
from pymongo import ReplaceOne

from arraystore import ArrayStore, Lost
from catalog import Catalog, Collection
from pipelines.documents import runs as ledger
from pipelines.documents.changes import new_state, read_entry, remember, trash_entry
from pipelines.documents.edits import applied
from pipelines.documents.filling import fill, unobserved
from pipelines.documents.lookup import batches
from pipelines.documents.pairing import require_store
from pipelines.documents.records import PREFIXES, older_key, record_key
from pipelines.documents.schema import SCHEMA, Document
from pipelines.errors import IntegrityError, SchemaTooNew, UsageError
from pipelines.progress import Progress

BATCH: Final = 200  # documents written together
FORESEEN: Final = 50  # schemas after this one that are looked for
HOLDERS: Final = {"headers": "", "masters": "", "trash": "before", "history": "before"}
"""Where documents are kept, and under which field."""


def _count_changes(document: Document) -> Document:
    """Schema 2: a document says how many changes it has had, ``ingest.changes``."""
    return {**document, "ingest": {"changes": 0, **document["ingest"]}}


def _may_have_obs(document: Document) -> Document:
    """Schema 3: a document has ``obs``, which is filled by a recorded change, so that rebuild gives what was there."""
    return document


STEPS: Final[Mapping[int, Callable[[Document], Document]]] = {1: _count_changes, 2: _may_have_obs}
"""From each schema to the next."""


def upgraded(document: Document) -> Document:
    """Return a document as this release would have written it.

    Raises
    ------
    SchemaTooNew
        A later release wrote it.

    Examples
    --------
    >>> upgraded({"_id": "a", "ingest": {"revision": 1}, "schema": 1})
    {'_id': 'a', 'ingest': {'changes': 0, 'revision': 1}, 'schema': 3}
    """
    require_known(document)
    schema = document.get("schema", 1)
    while schema in STEPS:
        document = {**STEPS[schema](document), "schema": schema + 1}
        schema += 1
    return document


def require_known(document: Document) -> None:
    """Refuse a document of a later release."""
    schema = document.get("schema", 1)
    if schema > SCHEMA:
        raise SchemaTooNew(
            f"{document['_id']} has schema {schema}, this release reads up to {SCHEMA}; upgrade darkroom"
        )


def require_current(catalog: Catalog) -> None:
    """Refuse to change a catalog whose documents are of another schema.

    Raises
    ------
    UsageError
        They are older: migrate first.
    SchemaTooNew
        They are of a later release.
    """
    # By equality, which an index answers in every catalog: this is asked before every change.
    later = list(range(SCHEMA + 1, SCHEMA + 1 + FORESEEN))
    for newer in catalog.headers.find({"schema": {"$in": later}}, {"schema": 1}).limit(1):
        require_known(newer)
    older = catalog.headers.find_one({"schema": {"$in": list(STEPS)}}, {"schema": 1})
    if older is not None:
        raise UsageError(
            f"the documents are of schema {older['schema']}, this release writes {SCHEMA}; "
            "back the catalog up, then run `darkroom migrate`"
        )


@dataclass(frozen=True, slots=True)
class Migration:
    """What a migration did, or would do.

    Attributes
    ----------
    dry_run : bool
        Nothing was written, only counted.
    documents : dict of str to int
        Documents of an older schema, by collection; ``records`` of them in the store; and ``unobserved``,
        documents and masters without the observation fields.
    """

    dry_run: bool
    documents: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {"dry_run": self.dry_run, "schema": SCHEMA, "documents": self.documents}

    def __repr__(self) -> str:
        if not any(self.documents.values()):
            return f"every document has schema {SCHEMA}; there is nothing to migrate"
        counts = ", ".join(f"{count} {name}" for name, count in self.documents.items() if count)
        done = f"{'would migrate' if self.dry_run else 'migrated'} {counts} to schema {SCHEMA}"
        told = "would be" if self.dry_run else "were"
        return f"{done}; the observation fields {told} filled from the stored headers" if self._filled else done

    @property
    def _filled(self) -> bool:
        return bool(self.documents.get("unobserved"))


def migrate(
    *, catalog: Catalog, store: ArrayStore, dry_run: bool = False, progress: Progress | None = None
) -> Migration:
    """Bring every document to the schema of this release; cut short, run it again.

    Parameters
    ----------
    dry_run : bool
        Only count.

    Raises
    ------
    SchemaTooNew
        A document is of a later release. Nothing has been written.
    """
    require_store(catalog, store)
    for name, field in HOLDERS.items():
        found = catalog[name].find_one({_path(field): {"$gt": SCHEMA}})
        if found is not None:
            require_known(found[field] if field else found)
    counts = {name: catalog[name].count_documents(_older(field)) for name, field in HOLDERS.items()}
    counts["records"] = sum(1 for _ in _older_records(store))
    counts["unobserved"] = unobserved(catalog)
    unwritten = catalog.trash.count_documents(_UNWRITTEN)
    if dry_run or not (any(counts.values()) or unwritten):
        return Migration(dry_run, counts)
    run = ledger.start(catalog.runs, verb="migrate", arguments={"schema": SCHEMA})
    done = rename_records(store)
    for name, field in HOLDERS.items():
        for batch in _batches(catalog[name], field):
            written = catalog[name].bulk_write([_write(document, field) for document in batch], ordered=False)
            if not written.matched_count:
                _require_progress(catalog[name], batch, field)
            done += written.matched_count
            if progress is not None:
                progress(done, max(done, sum(counts.values())))
    _write_deletions_down(catalog, store)
    fill(catalog=catalog, store=store, run=run, progress=progress)
    ledger.finish(catalog.runs, run, status="finished", result={"documents": counts})
    return Migration(False, counts)


_UNWRITTEN = {"before.ingest.changes": 0}  # a deletion is a change, since schema 2


def rename_records(store: ArrayStore) -> int:
    """Return the records of schema 1 the names they have now, bytes unchanged; return how many there were."""
    older = list(_older_records(store))
    for some in batches(older, BATCH):
        kept: dict[str, bytes] = {}
        for old, new in some:
            with suppress(Lost):  # another migration, at the same time, was faster with this one
                kept[new] = store.get_record(old)
        store.put_records(kept)
        for old, _ in some:  # only now: cut short, a record has two names and the same bytes under both
            with suppress(Lost):
                store.delete_record(old)
    return len(older)


def _older_records(store: ArrayStore) -> Iterator[tuple[str, str]]:
    for record in store.records(PREFIXES["headers"]):
        new = older_key(record.key)
        if new is not None:
            yield record.key, new


def _write_deletions_down(catalog: Catalog, store: ArrayStore) -> None:
    """Keep the deletions of schema 1 in the store too, so that `rebuild` knows of them."""
    while entries := catalog.trash.find(_UNWRITTEN).limit(BATCH).to_list():
        for kept in entries:
            change = _deletion(kept)
            key = record_key(change["document"], change["revision"], 1, collection=change["collection"])
            if not store.add_record(key, bson.encode(change)):
                change = read_entry(store, key)  # a migration before this one was cut short here
            remember(change, catalog=catalog)
            entry = trash_entry(change, applied(kept["before"], change))
            catalog.trash.replace_one({"_id": kept["_id"], **_UNWRITTEN}, entry)


def _deletion(kept: Document) -> Document:
    """Return the change that put an entry into the trash."""
    before = kept["before"]
    change = new_state(before, "deleted", why=kept["why"], run=kept["run"], collection=kept["collection"])
    # When it was, but never before the ingest it follows.
    change["at"] = max(kept["deleted_at"], before["ingest"]["at"] + timedelta(milliseconds=1))
    return change | {name: kept[name] for name in ("user", "host", "pid") if name in kept}


def _path(field: str) -> str:
    return f"{field}.schema" if field else "schema"


def _older(field: str) -> Document:
    return {_path(field): {"$lt": SCHEMA}}


def _batches(collection: Collection, field: str) -> Iterator[list[Document]]:
    """Return what is left to migrate, until there is none."""
    while batch := collection.find(_older(field)).limit(BATCH).to_list():
        yield batch


def _require_progress(collection: Collection, batch: list[Document], field: str) -> None:
    """Raise if documents stay as they are though nobody else changes them."""
    for before in batch:
        now = collection.find_one({"_id": before["_id"]})
        if now != before:
            return  # others are at work on them
    raise IntegrityError(f"{batch[0]['_id']} in {collection.name} cannot be migrated; report it, with the document")


def _write(entry: Document, field: str) -> ReplaceOne[Document]:
    # What was kept of a document was always kept of one of `headers` before schema 2.
    new = {"collection": "headers", **entry, field: upgraded(entry[field])} if field else upgraded(entry)
    # Only if it is still what was read: another process may have changed or migrated it.
    inner = entry[field] if field else entry
    above = f"{field}." if field else ""
    same = {"_id": entry["_id"], f"{above}schema": inner["schema"], f"{above}ingest": inner["ingest"]}
    return ReplaceOne(same, new)
