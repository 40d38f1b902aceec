"""Sweep: empty the old trash and remove what nothing refers to any more; a dry run unless told."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from arraystore import ArrayStore, Lost
from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents.pairing import require_known, require_store
from pipelines.documents.records import PREFIXES, parse_key, record_stem
from pipelines.session import Session

GRACE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed, or would remove.

    Attributes
    ----------
    dry_run : bool
        Nothing was removed, only counted.
    trash : int
        Deleted documents, gone for good.
    objects, records, staging : int
        Arrays, documents as ingested, and leftovers of interrupted work in the store.
    nbytes : int
        Bytes freed in the store.
    """

    dry_run: bool
    trash: int
    objects: int
    records: int
    staging: int
    nbytes: int

    def __repr__(self) -> str:
        would = "would remove" if self.dry_run else "removed"
        return (
            f"{would} {self.trash} deleted documents, {self.objects} arrays, {self.records} records and "
            f"{self.staging} leftovers; {self.nbytes / 1e6:.1f} MB"
        )


def sweep(session: Session, *, grace: timedelta = GRACE, dry_run: bool = True) -> Swept:
    """Remove what nothing refers to and is older than a grace time.

    Parameters
    ----------
    grace : timedelta
        Nothing younger is touched. Zero is safe only while no ingest runs: an array is published a
        moment before the document that refers to it.
    dry_run : bool
        Count, remove nothing.

    Raises
    ------
    UsageError
        The store is not the one the documents refer to.
    Refused
        The catalog does not know most of what the store keeps: it was lost, and has to be rebuilt first.
    """
    if grace < timedelta(0):
        raise ValueError(f"a grace time cannot be negative, got {grace}")
    require_store(session.catalog, session.store)
    require_known(session.catalog, session.store)
    run = ledger.start(session.runs, verb="sweep", arguments={"grace": grace.total_seconds(), "dry_run": dry_run})
    before = datetime.now(UTC) - grace
    fields = {"document": 1, "revision": 1, "collection": 1, "before.ingest.changes": 1}
    found = list(session.catalog.trash.find({"deleted_at": {"$lte": before}}, fields))
    in_use = {
        entry["_id"]: changes for entry in found if (changes := _changes_in_use(session.catalog, entry)) is not None
    }
    expired = [entry for entry in found if entry["_id"] not in in_use]
    if not dry_run:
        for entry in expired:
            _forget(session.catalog, entry)
        for entry in found:
            # One that is in use too was cut short on its way back, and only its entry is left to strike;
            # or on its way out, which the next change of it ends.
            kept = entry["before"]["ingest"]["changes"]
            if in_use.get(entry["_id"], kept) > kept:
                session.catalog.trash.delete_one({"_id": entry["_id"], "before.ingest.changes": kept})
    gone: dict[str, int] = {}  # document: its highest revision that leaves the trash now
    for entry in expired:
        gone[entry["document"]] = max(entry["revision"], gone.get(entry["document"], 0))
    objects = session.store.sweep(
        referenced=lambda digest: _is_referenced(session.catalog, digest, gone), grace=grace, dry_run=dry_run
    )
    records, nbytes = _sweep_records(session, before=before, gone=gone, dry_run=dry_run)
    swept = Swept(
        dry_run=dry_run,
        trash=len(expired),
        objects=len(objects.objects),
        records=records,
        staging=len(objects.staging),
        nbytes=objects.nbytes + nbytes,
    )
    result = {
        "trash": swept.trash,
        "objects": swept.objects,
        "records": swept.records,
        "nbytes": swept.nbytes,
    }
    ledger.finish(session.runs, run, status="finished", result=result)
    return swept


def _changes_in_use(catalog: Catalog, entry: Mapping[str, Any]) -> int | None:
    """Return how many changes the document of a trash entry has had, if it is in use; else None."""
    query = {"_id": entry["document"], "ingest.revision": entry["revision"]}
    live = catalog[entry["collection"]].find_one(query, {"ingest.changes": 1})
    return None if live is None else int(live["ingest"]["changes"])


def _forget(catalog: Catalog, entry: dict[str, Any]) -> None:
    """Drop a trash entry, after the history that led to it."""
    catalog.history.delete_many({"document": entry["document"], "revision": {"$lte": entry["revision"]}})
    catalog.trash.delete_one({"_id": entry["_id"]})


def _is_referenced(catalog: Catalog, digest: str, gone: Mapping[str, int]) -> bool:
    """Tell whether any document, in use, remembered or in the trash, refers to an array."""
    query = {"digests": digest}
    if any(catalog[name].find_one(query, {"_id": 1}) is not None for name in ("headers", "masters", "views")):
        return True
    fields = {"document": 1, "revision": 1}
    return any(
        entry["revision"] > gone.get(entry["document"], 0)
        for kept in (catalog.history, catalog.trash)
        for entry in kept.find(query, fields)
    )


def _sweep_records(session: Session, *, before: datetime, gone: Mapping[str, int], dry_run: bool) -> tuple[int, int]:
    """Remove the records of documents that are no more, and of no remembered revision."""
    live = set(_live_revisions(session.catalog, gone))
    dead = []
    for prefix in PREFIXES.values():
        for record in session.store.records(prefix):
            name = parse_key(record.key)
            # A record younger than the grace may be waiting for its document.
            if name is None or (name.stem, name.revision) in live or record.modified > before.timestamp():
                continue
            dead.append((name, record))
    if not dry_run:
        # The oldest first, a document before its changes: cut short, nothing deleted looks alive.
        dead.sort(key=lambda item: (item[0].stem, item[0].revision, item[0].change))
        for folder, some in groupby((record.key for _, record in dead), key=lambda key: key.rpartition("/")[0]):
            _remove_records(session.store, folder, list(some), before=before)
    return len(dead), sum(record.nbytes for _, record in dead)


def _remove_records(store: ArrayStore, folder: str, keys: list[str], *, before: datetime) -> None:
    """Remove records, but those an ingest has put again since they were listed."""
    modified = {record.key: record.modified for record in store.records(f"{folder}/")}
    for key in keys:
        if modified.get(key, math.inf) <= before.timestamp():
            with suppress(Lost):  # another sweep was faster
                store.delete_record(key)


def _live_revisions(catalog: Catalog, gone: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for collection in PREFIXES:
        for document in catalog[collection].find({}, {"ingest.revision": 1}):
            yield record_stem(document["_id"], collection=collection), document["ingest"]["revision"]
    for kept in (catalog.history, catalog.trash):
        for entry in kept.find({}, {"document": 1, "revision": 1, "collection": 1}):
            if entry["revision"] > gone.get(entry["document"], 0):
                yield record_stem(entry["document"], collection=entry["collection"]), entry["revision"]
