"""Makes a night's flats agree on evening or morning, with the evidence kept and every change to be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.keys import camera_of, observed
from pipelines.calibration.times.clock import array_times, camera_clocks
from pipelines.calibration.times.frames import Frame, by_profile, frames_of, nights_with
from pipelines.calibration.times.sunlit import by_the_sun, is_of_the_sky, said_by, site_of
from pipelines.calibration.times.twilight import Evidence, weigh
from pipelines.documents import runs as ledger
from pipelines.documents.repairs import undo_latest
from pipelines.instruments import Profile
from pipelines.session import Session
from pipelines.table import Answer, Row

VERB = "flats --fix"

_COLUMNS = (
    "date",
    "exposure_number",
    "decision",
    "probability",
    "flat_times",
    "flat_counts",
    "votes",
    "wrong_clocks",
    "sun",
    "trend",
    "evidence",
    "to_change",
    "reason",
)


def flat_times(headers: Collection, date: str | Sequence[str] | None = None) -> Answer:
    """Decide for each exposure number of a night's flats whether it was evening or morning.

    Parameters
    ----------
    date
        The night or nights, ``YYYY-MM-DD``; all that have flats by default.

    Returns
    -------
    Answer
        A row for each night and exposure number, and for what each camera took without numbers, by the sun
        alone: ``decision`` (``'evening'``, ``'morning'``,
        ``'undecided'``) and its ``probability``; ``flat_times`` and ``flat_counts``, what the documents
        say now; ``votes`` of the clocks and the ``wrong_clocks`` that have none; altitude of the ``sun``
        (degrees); ``trend`` of the sky; ``evidence``, log odds for evening of votes, level and order;
        ``to_change``, ids whose ``flat_time`` is another; ``reason``, where nothing is decided.
    """
    nights = nights_with(headers, "flat") if date is None else [date] if isinstance(date, str) else list(date)
    rows = tuple(row for night in nights for row in _night(headers, night))
    shown = "all nights" if date is None else ", ".join(nights)
    return Answer(_COLUMNS, rows, f"Evening or morning, by all evidence, {shown}")


def flat_table(headers: Collection, date: str | Sequence[str] | None = None) -> Answer:
    """Flats of any camera by night, camera, filter and time of day, and which of them the evidence would change.

    Returns
    -------
    Answer
        Columns ``date``, ``camera``, ``filter``, ``flat_time``, ``count``, ``to_change`` (ids whose time of
        day is another by all evidence), ``flats`` (ids).
    """
    judged = {name: True for row in flat_times(headers, date) for name in row["to_change"]}
    nights = nights_with(headers, "flat") if date is None else [date] if isinstance(date, str) else list(date)
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for night in nights:
        for flat in frames_of(headers, night, kinds=("flat",)):
            words = (camera_of(flat), observed(flat).get("filter"), flat.get("flat_time"))
            place = (night, *(str(word or "") for word in words))
            found.setdefault((place[0], place[1], place[2], place[3]), []).append(flat["_id"])
    rows = [
        {
            **dict(zip(("date", "camera", "filter", "flat_time"), (word or None for word in place), strict=True)),
            "count": len(names),
            "to_change": sorted(name for name in names if name in judged),
            "flats": sorted(names),
        }
        for place, names in sorted(found.items())
    ]
    columns = ("date", "camera", "filter", "flat_time", "count", "to_change", "flats")
    return Answer(columns, tuple(rows), f"Flats, {'all nights' if date is None else ', '.join(nights)}")


def fix(session: Session, answer: Answer) -> tuple[str | None, list[str]]:
    """Write what was decided into the flats that say otherwise.

    The documents get ``flat_time``, ``flat_time_source`` ``'consensus'`` and ``flat_time_evidence``, which
    also says what was there before; the history keeps the change and its reason.

    Parameters
    ----------
    answer
        Of `flat_times`.

    Returns
    -------
    str or None, list of str
        The run, to be undone by; the ids that changed. None and nothing if all agree.
    """
    from pipelines.documents.changes import Edit, change

    wanted = [(row, name) for row in answer for name in row["to_change"]]
    if not wanted:
        return None, []
    nights = sorted({row["date"] for row, _ in wanted})
    run = ledger.start(session.runs, verb=VERB, arguments={"nights": nights})
    before = {
        document["_id"]: document.get("flat_time")
        for document in session.headers.find({"_id": {"$in": [name for _, name in wanted]}}, {"flat_time": 1})
    }
    edits = [
        Edit(
            name,
            set={
                "flat_time": row["decision"],
                "flat_time_source": "consensus",
                "flat_time_evidence": _kept(row, before.get(name)),
            },
        )
        for row, name in wanted
    ]
    why = "flats of one exposure number are of one twilight: the consensus of all evidence"
    changed = change(edits, catalog=session.catalog, store=session.store, why=why, run=run)
    ledger.finish(session.runs, run, status="finished", result={"changed": len(changed)})
    return run, changed


def undo_last(session: Session, nights: Sequence[str]) -> tuple[str, list[str]]:
    """Put back what the last `fix` of these nights replaced: `repairs.undo_latest`."""
    return undo_latest(VERB, nights, catalog=session.catalog, store=session.store, why="flat times as they were")


def _night(headers: Collection, night: str) -> list[Row]:
    return [row for profile, frames in by_profile(frames_of(headers, night)) for row in _array(night, frames, profile)]


def _array(night: str, frames: Sequence[Frame], profile: Profile) -> list[Row]:
    flats = [frame for frame in frames if frame["kind"] == "flat" and is_of_the_sky(frame)]
    profile = replace(profile, site=next((site for flat in flats if (site := site_of(flat, profile))), None))
    tolerance = profile.calibration.clock
    array = array_times(frames, tolerance)
    numbered = [flat for flat in flats if flat.get("exposure_number") is not None]
    evidence = weigh(
        numbered,
        clocks=camera_clocks(frames, tolerance),
        array=array,
        instants={n: datetime.fromtimestamp(time.instant, UTC) for n, time in array.items() if time.known},
        biases=_biases(frames),
        profile=profile,
    )
    rows = [_row(night, one, [f for f in numbered if f["exposure_number"] == one.number]) for one in evidence]
    return rows + by_the_sun(night, [flat for flat in flats if flat.get("exposure_number") is None], profile)


def _row(night: str, one: Evidence, flats: Sequence[Frame]) -> Row:
    order, counts = said_by(flats)
    decided = one.decision != "undecided"
    chance = max(one.evening, 1 - one.evening)
    return {
        "date": night,
        "exposure_number": one.number,
        "decision": one.decision,
        "probability": round(chance, 4),
        "flat_times": order,
        "flat_counts": counts,
        "votes": dict(one.votes),
        "wrong_clocks": list(one.wrong_clocks),
        "sun": None if one.sun is None else round(one.sun, 2),
        "trend": one.trend,
        "evidence": {name: round(getattr(one, name), 2) for name in ("vote", "level", "order")},
        "to_change": [flat["_id"] for flat in flats if decided and flat.get("flat_time") != one.decision],
        "reason": None if decided else _undecided(one),
    }


def _undecided(one: Evidence) -> str:
    side = "evening" if one.evening >= 0.5 else "morning"
    votes = f"{one.votes['evening']} clocks say evening, {one.votes['morning']} morning"
    wrong = f", {len(one.wrong_clocks)} are wrong" if one.wrong_clocks else ""
    if abs(one.evening - 0.5) < 0.005:
        return f"{votes}{wrong}; nothing else tells"
    return f"{votes}{wrong}; {side} with a probability of only {max(one.evening, 1 - one.evening):.2f}"


def _biases(frames: Sequence[Frame]) -> dict[str, float]:
    """Return each camera's level without light, from what was measured of its darks and biases."""
    levels: dict[str, list[float]] = {}
    for frame in frames:
        level = frame.get("stats", {}).get("level")
        if frame["kind"] in ("dark", "bias") and level is not None:
            levels.setdefault(str(camera_of(frame)), []).append(float(level))
    return {camera: median(values) for camera, values in levels.items()}


def _kept(row: Row, before: str | None) -> dict[str, Any]:
    names = ("probability", "votes", "wrong_clocks", "sun", "trend", "evidence")
    return {"was": before, **{name: row[name] for name in names}}
