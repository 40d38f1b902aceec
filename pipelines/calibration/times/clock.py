"""The telescope array as a clock: cameras that share exposure numbers show how wrong each one's time is.

All cameras start an exposure number together, so a camera's time less the median of all is the error
of its clock. Over a night that gives an offset and a drift, both robust against single wrong frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog import Collection
from pipelines.calibration.groups.keys import camera_of
from pipelines.calibration.times.frames import Frame, by_profile, frames_of
from pipelines.combine.methods import MAD_TO_SIGMA
from pipelines.instruments import Profile
from pipelines.instruments.nights import night_of
from pipelines.table import Answer, Row

_LONG_ENOUGH = 600.0  # seconds between first and last shared exposure, for a drift

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArrayTime:
    """When the array took an exposure number.

    Attributes
    ----------
    instant
        Median of the cameras' times, seconds since 1970.
    cameras, agreeing
        How many cameras took it, and how many of them are within the tolerance of the median.
    """

    instant: float
    cameras: int
    agreeing: int

    @property
    def known(self) -> bool:
        """Whether most cameras agree on it, so that the median means something."""
        return self.cameras > 1 and 2 * self.agreeing > self.cameras


@dataclass(frozen=True, slots=True)
class CameraClock:
    """A camera's clock in one night, against the telescope array's.

    Attributes
    ----------
    verdict
        ``'right'``, ``'wrong'``, ``'drifts'``, ``'jumps'`` or ``'unknown'``.
    offset, offset_sigma
        Seconds it is ahead in the middle of its shared exposures, and the uncertainty.
    drift, drift_sigma
        Seconds gained in a second; None where the exposures do not span ten minutes.
    scatter
        Of single times around offset and drift, s.
    middle
        Seconds since 1970.
    shared
        Exposures it shares with an agreeing majority.
    reason
        Why it is not right, or not known.
    """

    verdict: str
    offset: float | None = None
    offset_sigma: float | None = None
    drift: float | None = None
    drift_sigma: float | None = None
    scatter: float | None = None
    middle: float = 0.0
    shared: int = 0
    reason: str | None = None

    def true_time(self, shown: datetime) -> datetime:
        """Return the telescope array's time for a time that the camera shows."""
        error = (self.offset or 0.0) + (self.drift or 0.0) * (shown.timestamp() - (self.offset or 0.0) - self.middle)
        return shown - timedelta(seconds=round(error, 3))


def array_times(frames: Sequence[Frame], tolerance: float) -> dict[int, ArrayTime]:
    """Return the telescope array's time of every exposure number; one that a camera used twice counts without it."""
    answer = {}
    for number, times in _by_number(frames).items():
        values = np.array(list(times.values()))
        middle = float(np.median(values))
        answer[number] = ArrayTime(middle, len(values), int((np.abs(values - middle) <= tolerance).sum()))
    return answer


def camera_clocks(frames: Sequence[Frame], tolerance: float) -> dict[str, CameraClock]:
    """Compare each camera's clock of one night with the telescope array's.

    Parameters
    ----------
    frames
        Of one night, with ``camera``, ``exposure_number`` and ``timestamp``.
    tolerance
        Seconds by which a clock may differ.
    """
    times, array = _by_number(frames), array_times(frames, tolerance)
    cameras = sorted({str(camera_of(frame)) for frame in frames if camera_of(frame) is not None})
    clocks = {}
    for camera in cameras:
        mine = [number for number, seen in times.items() if camera in seen]
        usable = [number for number in mine if array[number].known]
        if not usable:
            clocks[camera] = CameraClock("unknown", reason=_why_unknown(mine, array))
            continue
        shown = np.array([times[number][camera] for number in usable])
        clocks[camera] = _fit(np.array([array[number].instant for number in usable]), shown, tolerance)
    return clocks


def clock_errors(headers: Collection, night: str) -> Answer:
    """Each camera's clock error in a night.

    Returns
    -------
    Answer
        A row per camera: ``date``, ``camera``, ``verdict``, ``offset`` and ``offset_sigma`` (s, ahead is
        positive), ``drift`` and ``drift_sigma`` (s / h), ``scatter`` (s), ``shared`` (exposures),
        ``doubtful`` (ids of frames whose ``date`` is not that of the telescope array's time), ``reason``.
    """
    columns = ("date", "camera", "verdict", "offset", "offset_sigma", "drift", "drift_sigma", "scatter", "shared")
    rows: list[Row] = []
    for profile, frames in by_profile(frames_of(headers, night)):
        array = array_times(frames, profile.calibration.clock)
        for camera, clock in camera_clocks(frames, profile.calibration.clock).items():
            mine = [frame for frame in frames if camera_of(frame) == camera]
            rows.append(
                {
                    "date": night,
                    "camera": camera,
                    **{name: _rounded(getattr(clock, name)) for name in columns[2:5]},
                    **{name: _rounded(getattr(clock, name), 3600.0) for name in columns[5:7]},
                    **{name: _rounded(getattr(clock, name)) for name in columns[7:]},
                    "doubtful": doubtful_dates(mine, clock, array, profile),
                    "reason": clock.reason,
                }
            )
    return Answer((*columns, "doubtful", "reason"), tuple(rows), f"Clocks against the telescope array's, {night}")


