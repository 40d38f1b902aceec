"""Exposure: times in seconds, coadds."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

EXPTIME = (
    Key("EXPTIME", "common usage since IRAF"),
    Key("EXPOSURE", "MaxIm DL, NINA; HEASARC (livetime)"),
    Key("XPOSURE", "FITS 4.0"),
    Key("EFFEXPTM", "JWST"),
    Key("ITIME", "Keck"),
    Key("EXP_TIME", "scripts"),
    Key("EXP-TIME", "scripts"),
    Key("EXPTIM", "scripts"),
    Key("EXPOSED", "ING"),
    Key("ELAPTIME", "Lick, Keck"),
    Key("EXPOSURETIME", "scripts, as a HIERARCH card"),
    Key("EXPOTIME", "scripts"),
    Key("INTTIME", "near-infrared cameras"),
    Key("INT_TIME", "near-infrared cameras"),
    Key("EXPO", "scripts"),
    Key("TEXPTIME", "scripts"),
    Key("SHUTTIME", "scripts"),
    Key("EXPTIME1", "scripts"),
    Key("ESO DET WIN1 DIT1", "ESO optical"),
    Key("ESO DET DIT", "ESO infrared"),
    Key("ESO DET SEQ1 DIT", "ESO infrared"),
    Key("TELAPSE", "FITS 4.0, Chandra, XMM"),
    Key("EXPMSEC", "webcam software", "ms"),
    Key("EXP_MS", "webcam software", "ms"),
    Key("EXPOINUS", "QHY, SharpCap", "us"),
)
EXPOSURE_UNIT = (Key("EXPUNIT", "scripts"), Key("TIMEUNIT", "FITS 4.0: the unit of times in tables"))
DARKTIME = (Key("DARKTIME", "IRAF, NOAO, ING"), Key("DARK-TIME", "scripts"), Key("ELAPSED", "ING"))
COADDS = (
    Key("COADDS", "Keck, Gemini, IRTF"),
    Key("NCOADDS", "NOAO"),
    Key("COADD", "Lick, Subaru"),
    Key("NCOADD", "MMT"),
    Key("COADDONE", "Keck NIRC2"),
    Key("ESO DET NDIT", "ESO infrared"),
    Key("NDIT", "scripts"),
    Key("FRMCOADD", "near-infrared cameras"),
)
TIME_UNITS = {
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "usec", "µs", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
}
"""Seconds of a unit that stands beside a number, or in EXPUNIT."""
