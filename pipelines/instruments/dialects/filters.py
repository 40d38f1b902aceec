"""Filters: the wheels, and the words for a place without a filter."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

WHEELS = (
    (Key("FILTER", "common usage"), Key("FILTER.POS", "record-valued cards"),
     Key("FILTER%2EPOS", "the same in a document"),
     Key("FILTERS", "ING, NOAO"), Key("FILT", "scripts"), Key("FILTERID", "LCO"),
     Key("FILTNAM", "scripts"), Key("FILTNAME", "Orion, HST WFPC1"), Key("SUBSET", "IRAF"), Key("INSFILTE", "NAOJ"),
     Key("FLTRNM", "scripts"), Key("ACAMFILT", "WHT ACAM"), Key("WFFBAND", "INT WFC"),
     Key("ESO INS FILT1 NAME", "ESO")),
    (Key("FILTER1", "Gemini, HST, SOAR, LCO"), Key("FILTER01", "Subaru"), Key("FILTNAM1", "HST WFPC2"),
     Key("FILT1", "scripts"), Key("WHEEL1", "scripts"), Key("FILTERA", "scripts"), Key("FW1_NAME", "Keck, IRTF"),
     Key("ESO INS OPTI1 NAME", "ESO")),
    (Key("FILTER2", "Gemini, HST, SOAR, LCO"), Key("FILTER02", "Subaru"), Key("FILTNAM2", "HST WFPC2"),
     Key("FILT2", "scripts"), Key("WHEEL2", "scripts"), Key("FILTERB", "scripts"), Key("FW2_NAME", "Keck, IRTF"),
     Key("ESO INS FILT2 NAME", "ESO"), Key("PUPIL", "JWST"), Key("FWINAME", "Keck NIRC2")),
    (Key("FILTER3", "LCO, SOAR"), Key("FILTER03", "Subaru"), Key("FILT3", "scripts"), Key("WHEEL3", "scripts"),
     Key("ESO INS FILT3 NAME", "ESO")),
    (Key("ESO INS FILT4 NAME", "ESO"), Key("FILTER4", "scripts")),
    (Key("GRISM", "Subaru, NOT, LDSS"), Key("GRATING", "Gemini, ING, JWST"), Key("GRATNAME", "Keck LRIS"),
     Key("ISIGRAT", "WHT ISIS"), Key("DISPERSR", "Magellan IMACS"), Key("ESO INS GRIS1 NAME", "ESO"),
     Key("ESO INS GRAT NAME", "ESO"), Key("GRATINGS", "scripts"), Key("DISPNAME", "SOFIA")),
)  # fmt: skip
"""One entry a place in the beam, each with the keywords that name what stands in it, in order of preference."""

DISPERSERS = len(WHEELS) - 1
"""The place whose element disperses the light."""

OPEN = frozenset(
    [
        "open",
        "empty",
        "air",
        "nofilter",
        "blank",
        "hole",
        "free",
        "clearpath",
        "notinserted",
        "out",
        "mirror",
        "imaging",
        "image",
        "nogrism",
        "nograting",
        "openhole",
        "openposition",
        "nodisperser",
        "emptyhole",
    ]
)
"""Places without an optical element that matters, letters and digits only: NO_FILTER (SOAR), air (LCO)."""

CLEAR = frozenset({"clear", "clear1", "clear2", "clear1s", "clear2s", "clear1l", "clear2l", "clearp", "c", "cl", "clr"})
"""Clear glass: a filter of its own where nothing else is in the beam, nothing where something is (HST, JWST)."""
