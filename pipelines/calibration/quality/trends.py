"""How cameras change from night to night, from what was measured of their frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from catalog import Collection
from pipelines.calibration.groups.keys import number
from pipelines.errors import UsageError, require
from pipelines.instruments.nights import on
from pipelines.table import Answer, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = ("level", "noise", "hot", "gradient", "temperature")
KINDS = ("dark", "bias", "flat")

_COLUMNS = ("date", "camera", "kind", "exptime", "frames", "bad", *MEASURES)
_TITLES = {
    "level": "level",
    "noise": "pixel noise (ADU)",
    "hot": "hot pixels",
    "gradient": "gradient, edge to edge",
    "temperature": "temperature [deg C]",
}


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


def plot(answer: Answer, *, kind: str | None = None) -> Figure:
    """Draw trends: a panel for each measure, a line for each camera, over the nights.

    Parameters
    ----------
    answer
        Of `trends`.
    kind
        Of frames; by default the first of dark, bias and flat that there is.

    Returns
    -------
    matplotlib.figure.Figure
        ``savefig`` writes it; Jupyter shows it.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    UsageError
        There is nothing to draw.
    """
    require("matplotlib", extra="plot", what="a plot")
    kinds = [name for name in KINDS if any(row["kind"] == name for row in answer)]
    chosen = kind or (kinds[0] if kinds else None)
    rows = [row for row in answer if row["kind"] == chosen and row["date"] is not None]
    if not rows:
        raise UsageError(f"no {chosen or 'frames'} were measured; `darkroom frames NIGHT --check` measures them")
    from datetime import datetime

    from matplotlib.figure import Figure

    cameras = sorted({str(row["camera"]) for row in rows})
    figure = Figure(figsize=(9, 11), layout="constrained")
    panels = figure.subplots(len(MEASURES), 1, sharex=True)
    for panel, measure in zip(panels, MEASURES, strict=True):
        for camera in cameras:
            points = _nightly([row for row in rows if str(row["camera"]) == camera], measure)
            days = [datetime.fromisoformat(night) for night in points]
            panel.plot(days, list(points.values()), marker=".", linewidth=0.8, label=camera)
        panel.set_ylabel(_TITLES[measure])
    panels[-1].tick_params(axis="x", rotation=30)
    panels[0].set_title(f"{chosen} frames, median of a night")
    if len(cameras) <= 24:
        panels[0].legend(fontsize="x-small", ncols=4)
    return figure


def _nightly(rows: Sequence[Row], measure: str) -> dict[str, float]:
    """Return the median over a camera's exposure times, by night."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row[measure] is not None:
            found.setdefault(row["date"], []).append(float(row[measure]))
    return {night: median(values) for night, values in sorted(found.items())}


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
