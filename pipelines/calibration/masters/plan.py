"""What making the masters of a night would do: for each group a step, found without reading a pixel."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.keys import rule_for
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.masters.maker import maker_of
from pipelines.calibration.masters.step import MasterOptions, Step, sizes
from pipelines.calibration.select.choose import FIELDS
from pipelines.documents.lookup import found_in
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.instruments.nights import parse_night
from pipelines.session import Session
from pipelines.table import Answer

__all__ = ["plan_kind", "plan_masters", "plan_table"]


def plan_masters(
    session: Session,
    *,
    date: str,
    kinds: Iterable[str] = KINDS,
    options: MasterOptions | None = None,
    without: Iterable[str] = (),
) -> list[Step]:
    """Say what making the masters of a night would do.

    What later steps need of earlier ones is taken to succeed.

    Parameters
    ----------
    date : str
        The night.
    kinds : iterable of str
        Of `KINDS`.
    options : MasterOptions, optional
        How masters are made.
    without : iterable of str
        Frames and masters taken to be bad.

    Returns
    -------
    list of Step

    Raises
    ------
    UsageError
        There is no such night or kind.
    """
    require_sense(date, kinds)
    steps: list[Step] = []
    for kind in KINDS:  # in the order in which they need each other
        if kind in kinds:
            expected = [step.expected() for step in steps if step.will_be]
            steps += plan_kind(session.catalog, kind, date=date, options=options, expected=expected, without=without)
    return steps


def require_sense(date: str, kinds: Iterable[str]) -> None:
    """Refuse what is not a valid date or no kind of master.

    Raises
    ------
    UsageError
        It is none.
    """
    parse_night(date)
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise UsageError(f"no kind of master is called {', '.join(unknown)}; there are {', '.join(KINDS)}")


def plan_kind(
    catalog: Catalog,
    kind: str,
    *,
    date: str,
    options: MasterOptions | None = None,
    expected: Sequence[Doc] = (),
    without: Iterable[str] = (),
) -> list[Step]:
    """Plan the masters of one kind, given the masters that earlier steps are expected to make."""
    options = options or MasterOptions()
    out = frozenset(without)
    drafts = maker_of(kind).draft(catalog, kind, date=date, expected=expected, without=out, options=options)
    known = _Known.of(catalog, kind, [step.named() for step in drafts if not step.reason])
    rate = sizes(catalog, kind)
    return [_settled(known, step, rate, out, options) for step in drafts]


# -- what is there already ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """What the catalog knows of the masters of some steps, asked for all of them together.

    Attributes
    ----------
    masters : Mapping
        Documents of the masters of their nights and kind, by name.
    trashed : frozenset of str
        Those of their masters that are in the trash.
    """

    masters: Mapping[str, dict[str, Any]]
    trashed: frozenset[str]

    @classmethod
    def of(cls, catalog: Catalog, kind: str, steps: Sequence[Step]) -> "_Known":
        if not steps:
            return cls({}, frozenset())
        nights = sorted({step.date for step in steps})
        names = [str(step.master) for step in steps]
        fields = {**dict.fromkeys(FIELDS, 1), "rejected": 1, "instead": 1}
        found = {doc["_id"]: doc for doc in catalog.masters.find({"kind": kind, "date": {"$in": nights}}, fields)}
        missing = [name for name in names if name not in found]
        found |= {doc["_id"]: doc for doc in found_in(catalog.masters, "_id", missing, fields)}
        missing = [name for name in missing if name not in found]
        gone = found_in(catalog.trash, "document", missing, {"document": 1})
        return cls(found, frozenset(entry["document"] for entry in gone))


def _settled(known: _Known, step: Step, rate: float, out: frozenset[str], options: MasterOptions) -> Step:
    """Decide what is to be done: nothing, making, or taking an earlier master back into use."""
    if step.reason:
        return step
    step = step.named()
    name = str(step.master)
    supersedes = tuple(
        doc["_id"]
        for doc in _earlier(known, step, name)
        if doc["status"] in ("proposed", "verified") and not doc.get("superseded_by")
    )
    step = replace(step, supersedes=supersedes)
    there = known.masters.get(name)
    left = ((there or {}).get("acceptance") or {}).get("left")
    if there is not None and left and left >= options.least(step) and not there.get("instead"):
        return step.to_make(rate)  # now those that are left are enough
    if there is None:
        if name in known.trashed:
            return step.refused(f"{name} is in the trash; `darkroom restore` brings it back")
        return step.to_make(rate)
    for mark in ("recalled", "stale"):
        if there.get(mark) or (mark == "recalled" and name in out):
            return step.refused(f"{name} is {mark}, and the same frames would make it again; recall what is bad in it")
    if there["status"] in ("withdrawn", "set-aside"):
        return replace(step, action="none", reason=f"{name} is {there['status']}", supersedes=())
    if there.get("superseded_by") or (supersedes and there["status"] != "proposed"):
        return replace(step, action="reinstate", reason="these inputs were combined before")
    return replace(step, action="none", reason="nothing has changed")


def _earlier(known: _Known, step: Step, name: str) -> list[Doc]:
    """Return the masters of the same night and key that share a frame, or a master, with this one."""
    mine = {frame["_id"] for frame in step.frames} | {name for name, _ in step.rejected}
    found = []
    for doc in known.masters.values():
        if (doc["kind"], doc["date"], doc["camera"]) != (step.kind, step.date, step.camera):
            continue
        theirs = {item["id"] for item in doc["inputs"]} | {item["id"] for item in doc["rejected"]}
        shares = bool(mine & theirs) if mine else not theirs
        if doc["_id"] != name and shares and _same_place(doc, step):
            found.append(doc)
    return sorted(found, key=lambda doc: doc["_id"])


def _same_place(doc: Doc, step: Step) -> bool:
    """Whether a master stands where this one would: keys alike, as far as they are exact."""
    loose = {key.name for key in rule_for(step.profile, step.kind).keys if key.tolerance}
    return all(doc["key"].get(name) == step.key[name] for name in step.key if name not in loose)


def plan_table(steps: Sequence[Step], *, date: str) -> Answer:
    """Return a plan as a table, with its size."""
    columns = ("kind", "camera", "key", "frames", "action", "master", "reason", "rejected", "supersedes", "MB", "s")
    rows = tuple(step.row() for step in steps)
    total = [step for step in steps if step.action == "make"]
    size = (
        f"{len(total)} masters to make from {sum(len(step.frames) for step in total)} frames, "
        f"{sum(step.nbytes for step in total) / 1e6:.0f} MB, about {sum(step.seconds for step in total):.0f} s"
        if total
        else "nothing to make"
    )
    return Answer(columns, rows, f"Masters of {date}: {size}")
