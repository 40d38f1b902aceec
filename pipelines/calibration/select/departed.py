"""Masters whose inputs are no longer what they were: corrected, judged bad, recalled, identified anew, or gone.

Such a master is out of use at once, whether or not another one has been made: this is looked up when one is
chosen, and needs nobody to write it down. What it was made with counts too: a flat goes with its dark.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.keys import rule_for, trait
from pipelines.calibration.select.criteria import alike
from pipelines.documents import runs as ledger
from pipelines.documents.changes import Changed, Edit, change
from pipelines.documents.lookup import found_in
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.session import Session

__all__ = ["departures", "mark_bad", "unfit", "with_departures"]


_FIELDS = {"kind": 1, "key": 1, "profile": 1, "inputs": 1, "masters": 1}


def with_departures(catalog: Catalog, masters: Sequence[Doc]) -> list[Doc]:
    """Return masters, those with departed inputs with the reasons in ``departed``."""
    found = departures(catalog, masters)
    return [{**doc, "departed": found[doc["_id"]]} if doc["_id"] in found else doc for doc in masters]


def departures(catalog: Catalog, masters: Iterable[Doc]) -> dict[str, list[str]]:
    """Find the masters of some that stand on what is no longer so, with the reasons.

    Parameters
    ----------
    masters : iterable of Mapping
        Their documents, with ``inputs`` and ``masters``.

    Returns
    -------
    dict
        By name of the master: a sentence for each frame, or master, that has departed; those that stand
        on good ground are not there.
    """
    known = _with_those_used(catalog, masters)
    frames = _frames(catalog, {item["id"] for doc in known.values() for item in doc.get("inputs") or ()})
    reasons = {name: _direct(doc, frames) for name, doc in known.items()}
    for _ in known:  # what stands on it falls with it, as far as it goes
        more = {
            name: [f"{used['id']} is made from them" for used in doc.get("masters") or () if reasons.get(used["id"])]
            for name, doc in known.items()
            if not reasons[name]
        }
        if not any(more.values()):
            break
        reasons |= more
    return {name: found for name, found in reasons.items() if found}


def unfit(frame: Doc) -> str | None:
    """Say why a frame is judged to be of no use; None if it is not."""
    if frame.get("recalled"):
        return "recalled: " + "; ".join(mark["why"] for mark in frame["recalled"].values())
    qc = frame.get("qc") or {}
    if qc.get("marked"):
        return f"marked bad: {qc['marked']['why']}"
    if qc.get("verdict") == "bad":
        reasons = [check["reason"] for check in qc.get("checks") or () if check["verdict"] == "bad"]
        return ": ".join(["judged bad", *(["; ".join(reasons)] if reasons else [])])
    return None


def mark_bad(session: Session, where: Mapping[str, Any], *, why: str) -> Changed:
    """Mark the frames of a filter bad: no group takes them, and masters made of them are out of use at once.

    Returns
    -------
    Changed
        Names of the frames, and the run that takes it back.

    Raises
    ------
    UsageError
        No reason is given.
    """
    if not why.strip():
        raise UsageError("say why they are bad: it is kept with each frame")
    names = [doc["_id"] for doc in session.headers.find(where, {"_id": 1}).sort("_id", 1)]
    if not names:
        return Changed([], None)
    run = ledger.start(session.runs, verb="mark", arguments={"why": why, "documents": len(names)})
    edits = [Edit(name, set={"qc.verdict": "bad", "qc.marked": {"why": why}}) for name in names]
    changed = change(edits, catalog=session.catalog, store=session.store, why=why, run=run)
    ledger.finish(session.runs, run, status="finished", result={"changed": len(changed)})
    return Changed(changed, run)


def _with_those_used(catalog: Catalog, masters: Iterable[Doc]) -> dict[str, Doc]:
    """Return masters by name, with those they were made with, and those in turn."""
    known = {doc["_id"]: doc for doc in masters}
    edge = list(known.values())
    while edge:
        wanted = {used["id"] for doc in edge for used in doc.get("masters") or ()} - set(known)
        edge = list(found_in(catalog.masters, "_id", sorted(wanted), _FIELDS))
        known |= {doc["_id"]: doc for doc in edge}
    return known


def _frames(catalog: Catalog, names: Iterable[str]) -> dict[str, Doc]:
    return {doc["_id"]: doc for doc in found_in(catalog.headers, "_id", sorted(names), {"cards": 0})}


def _direct(master: Doc, frames: Mapping[str, Doc]) -> list[str]:
    """Say which frames of a master are no longer what it was made of."""
    reasons = []
    for item in master.get("inputs") or ():
        frame = frames.get(item["id"])
        if frame is None:
            reasons.append(f"{item['id']} is no longer in the archive")
            continue
        reason = unfit(frame) or _changed(master, item, frame)
        if reason:
            reasons.append(f"{item['id']} is {reason}")
    return reasons


def _changed(master: Doc, item: Doc, frame: Doc) -> str | None:
    """Say in what a frame differs now from what a master took it for."""
    if item.get("pixels") and frame.get("pixels_digest") not in (None, item["pixels"]):
        return "ingested with other pixels since"
    if master["kind"] not in ("bias", "dark", "flat"):
        return None
    if frame.get("kind") != master["kind"]:
        return f"a {frame.get('kind')} now"
    try:
        rule = rule_for(str(frame.get("profile")), master["kind"])
    except UsageError:
        return None
    then = master.get("key") or {}
    for key in rule.keys:
        # A master of both twilights, and what an older release did not ask for, is no contradiction.
        if key.name not in then or (key.name == "flat_time" and then[key.name] == "combined"):
            continue
        now, by = trait(frame, key)  # of a camera without a set point what was measured, with the tolerance of that
        if not alike(by, now, then[key.name]):
            return f"of {key.name} {now} now, not {then[key.name]}"
    return None
