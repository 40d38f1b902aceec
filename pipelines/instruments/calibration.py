"""What a profile declares about calibration: which frames go together, and what a good frame is.

Declarations only; `pipelines.calibration` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """One value that the frames of a group share.

    Attributes
    ----------
    name
        Column of the answer.
    paths
        Fields of the document, in order of preference: the first that is neither absent nor null.
        ``header.KEYWORD`` is looked for in the main header, then in that of the image; ``images.shape``,
        ``images.dtype`` and ``images.scale`` are those of the pixels, of every image of a file with several.
    tolerance
        0: equal exactly. Otherwise numbers whose neighbours, sorted, are no further apart belong together.
    spread
        The most that two frames of one group may differ, so that small steps do not chain; by
        default twice the tolerance.
    relative
        Whether tolerance and spread are fractions of the value.
    floor
        The least that a relative tolerance and spread come to, in the unit of the value.
    period
        Values wrap around at this: 360 of an angle in degrees. None: they do not.
    required
        Whether a frame without it is incomplete. What is not required may be absent from all frames
        of a camera; where only some have it, those without are a group apart, with a reason.
    silent
        Whether a frame without it is as complete as one with it: the two are groups apart, and nothing is said.
    fallback
        What is compared, with its own tolerance, of frames in which no field of `paths` is there.
        Frames of the one and of the other are never one group.
    """

    name: str
    paths: tuple[str, ...]
    tolerance: float = 0.0
    spread: float | None = None
    relative: bool = False
    floor: float = 0.0
    period: float | None = None
    required: bool = True
    silent: bool = False
    fallback: GroupKey | None = None

    @property
    def widest(self) -> float:
        """The most that two frames of one group may differ."""
        return 2 * self.tolerance if self.spread is None else self.spread


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule:
    """Which frames of a kind are combined: of one night, and with these keys alike.

    Attributes
    ----------
    kind
        The catalog's word: ``'dark'``, ``'flat'``, ``'bias'``.
    keys
        Besides the night; columns of the answer in this order. The first is the camera.
    minimum
        Fewer frames are too few for a master.
    maximum
        A master takes no more; None: no limit.
    window
        Nights before and after from which a group that is too small may borrow.
    """

    kind: str
    keys: tuple[GroupKey, ...]
    minimum: int
    maximum: int | None = None
    window: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLimits:
    """When a frame is doubtful or bad, before anything is combined. None: not judged.

    Attributes
    ----------
    saturation
        Values from here on are saturated, in the units of the file.
    saturated
        Fraction of saturated pixels from which a frame is bad. 5 %: as in BANZAI's saturation test.
    level
        Kind and the least and greatest median level of a good frame.
    snr
        Kind and the least ratio of level to noise. 50 for flats: as in BANZAI's S/N test.
    warm, too_warm
        Degrees off the set point from which a frame is doubtful, and bad. 0.5: as in BANZAI. Without a
        set point the frames of the camera in that night are compared with their median.
    leak
        Darks: smooth structure, or level above the group's, in units of the pixel noise, from
        which light has leaked in.
    gradient
        Kind and the greatest edge-to-edge slope, a fraction of the level.
    asymmetry
        Kind and the greatest difference between a frame and its mirror image, a fraction of the
        level; Huntsman's test for clouds, stray light and vignetting gone wrong.
    hot_sigma
        A pixel is hot that is so many times the noise above the level.
    distance_sigma, distance
        A frame is bad with more than the fraction `distance` of its pixels further than
        `distance_sigma` from the previous master. 6 and 5 %: as in BANZAI's comparison.
    """

    saturation: float | None = None
    saturated: float = 0.05
    level: tuple[tuple[str, float, float], ...] = ()
    snr: tuple[tuple[str, float], ...] = (("flat", 50.0),)
    warm: float = 0.5
    too_warm: float = 2.0
    leak: float = 0.5
    gradient: tuple[tuple[str, float], ...] = (("flat", 0.15),)
    asymmetry: tuple[tuple[str, float], ...] = (("flat", 0.15),)
    hot_sigma: float = 10.0
    distance_sigma: float = 6.0
    distance: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the instrument stands: degrees east and north, metres."""

    longitude: float
    latitude: float
    height: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a profile declares about calibration.

    Attributes
    ----------
    groups
        One rule a kind.
    limits
        When a frame is bad.
    clock
        Seconds by which a camera's clock may differ from the telescope array's.
    irrelevant
        Keywords, or shell patterns of them, that may differ within a group: none of them makes it mixed.
    off_set_point
        Degrees off its set point from which a frame does not serve in a group.
    """

    groups: tuple[GroupRule, ...] = ()
    limits: FrameLimits = FrameLimits()
    clock: float = 5.0
    irrelevant: tuple[str, ...] = ()
    off_set_point: float = 1.0

    def rule(self, kind: str) -> GroupRule | None:
        """Return the rule of a kind; None without one."""
        return next((rule for rule in self.groups if rule.kind == kind), None)

    def extended(self, keys: tuple[GroupKey, ...] = (), irrelevant: tuple[str, ...] = ()) -> Calibration:
        """Return these declarations with further keys in every rule, and further keywords that do not matter.

        A key of the name of one that is there takes its place.
        """
        named = {key.name for key in keys}
        groups = tuple(
            replace(rule, keys=(*(key for key in rule.keys if key.name not in named), *keys)) for rule in self.groups
        )
        return replace(self, groups=groups, irrelevant=(*self.irrelevant, *irrelevant))


UNDECLARED = Calibration()
"""Of a profile that declares no groups: its frames are not combined."""

CAMERA = GroupKey(name="camera", paths=("obs.camera",))
"""The individual camera; without one a frame is in no group."""

EXPTIME = GroupKey(name="exptime", paths=("obs.exptime",), tolerance=0.01, spread=0.01, relative=True, floor=1e-5)
"""Exposure time, s. Electronic shutters are exact to microseconds: darks of 25 and 144 us are two groups."""

SHUTTER = replace(EXPTIME, floor=0.01)
"""Exposure time, s, of a mechanical shutter: 0.01 s is its repeatability, and DRAGONS' tolerance for darks."""

