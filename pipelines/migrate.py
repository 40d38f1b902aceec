"""Migrate: documents of an older schema become documents of this one, step by step.

Each step is a pure function of the document. What the store keeps of a document stays as it was
written, and is put through the same steps whenever it is read: so `rebuild` gives what `migrate` gave.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ReplaceOne

from catalog import Catalog, Collection
from pipelines import ledger
from pipelines.errors import SchemaTooNew

Document = dict[str, Any]
Progress = Callable[[int, int], None]

BATCH: Final = 200  # documents written together
HOLDERS: Final = {"headers": "", "masters": "", "trash": "before", "history": "before"}
"""Where documents are kept, and under which field."""


def _count_changes(document: Document) -> Document:
    """Schema 2: a document says how many changes it has had, ``ingest.changes``."""
    return {**document, "ingest": {"changes": 0, **document["ingest"]}}


STEPS: Final[Mapping[int, Callable[[Document], Document]]] = {1: _count_changes}
"""From each schema to the next."""

SCHEMA: Final = max(STEPS) + 1
"""The schema of the documents this release writes."""


def upgraded(document: Document) -> Document:
    """Give a document as this release would have written it.

    Raises
    ------
    SchemaTooNew
        A later release wrote it.

    Examples
    --------
    >>> upgraded({"_id": "a", "ingest": {"revision": 1}, "schema": 1})
    {'_id': 'a', 'ingest': {'changes': 0, 'revision': 1}, 'schema': 2}
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


@dataclass(frozen=True, slots=True)
class Migration:
    """What a migration did, or would do.

    Attributes
    ----------
    dry_run : bool
        Nothing was written, only counted.
    documents : dict of str to int
        Documents of an older schema, by collection.
    """

    dry_run: bool
    documents: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Give the counts as plain data."""
        return {"dry_run": self.dry_run, "schema": SCHEMA, "documents": self.documents}

    def __repr__(self) -> str:
        if not any(self.documents.values()):
            return f"every document has schema {SCHEMA}; there is nothing to migrate"
        counts = ", ".join(f"{count} {name}" for name, count in self.documents.items() if count)
        return f"{'would migrate' if self.dry_run else 'migrated'} {counts} to schema {SCHEMA}"


def migrate(*, catalog: Catalog, dry_run: bool = False, progress: Progress | None = None) -> Migration:
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
    for name, field in HOLDERS.items():
        found = catalog[name].find_one({_path(field): {"$gt": SCHEMA}})
        if found is not None:
            require_known(found[field] if field else found)
    counts = {name: catalog[name].count_documents(_older(field)) for name, field in HOLDERS.items()}
    if dry_run or not any(counts.values()):
        return Migration(dry_run, counts)
    run = ledger.start(catalog.runs, verb="migrate", arguments={"schema": SCHEMA})
    done = 0
    for name, field in HOLDERS.items():
        for batch in _batches(catalog[name], field):
            catalog[name].bulk_write([_write(document, field) for document in batch], ordered=False)
            done += len(batch)
            if progress is not None:
                progress(done, sum(counts.values()))
    ledger.finish(catalog.runs, run, status="finished", result={"documents": counts})
    return Migration(False, counts)


def _path(field: str) -> str:
    return f"{field}.schema" if field else "schema"


def _older(field: str) -> Document:
    return {_path(field): {"$lt": SCHEMA}}


def _batches(collection: Collection, field: str) -> Iterator[list[Document]]:
    """Give what is left to migrate, until there is none."""
    while batch := collection.find(_older(field)).limit(BATCH).to_list():
        yield batch


def _write(entry: Document, field: str) -> ReplaceOne[Document]:
    new = {**entry, field: upgraded(entry[field])} if field else upgraded(entry)
    # Only if it is still what was read: another process may have changed or migrated it.
    inner = entry[field] if field else entry
    same = {
        "_id": entry["_id"],
        _path(field): inner["schema"],
        f"{f'{field}.' if field else ''}ingest": inner["ingest"],
    }
    return ReplaceOne(same, new)
