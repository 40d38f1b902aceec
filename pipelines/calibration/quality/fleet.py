"""The fleet: cameras that took the same exposures, and the one that departs from the others in a night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.keys import camera_of, exposure_time, number
from pipelines.calibration.times.frames import Frame, by_profile, frames_of
from pipelines.combine.methods import MAD_TO_SIGMA
from pipelines.table import Answer, Row

MEASURES = ("level", "noise", "hot", "gradient", "asymmetry", "temperature")
SMALLEST = 5
"""Cameras in a fleet whose median and scatter mean something."""

_COLUMNS = ("date", "camera", "kind", "measure", "value", "fleet", "z", "limit", "frames", "reason")
# What differs by less is of no account, however alike the others are: a fraction of the fleet's median,
# and an absolute amount.
_FLOORS: Mapping[str, tuple[float, float]] = {
    "level": (0.01, 1.0),
    "noise": (0.02, 0.1),
    "hot": (0.1, 2.0),
    "gradient": (0.1, 1.0),
    "asymmetry": (0.1, 1.0),
    "temperature": (0.0, 0.1),
}


def fleet_outliers(headers: Collection, night: str) -> Answer:
    """Return the cameras that depart from the others that took the same exposures.

    Cameras are compared at the same exposure number, kind and exposure time by a robust z: the distance
    from the fleet's median in units of 1.4826 median absolute deviations. A camera is reported for the
    median of its z over the night's exposures of a kind, so a single odd frame does not make it one.

    Returns
    -------
    Answer
        A row for each camera, kind and measure that departs: its median ``value`` and that of the
        ``fleet``, the median ``z`` and the ``limit`` for a fleet of this size, ``frames`` compared. The
        measure ``kind`` is of frames that look like another kind than their header says. A fleet
        that is too small is a row of its own, with the reason.
    """
    rows: list[Row] = []
    for _, frames in by_profile(frames_of(headers, night)):
        shared = [frame for frame in frames if frame.get("exposure_number") is not None]
        rows += _labels(shared, night) + _contents(shared, night) + _departures(shared, night)
    return Answer(_COLUMNS, tuple(rows), f"Cameras that depart from the fleet, {night}")


def limit(cameras: int) -> float:
    """Return the z from which a camera departs: the scatter of a small fleet is itself uncertain.

    In simulated normal fleets of 5 to 48 cameras, 1 camera in 1,000 or fewer exceeds it.
    """
    return 5.0 + 240.0 / (cameras - 2) ** 2


def _departures(frames: Sequence[Frame], night: str) -> list[Row]:
    shots: dict[tuple[Any, ...], list[Frame]] = {}
    for frame in frames:
        if frame.get("stats"):
            seconds = exposure_time(frame)
            shots.setdefault((frame["kind"], frame["exposure_number"], seconds), []).append(frame)
    found: dict[tuple[str, str, str], list[tuple[float, float, float, float]]] = {}
    largest: dict[str, int] = {}
    for (kind, *_), shot in shots.items():
        largest[kind] = max(largest.get(kind, 0), len(shot))
        if len(shot) < SMALLEST:
            continue
        for measure in MEASURES:
            for camera, compared in _compare(shot, measure).items():
                found.setdefault((camera, kind, measure), []).append(compared)
    rows = [_too_small(night, kind, cameras) for kind, cameras in sorted(largest.items()) if cameras < SMALLEST]
    for (camera, kind, measure), all_shots in sorted(found.items()):
        value, fleet, z, most = (median(one[i] for one in all_shots) for i in range(4))
        if abs(z) > most:
            reason = f"{measure} {value:g}, where the fleet has {fleet:g}"
            rows.append(_row(night, camera, kind, measure, value, fleet, round(z, 1), most, len(all_shots), reason))
    return rows


def _compare(shot: Sequence[Frame], measure: str) -> dict[str, tuple[float, float, float, float]]:
    """Return value, fleet's median, z and limit of each camera in one exposure."""
    values = {
        str(camera_of(frame)): value for frame in shot if (value := number(frame["stats"].get(measure))) is not None
    }
    if len(values) < SMALLEST:
        return {}
    middle = median(values.values())
    scatter = MAD_TO_SIGMA * median(abs(value - middle) for value in values.values())
    share, least = _FLOORS[measure]
    scatter = max(scatter, share * abs(middle), least)
    most = limit(len(values))
    return {camera: (value, middle, (value - middle) / scatter, most) for camera, value in values.items()}


def _labels(frames: Sequence[Frame], night: str) -> list[Row]:
    """Find frames that are of another kind by their header than the others of the same number."""
    by_number: dict[int, list[Frame]] = {}
    for frame in frames:
        by_number.setdefault(frame["exposure_number"], []).append(frame)
    rows = []
    for exposure, shot in sorted(by_number.items()):
        kinds = [frame["kind"] for frame in shot]
        common = max(sorted(set(kinds)), key=kinds.count)
        if len(shot) < 3 or 2 * kinds.count(common) <= len(shot):
            continue
        for frame in shot:
            if frame["kind"] != common:
                reason = f"exposure {exposure} is a {frame['kind']} here and a {common} for most: is IMAGETYP wrong?"
                rows.append(
                    _row(night, str(camera_of(frame)), frame["kind"], "kind", None, None, None, None, 1, reason)
                )
    return rows


def _contents(frames: Sequence[Frame], night: str) -> list[Row]:
    """Find flats that are as dark as darks, and darks that are as bright as flats."""
    levels: dict[str, list[float]] = {}
    measured = [(frame, level) for frame in frames if (level := number((frame.get("stats") or {}).get("level")))]
    for frame, level in measured:
        levels.setdefault(frame["kind"], []).append(level)
    if not {"dark", "flat"} <= set(levels):
        return []
    usual = {kind: median(values) for kind, values in levels.items()}
    rows = []
    for frame, level in measured:
        other = {"dark": "flat", "flat": "dark"}.get(frame["kind"])
        if other is not None and abs(level - usual[other]) < 0.2 * abs(level - usual[frame["kind"]]):
            reason = f"exposure {frame['exposure_number']} is called a {frame['kind']} and looks like a {other}"
            fleet = usual[frame["kind"]]
            rows.append(_row(night, str(camera_of(frame)), frame["kind"], "kind", level, fleet, None, None, 1, reason))
    return rows


def _too_small(night: str, kind: str, cameras: int) -> Row:
    reason = f"{cameras} cameras took the same {kind}: a fleet has at least {SMALLEST}, so none is compared"
    return _row(night, None, kind, None, None, None, None, None, 0, reason)


def _row(night: str, *values: Any) -> Row:
    return dict(zip(_COLUMNS, (night, *values), strict=True))
