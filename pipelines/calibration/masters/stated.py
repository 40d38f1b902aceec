"""What the frames of a master say of their camera, against what their headers state: gain, read noise, linearity.

The limits are those by which the Rubin Observatory verifies its detectors: gain and noise within 5 %, linear to 1 %.
They are said, and refuse nothing: a header may be wrong, and often is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.calibration.masters.acceptance import Acceptance
from pipelines.combine import NoiseModel
from pipelines.documents.schema import Doc

__all__ = ["AGREES", "LINEAR", "against_stated", "linearity", "with_stated"]

AGREES = 0.05
"""By how much of it a gain or a read noise may differ from what is stated."""

LINEAR = 0.01
"""By how much of itself the level of a flat may be off a line through the levels of all exposure times."""

_REPEATS = 0.003
"""Flats of one exposure time differ by no more, where their light is steady: of a sky that changes nothing is told."""


def against_stated(
    noise: NoiseModel, header: Mapping[str, float | None], *, of: Sequence[str] = ("gain", "read_noise")
) -> list[dict[str, Any]]:
    """Compare measured gain and read noise with what all headers state.

    Parameters
    ----------
    header : Mapping
        Of `frames.stated_in`: ``gain`` (e-/unit) and ``read_noise`` (units).
    of : sequence of str
        What the frames themselves tell: the read noise of flats is that of their darks.

    Returns
    -------
    list of dict
        For each that is measured and stated: ``what``, ``measured``, ``stated``, ``off`` (a fraction), ``within``.

    Examples
    --------
    >>> [row] = against_stated(NoiseModel(4.0, 1.5), {"gain": 0.25})
    >>> row["what"], round(row["off"], 2), row["within"]
    ('gain', 5.0, False)
    """
    rows = []
    for what in of:
        measured, stated = getattr(noise, what), header.get(what)
        # Where none could be measured the model has the stated one.
        if measured is None or not stated or measured == stated or not math.isfinite(stated):
            continue
        off = measured / stated - 1
        rows.append(
            {"what": what, "measured": measured, "stated": stated, "off": off, "within": bool(abs(off) <= AGREES)}
        )
    return rows


def linearity(frames: Sequence[Doc], levels: Sequence[float]) -> list[dict[str, Any]]:
    """Compare the levels of flats with their exposure times, where their light is steady.

    Returns
    -------
    list of dict
        One row: ``what`` is ``'linearity'``, ``off`` the largest fraction by which the mean level of an exposure time
        is off a line through all; none for fewer than three exposure times, or flats of one that differ by 0.3 %.
    """
    by_time: dict[float, list[float]] = {}
    for frame, level in zip(frames, levels, strict=True):
        seconds = (frame.get("obs") or {}).get("exptime")
        if isinstance(seconds, int | float) and seconds > 0:
            by_time.setdefault(float(seconds), []).append(level)
    repeats = [some for some in by_time.values() if len(some) > 1]
    steady = repeats and all(np.ptp(some) <= _REPEATS * np.mean(some) for some in repeats)
    if len(by_time) < 3 or not steady:
        return []
    time = np.array(sorted(by_time))
    means = np.array([np.mean(by_time[seconds]) for seconds in time])
    slope, start = np.polyfit(time, means, 1, w=1 / means)  # relative errors are alike
    off = float(np.max(np.abs(means / (start + slope * time) - 1)))
    return [{"what": "linearity", "measured": off, "stated": 0.0, "off": off, "within": off <= LINEAR}]


def with_stated(acceptance: Acceptance, images: Sequence[tuple[str, Mapping[str, Any]]]) -> Acceptance:
    """Return a verdict that says what of its frames is not as stated; the verdict itself is as it was.

    Parameters
    ----------
    images : sequence of (str, Mapping)
        Name of each image, empty of a single one, and its statistics.
    """
    told = []
    for name, statistics in images:
        for row in statistics.get("against_stated") or ():
            if not row["within"]:
                told.append((f"{name}: " if name else "") + _told(row))
    return replace(acceptance, reason="; ".join([acceptance.reason, *told])) if told else acceptance


def _told(row: Mapping[str, Any]) -> str:
    if row["what"] == "linearity":
        return f"off a line by {row['off']:.1%}, {LINEAR:.0%} is the limit"
    what = str(row["what"]).replace("_", " ")
    return f"{what} {row['measured']:.4g} measured, {row['stated']:.4g} stated, {AGREES:.0%} is the limit"
