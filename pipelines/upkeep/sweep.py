"""Sweep: empty the old trash and remove what nothing refers to any more; a dry run unless told."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import compress, groupby
from typing import Any

import numpy as np
from pymongo import DeleteMany

from arraystore import ArrayStore, Lost, StoredRecord
from catalog import Catalog, StorageFull
from pipelines.documents import runs as ledger
from pipelines.documents.lookup import batches, found_in
from pipelines.documents.pairing import require_store
from pipelines.documents.records import PREFIXES, RecordName, parse_key, record_stem
from pipelines.documents.strangers import Stranger, strangers
from pipelines.errors import Refused, UnknownDocument
from pipelines.session import Session
from pipelines.table import plain
from pipelines.table.cells import counted
from pipelines.upkeep.forgetting import release
from pipelines.upkeep.horizon import horizon
from pipelines.upkeep.partial import partial_files

GRACE = timedelta(days=14)
SHOWN = 20  # documents named to people
TOGETHER = 10_000  # records compared together


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
    documents : tuple of str
        Names of the deleted documents.
    forgotten : tuple of str
        Documents that only the store knew, now in the trash because that was asked for.
    held_back : str
        Why what is older than the grace was left; empty if nothing was.
    """

    dry_run: bool
    trash: int
    objects: int
    records: int
    staging: int
    nbytes: int
    documents: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    held_back: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        would = "would remove" if self.dry_run else "removed"
        counts = f"{counted(self.trash, 'deleted document')}, {counted(self.objects, 'array')}"
        counts += f", {counted(self.records, 'record')} and {counted(self.staging, 'leftover')}"
        lines = [f"{would} {counts}; {self.nbytes / 1e6:.1f} MB"]
        lines += [f"  {plain(name)}" for name in self.documents[:SHOWN]]
        if len(self.documents) > SHOWN:
            lines.append(f"  and {len(self.documents) - SHOWN} more; --json names them all")
        if self.forgotten:
            lines.append(f"into the trash, as asked: {', '.join(self.forgotten[:SHOWN])}")
        if self.held_back:
            lines.append(f"held back: {self.held_back}")
        return "\n".join(lines)


def sweep(session: Session, *, grace: timedelta = GRACE, dry_run: bool = True, forget: Sequence[str] = ()) -> Swept:
    """Remove what nothing refers to and is older than a grace time.

    The record of a document in the store protects its arrays until its deletion is recorded there too.

    Parameters
    ----------
    grace : timedelta
        Nothing younger is touched, nor what `horizon` holds back because the clock may be wrong. Zero is safe
        only while no ingest runs: an array is published a moment before the document that refers to it.
    dry_run : bool
        Count, remove nothing.
    forget : sequence of str
        Documents that the store keeps and the catalog lacks, to be moved into the trash; recorded.

    Raises
    ------
    UsageError
        The store is not the one the documents refer to.
    Refused
        The store keeps documents that the catalog lacks: it was lost or replaced, and has to be rebuilt first.
    UnknownDocument
        One of `forget` is not among those. Nothing is removed.
    """
    if grace < timedelta(0):
        raise ValueError(f"a grace time cannot be negative, got {grace}")
    require_store(session.catalog, session.store)
    until = horizon(session, grace)
    before = until.before
    lacking = _released(session, forget, before=before)
    arguments = {"grace": grace.total_seconds(), "dry_run": dry_run, "forget": list(forget)}
    if not dry_run:
        session.catalog.release_reserve()  # on a full disk it is what the next lines write with
    run = ""
    with suppress(StorageFull) if dry_run else nullcontext():
        run = ledger.start(session.runs, verb="sweep", arguments=arguments)
    if not dry_run:
        for stranger in lacking:
            release(stranger, session, run=run)
    fields = {"document": 1, "revision": 1, "collection": 1, "before.ingest.changes": 1}
    found = list(session.catalog.trash.find({"deleted_at": {"$lte": before}}, fields))
    in_use = _changes_in_use(session.catalog, found)
    expired = [entry for entry in found if entry["_id"] not in in_use]
    if not dry_run:
        _forget(session.catalog, expired)
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
        referenced=lambda digest: digest in _referenced(session.catalog, [digest], gone),
        among=lambda digests: _referenced(session.catalog, digests, gone),
        grace=max(grace, datetime.now(UTC) - before),
        dry_run=dry_run,
    )
    partial = _sweep_partial(session, grace=grace, dry_run=dry_run)
    records, nbytes = _sweep_records(session, before=before, gone=gone, dry_run=dry_run)
    swept = Swept(
        dry_run=dry_run,
        trash=len(expired),
        objects=len(objects.objects),
        records=records,
        staging=len(objects.staging) + len(partial),
        nbytes=objects.nbytes + nbytes + sum(partial),
        documents=tuple(sorted({entry["document"] for entry in expired})),
        forgotten=tuple(stranger.document for stranger in lacking),
        held_back=until.reason,
    )
    result = {
        "trash": swept.trash,
        "objects": swept.objects,
        "records": swept.records,
        "nbytes": swept.nbytes,
    }
    with suppress(StorageFull) if dry_run else nullcontext():
        ledger.finish(session.runs, run, status="finished", result=result)
    if not dry_run:
        session.catalog.keep_reserve()
    return swept


