"""One frame calibrated: its images in memory, and as CCDData."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from arraystore import ArrayStore
from pipelines.calibration.apply.arithmetic import Corrected, Planes, correct, prepare
from pipelines.calibration.apply.foreign import is_foreign, require_level
from pipelines.calibration.apply.header import calibrated_header
from pipelines.calibration.apply.plan import Correction
from pipelines.calibration.masters.geometry import Geometry, geometry_of
from pipelines.calibration.masters.images import frame_images
from pipelines.calibration.masters.opening import measured_overscan, open_image
from pipelines.errors import Refused

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.nddata import CCDData

__all__ = ["CalibratedImage", "Calibrator", "as_ccddata", "calibrated"]


@dataclass(frozen=True, slots=True)
class CalibratedImage:
    """One calibrated image.

    Attributes
    ----------
    name : str
        Of the array in the raw frame's document.
    corrected : Corrected
        Value, variance and mask.
    header : astropy.io.fits.Header
        Cards of the raw frame that still hold, and what was done.
    """

    name: str
    corrected: Corrected
    header: "Header"


class Calibrator:
    """Calibrates frames one after another; the masters of the last setup are kept, so that many frames share them.

    Memory: the planes of one setup, and of one frame for each thread.
    """

    def __init__(self, store: ArrayStore, *, cosmic_rays: bool = False) -> None:
        self._store = store
        self._cosmic_rays = cosmic_rays
        self._setup: tuple[Any, ...] | None = None
        self._planes: dict[str, Planes] = {}

    def load(self, correction: Correction) -> None:
        """Read the masters of a setup, unless they are there; not to be called while frames are calibrated."""
        setup = (*correction.setup, frame_images(correction.frame))
        if self._setup != setup:
            self._setup, self._planes = None, {}
            self._planes = {name: prepare(correction, name, self._store) for name in frame_images(correction.frame)}
            self._setup = setup

    def images(self, correction: Correction) -> list[CalibratedImage]:
        """Calibrate every image of a frame whose setup is loaded.

        Raises
        ------
        UsageError
            The frame has another shape than its masters; astroscrappy is asked for and not installed.
        arraystore.Lost, arraystore.ArrayDamaged
            Its pixels are not what was stored.
        """
        return [self._image(correction, name) for name in frame_images(correction.frame)]

    def _image(self, correction: Correction, name: str) -> CalibratedImage:
        geometry = geometry_of(correction.frame, name)
        source = open_image(correction.frame, name, self._store, geometry)
        pedestal = None
        if correction.overscan:
            pedestal = measured_overscan(correction.frame, name, geometry, self._store)
        planes = _trimmed(self._planes[name], geometry)
        conversion = correction.conversions[name]
        done = correct(source, planes, conversion, saturation=correction.saturation, pedestal=pedestal)
        for unlit in (correction.dark, correction.bias):
            if unlit is not None and is_foreign(unlit):
                require_level(unlit, done.value)
        steps = ["overscan"] if pedestal is not None else []
        steps += ["trim"] if geometry.trims else []
        steps += [role for role, _ in correction.masters if role != "pixelmap"]
        steps += ["gain"] if conversion.gain is not None else []
        if self._cosmic_rays:
            from pipelines.calibration.apply.cosmic import without_cosmic_rays

            done = without_cosmic_rays(done, conversion)
            steps.append("cosmic rays")
        cut = (int(geometry.columns[0]), int(geometry.rows[0])) if geometry.trims else None
        return CalibratedImage(name, done, calibrated_header(correction, name, trimmed=cut, steps=steps))


def _trimmed(planes: Planes, geometry: Geometry) -> Planes:
    """Return planes of the picture alone; those of a master that was made before frames were trimmed are cut."""
    if planes.unlit.shape == geometry.trimmed or planes.unlit.shape != geometry.shape:
        return planes
    place = np.ix_(geometry.rows, geometry.columns)
    flat = None if planes.flat is None or planes.flat_variance is None else planes.flat[place]
    return replace(
        planes,
        unlit=planes.unlit[place],
        unlit_variance=planes.unlit_variance[place],
        flat=flat,
        flat_variance=None if planes.flat_variance is None else planes.flat_variance[place],
        mask=planes.mask[place],
    )


def calibrated(correction: Correction, store: ArrayStore, *, cosmic_rays: bool = False) -> list[CalibratedImage]:
    """Calibrate one frame.

    Raises
    ------
    Refused
        It has no masters; the message says which, and why.
    """
    if correction.refused:
        raise Refused(f"{correction.frame['_id']} cannot be calibrated: {correction.refused}")
    worker = Calibrator(store, cosmic_rays=cosmic_rays)
    worker.load(correction)
    return worker.images(correction)


def as_ccddata(image: CalibratedImage, unit: str) -> "CCDData":
    """Return a calibrated image as CCDData: variance, mask, header, and the WCS where the header has one."""
    from astropy.nddata import CCDData, VarianceUncertainty

    done = image.corrected
    uncertainty = None if done.variance is None else VarianceUncertainty(done.variance)
    return CCDData(
        done.value, unit=unit, uncertainty=uncertainty, mask=done.mask, meta=image.header, wcs=_wcs(image.header)
    )


def _wcs(header: "Header") -> Any:
    """Return the WCS of a header; None where it states none, or one that astropy refuses: the cards are kept."""
    if "CTYPE1" not in header or "CRVAL1" not in header:
        return None
    import warnings

    from astropy.wcs import WCS, WcsError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dates and old keywords, which are the observatory's
        try:
            found = WCS(header)
        except (WcsError, ValueError, KeyError):
            return None
    return found if found.naxis == 2 else None
