"""History: a document as it stood at any time, and everything that happened to it, as a table."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from catalog import Catalog
from pipelines.documents.edits import reverted
from pipelines.errors import UnknownDocument, UsageError
from pipelines.table import Answer, short

COLUMNS = ("at", "revision", "change", "what", "why", "who", "run")


def as_of(document_id: str, when: datetime, *, catalog: Catalog, collection: str = "headers") -> dict[str, Any]:
    """Return a document as it stood at a time.

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
    """Return every revision there is of a document, each as it last was."""
    now = catalog[collection].find_one({"_id": document_id})
    if now is not None:
        yield now
    for kept in (catalog.trash, catalog.history):
        yield from (entry["before"] for entry in kept.find({"document": document_id, "before": {"$exists": True}}))


def history(document_id: str, *, catalog: Catalog, collection: str = "headers") -> Answer:
    """Tell what happened to a document, the earliest first.

    Parameters
    ----------
    collection : {'headers', 'masters'}
        Where it is.

    Returns
    -------
    Answer
        When, which revision and change of it, what was done (of each field: before and after), why, who
        did it, and in which run.

    Raises
    ------
    UnknownDocument
        Neither the archive nor its history knows it.
    UsageError
        There is no such collection.
    """
    if collection not in ("headers", "masters"):
        raise UsageError(f"documents with a history are in headers and masters, not in {collection!r}")
    entries = catalog.history.find({"document": document_id, "collection": collection}).to_list()
    kept = [entry["before"] for entry in entries if "before" in entry]
    kept += [e["before"] for e in catalog.trash.find({"document": document_id, "collection": collection})]
    now = catalog[collection].find_one({"_id": document_id})
    if now is not None:
        kept.append(now)
    if not kept and not entries:
        raise UnknownDocument(f"nothing is known of a document {document_id!r}; `darkroom query` lists names")
    rows = [_ingested(document) for document in {d["ingest"]["revision"]: d for d in kept}.values()]
    rows += [_changed(entry) for entry in entries if "change" in entry]
    rows.sort(key=lambda row: (row["revision"], row["change"], row["at"]))
    state = "in use" if now is not None else "in the trash" if kept else "no more"
    return Answer(COLUMNS, tuple(rows), f"{document_id}, {state}")


def _ingested(document: dict[str, Any]) -> dict[str, Any]:
    ingest = document["ingest"]
    what = "ingested" if ingest["revision"] == 1 else "ingested with new bytes"
    return {
        "at": ingest["at"],
        "revision": ingest["revision"],
        "change": 0,
        "what": what,
        "why": "",
        "who": f"darkroom {ingest['version']}" if "version" in ingest else "",
        "run": ingest["run"],
    }


def _changed(entry: dict[str, Any]) -> dict[str, Any]:
    was = {item["path"]: short(item["value"]) if "value" in item else "(none)" for item in entry["was"]}
    done = [f"{item['path']}: {was[item['path']]} → {short(item['value'])}" for item in entry["set"]]
    done += [f"{path}: {was[path]} → (none)" for path in entry["unset"]]
    return {
        "at": entry["at"],
        "revision": entry["revision"],
        "change": entry["change"],
        "what": entry["state"] or "; ".join(done),
        "why": entry["why"],
        "who": f"{entry.get('user', '?')}@{entry.get('host', '?')}",
        "run": entry["run"],
    }


def instant(text: str) -> datetime:
    """Read a date or a time; without a zone it is UTC, a date alone is its beginning.

    Raises
    ------
    UsageError
        It is neither.

    Examples
    --------
    >>> instant("2024-02-20T03:15Z").isoformat()
    '2024-02-20T03:15:00+00:00'
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a valid date or time; write 2024-02-20 or 2024-02-20T03:15:00Z") from error
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
