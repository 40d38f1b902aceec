"""Judges a frame by what was measured of it: good, doubtful or bad, each with its reasons.

A frame is never bad for the want of something to compare it with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from pipelines.calibration.groups.keys import exposure_time, obs_number
from pipelines.calibration.quality.measure import Stats
from pipelines.instruments import FrameLimits

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
NOT_COMPARED = "not compared"

_DRIFT = 1.5  # noise of a pixel: the largest step between levels of a drift, as in combining
_EVEN = 4.0  # times the median step: the largest of darks that drift
_ENOUGH = 3  # frames whose median means something


@dataclass(frozen=True, slots=True)
class FrameCheck:
    """One criterion compared with one frame.

    Attributes
    ----------
    check
        Its name.
    verdict
        ``'good'``, ``'doubtful'``, ``'bad'`` or ``'not compared'``.
    value, limit
        What was found, and what is allowed.
    reason
        In words, where it is not good.
    """

    check: str
    verdict: str
    value: float | None = None
    limit: float | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as a document keeps it."""
        values = asdict(self)
        return {k: float(f"{v:.7g}") if isinstance(v, float) else v for k, v in values.items() if v is not None}


@dataclass(frozen=True, slots=True)
class Peers:
    """What a frame is compared with.

    Attributes
    ----------
    levels, structures
        Of the frames of its camera, kind and exposure time in that night, itself among them; levels above `pedestal`.
    pedestal
        The frame's overscan level.
    temperatures
        Of the frames of its camera in that night.
    same_pixels
        Names of other documents with exactly its pixels, and whether the frame is the first of them.
    is_first
        See `same_pixels`.
    distance
        Fraction of pixels away from the previous master; None without one.
    no_distance
        Why there is no distance.
    """

    levels: Sequence[float] = ()
    structures: Sequence[float] = ()
    pedestal: float = 0.0
    temperatures: Sequence[float] = ()
    same_pixels: Sequence[str] = ()
    is_first: bool = True
    distance: float | None = None
    no_distance: str = "there is no previous master"


def verdict_of(checks: Sequence[FrameCheck]) -> str:
    """Return the worst verdict."""
    found = {check.verdict for check in checks}
    return BAD if BAD in found else DOUBTFUL if DOUBTFUL in found else GOOD


def judge(frame: Mapping[str, Any], stats: Stats, peers: Peers, limits: FrameLimits) -> tuple[FrameCheck, ...]:
    """Hold every criterion against a frame.

    Parameters
    ----------
    frame
        Its document: ``kind``, ``obs``.
    """
    kind = str(frame["kind"])
    dispersed = bool((frame.get("obs") or {}).get("dispersed"))
    return (
        _recalled(frame),
        _exposure(frame, kind),
        _saturation(stats, limits),
        _level(stats, kind, limits),
        _snr(stats, kind, limits),
        # Light that is dispersed varies from edge to edge by itself.
        _slope("gradient", stats.gradient, stats, kind, () if dispersed else limits.gradient),
        _slope("asymmetry", stats.asymmetry, stats, kind, () if dispersed else limits.asymmetry),
        _temperature(frame, peers, limits),
        _leak(stats, kind, peers, limits),
        _duplicate(peers),
        _distance(peers, limits),
    )


def _recalled(frame: Mapping[str, Any]) -> FrameCheck:
    """Whoever recalled a frame, or marked it, knows better than any measurement."""
    whys = "; ".join(str(mark.get("why")) for mark in (frame.get("recalled") or {}).values())
    marked = ((frame.get("qc") or {}).get("marked") or {}).get("why")
    told = [f"{word}: {why}" for word, why in (("recalled", whys), ("marked bad", marked)) if why]
    return FrameCheck("recalled", BAD if told else GOOD, reason="; ".join(told) or None)


def _exposure(frame: Mapping[str, Any], kind: str) -> FrameCheck:
    seconds = exposure_time(frame)
    if kind == "bias":
        return FrameCheck("exposure", GOOD, seconds)
    if seconds is None:
        return FrameCheck("exposure", DOUBTFUL, reason="the exposure time is missing or no number")
    if seconds <= 0:
        return FrameCheck(
            "exposure", DOUBTFUL, seconds, 0.0, f"an exposure of {seconds:g} s is no {kind}; is it a bias?"
        )
    return FrameCheck("exposure", GOOD, seconds)


def _saturation(stats: Stats, limits: FrameLimits) -> FrameCheck:
    if stats.saturated is None:
        return FrameCheck("saturation", NOT_COMPARED, reason="neither header nor profile says what saturates")
    bad = stats.saturated >= limits.saturated
    reason = f"{stats.saturated:.1%} of the pixels are saturated, at {stats.full:g}" if bad else None
    return FrameCheck("saturation", BAD if bad else GOOD, stats.saturated, limits.saturated, reason)


def _level(stats: Stats, kind: str, limits: FrameLimits) -> FrameCheck:
    for name, low, high in limits.level:
        if name == kind and stats.level < low:
            return FrameCheck(
                "level", BAD, stats.level, low, f"level {stats.level:g}, where a {kind} has at least {low:g}"
            )
        if name == kind and stats.level > high:
            return FrameCheck(
                "level", BAD, stats.level, high, f"level {stats.level:g}, where a {kind} has at most {high:g}"
            )
    return FrameCheck("level", GOOD if any(name == kind for name, *_ in limits.level) else NOT_COMPARED, stats.level)


def _snr(stats: Stats, kind: str, limits: FrameLimits) -> FrameCheck:
    least = dict(limits.snr).get(kind)
    if least is None:
        return FrameCheck("snr", NOT_COMPARED)
    if stats.noise == 0:
        return FrameCheck("snr", DOUBTFUL, reason="no noise at all: all pixels have the same value")
    ratio = stats.level / stats.noise
    reason = f"the level is only {ratio:.1f} times the noise" if ratio < least else None
    return FrameCheck("snr", BAD if reason else GOOD, ratio, least, reason)


