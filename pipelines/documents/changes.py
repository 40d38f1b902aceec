"""Changes: the one way a document is altered after its ingest, so that each can be told, undone and replayed.

A change is first written into the array store, under a name made of the document, its revision and
the number of the change. Only one writer can have that name, so the changes of a document have an
order, whoever makes them. Then it goes into the history, then into the document. Cut short in between,
it is finished by whoever next comes to the document, by ``check``, or by ``rebuild``.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import bson
from pymongo.errors import DuplicateKeyError

from arraystore import ArrayStore, Lost
from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents.edits import AWARE, Edit, Entry, applied, difference, require_paths
from pipelines.documents.lookup import found_in
from pipelines.documents.records import record_key
from pipelines.documents.schema import Document
from pipelines.errors import Refused, UnknownDocument

__all__ = [
    "Edit",
    "carried_over",
    "carry_out",
    "change",
    "is_stale",
    "new_entry",
    "new_state",
    "read_entry",
    "remember",
    "trash_entry",
    "update_of",
    "write",
]

State = Literal["deleted", "restored"]

TRIES = 50  # times the number of a change may be taken by others before we give up


class Changed(list[str]):
    """The names of the documents that a verb changed, and the run that did it.

    Attributes
    ----------
    run : str or None
        The run to undo it by; None where nothing was changed.
    """

    def __init__(self, names: Iterable[str], run: str | None) -> None:
        super().__init__(names)
        self.run = run


def change(
    edits: Sequence[Edit],
    *,
    catalog: Catalog,
    store: ArrayStore,
    why: str,
    run: str | None = None,
    collection: str = "headers",
) -> list[str]:
    """Change documents, each change kept with who, when, why and what was there before.

    Parameters
    ----------
    edits : sequence of Edit
        One a document. All documents must be there, or none is changed.
    why : str
        The reason, kept in the history.
    run : str, optional
        The run it belongs to; by default a run of its own, which `undo` takes back.
    collection : {'headers', 'masters'}
        Where the documents are.

    Returns
    -------
    list of str
        The documents that changed; an edit that changes nothing is passed over.

    Raises
    ------
    UnknownDocument
        One of them is not in the archive.
    UsageError
        A path names what no change may touch.
    """
    for edit in edits:
        require_paths(edit)
    _require_documents([edit.document for edit in edits], catalog=catalog, collection=collection)
    own = run is None
    if run is None:
        run = ledger.start(catalog.runs, verb="change", arguments={"why": why, "documents": len(edits)})
    changed = [
        edit.document
        for edit in edits
        if _change(edit, catalog=catalog, store=store, why=why, run=run, collection=collection)
    ]
    if own:
        ledger.finish(catalog.runs, run, status="finished", result={"changed": len(changed)})
    return changed


def _change(edit: Edit, *, catalog: Catalog, store: ArrayStore, why: str, run: str, collection: str) -> bool:
    for _ in range(TRIES):
        document = catalog[collection].find_one({"_id": edit.document})
        if document is None:
            raise UnknownDocument(f"{edit.document} was deleted while it was being changed; restore it, then try again")
        entry = new_entry(document, edit, why=why, run=run, collection=collection)
        if entry is None:
            return False
        if write(entry, catalog=catalog, store=store):
            return True
        # Others were first with this number, or the document was revised: look again.
    raise Refused(f"{edit.document} is being changed by others all the time; try again later")


def write(entry: Entry, *, catalog: Catalog, store: ArrayStore) -> bool:
    """Write a change down and carry it out.

    Returns
    -------
    bool
        False if it has to be made anew: another change has its number (and has been finished), or the
        document was ingested anew meanwhile.
    """
    entry = bson.decode(bson.encode(entry), AWARE)  # as it will be read: milliseconds, plain containers
    key = record_key(entry["document"], entry["revision"], entry["change"], collection=entry["collection"])
    if store.add_record(key, bson.encode(entry)):
        return carry_out(entry, catalog=catalog)
    try:
        other = read_entry(store, key)
    except Lost:  # swept with its document at this moment
        return False
    carry_out(other, catalog=catalog)
    return False


def read_entry(store: ArrayStore, key: str) -> Entry:
    """Read the record of a change."""
    return bson.decode(store.get_record(key), AWARE)


def new_state(
    document: Document, state: State, *, why: str, run: str, collection: str = "headers", **extra: Any
) -> Entry:
    """Return the entry, still to be written, that deletes or restores a document."""
    return _entry(document, why=why, run=run, collection=collection) | {"state": state} | extra


def new_entry(document: Document, edit: Edit, *, why: str, run: str, collection: str = "headers") -> Entry | None:
    """Return the entry, still to be written, of an edit of a document as it is; None where it changes nothing."""
    made = difference(document, edit)
    if not (made["set"] or made["unset"]):
        return None
    return _entry(document, why=why, run=run, collection=collection) | made


def _entry(document: Document, *, why: str, run: str, collection: str) -> Entry:
    ingest = document["ingest"]
    # Never before the ingest it follows, whatever this machine's clock says: an older change belongs
    # to an earlier life of the document.
    at = max(datetime.now(UTC), ingest["at"] + timedelta(milliseconds=1))
    return {
        "document": document["_id"],
        "collection": collection,
        "revision": ingest["revision"],
        "change": ingest["changes"] + 1,
        "at": at,
        "why": why,
        "run": run,
        "state": None,
        "set": [],
        "unset": [],
        "was": [],
        "digests": document["digests"],
        **ledger.who(),
    }


# -- carrying out ------------------------------------------------------------------------------------


def carry_out(entry: Entry, *, catalog: Catalog) -> bool:
    """Make a written change visible: in the history, then in the document. Again, it does nothing.

    Returns
    -------
    bool
        Whether the document shows it now; False if there is no such revision of it any more.
    """
    if entry["state"] == "restored":
        return _restore(entry, catalog=catalog)
    documents = catalog[entry["collection"]]
    here = {"_id": entry["document"], "ingest.revision": entry["revision"]}
    before = {**here, "ingest.changes": {"$lt": entry["change"]}}
    document = documents.find_one(before)
    if document is None:
        return documents.find_one(here, {"_id": 1}) is not None
    if is_stale(entry, document):
        # Of an earlier life: its number is passed over, its effect is not wanted.
        documents.update_one(before, {"$set": {"ingest.changes": entry["change"]}})
        return False
    remember(entry, catalog=catalog)
    if entry["state"] == "deleted":
        kept = trash_entry(entry, applied(document, entry))
        # Into the trash first: cut short here, the document is in both places and lost from neither.
        older = {"_id": kept["_id"], "before.ingest.changes": {"$lt": entry["change"]}}
        with suppress(DuplicateKeyError):  # it is there already, or a later deletion is
            catalog.trash.replace_one(older, kept, upsert=True)
        documents.delete_one(before)
        if documents.find_one(here, {"_id": 1}) is not None:
            # Another process has deleted and restored it while this one stood still: it stays.
            _strike_from_trash(kept, catalog=catalog)
        return True
    documents.update_one(before, update_of(entry))
    return True


def update_of(entry: Entry) -> dict[str, Any]:
    """Return the update that a change of fields is, for MongoDB."""
    update: dict[str, Any] = {"$set": {"ingest.changes": entry["change"]}}
    update["$set"] |= {item["path"]: item["value"] for item in entry["set"]}
    if entry["unset"]:
        update["$unset"] = dict.fromkeys(entry["unset"], "")
    return update


def _restore(entry: Entry, *, catalog: Catalog) -> bool:
    kept = catalog.trash.find_one({"_id": trash_name(entry)})
    here = {"_id": entry["document"], "ingest.revision": entry["revision"]}
    if kept is None:  # restored by another already, or swept
        return catalog[entry["collection"]].find_one(here, {"_id": 1}) is not None
    if kept["before"]["ingest"]["changes"] >= entry["change"]:
        return True  # deleted once more since
    documents = catalog[entry["collection"]]
    found = documents.find_one({"_id": entry["document"]}, {"ingest": 1})
    if found is not None and found["ingest"]["revision"] != entry["revision"]:
        return False  # the file was ingested again
    remember(entry, catalog=catalog)
    try:
        # Never over what this restore, before it was cut short, brought back, and others changed since.
        older = {**here, "ingest.changes": {"$lt": entry["change"]}}
        documents.replace_one(older, applied(kept["before"], entry), upsert=True)
    except DuplicateKeyError:
        if documents.find_one(here, {"_id": 1}) is None:
            return False  # the file was ingested again in this moment
    _strike_from_trash(kept, catalog=catalog)
    return True


def _strike_from_trash(kept: Document, *, catalog: Catalog) -> None:
    """Take an entry out of the trash, unless the document has been deleted once more since."""
    catalog.trash.delete_one({"_id": kept["_id"], "before.ingest.changes": kept["before"]["ingest"]["changes"]})


def remember(entry: Entry, *, catalog: Catalog) -> None:
    """Keep a change in the history."""
    name = history_name(entry)
    catalog.history.replace_one({"_id": name}, {"_id": name, **entry}, upsert=True)


def history_name(entry: Entry) -> str:
    """Name of a change in the history."""
    return f"{entry['document']}@{entry['revision']}.{entry['change']}"


def trash_name(entry: Entry) -> str:
    """Name of a document in the trash."""
    return f"{entry['document']}@{entry['revision']}"


def trash_entry(entry: Entry, document: Document) -> Document:
    """Return what the trash keeps of a document, as its deletion left it."""
    return {
        "_id": trash_name(entry),
        "document": entry["document"],
        "collection": entry["collection"],
        "revision": entry["revision"],
        "deleted_at": entry["at"],
        "why": entry["why"],
        "run": entry["run"],
        "digests": document["digests"],
        "before": document,
        "user": entry["user"],
        "host": entry["host"],
    }


def is_stale(entry: Entry, document: Document) -> bool:
    """Tell whether a change was made in an earlier life of the document, before it was ingested anew."""
    return bool(entry["at"] <= document["ingest"]["at"])


def carried_over(document: Document, *, known: Document, store: ArrayStore) -> Document:
    """Return a document, made anew from the same file, with the changes it had.

    Parameters
    ----------
    known : dict
        The ``ingest`` part of the document it replaces, of the same revision.
    """
    for number in range(1, known["changes"] + 1):
        entry = read_entry(store, record_key(document["_id"], known["revision"], number))
        if entry["at"] > known["at"]:
            document = applied(document, entry)
    document["ingest"]["changes"] = known["changes"]
    return document


def _require_documents(ids: Sequence[str], *, catalog: Catalog, collection: str) -> None:
    missing = set(ids) - {doc["_id"] for doc in found_in(catalog[collection], "_id", ids, {"_id": 1})}
    if missing:
        shown = ", ".join(sorted(missing)[:5])
        raise UnknownDocument(f"no document named {shown}{' …' if len(missing) > 5 else ''}; nothing was changed")
