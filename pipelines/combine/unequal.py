"""Combining samples that differ in weight or noise: scaled frames, given variances, weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.methods import Clip, Median, Method, NoiseClip, trims
from pipelines.combine.network import sort_rows
from pipelines.combine.pixels import Results
from pipelines.combine.power import trim_factor
from pipelines.combine.samples import Keep, Plane, Samples

Pixels = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Unequal:
    """Samples of a block of pixels, frame by frame, arrays (frames, pixels).

    Attributes
    ----------
    values : ndarray of float64
        After offset and scale; finite.
    valid : ndarray of bool
        Which count.
    modelled : callable or None
        ``modelled(level, pixels)``: variances, by the noise model, of samples of some pixels at the
        level each has in the combination.
    given : ndarray of float64 or None
        Variances that came with the frames.
    raw : ndarray
        The samples as they were read.
    weights : ndarray or None
        One a frame, (frames, 1).
    inverse : bool
        Weigh by the inverse of the variances instead.
    """

    values: NDArray[np.float64]
    valid: Keep
    modelled: Callable[[Plane, Pixels], NDArray[np.float64]] | None
    given: NDArray[np.float64] | None
    raw: NDArray[Any]
    weights: NDArray[np.float64] | None
    inverse: bool

    def judging(self, level: Plane, pixels: Pixels) -> NDArray[np.float64]:
        """Variances by which outliers are judged; the median of those given, where there is no model.

        The variance that came with a hit is large because of the hit, and must not excuse it.
        """
        if self.modelled is not None:
            return self.modelled(level, pixels)
        shape = (len(self.values), len(pixels))
        if self.given is None:
            return np.full(shape, np.nan)
        # All pixels asked about at once have equally many valid samples.
        valid = self.valid[:, pixels]
        count = int(valid[:, 0].sum()) if len(pixels) else 0
        ordered = np.sort(np.where(valid, self.given[:, pixels], np.inf), axis=0)[: max(1, count)]
        return np.broadcast_to(Samples(list(ordered)).median(), shape)

    def spread(self, level: Plane) -> NDArray[np.float64]:
        """Variances that the value inherits: those given, or by the model."""
        if self.given is not None:
            return self.given
        return self.judging(level, np.arange(len(level)))


def unequal_samples(block: Unequal, method: Method) -> Results:
    """Combine them: the same selections as of equal samples, with each sample's own threshold."""
    valid_count = block.valid.sum(axis=0)
    keep, centre, cost = _kept(block, method, valid_count)
    none_left = (valid_count > 0) & ~keep.any(axis=0)
    keep |= block.valid & none_left
    variances = block.spread(centre)
    weights = _weights(block, variances)
    count = keep.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, scatter, model = _weighted(block.values, weights, keep, variances)
        noise = np.where(block.valid, variances, 0.0).sum(axis=0) / valid_count
        noise = np.where(np.isnan(noise), scatter * count, noise)
    return Results(
        value=mean,
        count=valid_count if isinstance(method, Median) else count,
        model=model * cost,
        scatter=scatter * cost if isinstance(method, Median) else scatter,
        noise=noise,
        top=np.where(keep, block.raw, -np.inf).max(axis=0),
        disagree=none_left
        | _apart(block, centre, valid_count)
        | ((2 * count <= valid_count) & (valid_count > 1) & (not trims(method))),
    )


def _weights(block: Unequal, variances: NDArray[np.float64]) -> NDArray[np.float64]:
    if block.inverse:
        with np.errstate(divide="ignore"):
            return 1.0 / variances
    weights = np.ones((len(block.values), 1)) if block.weights is None else block.weights
    return np.broadcast_to(weights, block.values.shape)


