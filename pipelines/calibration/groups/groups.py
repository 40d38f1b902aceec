"""Groups of frames that may be combined, by the keys and tolerances that a profile declares.

Every frame is compared in its observation fields: keys that must be equal, keys with a tolerance, and the guard
over every other keyword. Nothing missing is taken for equal: a frame without a key is in a group apart, and the
group says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.divide import Group, canonical, divide
from pipelines.calibration.groups.guard import said
from pipelines.calibration.groups.keys import number
from pipelines.calibration.groups.neighbours import borrowable
from pipelines.errors import UsageError
from pipelines.instruments import Calibration, GroupRule, Profile, profiles
from pipelines.instruments.nights import on
from pipelines.table import Answer, Row

Nights = str | Sequence[str] | None

NO_PIXELS = "its pixels are not in the archive: only its header was ingested"
"""Why frames are in no group of which nothing but the header is there."""

_TAIL = ("count", "ids", "spread", "status", "reason", "borrow", "left_out")
_SHOWN = 3  # frames left out that a reason names


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
        One row per group: ``date`` and the keys of the profile (of a key with a tolerance the median),
        ``count``, ``ids`` (sorted), ``spread`` (greatest difference in each key with a tolerance),
        ``status`` (``'ready'``; ``'too few'`` for a master; ``'mixed'``: divided by a keyword that no profile
        speaks of; ``'incomplete'``: without something that it has to have), ``reason`` for whatever is not
        ready, or what to know of what is,
        ``borrow`` (ids of like frames in neighbouring nights, nearest first, where there are too few),
        ``left_out`` (ids of frames that do not serve). Keys that nobody states have no column. Each row has
        besides: ``why_left_out`` (the reason for each of those), ``mixed`` (keyword, values and counts).

    Raises
    ------
    UsageError
        No profile declares how to group this kind.
    """
    known = _known(profile)
    only = None if profile is None else profile if isinstance(profile, str) else profile.name
    found = _groups(headers, frames_filter(kind, profile=only), date, known)
    rows: list[Row] = []
    names: list[str] = []
    for name in sorted(found):
        rule = known[name].rule(kind) if name in known else None
        if rule is not None:
            mine = _rows(headers, found[name], rule, name)
            rows += mine
            names += [n for n in _stated(rule, mine) if n not in names]
    if only is not None:
        found.setdefault(only, [])
    if found and not any(known[name].rule(kind) for name in found if name in known):
        able = sorted(name for name, declared in known.items() if declared.rule(kind))
        raise UsageError(
            f"the profile {', '.join(sorted(found))} does not say how to group {kind} frames; "
            f"profiles that do: {', '.join(able) or 'none'}"
        )
    several = len({row["profile"] for row in rows}) > 1
    columns = (*(("profile",) if several else ()), "date", *names, *_TAIL)
    complete = [{**dict.fromkeys(columns), **row} for row in rows]
    main = ("camera", *names, "count", "status", "reason")
    return Answer(columns, tuple(complete), f"{kind.capitalize()} groups, {_nights(date)}", main)


def frames_filter(kind: str, *, profile: str | None = None) -> dict[str, Any]:
    """Return the condition for the frames of a kind that are grouped, of one profile or all, in every night."""
    return {"kind": kind, **({} if profile is None else {"profile": profile})}


def _known(profile: Profile | str | None) -> dict[str, Calibration]:
    """Return what each profile declares."""
    known = profiles()
    if isinstance(profile, Profile):
        known = {**known, profile.name: profile}
    elif profile is not None and profile not in known:
        raise UsageError(f"there is no profile {profile!r}; known are {', '.join(known)}")
    return {name: one.calibration for name, one in known.items()}


def _groups(
    headers: Collection, wanted: Mapping[str, Any], date: Nights, known: Mapping[str, Calibration]
) -> dict[str, list[Group]]:
    """Divide the frames of each profile, a night at a time: of all nights together only the groups stay in memory."""
    nights = [*headers.distinct("date"), None] if date is None else _listed(date)
    found: dict[str, list[Group]] = {}
    for night in dict.fromkeys(nights):
        frames: dict[str, list[Mapping[str, Any]]] = {}
        for frame in headers.find({**wanted, "date": night}):
            frames.setdefault(str(frame.get("profile")), []).append(frame)
        for name, mine in frames.items():
            groups_of = found.setdefault(name, [])
            rule = known[name].rule(str(wanted["kind"])) if name in known else None
            if rule is not None:
                groups_of += divide(mine, rule, known[name])
    return found


