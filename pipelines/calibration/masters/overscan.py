"""Overscan and trim: the level a camera adds to every pixel, per amplifier, and what of a frame is picture.

Extra columns beside the picture follow the level from row to row: each row has its own, a clipped mean,
smoothed only as far as it needs to be known to a tenth of the read noise. Extra rows above or below it
give one value, unless their columns differ by more than their noise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipelines.errors import UsageError

__all__ = ["Amplifier", "Geometry", "Overscan", "Region", "geometry_of", "measure_overscan", "overscan_level"]

Doc = Mapping[str, Any]
Section = tuple[slice, slice]
Index = npt.NDArray[np.intp]
Values = npt.NDArray[np.float64]

_SECTION = re.compile(r"\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]")

CLIP = 5.0
"""Robust sigmas (MAD) within which a sample of the overscan counts: hits and bad columns are beyond."""

KNOWN = 100
"""Samples that make a level: it is known to a tenth of the noise of one."""

EVIDENCE = 5.0
"""Sigmas by which the columns of extra rows must scatter more than noise explains, to be followed."""


class Frame(Protocol):
    """A frame that gives its rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def read(self, start: int, stop: int) -> npt.NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class Amplifier:
    """Rows and columns of what one amplifier read: its picture, and its overscan where there is one."""

    data: Section
    bias: Section | None


@dataclass(frozen=True, slots=True)
class Geometry:
    """Which rows and columns of a raw image are picture, and the amplifiers that read them.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the raw image.
    rows, columns : ndarray of int
        Those that are kept, ascending.
    amplifiers : tuple of Amplifier
        In the order of the header.
    """

    shape: tuple[int, int]
    rows: Index
    columns: Index
    amplifiers: tuple[Amplifier, ...]

    @property
    def trimmed(self) -> tuple[int, int]:
        """Rows and columns of the picture."""
        return len(self.rows), len(self.columns)

    @property
    def trims(self) -> bool:
        """Whether anything is cut off."""
        return self.trimmed != self.shape

    @property
    def has_overscan(self) -> bool:
        """Whether every amplifier has an overscan: a level taken from some only would leave a step."""
        return bool(self.amplifiers) and all(amplifier.bias is not None for amplifier in self.amplifiers)


def geometry_of(frame: Doc, image: str = "sci") -> Geometry:
    """Return the geometry of an image of a frame, by the sections that its document states.

    Raises
    ------
    UsageError
        A section is none, or no part of the image.
    """
    rows_stated, columns_stated = frame["arrays"][image]["shape"][-2:]
    shape = (int(rows_stated), int(columns_stated))
    stated = [_sections(entry, shape) for entry in _stated(frame, image)]
    whole = Geometry(shape, np.arange(shape[0]), np.arange(shape[1]), ())
    if not stated:
        return whole
    covered = np.zeros(shape, np.int16)
    for amplifier in stated:
        covered[amplifier.data] += 1
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not len(rows) or not (covered[np.ix_(rows, columns)] == 1).all():
        # Pictures that overlap or leave holes: nothing can be cut off without guessing.
        everything = (slice(0, shape[0]), slice(0, shape[1]))
        single = (Amplifier(everything, stated[0].bias),) if len(stated) == 1 else ()
        return Geometry(whole.shape, whole.rows, whole.columns, single)
    return Geometry(whole.shape, rows, columns, tuple(stated))


def _stated(frame: Doc, image: str) -> list[Mapping[str, Any]]:
    """Return the sections of an image as its document has them; of older documents those of the primary header."""
    if "obs" in frame:
        images: list[Mapping[str, Any]] = list(frame["obs"].get("images") or ())
        found = next((entry for entry in images if entry.get("name") == image), None)
        if found is None and len(images) == 1:
            found = images[0]
        return list((found or {}).get("amplifiers") or ())
    header = frame.get("header") or {}
    bias = header.get("BIASSEC")
    return [{"bias": bias}] if isinstance(bias, str) and _SECTION.fullmatch(bias.strip()) else []


def _sections(entry: Mapping[str, Any], shape: tuple[int, int]) -> Amplifier:
    bias = section_of(entry["bias"], shape) if entry.get("bias") else None
    stated = entry.get("trim") or entry.get("data")
    if stated:
        return Amplifier(section_of(stated, shape), bias)
    return Amplifier((slice(0, shape[0]), slice(0, shape[1])) if bias is None else _beside(bias, shape), bias)


