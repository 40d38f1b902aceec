"""The values of pixels in the frames of a camera: one question to the catalog, then chunks of the pictures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catalog import Collection
from pipelines.documents.schema import Doc
from pipelines.errors import NothingThere
from pipelines.instruments import profiles
from pipelines.pixels.cameras.places import FIELDS, ImagePlace, Misplaced, place_of
from pipelines.pixels.coordinates import NoSuchPixel, PixelCoordinates
from pipelines.pixels.exposures import unread_row
from pipelines.pixels.reading import Want, read
from pipelines.table import Row

if TYPE_CHECKING:
    from arraystore import ArrayStore

Array = npt.NDArray[Any]

_COMMON = ("kind", "date", "timestamp", "profile", "instrument", "flat_time", "qc.verdict", "qc.checks", "kind_note")


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame, and where its picture lies on the detector."""

    document: Doc
    place: ImagePlace

    @property
    def start(self) -> datetime | None:
        """When it began."""
        return self.document.get("timestamp")

    def obs(self, field: str) -> Any:
        """Return an observation field; None where the header does not have it."""
        return (self.document.get("obs") or {}).get(field)


@dataclass(frozen=True, slots=True)
class FrameValues:
    """Values of P pixels in N frames, in order of time, frames without a time last.

    Attributes
    ----------
    frames
        The N frames.
    rows, columns
        Indices in the stored arrays, (N, P); -1 where a frame does not cover the pixel.
    values
        float64, (N, P), in units of the frame; NaN where there is none or it could not be read.
    """

    frames: tuple[Placed, ...]
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


def setup_fields() -> tuple[str, ...]:
    """Return what telling setups apart needs of a document: the fields of every key of every profile."""
    fields = {"hdus.arrays"}
    for profile in profiles().values():
        for rule in profile.calibration.groups if profile.calibration is not None else ():
            for key in rule.keys:
                for path in (*key.paths, *(key.fallback.paths if key.fallback is not None else ())):
                    first, _, rest = path.partition(".")
                    if first == "header":
                        fields |= {path, f"hdus.header.{rest}"}
                    elif first not in ("obs", "images"):
                        fields.add(path)
    return tuple(sorted(fields))


def find_frames(
    headers: Collection, camera: str, query: Mapping[str, Any], *, image: str | None
) -> tuple[list[Placed], list[Row]]:
    """Find the frames of a camera that a question allows, and those that cannot be placed: one question to the catalog.

    Raises
    ------
    NothingThere
        The camera has no such frame.
    """
    fields = dict.fromkeys((*FIELDS, *_COMMON, *setup_fields()), 1)
    asked = {"$and": [{"obs.camera": camera, "ingest.arrays": "kept"}, dict(query)]}
    placed: list[Placed] = []
    unplaced: list[Row] = []
    for document in headers.find(asked, fields):
        try:
            placed.append(Placed(document, place_of(document, image)))
        except Misplaced as error:
            unplaced.append(unread_row(document["_id"], document["_id"], "picture", str(error)))
    if not placed and not unplaced:
        there = headers.count_documents({"obs.camera": camera})
        raise NothingThere(f"none of the {there} files of {camera} is a frame with pixels that answers to the question")
    placed.sort(key=lambda one: (one.start is None, one.start, str(one.document["_id"])))
    return placed, unplaced


def extent(frames: Sequence[Placed]) -> tuple[int, int]:
    """Return columns and rows of the detector as far as any frame shows it."""
    return max(one.place.columns.last for one in frames), max(one.place.rows.last for one in frames)


def read_frames(store: ArrayStore, frames: Sequence[Placed], places: PixelCoordinates) -> tuple[FrameValues, list[Row]]:
    """Read the pixels in every frame that covers any of them.

    Raises
    ------
    NoSuchPixel
        No frame covers a pixel; the message says what they cover.
    """
    wants: list[Want] = []
    shown: list[tuple[Placed, Array, Array, Array]] = []
    indices: dict[Any, tuple[Array, Array]] = {}
    for one in frames:
        axes = (one.place.columns, one.place.rows)
        if axes not in indices:
            indices[axes] = axes[1].index(places.y), axes[0].index(places.x)
        rows, columns = indices[axes]
        inside = np.flatnonzero((rows >= 0) & (columns >= 0))
        if inside.size:
            wants.append(Want(one.document, one.place.image, rows[inside], columns[inside]))
            shown.append((one, rows, columns, inside))
    if not shown:
        named = f"x={places.x[0]}, y={places.y[0]}" if places.single else repr(places)
        raise NoSuchPixel(f"no frame covers {named}; the {len(frames)} frames cover {_covered(frames)}")
    got, unread = read(store, wants, compact=places.box is not None)
    size = (len(shown), places.x.size)
    made = FrameValues(
        tuple(one for one, *_ in shown), np.full(size, -1), np.full(size, -1), np.full(size, np.nan, np.float64)
    )
    for n, (one, rows, columns, inside) in enumerate(shown):
        made.rows[n, inside], made.columns[n, inside] = rows[inside], columns[inside]
        value = got.get((one.document["_id"], one.place.image))
        if value is not None:
            made.values[n, inside] = value
    return made, [row | {"exposure": row["document"]} for row in unread]


def _covered(frames: Sequence[Placed]) -> str:
    columns, rows = [one.place.columns for one in frames], [one.place.rows for one in frames]
    spans = [(min(axis.first for axis in axes), max(axis.last for axis in axes)) for axes in (columns, rows)]
    return f"x {spans[0][0]}..{spans[0][1]}, y {spans[1][0]}..{spans[1][1]}"
