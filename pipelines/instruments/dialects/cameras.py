"""Cameras: what tells one from another of its model, and what only names the model."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

INDIVIDUAL = (
    Key("SERIALNO", "SBIG, Dragonfly, many"),
    Key("SERIAL", "scripts"),
    Key("SERNO", "scripts"),
    Key("CAMSN", "FLI, scripts"),
    Key("CAM-SN", "scripts"),
    Key("CAMSER", "scripts"),
    Key("CAMSERNO", "scripts"),
    Key("CCDSN", "scripts"),
    Key("CCD-SN", "scripts"),
    Key("SN", "scripts"),
    Key("DETSERNO", "Gemini derivatives"),
    Key("DETSER", "scripts"),
    Key("DETECTID", "LCO"),
    Key("DETECTOR-ID", "scripts"),
    Key("CAMERAID", "NINA"),
    Key("CAM-ID", "scripts"),
    Key("CAMID", "scripts"),
    Key("DETID", "Gemini"),
    Key("DET-ID", "Subaru"),
    Key("CHIPID", "CFHT, scripts"),
    Key("CCDID", "HSC, scripts"),
    Key("ESO DET CHIP1 ID", "ESO"),
    Key("ESO DET CHIP ID", "ESO"),
)
MODEL = (
    Key("INSTRUME", "FITS standard"),
    Key("CAMERA", "a name; where it is a number it is a focal length or a place, and is not believed"),
    Key("CAMNAME", "scripts"),
    Key("CAMMODEL", "scripts"),
    Key("HEAD", "Andor: model of the head"),
    Key("INSTRUM", "scripts"),
    Key("INSTR", "scripts"),
    Key("DEVICE", "scripts"),
)
TELESCOPE = (
    Key("TELESCOP", "FITS standard"),
    Key("TELID", "LCO"),
    Key("TELESCOPE", "scripts, as a HIERARCH card"),
    Key("TELNAME", "scripts"),
    Key("OBSERVAT", "IRAF: where only the observatory is named"),
)
DETECTOR = (
    Key("DETECTOR", "FITS usage; a type of chip in many files"),
    Key("DETNAM", "Chandra, HEASARC"),
    Key("CCDNAME", "NOAO, ING"),
    Key("CHIPNAME", "ING"),
    Key("DETNAME", "scripts"),
    Key("DETECTID", "LCO"),
    Key("CCDCHIP", "HST"),
    Key("CCDNUM", "DECam"),
    Key("ESO DET CHIP1 NAME", "ESO"),
)
"""Chip in the instrument; in the HDU of the pixels first."""
