"""The frames of an array's night: those dated so, and those whose folder says so against their clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.keys import camera_of
from pipelines.errors import UsageError
from pipelines.instruments import Profile, profiles
from pipelines.instruments.nights import parse_night

Frame = dict[str, Any]

_FIELDS = ("date", "path_night", "timestamp", "exposure_number", "camera", "obs", "kind", "flat_time", "profile")
_MORE = ("stats", "qc.verdict")


def frames_of(headers: Collection, night: str, *, kinds: Sequence[str] = ()) -> list[Frame]:
    """Return the frames of a night, by camera, exposure number and name.

    A camera whose clock is far off dates its frames into another night. The array's software makes
    the night's folder, so where the two contradict each other the folder counts.

    Parameters
    ----------
    kinds
        Only these; all by default.
    """
    parse_night(night)
    fields = dict.fromkeys((*_FIELDS, *_MORE), 1)
    wanted = {"kind": {"$in": list(kinds)}} if kinds else {}
    dated = headers.find({"date": night, **wanted}, fields)
    foldered = headers.find({"path_night": night, **wanted}, fields)
    frames = {frame["_id"]: frame for frame in (*dated, *foldered) if frame.get("path_night") in (None, night)}
    return sorted(frames.values(), key=lambda f: (str(camera_of(f)), f.get("exposure_number") or 0, f["_id"]))


def nights_with(headers: Collection, kind: str) -> list[str]:
    """Return the nights that have frames of a kind, in order."""
    dated = headers.distinct("date", {"kind": kind, "date": {"$gt": ""}})
    foldered = headers.distinct("path_night", {"kind": kind, "path_night": {"$gt": ""}})
    return sorted(night for night in {*dated, *foldered} if isinstance(night, str))


def by_profile(frames: Sequence[Frame]) -> list[tuple[Profile, list[Frame]]]:
    """Divide frames by their instrument's profile: cameras of two instruments share no exposure numbers.

    Raises
    ------
    UsageError
        A profile is not installed.
    """
    known = profiles()
    found: dict[str, list[Frame]] = {}
    for frame in frames:
        found.setdefault(frame["profile"], []).append(frame)
    for name in sorted(found):
        if name not in known:
            raise UsageError(f"there is no profile {name!r} any more; install the distribution that brings it")
    return [(known[name], found[name]) for name in sorted(found)]
