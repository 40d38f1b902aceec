"""Frames as they are combined: rows of a raw frame, or of a flat with its dark taken away and its level divided out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore, Cube
from pipelines.combine import drifts, frame_levels

__all__ = [
    "Masked",
    "Normalised",
    "Plane",
    "Raised",
    "ScaledDark",
    "Squared",
    "Unclipped",
    "central_level",
    "drifting",
    "frame_source",
    "stated_in",
    "variance_source",
]

Doc = Mapping[str, Any]
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
    """A frame with a mask of its own: rows are masked arrays."""

    frame: Plane
    mask: Plane

    @property
    def shape(self) -> tuple[int, ...]:
        return self.frame.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.frame.dtype

    def read(self, start: int, stop: int) -> Rows:
        return np.ma.MaskedArray(self.frame.read(start, stop), mask=self.mask.read(start, stop) != 0)


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


MASKS = ("dq", "mask")
VARIANCES = ("variance", "var", "err")


def beside(frame: Doc, names: Sequence[str]) -> str | None:
    """Return the first of some arrays that a frame has beside its pixels, of their shape."""
    arrays = frame["arrays"]
    return next((n for n in names if n in arrays and arrays[n]["shape"] == arrays["sci"]["shape"]), None)


def frame_source(frame: Doc, store: ArrayStore) -> Plane | Masked:
    """Open a frame; where its file has a mask or quality plane, what is not zero there is masked."""
    pixels = Plane(store.open(frame["arrays"]["sci"]))
    mask = beside(frame, MASKS)
    return pixels if mask is None else Masked(pixels, Plane(store.open(frame["arrays"][mask])))


def variance_source(frame: Doc, store: ArrayStore) -> Plane | Squared | None:
    """Open the variances that a file states of its pixels; None if it states none."""
    name = beside(frame, VARIANCES)
    if name is None:
        return None
    plane = Plane(store.open(frame["arrays"][name]))
    return Squared(plane) if name == "err" else plane


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
