"""Frames as they are combined: rows of a raw frame, or of a flat with its dark taken away and its level divided out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import Cube

__all__ = ["Normalised", "Plane", "ScaledDark", "central_level"]

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
class ScaledDark:
    """A dark scaled down: what it holds above the bias, times a factor, on the bias."""

    dark: Plane
    bias: Plane
    factor: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.dark.shape

    def read(self, start: int, stop: int) -> Rows:
        bias = self.bias.read(start, stop).astype(np.float64)
        rows: Rows = bias + (self.dark.read(start, stop) - bias) * self.factor
        return rows


@dataclass(frozen=True, slots=True)
class Normalised:
    """A flat, less its dark, over its level: 1 where it is as bright as its middle.

    Attributes
    ----------
    frame : Plane
        The raw flat.
    dark : Plane or ScaledDark
        What it would be without light.
    level : float
        Of its middle, above the dark.
    """

    frame: Plane
    dark: Plane | ScaledDark
    level: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.frame.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def read(self, start: int, stop: int) -> Rows:
        raw = self.frame.read(start, stop).astype(np.float64)
        rows: Rows = ((raw - self.dark.read(start, stop)) / self.level).astype(np.float32)
        return rows


def central_level(frame: Plane, dark: Plane | ScaledDark) -> float:
    """Median of the middle half of a flat, in rows and in columns, above its dark.

    A median is that of the sky whatever stars and hot pixels there are. At most a million pixels are
    looked at, rows spread evenly.
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
        raw = frame.read(start, stop)[:, left:right].astype(np.float64)
        parts.append((raw - dark.read(start, stop)[:, left:right]).ravel())
    return float(np.nanmedian(np.concatenate(parts)))
