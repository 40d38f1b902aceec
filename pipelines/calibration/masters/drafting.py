"""Drafts the steps of groups of frames: which frames a master is made of, and why others are left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.groups import groups
from pipelines.calibration.groups.keys import rule_for
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.masters.frames import masks_noted, of_colours
from pipelines.calibration.masters.geometry import treatment
from pipelines.calibration.masters.images import frame_images
from pipelines.calibration.masters.step import MasterOptions, Step
from pipelines.calibration.select.departed import unfit as judged_unfit
from pipelines.combine.pairs import spread_over
from pipelines.documents.lookup import found_in
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.table import Row

__all__ = ["fetch", "frame_steps", "unfit"]


def frame_steps(
    catalog: Catalog,
    kind: str,
    *,
    date: str,
    without: frozenset[str],
    options: MasterOptions,
    parameters: Mapping[str, Any],
) -> list[Step]:
    """Draft a step for each group of a night.

    Parameters
    ----------
    without : frozenset of str
        Frames taken to be bad.
    parameters : Mapping
        Of the algorithm.
    """
    rows = _rows(catalog, KINDS[kind].frames, date)
    frames = fetch(catalog, [name for row in rows for name in (*row["ids"], *row["left_out"])])
    return [_frames_step(catalog, row, kind, options, without, frames, parameters) for row in rows]


def _rows(catalog: Catalog, kind: str, date: str) -> list[Row]:
    try:
        return list(groups(catalog.headers, kind, date=date))
    except UsageError:  # frames of an instrument that groups none: they ask for no master
        return []


def _frames_step(
    catalog: Catalog,
    row: Row,
    kind: str,
    options: MasterOptions,
    out: frozenset[str],
    known: Mapping[str, dict[str, Any]],
    parameters: Mapping[str, Any],
) -> Step:
    """Draft a step of a group: its frames as they are in the catalog now, those borrowed looked up."""
    rule = rule_for(row["profile"], kind)
    key = {name.name: row[name.name] for name in rule.keys}
    wanted = list(row["ids"])
    borrowed = list(row["borrow"])[: max(0, rule.minimum - len(wanted))] if options.borrow else []
    found = {name: known[name] for name in wanted if name in known} | fetch(catalog, borrowed)
    there = {name: known[name] for name in row["left_out"] if name in known}
    rejected = [(name, unfit(there[name]) or why) for name, why in row["why_left_out"].items() if name in there]
    rejected += [(name, "deleted since it was grouped") for name in wanted if name not in found]
    frames = []
    for name in sorted(found):
        reason = "recalled" if name in out else unfit(found[name])
        if reason:
            rejected.append((name, reason))
        else:
            frames.append(found[name])
    frames.sort(key=lambda frame: (str(frame.get("timestamp")), frame["_id"]))
    if rule.maximum is not None and len(frames) > rule.maximum:
        best = _best(frames, rule.maximum)
        kept = {frame["_id"] for frame in best}
        many = f"a master takes the best {rule.maximum}, spread evenly over the {len(frames)} there are"
        rejected += [(frame["_id"], many) for frame in frames if frame["_id"] not in kept]
        frames = best
    treated = treatment(frames[0]) if frames else {}
    step = Step(
        kind=kind,
        date=row["date"],
        profile=row["profile"],
        instrument=frames[0]["instrument"] if frames else "",
        key=key,
        frames=tuple(frames),
        rejected=tuple(rejected),
        parameters={**parameters, **treated},
        notes=(
            *_not_taken(key.get("overscan"), treated),
            *masks_noted(frames, frame_images(frames[0]) if frames else ()),
            *of_colours(kind, frames),
        ),
    )
    minimum = options.least(step)
    if row["status"] == "incomplete":
        return step.refused(row["reason"])
    if len(frames) < minimum:
        if row["status"] == "too few" and minimum == rule.minimum and not borrowed and len(frames) == row["count"]:
            return step.refused(row["reason"])
        bad = f", {len(rejected)} are not fit" if rejected else ""
        return step.refused(f"{len(frames)} of {minimum} frames{bad}")
    return step


def _best(frames: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Return so many of the frames, in their order: doubtful ones last, the others spread evenly over the night."""
    sound = [frame for frame in frames if (frame.get("qc") or {}).get("verdict") != "doubtful"]
    if len(sound) >= most:
        return [sound[n] for n in spread_over(len(sound), most)]
    doubtful = [frame for frame in frames if frame not in sound]
    chosen = {frame["_id"] for frame in (*sound, *(doubtful[n] for n in spread_over(len(doubtful), most - len(sound))))}
    return [frame for frame in frames if frame["_id"] in chosen]


def _not_taken(stated: Any, treated: Mapping[str, Any]) -> tuple[str, ...]:
    """Say where a header states an overscan that could not be read."""
    if "overscan" in treated or not isinstance(stated, str) or stated.strip().upper() in _NO_SECTION:
        return ()
    return (f"the overscan {stated.strip()} is no part of the frames, so none was taken away",)


_NO_SECTION = frozenset({"", "UNKNOWN", "N/A", "NA", "NONE", "INDEF", "[0:0,0:0]"})


def fetch(catalog: Catalog, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read the documents of frames, as far as they are there."""
    return {doc["_id"]: doc for doc in found_in(catalog.headers, "_id", ids, {"cards": 0})}


def unfit(frame: Doc) -> str | None:
    """Say why a frame cannot be combined; None if it can."""
    reason = judged_unfit(frame)
    if reason is not None:
        return reason
    if not frame.get("pixels_digest") or not frame_images(frame):
        return "its pixels were not ingested"
    return None
