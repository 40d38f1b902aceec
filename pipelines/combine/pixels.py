"""Combining samples that all have one weight and one noise model: the arithmetic of one block."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.methods import Clip, Median, Method, Trim, trims
from pipelines.combine.power import trim_factor
from pipelines.combine.samples import Plane, Samples, kept_moments, moments


@dataclass(slots=True)
class Results:
    """What came out for some pixels, (pixels,).

    Attributes
    ----------
    value, model, scatter : ndarray
        The combined value, and its variance by model and by scatter; NaN where unknown.
    count : ndarray of int
        Samples in the value.
    noise : ndarray
        Variance of one sample.
    top : ndarray
        The largest sample kept.
    disagree : ndarray of bool
        Whether there was no majority.
    """

    value: Plane
    count: NDArray[Any]
    model: Plane
    scatter: Plane
    noise: Plane
    top: NDArray[Any]
    disagree: NDArray[np.bool_]

    def of(self, pixels: NDArray[np.intp]) -> Results:
        """The results of some of the pixels."""
        return Results(*(getattr(self, field.name)[pixels] for field in fields(self)))


def equal_samples(samples: Samples, method: Method) -> Results:
    """Combine sorted samples.

    Raises
    ------
    FramesUnfit
        The method needs a noise model, and there is none.
    """
    count = samples.count
    if trims(method):
        found = _trimmed(samples, method)
        cost = trim_factor(count, *method.trim(count)) / count
    else:
        clip: Clip = method  # type: ignore[assignment]
        found = _clipped(samples, clip)
        cost = 1.0 / np.maximum(found.count, 1)
    if samples.variance_at is not None:
        found.noise = samples.variance_at(found.value)
        found.model = found.noise * cost
        if count == 2:
            # 4 sigma, as in rejection, of the difference of two samples, which has twice the variance.
            apart = samples.rows[1].astype(np.float64) - samples.rows[0]
            found.disagree |= apart * apart > 32 * found.noise
    return found


def _trimmed(samples: Samples, method: Trim) -> Results:
    count = samples.count
    low, high = method.trim(count)
    rows = samples.rows[low : count - high]
    kept = len(rows)
    if count < 2:
        mean, squares = samples.moments
        scatter = np.full_like(mean, np.nan)
    elif kept == count:
        mean, squares = samples.moments
        scatter = squares / (count - 1) / count
    elif isinstance(method, Median) or kept < 2:
        # One or two samples in the middle tell nothing: the scatter is that of all.
        mean = samples.median() if low == high else moments(rows)[0]
        scatter = samples.moments[1] / (count - 1) * (trim_factor(count, low, high) / count)
    else:
        mean = moments(rows)[0]
        # Variance of a trimmed mean, from the winsorized samples: Tukey & McLaughlin 1963, Sankhya A 25, 331.
        ends = [rows[0]] * low + list(rows) + [rows[-1]] * high
        scatter = moments(ends)[1] / (count - 1) * (count / kept**2)
    used = count if isinstance(method, Median) else kept
    return Results(
        value=mean.copy(),
        count=np.full(len(mean), used),
        model=np.full_like(mean, np.nan),
        scatter=scatter,
        noise=scatter * used,
        top=rows[-1],
        disagree=np.zeros(len(mean), bool),
    )


def _clipped(samples: Samples, method: Clip) -> Results:
    low, high = method.bounds(samples)
    number = samples.count
    mean, squares = samples.moments
    noise = squares / (number - 1) if number > 1 else np.full_like(squares, np.nan)
    found = Results(
        value=mean.copy(),
        count=np.full(len(mean), number, np.int32),
        model=np.full_like(mean, np.nan),
        scatter=noise / number,
        noise=noise,
        top=samples.rows[-1],
        disagree=np.zeros(len(mean), bool),
    )
    # Few pixels have lost a sample: only they are worked out again.
    pixels = np.flatnonzero((samples.rows[0] < low) | (samples.rows[-1] > high))
    if pixels.size:
        _mend(found, samples.of(pixels), pixels, low[pixels], high[pixels])
    return found


def _mend(found: Results, chosen: NDArray[np.float64], pixels: NDArray[np.intp], low: Plane, high: Plane) -> None:
    """Put in the results of pixels that have lost samples."""
    keep = (chosen >= low) & (chosen <= high)
    none = ~keep.any(axis=0)
    keep |= none  # bounds between the samples: a mean that is flagged, rather than nothing
    count, found.value[pixels], squares = kept_moments(chosen, keep)
    noise = np.full_like(squares, np.nan)
    np.divide(squares, count - 1, out=noise, where=count > 1)
    found.count[pixels] = count
    found.noise[pixels] = noise
    found.scatter[pixels] = noise / np.maximum(count, 1)
    found.disagree[pixels] = none | (2 * count <= len(chosen))
    found.top = found.top.astype(np.float64)
    found.top[pixels] = np.where(keep, chosen, -np.inf).max(axis=0)
