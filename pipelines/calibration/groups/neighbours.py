"""Frames like those of a group in the nights around it, for a group that is too small by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.divide import canonical, unfit_for_group
from pipelines.calibration.groups.keys import calibration_of, number, trait
from pipelines.calibration.groups.tolerance import alike
from pipelines.documents.schema import Doc
from pipelines.instruments import GroupRule
from pipelines.instruments.calibration import UNDECLARED
from pipelines.table import Row


def borrowable(headers: Collection, rule: GroupRule, profile: str, rows: Sequence[Row]) -> list[list[str]]:
    """Find what groups that are too small could borrow.

    Parameters
    ----------
    rows
        The groups, as `groups` makes them.

    Returns
    -------
    list of list of str
        For each group: ids of like frames that are not bad, nearest night first.
    """
    exact = [key for key in rule.keys if not key.tolerance]
    frames: dict[Any, list[Doc]] = {}
    declared = calibration_of(profile) or UNDECLARED
    for night in sorted({night for row in rows for night in around(row["date"], rule.window)}):
        for frame in headers.find({"profile": profile, "kind": rule.kind, "date": night}).sort("_id", 1):
            if unfit_for_group(frame, declared) is None:
                place = tuple(canonical(trait(frame, key)[0]) for key in exact)
                frames.setdefault(place, []).append(frame)
    answer = []
    for row in rows:
        near = set(around(row["date"], rule.window))
        like = frames.get(tuple(canonical(row[key.name]) for key in exact), [])
        chosen = [frame for frame in like if frame["date"] in near and _like(row, frame, rule)]
        answer.append(_nearest(row["date"], chosen))
    return answer


def around(night: str, window: int) -> list[str]:
    """Return the nights within `window` of one, without it; none for text that is not a valid date."""
    try:
        day = date.fromisoformat(night)
        return [(day + timedelta(days=n)).isoformat() for n in range(-window, window + 1) if n]
    except (ValueError, OverflowError):
        return []


def _nearest(night: str, frames: Iterable[Doc]) -> list[str]:
    """Return the names of frames, the nearest night first; of the same pixels only the first."""
    day = date.fromisoformat(night)
    ordered = sorted(frames, key=lambda f: (abs((date.fromisoformat(f["date"]) - day).days), f["_id"]))
    kept = {frame.get("pixels_digest") or frame["_id"]: frame["_id"] for frame in reversed(ordered)}
    return [frame["_id"] for frame in ordered if kept[frame.get("pixels_digest") or frame["_id"]] == frame["_id"]]


def _like(row: Row, frame: Doc, rule: GroupRule) -> bool:
    for key in rule.keys:
        if not key.tolerance:
            continue
        value, source = trait(frame, key)
        if key.name not in row["extent"]:
            if value is not None:
                return False
        else:
            known, (low, high) = number(value), row["extent"][key.name]
            if known is None or not alike(low, high, known, source):
                return False
    return True
