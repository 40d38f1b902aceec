"""What a profile declares about calibration: which frames go together, and what a good frame is.

Declarations only; `pipelines.calibration` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """One value that the frames of a group share.

    Attributes
    ----------
    name
        Column of the answer.
    paths
        Fields of the document, in order of preference: the first that is neither absent nor null.
    tolerance
        0: equal exactly. Otherwise numbers whose neighbours, sorted, are no further apart belong together.
    spread
        The most that two frames of one group may differ, so that small steps do not chain; by
        default twice the tolerance.
    relative
        Whether tolerance and spread are fractions of the value.
    required
        Whether a frame without it is incomplete. What is not required may be absent from all frames
        of a camera; where only some have it, those without are a group apart, with a reason.
    """

    name: str
    paths: tuple[str, ...]
    tolerance: float = 0.0
    spread: float | None = None
    relative: bool = False
    required: bool = True

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
    temperature, set_temperature
        Fields of the measured temperature and of its set point. Without a set point the frames
        of the camera in that night are compared with their median.
    warm, too_warm
        Degrees off the set point from which a frame is doubtful, and bad. 0.5: as in BANZAI.
    leak
        Darks: smooth structure, or level above the group's, in units of the noise of a pixel, from
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
    temperature: tuple[str, ...] = ("header.CCD-TEMP", "header.TEMPERAT", "header.CCDTEMP", "header.DET-TEMP")
    set_temperature: tuple[str, ...] = ("header.SET-TEMP", "header.SETTEMP", "header.CCDSTEMP")
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
        Seconds by which a camera's clock may differ from the array's.
    """

    groups: tuple[GroupRule, ...] = ()
    limits: FrameLimits = FrameLimits()
    clock: float = 5.0

    def rule(self, kind: str) -> GroupRule | None:
        """Return the rule of a kind; None without one."""
        return next((rule for rule in self.groups if rule.kind == kind), None)


UNDECLARED = Calibration()
"""Of a profile that declares no groups: its frames are not combined."""

SETUP = (
    GroupKey(name="gain", paths=("header.GAIN", "header.EGAIN"), required=False),
    GroupKey(name="offset", paths=("header.OFFSET", "header.BLKLEVEL"), required=False),
    GroupKey(name="mode", paths=("header.READOUTM", "header.READMODE"), required=False),
    GroupKey(name="xbinning", paths=("header.XBINNING",), required=False),
    GroupKey(name="ybinning", paths=("header.YBINNING",), required=False),
    GroupKey(name="xorigin", paths=("header.XORGSUBF",), required=False),
    GroupKey(name="yorigin", paths=("header.YORGSUBF",), required=False),
    GroupKey(name="shape", paths=("arrays.sci.shape",)),
    GroupKey(name="dtype", paths=("arrays.sci.dtype",)),
    GroupKey(name="scale", paths=("arrays.sci.scale",), required=False),
)
"""How a camera was read and how its pixels are stored, in the keywords of common camera software."""

OVERSCAN = GroupKey(name="overscan", paths=("header.BIASSEC",), required=False)
"""Where no light falls: of a rule with this key, the level there is taken from each frame before anything else."""


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
            if not key.paths or key.tolerance < 0 or key.widest < key.tolerance:
                found.append(f"groups by {key.name} without a field, or with a spread below its tolerance")
    return found