def _slope(name: str, value: float | None, stats: Stats, kind: str, limits: Sequence[tuple[str, float]]) -> FrameCheck:
    most = dict(limits).get(kind)
    if most is None or value is None or stats.level <= 0:
        return FrameCheck(name, NOT_COMPARED, value)
    share = value / stats.level
    what = "a slope from edge to edge" if name == "gradient" else "a difference from its mirror image"
    reason = f"{what} of {share:.1%} of the level" if share > most else None
    return FrameCheck(name, BAD if reason else GOOD, share, most, reason)


def _temperature(frame: Mapping[str, Any], peers: Peers, limits: FrameLimits) -> FrameCheck:
    measured = obs_number(frame, "temperature")
    if measured is None:
        if not peers.temperatures:
            # Many cameras have no thermometer: that is no fault of a frame.
            return FrameCheck("temperature", NOT_COMPARED, reason="no frame of the night has a temperature")
        return FrameCheck("temperature", DOUBTFUL, reason="the temperature is missing or no number; others have one")
    target, of = obs_number(frame, "set_temperature"), "its set point"
    if target is None:
        if len(peers.temperatures) < _ENOUGH:
            return FrameCheck(
                "temperature", NOT_COMPARED, measured, reason="no set point, and too few frames to compare"
            )
        target, of = median(peers.temperatures), "the median of the camera's night"
    off = abs(measured - target)
    if off < limits.warm - 1e-9:
        return FrameCheck("temperature", GOOD, off, limits.warm)
    bad = off >= limits.too_warm - 1e-9
    reason = f"{measured:g} C, {off:.1f} C from {of}"
    return FrameCheck("temperature", BAD if bad else DOUBTFUL, off, limits.too_warm if bad else limits.warm, reason)


def _leak(stats: Stats, kind: str, peers: Peers, limits: FrameLimits) -> FrameCheck:
    """Look for light in a dark: a brighter side, or a level above comparable frames, beyond what noise makes."""
    if kind not in ("dark", "bias"):
        return FrameCheck("leak", NOT_COMPARED)
    if stats.structure is None or stats.structure_sigma is None or stats.noise == 0:
        return FrameCheck("leak", NOT_COMPARED, reason="the frame is too small, or has no noise")
    many = len(peers.levels) >= _ENOUGH
    # What all darks of the camera show, amplifier glow, is no leak.
    usual = median(peers.structures) if many else 0.0
    allowed = max(limits.leak * stats.noise, 5 * stats.structure_sigma)
    shape = stats.structure - usual
    if shape > allowed:
        if not many:
            # Amplifier glow looks the same: alone a frame cannot be blamed for it.
            told = (
                f"one side is {shape:.1f} brighter: light that leaks in, or the glow of this camera; too few to compare"
            )
            return FrameCheck("leak", DOUBTFUL, shape, allowed, told)
        return FrameCheck(
            "leak", BAD, shape, allowed, f"one side {shape:.1f} ADU brighter, limit {allowed:.1f} ADU: light leak"
        )
    level = stats.level - peers.pedestal
    above = level - median(peers.levels) if many else 0.0
    # Levels are medians of whole frames: only their real differences count, not noise; of whole numbers two that
    # are alike may be a step apart.
    most = max(limits.leak * stats.noise, 1.0 if float(stats.level).is_integer() else 0.0)
    if above > most and not _drifted(stats, kind, peers):
        alike = sum(abs(level - median(peers.levels)) <= most for level in peers.levels)
        if 2 * alike <= len(peers.levels):  # of two halves nobody knows which is right
            told = f"{above:.1f} ADU above the middle of comparable frames, of which less than half agree"
            return FrameCheck("leak", DOUBTFUL, above, most, told)
        return FrameCheck("leak", BAD, above, most, f"{above:.1f} ADU above comparable frames")
    reason = None if many else f"only {len(peers.levels)} of its kind: levels are not compared"
    return FrameCheck("leak", GOOD, max(shape, 0.0), allowed, reason)


def _drifted(stats: Stats, kind: str, peers: Peers) -> bool:
    """Tell whether a level is reached from the median by steps of other frames: a drift, and no leak.

    In a bias there is no light to leak. In darks a drift has many steps, and none that is much larger than the others.
    """
    ordered = sorted(peers.levels)
    steps = [high - low for low, high in pairwise(ordered)]
    largest = _DRIFT * stats.noise
    if kind != "bias":
        largest = min(largest, _EVEN * median(steps)) if steps else 0.0
    reached = median(ordered)
    for level in (level for level in ordered if level > reached):
        if level - reached > max(largest, 1.0 if float(level).is_integer() else 0.0):
            break
        reached = level
    return stats.level - peers.pedestal <= reached


def _duplicate(peers: Peers) -> FrameCheck:
    if not peers.same_pixels:
        return FrameCheck("duplicate", GOOD)
    names = ", ".join(peers.same_pixels[:3])
    if peers.is_first:
        return FrameCheck("duplicate", GOOD, reason=f"the same pixels came again as {names}")
    return FrameCheck("duplicate", BAD, reason=f"the same pixels as {names}")


def _distance(peers: Peers, limits: FrameLimits) -> FrameCheck:
    if peers.distance is None:
        return FrameCheck("distance", NOT_COMPARED, reason=peers.no_distance)
    far = peers.distance > limits.distance
    reason = f"{peers.distance:.1%} of the pixels are over {limits.distance_sigma:g} sigma off the master"
    return FrameCheck("distance", BAD if far else GOOD, peers.distance, limits.distance, reason if far else None)
