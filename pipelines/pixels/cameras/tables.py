"""Values of a camera's pixels as a labelled Dataset, as rows, as a table for people and as plain data."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.errors import require
from pipelines.pixels.cameras.reading import Placed
from pipelines.pixels.datasets import as_datetimes
from pipelines.table import Answer, Row

if TYPE_CHECKING:
    import pandas
    import xarray

    from pipelines.pixels.cameras.asked import AskedCameraPixels

__all__ = ["history", "rows_of", "summary", "to_pandas", "to_parquet", "values"]

_TEXTS = ("kind", "filter", "mode")
_NUMBERS = ("exptime", "temperature", "set_temperature", "gain_setting", "offset_setting")
_FIRST = (
    "frame", "start", "kind", "exptime", "temperature", "x", "y", "value", "expected", "residual", "masters"
)  # fmt: skip
_MAIN = ("start", "kind", "exptime", "value", "residual")


def history(asked: AskedCameraPixels) -> xarray.Dataset:
    """Put the values of every frame in order of time.

    Returns
    -------
    xarray.Dataset
        Dimension time (start, UTC; NaT last), and pixel where more than one was asked for: ``value`` (units of the
        frame, ADU), ``expected`` (what masters say), ``residual`` (value less expected; of a light its light).
        Coordinates frame, kind, exptime (s), temperature, set_temperature (degrees C), gain_setting, offset_setting,
        filter, mode, binning (``'1x1'``), verdict, masters; x, y.
    """
    library = require("xarray", extra="xarray", what="a dataset of pixels")
    read, masters = asked.read(), asked.expected()
    grid = ("time", "pixel")
    variables = {
        "value": (grid, read.values, {"units": "adu"}),
        "expected": (grid, masters.values, {"units": "adu"}),
        "residual": (grid, asked.residuals, {"units": "adu"}),
    }
    coords: dict[str, Any] = {
        "time": as_datetimes([one.start for one in read.frames]),
        "masters": ("time", np.asarray(masters.masters, dtype=object)),
        **{name: ("time", np.asarray([tell(one) for one in read.frames])) for name, tell in _TOLD.items()},
        "x": ("pixel", asked.places.x),
        "y": ("pixel", asked.places.y),
    }
    made: xarray.Dataset = library.Dataset(
        variables, coords, {"camera": asked.detector, "assumed": list(asked.assumed)}
    )
    return made.isel(pixel=0) if asked.places.single else made


def rows_of(asked: AskedCameraPixels) -> list[Row]:
    """Return a row for each frame and pixel that it covers.

    Returns
    -------
    list of dict
        ``frame, start, kind, exptime, temperature, x, y, value, expected, residual, masters``, and what else is known
        of the setup.
    """
    read, masters, residuals = asked.read(), asked.expected(), asked.residuals
    rows: list[Row] = []
    for n, one in enumerate(read.frames):
        told: Row = {"start": one.start, **{name: _plain(tell(one)) for name, tell in _TOLD.items()}}
        for p in np.flatnonzero(read.rows[n] >= 0).tolist():
            numbers = (read.values[n, p], masters.values[n, p], residuals[n, p])
            here = dict(zip(("value", "expected", "residual"), map(_plain, numbers), strict=True))
            place = {"x": int(asked.places.x[p]), "y": int(asked.places.y[p]), "masters": masters.masters[n]}
            row = told | here | place
            rows.append({name: row[name] for name in (*_FIRST, *(name for name in told if name not in _FIRST))})
    return rows


def to_pandas(asked: AskedCameraPixels) -> pandas.DataFrame:
    """Return `rows_of` as a DataFrame; numbers that are not known are NaN."""
    pd = require("pandas", extra="pandas", what="a table of pixels")
    frame: pandas.DataFrame = pd.DataFrame(rows_of(asked))
    frame["start"] = pd.to_datetime(frame["start"], utc=True)
    numbers = [*_NUMBERS, "value", "expected", "residual"]
    frame[numbers] = frame[numbers].apply(pd.to_numeric, errors="coerce").astype("float64")
    return frame


def to_parquet(asked: AskedCameraPixels, path: str | os.PathLike[str]) -> int:
    """Write the rows to a Parquet file; return their number."""
    require("pyarrow", extra="parquet", what="a Parquet file")
    frame = to_pandas(asked)
    temporary = f"{os.fspath(path)}.part"
    frame.to_parquet(temporary, index=False)
    os.replace(temporary, path)
    return len(frame)


def summary(asked: AskedCameraPixels) -> Answer:
    """Return the rows as a table; times to the second."""
    rows = [
        row | {"start": None if row["start"] is None else f"{row['start']:%Y-%m-%d %H:%M:%S}"} for row in rows_of(asked)
    ]
    columns = tuple(rows[0]) if rows else ()
    main = _MAIN if asked.places.single else ("start", "kind", "x", "y", "value", "residual")
    shown = tuple(name for name in columns if any(row[name] is not None for row in rows))
    return Answer(
        shown, tuple({name: row[name] for name in shown} for row in rows), f"{asked.detector} {asked.named}", main
    )


def values(asked: AskedCameraPixels) -> dict[str, Any]:
    """Return every value as plain data: ``rows`` as of `rows_of`."""
    rows = [row | {"start": None if row["start"] is None else row["start"].isoformat()} for row in rows_of(asked)]
    return {
        "camera": asked.detector,
        "x": asked.places.x.tolist(),
        "y": asked.places.y.tolist(),
        "rows": rows,
        "assumed": list(asked.assumed),
        "unread": list(asked.unread),
    }


def _number(field: str) -> Callable[[Placed], Any]:
    def tell(one: Placed) -> float:
        value = one.obs(field)
        good = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if good else float("nan")

    return tell


def _text(field: str) -> Callable[[Placed], Any]:
    def tell(one: Placed) -> str:
        value = one.document.get(field) if field == "kind" else one.obs(field)
        return "" if value is None else str(value)

    return tell


def _verdict(one: Placed) -> str:
    return str((one.document.get("qc") or {}).get("verdict") or "")


_TOLD: dict[str, Callable[[Placed], Any]] = {
    "frame": lambda one: str(one.document["_id"]),
    "night": lambda one: str(one.document.get("date") or ""),
    **{name: _text(name) for name in _TEXTS},
    **{name: _number(name) for name in _NUMBERS},
    "binning": lambda one: "x".join(map(str, one.place.binning)),
    "image": lambda one: one.place.image,
    "verdict": _verdict,
}
"""What is said of a frame, by column."""


def _plain(value: Any) -> Any:
    """Return a value for a row: None for NaN and for the empty text."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value if value != "" else None
