"""Frames like those of a group in the nights around it, for a group that is too small by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.tolerance import alike
from pipelines.instruments import GroupRule
from pipelines.table import Row

Stages = Callable[..., list[dict[str, Any]]]


def borrowable(
    headers: Collection, rule: GroupRule, profile: str, rows: Sequence[Row], pipeline: Stages
) -> list[list[str]]:
    """Find what groups that are too small could borrow.

    Parameters
    ----------
    rows
        The groups, as `groups` makes them.
    pipeline
        `groups_pipeline`.

    Returns
    -------
    list of list of str
        For each group: ids of like frames that are not bad, nearest night first.
    """
    nights = sorted({night for row in rows for night in around(row["date"], rule.window)})
    found = list(headers.aggregate(pipeline(rule, profile=profile, date=nights)))
    exact = [key.name for key in rule.keys if not key.tolerance]
    by_key: dict[str, list[dict[str, Any]]] = {}
    for group in found:
        by_key.setdefault(repr([group["_id"][name] for name in exact]), []).append(group)
    answer = []
    for row in rows:
        near = set(around(row["date"], rule.window))
        frames = [
            (_apart(row["date"], group["_id"]["date"]), frame["id"])
            for group in by_key.get(repr([row[name] for name in exact]), [])
            if group["_id"]["date"] in near
            for frame in group["frames"]
            if frame["verdict"] != "bad" and _like(row, frame, rule)
        ]
        answer.append([name for _, name in sorted(frames)])
    return answer


def around(night: str, window: int) -> list[str]:
    """Return the nights within `window` of one, without it; none for text that is no night."""
    try:
        day = date.fromisoformat(night)
        return [(day + timedelta(days=n)).isoformat() for n in range(-window, window + 1) if n]
    except (ValueError, OverflowError):
        return []


def _apart(night: str, other: str) -> int:
    return abs((date.fromisoformat(night) - date.fromisoformat(other)).days)


def _like(row: Row, frame: dict[str, Any], rule: GroupRule) -> bool:
    for key in rule.keys:
        if not key.tolerance:
            continue
        value = frame.get(key.name)
        if key.name not in row["extent"]:
            if value is not None:
                return False
        elif isinstance(value, bool) or not isinstance(value, int | float):
            return False
        else:
            low, high = row["extent"][key.name]
            if not alike(low, high, float(value), key):
                return False
    return True
