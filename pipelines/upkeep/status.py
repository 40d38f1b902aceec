"""What an archive holds and what of it needs attention, on one screen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.session import Session
from pipelines.table.cells import counted, plain, short

COUNTS = "counts"
"""The collection of what was counted: of the store, and by the last check."""

COUNTED = 10_000
"""Documents up to which the store is counted where it never was, without being asked."""

SEEN = ("finished", "running")
"""How a run that needs no attention stands."""

OLD = timedelta(days=90)
"""A check longer ago is worth another."""


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of an archive, and what of it needs attention.

    Attributes
    ----------
    documents : int
        FITS files in the catalog.
    kinds : dict
        Documents by kind.
    nights : int
        Distinct observing nights.
    quarantined, trashed : int
        Files not taken; documents in the trash.
    pending : int
        Documents whose arrays have not been taken yet.
    objects, nbytes : int or None
        Arrays in the store, and the bytes the store takes, when they were counted; None before they ever were.
    fits_nbytes : int or None
        Bytes of the FITS files whose arrays are kept, then.
    catalog, store, roots : str, str, dict
        Where things are.
    lacking : str
        What the store keeps that the catalog lacks, and what to do; empty when nothing is.
    counted : datetime
        When the store was counted.
    first, last : str or None
        The first and the last night.
    masters : dict
        Masters by status.
    runs : list of dict
        The last run, and the last nightly or ingest: ``run``, ``verb``, ``started``, ``status``.
    check : dict or None
        The last check: ``at``, ``level``, ``findings``, ``left``.
    quarantine : list of dict
        By code: ``code``, ``files``, ``oldest``, ``acknowledged``.
    attention : list of str
        What somebody should look at, each with what to do.
    """

    documents: int
    kinds: dict[str, int]
    nights: int
    quarantined: int
    trashed: int
    pending: int
    objects: int | None
    nbytes: int | None
    fits_nbytes: int | None
    catalog: str
    store: str
    roots: dict[str, str]
    lacking: str = ""
    counted: datetime | None = None
    first: str | None = None
    last: str | None = None
    masters: dict[str, int] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    check: dict[str, Any] | None = None
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    attention: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        span = f", {self.first} to {self.last}" if self.first else ""
        ratio = f", {self.fits_nbytes / self.nbytes:.1f} times smaller" if self.nbytes and self.fits_nbytes else ""
        arrays = "never counted: darkroom status --count"
        if self.nbytes is not None and self.fits_nbytes is not None:
            size = f"{self.nbytes / 1e6:.1f} MB ({self.fits_nbytes / 1e6:.1f} MB of FITS{ratio})"
            arrays = f"{self.objects} objects, {size}, counted {short(self.counted)}"
        masters = ", ".join(f"{count} {status}" for status, count in self.masters.items())
        lines = [
            f"documents   {self.documents} on {counted(self.nights, 'night')}{span} ({kinds or 'none yet'})",
            f"masters     {sum(self.masters.values())}" + (f" ({masters})" if masters else ""),
            f"arrays      {arrays}",
            f"quarantine  {self.quarantined}",
        ]
        for row in self.quarantine:
            known = f", {row['acknowledged']} acknowledged" if row["acknowledged"] else ""
            lines.append(f"            {row['code']}: {row['files']} since {short(row['oldest'])[:10]}{known}")
        lines.append(f"trash       {self.trashed}")
        lines += [f"last run    {run['verb']} {short(run['started'])}, {run['status']}" for run in self.runs]
        lines += [] if self.runs else ["last run    none"]
        lines.append(f"last check  {_checked(self.check)}")
        lines += [f"catalog     {self.catalog}", f"store       {self.store}"]
        lines += [f"root        {name} = {folder}" for name, folder in self.roots.items()]
        if self.pending:
            lines.insert(3, f"pending     {self.pending} documents wait for their arrays")
        lines += [f"ATTENTION   {plain(what)}" for what in self.attention]
        return "\n".join(lines)


def status(session: Session, *, count: bool = True) -> Status:
    """Say what an archive holds.

    Parameters
    ----------
    count : bool
        Count the arrays of the store anew, which takes long for a large one; else the last count is told, with
        its date; where there is none, a store of more than `COUNTED` documents is not counted.
    """
    from pipelines.documents.roots import Roots
    from pipelines.documents.strangers import lacking, said

    kinds = _kinds(session.headers)
    nights = sorted(night for night in session.headers.distinct("date") if night is not None)
    usage = _usage(session, count=count)
    documents = sum(kinds.values())
    held = _quarantine(session)
    facts: dict[str, Any] = {
        "documents": documents,
        "kinds": kinds,
        "nights": len(nights),
        "quarantined": sum(row["files"] for row in held),
        "trashed": session.catalog.trash.count_documents({}),
        "pending": documents - session.headers.count_documents({"ingest.arrays": "kept"}),
        "objects": usage["objects"],
        "nbytes": usage["nbytes"],
        "fits_nbytes": usage["fits_nbytes"],
        "catalog": session.catalog.url,
        "store": session.store.url,
        "roots": {name: str(folder) for name, folder in Roots(session.catalog.roots).all().items()},
        "lacking": said(lacking(session.catalog, session.store)),
        "counted": usage["at"],
        "first": nights[0] if nights else None,
        "last": nights[-1] if nights else None,
        "masters": _counts(session.masters, "status", {"kind": {"$ne": "calibrated"}}),
        "runs": _runs(session),
        "check": session.catalog[COUNTS].find_one({"_id": "check"}),
        "quarantine": held,
    }
    return Status(**facts, attention=list(_attention(session, facts)))


