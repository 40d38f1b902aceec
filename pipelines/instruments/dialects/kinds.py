"""Kinds of frames: the keywords that name them, and the words."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

KEYS = (
    Key("IMAGETYP", "IRAF, MaxIm DL, NINA, ASIAIR and most camera software"),
    Key("IMAGTYP", "Orion Camera Studio"),
    Key("IMGTYPE", "MMT"),
    Key("IMAGETYPE", "scripts that write the keyword in full as a HIERARCH card"),
    Key("IMTYPE", "ESO's older cameras, LBT"),
    Key("IMG_TYPE", "SDSS APO scripts"),
    Key("OBSTYPE", "LCO, Gemini, NOAO, ING, AAO"),
    Key("DATA-TYP", "Subaru"),
    Key("EXPTYPE", "Magellan, Swope"),
    Key("EXP_TYPE", "JWST, Roman"),
    Key("ESO DPR TYPE", "ESO"),
    Key("ESO DPR CATG", "ESO"),
    Key("FLAVOR", "SDSS spectrographs"),
    Key("OBSMODE", "CFHT's older cameras"),
    Key("OBSCLASS", "Gemini"),
    Key("PICTTYPE", "SBIG's CCDOPS"),
    Key("FRAME", "SDSS, some scripts; an instant of time in Andor's files, so only its known words are believed"),
    Key("FRAMETYP", "AstroArt, Prism"),
)
"""In order of preference."""

NOT_KINDS = frozenset({"imaging", "spectroscopic", "spectroscopy", "photometry"})
"""Words, squeezed, that stand in a keyword for the kind and tell how light was taken, not whether: HST's OBSTYPE."""

ONLY_KNOWN_WORDS = frozenset({"FRAME", "OBSCLASS", "OBSMODE", "ESO DPR CATG", "FLAVOR", "PICTTYPE"})
"""Keywords that often say something else: what is not in the vocabulary is not taken for a kind."""

_WORDS: tuple[tuple[str, str, str, str], ...] = (
    # kind, note, words, who writes them
    (
        "bias",
        "",
        "bias|biasframe|biases|zero|zeroframe|offset|offsetframe|biasimage|zerobias",
        "all; IRAF: zero; Siril",
    ),
    (
        "dark",
        "",
        "dark|darkframe|darks|darkcurrent|darkfield|darkimage|darkimg|mirdarkimg|nrcdark|nisdark",
        "all; JWST",
    ),
    ("dark", "darkflat", "darkflat|flatdark|darkflatframe|flatdarkframe|darkforflat|flatfielddark", "NINA, SGP, Ekos"),
    ("flat", "", "flat|flatfield|flatframe|flats|flatfieldframe|flatimage|ff|fflat|pixelflat", "all"),
    (
        "flat",
        "sky",
        "skyflat|flatsky|twiflat|twilight|twilightflat|twflat|skyflatframe|skyff|eveningflat|morningflat",
        "LCO",
    ),
    (
        "flat",
        "dome",
        "domeflat|dflat|flatdome|dome|screenflat|domeflatfield|domeflats|flatscreen|panelflat",
        "IRAF, NOAO",
    ),
    (
        "flat",
        "lamp",
        "lampflat|flatlamp|lflat|internalflat|iflat|quartz|ledflat|flatinternal|intflat|lampflats",
        "ESO, Keck",
    ),
    (
        "light",
        "",
        "light|lightframe|lights|object|objectframe|science|scienceframe|sci|expose|target|lightimage",
        "all; LCO",
    ),
    (
        "light",
        "",
        (
            "ext|external|mirlrsfixedslit|mirlrsslitless|mirmrs|mir4qpm|mirlyot|nrcwfss|nrcgrism|nrctsimage|nrctsgrism|"
            "nrccoron|nrsimage|nrsfixedslit|nrsmsaspec|nrsifu|nrsbrightobj|niswfss|nissoss|nisami|fgsimage"
        ),
        "HST: what is outside the telescope; JWST's modes",
    ),
    ("dark", "", "mirdarkall|mirdarkmrs|nrsdark|fgsdark", "JWST"),
    ("flat", "", "mirflatimage|mirflatimageext|mirflatmrs|mirflatmrsext|nrcflat|nisflat|nrsautoflat", "JWST"),
    ("flat", "sky", "fgsskyflat", "JWST"),
    ("flat", "lamp", "fgsintflat|nrcled|nrslamp|nislamp", "JWST"),
    ("arc", "", "nrsautowave|wavecal|nrswave", "JWST, HST"),
    ("focus", "", "nrcfocus|nrsfocus|nisfocus|fgsfocus|mirfocus|nrsmimf", "JWST"),
    (
        "acquisition",
        "",
        (
            "mirtacq|mirtaconfirm|nrctacq|nrctaconfirm|nrstaslit|nrstacq|nrsconfirm|nrswata|nrsmsata|nistacq|nistaconfirm|"
            "fgsacq1|fgsacq2|fgstrack|fgsfineguide|fgsidimage|fgsidstack"
        ),
        "JWST",
    ),
    (
        "light",
        "",
        "astro|on|normal|exposure|starfield|jpegscience|nrcimage|nisimage|mirimage|experimental",
        "SDSS, LCO, JWST",
    ),
    ("light", "standard", "std|standard|stdstar|fluxstd|objectstd|stdflux|specstd|partnercal", "ESO, Gemini, LCO"),
    ("light", "sky", "sky|objectsky|skyframe|blanksky", "ESO, near-infrared cameras"),
    (
        "arc",
        "",
        "arc|comp|comparison|wave|wavelamp|wavecal|lampwave|wavearc|arclamp|calibrationlamp|thar|hear|near",
        "ING, ESO",
    ),
    ("focus", "", "focus|focusframe|focusing|focustest|telfocus", "many"),
    ("acquisition", "", "acq|acquisition|slit|pointing|align|guide|guiding|mask|acqcal", "Gemini, ESO, ING"),
    ("test", "", "test|testframe|engineering|tech|technical|detector", "ESO, LCO"),
)

