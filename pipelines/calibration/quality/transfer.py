"""Photon transfer of cameras by the flats, darks and biases of each night: gain, noise, linearity, full well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayDamaged, ArrayStore, Lost
from pipelines.calibration.groups.divide import partition
from pipelines.calibration.groups.keys import calibration_of, exposure_time, obs_number
from pipelines.calibration.masters.frames import frame_source
from pipelines.calibration.masters.geometry import Section, geometry_of
from pipelines.calibration.masters.images import frame_images
from pipelines.combine.pairs import spread_over, step_of
from pipelines.combine.saturation import pile_up
from pipelines.combine.transfer import Curve, Point, fit_curve, pair_point, unstable
from pipelines.errors import UsageError
from pipelines.instruments.calibration import CAMERA
from pipelines.instruments.nights import on
from pipelines.session import Session
from pipelines.table import Answer, Row

Frame = Mapping[str, Any]
Pixels = npt.NDArray[Any]

COLUMNS = (
    "date", "camera", "part", "setup", "pairs", "levels", "gain", "gain_error", "read_noise", "read_noise_e",
    "linearity", "full_well", "stated_gain", "stated_read_noise", "remark",
)  # fmt: skip
_MAIN = ("date", "camera", "gain", "read_noise", "linearity", "full_well", "remark")

ALL = "all nights"
"""In place of a date: the points of all nights together."""

_PAIRS = 3  # of one exposure time and filter, spread over the night
_DARKS = 3  # whose median is taken from flats
_LOOKED = 20  # frames without light, by which unstable pixels are told
_PIXELS = 1 << 20  # of a frame, from its middle half
_AGREES = 0.05  # gain and noise against what is stated
_LINEAR = 0.01  # departure from a line
_SHOWN = ("telescope", "detector", "binning", "mode", "gain_setting", "offset_setting", "coadds", "shape")
_OTHERWISE = frozenset({"exptime", "temperature", "filter", "flat_time", "rotator", "dispersed", "kind_note"})


@dataclass(slots=True)
class _Found:
    """The points of one place of one camera in one setup."""

    lit: list[Point] = field(default_factory=list)
    unlit: list[Point] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    stated: dict[str, float | None] = field(default_factory=dict)
    based: bool = True  # whether the level without light is known


def photon_transfer(session: Session, *, camera: str | None = None, date: str | Sequence[str] | None = None) -> Answer:
    """Measure gain, read noise, linearity and full well of cameras by pairs of frames of all exposure times.

    Pairs of frames that follow each other at one exposure time and filter are compared in their middle half, at most
    three pairs of each a night. Frames that somebody recalled or marked bad have no part; saturated ones have, for they
    tell the full well. Pixels that are unstable in darks and biases of one exposure time are left out.

    Parameters
    ----------
    camera
        Only this one; all by default.
    date
        The night or nights; all by default.

    Returns
    -------
    Answer
        A row for each night, camera, setup and amplifier or image (`part`), and one of all nights where there are
        several: ``gain`` (e-/unit) with its standard error, ``read_noise`` (units, quantisation included) and
        ``read_noise_e`` (e-), ``linearity`` (largest departure, a fraction), ``full_well`` (units above the dark),
        what the header states, and a ``remark`` on how that compares and what could not be told. ``points`` of a row
        are its pairs: level, variance, exposure time, and whether the gain is told by it.
    """
    query = {"kind": {"$in": ["bias", "dark", "flat"]}, **on(date)}
    query["obs.camera"] = camera if camera is not None else {"$ne": None}
    rows: list[Row] = []
    pooled: dict[tuple[Any, ...], list[tuple[Row, _Found]]] = {}
    for night in sorted(night for night in session.headers.distinct("date", query) if night is not None):
        frames = session.headers.find({**query, "date": night}, {"cards": 0}).to_list()
        for setup, place, found in _night(frames, session.store):
            row = _row(night, setup, place, found)
            rows.append(row)
            pooled.setdefault((row["camera"], place, row["setup"]), []).append((row, found))
    for (_, place, _), parts in sorted(pooled.items(), key=str):
        if len(parts) > 1:
            rows.append(_together(place, parts))
    rows.sort(key=lambda row: (row["camera"], str(row["part"]), row["setup"], row["date"]))
    return Answer(COLUMNS, tuple(rows), f"Photon transfer of {camera or 'all cameras'}", _MAIN)


def _together(place: str | None, parts: Sequence[tuple[Row, _Found]]) -> Row:
    """Return the row of all nights: linearity is the worst of a night, for lamps are not the same in all."""
    whole = _Found(stated=parts[0][1].stated, based=all(found.based for _, found in parts))
    for _, found in parts:
        whole.lit += found.lit
        whole.unlit += found.unlit
    first = parts[0][0]
    row = _row(ALL, {"camera": first["camera"]}, place, whole)
    worst = [part["linearity"] for part, _ in parts if part["linearity"] is not None]
    return {**row, "setup": first["setup"], "linearity": max(worst, default=None)}


def _night(frames: Sequence[Frame], store: ArrayStore) -> Iterator[tuple[dict[str, Any], str | None, _Found]]:
    """Yield the points of each camera, setup and place of it."""
    profiles: dict[str, list[Frame]] = {}
    seen = set()
    for frame in frames:
        wanted = not frame.get("recalled") and not (frame.get("qc") or {}).get("marked")
        if wanted and frame_images(frame) and frame["pixels_digest"] not in seen:
            seen.add(frame["pixels_digest"])  # a copy differs from its original by nothing
            profiles.setdefault(str(frame["profile"]), []).append(frame)
    for profile, mine in profiles.items():
        declared = calibration_of(profile)
        rule = None if declared is None else declared.rule("flat")
        keys = (CAMERA,) if rule is None else tuple(key for key in rule.keys if key.name not in _OTHERWISE)
        for part in partition(mine, keys, nights=False):
            if any(frame["kind"] == "flat" for frame in part.frames):
                setup = {key.name: part.values.get(key.name) for key in keys}
                yield from _places(setup, part.frames, store)


def _places(
    setup: dict[str, Any], frames: Sequence[Frame], store: ArrayStore
) -> Iterator[tuple[dict[str, Any], str | None, _Found]]:
    images = frame_images(frames[0])
    alike = [frame for frame in frames if frame_images(frame) == images]
    for image in images:
        try:
            geometry = geometry_of(alike[0], image)
        except UsageError as error:
            yield setup, image, _Found(reasons=[str(error)])
            continue
        sections = [amplifier.data for amplifier in geometry.amplifiers]
        whole = (slice(0, geometry.shape[0]), slice(0, geometry.shape[1]))
        for number, section in enumerate(sections or [whole], 1):
            named = [image] if len(images) > 1 else []
            named += [f"amplifier {number}"] if len(sections) > 1 else []
            yield setup, " ".join(named) or None, _points(alike, image, _middle(section), store)


def _middle(section: Section) -> Section:
    """Return the middle half of a section along both axes, or so many of its rows as are looked at."""
    rows, columns = section
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    left = slice(columns.start + wide // 4, columns.stop - wide // 4)
    most = max(1, _PIXELS // max(1, left.stop - left.start))
    top, bottom = rows.start + high // 4, rows.stop - high // 4
    spare = max(0, (bottom - top - most) // 2)
    return slice(top + spare, bottom - spare), left


def _points(frames: Sequence[Frame], image: str, section: Section, store: ArrayStore) -> _Found:
    """Measure all pairs in one place."""
    ordered = sorted(frames, key=lambda frame: (str(frame.get("timestamp")), frame["_id"]))
    unlit: dict[float, list[Frame]] = {}
    for frame in ordered:
        if frame["kind"] != "flat":
            seconds = 0.0 if frame["kind"] == "bias" else exposure_time(frame)
            unlit.setdefault(-1.0 if seconds is None else seconds, []).append(frame)
    unlit.pop(-1.0, None)
    found = _Found(stated={name: _alike(ordered, name) for name in ("gain", "read_noise")}, based=bool(unlit))
    reader = _Reader(image, section, store, bool((frames[0].get("obs") or {}).get("bayer")), found.reasons)
    shortest = unlit[min(unlit)] if unlit else []
    jumping = reader.unstable(max(unlit.values(), key=len, default=[]))
    for one, other in _pairs(shortest):
        reader.add(one, other, 0.0, found.unlit)
    lights: dict[tuple[float | None, str], list[Frame]] = {}
    for frame in ordered:
        if frame["kind"] == "flat":
            word = str((frame.get("obs") or {}).get("filter"))
            lights.setdefault((exposure_time(frame), word), []).append(frame)
    for (seconds, _), mine in lights.items():
        pairs = _pairs(mine)
        if pairs:
            dark = np.where(jumping, np.nan, reader.dark(unlit.get(-1.0 if seconds is None else seconds) or shortest))
            for one, other in pairs:
                reader.add(one, other, dark, found.lit)
    return found


def _pairs(frames: Sequence[Frame]) -> list[tuple[Frame, Frame]]:
    """Return frames that follow each other, two by two, a few pairs spread over all."""
    pairs = list(zip(frames[::2], frames[1::2], strict=False))
    return [pairs[n] for n in spread_over(len(pairs), _PAIRS)]


def _alike(frames: Sequence[Frame], name: str) -> float | None:
    values = {obs_number(frame, name) for frame in frames}
    return values.pop() if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one place of frames, and notes what cannot be read."""

    image: str
    section: Section
    store: ArrayStore
    colour: bool
    reasons: list[str]

    def read(self, frame: Frame) -> Pixels | None:
        """Return the pixels as they are, or float with NaN where they are masked; None where they are lost."""
        rows, columns = self.section
        try:
            part = frame_source(frame, self.store, self.image).read(rows.start, rows.stop)[:, columns]
        except (Lost, ArrayDamaged, KeyError) as error:
            self.reasons.append(f"{frame['_id']}: {error}")
            return None
        return np.ma.filled(part.astype(np.float64), np.nan) if isinstance(part, np.ma.MaskedArray) else part

    def dark(self, frames: Sequence[Frame]) -> Pixels | float:
        """Return the median of a few frames without light; 0 without any."""
        chosen = [frames[n] for n in spread_over(len(frames), _DARKS)]
        planes = [plane for plane in map(self.read, chosen) if plane is not None]
        return np.median(planes, axis=0) if planes else 0.0

    def unstable(self, frames: Sequence[Frame]) -> Pixels:
        """Return which pixels are unstable, by frames without light of one exposure time."""
        chosen = [frames[n] for n in spread_over(len(frames), _LOOKED)]
        return unstable(plane for plane in map(self.read, chosen) if plane is not None)

    def add(self, one: Frame, other: Frame, dark: Pixels | float, points: list[Point]) -> None:
        """Add the point of a pair, or the reason why there is none."""
        first, second = self.read(one), self.read(other)
        if first is None or second is None:
            return
        if first.shape != second.shape:
            self.reasons.append(f"{one['_id']} and {other['_id']}: they differ in shape")
            return
        levels = [obs_number(one, "saturation"), pile_up(first), pile_up(second)]
        made = pair_point(
            first,
            second,
            dark,
            step=step_of(first),
            saturation=min([level for level in levels if level is not None], default=None),
            colour=self.colour,
            exptime=exposure_time(one),
        )
        if isinstance(made, str):
            self.reasons.append(f"{one['_id']} and {other['_id']}: {made}")
        else:
            points.append(made)


