"""Frames as they are combined: rows of a raw frame, or of a flat with its dark taken away and its level divided out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore, Cube
from pipelines.combine import drifts, frame_levels
from pipelines.documents.schema import Doc

__all__ = [
    "Masked",
    "Normalised",
    "Plane",
    "Raised",
    "ScaledDark",
    "Squared",
    "Unclipped",
    "by_colour",
    "central_level",
    "drifting",
    "frame_source",
    "masks_noted",
    "of_colours",
    "stated_in",
    "variance_source",
]

_COLOURS = 1.1  # largest over smallest level of the four places of a pattern
Rows = npt.NDArray[Any]

_LEVEL_PIXELS = 1 << 20


@dataclass(frozen=True, slots=True)
class Plane:
    """A stored plane, by rows."""

    cube: Cube

    @property
    def shape(self) -> tuple[int, ...]:
        return self.cube.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.cube.dtype

    def read(self, start: int, stop: int) -> Rows:
        rows: Rows = self.cube[start:stop]
        return rows


@dataclass(frozen=True, slots=True)
class Masked:
    """A frame with masks of its own: rows are masked arrays."""

    frame: Plane
    masks: tuple[Plane, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.frame.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.frame.dtype

    def read(self, start: int, stop: int) -> Rows:
        bad = self.masks[0].read(start, stop) != 0
        for mask in self.masks[1:]:
            bad |= mask.read(start, stop) != 0
        return np.ma.MaskedArray(self.frame.read(start, stop), mask=bad)


@dataclass(frozen=True, slots=True)
class Unclipped:
    """A frame whose saturated samples are masked."""

    frame: Any
    saturation: float

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.frame.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = self.frame.dtype
        return found

    def read(self, start: int, stop: int) -> Rows:
        rows = self.frame.read(start, stop)
        return np.ma.MaskedArray(rows, mask=np.ma.getmaskarray(rows) | (np.ma.getdata(rows) >= self.saturation))


@dataclass(frozen=True, slots=True)
class Squared:
    """Variances, from a plane of standard deviations."""

    errors: Plane

    @property
    def shape(self) -> tuple[int, ...]:
        return self.errors.shape

    def read(self, start: int, stop: int) -> Rows:
        return np.square(self.errors.read(start, stop), dtype=np.float64)


MASKS = ("dq", "mask", "bpm", "badpix", "badpixel", "flags", "quality")
VARIANCES = ("variance", "var", "err")


def beside(frame: Doc, names: Sequence[str], image: str = "sci") -> tuple[str, ...]:
    """Return which of some arrays a frame has beside the pixels of an image, of their shape and of its number.

    Examples
    --------
    >>> plane = {"shape": [4, 5]}
    >>> beside({"arrays": {"sci_2": plane, "dq_2": plane, "bpm": plane}}, MASKS, "sci_2")
    ('dq_2',)
    """
    arrays = frame["arrays"]
    number = re.search(r"(_?\d+)?$", image)
    tail = (number[1] or "") if number else ""
    found = (name + tail for name in names)
    return tuple(name for name in found if name in arrays and arrays[name]["shape"] == arrays[image]["shape"])


def frame_source(frame: Doc, store: ArrayStore, image: str = "sci") -> Plane | Masked:
    """Open an image of a frame; where its file has masks or quality planes, what is not zero there is masked."""
    pixels = Plane(store.open(frame["arrays"][image]))
    masks = tuple(Plane(store.open(frame["arrays"][name])) for name in beside(frame, MASKS, image))
    return Masked(pixels, masks) if masks else pixels


def variance_source(frame: Doc, store: ArrayStore, image: str = "sci") -> Plane | Squared | None:
    """Open the variances that a file states of the pixels of an image; None if it states none."""
    names = beside(frame, VARIANCES, image)
    if not names:
        return None
    plane = Plane(store.open(frame["arrays"][names[0]]))
    return Squared(plane) if names[0].startswith("err") else plane


def masks_noted(frames: Sequence[Doc], images: Sequence[str]) -> tuple[str, ...]:
    """Say which masks of the files count, and in how many frames, where not all have them."""
    having: dict[str, int] = {}
    for frame in frames:
        for name in {name for image in images for name in beside(frame, MASKS, image)}:
            having[name] = having.get(name, 0) + 1
    told = [
        name if number == len(frames) else f"{name} ({number} of {len(frames)} frames have it)"
        for name, number in sorted(having.items())
    ]
    return (f"pixels that are not 0 in {', '.join(told)} were left out",) if told else ()


@dataclass(frozen=True, slots=True)
class ScaledDark:
    """A dark scaled down: what it holds above the bias, times a factor, on the bias."""

    dark: Any
    bias: Any
    factor: float

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dark.shape)

    def read(self, start: int, stop: int) -> Rows:
        bias = self.bias.read(start, stop).astype(np.float64)
        rows: Rows = bias + (self.dark.read(start, stop) - bias) * self.factor
        return rows


@dataclass(frozen=True, slots=True)
class Raised:
    """A dark on the overscan of another frame; of no dark, that alone.

    Attributes
    ----------
    dark : frame or None
        What is raised.
    level : float
        Mean of what is added.
    shape : (int, int)
        Of the frame.
    profile : Overscan or None
        What is added to each pixel, where it is not one level.
    """

    dark: Any
    level: float
    shape: tuple[int, ...]
    profile: Any = None

    def read(self, start: int, stop: int) -> Rows:
        if self.profile is not None:
            added: Rows = self.profile.read(start, stop)
        else:
            added = np.full((stop - start, self.shape[1]), self.level)
        return added if self.dark is None else self.dark.read(start, stop) + added


@dataclass(frozen=True, slots=True)
class Normalised:
    """A flat, less its dark, over its level: 1 where it is as bright as its middle.

    A dark or a bias less its overscan, over 1, is one too.

    Attributes
    ----------
    frame : Plane or Masked
        The raw flat; what is masked in it is NaN here.
    dark : Plane, ScaledDark or Raised
        What it would be without light.
    level : float
        Of its middle, above the dark.
    """

    frame: Any
    dark: Any
    level: float

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.frame.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def read(self, start: int, stop: int) -> Rows:
        raw = _plain(self.frame.read(start, stop))
        rows: Rows = ((raw - self.dark.read(start, stop)) / self.level).astype(np.float32)
        return rows


def _plain(rows: Rows) -> Rows:
    """Return rows as float64, NaN where they are masked."""
    plain: Rows = np.ma.filled(rows.astype(np.float64), np.nan)
    return plain


def central_level(frame: Any, dark: Any) -> float:
    """Median of the middle half of a flat, in rows and in columns, above its dark.

    A median is that of the sky whatever stars and hot pixels there are. At most a million pixels are
    looked at, rows spread evenly. NaN where all of it is masked.
    """
    rows, columns = frame.shape
    top, bottom = rows // 4, rows - rows // 4
    left, right = columns // 4, columns - columns // 4
    band = 64
    starts = list(range(top, bottom, band))
    wanted = max(1, min(len(starts), _LEVEL_PIXELS // max(1, band * (right - left))))
    chosen = [starts[(2 * n + 1) * len(starts) // (2 * wanted)] for n in range(wanted)]
    parts = []
    for start in chosen:
        stop = min(start + band, bottom)
        raw = _plain(frame.read(start, stop)[:, left:right])
        parts.append((raw - dark.read(start, stop)[:, left:right]).ravel())
    middle = np.concatenate(parts)
    middle = middle[np.isfinite(middle)]
    return float(np.median(middle)) if middle.size else float("nan")


def drifting(frames: Sequence[Plane | Masked], noise: float, names: Sequence[str]) -> list[Normalised] | None:
    """Return frames whose level drifts, each on the mean of their levels; None where they do not drift."""
    levels = frame_levels(frames, noise=noise, names=names)
    if not drifts(levels, noise=noise):
        return None
    return [
        Normalised(frame, Raised(None, float(level), frame.shape), 1.0)
        for frame, level in zip(frames, levels, strict=True)
    ]


def stated_in(frames: Sequence[Doc], *, saturation: float | None) -> dict[str, float | None]:
    """Return what the headers of all frames state alike: gain (e-/unit), read noise and saturation (units).

    Parameters
    ----------
    saturation
        Of the profile, which is believed before a header.
    """
    found: dict[str, float | None] = {}
    for name in ("gain", "read_noise", "saturation"):
        values = {(frame.get("obs") or {}).get(name) for frame in frames}
        found[name] = values.pop() if len(values) == 1 else None
    if found["read_noise"] is not None:  # electrons
        found["read_noise"] = found["read_noise"] / found["gain"] if found["gain"] else None
    return found | ({"saturation": saturation} if saturation is not None else {})


def by_colour(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a flat over the level of its colours: of a sensor without colours, as it is.

    The four pixels of a colour pattern repeat along both axes. Where their medians differ by more than 10 % they are
    colours, however the pattern is called and wherever it begins.
    """
    places = [(slice(y, None, 2), slice(x, None, 2)) for y in (0, 1) for x in (0, 1)]
    if min(value.shape) < 2:
        return value
    levels = [float(np.nanmedian(part)) if np.isfinite(part := value[place]).any() else np.nan for place in places]
    if not (min(levels) > 0 and max(levels) > _COLOURS * min(levels)):
        return value
    found = value.astype(np.float32)
    for place, level in zip(places, levels, strict=True):
        found[place] /= np.float32(level)
    return found


def of_colours(kind: str, frames: Sequence[Doc]) -> tuple[str, ...]:
    """Say of flats of a colour sensor what dividing by them does to colours."""
    pattern = (frames[0].get("obs") or {}).get("bayer") if frames and kind == "flat" else None
    if not pattern:
        return ()
    return (f"its colour planes ({pattern}) are normalised together: dividing takes out the colour of its light",)