def _weighted(
    values: NDArray[np.float64], weights: NDArray[np.float64], keep: Keep, variances: NDArray[np.float64]
) -> tuple[Plane, Plane, Plane]:
    """Weighted mean of what is kept, and its variance by scatter and by model.

    The scatter estimate is unbiased both where the samples are equally noisy and where their variances
    go as 1/weight (HC2 of MacKinnon & White 1985); with equal weights it is s^2/n with ddof 1.
    """
    total, first, inherited = np.zeros((3, values.shape[1]))
    for value, weight, kept, variance in zip(values, weights, keep, variances, strict=True):
        used = np.where(kept, weight, 0.0)
        first += used
        total += used * value
        inherited += np.where(kept, used * used * variance, 0.0)
    mean = total / first
    squares = np.zeros_like(mean)
    for value, weight, kept in zip(values, weights, keep, strict=True):
        deviation = weight * (value - mean)
        squares += np.where(kept, deviation * deviation / (1 - weight / first), 0.0)
    return mean, np.where(keep.sum(axis=0) > 1, squares, np.nan) / first**2, inherited / first**2


def _kept(block: Unequal, method: Method, valid_count: NDArray[Any]) -> tuple[Keep, Plane, Plane]:
    """Which samples are kept, the level by which noise is told, and what trimming costs in variance."""
    size = block.values.shape[1]
    keep = block.valid.copy()
    centre, cost = np.zeros(size), np.ones(size)
    for count in np.unique(valid_count[valid_count > 0]).tolist():
        pixels = np.flatnonzero(valid_count == count)
        values, valid = block.values[:, pixels], block.valid[:, pixels]
        filled = np.where(valid, values, np.inf)
        samples = Samples(sort_rows(filled.copy())[:count], variance_at=_mean_variance(block, pixels, count))
        centre[pixels] = samples.median()
        if trims(method):
            low, high = method.trim(count)
            rank = filled.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
            keep[:, pixels] = valid & (rank >= low) & (rank < count - high)
            cost[pixels] = trim_factor(count, low, high) * (count - low - high) / count
        elif isinstance(method, NoiseClip) and count > 2:
            least, most = method.bounds(samples)
            middle = (least + most) / 2
            centre[pixels] = middle
            keep[:, pixels] = valid & (np.abs(values - middle) <= _reach(block, method, middle, pixels, count))
        elif not isinstance(method, NoiseClip):
            clip: Clip = method  # type: ignore[assignment]
            least, most = clip.bounds(samples)
            keep[:, pixels] = valid & (values >= least) & (values <= most)
    return keep, centre, cost


def _reach(block: Unequal, method: NoiseClip, middle: Plane, pixels: Pixels, count: int) -> NDArray[np.float64]:
    """How far from the middle each sample may lie.

    The middle is itself as uncertain as the samples it comes from: one of little noise is not blamed
    for that, and has the reach of the median variance.
    """
    variances = block.judging(middle, pixels)
    ordered = np.sort(np.where(block.valid[:, pixels], variances, np.inf), axis=0)[:count]
    reach: NDArray[np.float64] = method.sigma * np.sqrt(np.maximum(variances, Samples(list(ordered)).median()))
    return reach


def _apart(block: Unequal, centre: Plane, valid_count: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there are two samples, and they differ by more than 4 sigma of their difference."""
    pixels = np.flatnonzero(valid_count == 2)
    apart = np.zeros(len(centre), bool)
    valid, values = block.valid[:, pixels], block.values[:, pixels]
    variance = np.where(valid, block.judging(centre[pixels], pixels), 0.0).sum(axis=0)
    difference = np.where(valid, values, -np.inf).max(axis=0) - np.where(valid, values, np.inf).min(axis=0)
    apart[pixels] = difference * difference > 16 * variance
    return apart


def _mean_variance(block: Unequal, pixels: Pixels, count: int) -> Callable[[Plane], Plane]:
    """Mean variance of the valid samples of some pixels, at a level."""

    def variance_at(level: Plane) -> Plane:
        total: Plane = np.where(block.valid[:, pixels], block.judging(level, pixels), 0.0).sum(axis=0)
        return total / count

    return variance_at
