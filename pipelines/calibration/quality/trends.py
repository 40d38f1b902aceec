"""How cameras change from night to night, from what was measured of their frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.keys import number
from pipelines.instruments.nights import on
from pipelines.table import Answer, Row

MEASURES = ("level", "noise", "hot", "gradient", "temperature")
KINDS = ("dark", "bias", "flat")

_COLUMNS = ("date", "camera", "kind", "exptime", "frames", "bad", *MEASURES)


def trends(
    headers: Collection,
    *,
    date: str | Sequence[str] | None = None,
    camera: str | None = None,
    kinds: Sequence[str] = KINDS,
) -> Answer:
    """Follow level, noise, hot pixels, gradient and temperature of each camera over the nights.

    Parameters
    ----------
    date
        The night or nights, ``YYYY-MM-DD``; all by default.
    camera
        Only this one; all by default.
    kinds
        Of frames.

    Returns
    -------
    Answer
        A row for each night, camera, kind and exposure time that was checked: ``frames`` and how many of
        them are ``bad``; medians over those that are not (over all where none is left) of ``level``,
        ``noise``, ``hot`` (pixels), ``gradient`` (in the units of the file) and ``temperature``.
    """
    rows: list[Row] = []
    nights = on(date)
    for profile in sorted(headers.distinct("profile")):
        match = {"profile": profile, "kind": {"$in": list(kinds)}, **nights}
        if camera is not None:
            match["obs.camera"] = camera
        rows += [_row(group) for group in headers.aggregate(trends_pipeline(match))]
    rows.sort(key=lambda row: (str(row["camera"]), row["kind"], row["exptime"] or 0.0, str(row["date"])))
    who = "all cameras" if camera is None else camera
    return Answer(_COLUMNS, tuple(rows), f"Trends of {who}")


def trends_pipeline(match: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Gather what was measured, by night, camera, kind and exposure time."""
    values = {name: {"$ifNull": [f"$stats.{name}", None]} for name in MEASURES}
    return [
        {"$match": {**match, "stats.level": {"$exists": True}}},
        {
            "$group": {
                "_id": {
                    # A camera with a wrong clock dates its frames into another night; their folder knows.
                    "date": {"$ifNull": ["$path_night", {"$ifNull": ["$date", None]}]},
                    "camera": {"$ifNull": ["$obs.camera", None]},
                    "kind": "$kind",
                    "exptime": {"$ifNull": ["$obs.exptime", None]},
                },
                "frames": {"$push": {"verdict": {"$ifNull": ["$qc.verdict", None]}, **values}},
            }
        },
    ]


def _row(group: Mapping[str, Any]) -> Row:
    frames = group["frames"]
    good = [frame for frame in frames if frame["verdict"] != "bad"] or frames
    medians = {}
    for name in MEASURES:
        values = [value for frame in good if (value := number(frame.get(name))) is not None]
        medians[name] = median(values) if values else None
    return {
        **group["_id"],
        "exptime": number(group["_id"]["exptime"]),
        "frames": len(frames),
        "bad": sum(frame["verdict"] == "bad" for frame in frames),
        **medians,
    }
