"""The criteria by which a master suits a frame, each with its distance: one table for choosing and for why."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pipelines.calibration.groups.divide import canonical
from pipelines.calibration.groups.keys import master_trait, matching_keys, number, trait
from pipelines.calibration.groups.tolerance import apart
from pipelines.documents.schema import Doc
from pipelines.instruments import GroupKey, GroupRule

__all__ = [
    "ELSEWHERE",
    "SCALED",
    "MasterCheck",
    "Rules",
    "alike",
    "certify_hint",
    "departed_shown",
    "judge",
    "use_hint",
    "valid_at",
]

ELSEWHERE = "elsewhere"
"""Status of a stack that another program made: it is never verified here, and serves only if somebody asks for it."""

SCALED = 2.0
"""Distance of an exposure time that passes by scaling only: past every one that matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is asked of a master, besides the keys and tolerances of the profile.

    Attributes
    ----------
    max_age : timedelta
        No master is used farther than this from its frames.
    order : {'nearest', 'before'}
        Nearest in time either way, or the last one before the frame.
    statuses : tuple of str
        What it may be; earlier ones are preferred. ``'elsewhere'``: a stack that another program made.
    max_scale : float
        A longer dark may be scaled down by at most this factor; 1 asks for the same exposure time.
    """

    max_age: timedelta = timedelta(days=30)
    order: Literal["nearest", "before"] = "nearest"
    statuses: tuple[str, ...] = ("certified", "verified")
    max_scale: float = 1.0

    def with_elsewhere(self) -> "Rules":
        """Return rules by which masters made elsewhere serve too, after all of ours."""
        return self if ELSEWHERE in self.statuses else replace(self, statuses=(*self.statuses, ELSEWHERE))


@dataclass(frozen=True, slots=True)
class MasterCheck:
    """One criterion compared with one master.

    Attributes
    ----------
    criterion : str
        Its name.
    passed : bool
        Whether the master satisfies it.
    distance : float
        How far it is off, in units of what is allowed; at most 1 when passed (`SCALED` where
        it passes by scaling), infinite where there is no measure.
    text : str
        For people: what was wanted, what there is.
    """

    criterion: str
    passed: bool
    distance: float
    text: str


def judge(frame: Doc, master: Doc, *, kind: str, rule: GroupRule, rules: Rules) -> tuple[MasterCheck, ...]:
    """Hold every criterion against a master.

    Parameters
    ----------
    frame : Mapping
        A document of the collection ``headers``.
    master : Mapping
        A document of the collection ``masters``.
    kind : {'bias', 'dark', 'flat', 'pixelmap'}
        What it is wanted for.
    rule : GroupRule
        Of the frame's profile, for this kind: `traits.rule_for`.

    Returns
    -------
    tuple of MasterCheck
        Passed or not, all of them, always in the same order.
    """
    checks = [_same("instrument", frame.get("instrument"), master["instrument"])]
    foreign = master["status"] == ELSEWHERE
    for whole in matching_keys(rule, kind):
        (value, key), found = trait(frame, whole), master_trait(master, whole)
        check = _near(key, value, found) if key.tolerance else _same(key.name, value, found)
        if foreign and not check.passed and key.name not in (rule.keys[0].name, "exptime", "shape"):
            check = _as_far_as_stated(check, value, found)
        if key.name == "exptime" and not check.passed:
            check = _scaled(check, value, found, rules.max_scale)
        checks.append(check)
    checks += [_status(master, rules), _current(master), _validity(frame, master), _age(frame, master, rules)]
    return tuple(checks)


def valid_at(master: Doc, instant: datetime | None) -> bool:
    """Tell whether an instant lies in one of a master's intervals of validity."""
    return instant is not None and any(
        (part["since"] is None or part["since"] <= instant) and (part["until"] is None or instant < part["until"])
        for part in master.get("validity") or ()
    )


def alike(key: GroupKey, one: Any, other: Any) -> bool:
    """Tell whether two values of a key are the same, or within its spread."""
    return (_near(key, one, other) if key.tolerance else _same(key.name, one, other)).passed


def _same(name: str, wanted: Any, found: Any) -> MasterCheck:
    """Two missing values are alike; one missing value is like no other."""
    if canonical(wanted) == canonical(found):
        return MasterCheck(name, True, 0.0, "neither says" if wanted is None else _word(wanted))
    return MasterCheck(name, False, math.inf, f"{_word(found)}, wanted {_word(wanted)}")


def _near(key: GroupKey, wanted: Any, found: Any) -> MasterCheck:
    """Compare numbers; the frames of a group lie within its spread, so a frame may from its master."""
    if wanted is None and found is None:
        return MasterCheck(key.name, True, 0.0, "neither says")
    one, other = number(wanted), number(found)
    if one is None or other is None:
        who = "frame" if one is None else "master"
        return MasterCheck(key.name, False, math.inf, f"the {who} does not say: {_word(found)}, wanted {_word(wanted)}")
    off, allowed = apart(one, other, key)
    if off <= allowed:
        return MasterCheck(key.name, True, min(1.0, off / allowed), f"{other:g}")
    text = f"{other:g}, wanted {one:g}: {off:.4g} off, {allowed:.4g} allowed"
    return MasterCheck(key.name, False, off / allowed, text)


