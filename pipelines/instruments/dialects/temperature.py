"""Temperature of the detector, in degrees Celsius."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

SET = (
    Key("SET-TEMP", "MaxIm DL, NINA"),
    Key("SETTEMP", "Andor, scripts"),
    Key("SET_TEMP", "scripts"),
    Key("CCDSTEMP", "LCO"),
    Key("CCDTSET", "scripts"),
    Key("CCD-SETP", "scripts"),
    Key("CCDSETP", "scripts"),
    Key("TEMPSET", "scripts"),
    Key("TEMP-SET", "scripts"),
    Key("SETPOINT", "scripts"),
    Key("CCD-TSET", "scripts"),
    Key("DETSET", "scripts"),
    Key("CCDTEMPS", "scripts"),
)
MEASURED = (
    Key("CCD-TEMP", "MaxIm DL, NINA, ASIAIR, Siril"),
    Key("CCDATEMP", "LCO"),
    Key("CCDTEMP", "ING, NOT, HST"),
    Key("CCD_TEMP", "scripts"),
    Key("DETTEMP", "scripts, KPNO"),
    Key("DET-TEMP", "scripts, Keck"),
    Key("DET-TMP", "Subaru", "K"),
    Key("DETTEM", "Lick, scripts"),
    Key("DET_TEMP", "scripts"),
    Key("TEMPDET", "Keck, Lick"),
    Key("CCDTEM", "scripts"),
    Key("CAMTEMP", "Starlight Xpress, scripts"),
    Key("CHIPTEMP", "scripts"),
    Key("SENSTEMP", "scripts"),
    Key("DETECTEM", "scripts"),
    Key("TEMPERAT", "SBIG's CCDOPS, Dragonfly"),
    Key("TEMP", "Andor, scripts"),
    Key("SENSORT", "scripts"),
    Key("ESO INS TEMP-DET", "ESO"),
    Key("ESO DET TLM1 START", "ESO optical", "K"),
)
KELVIN_FROM = 100.0
"""No detector is used at +100 C: a number from here on is in kelvin."""