def _beside(bias: Section, shape: tuple[int, int]) -> Section:
    """Return the picture where only the overscan is stated: what is left, if that lies along an edge."""
    rows, columns = bias
    everything = slice(0, shape[0]), slice(0, shape[1])
    if rows == everything[0] and columns != everything[1]:
        if columns.stop == shape[1]:
            return rows, slice(0, columns.start)
        return (rows, slice(columns.stop, shape[1])) if columns.start == 0 else everything
    if columns == everything[1] and rows != everything[0]:
        if rows.stop == shape[0]:
            return slice(0, rows.start), columns
        return (slice(rows.stop, shape[0]), columns) if rows.start == 0 else everything
    return everything


@dataclass(frozen=True, slots=True)
class Region:
    """The picture of a frame, by rows."""

    frame: Any
    rows: Index
    columns: Index

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.rows), len(self.columns)

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = self.frame.dtype
        return found

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        wanted = self.rows[start:stop]
        if not len(wanted):
            none: npt.NDArray[Any] = self.frame.read(0, 0)[:, self.columns]
            return none
        first, last = int(wanted[0]), int(wanted[-1]) + 1
        rows: npt.NDArray[Any] = self.frame.read(first, last)
        if last - first != len(wanted):
            rows = rows[wanted - first]
        left, right = int(self.columns[0]), int(self.columns[-1]) + 1
        return rows[:, left:right] if right - left == len(self.columns) else rows[:, self.columns]


