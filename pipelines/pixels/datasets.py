"""Ramps, slopes and history of pixels as xarray Datasets with named coordinates.

Exposures differ in integrations and groups. A Dataset is as long as the longest of them; what a shorter
one does not have is NaN (floats), 0 (flags, where ``nints`` and ``ngroups`` say how far to look) and
``''`` (names). Integrations of a segment that is missing are NaN and DO_NOT_USE. Nothing is cut.
`PixelSelection.read` gives the same values unpadded, in their own types.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.detectors.dqflags import decode, dq_names
from pipelines.documents.schema import Doc
from pipelines.errors import require
from pipelines.pixels.coordinates import Ints, PixelCoordinates
from pipelines.pixels.reading import Ramps, Slopes

if TYPE_CHECKING:
    import xarray

Array = npt.NDArray[Any]
DO_NOT_USE = 1
"""The bit of JWST's flags by which a value must not be used."""

_GRID = ("exposure", "integration", "group", "pixel")


def ramps(read: Sequence[Ramps], places: PixelCoordinates, detector: str) -> xarray.Dataset:
    """Put the ramps of every exposure on one grid.

    Returns
    -------
    xarray.Dataset
        Dimensions (exposure, integration, group), and pixel last where more than one was asked for.
        ``raw`` (DN; float32, which holds every uint16, or float64), ``corrected`` (DN), ``groupdq``, ``pixeldq``
        (bits), ``flags`` (names of the group's and the pixel's flags, joined by ``|``), ``refout`` (DN). Coordinates:
        exposure (name), integration and group (from 1), ``time`` (start, UTC; NaT where unknown),
        ``elapsed`` (s since the reset, by exposure and group), calibration (folder), version, subarray,
        readpatt, nints, ngroups; x, y, pixel_id. An exposure stands once for each of its calibrations.
    """
    nints = max(map(_total, read), default=0)
    ngroups = max((one.ngroups for one in read), default=0)
    shape = (len(read), nints, ngroups, places.x.size)
    data = {name: np.full(shape, np.nan, np.float32) for name in ("raw", "corrected", "refout")}
    if any(one.raw is not None and one.raw.dtype.itemsize > 2 for one in read):
        data["raw"] = np.full(shape, np.nan)  # of a test stand: numbers that float32 would round
    groupdq = np.zeros(shape, np.uint8)
    pixeldq = np.zeros((shape[0], shape[3]), np.uint32)
    elapsed = np.full((shape[0], ngroups), np.nan)
    flags = np.full(shape, "", dtype=object)
    for n, one in enumerate(read):
        place = _place(one)
        for name, values in (("raw", one.raw), ("corrected", one.corrected), ("refout", one.refout)):
            if values is not None:
                data[name][n][place] = values
        if one.groupdq is not None:
            groupdq[n][place] = one.groupdq
        if one.pixeldq is not None:
            pixeldq[n, one.pixels] = one.pixeldq
        flags[n][place] = flag_names(one)
        hole = _missing(one) - 1
        groupdq[n, hole], flags[n, hole] = DO_NOT_USE, "DO_NOT_USE"
        if one.elapsed is not None:
            elapsed[n, : one.ngroups] = one.elapsed
    variables: dict[str, Any] = {name: (_GRID, values) for name, values in data.items()}
    variables |= {"groupdq": (_GRID, groupdq), "pixeldq": (("exposure", "pixel"), pixeldq), "flags": (_GRID, flags)}
    coords = {
        **_exposures(read),
        "ngroups": ("exposure", [one.ngroups for one in read]),
        "elapsed": (("exposure", "group"), elapsed, {"units": "s"}),
        "integration": np.arange(1, nints + 1),
        "group": np.arange(1, ngroups + 1),
    }
    units = dict.fromkeys(("raw", "corrected", "refout"), "DN")
    return _dataset(variables, coords, places, units, {"detector": detector, **_meanings(read)})


