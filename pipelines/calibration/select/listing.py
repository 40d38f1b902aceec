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

STORED = ("certified", "verified", "proposed", "withdrawn", "set-aside")
"""The status that a document keeps."""

OUT_OF_USE = ("recalled", "stale", "retired", "superseded")
"""Why a master is in use no more, whatever status it keeps."""

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
    kind, camera
        Only these; calibrated frames that are kept only if asked for by ``kind='calibrated'``.
    status
        Only those that have it today: one of `STORED`, or of `OUT_OF_USE`.

    Returns
    -------
    Answer
        Columns ``master`` (its name), ``kind``, ``date``, ``camera``, ``frames`` (how many were combined),
        ``status``: what it is today (a verified master that was recalled is recalled), and ``reason``.

    Raises
    ------
    UsageError
        There is no such kind or status.
    """
    require_word("kind of master", kind, {*KINDS, *catalog.masters.distinct("kind")})
    require_word("status", status, (*STORED, *OUT_OF_USE))
    query: dict[str, Any] = {**on(date), **({} if kind else {"kind": {"$in": list(KINDS)}})}
    query |= {name: value for name, value in (("kind", kind), ("camera", camera)) if value}
    if status in STORED:
        query["status"] = status
    fields = ("kind", "date", "camera", "inputs", "masters", "key", "profile", "status", "acceptance")
    marks = ("recalled", "stale", "superseded_by")
    found = catalog.masters.find(query, dict.fromkeys((*fields, *marks), 1))
    found = found.sort([("date", -1), ("kind", 1), ("_id", 1)])
    rows = map(_row, with_departures(catalog, found.to_list()))
    return Answer(COLUMNS, tuple(row for row in rows if status in (None, row["status"])), "Masters")


def _row(master: Mapping[str, Any]) -> Row:
    status, reason = _today(master)
    return {
        "master": master["_id"],
        "kind": master["kind"],
        "date": master["date"],
        "camera": master["camera"],
        "frames": len(master.get("inputs") or ()),
        "status": status,
        "reason": reason,
    }


def _today(master: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return what a master is today, and why."""
    kept: str = master["status"]
    was = f" (was {kept})"
    for field in ("recalled", "stale"):
        if master.get(field):
            return field, "; ".join(mark["why"] for mark in master[field].values()) + was
    if master.get("departed"):
        return "retired", departed_shown(master["departed"]) + was
    if master.get("superseded_by"):
        return "superseded", f"by {master['superseded_by']}{was}"
    return kept, (master.get("acceptance") or {}).get("reason")
