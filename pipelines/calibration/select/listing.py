"""The masters there are, as a table: which frames they stand for, and how far they can be trusted."""

from collections.abc import Sequence
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.keys import RULES
from pipelines.instruments.nights import on
from pipelines.table import Answer, Row

COLUMNS = ("master", "kind", "date", "camera", "frames", "status", "reason")


def list_masters(
    masters: Collection,
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
    """
    query: dict[str, Any] = {**on(date), **({} if kind else {"kind": {"$in": list(RULES)}})}
    query |= {name: value for name, value in (("kind", kind), ("camera", camera), ("status", status)) if value}
    fields = {"kind": 1, "date": 1, "camera": 1, "inputs.id": 1, "status": 1, "acceptance": 1}
    found = masters.find(query, fields).sort([("date", -1), ("kind", 1), ("_id", 1)])
    return Answer(COLUMNS, tuple(map(_row, found)), "Masters")


def _row(master: dict[str, Any]) -> Row:
    return {
        "master": master["_id"],
        "kind": master["kind"],
        "date": master["date"],
        "camera": master["camera"],
        "frames": len(master.get("inputs") or ()),
        "status": master["status"],
        "reason": (master.get("acceptance") or {}).get("reason"),
    }
