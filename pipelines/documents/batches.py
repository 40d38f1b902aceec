"""Batches: changes of many documents written together, each of them a change like any other.

The order of effects is that of a single change: the record in the store, the history, the document.
"""

from collections.abc import Iterable

import bson
from pymongo import ReplaceOne, UpdateOne

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.documents.changes import change, history_name, new_entry, update_of
from pipelines.documents.edits import AWARE, Edit, Entry, require_paths
from pipelines.documents.records import record_key
from pipelines.documents.schema import Document

__all__ = ["change_batch"]


def change_batch(
    edits: Iterable[tuple[Document, Edit]],
    *,
    catalog: Catalog,
    store: ArrayStore,
    why: str,
    run: str,
    collection: str = "headers",
) -> list[str]:
    """Change documents of one collection together.

    Parameters
    ----------
    edits
        Each document as it was read just now, and its edit; some hundreds at most.
    why, run
        The reason and the run, kept in the history.
    collection : {'headers', 'masters'}
        Where the documents are.

    Returns
    -------
    list of str
        The documents that changed; an edit that changes nothing is passed over.

    Raises
    ------
    UsageError
        A path names what no change may touch. Nothing was changed.
    """
    edits = list(edits)
    for _, edit in edits:
        require_paths(edit)
    made = ((edit, new_entry(document, edit, why=why, run=run, collection=collection)) for document, edit in edits)
    # As they will be read: milliseconds, plain containers.
    entries = [(edit, _as_read(entry)) for edit, entry in made if entry is not None]
    keys = {
        record_key(entry["document"], entry["revision"], entry["change"], collection=collection): edit
        for edit, entry in entries
    }
    records = {key: bson.encode(entry) for key, (_, entry) in zip(keys, entries, strict=True)}
    taken = store.add_records(records)
    ours = [entry for key, (_, entry) in zip(keys, entries, strict=True) if key not in taken]
    if ours:
        named = [{"_id": history_name(entry), **entry} for entry in ours]
        catalog.history.bulk_write([ReplaceOne({"_id": n["_id"]}, n, upsert=True) for n in named], ordered=False)
        catalog[collection].bulk_write([UpdateOne(_before(entry), update_of(entry)) for entry in ours], ordered=False)
    # Others were first with these numbers: one at a time, looking again.
    again = [keys[key] for key in sorted(taken)]
    late = change(again, catalog=catalog, store=store, why=why, run=run, collection=collection) if again else []
    return [*(entry["document"] for entry in ours), *late]


def _as_read(entry: Entry) -> Entry:
    return bson.decode(bson.encode(entry), AWARE)


def _before(entry: Entry) -> Document:
    """Return the condition that a document has not seen a change yet."""
    return {
        "_id": entry["document"],
        "ingest.revision": entry["revision"],
        "ingest.changes": {"$lt": entry["change"]},
    }
