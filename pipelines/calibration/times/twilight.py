"""Evening or morning: how likely each exposure number of a night's flats is one or the other, from all evidence.

Evidence is counted in log odds, positive for evening. A vote is what a camera's own clock says; it counts
little when the sun could not have stood so, and nothing when the clock is known to be wrong. The level of
the sky sinks in the evening. And numbers grow through the night: there is one change from evening
to morning, and it is the likelier between two flats the more other frames were taken between them. What
was taken within three hours is of one twilight, by whatever clock, and is told apart by no vote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from statistics import median

from pipelines.calibration.groups.keys import camera_of, exposure_time
from pipelines.calibration.times.clock import ArrayTime, CameraClock
from pipelines.calibration.times.frames import Frame
from pipelines.calibration.times.sun import altitude, in_twilight, is_rising
from pipelines.instruments import Profile
from pipelines.instruments.nights import time_of_day

EVENING, MORNING = "evening", "morning"
CERTAIN = 0.95
"""A probability from which a time of day is decided; below, and above 1 - CERTAIN, it is not."""

# Odds of one piece of evidence to be right. They are judgements, not measurements: a clock is wrong about
# evening and morning on few nights in a hundred, a trend of all cameras together hardly ever.
VOTE = math.log(0.97 / 0.03)
VOTE_WITHOUT_SITE = math.log(0.9 / 0.1)
VOTE_AGAINST_THE_SUN = math.log(0.55 / 0.45)
ALL_VOTES = 6.0  # cameras share a network and a time server: many may be wrong together
LEVEL = math.log(0.95 / 0.05)
EXPOSURES = math.log(0.8 / 0.2)
OUT_OF_ORDER = 0.01  # that a number does not follow the night: the count was set back

_NIGHT = 3 * 3600.0  # seconds: at no site with a night is there less between two twilights
_SAME = 0.01  # the weight of a change of twilight within that time
_NEAR = 3  # exposure numbers between which the sky's level is compared
_CHANGE = 0.02  # relative, of the level or the exposure time, that counts as one


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one exposure number's flats.

    Attributes
    ----------
    number
        Exposure number.
    votes
        Cameras by what their clocks say, ``'evening'`` and ``'morning'``.
    wrong_clocks
        Cameras whose clock is known to be wrong, and which do not vote.
    sun
        Altitude of the sun, degrees, at the telescope array's time; None without a site or a time.
    rising
        Whether the sun climbs then.
    vote, level, order
        Log odds for evening by the votes, by the sky's level, by the order of numbers.
    trend
        ``'sinking'`` or ``'growing'`` sky, ``'longer'`` or ``'shorter'`` exposures, or None.
    evening
        Probability.
    """

    number: int
    votes: Mapping[str, int]
    wrong_clocks: tuple[str, ...]
    sun: float | None
    rising: bool | None
    vote: float
    level: float
    trend: str | None
    order: float = 0.0
    evening: float = 0.5

    @property
    def decision(self) -> str:
        """``'evening'``, ``'morning'`` or ``'undecided'``."""
        if self.evening >= CERTAIN:
            return EVENING
        return MORNING if self.evening <= 1 - CERTAIN else "undecided"


def weigh(
    flats: Sequence[Frame],
    *,
    clocks: Mapping[str, CameraClock],
    array: Mapping[int, ArrayTime],
    instants: Mapping[int, datetime],
    biases: Mapping[str, float],
    profile: Profile,
) -> list[Evidence]:
    """Weigh all evidence about a night's flats.

    Parameters
    ----------
    flats
        With exposure numbers.
    clocks, array
        As `pipelines.calibration.times.clock` finds them.
    instants
        The telescope array's time of each number, as far as it is known.
    biases
        Level without light by camera, as far as known, in the units of ``stats.level``.

    Returns
    -------
    list of Evidence
        In order of the exposure number.
    """
    by_number: dict[int, list[Frame]] = {}
    for flat in flats:
        by_number.setdefault(flat["exposure_number"], []).append(flat)
    numbers = sorted(by_number)
    if not numbers:
        return []
    levels = _levels(by_number, numbers, biases)
    found = []
    for number in numbers:
        instant = instants.get(number)
        votes, wrong, vote = _vote(by_number[number], clocks, array.get(number), instant, profile)
        level, trend = levels[number]
        site = profile.site
        sun = altitude(instant, site) if site and instant else None
        rising = is_rising(instant, site) if site and instant else None
        found.append(Evidence(number, votes, wrong, sun, rising, vote, level, trend))
    return in_order(found, [_elapsed(by_number[a], by_number[b], instants) for a, b in pairwise(numbers)])


