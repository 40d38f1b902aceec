"""The life of a pixel: ask for it once, then for its ramps, its slopes and its history."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipelines.detectors.geometry import GEOMETRIES
from pipelines.errors import UsageError
from pipelines.pixels.cameras import CameraPixels, camera_pixels
from pipelines.pixels.coordinates import (
    PixelCoordinates,
    camera_named,
    checked_detector,
    is_detector,
    lab_geometry,
    places_of,
)
from pipelines.pixels.exposures import (
    RAMPS,
    SLOPES,
    Filters,
    FoundExposures,
    NoExposure,
    Observed,
    contradictions,
    day_range,
    find_exposures,
)
from pipelines.pixels.reading import Ramps, Slopes, read_ramps
from pipelines.session import Session
from pipelines.table import Answer, Row

if TYPE_CHECKING:
    import pandas as pd
    import xarray
    from matplotlib.figure import Figure


def pixel(
    session: Session,
    detector: str,
    *,
    x: int | None = None,
    y: int | None = None,
    pixel_id: int | Iterable[int] | None = None,
    pixels: Iterable[tuple[int, int]] | None = None,
    box: tuple[int, int, int, int] | None = None,
    date: Any = None,
    readpatt: str | None = None,
    subarray: str | None = None,
    version: str | None = None,
    where: Mapping[str, Any] | None = None,
    kind: str | Iterable[str] | None = None,
    image: str | None = None,
) -> PixelSelection | CameraPixels:
    """Ask for one pixel, several, or a box, in every exposure of a detector, or in every frame of a camera.

    Nothing is read until ramps, slopes or history are asked for; what was read is kept.

    Parameters
    ----------
    detector : str
        A JWST detector, such as ``MIRIMAGE``, ``NRCA1``, ``NRS1``, ``NIS`` or ``GUIDER1``; a detector of a test stand,
        as its profile names it; or a camera of the archive, as ``obs.camera`` has it, of which
        `pipelines.pixels.cameras` answers.
    x, y : int
        Column and row of the full frame, from 1, as in SUBSTRT1 and SUBSTRT2; of a camera unbinned.
    pixel_id : int or iterable of int
        The number of the pixel instead, or several.
    pixels : iterable of (x, y)
        Several pixels instead.
    box : (first x, first y, last x, last y)
        All pixels of a box instead, both ends included.
    date : str or pair
        A day, ``'A:B'`` or a pair of days, both included.
    readpatt, subarray : str
        Only exposures read so, or of this window.
    version : str
        Only calibrations of a release, such as ``'1.17'`` or ``'1.17.1'``.
    where : dict
        Any question of the catalog, such as ``{'header.FILTER': 'F1000W'}``: exposures one of whose products
        matches.
    kind, image
        Of a camera: only frames of these kinds; which image of files of several.

    Raises
    ------
    NoSuchPixel
        No such detector, camera or pixel.
    UsageError
        The pixel is given in no way or in two, the days are none, or a filter that only JWST's exposures or only
        frames have.

    Examples
    --------
    >>> pixel(archive, 'MIRIMAGE', x=1, y=779).ramps()  # doctest: +SKIP
    """
    geometry = (
        GEOMETRIES[checked_detector(detector)] if is_detector(detector) else lab_geometry(session.headers, detector)
    )
    if geometry is None:
        camera = camera_named(session.headers, detector)
        _refuse(camera, "a camera", pixel_id=pixel_id, readpatt=readpatt, subarray=subarray, version=version)
        how: dict[str, Any] = {"x": x, "y": y, "pixels": pixels, "box": box, "date": date, "where": where}
        return camera_pixels(session, camera, kind=kind, image=image, **how)
    _refuse(detector, "a detector of ramps", kind=kind, image=image)
    first, last = day_range(date)
    filters = Filters(first, last, readpatt, subarray, version, where)
    places = places_of(geometry, x=x, y=y, pixel=pixel_id, pixels=pixels, box=box)
    return PixelSelection(session, geometry.detector, places, filters)


def _refuse(detector: str, what: str, **filters: Any) -> None:
    """Refuse filters that say nothing of this detector: without a word they would look as if they had been used."""
    given = [f"{name}=" for name, value in filters.items() if value is not None]
    if given:
        raise UsageError(f"{detector} is {what}, which has no {' and no '.join(given)}; choose by date= or where=")


class PixelSelection:
    """Pixels of a detector in the exposures that a question selects; `pixel` makes one.

    Attributes
    ----------
    detector, places, filters
        What was asked.
    """

    def __init__(self, session: Session, detector: str, places: PixelCoordinates, filters: Filters) -> None:
        self._session = session
        self.detector = detector
        self.places = places
        self.filters = filters

    def __repr__(self) -> str:
        return f"<PixelSelection {self.detector} {self.places!r}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        if not self.places.single:  # a box may be gigabytes
            return {"text/plain": f"{self!r}; .summary() reads it"}
        return self.summary()._repr_mimebundle_()

    # -- as arrays of each exposure -----------------------------------------------------------------

    def read(self) -> tuple[Ramps, ...]:
        """Return the ramps of each exposure as plain arrays of their own lengths, nothing padded."""
        return self._ramps[0]

    @property
    def observed(self) -> Sequence[Observed]:
        """The exposures whose ramps are asked for, in order of time."""
        return self._found.observed

    def take_ramps(self, ramps: tuple[Ramps, ...], unread: tuple[Row, ...]) -> None:
        """Hold the ramps of `observed`, and what could not be read of them, that somebody else has read."""
        self.__dict__["_ramps"] = (ramps, unread)  # the place where cached_property keeps what it has made

    def read_slopes(self) -> tuple[Slopes, ...]:
        """Return the slopes of each exposure as plain arrays of their own lengths."""
        return self._slopes[0]

    @property
    def unread(self) -> Answer:
        """What could not be read or does not fit, and why: exposure, document, what, reason.

        Of what was asked for so far; of the ramps, where nothing was.
        """
        rows: dict[tuple[Any, ...], Row] = {}
        asked = [part for part in ("_ramps", "_slopes") if part in self.__dict__] or ["_ramps"]
        for part in asked:
            found = self._found if part == "_ramps" else self._found_slopes
            for row in (*found.unread, *getattr(self, part)[1]):
                rows[tuple(row.values())] = row
        if "_slopes" in asked:
            with suppress(NoExposure):  # slopes without their ramps contradict nothing
                rows |= {tuple(row.values()): row for row in contradictions(self.observed, self._found_slopes.observed)}
        columns = ("exposure", "document", "what", "reason")
        return Answer(columns, tuple(rows.values()), f"Not read, {self.detector} {self.places!r}")

    # -- as labelled arrays and tables --------------------------------------------------------------

    def to_xarray(self) -> xarray.Dataset:
        """Return the same as `ramps`: the one whose rows `to_pandas` and `to_parquet` have."""
        return self.ramps()

    def ramps(self) -> xarray.Dataset:
        """Return every ramp, raw and corrected, with flags by name; see `pipelines.pixels.datasets.ramps`."""
        from pipelines.pixels.datasets import ramps

        return ramps(self.read(), self.places, self.detector)

    def slopes(self) -> xarray.Dataset:
        """Return every slope, by exposure and integration; see `pipelines.pixels.datasets.slopes`."""
        from pipelines.pixels.datasets import slopes

        return slopes(self.read_slopes(), self.places, self.detector)

    def history(self) -> xarray.Dataset:
        """Return the slopes in order of time; see `pipelines.pixels.datasets.history`.

        Read from the rate history where that holds them (`pipelines.pixels.rates`), and from the
        exposures' own products otherwise: it is complete either way, and fast with the former.
        """
        from pipelines.pixels.datasets import history

        return history(self.read_slopes(), self.places, self.detector)

    def to_pandas(self) -> pd.DataFrame:
        """Return a row for each pixel and group; see `pipelines.pixels.tables.rows_of`."""
        from pipelines.pixels.tables import to_pandas

        return to_pandas(self.read(), self.places)

    def to_parquet(self, path: str | os.PathLike[str]) -> int:
        """Write the rows of `to_pandas` to a Parquet file, an exposure at a time; return their number."""
        from pipelines.pixels.tables import to_parquet

        return to_parquet(self.read(), self.places, path)

    def to_csv(self, path: str | os.PathLike[str]) -> int:
        """Write the rows of `to_pandas` to a CSV file that no spreadsheet computes; return their number."""
        from pipelines.pixels.tables import to_csv

        return to_csv(self.to_pandas(), path)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw the ramps, raw and corrected with jumps marked, and the slopes over time; several pixels compared.

        Parameters
        ----------
        path
            Also write the picture there (png, pdf, svg).
        """
        from pipelines.pixels.plotting import plot

        return plot(self, path)

    def summary(self) -> Answer:
        """One row per exposure: what the pixel did in it."""
        from pipelines.pixels.summary import summary

        return summary(self)

    def values(self) -> dict[str, Any]:
        """Return every value of every exposure as plain data."""
        from pipelines.pixels.summary import values

        return values(self)

    # -- read once ----------------------------------------------------------------------------------

    @cached_property
    def _found(self) -> FoundExposures:
        return find_exposures(self._session.headers, self.detector, self.places, self.filters, kinds=RAMPS)

    @cached_property
    def _found_slopes(self) -> FoundExposures:
        return find_exposures(self._session.headers, self.detector, self.places, self.filters, kinds=SLOPES)

    @cached_property
    def _ramps(self) -> tuple[tuple[Ramps, ...], tuple[Row, ...]]:
        return read_ramps(self._session.store, self._found.observed, self.places)

    @cached_property
    def _slopes(self) -> tuple[tuple[Slopes, ...], tuple[Row, ...]]:
        from pipelines.pixels.rates import read_slopes

        return read_slopes(self._session, self._found_slopes.observed, self.places, detector=self.detector)