def _as_far_as_stated(miss: MasterCheck, wanted: Any, found: Any) -> MasterCheck:
    """Let a stack made elsewhere pass in what it, or the frame, does not state; of a mode part by part."""
    if miss.criterion == "stacked" or wanted is None or found is None:
        text = "not compared" if miss.criterion == "stacked" else f"{'frame' if wanted is None else 'it'} does not say"
        return MasterCheck(miss.criterion, True, 1.0, text)
    if miss.criterion == "mode":
        mine, its = _parts(wanted), _parts(found)
        if all(mine[name] == its[name] for name in mine.keys() & its.keys()):
            return MasterCheck(miss.criterion, True, 1.0, f"{found}, as far as both say")
    return miss


def _parts(mode: Any) -> dict[str, str]:
    """Return what a readout mode is made of, by keyword: ``"READOUTM Fast; ROWORDER TOP-DOWN"``."""
    return {name: value for name, _, value in (part.partition(" ") for part in str(mode).split("; "))}


def _scaled(miss: MasterCheck, wanted: Any, found: Any, most: float) -> MasterCheck:
    """Let a longer dark pass that may be scaled down."""
    long, short = number(found), number(wanted)
    if long is None or short is None or short <= 0 or not 1 < long / short <= most:
        return miss
    return MasterCheck(miss.criterion, True, SCALED, f"{long:g}, scaled down by {long / short:.3g}")


def certify_hint(master: Doc) -> str:
    """Say how a master that only waits for somebody's word comes into use."""
    return f"to use it as it is: darkroom masters certify '{master['_id']}' --why TEXT"


def use_hint(master: Doc) -> str:
    """Say how a master that waits for nothing but a word is used: a proposed one of ours, or one made elsewhere."""
    if master["status"] == ELSEWHERE:
        return "it was made elsewhere; to use it: --masters-from-elsewhere"
    return certify_hint(master)


def _status(master: Doc, rules: Rules) -> MasterCheck:
    found = master["status"]
    if found in rules.statuses:
        return MasterCheck("status", True, 0.0, found)
    because = master.get("unfit") or (master.get("acceptance") or {}).get("reason")
    found = "made elsewhere" if found == ELSEWHERE else found
    text = f"{found}, wanted {' or '.join(rules.statuses)}" + (f" ({because})" if because else "")
    return MasterCheck("status", False, math.inf, text)


def _current(master: Doc) -> MasterCheck:
    for field, text in (("recalled", "recalled"), ("stale", "made from what was recalled")):
        marks = master.get(field)
        if marks:
            return MasterCheck(
                "current", False, math.inf, f"{text}: {'; '.join(mark['why'] for mark in marks.values())}"
            )
    if master.get("departed"):
        text = f"retired: {departed_shown(master['departed'])}"
        return MasterCheck("current", False, math.inf, text)
    if master.get("superseded_by"):
        return MasterCheck("current", False, math.inf, f"superseded by {master['superseded_by']}")
    if master.get("unfit"):
        return MasterCheck("current", False, math.inf, f"unfit: {master['unfit']}")
    return MasterCheck("current", True, 0.0, "current")


def departed_shown(reasons: Sequence[str]) -> str:
    """Return why a master is retired in one line: the first two reasons, and how many more."""
    more = f", and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    return "; ".join(reasons[:2]) + more


def _validity(frame: Doc, master: Doc) -> MasterCheck:
    """Only what is certified has a validity to keep to."""
    if master["status"] != "certified":
        return MasterCheck("validity", True, 0.0, "not certified, so not limited")
    instant = frame.get("timestamp")
    spans = [f"{_day(part['since'])} to {_day(part['until'])}" for part in master.get("validity") or ()]
    if valid_at(master, instant):
        return MasterCheck("validity", True, 0.0, ", ".join(spans))
    return MasterCheck(
        "validity", False, math.inf, f"valid {', '.join(spans) or 'never'}; the frame is of {_day(instant)}"
    )


def _age(frame: Doc, master: Doc, rules: Rules) -> MasterCheck:
    instant, made = frame.get("timestamp"), master.get("timestamp")
    if made is None and master["status"] == ELSEWHERE:
        return MasterCheck("age", True, 1.0, "it has no time")
    if instant is None or made is None:
        whose = "the frame" if instant is None else "the master"
        return MasterCheck("age", False, math.inf, f"{whose} has no time")
    after = made - instant
    days = after / timedelta(days=1)
    if rules.order == "before" and after > timedelta(0):
        return MasterCheck("age", False, 1.0 + days, f"{days:.2f} d after the frame, wanted before")
    distance = abs(after) / rules.max_age if rules.max_age else math.inf
    if abs(after) <= rules.max_age:
        return MasterCheck("age", True, distance, f"{abs(days):.2f} d")
    return MasterCheck("age", False, distance, f"{abs(days):.1f} d, at most {rules.max_age / timedelta(days=1):g}")


def _word(value: Any) -> str:
    if value is None:
        return "nothing"
    return " × ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _day(instant: datetime | None) -> str:
    return "…" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"
