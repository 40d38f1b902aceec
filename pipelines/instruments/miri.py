"""JWST/MIRI exposures as the archive gives them: uncalibrated ramps with their reference output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from pipelines.instruments.errors import ProfileError
from pipelines.instruments.identify import look_up
from pipelines.instruments.profile import ArrayRule, Claim, Clock, Derived, HduLike, Profile, Take
from pipelines.miri.subarrays import DETECTORS, SUBARRAYS, find_subarray

_JWST = (("TELESCOP", "JWST"), ("INSTRUME", "MIRI"))

PRODUCTS = ("uncal", "ramp", "rateints", "rate", "pipe")
"""Endings that tell products of one exposure apart; ``pipe`` marks a converted ground test."""


def derive(path: PurePath, hdus: Sequence[HduLike]) -> Derived:
    """Take an uncalibrated exposure's window and numbers from its arrays; check its header against them."""
    by_name = {hdu.name.upper(): hdu for hdu in reversed(hdus) if hdu.shape}
    shape = by_name["SCI"].shape if "SCI" in by_name else ()
    if len(shape) != 4:
        raise ProfileError(
            "shape-mismatch",
            f"{path.name} has no ramps: SCI is of shape {shape}, not (integration, group, y, x)",
            "if it is a calibrated product or another kind of file, ingest it with the generic profile",
        )
    nints, ngroups, ny, nx = shape
    flags = [] if look_up(hdus, "DETECTOR") in (None, *DETECTORS) else ["detector-unknown"]
    # NINTS is the total of all segments in an exposure that was cut into segments.
    expected = {
        "ngroups": ("NGROUPS", ngroups),
        "columns": ("SUBSIZE1", nx),
        "rows": ("SUBSIZE2", ny),
    }
    if look_up(hdus, "EXSEGTOT") in (None, 1):
        expected["nints"] = ("NINTS", nints)
    flags += [f"{name}-conflict" for name, (key, real) in expected.items() if look_up(hdus, key) not in (None, real)]
    if "REFOUT" in by_name and by_name["REFOUT"].shape != (nints, ngroups, ny, nx // 4):
        flags.append("refout-shape")
    fields: dict[str, Any] = {"nints": nints, "ngroups": ngroups, "readpatt": look_up(hdus, "READPATT")}
    window, name, doubt = window_of(look_up(hdus, "SUBSTRT1"), look_up(hdus, "SUBSTRT2"), nx, ny)
    declared = look_up(hdus, "SUBARRAY")
    if name == "GENERIC" and isinstance(declared, str) and (window is None or declared not in SUBARRAYS):
        name = declared  # a newer subarray than the table's, or nothing that could contradict it
    elif declared in SUBARRAYS and declared != name:
        flags.append("subarray-conflict")
    return Derived(fields={**fields, "subarray": name, "window": window}, flags=(*flags, *doubt))


def window_of(x: Any, y: Any, nx: int, ny: int) -> tuple[dict[str, int] | None, str, tuple[str, ...]]:
    """Give window, subarray name and flags for a corner that may be missing or senseless."""
    if not (isinstance(x, int) and isinstance(y, int)):
        return None, "GENERIC", ("subarray-missing",)
    try:
        name = find_subarray(x, y, nx, ny).name
    except ValueError:
        return None, "GENERIC", ("subarray-outside",)
    return {"x": x, "y": y, "nx": nx, "ny": ny}, name, ()


PROFILE = Profile(
    name="miri",
    title="an uncalibrated JWST/MIRI exposure",
    claims=(
        Claim(header=(*_JWST, ("DATAMODL", "Level1bModel")), extensions=("SCI",)),
        Claim(header=(*_JWST, ("FILETYPE", "uncal.*|raw|level ?1b.*")), extensions=("SCI",)),
        Claim(header=_JWST, extensions=("SCI",), path=r"[^/]*_uncal(?i:\.fits?(?:\.(?:gz|bz2|fz))?)"),
    ),
    instrument=Take(constant="MIRI"),
    detector=Take(keywords=("DETECTOR",), expected=True),
    kind=Take(constant="uncal"),
    exposure_suffixes=PRODUCTS,
    clock=Clock(
        keywords=(("DATE-OBS", "TIME-OBS"), ("DATE-BEG",)),
        mjd=("EXPSTART",),
        system="TIMESYS",
        nightly=False,
    ),
    arrays=(
        ArrayRule(hdu="SCI", names=("sci",), kinds=("ramp",), ndim=4),
        ArrayRule(hdu="REFOUT", names=("refout",), kinds=("ramp",), ndim=4),
    ),
    derive=derive,
)
