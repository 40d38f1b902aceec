"""The calibration of an archive, before frames are combined: groups, clocks, flats of evening and morning, checks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.session import Session
from pipelines.table import Answer

if TYPE_CHECKING:
    from pipelines.documents.changes import Changed

__all__ = ["Frames", "Nights"]

Nights = str | Sequence[str] | None


class Frames:
    """What an archive knows of the frames that masters are made of; the first part of its calibration."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def groups(self, kind: str, date: Nights = None) -> Answer:
        """Frames that may be combined, by every key of their profile: `pipelines.calibration.groups.groups`."""
        from pipelines.calibration.groups.groups import groups
        from pipelines.documents.words import require_kinds

        require_kinds(self._session.headers, (kind,))
        return groups(self._session.headers, kind, date=date)

    def ungrouped(self, date: Nights = None) -> Answer:
        """Frames in no group, each with the reason: `pipelines.calibration.groups.ungrouped`."""
        from pipelines.calibration.groups.ungrouped import ungrouped

        return ungrouped(self._session.headers, date)

    def clock(self, night: str) -> Answer:
        """Each camera's clock against the telescope array's: `pipelines.calibration.times.clock`."""
        from pipelines.calibration.times.clock import clock_errors

        return clock_errors(self._session.headers, night)

    def fix_dates(self, date: str | Sequence[str]) -> "Changed":
        """Write the night of the telescope array's time into frames of wrong clocks; :meth:`undo_dates` undoes it."""
        from pipelines.calibration.times.dates import fix_dates
        from pipelines.documents.changes import Changed

        self._session.require_writable("repair dates")
        nights = [date] if isinstance(date, str) else list(date)
        run, names = fix_dates(self._session, nights)
        return Changed(names, run)

    def undo_dates(self, date: str | Sequence[str]) -> "Changed":
        """Put back what the last :meth:`fix_dates` of these nights replaced. Returns the frames changed."""
        from pipelines.calibration.times.dates import undo_dates
        from pipelines.documents.changes import Changed

        self._session.require_writable("repair dates")
        nights = [date] if isinstance(date, str) else list(date)
        run, names = undo_dates(self._session, nights)
        return Changed(names, run)

    def flat_times(self, date: Nights = None) -> Answer:
        """Evening or morning, with all that tells it: `pipelines.calibration.times.flats`."""
        from pipelines.calibration.times.flats import flat_times

        return flat_times(self._session.headers, date)

    def flats(self, date: Nights = None) -> Answer:
        """Flats by camera, filter and time of day, and which the evidence would change: `calibration.times.flats`."""
        from pipelines.calibration.times.flats import flat_table

        return flat_table(self._session.headers, date)

    def fix_flats(self, date: str | Sequence[str]) -> "Changed":
        """Write what the evidence says into the flats; :meth:`undo_flats` takes it back. Returns the flats changed."""
        from pipelines.calibration.times.flats import fix
        from pipelines.documents.changes import Changed

        self._session.require_writable("repair flats")
        run, names = fix(self._session, self.flat_times(date))
        return Changed(names, run)

    def undo_flats(self, date: str | Sequence[str]) -> "Changed":
        """Put back what the last :meth:`fix_flats` of these nights replaced. Returns the flats changed."""
        from pipelines.calibration.times.flats import undo_last
        from pipelines.documents.changes import Changed

        self._session.require_writable("repair flats")
        nights = [date] if isinstance(date, str) else list(date)
        run, names = undo_last(self._session, nights)
        return Changed(names, run)

    def check_frames(
        self,
        night: str,
        *,
        kinds: Sequence[str] | None = None,
        jobs: int | None = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> Answer:
        """Measure and judge the frames of a night, and keep it: `pipelines.calibration.quality.checks`."""
        from pipelines.calibration.quality.checks import KINDS, check_frames
        from pipelines.documents.words import require_kinds
        from pipelines.progress import bar

        self._session.require_writable("keep verdicts")
        require_kinds(self._session.headers, kinds or ())
        with self._session.spread(scheduler) as session, bar(f"Check {night}", shown=progress) as advance:
            return check_frames(session, night, kinds=kinds or KINDS, jobs=jobs, progress=advance)

    def frames(self, date: str | Sequence[str], *, kinds: Sequence[str] | None = None) -> Answer:
        """What was found of the frames of a night when they were checked."""
        from pipelines.calibration.quality.checks import KINDS, frame_checks
        from pipelines.documents.words import require_kinds

        require_kinds(self._session.headers, kinds or ())
        return frame_checks(self._session.headers, date, kinds=kinds or KINDS)

    def mark_bad(self, where: Mapping[str, Any], *, why: str) -> "Changed":
        """Mark all frames of a filter bad, so that no master is made of them; :meth:`undo` takes it back by its run."""
        from pipelines.calibration.select.departed import mark_bad

        self._session.require_writable("mark frames")
        return mark_bad(self._session, where, why=why)
