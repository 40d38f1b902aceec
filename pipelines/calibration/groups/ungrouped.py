"""Frames in no group: every frame of a night that is in no group of it, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.divide import COPY
from pipelines.calibration.groups.groups import Nights, groups
from pipelines.calibration.groups.keys import calibration_of, camera_of
from pipelines.errors import UsageError
from pipelines.instruments.nights import on
from pipelines.table import Answer, Row

__all__ = ["GROUPED", "ungrouped"]

GROUPED = ("bias", "dark", "flat")
"""Kinds of frames that are combined."""

COLUMNS = ("kind", "camera", "reason", "count", "ids")

_FIELDS = ("kind", "date", "profile", "obs", "qc.flags")
_CALIBRATED = "is calibrated, not combined"
_REASONS: Mapping[str, str] = {
    "light": f"a light {_CALIBRATED}",
    "arc": f"an arc {_CALIBRATED}",
    "focus": "a focus frame is not combined",
    "acquisition": "an acquisition frame is not combined",
    "test": "a test frame is not combined",
    "image": "its header does not say what kind of frame it is",
}


def ungrouped(headers: Collection, date: Nights) -> Answer:
    """List every frame of some nights that is in no group, by kind, camera and reason.

    Parameters
    ----------
    date
        The night or nights, ``YYYY-MM-DD``.

    Returns
    -------
    Answer
        Columns ``kind``, ``camera``, ``reason``, ``count``, ``ids`` (sorted). A frame of a group that is
        too small or mixed is in a group; one that was left out of it, or lacks what a group needs, is not.
    """
    frames = {frame["_id"]: frame for frame in headers.find(on(date), dict.fromkeys(_FIELDS, 1))}
    inside: set[str] = set()
    why: dict[str, str] = {}
    for kind in GROUPED:
        for row in _groups(headers, kind, date):
            if row["status"] == "incomplete":
                why |= dict.fromkeys(row["ids"], row["reason"])
            else:
                inside.update(row["ids"])
            why |= row["why_left_out"]
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, frame in frames.items():
        if name not in inside:
            reason = why.get(name) or _reason(frame)
            if reason.startswith(COPY):  # one row for all of them; their groups name the frame each is a copy of
                reason = f"{COPY} frames of their group"
            found.setdefault((frame["kind"], camera_of(frame) or "", reason), []).append(name)
    rows = [
        {"kind": kind, "camera": camera or None, "reason": reason, "count": len(names), "ids": sorted(names)}
        for (kind, camera, reason), names in sorted(found.items())
    ]
    shown = "all nights" if date is None else date if isinstance(date, str) else ", ".join(date)
    return Answer(COLUMNS, tuple(rows), f"Frames in no group, {shown}")


def _groups(headers: Collection, kind: str, date: Nights) -> Iterator[Row]:
    try:
        yield from groups(headers, kind, date=date)
    except UsageError:  # no profile of the night groups this kind: _reason says so of each frame
        return


def _reason(frame: Mapping[str, Any]) -> str:
    """Say why a frame is in no group that none of its groups has spoken of."""
    kind, flags = str(frame["kind"]), _flags(frame)
    if kind in GROUPED:
        declared = calibration_of(str(frame.get("profile")))
        if declared is None:
            return f"its profile {frame.get('profile')!r} is not installed"
        return f"the profile {frame.get('profile')!r} does not say how {kind} frames are grouped"
    for tail, what in (("-stack", "a stack of frames already"), ("-processed", "corrected already")):
        if kind.endswith(tail):
            return f"{what}: only raw frames are combined"
    if "kind-unknown" in flags:
        return f"{kind!r} is not a kind of frame that is known"
    return _REASONS.get(kind, f"frames of the kind {kind!r} are not combined")


def _flags(frame: Mapping[str, Any]) -> Sequence[str]:
    flags: Sequence[str] = (frame.get("qc") or {}).get("flags") or ()
    return flags
