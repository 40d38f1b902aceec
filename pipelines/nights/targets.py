"""Targets: how long each was exposed, in which filters and nights, and which masters would calibrate its frames."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from pipelines.calibration.apply.plan import corrections
from pipelines.documents.lookup import found_in
from pipelines.errors import NothingThere, UsageError, near_misses
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["targets"]

COLUMNS = ("target", "filter", "hours", "frames", "nights", "first", "last", "cameras", "bad", "masters", "lacking")
MAIN = ("target", "filter", "hours", "frames", "nights", "masters")
KINDS = ("bias", "dark", "flat")
NAMELESS = "(no object)"

Key = tuple[str, str | None]


def targets(session: Session, name: str | None = None) -> Answer:
    """Return a row per target and filter.

    Parameters
    ----------
    name : str, optional
        Only this target, whatever its case and spaces.

    Returns
    -------
    Answer
        Columns ``target``, ``filter``, ``hours`` (of exposure; frames judged bad do not count), ``frames``,
        ``nights``, ``first`` and ``last`` of them, ``cameras``, ``bad`` (frames judged bad), ``masters`` (which
        would apply, by their names for one target, else how many setups have one of each kind), ``lacking`` (why
        setups cannot be calibrated, or how many). A setup is a camera and an exposure time; its newest frame
        stands for it.

    Raises
    ------
    UsageError
        There is no such target; the message names near ones.
    NothingThere
        There are no lights at all.
    """
    setups: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for one in session.headers.aggregate(_pipeline()):
        setups[_squeezed(one["_id"].get("object")), one["_id"].get("filter")].append(one)
    if not setups:
        raise NothingThere("there are no lights in the archive")
    spelled = {key: _spelling(group) for key, group in setups.items()}
    if name is not None:
        wanted = _squeezed(name)
        hint = near_misses(name, spelled.values()) or f"; there are {', '.join(sorted(set(spelled.values()))[:10])}"
        setups = {key: group for key, group in setups.items() if key[0] == wanted}
        if not setups:
            raise UsageError(f"there are no lights of {name!r:.80}{hint}")
    frames = {one["frame"]: one for group in setups.values() for one in group}
    documents = sorted(found_in(session.headers, "_id", list(frames)), key=lambda document: str(document["_id"]))
    found = {correction.frame["_id"]: correction for correction in corrections(session, documents)}
    rows = [_row(key, spelled[key], group, found, named=name is not None) for key, group in setups.items()]
    rows.sort(key=lambda row: (row["target"] == NAMELESS, str(row["target"]).casefold(), str(row["filter"])))
    return Answer(COLUMNS, tuple(rows), "Targets" if name is None else f"Target {rows[0]['target']}", main=MAIN)


def _pipeline() -> list[dict[str, Any]]:
    """Return the question: lights by object, filter, camera and exposure time."""
    bad = {"$eq": ["$qc.verdict", "bad"]}
    seconds = {"$multiply": [{"$ifNull": ["$obs.exptime", 0]}, {"$ifNull": ["$obs.coadds", 1]}]}
    key = {name: f"$obs.{name}" for name in ("object", "filter", "exptime")}
    return [
        {"$match": {"kind": "light"}},
        {"$sort": {"_id": 1}},
        {
            "$group": {
                "_id": {**key, "camera": "$camera"},
                "frames": {"$sum": 1},
                "bad": {"$sum": {"$cond": [bad, 1, 0]}},
                "seconds": {"$sum": {"$cond": [bad, 0, seconds]}},
                "nights": {"$addToSet": "$date"},
                "frame": {"$last": "$_id"},
            }
        },
    ]


def _row(key: Key, target: str, group: list[Mapping[str, Any]], found: Mapping[str, Any], *, named: bool) -> Row:
    nights = sorted({night for one in group for night in one["nights"] if night is not None})
    plans = [found[one["frame"]] for one in group if one["frame"] in found]
    have = {kind: [doc["_id"] for plan in plans for role, doc in plan.masters if role == kind] for kind in KINDS}
    counts = [f"{kind} {len(names)} of {len(plans)}" for kind, names in have.items() if names]
    refused = sorted({f"{plan.frame['_id']}: {plan.refused}" for plan in plans if plan.refused})
    names = sorted({name for names in have.values() for name in names})
    return {
        "target": target,
        "filter": key[1],
        "hours": round(sum(one["seconds"] for one in group) / 3600, 2),
        "frames": sum(one["frames"] for one in group),
        "nights": len(nights),
        "first": nights[0] if nights else None,
        "last": nights[-1] if nights else None,
        "cameras": len({one["_id"].get("camera") for one in group} - {None}),
        "bad": sum(one["bad"] for one in group),
        "masters": names if named else ", ".join(counts) or "none",
        "lacking": (refused if named else f"{len(refused)} of {len(plans)} setups") if refused else None,
    }


def _squeezed(name: object) -> str:
    return "".join(str(name or "").split()).casefold()


def _spelling(group: list[Mapping[str, Any]]) -> str:
    """Return the name as most frames have it."""
    counts: Counter[str] = Counter()
    for one in group:
        counts[" ".join(str(one["_id"].get("object") or "").split())] += one["frames"]
    return counts.most_common(1)[0][0] or NAMELESS
