"""Repair: what a check can put right without losing anything."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import bson

from arraystore import ArrayDamaged, Lost
from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents.changes import carry_out
from pipelines.documents.migrate import upgraded
from pipelines.documents.records import parse_key, record_key
from pipelines.documents.replay import kept_entry
from pipelines.session import Session
from pipelines.upkeep.findings import Finding
from pipelines.upkeep.retaking import retake

OF_ARRAYS = ("dangling", "lost", "renamed", "truncated", "grown", "changed", "swapped", "undecodable", "unreadable")
"""Damage of an array that is undone by making it again from its original."""


def repair_all(session: Session, findings: Sequence[Finding]) -> tuple[list[Finding], int]:
    """Repair what can be repaired; return the findings that are left, saying why, and how many were repaired."""
    repairs: dict[str, Callable[[Session, Finding], bool]] = {
        "unfinished-change": _finish,
        "record-missing": _write_record,
        "record-damaged": _write_record,
        "half-deleted": _settle_deletion,
        **dict.fromkeys(OF_ARRAYS, _retake),
    }
    repairable = [finding for finding in findings if finding.code in repairs]
    if not repairable:
        return list(findings), 0
    run = ledger.start(session.runs, verb="mend", arguments={"findings": len(repairable)})
    # Changes of one document in their order.
    ordered = sorted(findings, key=lambda finding: _order(finding.what))
    left = []
    for finding in ordered:
        if finding.code not in repairs:
            left.append(finding)
        elif not repairs[finding.code](session, finding):
            left.append(replace(finding, message=f"{finding.message}; not repaired: {_why_not(finding)}"))
    repaired = len(findings) - len(left)
    ledger.finish(session.runs, run, status="finished", result={"mended": repaired})
    return left, repaired


def _order(what: str) -> tuple[str, int, int]:
    name = parse_key(what)
    return (what, 0, 0) if name is None else (name.stem, name.revision, name.change)


def _why_not(finding: Finding) -> str:
    if finding.code in OF_ARRAYS:
        return "no original file is where it was and has the SHA-256 it was ingested with"
    return "neither catalog nor store has what it takes; restore it from a copy of the store"


def _finish(session: Session, finding: Finding) -> bool:
    """Carry out a change that was written down."""
    try:
        entry = kept_entry(session.store, finding.what)
    except (Lost, ArrayDamaged):
        return False
    carry_out(entry, catalog=session.catalog)
    return True


def _retake(session: Session, finding: Finding) -> bool:
    """Make a damaged array again from its original file."""
    return retake(session, finding.what)


def _write_record(session: Session, finding: Finding) -> bool:
    """Write the record of a document, or of a change, from what the catalog has of it."""
    name = parse_key(finding.what)
    if name is None or not finding.documents:
        return False
    document_id = finding.documents[0]
    for collection in ("headers", "masters"):
        if record_key(document_id, name.revision, name.change, collection=collection) != finding.what:
            continue
        kept = _change(document_id, name.revision, name.change, session.catalog) if name.change else None
        if not name.change:
            kept = _document(document_id, name.revision, collection, session.catalog)
        if kept is not None:
            session.store.put_records({finding.what: bson.encode(kept)})
            return True
    return False


def _document(document_id: str, revision: int, collection: str, catalog: Catalog) -> dict[str, object] | None:
    """Return a revision as the catalog has it: the changes it contains are counted in it, so none is made twice."""
    live = catalog[collection].find_one({"_id": document_id, "ingest.revision": revision})
    if live is not None:
        return upgraded(live)
    for name in ("trash", "history"):
        query = {"document": document_id, "revision": revision, "before": {"$exists": True}}
        entry = catalog[name].find_one(query)
        if entry is not None:
            return upgraded(entry["before"])
    return None


def _change(document_id: str, revision: int, change: int, catalog: Catalog) -> dict[str, object] | None:
    entry = catalog.history.find_one({"document": document_id, "revision": revision, "change": change})
    if entry is not None:
        entry.pop("_id")
    return entry


def _settle_deletion(session: Session, finding: Finding) -> bool:
    """End a deletion or a restoration that was cut short: the side that has seen more changes is right."""
    entry = session.catalog.trash.find_one({"_id": finding.what})
    if entry is None:
        return True
    documents = session.catalog[entry.get("collection", "headers")]
    live = documents.find_one({"_id": entry["document"], "ingest.revision": entry["revision"]}, {"ingest": 1})
    if live is None:
        return True
    kept = entry["before"]["ingest"].get("changes", 0)
    if live["ingest"].get("changes", 0) >= kept:
        session.catalog.trash.delete_one({"_id": entry["_id"]})
    else:
        documents.delete_one({"_id": entry["document"], "ingest": live["ingest"]})
    return True