def slopes(read: Sequence[Slopes], places: PixelCoordinates, detector: str) -> xarray.Dataset:
    """Put the slopes of every exposure on one grid.

    Returns
    -------
    xarray.Dataset
        Dimensions (exposure, integration), and pixel last where more than one was asked for: ``slope``,
        ``error`` (DN/s), ``dq`` (bits). Integration 0 is the mean of all, where an exposure has no slopes
        of each. Coordinates as of `ramps`.
    """
    numbers = sorted({int(number) for one in read for number in (*one.integrations, *_missing(one))})
    shape = (len(read), len(numbers), places.x.size)
    slope, error = (np.full(shape, np.nan, np.float32) for _ in range(2))
    dq = np.zeros(shape, np.uint32)
    for n, one in enumerate(read):
        place = np.ix_(np.asarray([n]), np.searchsorted(numbers, one.integrations), one.pixels)
        slope[place] = one.slope
        if one.error is not None:
            error[place] = one.error
        if one.dq is not None:
            dq[place] = one.dq
        dq[n, np.searchsorted(numbers, _missing(one))] = DO_NOT_USE
    grid = ("exposure", "integration", "pixel")
    variables = {"slope": (grid, slope), "error": (grid, error), "dq": (grid, dq)}
    coords = {**_exposures(read), "integration": np.asarray(numbers, np.int64)}
    return _dataset(variables, coords, places, _SLOPE_UNITS, {"detector": detector, **_meanings(read)})


def history(read: Sequence[Slopes], places: PixelCoordinates, detector: str) -> xarray.Dataset:
    """Put the slopes of every integration of every exposure in order of time.

    Returns
    -------
    xarray.Dataset
        Dimension time (UTC, the middle of each integration; NaT last), and pixel where more than one was
        asked for: ``slope``, ``error`` (DN/s), ``dq``. Coordinates exposure, integration, calibration,
        version, subarray, readpatt. The attribute ``times_by`` says what the times go by (the table INT_TIMES,
        or even spacing where there is none), ``missing`` which integrations of which exposure are not there.
    """
    days = np.concatenate([one.days for one in read]) if read else np.empty(0)
    lengths = [one.integrations.size for one in read]
    order = np.argsort(days, kind="stable")
    shape = (days.size, places.x.size)
    slope, error = (np.full(shape, np.nan, np.float32) for _ in range(2))
    dq = np.zeros(shape, np.uint32)
    at = 0
    for one, length in zip(read, lengths, strict=True):
        place = np.ix_(np.arange(at, at + length), one.pixels)
        slope[place] = one.slope
        if one.error is not None:
            error[place] = one.error
        if one.dq is not None:
            dq[place] = one.dq
        at += length
    grid = ("time", "pixel")
    variables = {"slope": (grid, slope[order]), "error": (grid, error[order]), "dq": (grid, dq[order])}
    numbers = np.concatenate([one.integrations for one in read]) if read else np.empty(0, np.int64)
    coords: dict[str, Any] = {"time": _instants(days[order]), "integration": ("time", numbers[order])}
    for name, (_, values) in _exposures(read).items():
        if name not in ("time", "nints", "missing"):
            coords[name] = ("time", np.repeat(np.asarray(values, dtype=object), lengths)[order])
    holes = [f"{one.observed.exposure}: {_spans(_missing(one))}" for one in read if _missing(one).size]
    attrs = {"detector": detector, "times_by": sorted({one.timed_by for one in read}), "missing": holes}
    return _dataset(variables, coords, places, _SLOPE_UNITS, attrs | _meanings(read))


_SLOPE_UNITS = {"slope": "DN/s", "error": "DN/s"}


def flag_names(one: Ramps) -> Array:
    """Return the names of the flags of each group, (nint, ngroup, P), by the release that set them."""
    shape = (one.integrations.size, one.ngroups, one.pixels.size)
    bits = np.zeros(shape, np.uint32)
    if one.groupdq is not None:
        bits |= one.groupdq
    if one.pixeldq is not None:
        bits |= one.pixeldq
    named = np.full(bits.size, "", dtype=object)
    if one.observed.products:
        release = _release(one.observed.products[0])
        named[:] = [_words(value, release) for value in bits.ravel().tolist()]
    return named.reshape(shape)


@lru_cache(maxsize=4096)
def _words(value: int, release: str | tuple[str, ...] | None) -> str:
    return "|".join(decode(value, dq_names(release)))


def _release(product: Doc) -> str | tuple[str, ...] | None:
    """Say whose names the flags of a product have."""
    release = product.get("dq_version")
    return tuple(release) if isinstance(release, list) else release