def _rows(headers: Collection, found: Sequence[Group], rule: GroupRule, profile: str) -> list[Row]:
    present = _present(found, rule)
    rows = [_row(group, rule, profile, present) for group in found]
    rows.sort(key=lambda row: [_order(row[name]) for name in ("date", *(key.name for key in rule.keys))] + [row["ids"]])
    short = [row for row in rows if row["status"] == "too few" and row["date"]]
    if rule.window and short:
        for row, like in zip(short, borrowable(headers, rule, profile, short), strict=True):
            row["borrow"] = like
    for row in short:
        row["reason"] = "; ".join([_too_few(row, rule), *([row["reason"]] if row["reason"] else [])])
    return rows


def _present(found: Sequence[Group], rule: GroupRule) -> set[tuple[Any, str]]:
    """Return (camera, key) for the keys that frames of a camera state."""
    camera = rule.keys[0].name
    return {(canonical(g.values[camera]), k.name) for g in found for k in rule.keys if g.values[k.name] is not None}


def _row(group: Group, rule: GroupRule, profile: str, present: set[tuple[Any, str]]) -> Row:
    reasons = _incomplete(group, rule, present)
    if reasons:
        status = "incomplete"
    elif group.mixed:
        status = "mixed"
        reasons.append(said(group.mixed))
    else:
        status = "too few" if len(group.ids) < rule.minimum else "ready"
    if status == "ready" and rule.maximum is not None and len(group.ids) > rule.maximum:
        reasons.append(f"{len(group.ids)} frames, of which a master takes {rule.maximum}")
    if group.left_out:
        reasons.append(_left_out(group))
    return {
        "profile": profile,
        "kind": rule.kind,
        **{name: group.values[name] for name in ("date", *(key.name for key in rule.keys))},
        "count": len(group.ids),
        "ids": list(group.ids),
        "spread": {name: round(high - low, 9) for name, (low, high) in group.extent.items()},
        "status": status,
        "reason": "; ".join(reasons) or None,
        "borrow": [],
        "left_out": list(group.left_out),
        "why_left_out": dict(group.left_out),
        "mixed": dict(group.mixed),
        "extent": {name: list(ends) for name, ends in group.extent.items()},
    }


def _incomplete(group: Group, rule: GroupRule, present: set[tuple[Any, str]]) -> list[str]:
    """Say what a group lacks."""
    values, camera = group.values, canonical(group.values[rule.keys[0].name])
    reasons = list(group.unread)
    if values["date"] is None:
        reasons.append("no night: the time of exposure is not known")
    for key in rule.keys:
        if values[key.name] is None and key.name == "shape":
            reasons.insert(0, NO_PIXELS)
        elif values[key.name] is None and key.required and not key.paths[0].startswith("images."):
            reasons.append(f"{key.name} missing: no {' or '.join(key.paths)}")
        elif values[key.name] is None and (camera, key.name) in present and not key.silent:
            reasons.append(f"{key.name} missing, which other frames of this camera state")
    stacked = number(values.get("stacked"))
    if stacked is not None and stacked > 1:
        reasons.append(f"each is a stack of {stacked:g} frames already: only raw frames are combined")
    return reasons


def _left_out(group: Group) -> str:
    told = [f"{name} ({reason})" for name, reason in list(group.left_out.items())[:_SHOWN]]
    more = f" and {len(group.left_out) - _SHOWN} more" if len(group.left_out) > _SHOWN else ""
    return f"{len(group.left_out)} left out: {', '.join(told)}{more}"


def _too_few(row: Row, rule: GroupRule) -> str:
    said = f"too few: {row['count']} of {rule.minimum}"
    if row["borrow"]:
        return f"{said}; wait, or borrow {len(row['borrow'])} like it within {rule.window} nights"
    none = f", for there is none like it within {rule.window} nights" if rule.window else ""
    return f"{said}; wait for more{none}"


def _stated(rule: GroupRule, rows: Sequence[Row]) -> list[str]:
    """Return the keys worth a column: required, or stated by some frame."""
    return [key.name for key in rule.keys if key.required or any(row[key.name] is not None for row in rows)]


def _order(value: Any) -> tuple[int, Any]:
    """Order values of any type: null, numbers, text, the others by their text."""
    if value is None:
        return (0, 0)
    known = number(value)
    if known is not None:
        return (1, known)
    return (2, value) if isinstance(value, str) else (3, repr(canonical(value)))


def _listed(date: str | Sequence[str]) -> list[str]:
    on(date)  # refuses what is not a valid date
    return [date] if isinstance(date, str) else list(dict.fromkeys(date))


def _nights(date: Nights) -> str:
    if date is None:
        return "all nights"
    return date if isinstance(date, str) else ", ".join(date)
