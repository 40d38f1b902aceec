"""Keywords that vary from frame to frame of one setup, as data: they never tell that frames are of unlike setups.

Any other keyword that divides the frames of a group into a few values is taken as a setting that nobody
declared, and the group is not combined until a profile says what it is.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import lru_cache

__all__ = ["DEGREES", "TEMPERATURES", "VARYING", "Varying", "is_temperature", "varies", "varying_subject"]


@dataclass(frozen=True, slots=True)
class Varying:
    """Keywords of one subject.

    Attributes
    ----------
    subject
        What they tell.
    patterns
        Their names, as a shell matches them; HIERARCH keywords without that word.
    written_by
        Who writes them.
    kinds
        Kinds of frames for which they do not matter; empty: all.
    """

    subject: str
    patterns: tuple[str, ...]
    written_by: str
    kinds: tuple[str, ...] = ()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


VARYING: tuple[Varying, ...] = (
    Varying(
        "structure of the file",
        _words(
            "SIMPLE XTENSION BITPIX NAXIS* EXTEND PCOUNT GCOUNT GROUPS BSCALE BZERO BLANK BUNIT INHERIT "
            "EXTNAME EXTVER EXTLEVEL NEXTEND NHDU* CHECKSUM DATASUM ZHECKSUM ZDATASUM ZBITPIX ZNAXIS* ZTILE* "
            "ZCMPTYPE ZNAME* ZVAL* ZQUANTIZ ZDITHER0 ZSIMPLE ZTENSION ZEXTEND ZPCOUNT ZGCOUNT ZBLANK TFIELDS "
            "TFORM* TTYPE* THEAP LONGSTRN COMMENT HISTORY CONTINUE FITSVERS HDUCLAS* HDUNAME END"
        ),
        "the FITS standard, fpack",
    ),
    Varying(
        "time",
        (
            *_words(
                "DATE* *-DATE *DATEOBS TIME TIME-* TIME_* TIMEOBS TIMEEND TIMESHUT *-TIME UT UT-* UT_* UTC* "
                "UTOBS UTSTART UTEND UTSHUT UTMIDDLE UTOPEN UTCLOSE UTTIME MJD* *-MJD *MJD JD JD-* JD_* JDSTART "
                "JDEND JDMID* JULDATE JULIAN HJD* BJD* TAI* LST* *-LST ST STSTART STEND SIDTIME SIDEREAL LOCTIME "
                "LOCALTIM LOCAL-* LT LTIME HA *-HA HASTART HAEND HOURANG* EXPSTART EXPEND EXPMID TSTART TSTOP "
                "STARTTIM STOPTIME ENDTIME OPENTIME OPENDATE CLOSTIME SHUTOPEN SHUTCLOS UNIXTIME TIMESTAM* "
                "TELAPSE ELAPSED ELAPTIME DARKTIME DAY-OBS NIGHT OBSNIGHT NIGHTID DEADTIME SHUTTIME GPS* WRITTEN "
                "CREATED TM-* TMSTART TMEND"
            ),
            "ESO*UTC",
            "ESO*LST",
            "ESO*MJD*",
            "ESO*DATE*",
            "ESO*UIT*",
            "ESO*DKTM",
            "ESO*FRAM*",
            "ESO TEL CHOP*",
            "ESO OCS*",
            "ESO*TIME",
        ),
        "everybody",
    ),
    Varying(
        "exposure time of frames that may differ in it",
        (
            *_words(
                "EXPTIME EXPOSURE EXPOSED EXP_TIME EXP-TIME EXPTIM* XPOSURE EFFEXPTM ITIME INTTIME INT_TIME DIT "
                "TRUITIME TEXPTIME REQTIME EXPREQ EXPOINUS EXPOTIME"
            ),
            "ESO DET DIT",
            "ESO*EXPTIME",
            "ESO*UIT*",
        ),
        "everybody; flats are brought to one level, and biases have none",
        kinds=("flat", "bias"),
    ),
    Varying("units, in which the times were read already", _words("EXPUNIT TIMEUNIT"), "scripts, FITS 4.0"),
    Varying(
        "counters and names of files and requests",
        (
            *_words(
                "EXPNUM EXPNO EXPID EXP_ID EXPNAME RUN RUNNO RUN-NO RUNSET RUNNUM RUNID SEQNUM SEQNO SEQID SEQ-* "
                "SEQUENC* IMGNUM IMAGENUM IMGCOUNT IMAGEID IMGID IMNAME IMAGENAM IMAGE_ID FRAMENO FRAMENUM "
                "FRAMEID FRMNUM FRAMEIND FRNO FRAME FRAME-ID EXP-ID COUNTER PICNUM SHOTNUM NEXP NEXPS OBSNUM "
                "OBSNO OBS-NUM OBS_NUM OBSNUMBE OBSID OBS-ID OBS_ID OBSERNO OBSCNTR OBSSEQ* GROUPID GROUP-ID "
                "BLKUID BLKID BLOCKID MOLUID MOLNUM MOLTYPE MOLFRNUM FRMTOTAL REQNUM REQTIME TAGID USERID PROPID "
                "PROP-ID PROPOSAL PROPOSID PROG-ID PROGID PROJECT PROGNAME TRACKNUM BLKTYPE BLKSDATE BLKEDATE "
                "BLKMNDST BLKNOMEX RECIPE* TPL* FILENAME *FILE FILE* ORIGFILE ORIGNAME ROOTNAME IRAFNAME RAWFILE "
                "RAWNAME PATHNAME DIRNAME DATALAB ARCFILE OBSLIST L1ID* L1PUBDAT ASN* UUID GUID DITHER* DITH* "
                "NODPOS NINT_N STEPNUM STACKPOS PIPEFILE"
            ),
            "ESO TPL*",
            "ESO OBS*",
            "ESO DET EXP*",
            "ESO*EXP NO",
            "ESO*EXP ID",
            "ESO*EXP NAME",
            "ESO DET FILE*",
        ),
        "INT, LCO, Gemini, ESO, HST, camera software",
    ),
    Varying(
        "words typed by people, and what was pointed at",
        _words(
            "OBJECT OBJNAME OBJ-NAME OBJ_NAME TARGET TARG* TITLE SUBTITLE OBSERVER OPERATOR NOTES NOTE "
            "MESSAGE REMARK* PI PI-* PINAME PI_NAME SUPPORT SSA AUTHOR PROP_TTL CAT-* CATNAME CATRA CATDEC "
            "SRCTYPE SCHEDNAM SCHED* REFTARG* FIELD FIELDID FIELD-* SWOWNER WXMODE MAGNITUD V_MAG RADVEL "
            "PARALLAX PM-* PMRA PMDEC PM_* PROPER* COMMENT*"
        ),
        "observers",
    ),
    Varying(
        "pointing",
        (
            *_words(
                "RA RA-* RA_* RAOFF* RATRACK RADEG RAD RAHRS *-RA TELRA OBJRA OBJCT* RADECSYS RADESYS* DEC DEC-* "
                "DEC_* DECOFF* DECTRACK DECDEG *-DEC TELDEC OBJDEC EQUINOX EPOCH EQUI* *-EQUI* *EPOC ALT ALT-* "
                "ALTITUDE* AZ AZ-* AZIMUTH* AZSTART AZEND CENTALT CENTAZ CTRALT CTRAZ EL ELEVATIO ELSTART ELEND "
                "ZD ZD-* ZDSTART ZDEND ZDIST* ZENITH* AIRMASS* AMSTART AMEND AM-* SECZ PIERSIDE PIER* FLIPSTAT "
                "PARANG* PARANSTA PARANEND PARALLAC* POSANG_N MNTPA* TRACK* GUIDE* GUID* AUTOX AUTOY AUTOMODE "
                "AG-* AGSTATE AGFOCUS AGDX AGDY AGFWHM AGMODE CRVAL* CRPIX* CD[0-9]*_* CDELT* CROTA* PC[0-9]*_* "
                "CTYPE* CUNIT* LONPOLE LATPOLE WCS* [AB]_[0-9O]* [AB]P_[0-9O]* PV[0-9]*_* PROJP* CTV* TELSTAT "
                "TELFOC* *FOCUS* FOC-* FOCPOS FOCTEMP FOCUS* *FOC FOCNAME DOME* *DAZ* DAZSTART DAZEND SHUTSTAT "
                "ENCSTAT MOON* SUN* *MOON *SUN VIGNETTE ROTTRACK XAPOFF YAPOFF XAPNOM YAPNOM ORI_DEC ORI_RA "
                "OFST-* XOFFSET YOFFSET POFFSET QOFFSET RAOFFSET DECOFFSE TARGRA TARGDEC CENTRA CENTDEC PLTSOLVD "
                "PLTSCALE SOLVED"
            ),
            "ESO TEL*",
            "ESO ADA*",
            "ESO AOS*",
            "ESO COU*",
            "ESO ISS*",
            "ESO GEN*",
            "ESO*FOC*",
            "ESO*ABSROT*",
            "ESO*POSANG*",
        ),
        "telescope control",
    ),
    Varying(
        "weather and surroundings",
        _words(
            "HUMID* *HUM* PRESS* *PRES *PRESS* BAROM* WIND* *WIND* DEW* *DEW* RAIN* CLOUD* SEEING* *SEEING "
            "SKY* SQM* MPSAS *SKYMAG AMB* *AMBT* OUTTEMP* OUTSIDE* EXTTEMP AIRTEMP DOMETEMP TEMPTUBE *TUBE* "
            "MIRRTEMP M1TEMP M2TEMP *TRUSS* *MIRR* AOC* WMS* WX* ENV* WEATH* FOCUSTMP FOCTMP TAMB TDEW "
            "BOLTWOOD LIGHTN* DUST* TRANSP* EXTINC* INTTEMP HTEMP* LTEMP* OBSTEMP TELTEMP*"
        ),
        "weather stations, ASCOM, LCO",
    ),
    Varying(
        "power and pressure inside the camera",
        (
            *_words(
                "COOL* *COOLER* *POWER* *PWR* *HEATER* *HTR* VAC* *VACUUM *CURRENT* CPUTEMP ELECTEMP ELECTMP "
                "FPGATEMP PCBTEMP BOXTEMP CASETEMP HEATSINK FAN* NECKTEMP TEMPELEC ADCTEMP ADCTMP"
            ),
            "ESO*TLM*",
            "ESO*TELE*",
            "ESO INS*TEMP*",
            "ESO INS*SENS*",
            "ESO INS*VAL",
            "ESO*CPU*",
        ),
        "camera software",
    ),
    Varying(
        "statistics of the pixels and marks on the screen",
        _words(
            "MEAN* MEDIAN* MODE_PIX AVG* AVERAGE STD* STDDEV* *RMS RMS* SIGMA* MINVAL MAXVAL MIN MAX MINPIX "
            "MAXPIX MINCOUNT MAXCOUNT PIXMIN PIXMAX DATAMIN DATAMAX DATAMEAN GOODMIN GOODMAX GOODMEAN CBLACK "
            "CWHITE CSTRETCH MIPS* SKYLEVEL SKYVAR BACKGR* BCKGR* BKG* *BKGD NOBJ* NSTARS STARS STARCOUN "
            "FWHM* *FWHM ELLIP* ECCENT* HFR* HFD* PEAK* SATPIX* NSAT* NBADPIX SNR* ZPT* ZMAG* L1FWHM L1MEAN "
            "L1MEDIAN L1SIGMA L1ELLIP* L1STAT* L1ZP* WCSERR OVSC* BIASLVL BIASMEAN PHOT* IRAF-* DETQUAL"
        ),
        "pipelines and viewers",
    ),
    Varying(
        "filters and optics in front of a closed shutter",
        (
            *_words(
                "FILT* *FILT* *FILTER* SUBSET FWHEEL* WHEEL* *WHEEL GRAT* GRISM* GRNAME GRTILT* CENWAVE* "
                "WAVELEN* DISP* *SLIT* SLTW* SLWID* APERTURE* APTNAME MASK* DECKER COLLIM* CALMIR* LAMP* ARC* *LAMP* "
                "PUPIL* ROT* *ROT *ROTANG* OBJCTROT POSANGLE POSANG* POS_ANG PA PA-* INSTRPA CASSPA IFU* POLAR* HWP* "
                "WPANGLE FOCALLEN FOCRATIO COVER* FLATSCR* CALLAMP"
            ),
            "ESO INS*",
        ),
        "everybody: darks and biases see no light",
        kinds=("dark", "bias"),
    ),
    Varying(
        "words for the kind of frame, which the kind has already",
        (
            *_words("IMAGETYP IMAGTYP IMGTYPE OBSTYPE OBS-TYPE OBSCLASS DATA-TYP EXPTYPE EXP_TYPE FRAMETYP PICTTYPE"),
            "ESO DPR*",
        ),
        "everybody: darks of a flat's exposure time are darks",
        kinds=("dark", "bias"),
    ),
)
"""Every keyword, or pattern, that is taken as varying, by subject."""

TEMPERATURES = _words("*TEMP* *TMP* *-T DETTEM CCDTEM* TCCD TDET*")
"""Temperatures of no known place: those that differ by no more than `DEGREES` are one value."""

DEGREES = 1.5


_WILD = re.compile(r"[*?\[]")


@lru_cache(maxsize=16)
def _sorted_out(kind: str) -> tuple[frozenset[str], tuple[str, ...], re.Pattern[str]]:
    """Return whole names, beginnings of names, and an expression for the few other patterns: compiling takes long."""
    patterns = [pattern for one in VARYING if not one.kinds or kind in one.kinds for pattern in one.patterns]
    wild = [pattern for pattern in patterns if _WILD.search(pattern)]
    begins = tuple(pattern[:-1] for pattern in wild if pattern[-1] == "*" and not _WILD.search(pattern[:-1]))
    others = [pattern for pattern in wild if pattern[:-1] not in begins]
    return frozenset(patterns) - frozenset(wild), begins, re.compile("|".join(map(translate, others)))


_TEMPERATURE = re.compile("|".join(translate(pattern) for pattern in TEMPERATURES))


@lru_cache(maxsize=8192)
def varies(keyword: str, kind: str) -> bool:
    """Tell whether a keyword is known to vary from frame to frame of one setup.

    Parameters
    ----------
    keyword
        As a header has it, HIERARCH keywords without that word.
    kind
        Of the frames: filters do not matter to a dark.

    Examples
    --------
    >>> varies("DATE-OBS", "dark"), varies("FILTER", "dark"), varies("FILTER", "flat"), varies("GAINSET", "dark")
    (True, True, False, False)
    """
    name = keyword.removeprefix("HIERARCH ").upper()
    whole, begins, others = _sorted_out(kind)
    return name in whole or name.startswith(begins) or others.match(name) is not None


def varying_subject(keyword: str, kind: str) -> str | None:
    """Return as what a keyword is taken to vary; None for one that is under guard.

    Examples
    --------
    >>> varying_subject("HUMIDITY", "dark"), varying_subject("GAINSET", "dark")
    ('weather and surroundings', None)
    """
    if not varies(keyword, kind):
        return None
    name = keyword.removeprefix("HIERARCH ").upper()
    fits = (one for one in VARYING if not one.kinds or kind in one.kinds)
    return next(one.subject for one in fits if any(fnmatchcase(name, pattern) for pattern in one.patterns))


@lru_cache(maxsize=8192)
def is_temperature(keyword: str) -> bool:
    """Tell whether a keyword looks like a temperature.

    Examples
    --------
    >>> is_temperature("CCD-TEMP"), is_temperature("GAIN")
    (True, False)
    """
    return _TEMPERATURE.match(keyword.removeprefix("HIERARCH ").upper()) is not None
