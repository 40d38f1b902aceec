"""Any FITS file: what the dialects say about its header, and nothing assumed.

DATE is not read: by the standard it is when the file was written, not when the light was taken.
"""

from __future__ import annotations

from pipelines.instruments.calibration import OVERSCAN, SETUP, Calibration, GroupKey, GroupRule
from pipelines.instruments.profile import Claim, Clock, Profile

_CAMERA = GroupKey(name="camera", paths=("camera", "detector", "instrument"))
_EXPTIME = GroupKey(name="exptime", paths=("header.EXPTIME", "header.EXPOSURE"), tolerance=0.01)
# The set point where there is one, else what was measured; 1 degree as in psf-guard.
_TEMPERATURE = GroupKey(
    name="temperature",
    paths=("header.SET-TEMP", "header.CCD-TEMP", "header.DET-TEMP"),
    tolerance=0.5,
    spread=1.0,
    required=False,
)
_SETUP = (*SETUP, OVERSCAN)
_FILTER = GroupKey(name="filter", paths=("header.FILTER",))

CALIBRATION = Calibration(
    groups=(
        GroupRule(kind="dark", keys=(_CAMERA, _EXPTIME, _TEMPERATURE, *_SETUP), minimum=3, maximum=50, window=7),
        GroupRule(kind="bias", keys=(_CAMERA, _TEMPERATURE, *_SETUP), minimum=3, maximum=50, window=7),
        GroupRule(kind="flat", keys=(_CAMERA, _FILTER, _TEMPERATURE, *_SETUP), minimum=5, maximum=50, window=7),
    )
)

PROFILE = Profile(
    name="generic",
    title="a FITS file",
    claims=(Claim(),),
    clock=Clock(nightly=False),
    calibration=CALIBRATION,
)
