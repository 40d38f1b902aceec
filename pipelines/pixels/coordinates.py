"""Which pixels are asked for: one, a list, or a box, in full-frame coordinates that count from 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog import Collection
from pipelines.detectors.geometry import ALIASES, GEOMETRIES, Geometry, PixelOutside
from pipelines.detectors.numbering import SCIENCE_PIXELS, refout_position
from pipelines.errors import UsageError

Ints = npt.NDArray[np.int64]

BOX_LIMIT = 1_000_000
"""Pixels at most in one question; whole detectors are what cubes are for."""


class NoSuchPixel(UsageError):
    """A coordinate, a number or a detector that does not exist."""


@dataclass(frozen=True, slots=True)
class PixelCoordinates:
    """Pixels of a detector.

    Attributes
    ----------
    geometry
        The detector.
    x, y
        Column and row of each, from 1.
    box
        (first x, first y, last x, last y) where they are all pixels of a box, row by row.
    single
        One pixel, asked for as such.
    """

    geometry: Geometry
    x: Ints
    y: Ints
    box: tuple[int, int, int, int] | None = None
    single: bool = False
    # A campaign has thousands of files and a handful of windows: each is worked out once.
    _known: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def ids(self) -> Ints:
        """The pixel numbers."""
        numbers: Ints = self.geometry.pixel_id(self.x, self.y)
        return numbers

    def within(self, window: Mapping[str, int]) -> Ints:
        """Which of them a window holds, as indices."""
        return self._inside(window["x"], window["y"], window["nx"], window["ny"])

    def indices(self, x: int, y: int, nx: int, ny: int) -> tuple[Ints, Ints, Ints]:
        """Rows and columns of those a window holds in its arrays, from 0, and columns of its reference output.

        The reference output has one value for four columns, counted from the edge of the detector.
        """
        key = ("indices", x, y, nx, ny)
        if key not in self._known:
            inside = self._inside(x, y, nx, ny)
            xs = self.x[inside]
            self._known[key] = (self.y[inside] - y, xs - x, (xs - 1) // 4 - (x - 1) // 4)
        found: tuple[Ints, Ints, Ints] = self._known[key]
        return found

    def _inside(self, x: int, y: int, nx: int, ny: int) -> Ints:
        key = ("inside", x, y, nx, ny)
        if key not in self._known:
            inside = (self.x >= x) & (self.x < x + nx) & (self.y >= y) & (self.y < y + ny)
            self._known[key] = np.flatnonzero(inside)
        found: Ints = self._known[key]
        return found

    def __repr__(self) -> str:
        if self.single:
            return f"x={self.x[0]}, y={self.y[0]} (pixel {self.ids[0]})"
        if self.box:
            return f"x {self.box[0]}..{self.box[2]}, y {self.box[1]}..{self.box[3]}"
        return f"{self.x.size} pixels"


def is_detector(name: str) -> bool:
    """Tell whether a name is that of a JWST detector."""
    known = str(name).strip().upper()
    return known in GEOMETRIES or known in ALIASES


def lab_geometry(headers: Collection, name: str) -> Geometry | None:
    """Return a detector of a test stand, as the profiles of its exposures describe it; None where there is none.

    Raises
    ------
    NoSuchPixel
        They describe it as of different sizes.
    """
    mine = {"detector": name, "kind": "uncal", "ramp": {"$exists": True}}
    sizes = [
        [int(size) for size in headers.distinct(f"ramp.{axis}", mine)] for axis in ("columns", "rows", "reference")
    ]
    if not all(sizes):
        return None
    if any(len(size) > 1 for size in sizes):
        said = f"{name} has {sizes[0]} columns, {sizes[1]} rows and {sizes[2]} reference pixels, by its exposures"
        raise NoSuchPixel(f"{said}; correct the table [ramp] of its profile, and run `darkroom identify --all`")
    columns, rows, reference = (size[0] for size in sizes)
    return Geometry(name, "", columns, rows, (reference, reference))


def camera_named(headers: Collection, name: str) -> str:
    """Return the key of a camera of the archive; upper and lower case are one where that is clear.

    Raises
    ------
    NoSuchPixel
        No frame is of such a camera, and no JWST detector has that name; the message names the nearest.
    """
    frames = {"kind": {"$nin": ["uncal", "ramp", "rateints", "rate"]}}  # JWST's exposures are asked by their detector
    if headers.find_one({"obs.camera": name, **frames}, {"_id": 1}) is not None:
        return name
    cameras = sorted(str(camera) for camera in headers.distinct("obs.camera", frames) if camera is not None)
    alike = [camera for camera in cameras if camera.casefold() == name.strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    stands = sorted(str(one) for one in headers.distinct("detector", {"ramp": {"$exists": True}}) if one is not None)
    folded = {choice.casefold(): choice for choice in (*GEOMETRIES, *stands, *cameras)}
    within = [camera for camera in cameras if name.strip() and name.strip().casefold() in camera.casefold()]
    near = [*within, *(folded[match] for match in get_close_matches(name.casefold(), folded, n=3))][:3]
    asked = f"is it {' or '.join(near)}? " if near else ""
    shown = ", ".join(cameras[:8]) + (", …" if len(cameras) > 8 else "")
    there = f"there are {', '.join((*GEOMETRIES, *stands))}, and the archive's cameras: {shown or 'none'}"
    raise NoSuchPixel(f"no detector or camera {name!r}; {asked}{there}")


def checked_detector(detector: str) -> str:
    """Return a detector's name as the headers write it.

    Raises
    ------
    NoSuchPixel
        There is no such detector.
    """
    name = str(detector).strip().upper()
    name = ALIASES.get(name, name)
    if name not in GEOMETRIES:
        near = get_close_matches(name, GEOMETRIES, n=3)
        hint = f"is it {' or '.join(near)}?" if near else f"there are {', '.join(GEOMETRIES)}"
        raise NoSuchPixel(f"no detector {detector!r}; {hint}")
    return name


def places_of(
    geometry: Geometry,
    *,
    x: int | None = None,
    y: int | None = None,
    pixel: int | Iterable[int] | None = None,
    pixels: Iterable[tuple[int, int]] | None = None,
    box: tuple[int, int, int, int] | None = None,
) -> PixelCoordinates:
    """Read the pixels asked for, given in one of four ways.

    Parameters
    ----------
    geometry
        Of the detector.
    x, y
        One pixel.
    pixel
        One pixel's number, or several.
    pixels
        Pairs (x, y).
    box
        (first x, first y, last x, last y), both ends included.

    Raises
    ------
    NoSuchPixel
        A coordinate or number outside the detector; the number of a reference-output value.
    UsageError
        None of the four ways, or two; no pixel; too many.
    """
    given = [(x is not None or y is not None), pixel is not None, pixels is not None, box is not None]
    if sum(given) != 1 or (given[0] and (x is None or y is None)):
        raise UsageError("say which pixel in one way: x= and y=, pixel_id=, a list of (x, y), or a box")
    try:
        if box is not None:
            return _box(geometry, box)
        if pixel is not None:
            single = not isinstance(pixel, Iterable)
            numbers = np.asarray([pixel] if single else list(pixel))  # type: ignore[arg-type]
            xs, ys = geometry.position(_science(geometry, numbers))
            return PixelCoordinates(geometry, np.atleast_1d(xs), np.atleast_1d(ys), single=single)
        pairs = [(x, y)] if pixels is None else [tuple(pair) for pair in pixels]
        if any(len(pair) != 2 for pair in pairs):
            raise UsageError("a list of pixels is one of pairs (x, y)")
        columns, rows = (np.asarray([pair[n] for pair in pairs]) for n in (0, 1))
        if not columns.size:
            raise UsageError("the list of pixels is empty")
        geometry.pixel_id(columns, rows)  # says what is outside
        return PixelCoordinates(geometry, columns.astype(np.int64), rows.astype(np.int64), single=pixels is None)
    except PixelOutside as error:
        raise NoSuchPixel(f"{error}; x and y count from 1 in full-frame coordinates") from error
    except TypeError as error:
        raise UsageError(str(error)) from error


def _box(geometry: Geometry, box: tuple[int, int, int, int]) -> PixelCoordinates:
    if len(box) != 4:
        raise UsageError("a box is (first x, first y, last x, last y)")
    x0, y0, x1, y1 = box
    geometry.pixel_id(np.asarray([x0, x1]), np.asarray([y0, y1]))
    if x1 < x0 or y1 < y0:
        raise UsageError(f"the box x {x0}..{x1}, y {y0}..{y1} ends before it begins")
    if (x1 - x0 + 1) * (y1 - y0 + 1) > BOX_LIMIT:
        raise UsageError(f"the box holds more than {BOX_LIMIT:,} pixels; read cubes for that: archive.cube(document)")
    ys, xs = np.mgrid[y0 : y1 + 1, x0 : x1 + 1]
    return PixelCoordinates(geometry, xs.ravel(), ys.ravel(), box=(int(x0), int(y0), int(x1), int(y1)))


def _science(geometry: Geometry, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not numbers.size:
        raise UsageError("the list of pixels is empty")
    if geometry.instrument != "MIRI":
        return numbers  # no reference output has numbers there
    beyond = numbers[numbers > SCIENCE_PIXELS] if numbers.dtype.kind in "iu" else numbers[:0]
    if beyond.size:
        k, y = refout_position(int(beyond[0]))
        raise NoSuchPixel(
            f"pixel {beyond[0]} is a value of the reference output, read together with the pixels "
            f"x={4 * k + 1}..{4 * k + 4}, y={y}; ask for one of these: its ramps have it as refout"
        )
    return numbers
