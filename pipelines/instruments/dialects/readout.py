"""Readout: modes, gain and offset, noise, saturation, colour."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

MODES = (
    Key("READOUTM", "MaxIm DL, NINA"),
    Key("READMODE", "QHY, Andor, Gemini NIR"),
    Key("RDMODE", "Keck, IRTF"),
    Key("CONFMODE", "LCO"),
    Key("GAINSET", "Gemini derivatives, KPNO"),
    Key("CCDSPEED", "ING"),
    Key("SPEED", "scripts"),
    Key("RDSPEED", "SDSS, scripts"),
    Key("READSPED", "scripts"),
    Key("READRATE", "scripts"),
    Key("READTIME", "Andor: time to shift a pixel, seconds"),
    Key("PIXTIME", "MMT, Keck"),
    Key("VSHIFT", "Andor"),
    Key("HSSPEED", "Andor"),
    Key("PREAMP", "Andor"),
    Key("OUTPTAMP", "Andor"),
    Key("ROREADS", "Gemini"),
    Key("ROWORDER", "NINA, Siril"),
    Key("ISOSPEED", "digital cameras"),
    Key("USBLIMIT", "NINA"),
    Key("BITCAMPX", "SBIG, scripts: bits of a camera's pixel"),
    Key("BITDEPTH", "scripts"),
    Key("CAMBITS", "scripts"),
    Key("ADCBITS", "scripts"),
    Key("SHUTTER-MODE", "scripts"),
    Key("SHUTMODE", "scripts"),
    Key("READPATT", "JWST"),
    Key("NSAMP", "HST, near-infrared cameras"),
    Key("SAMP_SEQ", "HST"),
    Key("SAMPMODE", "Keck NIRC2, NIRSPEC"),
    Key("MULTISAM", "Keck NIRC2"),
    Key("NDR", "near-infrared cameras"),
    Key("NDREADS", "near-infrared cameras"),
    Key("FOWLER", "near-infrared cameras"),
    Key("LNRS", "Gemini NIR"),
    Key("AMPLIST", "NOAO"),
    Key("AMPNAME", "ING"),
    Key("CCDAMP", "HST"),
    Key("NAMPS", "scripts"),
    Key("DETORDER", "scripts"),
    Key("SUBARRAY", "HST, JWST, Spitzer"),
    Key("HDR", "scripts"),
    Key("HCG", "SharpCap, QHY"),
    Key("ESO DET READ CLOCK", "ESO optical"),
    Key("ESO DET READ SPEED", "ESO optical"),
    Key("ESO DET READ CURNAME", "ESO infrared"),
    Key("ESO DET NCORRS NAME", "ESO infrared"),
    Key("ESO DET MODE NAME", "ESO infrared"),
)
GAIN = Key("GAIN", "all, with three meanings")
GAIN_SETTINGS = (
    Key("GAIN", "NINA, ASIAIR, SharpCap: the camera's setting"),
    Key("CCDGAIN", "HST: the commanded gain; ING scripts"),
    Key("GAINRAW", "INDI, Seestar"),
    Key("ISO", "digital cameras"),
    Key("GAINMODE", "QHY, FLI"),
    Key("EMGAIN", "Andor: multiplication"),
    Key("PRE-AMP", "Andor"),
)
OFFSETS = (
    Key("OFFSET", "NINA, ASIAIR"),
    Key("BLKLEVEL", "SharpCap"),
    Key("CAMOFFS", "scripts"),
    Key("BLACKLEV", "scripts"),
)
E_PER_ADU = (
    Key("EGAIN", "MaxIm DL, NINA, QHY"),
    Key("ESO DET OUT1 CONAD", "ESO"),
    Key("CCDGAIN", "NOAO, ING: e-/ADU"),
    Key("GAIN1", "NOAO mosaics, Lick"),
    Key("GAINA", "DECam"),
    Key("GTGAIN11", "CTIO ARCON"),
    Key("ATODGAIN", "HST"),
    Key("S_GAIN", "Subaru"),
    Key("DET-GAIN", "scripts"),
)
ADU_PER_E = (Key("ESO DET OUT1 GAIN", "ESO"),)
READ_NOISE = (
    Key("RDNOISE", "LCO, NOAO, IRAF"),
    Key("READNOIS", "ING"),
    Key("READNOISE", "scripts"),
    Key("RON", "scripts, ESO products"),
    Key("RDNOISE1", "Lick"),
    Key("RDNOISEA", "DECam"),
    Key("GTRON11", "CTIO ARCON"),
    Key("ENOISE", "scripts"),
    Key("READNSE", "HST"),
    Key("READNSEA", "HST"),
    Key("ESO DET OUT1 RON", "ESO"),
)
SATURATION = (
    Key("SATURATE", "LCO, ING, SWarp"),
    Key("SATLEVEL", "scripts, SDSS"),
    Key("MAXLIN", "LCO: linear up to here"),
    Key("SATURATA", "DECam"),
    Key("ESATUR", "NOAO", "e-"),
    Key("NONLIN", "near-infrared cameras"),
)
SETTING_WRITERS = (
    "n.i.n.a",
    "nina",
    "asiair",
    "sharpcap",
    "ekos",
    "kstars",
    "indi",
    "sequence generator",
    "apt",
    "seestar",
)
"""Programs, in CREATOR, SWCREATE or PROGRAM, whose GAIN is a setting of the camera."""
WRITERS = (Key("SWCREATE", "MaxIm DL, NINA"), Key("CREATOR", "ASIAIR, KStars"), Key("PROGRAM", "Siril"))
BAYER = (
    Key("BAYERPAT", "NINA, ASIAIR, Siril, SharpCap"),
    Key("COLORTYP", "MaxIm DL"),
    Key("CFAPAT", "scripts"),
    Key("BAYER", "scripts"),
    Key("COLORSPC", "SharpCap"),
)
BAYER_SHIFT = (Key("XBAYROFF", "MaxIm DL, NINA"), Key("YBAYROFF", "MaxIm DL, NINA"))
