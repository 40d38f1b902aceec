"""Learning the site: the longitude at which cameras stand, from the part of the UTC day in which they never exposed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import NothingThere, UsageError
from pipelines.instruments.home import read_site, write_longitude
from pipelines.session import Session

DAY = 86_400
FRAMES = 20  # fewer frames of a camera say nothing of its habits
DAYS = 3  # so do frames of fewer calendar days
QUIET = 8  # hours: a shorter gap may be a cloud and no daylight
SPAN = 6  # hours of the night that must be seen, or its middle is a guess
LONGEST_NIGHT = 14  # hours between the first and the last frame that a night at most sites allows
STEP = 1800  # s: of a long exposure, how close the moments are that stand for it


@dataclass(slots=True)
class _Camera:
    """Moments of the UTC day, in seconds, in which a camera exposed."""

    frames: int = 0
    days: set[date] = field(default_factory=set)
    moments: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def enough(self) -> bool:
        return self.frames >= FRAMES and len(self.days) >= DAYS


@dataclass(frozen=True, slots=True, repr=False)
class Learned:
    """A longitude, and what it follows from.

    Attributes
    ----------
    longitude, uncertainty
        Degrees east, and by how much it may be wrong.
    begin, end
        The part of the UTC day without an exposure, hours; `begin` above `end` means over midnight.
    frames, days
        Sky frames looked at, and their calendar days.
    cameras, left_out
        The cameras looked at, and those with too few frames to count.
    file
        Where it was written; None: nowhere.
    """

    longitude: float
    uncertainty: float
    begin: float
    end: float
    frames: int
    days: int
    cameras: tuple[str, ...]
    left_out: tuple[str, ...]
    file: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def evidence(self) -> str:
        """What it follows from, in a sentence."""
        return (
            f"{self.frames} sky frames of {self.days} days ({_some(self.cameras)}): none between "
            f"{_clock(self.begin)} and {_clock(self.end)} UTC"
        )

    def __repr__(self) -> str:
        lines = [
            self.evidence,
            f"its middle is local noon at longitude {self.longitude:g}, give or take {self.uncertainty:g} degrees,",
            "if the clocks of the cameras keep UTC",
        ]
        if self.left_out:
            lines.append(f"not looked at, with too few frames: {_some(self.left_out)}")
        if self.file is None:
            lines.append("nothing was written")
        else:
            lines.append(
                f"written to {self.file}; put the longitude right there if you know it, then: darkroom identify --all"
            )
        return "\n".join(lines)


def learn_site(session: Session, *, dry_run: bool = False) -> Learned:
    """Find the longitude of cameras whose site nothing tells, and write it to ``darkroom.toml``.

    The sun is up while a camera for the sky never exposes; the middle of that part of the day is taken for local
    noon, 15 degrees of longitude an hour from noon in UTC. Only raw lights count: darks, biases and flats
    are taken by day as well.

    Parameters
    ----------
    dry_run
        Say it, and write nothing.

    Raises
    ------
    UsageError
        ``darkroom.toml`` names a site already, or the archive has no folder to keep one in.
    NothingThere
        The evidence is thin, or cameras contradict each other.
    """
    if session.home is None:
        raise UsageError("this archive has no home, so there is no darkroom.toml; open it with --home")
    if read_site(session.home).source is not None:
        raise UsageError(f"{session.home / 'darkroom.toml'} names a site already; it is yours to edit")
    cameras = _cameras(session)
    used = {name: one for name, one in cameras.items() if one.enough}
    if not used:
        most = max(cameras.values(), key=lambda one: (len(one.days), one.frames), default=_Camera())
        raise NothingThere(
            f"too little to learn a site from: the most of one camera are {most.frames} lights of {len(most.days)} "
            f"days whose site nothing tells; {FRAMES} lights of {DAYS} days are the least. Write it yourself: "
            f"[site] with longitude, in {session.home / 'darkroom.toml'}"
        )
    begin, gap = quiet_part(np.concatenate([part for one in used.values() for part in one.moments]))
    _require_evidence(used, gap)
    noon = begin + gap / 2
    learned = Learned(
        longitude=float(round(((12 - noon) * 15 + 180) % 360 - 180)),
        uncertainty=max(8.0, round((LONGEST_NIGHT - (24 - gap)) / 2 * 15)),
        begin=round(begin, 2),
        end=round((begin + gap) % 24, 2),
        frames=sum(one.frames for one in used.values()),
        days=len(set().union(*(one.days for one in used.values()))),
        cameras=tuple(sorted(used)),
        left_out=tuple(sorted(set(cameras) - set(used))),
    )
    if dry_run:
        return learned
    return _written(learned, session.home)


def quiet_part(moments: NDArray[np.float64]) -> tuple[float, float]:
    """Return the longest part of the day without a moment: where it begins and how long it is, in hours.

    Parameters
    ----------
    moments
        Seconds of the day, float64, at least one.

    Examples
    --------
    >>> quiet_part(np.array([22.0, 1.0, 4.0]) * 3600)
    (4.0, 18.0)
    """
    day = np.unique(moments % DAY)
    gaps = np.diff(day, append=day[0] + DAY)
    longest = int(np.argmax(gaps))
    return float(day[longest] / 3600), float(gaps[longest] / 3600)


def _cameras(session: Session) -> dict[str, _Camera]:
    """Return when each camera exposed; only frames with a time that is believed and no site."""
    query = {"kind": "light", "obs_from.night": {"$in": ["UTC", "path"]}, "qc.flags": {"$ne": "time-doubtful"}}
    wanted = {"timestamp": 1, "obs.camera": 1, "obs.exptime": 1}
    found: dict[str, _Camera] = defaultdict(_Camera)
    for document in session.headers.find(query, wanted):
        moment, obs = document.get("timestamp"), document.get("obs", {})
        if moment is None:
            continue
        camera = found[str(obs.get("camera", "without a name"))]
        camera.frames += 1
        camera.days.add(moment.date())
        length = min(max(float(obs.get("exptime") or 0), 0), DAY)
        start = moment.hour * 3600 + moment.minute * 60 + moment.second
        camera.moments.append(start + np.append(np.arange(0, length, STEP), length))
    return dict(found)


def _require_evidence(used: dict[str, _Camera], gap: float) -> None:
    """Refuse cameras that were never all idle for long, and nights of which too little was seen."""
    if gap < QUIET:
        each = []
        for name, camera in sorted(used.items())[:5]:
            begin, own = quiet_part(np.concatenate(camera.moments))
            each.append(f"{name} from {_clock(begin)} to {_clock((begin + own) % 24)} UTC")
        raise NothingThere(
            f"no part of the UTC day of {QUIET} hours is without exposures: the longest is {gap:.1f} h. The longest of "
            f"each camera: {'; '.join(each)}. If cameras stand at several sites, name the site in a profile of each"
        )
    if 24 - gap < SPAN:
        raise NothingThere(
            f"the frames cover only {24 - gap:.1f} h of the UTC day, too little of a night to tell where its middle "
            f"is ({SPAN} h are the least); name the longitude in darkroom.toml yourself"
        )


def _written(learned: Learned, home: Path) -> Learned:
    note = f"learned from {learned.evidence}; give or take {learned.uncertainty:g} degrees"
    return replace(learned, file=str(write_longitude(home, learned.longitude, note)))


def _clock(hours: float) -> str:
    minutes = round(hours * 60) % 1440
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _some(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} cameras, {', '.join(names[:3])}{', …' * (len(names) > 3)}"
