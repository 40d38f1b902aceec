"""History: a document as it stood at any time, from what it is now and the changes kept since."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from catalog import Catalog
from pipelines.documents.edits import reverted
from pipelines.errors import UnknownDocument, UsageError


def as_of(document_id: str, when: datetime, *, catalog: Catalog, collection: str = "headers") -> dict[str, Any]:
    """Give a document as it stood at a time.

    Parameters
    ----------
    when : datetime
        With its zone.

    Raises
    ------
    UnknownDocument
        It was not in the archive then: not ingested yet, or deleted.
    UsageError
        The time has no zone.
    """
    if when.tzinfo is None:
        raise UsageError(f"{when} has no zone; write it as 2024-02-20T03:15:00Z")
    versions = [v for v in _versions(document_id, catalog, collection) if v["ingest"]["at"] <= when]
    if not versions:
        raise UnknownDocument(f"{document_id} was not in the archive at {when:%Y-%m-%d %H:%M:%S %Z}")
    document = max(versions, key=lambda version: version["ingest"]["revision"])
    query = {"document": document_id, "revision": document["ingest"]["revision"], "change": {"$exists": True}}
    entries = sorted(catalog.history.find(query), key=lambda entry: -entry["change"])
    states = [entry["state"] for entry in entries if entry["at"] <= when and entry["state"] is not None]
    if states and states[0] == "deleted":
        raise UnknownDocument(f"{document_id} was deleted at {when:%Y-%m-%d %H:%M:%S %Z}; later it may have come back")
    for entry in entries:
        if entry["at"] > when and entry["change"] <= document["ingest"]["changes"]:
            document = reverted(document, entry)
    return document


def _versions(document_id: str, catalog: Catalog, collection: str) -> Iterator[dict[str, Any]]:
    """Give every revision there is of a document, each as it last was."""
    now = catalog[collection].find_one({"_id": document_id})
    if now is not None:
        yield now
    for kept in (catalog.trash, catalog.history):
        yield from (entry["before"] for entry in kept.find({"document": document_id, "before": {"$exists": True}}))
