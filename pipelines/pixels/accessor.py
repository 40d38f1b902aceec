"""Detector pixels over all exposures of an archive: searches, the rate history, which calibration made what.

A facade: each verb lives in a module of its own beside this one, and has its words there. Whoever is named by
`scheduler` does the large work of a search: `pipelines.schedulers`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pipelines.session import Session
from pipelines.table import Answer

if TYPE_CHECKING:
    from pipelines.pixels.rates import RatesReport
    from pipelines.pixels.search import FlagCounts, FoundPixels
    from pipelines.pixels.search.flags import FlaggedRamps
    from pipelines.pixels.selection import PixelSelection

Where = Mapping[str, Any] | None


class Pixels:
    """What an archive knows of its detectors' pixels; ``archive.pixels`` is one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(
        self, detectors: Iterable[str], *, scheduler: Any = None, progress: bool | None = None, **which: Any
    ) -> "dict[str, PixelSelection]":
        """Read the ramps of the same pixels of several detectors, side by side: `pipelines.pixels.several`.

        Parameters
        ----------
        detectors : iterable of str
            JWST detectors, such as ``['NRCA1', 'NRCA2']``.
        scheduler : str or distributed.Client, optional
            Who reads: None is this process; see `pipelines.schedulers`.
        **which
            Pixels and filters, as of ``archive.pixel``.

        Returns
        -------
        dict
            A selection for each detector, as ``archive.pixel`` returns it, whose ramps are read.

        Examples
        --------
        >>> archive.pixels(["NRCA1", "NRCA2"], x=1024, y=1024)["NRCA2"].ramps()  # doctest: +SKIP
        """
        from pipelines.pixels.several import read_several
        from pipelines.progress import bar

        with self._session.spread(scheduler) as session, bar("Ramps", shown=progress) as advance:
            return read_several(session, detectors, progress=advance, **which)

    # -- searches --------------------------------------------------------------------------------

    def find_flag(
        self, flags: str | Sequence[str], *, where: Where = None, scheduler: Any = None, progress: bool | None = None
    ) -> "FlagCounts":
        """Count the ramps that have any of some flags, in each exposure: `pipelines.pixels.search.flags`."""
        from pipelines.pixels.search import pixels_with
        from pipelines.progress import bar

        with self._session.spread(scheduler) as session, bar("Flags", shown=progress) as advance:
            return pixels_with(session, flags, where=where, progress=advance)

    def flagged_ramps(self, flags: str | Sequence[str], *, where: Where = None) -> "Iterator[FlaggedRamps]":
        """Yield every ramp that has any of some flags, a band of an exposure at a time."""
        from pipelines.pixels.search import flagged_ramps

        return flagged_ramps(self._session, flags, where=where)

    def find_above(
        self, *, sigmas: float = 5.0, where: Where = None, scheduler: Any = None, progress: bool | None = None
    ) -> "FoundPixels":
        """Find the pixels with a slope above `sigmas` sigma of their own history: `pipelines.pixels.search`."""
        from pipelines.pixels.search import above
        from pipelines.progress import bar

        with self._session.spread(scheduler) as session, bar("Pixels", shown=progress) as advance:
            return above(session, sigmas=sigmas, where=where, progress=advance)

    def find_changed(
        self,
        before: date | datetime | str,
        after: date | datetime | str,
        *,
        sigmas: float = 5.0,
        where: Where = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels whose level changed between two dates: `pipelines.pixels.search`."""
        from pipelines.pixels.search import changed
        from pipelines.progress import bar

        with self._session.spread(scheduler) as session, bar("Pixels", shown=progress) as advance:
            return changed(session, before=before, after=after, sigmas=sigmas, where=where, progress=advance)

    def find_telegraph(
        self,
        *,
        separation: float = 5.0,
        switches: int = 2,
        where: Where = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels whose slope jumps between two levels: `pipelines.pixels.search`."""
        from pipelines.pixels.search import telegraph
        from pipelines.progress import bar

        with self._session.spread(scheduler) as session, bar("Pixels", shown=progress) as advance:
            return telegraph(session, separation=separation, switches=switches, where=where, progress=advance)

    def find_ramp_telegraph(
        self,
        *,
        separation: float = 5.0,
        jumps: int = 4,
        product: str | None = None,
        where: Where = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels whose ramps jump between two levels, by readout pattern: `pipelines.pixels.search.ramps`."""
        from pipelines.pixels.search import ramp_telegraph
        from pipelines.progress import bar

        with self._session.spread(scheduler) as session, bar("Pixels", shown=progress) as advance:
            how: dict[str, Any] = {"separation": separation, "jumps": jumps, "product": product, "where": where}
            return ramp_telegraph(session, **how, progress=advance)

    def find_noisy(self, camera: str, *, times: float = 3.0, share: float = 0.5, date: Any = None) -> "FoundPixels":
        """Find the pixels of a camera that are noisy night after night: `pipelines.pixels.cameras.finding`."""
        from pipelines.pixels.cameras.finding import noisy

        return noisy(self._session, camera, times=times, share=share, date=date)

    def find_hot(self, camera: str, *, share: float = 0.5, date: Any = None) -> "FoundPixels":
        """Find the pixels of a camera that are hot night after night: `pipelines.pixels.cameras.finding`."""
        from pipelines.pixels.cameras.finding import hot

        return hot(self._session, camera, share=share, date=date)

    def find_camera_telegraph(
        self,
        camera: str,
        *,
        separation: float = 5.0,
        switches: int = 2,
        date: Any = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels of a camera that jump between two levels in its biases and darks, over all nights."""
        from pipelines.pixels.cameras.finding import telegraph
        from pipelines.progress import bar

        with self._session.spread(scheduler) as session, bar("Pixels", shown=progress) as advance:
            how: dict[str, Any] = {"separation": separation, "switches": switches, "date": date, "progress": advance}
            return telegraph(session, camera, **how)

    # -- the rate history ------------------------------------------------------------------------

    def update_rates(self, detector: str | None = None, *, progress: bool | None = None) -> "RatesReport":
        """Append the slopes that the rate history lacks, drop those of deleted exposures."""
        from pipelines.pixels.rates import update_rates
        from pipelines.progress import bar

        self._session.require_writable("update the rate history")
        with bar("Rates", shown=progress) as advance:
            return update_rates(self._session, detector=_checked(detector), progress=advance)

    def check_rates(self, detector: str | None = None, *, progress: bool | None = None) -> "RatesReport":
        """Compare the rate history with the products it was made from, value by value."""
        from pipelines.pixels.rates import check_rates
        from pipelines.progress import bar

        with bar("Rates", shown=progress) as advance:
            return check_rates(self._session, detector=_checked(detector), progress=advance)

    def rebuild_rates(self, detector: str | None = None, *, progress: bool | None = None) -> "RatesReport":
        """Make the rate history anew from the products."""
        from pipelines.pixels.rates import rebuild_rates
        from pipelines.progress import bar

        self._session.require_writable("rebuild the rate history")
        with bar("Rates", shown=progress) as advance:
            return rebuild_rates(self._session, detector=_checked(detector), progress=advance)

    # -- which calibration made what -------------------------------------------------------------

    def used_reference(self, reference: str) -> Answer:
        """Products that were calibrated with a reference file, such as a dark."""
        from pipelines.pixels.provenance import used_reference

        return used_reference(self._session.headers, reference)

    def calibrated_with(self, version: str) -> Answer:
        """Products that a release of the pipeline made; ``1.17`` is every 1.17.x."""
        from pipelines.pixels.provenance import calibrated_with

        return calibrated_with(self._session.headers, version)

    def lacking_step(self, step: str) -> Answer:
        """Products that lack a calibration step, such as ``jump``."""
        from pipelines.pixels.provenance import lacking_step

        return lacking_step(self._session.headers, step)


def _checked(detector: str | None) -> str | None:
    from pipelines.pixels.coordinates import checked_detector

    return None if detector is None else checked_detector(detector)
