"""Geometry: binning, window on the detector, and the sections of each amplifier."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

BINNING_X = (
    Key("XBINNING", "MaxIm DL, NINA, ASIAIR"),
    Key("CCDXBIN", "ING, ASIAIR"),
    Key("CCDBIN1", "Keck, MMT"),
    Key("XBIN", "scripts"),
    Key("BIN-FCT1", "Subaru"),
    Key("BINX", "scripts"),
    Key("XBINNED", "scripts"),
    Key("HBIN", "Andor"),
    Key("DETXBIN", "NOT"),
    Key("ESO DET WIN1 BINX", "ESO"),
    Key("ESO DET BINX", "ESO"),
    Key("BINAXIS1", "HST"),
)
BINNING_Y = (
    Key("YBINNING", "MaxIm DL, NINA, ASIAIR"),
    Key("CCDYBIN", "ING, ASIAIR"),
    Key("CCDBIN2", "Keck, MMT"),
    Key("YBIN", "scripts"),
    Key("BIN-FCT2", "Subaru"),
    Key("BINY", "scripts"),
    Key("YBINNED", "scripts"),
    Key("VBIN", "Andor"),
    Key("DETYBIN", "NOT"),
    Key("ESO DET WIN1 BINY", "ESO"),
    Key("ESO DET BINY", "ESO"),
    Key("BINAXIS2", "HST"),
)
BINNING_BOTH = (
    Key("CCDSUM", "IRAF, LCO, Gemini, NOAO: '2 2'"),
    Key("BINNING", "Keck, scripts: '2x2'"),
    Key("BIN", "scripts"),
    Key("CCDBIN", "scripts"),
    Key("BINMODE", "scripts"),
)

CORNER_X = (
    Key("XORGSUBF", "MaxIm DL, ASIAIR: in binned pixels, from 0", "from 0"),
    Key("SUBSTRT1", "JWST"),
    Key("ESO DET WIN1 STRX", "ESO"),
    Key("XSTART", "scripts"),
    Key("STARTX", "scripts"),
    Key("ROIX", "scripts"),
    Key("DETWINX", "scripts"),
)
CORNER_Y = (
    Key("YORGSUBF", "MaxIm DL, ASIAIR: in binned pixels, from 0", "from 0"),
    Key("SUBSTRT2", "JWST"),
    Key("ESO DET WIN1 STRY", "ESO"),
    Key("YSTART", "scripts"),
    Key("STARTY", "scripts"),
    Key("ROIY", "scripts"),
    Key("DETWINY", "scripts"),
)
WINDOW_SECTIONS = (
    Key("CCDSEC", "IRAF, Gemini, NOAO, LCO: where the pixels lie on the chip"),
    Key("DETSEC", "IRAF mosaics: where the pixels lie on the mosaic"),
    Key("RTDATSEC", "ING"),
    Key("ROI", "scripts"),
    Key("SUBFRAME", "scripts"),
    Key("SUBRECT", "Andor: left, right, top, bottom"),
    Key("IMGRECT", "Andor: left, right, top, bottom"),
)

DATA = ("DATASEC", "DSEC")
BIAS = ("BIASSEC", "BSEC")
TRIM = ("TRIMSEC", "TSEC")
AMPLIFIER_ENDINGS = ("", "1", "2", "3", "4", "A", "B", "C", "D", "11", "12", "21", "22")
"""Behind DATASEC, BIASSEC, TRIMSEC: one amplifier ('') is usual; 1-4 (WIYN, Lick), A-D (DECam), 11-22 (CTIO ARCON)."""

NOT_FRAMES = frozenset(
    [
        "dq",
        "mask",
        "bpm",
        "badpix",
        "badpixel",
        "flags",
        "quality",
        "err",
        "error",
        "var",
        "variance",
        "weight",
        "unc",
        "uncert",
        "uncertainty",
        "ivar",
        "sigma",
        "noise",
        "cat",
        "thumbnail",
        "preview",
    ]
)
"""EXTNAMEs, in lower case and without digits, of images that say something about the pixels of another."""