def in_order(found: Sequence[Evidence], elapsed: Sequence[float | None]) -> list[Evidence]:
    """Put what is known of each number together with the order of the numbers.

    The posterior over where evening ends, each place weighted by the exposure numbers it spans, gives
    each number's probability.

    Parameters
    ----------
    elapsed
        Seconds from each number to the next, by any clock; None where that is not known.
    """
    own = _own(found, elapsed)
    steps = [
        _SAME if time is not None and time < _NIGHT else float(after.number - before.number)
        for (before, after), time in zip(pairwise(found), elapsed, strict=True)
    ]
    gaps = [1.0, *steps, 1.0]
    weights = []
    for place in range(len(found) + 1):
        logs = [_mixed(odds if i < place else -odds) for i, odds in enumerate(own)]
        weights.append(math.log(gaps[place]) + sum(logs))
    top = max(weights)
    chances = [math.exp(weight - top) for weight in weights]
    whole = sum(chances)
    answer = []
    for i, one in enumerate(found):
        before = sum(chances[i + 1 :]) / whole  # evening ends after this number
        # In its place in the order it is what the order says, out of it what it says itself.
        evening = before * _right(own[i]) + (1 - before) * (1 - _right(-own[i]))
        evening = min(max(evening, 1e-9), 1 - 1e-9)
        answer.append(replace(one, evening=evening, order=math.log(evening / (1 - evening)) - one.vote - one.level))
    return answer


def _own(found: Sequence[Evidence], elapsed: Sequence[float | None]) -> list[float]:
    """Return each number's share of the log odds of its twilight.

    The same clocks vote at every number of a twilight, so their votes count once, not once a number.
    """
    runs: list[list[Evidence]] = []
    for one, time in zip(found, [None, *elapsed], strict=True):
        if runs and time is not None and time < _NIGHT:
            runs[-1].append(one)
        else:
            runs.append([one])
    shares = []
    for run in runs:
        votes = sum(one.vote for one in run) / len(run)
        levels = max(-ALL_VOTES, min(ALL_VOTES, sum(one.level for one in run)))
        shares += [(votes + levels) / len(run)] * len(run)
    return shares


def _elapsed(before: Sequence[Frame], after: Sequence[Frame], instants: Mapping[int, datetime]) -> float | None:
    """Return the seconds between two numbers: by the array, else by the clocks that saw both, wrong as they may be."""
    numbers = before[0]["exposure_number"], after[0]["exposure_number"]
    if all(number in instants for number in numbers):
        return (instants[numbers[1]] - instants[numbers[0]]).total_seconds()
    first = {camera_of(frame): frame["timestamp"] for frame in before if frame.get("timestamp")}
    second = {camera_of(frame): frame["timestamp"] for frame in after if frame.get("timestamp")}
    times = [(second[camera] - first[camera]).total_seconds() for camera in first if camera in second]
    return abs(median(times)) if times else None


def _mixed(odds: float) -> float:
    """Log likelihood of evidence with log odds for a state, which holds but for `OUT_OF_ORDER`."""
    share = 1 / (1 + math.exp(-odds))
    return math.log((1 - OUT_OF_ORDER) * share + OUT_OF_ORDER * (1 - share))


def _right(odds: float) -> float:
    """Probability that a number is in its place, given its own log odds for what the place says."""
    share = 1 / (1 + math.exp(-odds))
    inside = (1 - OUT_OF_ORDER) * share
    return inside / (inside + OUT_OF_ORDER * (1 - share))