def keep_count(session: Session, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what was counted, with the time; of an archive open for reading nothing is kept."""
    made = {"_id": name, **facts, "at": datetime.now(UTC).replace(microsecond=0)}
    if session.writable:
        session.catalog[COUNTS].replace_one({"_id": name}, made, upsert=True)
    return made


def _usage(session: Session, *, count: bool) -> Mapping[str, Any]:
    """Return the sums over all arrays and files: those kept, unless they are to be made anew, or are soon made."""
    kept = None if count else session.catalog[COUNTS].find_one({"_id": "store"})
    if kept is not None and "fits_nbytes" in kept:
        return kept
    if not count and session.headers.estimated_document_count() > COUNTED:
        return dict.fromkeys(("objects", "nbytes", "fits_nbytes", "at"))
    return keep_count(session, "store", {**session.store.usage(), "fits_nbytes": _fits_nbytes(session)})


def _kinds(headers: Any) -> dict[str, int]:
    """Count the documents of each kind, the most first, by the index: a sum over all documents takes long."""
    counts = {kind: headers.count_documents({"kind": kind}) for kind in headers.distinct("kind") if kind is not None}
    unknown = headers.count_documents({}) - sum(counts.values())
    found = {str(kind): number for kind, number in counts.items()} | ({"unknown": unknown} if unknown > 0 else {})
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _counts(collection: Any, name: str, where: Mapping[str, Any]) -> dict[str, int]:
    found = collection.aggregate(
        [
            {"$match": where},
            {"$group": {"_id": {"$ifNull": [f"${name}", None]}, "n": {"$sum": 1}}},
            {"$sort": {"n": -1, "_id": 1}},
        ]
    )
    return {str(group["_id"] or "unknown"): group["n"] for group in found}


def _fits_nbytes(session: Session) -> int:
    found = session.headers.aggregate(
        [
            {"$match": {"ingest.arrays": "kept"}},
            {"$group": {"_id": None, "nbytes": {"$sum": "$file.size"}}},
        ]
    )
    return next((int(one["nbytes"]) for one in found), 0)


def _quarantine(session: Session) -> list[dict[str, Any]]:
    known = {"$cond": [{"$ifNull": ["$acknowledged", False]}, 1, 0]}
    found = session.quarantine.aggregate(
        [
            {
                "$group": {
                    "_id": "$code",
                    "files": {"$sum": 1},
                    "oldest": {"$min": "$at"},
                    "acknowledged": {"$sum": known},
                }
            },
            {"$sort": {"files": -1, "_id": 1}},
        ]
    )
    return [{"code": one["_id"], **{name: one[name] for name in ("files", "oldest", "acknowledged")}} for one in found]


def _runs(session: Session) -> list[dict[str, Any]]:
    """Return the last run, and the last that took files, if that is another."""
    fields = {"verb": 1, "started": 1, "status": 1}
    queries: tuple[dict[str, Any], ...] = ({}, {"verb": {"$in": ["nightly", "ingest"]}})
    found = {}
    for query in queries:
        for run in session.runs.find(query, fields).sort([("started", -1), ("_id", -1)]).limit(1):
            found[run["_id"]] = {"run": run["_id"], **{name: run[name] for name in fields}}
    return list(found.values())


def _checked(check: Mapping[str, Any] | None) -> str:
    if check is None:
        return "never"
    left = f", {check['left']} left unverified" if check["left"] else ""
    return f"{short(check['at'])}, {check['level']}, {counted(check['findings'], 'finding')}{left}"


def _attention(session: Session, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what somebody should look at, the worst first."""
    if facts["lacking"]:
        yield facts["lacking"]
    waiting = [(row["files"] - row["acknowledged"], row["oldest"]) for row in facts["quarantine"]]
    if files := sum(number for number, _ in waiting):
        since = min(oldest for number, oldest in waiting if number)
        yield f"{counted(files, 'file')} in quarantine since {since:%Y-%m-%d}: darkroom quarantine list"
    if facts["pending"]:
        yield f"{counted(facts['pending'], 'document')} without arrays: ingest their files again"
    for run in facts["runs"]:
        if run["status"] not in SEEN:
            yield f"the last {run['verb']} was {run['status']}: darkroom runs; run it again to go on"
    gone = session.masters.count_documents({"$or": [{"recalled": {"$gt": {}}}, {"stale": {"$gt": {}}}]})
    if gone:
        yield f"{counted(gone, 'master')} recalled or made of recalled frames: darkroom masters list"
    check = facts["check"]
    if check is not None and check["damage"]:
        yield f"the last check found damage ({check['damage']}): darkroom check"
    elif facts["documents"] and (check is None or datetime.now(UTC) - check["at"] > OLD):
        yield f"{'never checked' if check is None else 'last checked more than 90 days ago'}: darkroom check"
