"""Any FITS file: what the dialects say about its header, and nothing assumed.

DATE is not read: by the standard it is when the file was written, not when the light was taken.
"""

from __future__ import annotations

from pipelines.instruments.calibration import OVERSCAN, Calibration, standard_rules
from pipelines.instruments.profile import Claim, Clock, Profile

CALIBRATION = Calibration(groups=standard_rules(keys=(OVERSCAN,)))

PROFILE = Profile(
    name="generic",
    title="a FITS file",
    claims=(Claim(),),
    clock=Clock(nightly=False),
    calibration=CALIBRATION,
)
