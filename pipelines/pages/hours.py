"""The hours of a night: how long it was dark, how long each camera exposed, and what became of the rest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from pipelines.calibration.groups.keys import camera_of
from pipelines.calibration.times.sun import altitude
from pipelines.documents.schema import Doc
from pipelines.instruments import Site

DARK = -18.0
"""Altitude of the sun in degrees below which it is dark: the end of astronomical twilight."""

LONG = timedelta(minutes=5)
"""A pause from which on a gap is named; shorter ones are reading out and pointing."""

_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time."""

    begin: datetime
    end: datetime

    @property
    def hours(self) -> float:
        """Its length."""
        return (self.end - self.begin) / timedelta(hours=1)

    def within(self, other: "Span") -> "Span | None":
        """Return the part of it that lies in another; None where none does."""
        begin, end = max(self.begin, other.begin), min(self.end, other.end)
        return Span(begin, end) if begin < end else None


@dataclass(frozen=True, slots=True)
class Exposure:
    """A frame on the line of time: when the shutter was open, what kind it is, and whether it was judged bad."""

    span: Span
    kind: str
    bad: bool


@dataclass(frozen=True, slots=True)
class CameraHours:
    """What a camera did in the dark, hours.

    Attributes
    ----------
    camera : str
        Its key.
    exposed : float
        On lights that were not judged bad.
    bad : float
        On lights that were.
    other : float
        On darks, flats and all other kinds.
    pauses : float
        Between exposures, in pauses shorter than five minutes.
    gaps : tuple of Span
        Longer stretches of the dark in which nothing was exposed.
    exposures : tuple of Exposure
        All of the night, also outside of the dark.
    untimed : int
        Frames that do not say when they were exposed, and are counted nowhere.
    """

    camera: str
    exposed: float = 0.0
    bad: float = 0.0
    other: float = 0.0
    pauses: float = 0.0
    gaps: tuple[Span, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    untimed: int = 0

    @property
    def idle(self) -> float:
        """Hours of the dark in gaps."""
        return sum(gap.hours for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a night.

    Attributes
    ----------
    dark : Span or None
        From the end of evening twilight to the beginning of morning twilight.
    unknown : str
        Why `dark` is not known; empty where it is.
    cameras : tuple of CameraHours
        By camera.
    """

    dark: Span | None
    unknown: str = ""
    cameras: tuple[CameraHours, ...] = field(default=())


def hours_of(night: str, frames: Sequence[Doc], *, offsets: Mapping[str, float] | None = None) -> Hours:
    """Return the hours of a night by its frames.

    Parameters
    ----------
    night : str
        ``YYYY-MM-DD``.
    frames : sequence of dict
        Its documents: ``kind``, ``timestamp``, ``obs``, ``qc.verdict``.
    offsets : dict of str to float, optional
        Seconds by which the clock of a camera is ahead; its frames are put where they belong.
    """
    site = _site(frames)
    dark = None if site is None else darkness(night, site)
    if site is None:
        unknown = "no frame says latitude and longitude of its site, and darkroom.toml names none"
    elif dark is None:
        unknown = "the sun did not sink to 18 degrees below the horizon"
    else:
        unknown = ""
    by_camera: dict[str, list[Doc]] = {}
    for frame in frames:
        by_camera.setdefault(str(camera_of(frame) or "no camera"), []).append(frame)
    ahead = offsets or {}
    cameras = [_camera(name, by_camera[name], dark, ahead.get(name, 0.0)) for name in sorted(by_camera)]
    return Hours(dark, unknown, tuple(cameras))


def darkness(night: str, site: Site) -> Span | None:
    """Return when it was dark between the local noon of a day and the next, to the minute; None if it was not.

    Examples
    --------
    >>> dark = darkness("2024-02-20", Site(longitude=-105.529, latitude=32.903))
    >>> f"{dark.begin:%d %H:%M} {dark.end:%d %H:%M}"
    '21 02:15 21 12:13'
    """
    noon = datetime.combine(date.fromisoformat(night), time(12), tzinfo=UTC) - timedelta(hours=site.longitude / 15)
    noon = noon.replace(second=0, microsecond=0)
    below = [instant for number in range(24 * 60) if altitude(instant := noon + number * _STEP, site) < DARK]
    return Span(below[0], below[-1] + _STEP) if below else None


def _site(frames: Iterable[Doc]) -> Site | None:
    for frame in frames:
        stated = (frame.get("obs") or {}).get("site") or {}
        longitude, latitude = stated.get("longitude"), stated.get("latitude")
        if longitude is not None and latitude is not None:
            return Site(longitude=float(longitude), latitude=float(latitude))
    return None


def _camera(name: str, frames: Sequence[Doc], dark: Span | None, ahead: float) -> CameraHours:
    exposures = sorted(_exposures(frames, timedelta(seconds=ahead)), key=lambda one: one.span)
    untimed = len(frames) - len(exposures)
    if dark is None:
        return CameraHours(name, exposures=tuple(exposures), untimed=untimed)
    sums = {"exposed": 0.0, "bad": 0.0, "other": 0.0}
    last, pauses, gaps = dark.begin, timedelta(0), []
    for one in exposures:
        part = one.span.within(dark)
        if part is None:
            continue
        if part.begin - last >= LONG:
            gaps.append(Span(last, part.begin))
        elif part.begin > last:
            pauses += part.begin - last
        # What overlaps the frame before is counted once.
        new = max(timedelta(0), part.end - max(part.begin, last))
        sums["other" if one.kind != "light" else "bad" if one.bad else "exposed"] += new / timedelta(hours=1)
        last = max(last, part.end)
    if dark.end - last >= LONG:
        gaps.append(Span(last, dark.end))
    else:
        pauses += max(timedelta(0), dark.end - last)
    return CameraHours(
        name,
        pauses=pauses / timedelta(hours=1),
        gaps=tuple(gaps),
        exposures=tuple(exposures),
        untimed=untimed,
        **sums,
    )


def _exposures(frames: Iterable[Doc], ahead: timedelta) -> Iterator[Exposure]:
    for frame in frames:
        begin, seconds = frame.get("timestamp"), (frame.get("obs") or {}).get("exptime")
        if begin is None or seconds is None:
            continue
        span = Span(begin - ahead, begin - ahead + timedelta(seconds=float(seconds)))
        yield Exposure(span, str(frame.get("kind")), (frame.get("qc") or {}).get("verdict") == "bad")
