"""The questions an observatory asks of its nights, as plain aggregation pipelines and as tables.

The pipelines are those that teams type into notebooks: they run unchanged on every catalog. The tables answer
for any camera, by kind and observation fields. Where a
group key may be missing it is made null first, because MongoDB's answer for a missing part of a
compound key depends on the query plan.
"""

from collections.abc import Sequence
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.divide import partition
from pipelines.calibration.groups.keys import calibration_of, number
from pipelines.instruments.calibration import CAMERA, EXPTIME
from pipelines.instruments.nights import on
from pipelines.table import Answer, Row

Stage = dict[str, Any]


def dark_groups_pipeline(date: str | Sequence[str] | None = None) -> list[Stage]:
    """Group darks by camera serial number and exposure time.

    Parameters
    ----------
    date : str or sequence of str, optional
        The night or nights (``YYYY-MM-DD``); all nights by default.

    Returns
    -------
    list of dict
        Stages giving ``{'_id': {'serialno', 'exptime'}, 'darks': [ids]}``, ids in order.
    """
    return [
        {"$match": {"header.IMAGETYP": "dark", **on(date)}},
        {"$sort": {"_id": 1}},
        {
            "$group": {
                "_id": {
                    "serialno": {"$ifNull": ["$header.SERIALNO", None]},
                    "exptime": {"$ifNull": ["$header.EXPTIME", None]},
                },
                "darks": {"$push": "$_id"},
            }
        },
        {"$sort": {"_id.serialno": 1, "_id.exptime": 1}},
    ]


def flat_times_pipeline(date: str | Sequence[str] | None = None) -> list[Stage]:
    """Group flats by night and exposure number, with the times of day their cameras claim.

    All cameras of an array take one exposure number together, so a group with more than one
    ``flat_times`` holds a camera whose clock, or header, is wrong.

    Returns
    -------
    list of dict
        Stages giving ``{'_id': {'date', 'exposure_number'}, 'flat_times', 'flat_counts',
        'flat_ids'}``: for each time of day, how many flats say so, and which.
    """
    return [
        {"$match": {"kind": "flat", **on(date)}},
        {"$sort": {"_id": 1}},
        {
            "$group": {
                "_id": {
                    "date": {"$ifNull": ["$date", None]},
                    "exposure_number": {"$ifNull": ["$exposure_number", None]},
                    "flat_time": {"$ifNull": ["$flat_time", None]},
                },
                "flat_count": {"$sum": 1},
                "flat_ids": {"$push": "$_id"},
            }
        },
        {"$sort": {"flat_count": -1, "_id.flat_time": 1}},
        {
            "$group": {
                "_id": {"date": "$_id.date", "exposure_number": "$_id.exposure_number"},
                "flat_times": {"$push": "$_id.flat_time"},
                "flat_counts": {"$push": "$flat_count"},
                "flat_ids": {"$push": "$flat_ids"},
            }
        },
        {"$sort": {"_id.date": 1, "_id.exposure_number": 1}},
    ]


def dark_groups(headers: Collection, date: str | Sequence[str] | None = None) -> Answer:
    """Darks of any camera by camera and exposure time: times as near as frames of one group may be are one.

    Returns
    -------
    Answer
        Columns ``serialno`` (the camera, by its one key), ``exptime`` (seconds, the median), ``count``,
        ``darks`` (ids).
    """
    frames: dict[str, list[dict[str, Any]]] = {}
    for frame in headers.find({"kind": "dark", **on(date)}, dict.fromkeys(("profile", "obs"), 1)):
        frames.setdefault(str(frame.get("profile")), []).append(frame)
    rows = []
    for profile, mine in frames.items():
        declared = calibration_of(profile)
        rule = None if declared is None else declared.rule("dark")
        exptime = next((key for key in rule.keys if key.name == EXPTIME.name), EXPTIME) if rule else EXPTIME
        for part in partition(mine, (CAMERA, exptime), nights=False):
            names = [frame["_id"] for frame in part.frames]
            camera, seconds = part.values[CAMERA.name], part.values[EXPTIME.name]
            rows.append({"serialno": camera, "exptime": seconds, "count": len(names), "darks": names})
    rows.sort(key=lambda row: (row["serialno"] or "", number(row["exptime"]) or 0.0, row["darks"]))
    return Answer(("serialno", "exptime", "count", "darks"), tuple(rows), _title("Darks", date))


def flat_conflicts(headers: Collection, date: str | Sequence[str] | None = None) -> Answer:
    """Flat groups whose cameras disagree on evening or morning, and what most of them say.

    A flat without an exposure number belongs to no group, so it can neither agree nor disagree.

    Returns
    -------
    Answer
        Columns ``date``, ``exposure_number``, ``flat_times`` and ``flat_counts`` (parallel lists,
        most votes first), ``consensus`` (None on a tie, or where no camera knows), ``outvoted``
        (ids whose ``flat_time`` the consensus would change).
    """
    rows = [
        _conflict(group)
        for group in headers.aggregate(flat_times_pipeline(date))
        if len(group["flat_times"]) > 1 and group["_id"]["exposure_number"] is not None
    ]
    columns = ("date", "exposure_number", "flat_times", "flat_counts", "consensus", "outvoted")
    return Answer(columns, tuple(rows), _title("Flats that disagree", date))


def consensus(flat_times: Sequence[str | None], flat_counts: Sequence[int]) -> str | None:
    """Return the time of day most flats of a group say; None when the vote is tied.

    A flat without a time of day does not vote.
    """
    votes: dict[str, int] = {}
    for time, count in zip(flat_times, flat_counts, strict=True):
        if time is not None:
            votes[time] = votes.get(time, 0) + count
    if not votes:
        return None
    most = max(votes.values())
    winners = [time for time, count in votes.items() if count == most]
    return winners[0] if len(winners) == 1 else None


def _conflict(group: dict[str, Any]) -> Row:
    winner = consensus(group["flat_times"], group["flat_counts"])
    outvoted = [
        frame
        for time, frames in zip(group["flat_times"], group["flat_ids"], strict=True)
        if winner is not None and time != winner
        for frame in frames
    ]
    return {
        "date": group["_id"]["date"],
        "exposure_number": group["_id"]["exposure_number"],
        "flat_times": group["flat_times"],
        "flat_counts": group["flat_counts"],
        "consensus": winner,
        "outvoted": outvoted,
    }


def _title(what: str, date: str | Sequence[str] | None) -> str:
    if date is None:
        return f"{what}, all nights"
    return f"{what}, {date if isinstance(date, str) else ', '.join(date)}"
