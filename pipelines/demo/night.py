"""A night of the Dragonfly array: flats at dusk, darks, lights, flats at dawn, from several cameras at once.

All cameras take an exposure number together. One camera's clock is wrong by hours, so its
evening flats say that they were taken in the morning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np

from pipelines.demo.cameras import Camera, Plane, Sensor, cameras, field_of_stars
from pipelines.demo.faults import FAULTS
from pipelines.demo.sky import alt_az, sexagesimal, sun_at
from pipelines.demo.troubles import CALM, TROUBLES, Circumstances, circumstances

DARK_TIMES = (6.0, 8.0, 9.0, 10.0, 14.0)
"""Exposure times of the flats, and so of the darks, s."""

LIGHT_TIME = 600.0
DARKS = 3

_TARGETS = (
    ("M74", 1.6116, 15.784),
    ("NGC891", 2.3759, 42.349),
    ("NGC2903", 9.5361, 21.501),
    ("NGC4565", 12.6058, 25.988),
    ("M101", 14.0535, 54.349),
    ("NGC5907", 15.2649, 56.329),
    ("NGC7331", 22.6178, 34.416),
)
"""Name, right ascension in hours and declination in degrees of nearby galaxies."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it was truly taken.

    Attributes
    ----------
    id
        ``unit/night/name``, which is what the catalog calls it.
    camera
        Serial number.
    number
        Exposure number, shared by all cameras.
    kind
        ``'flat'``, ``'dark'`` or ``'light'``.
    exptime
        Seconds.
    taken
        When it was taken, UTC.
    stamped
        When its header says it was taken, UTC; another time when the camera's clock is wrong.
    twilight
        ``'evening'`` or ``'morning'`` for a flat, truly; None for the others.
    """

    id: str
    camera: str
    number: int
    kind: str
    exptime: float
    taken: datetime
    stamped: datetime
    twilight: str | None


@dataclass(frozen=True, slots=True)
class NightTruth:
    """What is true of a simulated night.

    Attributes
    ----------
    folder
        Where the units' folders are.
    night
        ``YYYY-MM-DD``.
    cameras
        The cameras, in order of their units.
    frames
        Every good frame, by camera and exposure number.
    wrong_clock
        Serial number of the camera whose clock is wrong; None when all are right.
    clock_error
        What that clock shows more than it should.
    faults
        The `_id` of each deliberately damaged file, by its fault.
    troubles
        The `_id` of each frame that a trouble of the night befell, by the trouble.
    nbytes
        Bytes of all files.
    """

    folder: Path
    night: str
    cameras: tuple[Camera, ...]
    frames: tuple[Frame, ...]
    wrong_clock: str | None
    clock_error: timedelta
    faults: Mapping[str, str]
    troubles: Mapping[str, str]
    nbytes: int

    def dark_groups(self) -> dict[tuple[str, float], list[str]]:
        """Return the ids of the darks by camera and exposure time, sorted."""
        groups: dict[tuple[str, float], list[str]] = {}
        for frame in self.frames:
            if frame.kind == "dark":
                groups.setdefault((frame.camera, frame.exptime), []).append(frame.id)
        return {key: sorted(ids) for key, ids in sorted(groups.items())}

    def twilights(self) -> dict[int, str]:
        """Return the true time of day of the flats, by exposure number."""
        return {frame.number: frame.twilight for frame in self.frames if frame.twilight is not None}


@dataclass(frozen=True, slots=True)
class _Shot:
    """What all cameras do at one exposure number."""

    number: int
    kind: str
    exptime: float
    taken: datetime
    target: tuple[str, float, float]
    twilight: str | None = None


def simulate_night(
    folder: str | os.PathLike[str],
    *,
    night: str = "2024-02-20",
    units: int = 8,
    shape: tuple[int, int] = (254, 317),
    lights: int = 4,
    clock_error: timedelta = timedelta(hours=11),
    faults: Sequence[str] = (),
    troubles: Sequence[str] = (),
    seed: int = 1,
) -> NightTruth:
    """Write a night of frames under ``folder/{unit}/{night}/``.

    Parameters
    ----------
    folder
        Made if it is not there.
    night
        The day the night begins on, ``YYYY-MM-DD``.
    units
        Cameras, 1..48.
    shape
        Rows and columns of a frame; those of the array have (2536, 3358).
    lights
        Lights a camera takes.
    clock_error
        How far one camera's clock is ahead, when there are at least three cameras. Zero: all
        are right.
    faults
        Names of `FAULTS`; a damaged file is written for each, by the first camera.
    troubles
        Names of `TROUBLES`; each befalls one dark, of a camera of its own where there are enough.
    seed
        Of the array and of the night.

    Returns
    -------
    NightTruth
        What is true of the files.

    Raises
    ------
    ValueError
        The night is no day, or a number or a fault is not to be had.
    """
    unknown = sorted({*faults, *troubles} - {*FAULTS, *TROUBLES})
    if unknown:
        raise ValueError(f"no fault {', '.join(unknown)}; known are {', '.join((*FAULTS, *TROUBLES))}")
    day = date.fromisoformat(night)
    folder = Path(folder)
    sensors = cameras(units, shape, seed=seed)
    wrong = units // 2 if units >= 3 and clock_error else None
    stars = field_of_stars(np.random.default_rng((seed, 99)), shape, max(12, shape[0] * shape[1] // 1000), 2.5)
    frames: list[Frame] = []
    befallen: dict[str, str] = {}
    nbytes = 0
    for index, sensor in enumerate(sensors):
        rng = np.random.default_rng((seed, day.toordinal(), index))
        place = folder / sensor.camera.unit / night
        place.mkdir(parents=True, exist_ok=True)
        shots, mine, extra = _schedule(day, lights), list[Frame](), list[Frame]()
        for shot in shots:
            stamped = shot.taken + (clock_error if index == wrong else timedelta(0))
            name = f"{sensor.camera.serial}_{shot.number}_{shot.kind}.fits"
            befalls = circumstances(troubles, index, units, shot.kind, sum(f.kind == "dark" for f in mine), shape)
            file = _file(sensor, shot, stamped, stars, rng, befalls)
            (place / name).write_bytes(file)
            nbytes += len(file)
            mine.append(_frame(sensor.camera, night, name, shot, stamped))
            if befalls.trouble is not None:
                befallen[befalls.trouble] = mine[-1].id
            if befalls.twice:
                again = f"{sensor.camera.serial}_{len(shots) + 1}_{shot.kind}.fits"
                (place / again).write_bytes(file)
                nbytes += len(file)
                copy = replace(shot, number=len(shots) + 1)
                extra.append(_frame(sensor.camera, night, again, copy, stamped))
                befallen["duplicate"] = extra[-1].id
        frames += mine + extra
    model = next((frame for frame in frames if frame.kind == "light"), frames[0])
    damaged, more = _damage(folder, model, faults, first=max(frame.number for frame in frames) + 1)
    return NightTruth(
        folder=folder,
        night=night,
        cameras=tuple(sensor.camera for sensor in sensors),
        frames=tuple(frames),
        wrong_clock=sensors[wrong].camera.serial if wrong is not None else None,
        clock_error=clock_error if wrong is not None else timedelta(0),
        faults=MappingProxyType(damaged),
        troubles=MappingProxyType(befallen),
        nbytes=nbytes + more,
    )


def _schedule(day: date, lights: int) -> list[_Shot]:
    """Plan what is taken when: flats of growing times as the sky fades, of falling times as it brightens."""
    shots: list[_Shot] = []
    dark = sun_at(day, -14.0, rising=False)
    middle = dark + lights / 2 * timedelta(seconds=LIGHT_TIME)
    target = max(_TARGETS, key=lambda target: alt_az(middle, *target[1:])[0])

    def add(kind: str, exptime: float, taken: datetime, twilight: str | None = None) -> datetime:
        shots.append(_Shot(len(shots) + 1, kind, exptime, taken.replace(microsecond=0), target, twilight))
        return taken + timedelta(seconds=exptime + 18)

    clock = sun_at(day, -3.5, rising=False)
    for exptime in DARK_TIMES:
        clock = add("flat", exptime, clock, "evening")
    for exptime in DARK_TIMES:
        for _ in range(DARKS):
            clock = add("dark", exptime, clock)
    clock = dark
    for _ in range(lights):
        clock = add("light", LIGHT_TIME, clock)
    clock = sun_at(day + timedelta(days=1), -6.0, rising=True)
    for exptime in reversed(DARK_TIMES):
        clock = add("flat", exptime, clock, "morning")
    return shots


def _frame(camera: Camera, night: str, name: str, shot: _Shot, stamped: datetime) -> Frame:
    path = f"{camera.unit}/{night}/{name}"
    return Frame(path, camera.serial, shot.number, shot.kind, shot.exptime, shot.taken, stamped, shot.twilight)


def _file(
    sensor: Sensor,
    shot: _Shot,
    stamped: datetime,
    stars: Plane,
    rng: np.random.Generator,
    befalls: Circumstances = CALM,
) -> bytes:
    """One frame's FITS file."""
    from pipelines.demo.frames import frame_file

    light: Plane | float = 0.0
    objects = 0
    if shot.kind == "flat":
        tilt = np.linspace(-0.02, 0.02, stars.shape[1], dtype=np.float32)
        light = np.float32(rng.uniform(18000, 24000)) * (1 + tilt * (1 if shot.twilight == "evening" else -1))
        light = np.broadcast_to(light, stars.shape)
    elif shot.kind == "light":
        light = np.float32(0.9 * shot.exptime) + stars
        objects = max(12, stars.size // 1000) - int(rng.integers(0, 8))
    if befalls.stray is not None:
        light = light + befalls.stray * np.float32(shot.exptime)
    frame = sensor.expose(rng, shot.exptime, light, warmer=befalls.warmer)
    target, ra, dec = shot.target
    altitude, azimuth = alt_az(shot.taken, ra, dec)
    values: dict[str, str | float] = {
        "DATE": stamped.strftime("%Y-%m-%dT%H:%M:%S"),
        "EXPTIME": shot.exptime,
        "IMAGETYP": shot.kind,
        "SERIALNO": sensor.camera.serial,
        "TARGET": target if shot.kind == "light" else shot.kind,
        "RA": sexagesimal(ra, hours=True),
        "DEC": sexagesimal(dec, hours=False),
        "ALTITUDE": round(altitude, 2),
        "AZIMUTH": round(azimuth, 2),
        "TEMPERAT": round(-10.0 + befalls.warmer + 0.1 * float(rng.integers(-2, 3)), 1),
        "FWHM": round(float(rng.uniform(2.4, 2.7)), 2) if objects else 0.0,
        "FWHMRMS": round(float(rng.uniform(1.0, 1.4)), 11) if objects else 0.0,
        "NOBJ": objects,
    }
    return frame_file(frame, values, unit=int(sensor.camera.unit[-3:]))


def _damage(folder: Path, model: Frame, faults: Sequence[str], *, first: int) -> tuple[dict[str, str], int]:
    """Write a damaged file for each fault beside a good one, and give their ids and bytes."""
    good = (folder / model.id).read_bytes()
    ids, nbytes = {}, 0
    for number, fault in enumerate(dict.fromkeys(faults), first):
        file = FAULTS[fault](good)
        name = Path(model.id).with_name(f"{model.camera}_{number}_{model.kind}.fits")
        (folder / name).write_bytes(file)
        ids[fault] = name.as_posix()
        nbytes += len(file)
    return ids, nbytes
