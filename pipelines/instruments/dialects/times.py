"""Times: keywords for the beginning and the middle of an exposure, and for the night."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

DAYS = (
    Key("DATE-OBS", "FITS standard"),
    Key("DATE-BEG", "FITS 4.0"),
    Key("DATE_OBS", "ground tests, solar observatories"),
    Key("DATEOBS", "scripts"),
    Key("UTDATE", "scripts, Lick"),
    Key("UT-DATE", "Magellan, Swope"),
    Key("UTC-DATE", "scripts"),
    Key("DATE-UT", "scripts"),
    Key("OBSDATE", "scripts"),
    Key("OBS-DATE", "scripts"),
    Key("DATE-STA", "scripts"),
    Key("FRAME", "Andor: the instant of the exposure"),
    Key("DATE-AVG", "FITS 4.0: the middle"),
    Key("DATE_BEG", "solar observatories"),
    Key("TDATE", "scripts"),
)
"""The day, with or without the time."""

CLOCKS = (
    Key("TIME-OBS", "FITS before 2000, Gemini, HST"),
    Key("UTSTART", "LCO, ING"),
    Key("UT", "Gemini, Keck, NOAO"),
    Key("UTC-OBS", "CFHT, MMT"),
    Key("UTSHUT", "CTIO"),
    Key("UT-START", "Magellan"),
    Key("UT-TIME", "Magellan, Swope"),
    Key("UTC", "Keck"),
    Key("UTCSTART", "Lick"),
    Key("UT-STR", "Subaru"),
    Key("UTIME", "CFHT"),
    Key("EXPSTART", "scripts"),
    Key("TIME", "scripts, Palomar"),
    Key("TIME_OBS", "ground tests, solar observatories"),
    Key("TIMEOBS", "scripts"),
    Key("TIME-BEG", "scripts"),
    Key("UTOBS", "ING"),
    Key("STARTUT", "scripts"),
    Key("TM-START", "ESO before 2000: seconds of the day", "s"),
    Key("UT_START", "scripts"),
    Key("OBSTIME", "scripts"),
)
"""The time of day in UTC, where the day stands alone: sexagesimal text, or a number of hours."""

MJD = (
    Key("MJD-OBS", "FITS standard"),
    Key("MJD-BEG", "FITS 4.0"),
    Key("MJD", "scripts, Subaru"),
    Key("MJD_OBS", "scripts"),
    Key("EXPSTART", "HST, JWST"),
    Key("MJD-STR", "Subaru"),
    Key("MJD-AVG", "FITS 4.0: the middle"),
    Key("MJDSTART", "scripts"),
)
JD = (
    Key("JD", "MaxIm DL, ING"),
    Key("JD-OBS", "scripts"),
    Key("JD_UTC", "AstroImageJ"),
    Key("JD-START", "scripts"),
    Key("JDSTART", "scripts"),
    Key("JULIAN", "scripts"),
    Key("JUL-DATE", "scripts"),
    Key("JD_OBS", "scripts"),
)
MIDDLE = (Key("DATE-AVG", "FITS 4.0, NINA"), Key("DATE-MID", "scripts"), Key("UTMIDDLE", "scripts"))
MIDDLE_MJD = (Key("MJD-AVG", "FITS 4.0"), Key("MJD-MID", "SOFIA, ESO products"), Key("EXPMID", "JWST"))
LOCAL = (Key("DATE-LOC", "NINA"), Key("LOCALDAT", "scripts"), Key("DATE-LT", "scripts"))
SYSTEM = Key("TIMESYS", "FITS standard")
NIGHT = (
    Key("DAY-OBS", "LCO"),
    Key("DAYOBS", "LCO, Rubin"),
    Key("DAY_OBS", "Rubin"),
    Key("OBSNIGHT", "DESI"),
    Key("NIGHT", "DESI, scripts"),
    Key("NIGHT-OB", "scripts"),
    Key("OBSNGHT", "scripts"),
)
"""The night, named after the day of its evening."""
NO_DATES = ((1970, 1, 1), (1980, 1, 1), (1980, 1, 6), (1900, 1, 1), (1904, 1, 1))
"""Days on which clocks that were never set begin (Unix, DOS, GPS, microcontrollers): year, month, day."""
