"""JWST/MIRI exposures as the archive gives them: uncalibrated ramps, calibrated ramps, and slopes.

HDUs are found by EXTNAME, for which there are varies with the release of the pipeline and the steps it ran.
Products of one exposure have its name, the file's stem without the product's suffix and the number of the
segment: keywords outside the JWST schema are dropped from slopes, so none could tie them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from pipelines.detectors.keywords import calibration_of
from pipelines.detectors.subarrays import DETECTORS, SUBARRAYS, find_subarray
from pipelines.instruments.lookup import look_up
from pipelines.instruments.products import (
    detector_doubts,
    integration_times,
    numbers,
    product_kind,
    require_one_detector,
    science_shape,
)
from pipelines.instruments.profile import ArrayRule, Claim, Clock, Derived, HduLike, Profile, Take

_JWST = (("TELESCOP", "JWST"), ("INSTRUME", "MIRI"))
_FITS = r"(?i:\.fits?(?:\.(?:gz|bz2|fz))?)"

PRODUCTS = ("uncal", "ramp", "rateints", "rate", "pipe")
"""Endings that tell products of one exposure apart; ``pipe`` marks a converted ground test."""

SEGMENT = r"-seg\d+"
"""What numbers the segments of a long exposure in its name."""


def derive(path: PurePath, hdus: Sequence[HduLike]) -> Derived:
    """Take an exposure's kind, window, numbers and calibration from its arrays and header; check one by the other."""
    require_one_detector(path, hdus)
    shapes = {hdu.name.upper(): hdu.shape for hdu in reversed(hdus) if hdu.shape}
    kind, flags = product_kind(path, hdus, shapes)
    shape = science_shape(path, kind, shapes)
    ny, nx = shape[-2:]
    fields, doubts = numbers(path, kind, shape, hdus)
    fields |= integration_times(hdus)
    flags += [*doubts, *detector_doubts(path, hdus)]
    if look_up(hdus, "DETECTOR") not in (None, *DETECTORS):
        flags.append("detector-unknown")
    if "REFOUT" in shapes and len(shape) == 4 and shapes["REFOUT"] != (*shape[:3], nx // 4):
        flags.append("refout-shape")
    window, name, doubt = window_of(look_up(hdus, "SUBSTRT1"), look_up(hdus, "SUBSTRT2"), nx, ny)
    declared = look_up(hdus, "SUBARRAY")
    if name == "GENERIC" and isinstance(declared, str) and (window is None or declared not in SUBARRAYS):
        name = declared  # a newer subarray than the table's, or nothing that could contradict it
    elif declared in SUBARRAYS and declared != name:
        flags.append("subarray-conflict")
    fields |= {"readpatt": look_up(hdus, "READPATT"), "subarray": name, "window": window}
    calibration = None if kind == "uncal" else calibration_of(hdus[0].header, kind=kind)
    if calibration is not None:
        fields |= {"calibration": calibration, "dq_version": calibration["version"]}
    return Derived(fields=fields, flags=(*flags, *doubt), kind=kind)


def window_of(x: Any, y: Any, nx: int, ny: int) -> tuple[dict[str, int] | None, str, tuple[str, ...]]:
    """Return window, subarray name and flags for a corner that may be missing or senseless."""
    if not (isinstance(x, int) and isinstance(y, int)):
        return None, "GENERIC", ("subarray-missing",)
    try:
        name = find_subarray(x, y, nx, ny).name
    except ValueError:
        return None, "GENERIC", ("subarray-outside",)
    return {"x": x, "y": y, "nx": nx, "ny": ny}, name, ()


def _rule(hdu: str, ndim: int, kind: str) -> ArrayRule:
    return ArrayRule(hdu=hdu, names=(hdu.lower(),), kinds=(kind,), ndim=ndim)


PROFILE = Profile(
    name="miri",
    title="a JWST/MIRI exposure, uncalibrated, calibrated, or its slopes",
    claims=(
        Claim(header=(*_JWST, ("DATAMODL", "Level1bModel|RampModel")), extensions=("SCI",)),
        Claim(header=(*_JWST, ("FILETYPE", "uncal.*|raw|level ?1b.*")), extensions=("SCI",)),
        Claim(header=(*_JWST, ("BUNIT", "DN/s")), extensions=("SCI", "ERR", "DQ")),
        Claim(header=_JWST, extensions=("SCI",), path=rf"[^/]*_(?:uncal|ramp|rateints|rate){_FITS}"),
    ),
    instrument=Take(constant="MIRI"),
    detector=Take(keywords=("DETECTOR",), expected=True),
    kind=Take(constant="uncal"),
    exposure_suffixes=PRODUCTS,
    exposure_parts=SEGMENT,
    clock=Clock(
        keywords=(("DATE-OBS", "TIME-OBS"), ("DATE-BEG",)),
        mjd=("EXPSTART",),
        system="TIMESYS",
        nightly=False,
    ),
    arrays=(
        *(_rule(name, 4, "ramp") for name in ("SCI", "REFOUT", "ERR")),
        _rule("GROUPDQ", 4, "groupdq"),
        _rule("PIXELDQ", 2, "dq"),
        *(_rule(name, ndim, "slope") for ndim in (3, 2) for name in ("SCI", "ERR", "VAR_POISSON", "VAR_RNOISE")),
        *(_rule("DQ", ndim, "dq") for ndim in (3, 2)),
        _rule("AVDRKCUR", 2, "slope"),
    ),
    derive=derive,
)
