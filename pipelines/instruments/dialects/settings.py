"""Settings: parts of keywords that look like the setup of a camera, for keywords that no other table knows."""

from __future__ import annotations

SETTINGS: tuple[tuple[str, str], ...] = (
    ("gain, offset and noise", "GAIN OFFS BLKLEV BLACKLEV PREAMP NOISE RON CONAD SATUR LINEAR ISO"),
    ("readout", "MODE READ SPEED RATE CLOCK CLK AMP PORT TAP CDS SAMP COADD NDR FOWLER BIT HDR HCG USB DITHRD VOLT"),
    ("binning and window", "BIN ROI WIN SUBF SUBARR SEC CROP"),
    ("colour", "BAYER CFA COLOR"),
    ("exposure", "EXPT EXPOS ITIME SHUT"),
    ("temperature", "TEMP TMP TCCD"),
    ("beam", "FILT WHEEL GRAT GRISM SLIT PRISM LAMP ROT APERT POLAR DICHR"),
    ("identity", "SERIAL CAMERA CAMID CAM-ID DETID DETECT CHIP SENSOR CCDID CCDNAM"),
)
"""(subject, parts of keywords) pairs; a keyword that has one of the parts may be a setting of the subject."""
