"""Replay: a document as the store alone makes it, from the record of its ingest and of every change since."""

from collections.abc import Iterable

import bson
from bson.errors import InvalidBSON

from arraystore import ArrayDamaged, ArrayStore, Lost
from pipelines.documents.edits import AWARE, Entry, applied
from pipelines.documents.migrate import upgraded
from pipelines.documents.records import record_key
from pipelines.documents.schema import Document


def kept_document(store: ArrayStore, key: str) -> Document:
    """Read the record of a document, in the schema of this release.

    Raises
    ------
    arraystore.Lost, arraystore.ArrayDamaged
        There is none, or its bytes are not those written.
    SchemaTooNew
        A later release wrote it.
    """
    return upgraded(_decoded(store.get_record(key), key))


def kept_entry(store: ArrayStore, key: str) -> Entry:
    """Read the record of a change; the errors are those of `kept_document`."""
    return _decoded(store.get_record(key), key)


def _decoded(data: bytes, key: str) -> Document:
    try:
        return bson.decode(data, AWARE)
    except InvalidBSON as error:
        raise ArrayDamaged(f"the record {key!r} is no document: {error}. Restore it from a copy.") from error


def entries_of(store: ArrayStore, document_id: str, revision: int, *, upto: int, collection: str) -> Iterable[Entry]:
    """Return the changes of a revision in order; numbers that have no record are passed over."""
    for number in range(1, upto + 1):
        try:
            yield kept_entry(store, record_key(document_id, revision, number, collection=collection))
        except Lost:
            continue


def replayed(document: Document, entries: Iterable[Entry]) -> Document:
    """Return a document as its changes leave it.

    Changes it already contains, and those of an earlier life (made before it was last ingested), leave
    it as it is but for their number.
    """
    for entry in sorted(entries, key=lambda entry: int(entry["change"])):
        if entry["change"] <= document["ingest"]["changes"]:
            continue
        if entry["at"] <= document["ingest"]["at"]:
            document = {**document, "ingest": {**document["ingest"], "changes": entry["change"]}}
        else:
            document = applied(document, entry)
    return document


def settled(document: Document) -> Document:
    """Return a document without what may differ from its record: when and how long its file was last seen.

    Touching a file gives it a new time; the bytes are the same, so no revision is made and no record.
    """
    document = upgraded(document)
    file = {key: value for key, value in document.get("file", {}).items() if key not in ("mtime", "size")}
    return {**document, "file": file}
