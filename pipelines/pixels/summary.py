"""A pixel's life in few words: one row an exposure, and every value as plain lists for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.detectors.dqflags import dq_names
from pipelines.pixels.exposures import NoExposure
from pipelines.pixels.reading import Ramps, Slopes
from pipelines.table import Answer, Row

if TYPE_CHECKING:
    from pipelines.pixels.asked import AskedPixels

Array = npt.NDArray[Any]
_COLUMNS = ("exposure", "start", "subarray", "version", "nints", "ngroups", "raw_first", "raw_rise", "jumps", "slope")
_MAIN = ("exposure", "start", "slope", "jumps")


def summary(selection: AskedPixels) -> Answer:
    """Return one row for each exposure and calibration.

    Returns
    -------
    Answer
        ``exposure, start, subarray, version, nints, ngroups``; ``raw_first`` and ``raw_rise`` (DN: the mean
        first group, and the mean rise to the last), ``jumps`` (groups with JUMP_DET), ``slope`` (DN/s, mean of
        the integrations that have one). Of several pixels, means and counts over all of them.
    """
    slopes = {(one.observed.exposure, one.observed.calibration): one for one in _slopes(selection)}
    rows = [_row(one, slopes.get((one.observed.exposure, one.observed.calibration))) for one in selection.read()]
    return Answer(_COLUMNS, tuple(rows), f"{selection.detector} {selection.places!r}", _MAIN)


def values(selection: AskedPixels) -> dict[str, Any]:
    """Return every ramp and slope as nested lists, (integration, group, pixel) and (integration, pixel)."""
    return {
        "detector": selection.detector,
        "x": selection.places.x.tolist(),
        "y": selection.places.y.tolist(),
        "pixel_id": selection.places.ids.tolist(),
        "ramps": [_ramps(one) for one in selection.read()],
        "slopes": [_slope_values(one) for one in _slopes(selection)],
        "unread": list(selection.unread),
    }


def _slopes(selection: AskedPixels) -> tuple[Slopes, ...]:
    try:
        return selection.read_slopes()
    except NoExposure:  # ramps without slopes
        return ()


def _row(one: Ramps, slopes: Slopes | None) -> Row:
    observed = one.observed
    raw = None if one.raw is None else one.raw.astype(float)
    jumps = None
    if one.groupdq is not None:
        bit = dq_names(observed.products[0].get("dq_version"))["JUMP_DET"]
        jumps = int(((one.groupdq & bit) != 0).sum())
    finite = np.empty(0) if slopes is None else slopes.slope[np.isfinite(slopes.slope)]
    return {
        "exposure": observed.exposure,
        "start": None if observed.start is None else f"{observed.start:%Y-%m-%d %H:%M:%S}",
        "subarray": observed.first.get("subarray"),
        "version": observed.version,
        "nints": int(one.integrations.size),
        "ngroups": one.ngroups,
        "raw_first": None if raw is None else round(float(raw[:, 0].mean()), 2),
        "raw_rise": None if raw is None else round(float((raw[:, -1] - raw[:, 0]).mean()), 2),
        "jumps": jumps,
        "slope": round(float(finite.mean()), 4) if finite.size else None,
    }


def _ramps(one: Ramps) -> dict[str, Any]:
    arrays = ("raw", "corrected", "groupdq", "pixeldq", "refout")
    names = dq_names(one.observed.products[0].get("dq_version")) if one.observed.products else None
    return {
        **_observed(one),
        "ngroups": one.ngroups,
        "group_time": one.group_time,
        "elapsed": _plain(one.elapsed),
        **{name: _plain(getattr(one, name)) for name in arrays},
        "flag_names": names,
    }


def _slope_values(one: Slopes) -> dict[str, Any]:
    values = {name: _plain(getattr(one, name)) for name in ("days", "slope", "error", "dq")}
    return {**_observed(one), "timed_by": one.timed_by, **values}


def _observed(one: Ramps | Slopes) -> dict[str, Any]:
    observed = one.observed
    return {
        "exposure": observed.exposure,
        "calibration": observed.calibration,
        "version": observed.version,
        "start": None if observed.start is None else observed.start.isoformat(),
        "documents": [document["_id"] for document in (*observed.raw, *observed.products)],
        "integrations": one.integrations.tolist(),
        "pixels": one.pixels.tolist(),
    }


def _plain(array: Array | None) -> Any:
    """Return nested lists; NaN, which JSON does not have, is null."""
    if array is None:
        return None
    if array.dtype.kind != "f":
        return array.tolist()
    plain = array.astype(object)
    plain[~np.isfinite(array)] = None
    return plain.tolist()