VOCABULARY: dict[str, tuple[str, str]] = {
    word: (kind, note) for kind, note, words, _ in _WORDS for word in words.split("|")
}
"""Word, in lower case and without anything but letters and digits: kind and note."""

STACK_WORDS = ("master", "super", "stacked", "combined", "integrated", "integration", "mean", "median", "average")
"""Begin, or end, the kind of what was combined already: WBPP (Master Dark), Siril, MaxIm, AstroImageJ."""

STACKS = (
    Key("STACKCNT", "Siril, ASIAIR, SharpCap"),
    Key("NCOMBINE", "IRAF imcombine, Gemini, ccdproc scripts"),
    Key("NCOMBIN", "shortened"),
    Key("NCOMB", "IRAF derivatives"),
    Key("SNAPSHOT", "MaxIm DL: images in a stack"),
    Key("NSTACK", "AstroImageJ and scripts"),
    Key("NUMSTACK", "Seestar and scripts"),
    Key("LIVESTK", "SharpCap"),
    Key("STACKED", "scripts"),
    Key("NFRAMSUM", "SkyMapper"),
)
"""How many frames were combined."""

COMBINED = (
    Key("COMBINED", "ccdproc"),
    Key("IMCMB001", "IRAF imcombine"),
    Key("MASTER", "BANZAI and scripts"),
    Key("ISMASTER", "BANZAI"),
)
"""Present and not false: combined of frames whose number is not said."""

PROCESSED = (
    Key("CALSTAT", "MaxIm DL, AstroImageJ: letters of what was applied, BDF"),
    Key("ZEROCOR", "IRAF ccdproc"),
    Key("DARKCOR", "IRAF ccdproc"),
    Key("FLATCOR", "IRAF ccdproc"),
    Key("CCDPROC", "IRAF ccdproc"),
    Key("SUBBIAS", "ccdproc"),
    Key("SUBTRACT_BIAS", "ccdproc"),
    Key("SUBDARK", "ccdproc"),
    Key("FLATCORR", "ccdproc, AstroImageJ; PERFORM and OMIT are HST's plans"),
    Key("L1STATBI", "BANZAI"),
)
"""Present and not false: frames that were corrected already."""

PROCESS_STATES = (Key("PROCTYPE", "NOAO"), Key("RLEVEL", "LCO"), Key("PROCSTAT", "CFHT, SOFIA"))
"""State of processing; RAW, LEVEL_0, 0 and the words for what was not done are raw."""

RAW_WORDS = frozenset({"raw", "none", "0", "00", "level0", "level1", "false", "f", "no", "omit", "perform", "skipped"})

HISTORY = (
    ("imcombine", "IRAF"),
    ("zerocombine", "IRAF"),
    ("darkcombine", "IRAF"),
    ("flatcombine", "IRAF"),
    ("imageintegration", "PixInsight"),
    ("integration of", "PixInsight"),
    ("numberofimages", "PixInsight"),
    ("ccdproc.combine", "ccdproc"),
    ("combiner", "ccdproc"),
    ("stacked", "Siril, DeepSkyStacker"),
    ("sigma clipping stacking", "Siril"),
    ("mean stacking", "Siril"),
    ("median stacking", "Siril"),
    ("master bias", "scripts"),
    ("master dark", "scripts"),
    ("master flat", "scripts"),
)
"""Text in HISTORY, lower case, of a file that was combined."""

HISTORY_PROCESSED = (
    ("subtract_bias", "ccdproc"),
    ("subtract_dark", "ccdproc"),
    ("flat_correct", "ccdproc"),
    ("imagecalibration", "PixInsight"),
    ("bias subtracted", "scripts"),
    ("dark subtracted", "scripts"),
    ("flat fielded", "scripts"),
)
"""Text in HISTORY, lower case, of a file that was corrected."""

PROGRAMS = (Key("PROGRAM", "Siril, PixInsight"), Key("CREATOR", "KStars, ASIAIR"), Key("SOFTWARE", "DeepSkyStacker"))
STACKERS = ("siril", "pixinsight", "deepskystacker", "astropixelprocessor", "astap", "ccdproc")
"""Programs that write floating-point files only of what they made: their floats are not raw."""
