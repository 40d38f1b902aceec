"""The calibration of an archive in one place: groups, checks, masters, certificates, as a notebook asks for them.

A facade: each verb lives in a module of its own beside this one, and has its words there.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.calibration.frames import Frames, Nights
from pipelines.table import Answer

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.nddata import CCDData
    from matplotlib.figure import Figure

    from pipelines.calibration.masters.recall import Recalled
    from pipelines.calibration.masters.step import MasterOptions
    from pipelines.calibration.quality.noisemap import NoiseMap
    from pipelines.calibration.select.certify import Certification
    from pipelines.calibration.select.criteria import Rules
    from pipelines.calibration.select.why import Why


class Calibration(Frames):
    """What an archive knows of its darks and flats; ``archive.calibration`` is one."""

    # -- masters ---------------------------------------------------------------------------------

    def plan(self, night: str, *, kinds: Sequence[str] | None = None, options: "MasterOptions | None" = None) -> Answer:
        """What making masters would do, and how much work that is: `pipelines.calibration.masters.plan`."""
        from pipelines.calibration.groups.kinds import KINDS
        from pipelines.calibration.masters.plan import plan_masters, plan_table

        steps = plan_masters(self._session, date=night, kinds=kinds or KINDS, options=options)
        return plan_table(steps, date=night)

    def make_masters(
        self,
        night: str,
        *,
        kinds: Sequence[str] | None = None,
        options: "MasterOptions | None" = None,
        jobs: int | None = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> Answer:
        """Make the masters of a night, or find them made: `pipelines.calibration.masters.run`.

        Frames that were not checked are checked first: no master is made of those that are bad.
        """
        from pipelines.calibration.groups.kinds import KINDS
        from pipelines.calibration.masters.plan import require_sense
        from pipelines.calibration.masters.run import make_masters
        from pipelines.calibration.quality.checks import check_unchecked
        from pipelines.progress import bar

        self._session.require_writable("make masters")
        require_sense(night, kinds or KINDS)
        with self._session.spread(scheduler) as session:
            with bar("Check", shown=progress) as advance:
                frames = sorted({KINDS[kind].frames for kind in kinds or KINDS})
                check_unchecked(session, night, kinds=frames, jobs=jobs, progress=advance)
            with bar("Masters", shown=progress) as advance:
                return make_masters(
                    session, date=night, kinds=kinds or KINDS, options=options, jobs=jobs, progress=advance
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

        self._session.require_writable("certify")
        return certify(self._session, master_id, since=since, until=until, split=split, override=override, why=why)

    def set_status(self, masters: str | Sequence[str], status: str, *, why: str) -> list[str]:
        """Mark masters as proposed, verified or withdrawn."""
        from pipelines.calibration.select.certify import set_status

        self._session.require_writable("mark masters")
        names = [masters] if isinstance(masters, str) else list(masters)
        return set_status(self._session, names, status, why=why)

    def best(self, frame: str, kind: str = "dark", *, rules: "Rules | None" = None) -> dict[str, Any] | None:
        """The best master for a frame, or None: `pipelines.calibration.select.choose`."""
        from pipelines.calibration.select.choose import choose

        found = choose(self._session.frame(frame), kind, catalog=self._session.catalog, rules=rules)
        return None if found is None else dict(found)

    def why(self, frame: str, kind: str = "dark", *, rules: "Rules | None" = None) -> "Why":
        """Why a frame has the master it has, or none: `pipelines.calibration.select.why`."""
        from pipelines.calibration.select.why import why

        return why(self._session, frame, kind, rules=rules)

    def needs(self, night: str | Sequence[str]) -> Answer:
        """The calibration frames needed by a night, best first: `pipelines.calibration.select.needs`."""
        from pipelines.calibration.select.needs import calibration_needs

        return calibration_needs(self._session, night)

    def shoot(self, night: str | Sequence[str]) -> Answer:
        """Return the calibration frames needed; the name of 0.2 for :meth:`needs`."""
        warnings.warn("archive.calibration.shoot is now archive.calibration.needs", DeprecationWarning, stacklevel=2)
        return self.needs(night)

    def masters(
        self, date: Nights = None, *, kind: str | None = None, camera: str | None = None, status: str | None = None
    ) -> Answer:
        """The masters there are, newest night first: `pipelines.calibration.select.listing`."""
        from pipelines.calibration.select.listing import list_masters
        from pipelines.documents.words import require_camera

        require_camera(self._session.headers, camera)
        return list_masters(self._session.catalog, date, kind=kind, camera=camera, status=status)

    def master(self, master_id: str) -> dict[str, Any]:
        """Return the document of a master by its name, or by the beginning of a name if only one begins so."""
        from catalog.shown import Shown
        from pipelines.calibration.select.certify import find_master

        return Shown(find_master(self._session, master_id))

    def recall(self, ids: str | Sequence[str], *, why: str, dry_run: bool = False) -> "Recalled":
        """Mark frames or masters bad, and flag what was made from them: `pipelines.calibration.masters.recall`."""
        from pipelines.calibration.masters.recall import recall

        if not dry_run:
            self._session.require_writable("recall")
        names = [ids] if isinstance(ids, str) else list(ids)
        return recall(self._session, names, why=why, dry_run=dry_run)

    def undo(self, run: str, *, why: str = "taken back") -> list[str]:
        """Take back exactly what a recall, a certification or a mark did, by its run: `pipelines.documents.changes`."""
        from pipelines.documents.undoing import undo

        self._session.require_writable("undo")
        return undo(run, catalog=self._session.catalog, store=self._session.store, why=why)

    def export(self, master_id: str, out: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a master, or a calibrated frame that is kept, as FITS: every plane and where it comes from."""
        from pipelines.calibration.apply.keep import CALIBRATED, export_kept
        from pipelines.calibration.masters.fits import export_master
        from pipelines.calibration.select.certify import find_master

        master = find_master(self._session, master_id)
        write = export_kept if master["kind"] == CALIBRATED else export_master
        return write(self._session, master, out, overwrite=overwrite)

    def compare(self, master_id: str, *, peer: str = "ccdproc") -> Answer:
        """Make a master's group by ccdproc, and say where the two differ: `pipelines.calibration.masters.compare`."""
        from pipelines.calibration.masters.compare import compare

        return compare(self._session, master_id, peer=peer)

    def header(self, document: Mapping[str, Any], image: int = 0) -> "Header":
        """Return the header that the FITS file of a master, or of an image of a calibrated frame, has."""
        from pipelines.calibration.apply.keep import CALIBRATED, kept_header
        from pipelines.calibration.masters.fits import master_header

        return kept_header(document, image) if document["kind"] == CALIBRATED else master_header(document)

    # -- calibrated frames -----------------------------------------------------------------------

    def calibrated(
        self, frame: str, *, rules: "Rules | None" = None, cosmic_rays: bool = False
    ) -> "CCDData | list[CCDData]":
        """Return a frame less bias and dark, over its flat, in electrons: `pipelines.calibration.apply`.

        Parameters
        ----------
        rules : Rules, optional
            What is asked of the masters.
        cosmic_rays : bool
            Mask and fill cosmic rays, by astroscrappy.

        Returns
        -------
        CCDData or list of CCDData
            With variance, mask, header and the masters' names in it; one for each image of the file.

        Raises
        ------
        Refused
            It has no masters; the message says why.
        """
        from pipelines.calibration.apply.calibrated import as_ccddata, calibrated
        from pipelines.calibration.apply.plan import corrections

        (correction,) = corrections(self._session, [self._session.frame(frame)], rules=rules)
        images = calibrated(correction, self._session.store, cosmic_rays=cosmic_rays)
        found = [as_ccddata(image, correction.unit) for image in images]
        return found[0] if len(found) == 1 else found

    def calibrate(
        self,
        what: str | Sequence[str],
        *,
        out: str | os.PathLike[str] | None = None,
        keep: bool = False,
        overwrite: bool = False,
        cosmic_rays: bool = False,
        rules: "Rules | None" = None,
        jobs: int | None = None,
        progress: bool | None = None,
    ) -> Answer:
        """Calibrate a frame, several, or the lights of a night: `pipelines.calibration.apply.run`.

        Without `out` and `keep` nothing is made: the answer says what would be done.
        """
        from pipelines.calibration.apply.run import Output, calibrate, frames_of
        from pipelines.progress import bar

        if keep:
            self._session.require_writable("keep calibrated frames")
        folder = None if out is None else Path(out)
        output = Output(folder=folder, keep=keep, overwrite=overwrite, cosmic_rays=cosmic_rays)
        names = frames_of(self._session, what) if isinstance(what, str) else list(what)
        with bar("Calibrate", shown=progress) as advance:
            return calibrate(self._session, names, output=output, rules=rules, jobs=jobs, progress=advance)

    # -- over the nights -------------------------------------------------------------------------

    def trends(self, date: Nights = None, *, camera: str | None = None, kind: str | None = None) -> Answer:
        """Level, noise, hot pixels, gradient and temperature by night: `pipelines.calibration.quality.trends`."""
        from pipelines.calibration.quality.trends import KINDS, trends
        from pipelines.documents.words import require_camera, require_kinds

        require_kinds(self._session.headers, (kind,) if kind else ())
        require_camera(self._session.headers, camera)
        return trends(self._session.headers, date=date, camera=camera, kinds=(kind,) if kind else KINDS)

    def plot_trends(self, date: Nights = None, *, camera: str | None = None, kind: str | None = None) -> "Figure":
        """Draw them."""
        from pipelines.calibration.quality.drawing import plot

        return plot(self.trends(date, camera=camera, kind=kind), kind=kind)

    def photon_transfer(self, camera: str | None = None, date: Nights = None) -> Answer:
        """Gain, read noise, linearity and full well of a camera, or all: `pipelines.calibration.quality.transfer`."""
        from pipelines.calibration.quality.transfer import photon_transfer
        from pipelines.documents.words import require_camera

        require_camera(self._session.headers, camera)
        return photon_transfer(self._session, camera=camera, date=date)

    def plot_photon_transfer(self, answer: Answer) -> "Figure":
        """Draw the answer of :meth:`photon_transfer`: variance against level, and the gain by night."""
        from pipelines.calibration.quality.transferplot import plot_transfer

        return plot_transfer(answer)

    def noise_map(self, camera: str, date: Nights = None, *, pixels: int = 200, scheduler: Any = None) -> "NoiseMap":
        """The noise of each pixel over all nights, and the noisiest: `pipelines.calibration.quality.noisemap`."""
        from pipelines.calibration.quality.noisemap import noise_map
        from pipelines.documents.words import require_camera

        require_camera(self._session.headers, camera)
        with self._session.spread(scheduler) as session:
            return noise_map(session, camera, date=date, pixels=pixels)

    def plot_noise_map(self, found: "NoiseMap") -> "Figure":
        """Draw a :meth:`noise_map`: the picture, and how many pixels have which noise."""
        from pipelines.calibration.quality.noisemap import plot_noise

        return plot_noise(found)

    def fleet(self, night: str) -> Answer:
        """Cameras that depart from the others of a night: `pipelines.calibration.quality.fleet`."""
        from pipelines.calibration.quality.fleet import fleet_outliers

        return fleet_outliers(self._session.headers, night)
