"""The masters there are, as a table: which frames they stand for, and how far they can be trusted."""

from collections.abc import Mapping, Sequence
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.select.criteria import departed_shown
from pipelines.calibration.select.departed import with_departures
from pipelines.documents.words import require_word
from pipelines.instruments.nights import on
from pipelines.table import Answer, Row

SUPERSEDED = "superseded"
STATUSES = ("certified", "verified", "proposed", "withdrawn", "set-aside", SUPERSEDED)
"""What a master may be."""

COLUMNS = ("master", "kind", "date", "camera", "frames", "status", "reason")


def list_masters(
    catalog: Catalog,
    date: str | Sequence[str] | None = None,
    *,
    kind: str | None = None,
    camera: str | None = None,
    status: str | None = None,
) -> Answer:
    """Return the masters of some nights, or all, the newest night first.

    Parameters
    ----------
    date
        A night, several, or all.
    kind, camera, status
        Only these; calibrated frames that are kept only if asked for by ``kind='calibrated'``.

    Returns
    -------
    Answer
        Columns ``master`` (its name), ``kind``, ``date``, ``camera``, ``frames`` (how many were combined),
        ``status``, and ``reason``: why it has that status.

    Raises
    ------
    UsageError
        There is no such kind or status.
    """
    require_word("kind of master", kind, {*KINDS, *catalog.masters.distinct("kind")})
    require_word("status", status, STATUSES)
    query: dict[str, Any] = {**on(date), **({} if kind else {"kind": {"$in": list(KINDS)}})}
    query |= {name: value for name, value in (("kind", kind), ("camera", camera), ("status", status)) if value}
    if query.get("status") == SUPERSEDED:  # said of one by another: its own status stays what it was
        query |= {"superseded_by": {"$gt": ""}}
        del query["status"]
    fields = ("kind", "date", "camera", "inputs", "masters", "key", "profile", "status", "acceptance")
    marks = ("recalled", "stale", "superseded_by")
    found = catalog.masters.find(query, dict.fromkeys((*fields, *marks), 1))
    found = found.sort([("date", -1), ("kind", 1), ("_id", 1)])
    return Answer(COLUMNS, tuple(map(_row, with_departures(catalog, found.to_list()))), "Masters")


def _row(master: Mapping[str, Any]) -> Row:
    return {
        "master": master["_id"],
        "kind": master["kind"],
        "date": master["date"],
        "camera": master["camera"],
        "frames": len(master.get("inputs") or ()),
        "status": master["status"],
        "reason": _reason(master),
    }


def _reason(master: Mapping[str, Any]) -> str | None:
    """Say why a master is out of use, where it is; else why it has its status."""
    for field in ("recalled", "stale"):
        if master.get(field):
            return f"{field}: " + "; ".join(mark["why"] for mark in master[field].values())
    if master.get("departed"):
        return f"retired: {departed_shown(master['departed'])}"
    if master.get("superseded_by"):
        return f"superseded by {master['superseded_by']}"
    reason: str | None = (master.get("acceptance") or {}).get("reason")
    return reason
