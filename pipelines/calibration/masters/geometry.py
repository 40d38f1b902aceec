"""Geometry: which rows and columns of a raw image are picture, and which overscan belongs to each amplifier."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.calibration.masters.images import frame_images
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError

__all__ = ["Amplifier", "Geometry", "Region", "Section", "geometry_of", "overscan_taken", "section_of", "treatment"]

Section = tuple[slice, slice]
Index = npt.NDArray[np.intp]

_SECTION = re.compile(r"\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]")


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


def treatment(frame: Doc) -> dict[str, str]:
    """Return what is done to a frame before anything else, for the parameters of its master.

    Sections that are no part of the frame are found when it is opened, not here.
    """
    try:
        geometries = [geometry_of(frame, name) for name in frame_images(frame)]
    except UsageError:
        return {"overscan": "per amplifier"}
    found = {"trim": "to the picture"} if any(geometry.trims for geometry in geometries) else {}
    return found | ({"overscan": "per amplifier"} if any(one.has_overscan for one in geometries) else {})


def overscan_taken(master: Doc) -> bool:
    """Tell whether a master was made of frames less their overscan."""
    return bool((master.get("parameters") or {}).get("overscan") or (master.get("key") or {}).get("overscan"))


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
    return [{"bias": bias}] if isinstance(bias, str) and bias.strip() else []


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
