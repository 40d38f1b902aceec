"""Detector pixels over all exposures, and Detector1. Each verb has a module of its own."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pipelines.archive.questions import Questions

if TYPE_CHECKING:
    from pipelines.jwst.calibrate import Calibrated, RunLimits
    from pipelines.pixels.cameras import CameraPixels
    from pipelines.pixels.search import FlagCounts, FoundPixels
    from pipelines.pixels.selection import PixelSelection

Instant = date | datetime | str


class DetectorPixels(Questions):
    """Pixels of detectors; `Archive` has it all."""

    def pixel(
        self,
        detector: str,
        *,
        x: int | None = None,
        y: int | None = None,
        pixel_id: int | Iterable[int] | None = None,
        pixels: Iterable[tuple[int, int]] | None = None,
        box: tuple[int, int, int, int] | None = None,
        date: str | tuple[Any, Any] | None = None,
        readpatt: str | None = None,
        subarray: str | None = None,
        version: str | None = None,
        where: Mapping[str, Any] | None = None,
        kind: str | Iterable[str] | None = None,
        image: str | None = None,
    ) -> "PixelSelection | CameraPixels":
        """Select a pixel, several, or a box, of a JWST detector or a camera: `pipelines.pixels.selection.pixel`."""
        from pipelines.pixels.selection import pixel

        return pixel(
            self.session,
            detector,
            x=x,
            y=y,
            pixel_id=pixel_id,
            pixels=pixels,
            box=box,
            date=date,
            readpatt=readpatt,
            subarray=subarray,
            version=version,
            where=where,
            kind=kind,
            image=image,
        )

    def find_flag(
        self,
        flags: str | Sequence[str],
        *,
        where: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "FlagCounts":
        """Count the ramps that have any of some flags, in each exposure: `pipelines.pixels.search.flags`."""
        return self.pixels.find_flag(flags, where=where, scheduler=scheduler, progress=progress)

    def find_above(
        self,
        *,
        sigmas: float = 5.0,
        where: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels with a slope above `sigmas` sigma of their own history."""
        return self.pixels.find_above(sigmas=sigmas, where=where, scheduler=scheduler, progress=progress)

    def find_changed(
        self,
        before: Instant,
        after: Instant,
        *,
        sigmas: float = 5.0,
        where: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels whose level changed between two dates, by more than `sigmas` sigma."""
        return self.pixels.find_changed(
            before, after, sigmas=sigmas, where=where, scheduler=scheduler, progress=progress
        )

    def find_telegraph(
        self,
        *,
        separation: float = 5.0,
        switches: int = 2,
        where: Mapping[str, Any] | None = None,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels whose slope jumps between two levels."""
        return self.pixels.find_telegraph(
            separation=separation, switches=switches, where=where, scheduler=scheduler, progress=progress
        )

    def run_detector1(
        self,
        document_id: str,
        *,
        out: str | os.PathLike[str] | None = None,
        references: str | os.PathLike[str] | None = None,
        overrides: Mapping[str, str | os.PathLike[str]] | None = None,
        skip: Sequence[str] = (),
        limits: "RunLimits | None" = None,
        progress: bool | None = None,
    ) -> "Calibrated":
        """Run JWST's Detector1 on an exposure and ingest what it makes: `pipelines.jwst.calibrate`."""
        from pipelines.jwst.calibrate import calibrate
        from pipelines.progress import bar

        self.session.require_writable("run detector1")
        with bar("Detector1", shown=progress) as advance:
            return calibrate(
                self.session,
                document_id,
                out=out,
                references=references,
                overrides=overrides,
                skip=skip,
                limits=limits,
                progress=advance,
            )

    def detector1_log(self, document_id: str) -> str:
        """Return what the pipeline said when it made a product."""
        from pipelines.jwst.log import log_of

        return log_of(self.document(document_id))

    def calibrate(self, document_id: str, **how: Any) -> "Calibrated":
        """Run Detector1; the name of 0.2 for :meth:`run_detector1`."""
        warnings.warn("archive.calibrate is now archive.run_detector1", DeprecationWarning, stacklevel=2)
        return self.run_detector1(document_id, **how)
