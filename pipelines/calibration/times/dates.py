"""Dates by the telescope array's clock: frames that a wrong clock put into another night are put where they belong."""

from collections.abc import Iterator, Sequence
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.keys import camera_of
from pipelines.calibration.times.clock import array_times, camera_clocks, nights_of
from pipelines.calibration.times.frames import by_profile, frames_of
from pipelines.documents import runs as ledger
from pipelines.documents.repairs import undo_latest
from pipelines.session import Session

__all__ = ["fix_dates", "undo_dates"]

VERB = "clock --fix"


def fix_dates(session: Session, nights: Sequence[str]) -> tuple[str | None, list[str]]:
    """Write the night of the telescope array's time into the frames of wrong clocks.

    The documents get ``date``, ``date_source`` ``'array'`` and ``date_evidence``, which says what was there
    before and by how much the clock was wrong. What the header says, and ``timestamp``, stay. A frame so
    near noon that the uncertainty of its time reaches over it is left as it is.

    Returns
    -------
    str or None, list of str
        The run, to be undone by; the ids that changed. None and nothing if all dates are right.
    """
    from pipelines.documents.changes import Edit, change

    wanted = [found for night in nights for found in _wrong(session.catalog, night)]
    if not wanted:
        return None, []
    run = ledger.start(session.runs, verb=VERB, arguments={"nights": list(nights)})
    edits = [
        Edit(name, set={"date": date, "date_source": "array", "date_evidence": evidence})
        for name, date, evidence in wanted
    ]
    why = "the camera's clock is wrong; the night is that of the telescope array's time"
    changed = change(edits, catalog=session.catalog, store=session.store, why=why, run=run)
    ledger.finish(session.runs, run, status="finished", result={"changed": len(changed)})
    return run, changed


def undo_dates(session: Session, nights: Sequence[str]) -> tuple[str, list[str]]:
    """Put back what the latest :func:`fix_dates` of these nights replaced: `repairs.undo_latest`."""
    return undo_latest(VERB, nights, catalog=session.catalog, store=session.store, why="dates as they were")


def _wrong(catalog: Catalog, night: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return each frame whose night is surely another, that night, and why."""
    for profile, frames in by_profile(frames_of(catalog.headers, night)):
        array = array_times(frames, profile.calibration.clock)
        clocks = camera_clocks(frames, profile.calibration.clock)
        for frame in frames:
            clock = clocks.get(str(camera_of(frame)))
            if clock is None or not profile.clock.nightly or clock.verdict in ("right", "unknown"):
                continue
            true = nights_of(frame, clock, array, profile)
            if len(true) == 1 and true != {frame.get("date")}:
                evidence = {"was": frame.get("date"), "offset": clock.offset, "offset_sigma": clock.offset_sigma}
                yield frame["_id"], true.pop(), evidence
