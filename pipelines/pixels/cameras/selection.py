"""Pixels of a camera in every frame that a question selects: values, what masters expect, tables and pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.detectors.geometry import Geometry
from pipelines.documents.words import require_kinds
from pipelines.errors import UsageError
from pipelines.pixels.cameras.expected import Expected, expected
from pipelines.pixels.cameras.reading import FrameValues, Placed, extent, find_frames, read_frames
from pipelines.pixels.coordinates import NoSuchPixel, PixelCoordinates, places_of
from pipelines.pixels.exposures import day_range, unread_row
from pipelines.session import Session
from pipelines.table import Answer, Row

if TYPE_CHECKING:
    import pandas as pd
    import xarray
    from matplotlib.figure import Figure

__all__ = ["CameraPixels", "camera_pixels"]

COMBINED = ("-stack", "-processed")
"""Endings of kinds whose pixels are not as the camera read them."""


def camera_pixels(
    session: Session,
    camera: str,
    *,
    x: int | None = None,
    y: int | None = None,
    pixels: Iterable[tuple[int, int]] | None = None,
    box: tuple[int, int, int, int] | None = None,
    date: Any = None,
    kind: str | Iterable[str] | None = None,
    image: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> CameraPixels:
    """Ask for one pixel of a camera, several, or a box, in every frame of it.

    Parameters
    ----------
    camera : str
        As ``obs.camera`` has it.
    x, y : int
        Column and row of the detector, unbinned, from 1; window, binning and sections of each header say where that
        is in its frame.
    pixels, box, date, where
        As of `pipelines.pixels.selection.pixel`.
    kind : str or iterable of str
        Only frames of these kinds, such as ``'dark'``. By default all but stacks and processed frames, whose numbers
        are not the camera's.
    image : str
        Which image, of files of several.

    Raises
    ------
    NothingThere
        The camera has no such frame.
    NoSuchPixel
        No frame covers the pixel.
    UsageError
        The pixel is given in no way or in two; a kind does not exist.
    """
    if all(given is None for given in (x, y, pixels, box)):
        raise UsageError("say which pixel in one way: x= and y=, a list of (x, y), or a box")
    kinds = [kind] if isinstance(kind, str) else None if kind is None else list(kind)
    if kinds is not None:
        require_kinds(session.headers, kinds)
    first, last = day_range(date)
    query: dict[str, Any] = dict(where or {})
    parts: list[dict[str, Any]] = [query]
    if first or last:
        parts.append({"date": {op: day for op, day in (("$gte", first), ("$lte", last)) if day}})
    if kinds is not None:
        parts.append({"kind": {"$in": kinds}})
    found, unplaced = find_frames(session.headers, camera, {"$and": parts}, image=image)
    if kinds is None:
        combined = [one for one in found if str(one.document["kind"]).endswith(COMBINED)]
        found = [one for one in found if not str(one.document["kind"]).endswith(COMBINED)]
        reason = "is not as the camera read it; name its kind to have it"
        unplaced += [
            unread_row(one.document["_id"], one.document["_id"], str(one.document["kind"]), reason) for one in combined
        ]
    columns, rows = extent(found) if found else (0, 0)
    geometry = Geometry(camera, "", columns, rows, (0, 0))
    if not found:
        raise NoSuchPixel(f"no frame of {camera} can be placed on its detector: {unplaced[0]['reason']}")
    places = places_of(geometry, x=x, y=y, pixels=pixels, box=box)
    return CameraPixels(session, camera, places, found, unplaced)


class CameraPixels:
    """Pixels of a camera in the frames that a question selects; `camera_pixels` makes one.

    Attributes
    ----------
    detector, places
        The camera, and what was asked.
    """

    def __init__(
        self, session: Session, camera: str, places: PixelCoordinates, frames: list[Placed], unplaced: list[Row]
    ) -> None:
        self._session = session
        self._frames = frames
        self._unplaced = unplaced
        self.detector = camera
        self.places = places

    def __repr__(self) -> str:
        return f"<CameraPixels {self.detector} {self.named}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return self.summary()._repr_mimebundle_()

    @property
    def named(self) -> str:
        """The pixels in words."""
        one = self.places
        return f"x={one.x[0]}, y={one.y[0]}" if one.single else repr(one)

    def read(self) -> FrameValues:
        """Return the values as plain arrays, in order of time; nothing but chunks of the frames is read."""
        return self._values[0]

    def expected(self) -> Expected:
        """Return what the masters say of the pixels in each frame; see `pipelines.pixels.cameras.expected`."""
        return self._expected

    def history(self) -> xarray.Dataset:
        """Return value, what masters expect and what is left over, in order of time; see `cameras.tables.history`."""
        from pipelines.pixels.cameras.tables import history

        return history(self)

    def to_xarray(self) -> xarray.Dataset:
        """Return the same as `history`."""
        return self.history()

    def to_pandas(self) -> pd.DataFrame:
        """Return a row for each frame and pixel; see `pipelines.pixels.cameras.tables.rows_of`."""
        from pipelines.pixels.cameras.tables import to_pandas

        return to_pandas(self)

    def to_parquet(self, path: str | os.PathLike[str]) -> int:
        """Write the rows of `to_pandas` to a Parquet file; return their number."""
        from pipelines.pixels.cameras.tables import to_parquet

        return to_parquet(self, path)

    def to_csv(self, path: str | os.PathLike[str]) -> int:
        """Write the rows of `to_pandas` to a CSV file that no spreadsheet computes; return their number."""
        from pipelines.pixels.tables import to_csv

        return to_csv(self.to_pandas(), path)

    def summary(self) -> Answer:
        """Return a row for each frame and pixel, as a table."""
        from pipelines.pixels.cameras.tables import summary

        return summary(self)

    def values(self) -> dict[str, Any]:
        """Return every value as plain data."""
        from pipelines.pixels.cameras.tables import values

        return values(self)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw value and residual over time, by kind of frame; several pixels in one picture, a box in small ones.

        Parameters
        ----------
        path
            Also write the picture there (png, pdf, svg).
        """
        from pipelines.pixels.cameras.plotting import plot

        return plot(self, path)

    def ramps(self) -> None:
        """Refuse: frames of a camera have no ramps.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(f"frames of {self.detector} have one read each, and no ramps; ask .history() or .to_pandas()")

    slopes = ramps

    @property
    def unread(self) -> Answer:
        """What could not be read, placed or compared, and why: exposure, document, what, reason."""
        rows = [*self._unplaced, *self._values[1]]
        covering = set(map(id, self._values[0].frames))
        aside = sum(id(one) not in covering for one in self._frames)
        if aside:
            reason = f"{aside} of {len(self._frames)} frames do not cover the pixel"
            rows.append(unread_row(None, None, "window", reason))
        columns = ("exposure", "document", "what", "reason")
        return Answer(columns, tuple(rows), f"Not read, {self.detector} {self.named}")

    @property
    def assumed(self) -> tuple[str, ...]:
        """What headers leave open of where pixels lie, and what was assumed."""
        return tuple(sorted({one.place.assumed for one in self._values[0].frames if one.place.assumed}))

    @property
    def residuals(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return value less what the masters expect, (N, P); NaN without masters."""
        return self.read().values - self.expected().values

    @cached_property
    def _values(self) -> tuple[FrameValues, list[Row]]:
        return read_frames(self._session.store, self._frames, self.places)

    @cached_property
    def _expected(self) -> Expected:
        return expected(self._session, self.read())