@dataclass(frozen=True, slots=True)
class Overscan:
    """The overscan of a frame, as it is taken from its picture.

    Attributes
    ----------
    level : float
        Mean over the picture, in units of the frame.
    parts : tuple
        For each amplifier its rows and columns in the picture, and its level there: an array that
        broadcasts over them.
    shape : (int, int)
        Of the picture.
    """

    level: float
    parts: tuple[tuple[Section, Values], ...]
    shape: tuple[int, int]

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the level of each pixel of some rows of the picture."""
        rows = np.empty((stop - start, self.shape[1]))
        for (down, across), level in self.parts:
            low, high = max(start, down.start), min(stop, down.stop)
            if low < high:
                part = level[low - down.start : high - down.start] if level.shape[0] > 1 else level
                rows[low - start : high - start, across] = part
        return rows


def measure_overscan(frame: Frame, geometry: Geometry) -> Overscan:
    """Measure the overscan of a raw frame, amplifier by amplifier.

    Raises
    ------
    UsageError
        An overscan has no valid pixel, or the frame none.
    """
    if not geometry.has_overscan:
        raise UsageError("the frame states no overscan for each of its amplifiers")
    parts, levels, sizes = [], [], []
    for amplifier in geometry.amplifiers:
        if amplifier.bias is None:  # has_overscan says it is not
            continue
        rows, columns = amplifier.bias
        values = np.ma.filled(frame.read(rows.start, rows.stop)[:, columns].astype(np.float64), np.nan)
        level = _level(values, amplifier)
        place = _placed(amplifier.data, geometry)
        parts.append((place, level))
        levels.append(float(level.mean()))
        sizes.append((place[0].stop - place[0].start) * (place[1].stop - place[1].start))
    return Overscan(float(np.average(levels, weights=sizes)), tuple(parts), geometry.trimmed)


def _level(values: Values, amplifier: Amplifier) -> Values:
    """Level of an amplifier over its picture: (rows, 1), (1, columns) or (1, 1)."""
    (rows, columns), (down, across) = amplifier.bias or amplifier.data, amplifier.data
    beside = columns.stop <= across.start or columns.start >= across.stop
    below = rows.stop <= down.start or rows.start >= down.stop
    if beside and not below:
        profile, _ = _profile(values)
        return profile[np.clip(np.arange(down.start, down.stop) - rows.start, 0, len(profile) - 1), None]
    mean = np.full((1, 1), _clipped_mean(values))
    if not below or beside:
        return mean
    profile, evidence = _profile(values.T)
    if evidence < EVIDENCE:
        return mean
    return profile[None, np.clip(np.arange(across.start, across.stop) - columns.start, 0, len(profile) - 1)]


def _profile(values: Values) -> tuple[Values, float]:
    """Level of each line, smoothed as far as it must be, and by how many sigmas the lines differ."""
    middle = np.median(values, axis=1, keepdims=True) if np.isfinite(values).all() else _nanmedian(values)
    apart = np.abs(values - middle)
    finite = apart[np.isfinite(apart)]
    if not finite.size:
        raise UsageError("the overscan has no valid pixel")
    # Whole numbers can have a MAD of 0: one unit is always within reach.
    good = apart <= CLIP * 1.482602218505602 * np.median(finite) + 1
    count = good.sum(axis=1)
    total = np.where(good, values, 0.0).sum(axis=1)
    noise = float(np.var((values - middle)[good])) or 1 / 12
    width = min(len(total), max(1, -(-KNOWN // values.shape[1]) // 2 * 2 + 1))
    smooth, samples = _running(total, width), _running(count.astype(np.float64), width)
    known = samples > 0
    if not known.any():
        raise UsageError("the overscan has no valid pixel")
    profile = np.interp(np.arange(len(total)), np.flatnonzero(known), smooth[known] / samples[known])
    apart_lines = profile[width // 2 :: width]
    freedom = len(apart_lines) - 1
    if freedom < 1:
        return profile, 0.0
    spread = float(np.sum((apart_lines - apart_lines.mean()) ** 2)) / (noise / float(np.median(samples[known])))
    return profile, (spread - freedom) / float(np.sqrt(2 * freedom))


def _running(values: Values, width: int) -> Values:
    """Sum over a window, which is cut at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    low, high = np.maximum(place - width // 2, 0), np.minimum(place + width // 2 + 1, len(values))
    found: Values = total[high] - total[low]
    return found


def _nanmedian(values: Values) -> Values:
    filled = np.where(np.isfinite(values), values, np.nan)
    empty = ~np.isfinite(filled).any(axis=1)
    filled[empty] = 0.0
    found: Values = np.nanmedian(filled, axis=1, keepdims=True)
    found[empty] = np.nan
    return found


def _clipped_mean(values: Values) -> float:
    """Mean of what lies within `CLIP` robust sigmas of the median."""
    flat = values[np.isfinite(values)]
    if not flat.size:
        raise UsageError("the overscan has no valid pixel")
    apart = np.abs(flat - np.median(flat))
    return float(flat[apart <= CLIP * 1.482602218505602 * np.median(apart) + 1].mean())


def overscan_level(frame: Frame, section: str) -> float:
    """Return the clipped mean of one section of a frame.

    Raises
    ------
    UsageError
        That is no section of this frame, or no pixel of it is valid.
    """
    rows, columns = section_of(section, (frame.shape[0], frame.shape[1]))
    values = frame.read(rows.start, rows.stop)[:, columns].astype(np.float64)
    return _clipped_mean(np.asarray(np.ma.filled(values, np.nan)))


def _placed(data: Section, geometry: Geometry) -> Section:
    """Return where the picture of an amplifier lies once the frame is trimmed."""
    down, across = data
    top, left = int(np.searchsorted(geometry.rows, down.start)), int(np.searchsorted(geometry.columns, across.start))
    return slice(top, top + down.stop - down.start), slice(left, left + across.stop - across.start)


def section_of(text: str, shape: tuple[int, int]) -> Section:
    """Read a section: the rows and the columns; reversed ranges are those of a mirrored amplifier.

    Raises
    ------
    UsageError
        It is none, or reaches beyond the frame.

    Examples
    --------
    >>> section_of("[72:65,1:64]", (64, 72))
    (slice(0, 64, None), slice(64, 72, None))
    """
    found = _SECTION.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r:.60} is no section; BIASSEC and the like are written [x1:x2,y1:y2]")
    one, two, three, four = map(int, found.groups())
    (left, right), (low, high) = sorted((one, two)), sorted((three, four))
    if not (left >= 1 and right <= shape[1] and low >= 1 and high <= shape[0]):
        raise UsageError(f"the section {text} is no part of a frame of {shape[1]} x {shape[0]} pixels")
    return slice(low - 1, high), slice(left - 1, right)
