"""MIRI ground tests at JPL: one cube of frames, the reference output in extra rows, and headers of their own.

The header stays as it is; what it says in the names and values of flight headers is
the field ``converted``. COLSTART counts five outputs a column step where there are four columns,
and is repaired; the subarray follows from corner and size, since three have the same size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from pipelines.detectors.subarrays import DETECTORS
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.lookup import look_up
from pipelines.instruments.miri import PRODUCTS, window_of
from pipelines.instruments.nights import parse_day, parse_instant
from pipelines.instruments.profile import ArrayRule, Claim, Clock, Derived, HduLike, Profile, Take
from pipelines.instruments.splits import ground_ramp_shape

_RENAMED = {"NINT": "NINTS", "NFRAME": "NFRAMES", "NSAMPLE": "NSAMPLES"}
_TIMES = {"INTTIME": "EFFINTTM", "EXPTIME": "EFFEXPTM", "WALLTIME": "DURATION"}
_DETECTORS = (("ic", "MIRIMAGE"),)


def derive(path: PurePath, hdus: Sequence[HduLike]) -> Derived:
    """Say in flight keywords what the header says, and take the window and numbers from the array."""
    nints, ngroups, ny, nx = ground_ramp_shape(hdus[0].shape, hdus[0].header)
    flags: list[str] = []
    colstart, rowstart = look_up(hdus, "COLSTART"), look_up(hdus, "ROWSTART")
    if not (isinstance(colstart, int) and isinstance(rowstart, int)):
        raise ProfileError(
            "header-mismatch",
            f"{path.name} has COLSTART {colstart!r} and ROWSTART {rowstart!r}, which place no window",
            "correct the header, or ingest it with the generic profile",
        )
    if colstart % 5 != 1:
        flags.append("colstart-uneven")
    step = (colstart + 4) // 5
    window, subarray, doubt = window_of(4 * step - 3, rowstart, nx, ny)
    detector = look_up(hdus, "DETECTOR")
    flight = dict(_DETECTORS).get(str(detector).lower())
    if flight is None:
        flags.append("detector-unknown")
    converted: dict[str, Any] = {
        "COLSTART": step,
        "SUBSTRT1": 4 * step - 3,
        "SUBSTRT2": rowstart,
        "SUBSIZE1": nx,
        "SUBSIZE2": ny,
        "SUBARRAY": subarray,
        "DETECTOR": flight,
        "DET_JPL": detector,
        "SCA_ID": DETECTORS.get(flight or ""),
        "SCAIDJPL": look_up(hdus, "SCA_ID"),
        "READPATT": "FAST",
        "GROUPGAP": 0,
        "NGROUPS": ngroups,
        "OBS_ID": _text(look_up(hdus, "OBS_ID")),
        **{new: look_up(hdus, old) for old, new in (_RENAMED | _TIMES).items()},
        **_moment(hdus, "OBS"),
        **_moment(hdus, "END"),
    }
    if converted["DATE-END"] is None:
        flags.append("end-missing")
    fields = {"nints": nints, "ngroups": ngroups, "readpatt": "FAST", "subarray": subarray, "window": window}
    return Derived(
        fields={**fields, "campaign": campaign_of(path), "converted": converted},
        flags=(*flags, *doubt),
    )


def campaign_of(path: PurePath) -> str | None:
    """Return the test that a ground exposure belongs to: the name of its folder; None for a bare file name."""
    return path.parent.name or None


def _moment(hdus: Sequence[HduLike], which: str) -> dict[str, str | None]:
    """Return day and time of the start or the end; None for a filler such as yyyy-mm-dd."""
    day, time = _text(look_up(hdus, f"DATE_{which}")), _text(look_up(hdus, f"TIME_{which}"))
    day = day if day is not None and parse_day(day) else None
    time = time if time is not None and parse_instant(f"2000-01-01T{time}") else None
    return {f"DATE-{which}": day, f"TIME-{which}": time}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


PROFILE = Profile(
    name="miri_jpl",
    title="a MIRI ground-test exposure from JPL",
    claims=(Claim(header=(("ORIGIN", "JPL"), ("TELESCOP", "JWST"), ("INSTRUME", "MIRI")), ndim=3),),
    instrument=Take(constant="MIRI"),
    detector=Take(keywords=("DETECTOR",), vocabulary=_DETECTORS, expected=True),
    kind=Take(constant="uncal"),
    exposure_suffixes=PRODUCTS,
    requires=("NINT", "COLSTART", "ROWSTART"),
    clock=Clock(keywords=(("DATE_OBS", "TIME_OBS"),), nightly=False),
    arrays=(ArrayRule(hdu="PRIMARY", names=("sci", "refout"), kinds=("ramp", "ramp"), ndim=3, split="miri-ground"),),
    derive=derive,
)
