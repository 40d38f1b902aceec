"""Ramps as rows, one for each pixel and group: the tabular view, for pandas and for SQL over Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.errors import require
from pipelines.pixels.coordinates import PixelCoordinates
from pipelines.pixels.datasets import flag_names
from pipelines.pixels.reading import Ramps

if TYPE_CHECKING:
    import pandas

Array = npt.NDArray[Any]


def rows_of(one: Ramps, places: PixelCoordinates) -> pandas.DataFrame:
    """Return the ramps of one exposure as rows.

    Returns
    -------
    pandas.DataFrame
        ``exposure, calibration, version, start, pixel_id, x, y, integration, group, elapsed`` (s since the
        reset), ``raw`` (uint16), ``corrected`` (float32), ``groupdq`` (uint8), ``pixeldq`` (uint32), ``flags``
        (names joined by ``|``), ``refout``. A product that there is not is null in every row. By
        integration, then pixel, then group, each from 1.
    """
    pd = require("pandas", extra="pandas", what="a table of pixels")
    nint, ngroup, npixel = one.integrations.size, one.ngroups, one.pixels.size
    size = nint * npixel * ngroup

    def flat(values: Array | None, dtype: str) -> Any:
        if values is None:
            return pd.array([pd.NA] * size, dtype=dtype)
        return pd.array(np.ascontiguousarray(values.swapaxes(1, 2)).reshape(-1), dtype=dtype)

    def each_pixel(values: Array) -> Array:
        return np.tile(np.repeat(values[one.pixels], ngroup), nint)

    observed = one.observed
    start = None if observed.start is None else pd.Timestamp(observed.start)
    group = np.tile(np.arange(1, ngroup + 1), nint * npixel)
    pixeldq = None
    if one.pixeldq is not None:
        pixeldq = np.broadcast_to(one.pixeldq, (nint, ngroup, npixel))
    return pd.DataFrame(
        {
            "exposure": pd.array([observed.exposure] * size, dtype="string"),
            "calibration": pd.array([observed.calibration] * size, dtype="string"),
            "version": pd.array([observed.version] * size, dtype="string"),
            "start": pd.Series([start] * size, dtype="datetime64[ns, UTC]"),
            "pixel_id": each_pixel(places.ids),
            "x": each_pixel(places.x),
            "y": each_pixel(places.y),
            "integration": np.repeat(one.integrations, npixel * ngroup),
            "group": group,
            "elapsed": np.full(size, np.nan) if one.elapsed is None else one.elapsed[group - 1],
            "raw": flat(one.raw, "UInt16" if one.raw is None or one.raw.dtype == np.uint16 else "Float64"),
            "corrected": _floats(one.corrected, size),
            "groupdq": flat(one.groupdq, "UInt8"),
            "pixeldq": flat(pixeldq, "UInt32"),
            "flags": pd.array(flag_names(one).swapaxes(1, 2).reshape(-1), dtype="string"),
            "refout": _floats(one.refout, size),
        }
    )


def to_pandas(read: Sequence[Ramps], places: PixelCoordinates) -> pandas.DataFrame:
    """Return the ramps of every exposure as rows, in order of time; columns as of `rows_of`."""
    pd = require("pandas", extra="pandas", what="a table of pixels")
    made: pandas.DataFrame = pd.concat([rows_of(one, places) for one in read], ignore_index=True)
    return made


def to_csv(rows: pandas.DataFrame, path: str | os.PathLike[str]) -> int:
    """Write rows to a CSV file that no spreadsheet computes; return their number."""
    from pipelines.table.spreadsheet import guarded

    temporary = f"{os.fspath(path)}.part"
    guarded(rows).to_csv(temporary, index=False)
    os.replace(temporary, path)
    return len(rows)


def to_parquet(read: Sequence[Ramps], places: PixelCoordinates, path: str | os.PathLike[str]) -> int:
    """Write the rows of every exposure to a Parquet file, a row group each; return their number.

    Raises
    ------
    MissingExtra
        pyarrow is not installed.
    """
    pa = require("pyarrow", extra="parquet", what="Parquet")
    pq = require("pyarrow.parquet", extra="parquet", what="Parquet")
    writer, rows = None, 0
    temporary = f"{os.fspath(path)}.part"
    try:
        for one in read:
            table = pa.Table.from_pandas(rows_of(one, places), preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(temporary, table.schema)
            writer.write_table(table)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    os.replace(temporary, path)
    return rows


def _floats(values: Array | None, size: int) -> Array:
    if values is None:
        return np.full(size, np.nan, np.float32)
    return np.ascontiguousarray(values.swapaxes(1, 2)).reshape(-1).astype(np.float32)