TEMPERATURE = GroupKey(
    name="temperature",
    paths=("obs.set_temperature",),
    tolerance=0.25,
    spread=0.5,
    required=False,
    fallback=GroupKey(name="temperature", paths=("obs.temperature",), tolerance=1.5, spread=1.5, required=False),
)
"""Set point, degrees C; of a camera without one what was measured: dark current doubles in about 6 degrees."""

FILTER = GroupKey(name="filter", paths=("obs.filter",), required=False)
"""The filters of all wheels; a camera without a wheel has none."""

LIGHT = GroupKey(name="kind_note", paths=("obs.kind_note",), required=False, silent=True)
"""Where the light of a flat is from, as far as its header says: ``'sky'``, ``'dome'``, ``'lamp'``."""

ROTATOR = GroupKey(name="rotator", paths=("obs.rotator",), tolerance=1.0, spread=2.0, period=360.0, required=False)
"""Angle of the rotator, degrees: the shadows of a flat turn with it."""

SETUP = (
    GroupKey(name="telescope", paths=("obs.telescope",), required=False),
    GroupKey(name="detector", paths=("obs.detector",), required=False),
    GroupKey(name="binning", paths=("obs.binning",), required=False),
    GroupKey(name="window", paths=("obs.window",), required=False),
    GroupKey(name="mode", paths=("obs.mode",), required=False),
    GroupKey(name="gain_setting", paths=("obs.gain_setting",), required=False),
    GroupKey(name="offset_setting", paths=("obs.offset_setting",), required=False),
    GroupKey(name="gain", paths=("obs.gain",), tolerance=0.01, spread=0.01, relative=True, required=False),
    GroupKey(name="coadds", paths=("obs.coadds",), required=False),
    GroupKey(name="stacked", paths=("obs.stacked",), required=False),
    GroupKey(name="bayer", paths=("obs.bayer",), required=False),
    GroupKey(name="dispersed", paths=("obs.dispersed",), required=False),
    GroupKey(name="shape", paths=("images.shape",)),
    GroupKey(name="dtype", paths=("images.dtype",)),
    GroupKey(name="scale", paths=("images.scale",), required=False),
)
"""How a camera was set up and read, and how its pixels are stored: of every group, whatever the camera."""

OVERSCAN = GroupKey(name="overscan", paths=("header.BIASSEC",), required=False)
"""Where no light falls: of a rule with this key, the level there is taken from each frame before anything else."""


def standard_rules(
    *, exptime: GroupKey = EXPTIME, flat_keys: tuple[GroupKey, ...] = (), keys: tuple[GroupKey, ...] = ()
) -> tuple[GroupRule, ...]:
    """Return the group rules of darks, biases and flats that suit any camera.

    Parameters
    ----------
    exptime
        How exposure times are compared: `EXPTIME`, or `SHUTTER`.
    flat_keys, keys
        Further keys of flats, and of every kind.

    Examples
    --------
    >>> [rule.kind for rule in standard_rules(exptime=SHUTTER)]
    ['dark', 'bias', 'flat']
    """
    setup = (TEMPERATURE, *SETUP, *keys)
    beam = (FILTER, *flat_keys, LIGHT, ROTATOR)
    # Flats are normalised before they are combined, so their exposure times need not agree.
    return (
        GroupRule(kind="dark", keys=(CAMERA, exptime, *setup), minimum=3, maximum=50, window=7),
        GroupRule(kind="bias", keys=(CAMERA, *setup), minimum=3, maximum=50, window=7),
        GroupRule(kind="flat", keys=(CAMERA, *beam, *setup), minimum=5, maximum=50, window=7),
    )


def problems(calibration: Calibration) -> list[str]:
    """Say what makes no sense, in words that follow the profile's name."""
    found = []
    kinds = [rule.kind for rule in calibration.groups]
    if len(set(kinds)) != len(kinds):
        found.append("has two group rules for one kind")
    for rule in calibration.groups:
        names = [key.name for key in rule.keys]
        if not names or len(set(names)) != len(names):
            found.append(f"needs distinct keys to group {rule.kind} frames")
        if rule.minimum < 1 or (rule.maximum is not None and rule.maximum < rule.minimum) or rule.window < 0:
            found.append(f"groups {rule.kind} frames with a senseless minimum, maximum or window")
        for key in rule.keys:
            for one in filter(None, (key, key.fallback)):
                if not one.paths or one.tolerance < 0 or one.widest < one.tolerance or one.floor < 0:
                    found.append(f"groups by {key.name} without a field, or with a spread below its tolerance")
    return found
