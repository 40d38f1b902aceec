"""The calibration of an archive in one place: groups, checks, masters, certificates, as a notebook asks for them.

A facade: each verb lives in a module of its own beside this one, and has its words there.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.table import Answer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pipelines.archive import Archive
    from pipelines.calibration.masters.recall import Recalled
    from pipelines.calibration.masters.step import Options
    from pipelines.calibration.select.certify import Certification
    from pipelines.calibration.select.criteria import Rules
    from pipelines.calibration.select.why import Why

Nights = str | Sequence[str] | None


class CalibrationDesk:
    """What an archive knows of its darks and flats; ``archive.calibration`` is one."""

    def __init__(self, archive: "Archive") -> None:
        self._archive = archive

    # -- before combining ------------------------------------------------------------------------

    def groups(self, kind: str, date: Nights = None) -> Answer:
        """Frames that may be combined, by every key of their profile: `pipelines.calibration.groups.groups`."""
        from pipelines.calibration.groups.groups import groups

        return groups(self._archive.headers, kind, date=date)

    def clock(self, night: str) -> Answer:
        """Each camera's clock against the array's: `pipelines.calibration.times.clock`."""
        from pipelines.calibration.times.clock import clock_errors

        return clock_errors(self._archive.headers, night)

    def fix_dates(self, date: str | Sequence[str]) -> list[str]:
        """Write the night of the array's time into the frames of wrong clocks; :meth:`undo_dates` takes it back."""
        from pipelines.calibration.times.dates import fix_dates

        self._archive.require_writable("repair dates")
        nights = [date] if isinstance(date, str) else list(date)
        return fix_dates(nights, catalog=self._archive.catalog, store=self._archive.store)[1]

    def undo_dates(self, date: str | Sequence[str]) -> list[str]:
        """Put back what the last :meth:`fix_dates` of these nights replaced. Gives the frames changed."""
        from pipelines.calibration.times.dates import undo_dates

        self._archive.require_writable("repair dates")
        nights = [date] if isinstance(date, str) else list(date)
        return undo_dates(nights, catalog=self._archive.catalog, store=self._archive.store)[1]

    def flat_times(self, date: Nights = None) -> Answer:
        """Evening or morning, with all that tells it: `pipelines.calibration.times.flats`."""
        from pipelines.calibration.times.flats import flat_times

        return flat_times(self._archive.headers, date)

    def fix_flats(self, date: str | Sequence[str]) -> list[str]:
        """Write what the evidence says into the flats; :meth:`undo_flats` takes it back. Gives the flats changed."""
        from pipelines.calibration.times.flats import fix

        self._archive.require_writable("repair flats")
        return fix(self.flat_times(date), catalog=self._archive.catalog, store=self._archive.store)[1]

    def undo_flats(self, date: str | Sequence[str]) -> list[str]:
        """Put back what the last :meth:`fix_flats` of these nights replaced. Gives the flats changed."""
        from pipelines.calibration.times.flats import undo_last

        self._archive.require_writable("repair flats")
        nights = [date] if isinstance(date, str) else list(date)
        return undo_last(nights, catalog=self._archive.catalog, store=self._archive.store)[1]

    def check_frames(self, night: str, *, kinds: Sequence[str] | None = None, progress: bool | None = None) -> Answer:
        """Measure and judge the frames of a night, and keep it: `pipelines.calibration.quality.checks`."""
        from pipelines.calibration.quality.checks import KINDS, check_frames
        from pipelines.progress import bar

        self._archive.require_writable("keep verdicts")
        with bar(f"Check {night}", shown=progress) as advance:
            return check_frames(
                night,
                catalog=self._archive.catalog,
                store=self._archive.store,
                kinds=kinds or KINDS,
                progress=advance,
            )

    def frames(self, date: str | Sequence[str]) -> Answer:
        """What was found of the frames of a night when they were checked."""
        from pipelines.calibration.quality.checks import frame_checks

        return frame_checks(self._archive.headers, date)

    # -- masters ---------------------------------------------------------------------------------

    def plan(self, night: str, *, kinds: Sequence[str] | None = None, options: "Options | None" = None) -> Answer:
        """What making masters would do, and how much work that is: `pipelines.calibration.masters.plan`."""
        from pipelines.calibration.masters.plan import KINDS, plan_masters, plan_table

        steps = plan_masters(self._archive.catalog, date=night, kinds=kinds or KINDS, options=options)
        return plan_table(steps, date=night)

    def make_masters(
        self,
        night: str,
        *,
        kinds: Sequence[str] | None = None,
        options: "Options | None" = None,
        jobs: int | None = None,
        progress: bool | None = None,
    ) -> Answer:
        """Make the masters of a night, or find them made: `pipelines.calibration.masters.run`."""
        from pipelines.calibration.masters.plan import KINDS
        from pipelines.calibration.masters.run import make_masters
        from pipelines.progress import bar

        self._archive.require_writable("make masters")
        with bar("Masters", shown=progress) as advance:
            return make_masters(
                catalog=self._archive.catalog,
                store=self._archive.store,
                date=night,
                kinds=kinds or KINDS,
                options=options,
                jobs=jobs,
                progress=advance,
            )

    def certify(
        self,
        master_id: str,
        *,
        why: str,
        since: datetime | None = None,
        until: datetime | None = None,
        split: bool = False,
        override: bool = False,
    ) -> "Certification":
        """Make a master the one to use for an interval: `pipelines.calibration.select.certify`."""
        from pipelines.calibration.select.certify import certify

        self._archive.require_writable("certify")
        return certify(
            master_id,
            catalog=self._archive.catalog,
            store=self._archive.store,
            since=since,
            until=until,
            split=split,
            override=override,
            why=why,
        )

    def set_status(self, masters: str | Sequence[str], status: str, *, why: str) -> list[str]:
        """Mark masters as proposed, verified or withdrawn."""
        from pipelines.calibration.select.certify import set_status

        self._archive.require_writable("mark masters")
        names = [masters] if isinstance(masters, str) else list(masters)
        return set_status(names, status, catalog=self._archive.catalog, store=self._archive.store, why=why)

    def best(self, frame: str, kind: str = "dark", *, rules: "Rules | None" = None) -> dict[str, Any] | None:
        """The best master for a frame, or None: `pipelines.calibration.select.choose`."""
        from pipelines.calibration.select.choose import choose

        found = choose(self._archive.document(frame), kind, masters=self._archive.masters, rules=rules)
        return None if found is None else dict(found)

    def why(self, frame: str, kind: str = "dark", *, rules: "Rules | None" = None) -> "Why":
        """Why a frame has the master it has, or none: `pipelines.calibration.select.why`."""
        from pipelines.calibration.select.why import why

        return why(frame, kind, catalog=self._archive.catalog, rules=rules)

    def shoot(self, night: str | Sequence[str]) -> Answer:
        """The darks and flats worth taking, best first: `pipelines.calibration.select.needs`."""
        from pipelines.calibration.select.needs import what_to_shoot

        return what_to_shoot(self._archive.catalog, night)

    def recall(self, ids: str | Sequence[str], *, why: str, dry_run: bool = False) -> "Recalled":
        """Mark frames or masters bad, and flag what was made from them: `pipelines.calibration.masters.recall`."""
        from pipelines.calibration.masters.recall import recall

        if not dry_run:
            self._archive.require_writable("recall")
        names = [ids] if isinstance(ids, str) else list(ids)
        return recall(names, catalog=self._archive.catalog, store=self._archive.store, why=why, dry_run=dry_run)

    def undo(self, run: str, *, why: str = "taken back") -> list[str]:
        """Take back exactly what a recall, a certification or a mark did, by its run: `pipelines.documents.changes`."""
        return self._archive.upkeep.undo(run, why=why)

    def export(self, master_id: str, out: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a master as FITS, every plane and where it comes from: `pipelines.calibration.masters.fits`."""
        from pipelines.calibration.masters.fits import export_master
        from pipelines.calibration.select.certify import find_master

        master = find_master(master_id, catalog=self._archive.catalog)
        return export_master(master, out, store=self._archive.store, overwrite=overwrite)

    # -- over the nights -------------------------------------------------------------------------

    def trends(self, date: Nights = None, *, camera: str | None = None) -> Answer:
        """Level, noise, hot pixels, gradient and temperature by night: `pipelines.calibration.quality.trends`."""
        from pipelines.calibration.quality.trends import trends

        return trends(self._archive.headers, date=date, camera=camera)

    def plot_trends(self, date: Nights = None, *, camera: str | None = None, kind: str | None = None) -> "Figure":
        """Draw them."""
        from pipelines.calibration.quality.trends import plot

        return plot(self.trends(date, camera=camera), kind=kind)

    def fleet(self, night: str) -> Answer:
        """Cameras that depart from the others of a night: `pipelines.calibration.quality.fleet`."""
        from pipelines.calibration.quality.fleet import fleet_outliers

        return fleet_outliers(self._archive.headers, night)