def _total(one: Ramps | Slopes) -> int:
    """Return how many integrations the exposure has, those of missing segments counted."""
    last = int(one.integrations.max(initial=0))
    document = one.observed.first
    said = (document.get("header") or {}).get("NINTS")
    return max(last, said) if document.get("segment") and isinstance(said, int) else last


def _missing(one: Ramps | Slopes) -> Ints:
    """Return the numbers of the integrations that are not there, of an exposure that was cut into segments."""
    if not one.observed.first.get("segment") or not one.integrations.all():
        return np.empty(0, np.int64)
    return np.setdiff1d(np.arange(1, _total(one) + 1), one.integrations)


def _spans(numbers: Ints) -> str:
    """Write numbers as ranges: 3-4, 9."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" if run.size > 1 else str(run[0]) for run in runs)


def _place(one: Ramps) -> Any:
    """Where the ramps of an exposure are in (integration, group, pixel)."""
    first, count = int(one.integrations[0]), one.integrations.size
    if int(one.integrations[-1]) == first + count - 1:  # slices are much faster
        return slice(first - 1, first - 1 + count), slice(0, one.ngroups), one.pixels
    return np.ix_(one.integrations - 1, np.arange(one.ngroups), one.pixels)


def _exposures(read: Sequence[Ramps] | Sequence[Slopes]) -> dict[str, Any]:
    """Make the coordinates that say which exposure, under which calibration."""
    observed = [one.observed for one in read]
    return {
        "exposure": ("exposure", np.asarray([one.exposure for one in observed], dtype=object)),
        "calibration": ("exposure", np.asarray([one.calibration or "" for one in observed], dtype=object)),
        "version": ("exposure", np.asarray([one.version or "" for one in observed], dtype=object)),
        "time": ("exposure", as_datetimes([one.start for one in observed])),
        "subarray": ("exposure", np.asarray([one.first.get("subarray") or "" for one in observed], dtype=object)),
        "readpatt": ("exposure", np.asarray([one.first.get("readpatt") or "" for one in observed], dtype=object)),
        "nints": ("exposure", np.asarray([one.integrations.size for one in read], np.int64)),
        "missing": ("exposure", np.asarray([_missing(one).size for one in read], np.int64)),
    }


def _dataset(
    variables: dict[str, Any],
    coords: dict[str, Any],
    places: PixelCoordinates,
    units: dict[str, str],
    attrs: dict[str, Any],
) -> xarray.Dataset:
    library = require("xarray", extra="xarray", what="a dataset of pixels")
    coords |= {"x": ("pixel", places.x), "y": ("pixel", places.y), "pixel_id": ("pixel", places.ids)}
    made: xarray.Dataset = library.Dataset(variables, coords, attrs)
    for name, unit in units.items():
        made[name].attrs["units"] = unit
    return made.isel(pixel=0) if places.single else made


def _meanings(read: Sequence[Ramps] | Sequence[Slopes]) -> dict[str, Any]:
    """Return the names of the bits as the CF conventions write them, where all exposures agree on them."""
    releases = {_release(product) for one in read for product in one.observed.products}
    tables = {tuple(dq_names(release).items()) for release in releases}
    if len(tables) != 1:
        return {}
    (table,) = tables
    return {"flag_masks": [bit for _, bit in table], "flag_meanings": " ".join(name for name, _ in table)}


def as_datetimes(times: Sequence[datetime | None]) -> Array:
    """Return instants as datetime64, NaT where there is none."""
    stamps = [np.datetime64("NaT", "ns") if t is None else np.datetime64(t.replace(tzinfo=None), "ns") for t in times]
    return np.asarray(stamps, dtype="datetime64[ns]")


def _instants(days: Array) -> Array:
    """Turn modified Julian dates into instants, to the microsecond, which is what their 64 bits hold."""
    since = np.full(days.shape, np.datetime64("NaT", "ns"), "datetime64[ns]")
    known = np.isfinite(days)
    microseconds = np.rint((days[known] - 40587) * 86_400_000_000).astype(np.int64)
    since[known] = microseconds.astype("datetime64[us]").astype("datetime64[ns]")
    return since