def _released(session: Session, forget: Sequence[str], *, before: datetime) -> list[Stranger]:
    """Return what is to be forgotten; refuse if the catalog lacks anything else."""
    found = {stranger.document: stranger for stranger in strangers(session.catalog, session.store, before=before)}
    absent = [name for name in forget if name not in found]
    if absent:
        raise UnknownDocument(
            f"{', '.join(absent[:SHOWN])} is not among the documents that the store keeps and the catalog lacks; "
            "`darkroom delete` is for those it has. Nothing was removed"
        )
    left = sorted(found.keys() - set(forget))
    if left:
        shown = ", ".join(left[:SHOWN]) + (" …" if len(left) > SHOWN else "")
        raise Refused(
            f"{session.store.url} keeps {len(left)} documents that {session.catalog.url} lacks ({shown}): the catalog "
            "was lost, replaced or rebuilt in part, or an ingest was cut short. Bring them back with `darkroom rebuild "
            "--missing`, or let them go one by one with `darkroom sweep --forget ID`. Nothing was removed"
        )
    return [found[name] for name in dict.fromkeys(forget)]


def _changes_in_use(catalog: Catalog, entries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many changes the documents of trash entries have had, of those that are in use; by entry."""
    found: dict[str, int] = {}
    for collection in sorted({entry["collection"] for entry in entries}):
        some = [entry for entry in entries if entry["collection"] == collection]
        fields = {"ingest.revision": 1, "ingest.changes": 1}
        live = {
            document["_id"]: document["ingest"]
            for document in found_in(catalog[collection], "_id", [entry["document"] for entry in some], fields)
        }
        for entry in some:
            ingest = live.get(entry["document"])
            if ingest is not None and ingest["revision"] == entry["revision"]:
                found[entry["_id"]] = int(ingest["changes"])
    return found


def _forget(catalog: Catalog, entries: Sequence[Mapping[str, Any]]) -> None:
    """Drop trash entries, after the history that led to them."""
    for some in batches(entries):
        catalog.history.bulk_write(
            [DeleteMany({"document": entry["document"], "revision": {"$lte": entry["revision"]}}) for entry in some],
            ordered=False,
        )
        catalog.trash.delete_many({"_id": {"$in": [entry["_id"] for entry in some]}})


def _referenced(catalog: Catalog, digests: Sequence[str], gone: Mapping[str, int]) -> set[str]:
    """Return the arrays that any document, in use, remembered or in the trash, refers to, of some."""
    query = {"digests": {"$in": list(digests)}}
    found: set[str] = set()
    for name in ("headers", "masters", "views"):
        for document in catalog[name].find(query, {"digests": 1}):
            found.update(document["digests"])
    for kept in (catalog.history, catalog.trash):
        for entry in kept.find(query, {"document": 1, "revision": 1, "digests": 1}):
            if entry["revision"] > gone.get(entry["document"], 0):
                found.update(entry["digests"])
    return found


def _sweep_partial(session: Session, *, grace: timedelta, dry_run: bool) -> list[int]:
    """Remove files that were not written to their end; return the bytes of each."""
    sizes = []
    for path in partial_files(session, grace=grace):
        with suppress(OSError):  # gone meanwhile, or another account's: the next check names it
            size = path.stat().st_size
            if not dry_run:
                path.unlink()
            sizes.append(size)
    return sizes


def _sweep_records(session: Session, *, before: datetime, gone: Mapping[str, int], dry_run: bool) -> tuple[int, int]:
    """Remove the records of documents that are no more, and of no remembered revision."""
    # Hashes of eight bytes: a million documents fit, and two that are equal keep a record that could go.
    live = np.sort(np.fromiter((_hash(*key) for key in _live_revisions(session.catalog, gone)), np.uint64))
    dead: list[tuple[RecordName, StoredRecord]] = []
    for prefix in PREFIXES.values():
        # A record younger than the grace may be waiting for its document.
        old = (record for record in session.store.records(prefix) if record.modified <= before.timestamp())
        named = ((name, record) for record in old if (name := parse_key(record.key)) is not None)
        for some in batches(named, TOGETHER):
            keys = np.fromiter((_hash(name.stem, name.revision) for name, _ in some), np.uint64, len(some))
            dead += compress(some, np.isin(keys, live, invert=True))
    if not dry_run:
        # The oldest first, a document before its changes: cut short, nothing deleted looks alive.
        dead.sort(key=lambda item: (item[0].stem, item[0].revision, item[0].change))
        for folder, listed in groupby((record.key for _, record in dead), key=lambda key: key.rpartition("/")[0]):
            _remove_records(session.store, folder, list(listed), before=before)
    return len(dead), sum(record.nbytes for _, record in dead)


def _remove_records(store: ArrayStore, folder: str, keys: list[str], *, before: datetime) -> None:
    """Remove records, but those an ingest has put again since they were listed."""
    modified = {record.key: record.modified for record in store.records(f"{folder}/")}
    for key in keys:
        if modified.get(key, math.inf) <= before.timestamp():
            with suppress(Lost):  # another sweep was faster
                store.delete_record(key)


def _hash(stem: str, revision: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{stem}.{revision}".encode(), digest_size=8).digest())


def _live_revisions(catalog: Catalog, gone: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for collection in PREFIXES:
        for document in catalog[collection].find({}, {"ingest.revision": 1}):
            yield record_stem(document["_id"], collection=collection), document["ingest"]["revision"]
    for kept in (catalog.history, catalog.trash):
        for entry in kept.find({}, {"document": 1, "revision": 1, "collection": 1}):
            if entry["revision"] > gone.get(entry["document"], 0):
                yield record_stem(entry["document"], collection=entry["collection"]), entry["revision"]
