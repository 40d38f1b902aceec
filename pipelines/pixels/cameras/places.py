"""Where a pixel of the detector lies in the picture of a frame: by window, binning and the sections of its header.

Pixels of a camera count from 1 in columns and rows of the detector, unbinned. What a header leaves open is either
said (no window: counted from the first pixel of the picture) or refused (a corner that may count binned pixels or not).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.calibration.masters.geometry import Geometry, geometry_of
from pipelines.calibration.masters.images import frame_images
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.instruments.dialects import geometry as words

__all__ = ["FIELDS", "Axis", "ImagePlace", "Misplaced", "place_of"]

Ints = npt.NDArray[np.int64]

_SECTIONS = tuple(key.name for key in words.WINDOW_SECTIONS if key.name in ("CCDSEC", "DETSEC", "RTDATSEC"))
FIELDS = (
    "obs", "obs_from.window", "arrays",
    *(f"{place}.{name}" for name in _SECTIONS for place in ("header", "hdus.header")),
)  # fmt: skip
"""What placing a pixel needs of a document."""

_CORNERS = frozenset(key.name for key in (*words.CORNER_X, *words.CORNER_Y))
_BINNED = frozenset({"XORGSUBF", "YORGSUBF"})  # corners that count binned pixels, as MaxIm DL's manual says
_RANGE = re.compile(r"\[?\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]?")


class Misplaced(UsageError):
    """A frame does not say clearly enough where its picture lies on the detector."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a picture on the detector.

    Attributes
    ----------
    first : int
        Lowest pixel of the detector that the picture covers, from 1.
    step : int
        Pixels of the detector in one of the picture: the binning.
    count : int
        Pixels of the picture.
    offset : int
        Index of the first of them in the stored array.
    mirrored : bool
        The array runs from the highest pixel down.

    Examples
    --------
    >>> Axis(101, 2, 50, 0, False).index(np.asarray([101, 102, 103, 201]))
    array([ 0,  0,  1, -1])
    """

    first: int
    step: int
    count: int
    offset: int
    mirrored: bool

    @property
    def last(self) -> int:
        """Highest pixel of the detector that the picture covers."""
        return self.first + self.count * self.step - 1

    def index(self, pixels: Ints) -> Ints:
        """Return the index in the stored array of pixels of the detector; -1 where the picture does not cover one."""
        apart = self.last - pixels if self.mirrored else pixels - self.first
        number = apart // self.step
        return np.where((apart >= 0) & (number < self.count), number + self.offset, -1)

    def pixels(self, index: Ints) -> Ints:
        """Return the lowest pixel of the detector of each index in the stored array."""
        number = index - self.offset
        return self.last - (number + 1) * self.step + 1 if self.mirrored else self.first + number * self.step


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """Where one image of a frame lies on its detector.

    Attributes
    ----------
    image : str
        Its array in the document.
    columns, rows : Axis
        Along x and y.
    binning : (int, int)
        In x and y.
    assumed : str
        What the header leaves open, and what was assumed; empty where it leaves nothing open.
    alone : bool
        The only image of the frame.
    """

    image: str
    columns: Axis
    rows: Axis
    binning: tuple[int, int]
    assumed: str = ""
    alone: bool = True

    def trimmed(self, geometry: Geometry) -> ImagePlace:
        """Return the place of the picture alone, as masters have it: without the overscan."""
        axes = [
            Axis(int(axis.pixels(kept[[-1 if axis.mirrored else 0]])[0]), axis.step, len(kept), 0, axis.mirrored)
            for axis, kept in ((self.columns, geometry.columns), (self.rows, geometry.rows))
        ]
        return ImagePlace(self.image, axes[0], axes[1], self.binning, self.assumed, self.alone)


def place_of(frame: Doc, image: str | None = None) -> ImagePlace:
    """Return where an image of a frame lies on its detector.

    Parameters
    ----------
    frame
        Its document, with `FIELDS`.
    image
        Which, of a file of several; of a file of one it need not be named.

    Raises
    ------
    Misplaced
        The message says what the header leaves open, or which images there are.
    """
    images = frame_images(frame)
    if not images:
        raise Misplaced("it has no picture of two axes that was ingested")
    if image is None and len(images) > 1:
        raise Misplaced(f"it has {len(images)} images; name one: {', '.join(images)}")
    name = images[0] if image is None else image
    if name not in images:
        raise Misplaced(f"it has no image {name!r}; there are: {', '.join(images)}")
    obs = frame.get("obs") or {}
    binning = obs.get("binning") or [1, 1]
    step = int(binning[0]), int(binning[1])
    try:
        geometry = geometry_of(frame, name)
    except UsageError as error:
        raise Misplaced(str(error)) from error
    window = obs.get("window")
    if window is None or len(images) > 1:
        axes = [
            Axis(1, b, len(kept), int(kept[0]), False)
            for b, kept in zip(step, (geometry.columns, geometry.rows), strict=True)
        ]
        reason = "several images in the file" if len(images) > 1 else "no window in the header"
        assumed = f"{reason}: counted from the first pixel of the picture"
        return ImagePlace(name, axes[0], axes[1], step, assumed, alone=len(images) == 1)
    source = str((frame.get("obs_from") or {}).get("window") or "")
    mirrors = _mirrors(frame, source)
    ny, nx = geometry.shape
    columns = _axis("x", source, window["x"], window["nx"], step[0], nx, geometry.columns, mirrors[0])
    rows = _axis("y", source, window["y"], window["ny"], step[1], ny, geometry.rows, mirrors[1])
    return ImagePlace(name, columns, rows, step)


def _axis(
    what: str, source: str, start: int, size: int, step: int, length: int, kept: npt.NDArray[Any], mirrored: bool
) -> Axis:
    """Place one axis: by the corner of the whole array, or by a section of the array or of its picture."""
    keyword = source.partition("@")[0]
    if keyword in _CORNERS:
        first = max(start, 1)  # some scripts count from 0, and say so only by a 0
        if step > 1 and first > 1 and keyword not in _BINNED:
            raise Misplaced(
                f"{keyword} = {start} of a picture binned {step} may count binned pixels or those of the detector"
            )
        return Axis((first - 1) * step + 1 if keyword in _BINNED else first, step, length, 0, False)
    if start == 1 and size == length:  # in binned pixels or not, it begins at the first
        return Axis(1, step, length, 0, mirrored)
    if size // step == length:
        return Axis(start, step, length, 0, mirrored)
    if size // step == len(kept):
        return Axis(start, step, len(kept), int(kept[0]), mirrored)
    named = keyword or "the window"
    raise Misplaced(
        f"{named} has {size} pixels in {what}, which at a binning of {step} fit neither the array of {length} nor its "
        f"picture of {len(kept)}"
    )


def _mirrors(frame: Doc, source: str) -> tuple[bool, bool]:
    """Tell along which axes a section runs backwards: the amplifier was read from the other side."""
    keyword, _, number = source.partition("@")
    if keyword not in _SECTIONS:
        return False, False
    hdus = frame.get("hdus") or ()
    place = int(number) if number.isdigit() else 0
    headers = [hdus[place].get("header") or {}] if place < len(hdus) else []
    text = next((h[keyword] for h in (*headers, frame.get("header") or {}) if keyword in h), "")
    found = _RANGE.search(str(text))
    if found is None:
        return False, False
    x1, x2, y1, y2 = map(int, found.groups())
    return x1 > x2, y1 > y2
