"""Recall: a frame or master is marked bad, and everything made from it flagged, sized, and undone by one command."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from catalog import Catalog
from pipelines.calibration.masters.plan import plan_masters, plan_table
from pipelines.calibration.masters.step import MasterOptions, Step
from pipelines.documents import runs as ledger
from pipelines.documents.changes import Edit, change
from pipelines.documents.schema import Doc
from pipelines.errors import Refused, UnknownDocument
from pipelines.session import Session
from pipelines.table import Answer, Row
from pipelines.table.cells import counted

__all__ = ["Recalled", "downstream", "recall"]


NOISE_WORTH = 0.05
"""A master whose noise grows by more than this fraction is worth making again with other frames."""

SHIFT_WORTH = 0.1
"""A master that moves by more than this many of its sigmas was wrong, and is worth making again."""

_FIELDS = {
    "kind": 1, "date": 1, "camera": 1, "status": 1, "inputs": 1, "masters": 1, "parents": 1, "statistics": 1,
    "recalled": 1, "stale": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Recalled:
    """What a recall did, or would do.

    Attributes
    ----------
    run : str or None
        By which `undoing.undo` takes it back; None for a dry run.
    targets : tuple of str
        What was marked bad.
    effects : Answer
        A row per master made from it: ``sigma`` (its noise afterwards over before), ``shift`` (by how much
        its value moves), ``shift_sigma`` (in units of its noise), ``again`` (whether that is worth making
        it again).
    plan : tuple of Step
        What making them again would be.
    """

    run: str | None
    targets: tuple[str, ...]
    effects: Answer
    plan: tuple[Step, ...]

    @property
    def nights(self) -> tuple[str, ...]:
        """The nights that are touched."""
        return tuple(sorted({row["date"] for row in self.effects if row["date"]}))

    def remake(self) -> Answer:
        """Return the plan as a table, with its size."""
        return plan_table(self.plan, date=", ".join(self.nights) or "no night")

    def to_dict(self) -> dict[str, Any]:
        """Return it as a plain document."""
        return {
            "run": self.run,
            "targets": list(self.targets),
            "nights": list(self.nights),
            "effects": list(self.effects.rows),
            "plan": [step.row() for step in self.plan],
        }

    def __repr__(self) -> str:
        done = "would be recalled" if self.run is None else f"recalled (run {self.run})"
        parts = [f"{', '.join(self.targets)}: {done}", repr(self.effects)]
        return "\n".join(parts + ([repr(self.remake())] if self.plan else []))


def recall(
    session: Session, ids: Sequence[str], *, why: str, options: MasterOptions | None = None, dry_run: bool = False
) -> Recalled:
    """Mark frames or masters bad, and flag every master made from them.

    Nothing is made again here: the effect on each master is predicted from what leave-one-out
    measured when it was made.

    Parameters
    ----------
    ids : sequence of str
        Frames and masters.
    why : str
        Kept with each of them.
    dry_run : bool
        Only say what would be.

    Raises
    ------
    UnknownDocument
        One of them is neither a frame nor a master. Nothing is marked.
    Refused
        One of them is recalled already.
    """
    targets = {name: _target(name, session.catalog) for name in dict.fromkeys(ids)}
    for name, (_, document) in targets.items():
        if document.get("recalled"):
            runs = ", ".join(document["recalled"])
            raise Refused(f"{name} is recalled already, by run {runs}; `darkroom recall --undo {runs}` takes it back")
    flagged = downstream(session, list(targets))
    effects = _effects(targets, flagged)
    gone = [*targets, *(doc["_id"] for doc in flagged)]
    plan = tuple(_remake(session, flagged, list(targets), gone, options))
    if dry_run:
        return Recalled(None, tuple(targets), effects, plan)
    run = ledger.start(session.runs, verb="recall", arguments={"ids": list(targets), "why": why})
    mark = {"why": why, "at": datetime.now(UTC)}
    for collection in ("headers", "masters"):
        edits = [_marked(name, run, mark, found) for name, (found, _) in targets.items() if found == collection]
        change(edits, catalog=session.catalog, store=session.store, why=why, run=run, collection=collection)
    stale = [Edit(doc["_id"], set={f"stale.{run}": _stale_mark(doc, targets, mark)}) for doc in flagged]
    change(stale, catalog=session.catalog, store=session.store, why=why, run=run, collection="masters")
    result = {"marked": len(targets), "flagged": len(flagged)}
    ledger.finish(session.runs, run, status="finished", result=result)
    return Recalled(run, tuple(targets), effects, plan)


def downstream(session: Session, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return every master made from these, directly or through another, nearest first."""
    seen = set(ids)
    found: list[dict[str, Any]] = []
    edge = list(ids)
    while edge:
        query = {"parents": {"$in": edge}}
        new = [doc for doc in session.masters.find(query, _FIELDS).sort("_id", 1) if doc["_id"] not in seen]
        found += new
        edge = [doc["_id"] for doc in new]
        seen.update(edge)
    return found


