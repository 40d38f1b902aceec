"""Calibration frames needed: the darks and flats that a night's frames lack, by what a minute of them gains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.divide import partition
from pipelines.calibration.groups.keys import exposure_time, matching_keys, number, rule_for
from pipelines.calibration.select.choose import FIELDS, MasterCandidate, best, judged, nearness
from pipelines.calibration.select.criteria import Rules
from pipelines.calibration.select.departed import with_departures
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.instruments import GroupRule
from pipelines.instruments.nights import on
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["calibration_needs"]


NEEDS: Mapping[str, tuple[str, ...]] = {"light": ("dark", "flat"), "flat": ("dark",)}
"""Which masters the frames of a kind are calibrated with."""

OVERHEAD = 15.0  # s between two frames: read-out, storing
FLAT_TIME = 10.0  # s, of a twilight flat


@dataclass(frozen=True, slots=True)
class _Need:
    """Frames that want the same master."""

    kind: str
    rule: GroupRule
    example: Doc
    frames: int
    seconds: float
    values: Mapping[str, Any]


def calibration_needs(session: Session, night: str | Sequence[str], *, rules: Rules | None = None) -> Answer:
    """List by camera the darks and flats that would do most for a night's lights and flats.

    What a master of N frames adds to the variance of a frame is 1/N of its own; without a master the
    frame is of no use. The gain is the share of variance that further frames take away (1 where there
    is no master), times the exposure time of the frames that wait, over the time it takes.

    Parameters
    ----------
    night : str or sequence of str
        ``YYYY-MM-DD``.
    rules : Rules, optional
        What is asked of a master.

    Returns
    -------
    Answer
        ``camera``, ``kind``, the keys to shoot with, ``waiting`` (frames), ``have`` (frames in the
        present master), ``take``, ``minutes``, ``gain_per_minute``, ``why``; most gain first.
    """
    needs = _needs(session.catalog, night)
    masters: dict[tuple[Any, ...], list[Doc]] = {}
    rows = []
    for need in needs:
        camera = need.values[need.rule.keys[0].name]
        place = (need.example["instrument"], camera, need.kind)
        if place not in masters:
            query = dict(zip(("instrument", "camera", "kind"), place, strict=True))
            found = session.masters.find(query, dict.fromkeys(FIELDS, 1)).to_list()
            masters[place] = with_departures(session.catalog, found)
        rows.append(_row(need, camera, judged(need.example, need.kind, masters[place], rules=rules), rules))
    rows.sort(key=lambda row: (-row["gain_per_minute"], str(row["camera"]), row["kind"], str(row["exptime"])))
    columns = ("camera", "kind", "exptime", "temperature", "filter", "waiting", "have", "take", "minutes")
    title = f"Calibration frames needed for {night if isinstance(night, str) else ', '.join(night)}"
    return Answer((*columns, "gain_per_minute", "why"), tuple(rows), title)


def _needs(catalog: Catalog, night: str | Sequence[str]) -> list[_Need]:
    """Gather the frames of a night by the master they want."""
    waiting: dict[tuple[str, str, str], list[Doc]] = {}
    for frame in catalog.headers.find({"kind": {"$in": list(NEEDS)}, **on(night)}).sort("_id", 1):
        for kind in NEEDS[frame["kind"]]:
            waiting.setdefault((str(frame.get("profile")), frame["instrument"], kind), []).append(frame)
    needs = []
    for (profile, _, kind), frames in sorted(waiting.items()):
        try:
            rule = rule_for(profile, kind)
        except UsageError:
            continue  # an instrument that declares no calibration wants none
        # Frames that would be in one group want the same master.
        for part in partition(frames, matching_keys(rule, kind), nights=False):
            seconds = sum(exposure_time(frame) or FLAT_TIME for frame in part.frames)
            needs.append(_Need(kind, rule, part.frames[0], len(part.frames), seconds, part.values))
    return needs


def _row(need: _Need, camera: Any, candidates: Sequence[MasterCandidate], rules: Rules | None) -> Row:
    chosen = best(candidates, rules=rules)
    have = 0 if chosen is None else len(chosen.master.get("inputs") or ())
    take = need.rule.minimum
    exptime = number(need.values.get("exptime"))
    each = (exptime if need.kind == "dark" and exptime is not None else FLAT_TIME) + OVERHEAD
    gain = 1.0 if not have else (1 / have - 1 / (have + take)) / (1 + 1 / have)
    minutes = take * each / 60
    if chosen is None:
        misses = sorted(candidates, key=nearness)
        near = misses[0].failed[0] if misses and misses[0].failed else None
        why = "no master" if near is None else f"no master; the nearest fails on {near.criterion}: {near.text}"
    else:
        why = f"{chosen.master['_id']} has {have} frames"
    return {
        "camera": camera,
        "kind": need.kind,
        "exptime": exptime if need.kind == "dark" else None,
        "temperature": need.values.get("temperature") if need.kind == "dark" else None,
        "filter": need.values.get("filter") if need.kind == "flat" else None,
        "waiting": need.frames,
        "have": have,
        "take": take,
        "minutes": round(minutes, 2),
        "gain_per_minute": gain * need.seconds / 60 / minutes,
        "why": why,
    }
