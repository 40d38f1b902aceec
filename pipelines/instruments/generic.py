"""Any FITS file: what the FITS standard and common usage say about its header, and nothing assumed.

DATE is not read: by the standard it is when the file was written, not when the light was taken.
No site is known, so the date is the calendar day in UTC.
"""

from __future__ import annotations

from pipelines.instruments.dragonfly import KINDS
from pipelines.instruments.profile import Claim, Clock, Profile, Take

PROFILE = Profile(
    name="generic",
    title="a FITS file",
    claims=(Claim(),),
    instrument=Take(keywords=("INSTRUME", "TELESCOP"), constant="unknown"),
    detector=Take(keywords=("DETECTOR", "DETNAM", "CCDNAME")),
    camera=Take(keywords=("SERIALNO", "CAMERA")),
    kind=Take(keywords=("IMAGETYP", "OBSTYPE", "FRAME"), vocabulary=KINDS, fold=True, constant="image"),
    clock=Clock(
        keywords=(("DATE-OBS",), ("DATE-OBS", "TIME-OBS"), ("DATE-OBS", "UT"), ("DATE-BEG",), ("DATE-AVG",)),
        mjd=("MJD-OBS", "MJD-BEG", "MJD-AVG"),
        system="TIMESYS",
        nightly=False,
    ),
)