def doubtful_dates(
    frames: Sequence[Frame], clock: CameraClock, array: Mapping[int, ArrayTime], profile: Profile
) -> list[str]:
    """Return the frames of a camera whose ``date`` is not, or not surely, the night of the telescope array's time."""
    if not profile.clock.nightly or clock.verdict in ("right", "unknown"):
        return []
    nights = {frame["_id"]: (nights_of(frame, clock, array, profile), frame.get("date")) for frame in frames}
    return [name for name, (true, said) in nights.items() if true and true != {said}]


def nights_of(frame: Frame, clock: CameraClock, array: Mapping[int, ArrayTime], profile: Profile) -> set[str]:
    """Return the night of a frame's true time; two where its uncertainty reaches over noon, none without a time."""
    when = true_time(frame, clock, array)
    if when is None:
        return set()
    margin = timedelta(seconds=1 + 3 * (clock.offset_sigma or 0.0))
    return {night_of(edge, profile.clock.zone).isoformat() for edge in (when - margin, when + margin)}


def true_time(frame: Frame, clock: CameraClock | None, array: Mapping[int, ArrayTime]) -> datetime | None:
    """Return when a frame was taken: by the array where its exposure number is shared, else by its corrected clock."""
    shared = array.get(frame.get("exposure_number") or -1)
    if shared is not None and shared.known:
        return datetime.fromtimestamp(shared.instant, UTC)
    shown = frame.get("timestamp")
    if shown is None:
        return None
    return clock.true_time(shown) if clock is not None and clock.verdict in ("wrong", "drifts") else shown


def _by_number(frames: Sequence[Frame]) -> dict[int, dict[str, float]]:
    """Return the times of each exposure number by camera, without cameras that used the number twice."""
    times: dict[int, dict[str, float]] = {}
    twice: set[tuple[int, str]] = set()
    for frame in frames:
        number, camera, shown = frame.get("exposure_number"), camera_of(frame), frame.get("timestamp")
        if number is None or camera is None or shown is None:
            continue
        seen = times.setdefault(number, {})
        if camera in seen and seen[camera] != shown.timestamp():
            twice.add((number, camera))
        seen[camera] = shown.timestamp()
    return {
        number: kept
        for number, seen in sorted(times.items())
        if (kept := {camera: time for camera, time in seen.items() if (number, camera) not in twice})
    }


def _fit(reference: Floats, shown: Floats, tolerance: float) -> CameraClock:
    """Offset and drift by Theil and Sen: the median of the slopes of all pairs, and the median of what remains.

    Times are whole seconds, or whatever is the coarsest that tells them, and so no time is known better
    than by that step over the square root of 12.
    """
    error = shown - reference
    middle = float(reference.mean())
    slope = slope_sigma = None
    span = float(np.ptp(reference))
    step = 1.0 if np.all(shown == np.floor(shown)) else 0.001
    rest = error
    if len(error) >= 3 and span >= _LONG_ENOUGH:
        slope = _theil_sen(reference, error)
        rest = error - slope * (reference - middle)
    offset = float(np.median(rest))
    scatter = float(MAD_TO_SIGMA * np.median(np.abs(rest - offset)))
    single = max(scatter, step / np.sqrt(12))
    # 1.2533: a median's uncertainty against a mean's, for normal errors.
    sigma = 1.2533 * single / np.sqrt(len(error))
    if slope is not None:
        slope_sigma = single / (np.sqrt(len(error)) * float(np.std(reference)))
    verdict, reason = _judge(offset, sigma, (slope or 0.0) * span / 2, float(np.ptp(rest)), scatter, tolerance)
    return CameraClock(verdict, offset, sigma, slope, slope_sigma, scatter, middle, len(error), reason)


def _theil_sen(x: Floats, y: Floats) -> float:
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    usable = apart > 0
    return float(np.median((y[second] - y[first])[usable] / apart[usable])) if usable.any() else 0.0


def _judge(
    offset: float, sigma: float, gained: float, reach: float, scatter: float, tolerance: float
) -> tuple[str, str | None]:
    if scatter > tolerance:
        return (
            "jumps",
            f"no offset and drift describe it, times reach over {reach:.0f} s; was it set in the night?",
        )
    if abs(offset) > tolerance + 3 * sigma:
        return (
            "wrong",
            f"{abs(timedelta(seconds=round(offset)))} {'ahead of' if offset > 0 else 'behind'} the telescope array",
        )
    if abs(gained) > tolerance:
        return "drifts", f"{2 * abs(gained):.0f} s {'gained' if gained > 0 else 'lost'} in the night"
    return "right", None


def _why_unknown(mine: Sequence[int], array: Mapping[int, ArrayTime]) -> str:
    if not mine:
        return "none of its frames has both a time and an exposure number"
    if all(array[number].cameras == 1 for number in mine):
        return "no other camera shares its exposure numbers"
    return "at none of its exposure numbers do most cameras agree on the time"


def _rounded(value: Any, times: float = 1.0) -> Any:
    return round(value * times, 3) if isinstance(value, float) else value
