"""Corrections: what was taken from frames before they were combined, and how programs write their numbers."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

REMOVED = (
    ("overscan", (Key("SUBOSCAN", "ccdproc"), Key("SUBTRACT_OVERSCAN", "ccdproc"), Key("OVERSCOR", "IRAF ccdproc"))),
    (
        "bias",
        (
            Key("SUBBIAS", "ccdproc"),
            Key("SUBTRACT_BIAS", "ccdproc"),
            Key("ZEROCOR", "IRAF ccdproc"),
            Key("BIASCOR", "IRAF derivatives"),
            Key("L1STATBI", "BANZAI"),
        ),
    ),
    (
        "dark",
        (
            Key("SUBDARK", "ccdproc"),
            Key("SUBTRACT_DARK", "ccdproc"),
            Key("DARKCOR", "IRAF ccdproc"),
            Key("L1STATDA", "BANZAI"),
        ),
    ),
    (
        "flat",
        (
            Key("FLATCOR", "IRAF ccdproc, ccdproc"),
            Key("FLATCORR", "AstroImageJ"),
            Key("FLAT_CORRECT", "ccdproc"),
            Key("L1STATFL", "BANZAI"),
        ),
    ),
    ("something", (Key("CCDPROC", "IRAF ccdproc"),)),
)
"""Present and not false: this was corrected."""

LETTERS = Key("CALSTAT", "MaxIm DL, AstroImageJ, Darkroom: a letter for each correction")
LETTER = {"O": "overscan", "B": "bias", "D": "dark", "F": "flat"}

HISTORY = (
    ("subtract_overscan", "overscan", "ccdproc"),
    ("subtract_bias", "bias", "ccdproc"),
    ("bias subtracted", "bias", "scripts"),
    ("bias-subtracted", "bias", "scripts"),
    ("subtract_dark", "dark", "ccdproc"),
    ("dark subtracted", "dark", "scripts"),
    ("dark-subtracted", "dark", "scripts"),
    ("flat_correct", "flat", "ccdproc"),
    ("flat fielded", "flat", "scripts"),
    ("imagecalibration", "something", "PixInsight"),
)
"""Text in HISTORY, lower case, and what it says was corrected."""

PREFIXES = (("pp_", "Siril"),)
"""How names of files begin that a program has corrected: Siril's scripts write pp_flat_stacked."""

PROGRAMS = (
    Key("PROGRAM", "Siril, PixInsight"),
    Key("CREATOR", "KStars, ASIAIR, DeepSkyStacker"),
    Key("SOFTWARE", "DeepSkyStacker"),
    Key("SWMODIFY", "MaxIm DL"),
    Key("SWCREATE", "MaxIm DL"),
)
UNIT_RANGE = ("siril", "pixinsight")
"""Programs whose floating-point numbers are 0 to 1, where 1 is the largest number of the type their frames had."""

COUNTS = frozenset({"", "adu", "adus", "count", "counts", "dn", "data number", "electronic counts"})
"""Texts of BUNIT, lower case, for numbers as the camera wrote them."""