def _target(name: str, catalog: Catalog) -> tuple[str, dict[str, Any]]:
    for collection in ("headers", "masters"):
        document = catalog[collection].find_one({"_id": name})
        if document is not None:
            return collection, document
    raise UnknownDocument(f"no frame and no master is named {name!r}; nothing was recalled")


def _marked(name: str, run: str, mark: Mapping[str, Any], collection: str) -> Edit:
    """A frame is judged bad too, so that no group takes it; a master is out of force by the mark."""
    marked: dict[str, Any] = {f"recalled.{run}": dict(mark)}
    return Edit(name, set=marked | ({"qc.verdict": "bad"} if collection == "headers" else {}))


def _stale_mark(doc: Doc, targets: Mapping[str, Any], mark: Mapping[str, Any]) -> dict[str, Any]:
    causes = [name for name in doc["parents"] if name in targets] or list(targets)
    return {**mark, "why": f"made from {', '.join(causes[:3])}: {mark['why']}", "causes": causes}


def _effects(targets: Mapping[str, Any], flagged: Sequence[Doc]) -> Answer:
    """Predict what each master loses."""
    shifts: dict[str, float] = {}
    rows: list[Row] = []
    for doc in flagged:
        inputs = {item["id"]: item for item in doc["inputs"]}
        out = [inputs[name] for name in inputs if name in targets]
        left = len(inputs) - len(out)
        sigma = math.inf if not left and inputs else math.sqrt(len(inputs) / left) if left else None
        shift = _shift(doc, inputs, out, shifts, targets)
        noise = (doc.get("statistics") or {}).get("noise")
        relative = abs(shift) / noise if shift is not None and noise else None
        if shift is not None:
            shifts[doc["_id"]] = shift
        worth = sigma is None or relative is None or sigma > 1 + NOISE_WORTH or relative > SHIFT_WORTH
        rows.append(
            {
                "master": doc["_id"],
                "date": doc["date"],
                "kind": doc["kind"],
                "status": doc["status"],
                "frames": len(inputs),
                "left": left,
                "sigma": sigma,
                "shift": shift,
                "shift_sigma": relative,
                "again": worth,
            }
        )
    columns = ("master", "date", "kind", "status", "frames", "left", "sigma", "shift", "shift_sigma", "again")
    return Answer(columns, tuple(rows), f"{counted(len(rows), 'master')} made from {', '.join(targets)}")


def _shift(
    doc: Doc, inputs: Mapping[str, Doc], out: Sequence[Doc], shifts: Mapping[str, float], targets: Mapping[str, Any]
) -> float | None:
    """Predict by how much a master's level moves; None where that is not known.

    Without one frame of n, which differs by d from the others, it moves by -d/n. A dark that moves by
    s moves the flats made with it by -s over their level.
    """
    if not inputs or any(used["id"] in targets for used in doc["masters"]):
        return None
    moved = 0.0
    for item in out:
        if item.get("shift") is None or not math.isfinite(item["shift"]):
            return None
        moved -= item["shift"] / len(inputs)
    for used in doc["masters"]:
        if used["role"] == "dark" and used["id"] in shifts:
            levels = [inputs[name].get("level") for name in used["frames"] if name in inputs]
            moved -= sum(shifts[used["id"]] / level for level in levels if level) / max(1, len(inputs))
    return moved


def _remake(
    session: Session, flagged: Sequence[Doc], targets: Sequence[str], gone: Sequence[str], options: MasterOptions | None
) -> Iterator[Step]:
    """Plan what takes the place of what is flagged."""
    places = {(doc["date"], doc["camera"], doc["kind"]) for doc in flagged}
    for date in sorted({date for date, _, _ in places if date}):
        for step in plan_masters(session, date=date, options=options, without=gone):
            mine = {frame["_id"] for frame in step.frames} | {name for name, _ in step.rejected}
            touched = [doc for doc in flagged if _stands_where(doc, step, mine)]
            if touched and (date, step.camera, step.kind) in places:
                yield step


def _stands_where(doc: Doc, step: Step, frames: set[str]) -> bool:
    """Tell whether a step is about the group of a flagged master."""
    if (doc["kind"], doc["date"], doc["camera"]) != (step.kind, step.date, step.camera):
        return False
    theirs = {item["id"] for item in doc["inputs"]}
    return bool(theirs & frames) if theirs else not frames
