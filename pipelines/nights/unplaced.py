"""Unplaced: nights that are days in UTC because nothing tells where the camera stands, and evenings cut by that."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from catalog import Collection
from pipelines.calibration.groups.keys import camera_of
from pipelines.documents.schema import Doc
from pipelines.instruments.nights import parse_night
from pipelines.nights.notice import Notice
from pipelines.table.cells import counted

__all__ = ["unplaced"]


GAP = timedelta(hours=3)
"""Frames of one camera on both sides of 0 h UTC and no further apart are of one evening."""

_HINT = (
    "write [site] with its longitude into darkroom.toml, or let `darkroom site --learn` find it; "
    "then `darkroom identify --all`"
)
_BY_UTC = {"obs_from.night": "UTC"}
_FIELDS = {"timestamp": 1, "obs": 1, "date": 1}


def unplaced(headers: Collection, frames: Sequence[Doc], date: str) -> Iterator[Notice]:
    """Find the frames of a night whose night is only the day in UTC.

    Yields
    ------
    Notice
        ``evening-cut``, for attention, where a camera went on over 0 h UTC; ``night-by-utc`` else.
    """
    mine = [frame for frame in frames if frame.get("obs_from", {}).get("night") == "UTC"]
    if not mine:
        return
    day = parse_night(date)
    cut: dict[str, int] = {}
    for other, before in ((day - timedelta(days=1), True), (day + timedelta(days=1), False)):
        beside = list(headers.find({"date": other.isoformat(), **_BY_UTC}, _FIELDS))
        early, late = (beside, mine) if before else (mine, beside)
        ends, starts = _edges(early, last=True), _edges(late, last=False)
        for camera in sorted(ends.keys() & starts.keys()):
            if starts[camera] - ends[camera] <= GAP:
                cut[camera] = cut.get(camera, 0) + 1
    if cut:
        names = ", ".join(cut)
        what = f"an evening of {names} is cut at 0 h UTC: no site is known, so their nights are days in UTC"
        yield Notice("evening-cut", what, _HINT, tuple(cut))
        return
    what = f"the night of {counted(len(mine), 'file')} is the day in UTC: no site is known"
    yield Notice("night-by-utc", what, _HINT, tuple(str(frame["_id"]) for frame in mine), attention=False)


def _edges(frames: Sequence[Doc], *, last: bool) -> dict[str, Any]:
    """Return when each camera took its last, or its first, frame."""
    found: dict[str, Any] = {}
    for frame in frames:
        camera, moment = camera_of(frame), frame.get("timestamp")
        if camera is not None and moment is not None:
            found[camera] = (max if last else min)(found.get(camera, moment), moment)
    return found
