"""Groups of frames that may be combined, by the keys and tolerances that a profile declares.

Keys that are equal exactly are grouped by an aggregation pipeline; keys with a tolerance by sorted
values within those groups, one key after another in the order of the profile. Nothing missing is
taken for equal: a frame without a key is in a group apart, and the group says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.neighbours import borrowable
from pipelines.calibration.groups.tolerance import clusters
from pipelines.errors import UsageError
from pipelines.instruments import GroupKey, GroupRule, Profile, profiles
from pipelines.instruments.nights import on
from pipelines.table import Answer, Row

Nights = str | Sequence[str] | None
Stage = dict[str, Any]

STATUSES = ("ready", "too few", "incomplete")


@dataclass(frozen=True, slots=True)
class _Group:
    """Frames that agree so far: the values they share, the extent of each toleranced key, and why not more."""

    values: Mapping[str, Any]
    frames: tuple[Mapping[str, Any], ...]
    extent: Mapping[str, tuple[float, float]]
    reasons: tuple[str, ...] = ()


def groups(headers: Collection, kind: str, *, date: Nights = None, profile: Profile | str | None = None) -> Answer:
    """Group the frames of a kind by the keys of their profile.

    Parameters
    ----------
    headers
        The documents.
    kind
        ``'dark'``, ``'flat'``, ``'bias'``.
    date
        The night or nights, ``YYYY-MM-DD``; all by default. No group spans two nights.
    profile
        Of the frames; by default every profile that has frames of this kind and a rule for it.

    Returns
    -------
    Answer
        One row a group: ``date`` and the keys of the profile (of a key with a tolerance the median),
        ``count``, ``ids`` (sorted), ``spread`` (greatest difference in each key with a tolerance),
        ``status`` (``'ready'``, ``'too few'`` or ``'incomplete'``), ``reason`` for whatever is not
        ready, ``borrow`` (ids of like frames in neighbouring nights, nearest first, where there are too
        few), ``left_out`` (ids of frames judged bad). Keys that nobody states have no column.

    Raises
    ------
    UsageError
        No profile declares how to group this kind.
    """
    rows: list[Row] = []
    names: list[str] = []
    for chosen, rule in _rules(headers, kind, date, profile):
        found = _rows(headers, rule, chosen, date)
        rows += found
        names += [n for n in _stated(rule, found) if n not in names]
    several = len({row["profile"] for row in rows}) > 1
    columns = (*(("profile",) if several else ()), "date", *names, *_TAIL)
    complete = [{**dict.fromkeys(columns), **row} for row in rows]
    return Answer(columns, tuple(complete), f"{kind.capitalize()}s that may be combined, {_nights(date)}")


def dark_groups(headers: Collection, *, date: Nights = None, profile: Profile | str | None = None) -> Answer:
    """Darks by all keys of their profile; the first columns are those of the question by serial and time.

    Returns
    -------
    Answer
        ``serialno``, ``exptime``, ``count``, ``darks``, then what `groups` has besides.
    """
    return _named(groups(headers, "dark", date=date, profile=profile), "darks", ("serialno", "exptime"))


def flat_groups(headers: Collection, *, date: Nights = None, profile: Profile | str | None = None) -> Answer:
    """Flats by all keys of their profile, evening and morning apart.

    Returns
    -------
    Answer
        ``serialno``, ``filter``, ``flat_time``, ``count``, ``flats``, then what `groups` has besides.
    """
    return _named(groups(headers, "flat", date=date, profile=profile), "flats", ("serialno", "filter", "flat_time"))


def groups_pipeline(rule: GroupRule, *, profile: str, date: Nights = None) -> list[Stage]:
    """Group the frames of a rule by its exact keys; keys with a tolerance come along with each frame.

    Returns
    -------
    list of dict
        Stages giving ``{'_id': {'date', <exact keys>}, 'frames': [{'id', 'verdict', <other keys>}]}``.
    """
    exact = {key.name: _first(key.paths) for key in rule.keys if not key.tolerance}
    loose = {key.name: _first(key.paths) for key in rule.keys if key.tolerance}
    return [
        {"$match": {"profile": profile, "kind": rule.kind, **on(date)}},
        {"$sort": {"_id": 1}},
        {
            "$group": {
                "_id": {"date": {"$ifNull": ["$date", None]}, **exact},
                "frames": {"$push": {"id": "$_id", "verdict": {"$ifNull": ["$qc.verdict", None]}, **loose}},
            }
        },
    ]


_TAIL = ("count", "ids", "spread", "status", "reason", "borrow", "left_out")


def _rules(
    headers: Collection, kind: str, date: Nights, profile: Profile | str | None
) -> Iterator[tuple[str, GroupRule]]:
    """Return the profiles to ask for, each with its rule."""
    known = profiles()
    if isinstance(profile, Profile):
        known = {**known, profile.name: profile}
        names = [profile.name]
    elif profile is not None:
        if profile not in known:
            raise UsageError(f"there is no profile {profile!r}; known are {', '.join(known)}")
        names = [profile]
    else:
        names = sorted(headers.distinct("profile", {"kind": kind, **on(date)}))
    ruled = [(name, rule) for name in names if name in known and (rule := known[name].calibration.rule(kind))]
    if names and not ruled:
        able = sorted(name for name, known_one in known.items() if known_one.calibration.rule(kind))
        raise UsageError(
            f"the profile {', '.join(names)} does not say how to group {kind} frames; "
            f"profiles that do: {', '.join(able) or 'none'}"
        )
    yield from ruled


def _rows(headers: Collection, rule: GroupRule, profile: str, date: Nights) -> list[Row]:
    found = list(divide(headers.aggregate(groups_pipeline(rule, profile=profile, date=date)), rule))
    present = _present(found, rule)
    rows = [_row(group, rule, profile, present) for group in found]
    rows.sort(key=lambda row: [_order(row[name]) for name in ("date", *(key.name for key in rule.keys))] + [row["ids"]])
    short = [row for row in rows if row["status"] == "too few" and row["date"]]
    if rule.window and short:
        for row, like in zip(short, borrowable(headers, rule, profile, short, groups_pipeline), strict=True):
            row["borrow"] = like
    for row in short:
        row["reason"] = _too_few(row, rule)
    return rows


def divide(exact: Iterable[Mapping[str, Any]], rule: GroupRule) -> Iterator[_Group]:
    """Divide groups that agree exactly by the keys that have a tolerance."""
    for group in exact:
        parts = [_Group(dict(group["_id"]), tuple(group["frames"]), {})]
        for key in rule.keys:
            if key.tolerance:
                parts = [part for whole in parts for part in _by(whole, key)]
        yield from parts


def _by(group: _Group, key: GroupKey) -> Iterator[_Group]:
    numbers = {frame["id"]: number(frame.get(key.name)) for frame in group.frames}
    for cluster in clusters([value for value in numbers.values() if value is not None], key):
        members = tuple(f for f in group.frames if numbers[f["id"]] in cluster)
        middle = float(median(v for f in members if (v := numbers[f["id"]]) is not None))
        yield _Group(
            {**group.values, key.name: middle},
            members,
            {**group.extent, key.name: (cluster[0], cluster[-1])},
            group.reasons,
        )
    for unread in sorted({_order(f.get(key.name)) for f in group.frames if numbers[f["id"]] is None}):
        members = tuple(f for f in group.frames if numbers[f["id"]] is None and _order(f.get(key.name)) == unread)
        value = members[0].get(key.name)
        reasons = () if value is None else (f"{key.name} is no number: {value!r}",)
        yield _Group({**group.values, key.name: value}, members, group.extent, (*group.reasons, *reasons))


def number(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _present(found: Sequence[_Group], rule: GroupRule) -> set[tuple[Any, str]]:
    """Return (camera, key) for the keys that frames of a camera state."""
    camera = rule.keys[0].name
    return {(repr(g.values[camera]), k.name) for g in found for k in rule.keys if g.values.get(k.name) is not None}


def _row(group: _Group, rule: GroupRule, profile: str, present: set[tuple[Any, str]]) -> Row:
    values, camera = group.values, repr(group.values[rule.keys[0].name])
    reasons = list(group.reasons)
    if values["date"] is None:
        reasons.append("no night: the time of exposure is not known")
    for key in rule.keys:
        if values[key.name] is None and key.required:
            reasons.append(f"{key.name} missing: no {' or '.join(key.paths)}")
        elif values[key.name] is None and (camera, key.name) in present:
            reasons.append(f"{key.name} missing, which other frames of this camera state")
    good = sorted(frame["id"] for frame in group.frames if frame["verdict"] != "bad")
    status = "incomplete" if reasons else "too few" if len(good) < rule.minimum else "ready"
    if status == "ready" and rule.maximum is not None and len(good) > rule.maximum:
        reasons.append(f"{len(good)} frames, of which a master takes {rule.maximum}")
    return {
        "profile": profile,
        "kind": rule.kind,
        **{name: values[name] for name in ("date", *(key.name for key in rule.keys))},
        "count": len(good),
        "ids": good,
        "spread": {name: round(high - low, 9) for name, (low, high) in group.extent.items()},
        "status": status,
        "reason": "; ".join(reasons) or None,
        "borrow": [],
        "left_out": sorted(frame["id"] for frame in group.frames if frame["verdict"] == "bad"),
        "extent": {name: list(ends) for name, ends in group.extent.items()},
    }


def _too_few(row: Row, rule: GroupRule) -> str:
    said = f"too few: {row['count']} of {rule.minimum}"
    if row["left_out"]:
        said += f", {len(row['left_out'])} judged bad"
    if row["borrow"]:
        return f"{said}; wait, or borrow {len(row['borrow'])} like it within {rule.window} nights"
    none = f", for there is none like it within {rule.window} nights" if rule.window else ""
    return f"{said}; wait for more{none}"


def _stated(rule: GroupRule, rows: Sequence[Row]) -> list[str]:
    """Return the keys worth a column: required, or stated by some frame."""
    return [key.name for key in rule.keys if key.required or any(row[key.name] is not None for row in rows)]


def _named(answer: Answer, ids: str, first: Sequence[str]) -> Answer:
    """Put the named columns, the count and the ids, under a name of their own, before the others."""
    head = (*(name for name in first if name in answer.columns), "count", ids)
    columns = head + tuple(name for name in answer.columns if name not in (*head, "ids"))
    return Answer(columns, tuple({**row, ids: row["ids"]} for row in answer), answer.title)


def _first(paths: Sequence[str]) -> Any:
    """Return the expression for the first field that is neither absent nor null."""
    expression: Any = None
    for path in reversed(paths):
        expression = {"$ifNull": [f"${path}", expression]}
    return expression


def _order(value: Any) -> tuple[int, Any]:
    """Order values of any type: null, numbers, text, the others by their text."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool | int | float):
        return (1, float(value) if math.isfinite(value) else 0.0)
    return (2, value) if isinstance(value, str) else (3, repr(value))


def _nights(date: Nights) -> str:
    if date is None:
        return "all nights"
    return date if isinstance(date, str) else ", ".join(date)
