"""JWST exposures of NIRCam, NIRSpec, NIRISS and FGS: uncalibrated ramps, calibrated ramps, and slopes.

The same products in the same form as MIRI's, on detectors of 2048 x 2048. ZEROFRAME (the first read of each
integration, by itself) is an array of its own. A raw NIRSpec ramp in IRS2 readout has its references between the
pixels: they are parted, so that a raw pixel lies where the calibrated one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from pipelines.detectors import irs2
from pipelines.detectors.geometry import GEOMETRIES
from pipelines.detectors.keywords import calibration_of
from pipelines.instruments.lookup import look_up
from pipelines.instruments.miri import PRODUCTS, SEGMENT
from pipelines.instruments.products import (
    detector_doubts,
    integration_times,
    numbers,
    product_kind,
    require_one_detector,
    science_shape,
)
from pipelines.instruments.profile import ArrayRule, Claim, Clock, Derived, HduLike, Profile, Take

_FITS = r"(?i:\.fits?(?:\.(?:gz|bz2|fz))?)"
_TITLES = {"NIRCAM": "NIRCam", "NIRSPEC": "NIRSpec", "NIRISS": "NIRISS", "FGS": "FGS"}
_IRS2 = r"NRSIRS2.*"


def derive(path: PurePath, hdus: Sequence[HduLike]) -> Derived:
    """Return an exposure's kind, window, numbers and calibration by its arrays and header; check one by the other."""
    require_one_detector(path, hdus)
    shapes = {hdu.name.upper(): hdu.shape for hdu in reversed(hdus) if hdu.shape}
    kind, flags = product_kind(path, hdus, shapes)
    shape = science_shape(path, kind, shapes)
    if _is_irs2(kind, shape, hdus):
        shape = (*shape[:-2], irs2.ROWS, shape[-1])
    fields, doubts = numbers(path, kind, shape, hdus)
    fields |= integration_times(hdus)
    flags += [*doubts, *detector_doubts(path, hdus)]
    detector = look_up(hdus, "DETECTOR")
    window, doubt = _window(detector, look_up(hdus, "SUBSTRT1"), look_up(hdus, "SUBSTRT2"), shape[-1], shape[-2])
    declared = look_up(hdus, "SUBARRAY")
    name = declared if isinstance(declared, str) and declared.strip() else "GENERIC"
    fields |= {"readpatt": look_up(hdus, "READPATT"), "subarray": name.strip(), "window": window}
    calibration = None if kind == "uncal" else calibration_of(hdus[0].header, kind=kind)
    if calibration is not None:
        fields |= {"calibration": calibration, "dq_version": calibration["version"]}
    return Derived(fields=fields, flags=(*flags, *doubt), kind=kind)


def _is_irs2(kind: str, shape: tuple[int, ...], hdus: Sequence[HduLike]) -> bool:
    pattern = str(look_up(hdus, "READPATT") or "").upper()
    return kind == "uncal" and shape[-2] == irs2.raw_rows() and pattern.startswith("NRSIRS2")


def _window(detector: Any, x: Any, y: Any, nx: int, ny: int) -> tuple[dict[str, int] | None, tuple[str, ...]]:
    """Return the window, and flags for a detector, or a corner, that is missing or senseless."""
    geometry = GEOMETRIES.get(str(detector).strip().upper())
    if geometry is None:
        return None, ("detector-unknown",)
    if not (isinstance(x, int) and isinstance(y, int)):
        return None, ("subarray-missing",)
    if not geometry.holds(x, y, nx, ny):
        return None, ("subarray-outside",)
    return {"x": x, "y": y, "nx": nx, "ny": ny}, ()


def _rule(hdu: str, ndim: int, kind: str) -> ArrayRule:
    return ArrayRule(hdu=hdu, names=(hdu.lower(),), kinds=(kind,), ndim=ndim)


def _irs2(detector: str) -> ArrayRule:
    """The rule that parts pixels and references of a raw ramp in IRS2 readout."""
    return ArrayRule(
        hdu="SCI",
        names=("sci", "reference"),
        kinds=("ramp", "ramp"),
        ndim=4,
        rows=irs2.raw_rows(),
        header=(("DETECTOR", detector), ("READPATT", _IRS2)),
        split=f"nirspec-irs2-{detector.lower()}",
    )


def _profile(instrument: str) -> Profile:
    jwst = (("TELESCOP", "JWST"), ("INSTRUME", instrument))
    return Profile(
        name=instrument.lower(),
        title=f"a JWST/{_TITLES[instrument]} exposure, uncalibrated, calibrated, or its slopes",
        claims=(
            Claim(header=(*jwst, ("DATAMODL", "Level1bModel|RampModel")), extensions=("SCI",)),
            Claim(header=(*jwst, ("FILETYPE", "uncal.*|raw|level ?1b.*")), extensions=("SCI",)),
            Claim(header=(*jwst, ("BUNIT", "DN/s")), extensions=("SCI", "ERR", "DQ")),
            Claim(header=jwst, extensions=("SCI",), path=rf"[^/]*_(?:uncal|ramp|rateints|rate){_FITS}"),
        ),
        instrument=Take(constant=instrument),
        detector=Take(keywords=("DETECTOR",), expected=True),
        kind=Take(constant="uncal"),
        exposure_suffixes=PRODUCTS,
        exposure_parts=SEGMENT,
        clock=Clock(
            keywords=(("DATE-OBS", "TIME-OBS"), ("DATE-BEG",)), mjd=("EXPSTART",), system="TIMESYS", nightly=False
        ),
        arrays=(
            *((_irs2("NRS1"), _irs2("NRS2")) if instrument == "NIRSPEC" else ()),
            *(_rule(name, 4, "ramp") for name in ("SCI", "ERR")),
            _rule("GROUPDQ", 4, "groupdq"),
            _rule("PIXELDQ", 2, "dq"),
            *(_rule(name, ndim, "slope") for ndim in (3, 2) for name in ("SCI", "ERR", "VAR_POISSON", "VAR_RNOISE")),
            *(_rule("DQ", ndim, "dq") for ndim in (3, 2)),
        ),
        derive=derive,
    )


PROFILES = tuple(map(_profile, _TITLES))
"""One per instrument."""
