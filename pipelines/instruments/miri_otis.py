"""MIRI ground tests of the whole telescope (OTIS): frames as at JPL, with a corner and reference rows in the header.

Written after a description of the format: no file of these tests was at hand, so it is untested on a real one,
and every document says so by the flag ``untested-format``. What it cannot be sure of it compares, and refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from pipelines.detectors.subarrays import DETECTORS
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.lookup import look_up
from pipelines.instruments.miri import PRODUCTS, window_of
from pipelines.instruments.miri_jpl import campaign_of
from pipelines.instruments.profile import ArrayRule, Claim, Clock, Derived, HduLike, Profile, Take
from pipelines.instruments.splits import ground_ramp_shape

_NUMBER = r"\d+"
_SCA = {number: name for name, number in DETECTORS.items()}
_RENAMED = {"NINT": "NINTS", "NFRAME": "NFRAMES", "READOUT": "READPATT"}


def derive(path: PurePath, hdus: Sequence[HduLike]) -> Derived:
    """Say in flight keywords what the header says; the window is its corner and what the reference rows leave."""
    nints, ngroups, ny, nx = ground_ramp_shape(hdus[0].shape, hdus[0].header)
    column, row, references = (look_up(hdus, key) for key in ("COLCORNR", "ROWCORNR", "NREFIMG"))
    if references != ny // 4:
        raise ProfileError(
            "shape-mismatch",
            f"{path.name} has NREFIMG = {references!r}, but a fifth of its {hdus[0].shape[1]} rows are {ny // 4}",
            "correct the header, or ingest it with the generic profile",
        )
    flags = ["untested-format"]
    window, subarray, doubt = window_of(column, row, nx, ny)
    if subarray == "GENERIC" and not doubt:
        doubt = ("subarray-unknown",)
    detector = _detector(hdus)
    if detector is None:
        flags.append("detector-unknown")
    converted: dict[str, Any] = {
        "SUBSTRT1": column,
        "SUBSTRT2": row,
        "SUBSIZE1": nx,
        "SUBSIZE2": ny,
        "SUBARRAY": subarray,
        "DETECTOR": detector,
        "DET_OTIS": look_up(hdus, "DETECTOR"),
        "SCA_ID": DETECTORS.get(detector or ""),
        "NGROUPS": ngroups,
        "EXP_TYPE": "MIR_IMAGE",
        **{new: look_up(hdus, old) for old, new in _RENAMED.items()},
    }
    if converted["READPATT"] is None:
        converted["READPATT"] = look_up(hdus, "READPATT")
    fields = {
        "nints": nints,
        "ngroups": ngroups,
        "readpatt": converted["READPATT"],
        "subarray": subarray,
        "window": window,
        "campaign": campaign_of(path),
        "converted": converted,
    }
    return Derived(fields=fields, flags=(*flags, *doubt))


def _detector(hdus: Sequence[HduLike]) -> str | None:
    """Return the detector's flight name: DETECTOR where it is one, else by the SCA number."""
    name = look_up(hdus, "DETECTOR")
    number = look_up(hdus, "SCA_ID")
    return str(name) if name in DETECTORS else _SCA.get(number) if isinstance(number, int) else None


PROFILE = Profile(
    name="miri_otis",
    title="a MIRI ground-test exposure from OTIS",
    claims=(
        Claim(
            header=(("INSTRUME", "MIRI"), ("COLCORNR", _NUMBER), ("ROWCORNR", _NUMBER), ("NREFIMG", _NUMBER)), ndim=3
        ),
    ),
    instrument=Take(constant="MIRI"),
    detector=Take(keywords=("DETECTOR",), expected=True),
    kind=Take(constant="uncal"),
    exposure_suffixes=PRODUCTS,
    requires=("NINT", "COLCORNR", "ROWCORNR", "NREFIMG"),
    clock=Clock(keywords=(("DATE-OBS", "TIME-OBS"), ("DATE-OBS",), ("DATE_OBS", "TIME_OBS")), nightly=False),
    arrays=(ArrayRule(hdu="PRIMARY", names=("sci", "refout"), kinds=("ramp", "ramp"), ndim=3, split="miri-ground"),),
    derive=derive,
)
