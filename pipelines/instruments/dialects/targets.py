"""Targets: what was pointed at, where, through how much air, and how the camera was turned."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

OBJECT = (Key("OBJECT", "FITS standard"), Key("OBJNAME", "scripts"), Key("TARGNAME", "HST, Keck"),
          Key("TARGPROP", "JWST"), Key("TARGET", "scripts"), Key("ESO OBS TARG NAME", "ESO"))  # fmt: skip
RA = (
    Key("RA", "common usage: hours as text, degrees as a number"),
    Key("OBJCTRA", "MaxIm DL, NINA"),
    Key("RA_TARG", "HST", "deg"),
    Key("TARG_RA", "JWST", "deg"),
    Key("RA-OBS", "scripts"),
    Key("RA_OBJ", "Chandra, HEASARC", "deg"),
    Key("RA_PNT", "HEASARC", "deg"),
    Key("TELRA", "scripts"),
    Key("CENTRA", "scripts"),
    Key("CAT-RA", "ING, LCO"),
    Key("CRVAL1", "FITS standard, where CTYPE1 is a right ascension", "deg"),
)
DEC = (
    Key("DEC", "common usage"),
    Key("OBJCTDEC", "MaxIm DL, NINA"),
    Key("DEC_TARG", "HST"),
    Key("TARG_DEC", "JWST"),
    Key("DEC-OBS", "scripts"),
    Key("DEC_OBJ", "Chandra, HEASARC"),
    Key("DEC_PNT", "HEASARC"),
    Key("TELDEC", "scripts"),
    Key("CENTDEC", "scripts"),
    Key("CAT-DEC", "ING, LCO"),
    Key("CRVAL2", "FITS standard, where CTYPE2 is a declination"),
)
AIRMASS = (Key("AIRMASS", "common usage"), Key("SECZ", "CTIO"), Key("AMSTART", "ING"), Key("AIRMSTRT", "LBT"),
           Key("AM", "scripts"), Key("ESO TEL AIRM START", "ESO"))  # fmt: skip
ROTATOR = (
    Key("ROTATANG", "MaxIm DL"),
    Key("ROTATOR", "NINA"),
    Key("ROTANG", "scripts"),
    Key("ROTSKYPA", "ING, LCO"),
    Key("POSANGLE", "ACP, Lick"),
    Key("OBJCTROT", "NINA, Voyager"),
    Key("ROTPOSN", "Keck"),
    Key("ROTANGLE", "LCO, scripts"),
    Key("INSTRPA", "scripts"),
    Key("ESO ADA POSANG", "ESO"),
)
"""Degrees; wraps at 360."""