def _row(night: str, setup: Mapping[str, Any], place: str | None, found: _Found) -> Row:
    curve = fit_curve(found.lit, found.unlit)
    if not found.based:
        # Levels are above nothing that is known: a slope is a slope, and a level at zero none.
        reasons = tuple(reason for reason in curve.reasons if "by the curve" not in reason)
        curve = replace(curve, read_noise=None, reasons=(*reasons, "no read noise: no darks or biases of this setup"))
    stated_gain, stated_noise = found.stated.get("gain"), found.stated.get("read_noise")
    electrons = None if curve.read_noise is None or curve.gain is None else curve.read_noise * curve.gain
    told = {name: _word(setup[name]) for name in _SHOWN if setup.get(name) is not None}
    return {
        "date": night,
        "camera": setup["camera"],
        "part": place,
        "setup": ", ".join(f"{name} {value}" for name, value in told.items()),
        "pairs": len(found.lit) + len(found.unlit),
        "levels": len({round(point.level) for point in curve.points}),
        "gain": _rounded(curve.gain),
        "gain_error": _rounded(curve.gain_error, 2),
        "read_noise": _rounded(curve.read_noise),
        "read_noise_e": _rounded(electrons),
        "linearity": _rounded(curve.linearity, 3),
        "full_well": _rounded(curve.full_well),
        "stated_gain": stated_gain,
        "stated_read_noise": stated_noise,
        "remark": "; ".join(_remarks(curve, electrons, stated_gain, stated_noise) + found.reasons[:3]) or None,
        "points": [asdict(point) for point in curve.points],
    }


def _remarks(curve: Curve, electrons: float | None, gain: float | None, noise: float | None) -> list[str]:
    """Say how what was measured compares with what is stated, and what could not be told."""
    told = []
    for name, measured, stated in (("gain", curve.gain, gain), ("read noise", electrons, noise)):
        if measured is not None and stated:
            off = measured / stated - 1
            told.append(f"{name} {off:+.1%} from the stated {stated:.4g}" + (", not 5 %" if abs(off) > _AGREES else ""))
    if curve.linearity is not None and curve.linearity > _LINEAR:
        told.append(f"not linear to {_LINEAR:.0%}")
    return told + list(curve.reasons)


def _word(value: Any) -> str:
    """Return a value of a setup as it is shown: a binning as 1x1."""
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else f"{value}"


def _rounded(value: float | None, digits: int = 5) -> float | None:
    return None if value is None else float(f"{value:.{digits}g}")