def _vote(
    flats: Sequence[Frame],
    clocks: Mapping[str, CameraClock],
    shared: ArrayTime | None,
    instant: datetime | None,
    profile: Profile,
) -> tuple[dict[str, int], tuple[str, ...], float]:
    """Count the votes of cameras whose clock may be right."""
    # Only where the telescope array's own time makes sense may it overrule a camera's.
    sensible = instant is not None and (profile.site is None or in_twilight(instant, profile.site))
    votes = {EVENING: 0, MORNING: 0}
    wrong: list[str] = []
    odds = 0.0
    for flat in flats:
        shown, camera = flat.get("timestamp"), str(camera_of(flat))
        clock = clocks.get(camera)
        known = shared is not None and shared.known
        late = known and shown is not None and abs(shown.timestamp() - shared.instant) > 3600 if shared else False
        if shown is None:
            continue
        if sensible and (late or (not known and clock is not None and clock.verdict == "wrong")):
            wrong.append(camera)
            continue
        says = time_of_day(shown, profile.clock.zone)
        votes[says] += 1
        odds += (1 if says == EVENING else -1) * _weight(shown, says, profile)
    return votes, tuple(sorted(wrong)), max(-ALL_VOTES, min(ALL_VOTES, odds))


def _weight(shown: datetime, says: str, profile: Profile) -> float:
    if profile.site is None:
        return VOTE_WITHOUT_SITE
    rising = is_rising(shown, profile.site)
    fits = in_twilight(shown, profile.site) and rising is (says == MORNING)
    return VOTE if fits else VOTE_AGAINST_THE_SUN


def _levels(
    by_number: Mapping[int, Sequence[Frame]], numbers: Sequence[int], biases: Mapping[str, float]
) -> dict[int, tuple[float, str | None]]:
    """Return each number's log odds by the change of the sky's level, or of the exposure time, to its neighbours."""
    steps: dict[int, list[tuple[float, str]]] = {number: [] for number in numbers}
    for first, second in pairwise(numbers):
        step = _step(by_number[first], by_number[second], biases) if second - first <= _NEAR else None
        if step is not None:
            steps[first].append(step)
            steps[second].append(step)
    answer: dict[int, tuple[float, str | None]] = {}
    for number, found in steps.items():
        odds = sum(step[0] for step in found) / len(found) if found else 0.0
        trends = {step[1] for step in found}
        answer[number] = (odds, trends.pop() if len(trends) == 1 else None)
    return answer


def _step(before: Sequence[Frame], after: Sequence[Frame], biases: Mapping[str, float]) -> tuple[float, str] | None:
    """Compare two neighbouring numbers camera by camera; None where nothing changes, or they do not agree."""
    later = {camera_of(frame): frame for frame in after}
    pairs = [(frame, later[camera_of(frame)]) for frame in before if camera_of(frame) in later]
    rates = [(a, b) for one, two in pairs if (a := _rate(one, biases)) and (b := _rate(two, biases))]
    if rates:
        sign = _sign([math.log(b / a) for a, b in rates])
        return (-sign * LEVEL, "sinking" if sign < 0 else "growing") if sign else None
    times = [(a, b) for one, two in pairs if (a := _exptime(one)) and (b := _exptime(two))]
    sign = _sign([math.log(b / a) for a, b in times])
    return (sign * EXPOSURES, "longer" if sign > 0 else "shorter") if sign else None


def _sign(changes: Sequence[float]) -> int:
    """Return the sign of a change that three cameras in four agree on; 0 without one."""
    if not changes or abs(median(changes)) < _CHANGE:
        return 0
    sign = 1 if median(changes) > 0 else -1
    return sign if sum(sign * change > 0 for change in changes) >= 0.75 * len(changes) else 0


def _rate(frame: Frame, biases: Mapping[str, float]) -> float | None:
    """Sky level per second; None where level or exposure time is not known."""
    level, seconds = frame.get("stats", {}).get("level"), _exptime(frame)
    if level is None or seconds is None or (frame["stats"].get("saturated") or 0.0) > 0.5:
        return None
    light = float(level) - biases.get(str(camera_of(frame)), 0.0)
    return light / seconds if light > 0 else None


def _exptime(frame: Frame) -> float | None:
    seconds = exposure_time(frame)
    return seconds if seconds is not None and seconds > 0 else None
