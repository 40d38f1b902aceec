"""What an instrument profile is: plain data that says how to recognise a file and what its fields mean.

A profile is one instance of `Profile`, in a file of its own; the mechanism that
reads it is in `identify.py` and `plan.py`. A third party ships one as an entry point
of the group ``darkroom.instruments`` that names the instance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any, Protocol

from pipelines.instruments import calibration as declared
from pipelines.instruments.calibration import UNDECLARED, Calibration, Site
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.nights import site_zone
from pipelines.instruments.splits import SPLITS

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class TableLike(Protocol):
    """The rows of a binary table."""

    def read(self) -> Any:
        """Return them as a structured array; None where they cannot be read."""


class HduLike(Protocol):
    """What the profiles look at in an HDU; `pipelines.fits.Hdu` is one."""

    @property
    def index(self) -> int:
        """Place in the file, from 0."""

    @property
    def name(self) -> str:
        """EXTNAME; ``'PRIMARY'`` for the first HDU."""

    @property
    def ver(self) -> int:
        """EXTVER."""

    @property
    def kind(self) -> str:
        """``'primary'``, ``'image'``, ``'compressed-image'``, ``'bintable'``, ..."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixels in numpy order; ``()`` without pixels."""

    @property
    def dtype(self) -> str | None:
        """Numpy name of the stored values' type; None without pixels."""

    @property
    def header(self) -> Mapping[str, Any]:
        """The first value of every keyword."""

    @property
    def table(self) -> TableLike | None:
        """The rows of a binary table; None where there is none, or only the cards are at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Conditions that make a file this profile's; all must hold.

    The claim with the most conditions wins a file, so a narrower profile beats a
    broader one without either knowing of the other.

    Attributes
    ----------
    path
        Regular expression that must match the end of the path, from a component's start.
    header
        (keyword, regular expression) pairs: the keyword is present and its whole text
        matches, upper and lower case alike.
    extensions
        EXTNAMEs of image HDUs with pixels that the file must have.
    ndim
        Number of axes of the primary array, 0 for none.
    """

    path: str | None = None
    header: tuple[tuple[str, str], ...] = ()
    extensions: tuple[str, ...] = ()
    ndim: int | None = None

    @property
    def weight(self) -> int:
        """The number of conditions."""
        return (self.path is not None) + len(self.header) + len(self.extensions) + (self.ndim is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Where a field's value comes from: the first keyword present, else the path, else a constant.

    A header that contradicts the path keeps the header's value and is flagged
    ``<field>-conflict``; a value only the path has, where keywords were expected, is flagged
    ``<field>-from-path``; no value at all, where one is expected, ``<field>-missing``.

    Attributes
    ----------
    keywords
        Header keywords, in order of preference.
    group
        Named group of the profile's path expression.
    constant
        The value when neither gives one.
    vocabulary
        (word in the file, word in the catalog) pairs; words are compared in lower case
        with single blanks.
    fold
        Whether a word that is not listed is put into lower case with single blanks.
    expected
        Whether its absence deserves a flag.
    """

    keywords: tuple[str, ...] = ()
    group: str | None = None
    constant: str | None = None
    vocabulary: tuple[tuple[str, str], ...] = ()
    fold: bool = False
    expected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How the instant of an exposure and its night are read.

    Attributes
    ----------
    keywords
        Candidates in order of preference: one keyword with day and time, or two, the day
        and the time.
    mjd
        Keywords with a modified Julian date in UTC, tried after those.
    system
        Keyword that names the time system (TIMESYS); None: always UTC.
    zone
        Zone of the site.
    nightly
        True: `date` is the night, local noon to local noon. False: the calendar day.
    """

    keywords: tuple[tuple[str, ...], ...] = ()
    mjd: tuple[str, ...] = ()
    system: str | None = None
    zone: str = "UTC"
    nightly: bool = True

    @property
    def declared(self) -> bool:
        """Whether it names keywords of its own."""
        return bool(self.keywords or self.mjd)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayRule:
    """Which arrays an HDU becomes, where the general naming will not do.

    Attributes
    ----------
    hdu
        EXTNAME, or ``'PRIMARY'``.
    names, kinds
        Names of the arrays and the array store's kind of each: one, or one a part of a split.
    ndim
        Number of axes the HDU must have for the rule to apply; None: any.
    rows
        Length of its last axis but one for the rule to apply; None: any.
    header
        (keyword, regular expression) pairs that the file must have for the rule to apply, as of `Claim`.
    split
        Name of a reversible transform of `splits.py` that makes several arrays of one.
    """

    hdu: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    ndim: int | None = None
    rows: int | None = None
    header: tuple[tuple[str, str], ...] = ()
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """What a profile's `derive` adds: more top-level fields, flags, and the kind where its arrays tell it."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    kind: str | None = None


Derive = Callable[[PurePath, Sequence[HduLike]], Derived]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An instrument's files: how they are recognised, and what their fields and arrays are.

    Attributes
    ----------
    name
        Lower-case identifier, unique among the profiles.
    title
        One line for people.
    claims
        Any one suffices.
    instrument, detector, camera, kind, exposure_number
        Where each field comes from; where a rule names nothing, the dialects tell.
    clock
        Where the instant and the night come from; a clock without keywords: wherever the dialects find them.
    path
        Regular expression with named groups for the end of the path. A profile that has one
        takes no file whose path does not match. The group ``night`` is the night by the path.
    fields
        Further top-level fields, (name, source) pairs.
    flat_kinds
        Kinds that are marked evening or morning by the local hour.
    exposure_suffixes
        Endings of the file stem, after ``_``, that tell products of one exposure apart;
        None: the exposure is not named by the file.
    exposure_parts
        Regular expression of what numbers the parts of one exposure in the name; it is left out.
    requires
        Keywords without which the file cannot be read as this profile's.
    arrays
        Rules for HDUs; the others become arrays named after their EXTNAME.
    id_parts
        Last components of the path that make the document's ``_id``.
    derive
        Pure function for what rules cannot say, given the path and the HDUs.
    calibration
        Which frames go together, and what a good frame is.
    site
        Where the instrument stands; None: not known, or in space.
    keywords
        (observation field, keywords) pairs, read before those of the dialects.

    Raises
    ------
    ProfileError
        ``profile-invalid``: a rule makes no sense.
    """

    name: str
    title: str
    claims: tuple[Claim, ...]
    instrument: Take = Take()
    kind: Take = Take()
    clock: Clock = Clock()
    detector: Take = Take()
    camera: Take = Take()
    exposure_number: Take = Take()
    path: str | None = None
    fields: tuple[tuple[str, Take], ...] = ()
    flat_kinds: tuple[str, ...] = ()
    exposure_suffixes: tuple[str, ...] | None = None
    exposure_parts: str | None = None
    requires: tuple[str, ...] = ()
    arrays: tuple[ArrayRule, ...] = ()
    id_parts: int = 3
    derive: Derive | None = None
    calibration: Calibration = UNDECLARED
    site: Site | None = None
    keywords: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ProfileError("profile-invalid", f"the profile {self.name!r} {problem}", "correct the profile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a file is, by its profile: the normalised top-level fields of its document.

    ``timestamp`` is aware UTC; ``date`` is ``YYYY-MM-DD``; ``fields`` holds further top-level
    fields; ``flags`` what was missing, contradictory or guessed; ``obs`` and ``obs_from`` the
    normalised observation fields and where each comes from.
    """

    instrument: str
    detector: str | None
    camera: str | None
    kind: str
    date: str | None
    timestamp: datetime | None
    exposure_number: int | None
    flat_time: str | None
    exposure: str | None
    fields: dict[str, Any]
    flags: tuple[str, ...]
    obs: dict[str, Any] = field(default_factory=dict)
    obs_from: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArrayPlan:
    """Which arrays an HDU's pixels become: their names, their kinds, and the split that makes them."""

    hdu: int
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    split: str | None = None


def _problems(profile: Profile) -> list[str]:
    """Say what is wrong with a profile's rules, in words that follow its name."""
    problems = []
    if not _NAME.fullmatch(profile.name):
        problems.append("has no lower-case identifier for a name")
    if profile.id_parts < 1:
        problems.append("needs at least one path component for the _id")
    patterns = [profile.path, profile.exposure_parts, *(claim.path for claim in profile.claims)]
    patterns += [pattern for claim in profile.claims for _, pattern in claim.header]
    for pattern in filter(None, patterns):
        try:
            re.compile(pattern)
        except re.error as error:
            problems.append(f"has a regular expression that does not compile, {pattern!r}: {error}")
    try:
        site_zone(profile.clock.zone)
    except ValueError as error:
        problems.append(f"has a clock with {error}")
    for rule in profile.arrays:
        if len(rule.names) != len(rule.kinds) or (rule.split is None and len(rule.names) != 1):
            problems.append(f"names {rule.names} for kinds {rule.kinds} of {rule.hdu}")
        if rule.split is not None and rule.split not in SPLITS:
            problems.append(f"uses the split {rule.split!r}; known are {', '.join(sorted(SPLITS))}")
    return problems + declared.problems(profile.calibration)
