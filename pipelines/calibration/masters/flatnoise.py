"""The noise of flats, which differ in level: each difference with the levels of its own two frames.

With the level L of a flat, a normalised flat of response v has the variance ``read_noise^2 / L^2 + v / (gain L)``. The
difference of two of them has the sum for both; over the root of v it is the same all over the frame but for read noise.
What is smooth, a cloud or the slope of the sky, is taken out by differences of neighbours along a row.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.calibration.masters.frames import Masked, Normalised, Unclipped
from pipelines.combine import NoiseModel
from pipelines.combine.frames import stack_of
from pipelines.combine.pairs import sample_of, spread_over
from pipelines.combine.photon import robust_variance
from pipelines.documents.schema import Doc

__all__ = ["flat_noise", "on_common_pixels", "pedestal_of", "unequal"]


_FEWEST = 256  # pixels
_RESPONSE = (0.3, 3.0)  # of pixels that are looked at, the middle is 1
_EQUAL = 1.1  # largest level over the smallest, up to which all flats count alike
_SPREAD = 1.5  # largest level over the smallest, from which read noise and gain are told apart by flats alone


def flat_noise(
    lights: Sequence[Normalised], names: Sequence[str], darks: Sequence[Doc], *, saturation: float | None = None
) -> NoiseModel:
    """Measure the noise of raw flats: read noise by their darks, gain by differences of normalised flats.

    Parameters
    ----------
    lights : sequence of Normalised
        Flats without their darks, over their levels.
    names : sequence of str
        Their documents.
    darks : sequence of Mapping
        Documents of the darks and biases that were used on them.
    saturation : float, optional
        Level, as read, from which samples are saturated; they say nothing.

    Returns
    -------
    NoiseModel
        In units of the raw frames; its level is that of the darks.
    """
    if len(lights) < 2:
        return NoiseModel(None, reason="one frame: noise is measured from differences of two")
    stack = stack_of(list(lights), names=names)
    chosen = spread_over(len(stack))
    pairs = list(zip(chosen, chosen[1:] + chosen[:1], strict=True))[: None if len(chosen) > 2 else -1]
    tops = [math.inf if saturation is None else (saturation - pedestal_of(light)) / light.level for light in lights]
    samples = {number: sample_of(stack, number, None) for number in chosen}
    found = []
    for one, other in pairs:
        measured = _pair(samples[one], samples[other], min(tops[one], tops[other]))
        if measured is not None:
            levels = np.array([lights[one].level, lights[other].level])
            found.append((*measured, float(np.sum(1 / levels**2)), float(np.sum(1 / levels))))
    if not found:
        return NoiseModel(
            None, reason=f"fewer than {_FEWEST} pixels of any two flats can be compared, or they are equal"
        )
    return _model(np.array(found), [light.level for light in lights], darks)


def _pair(first: npt.NDArray[Any], second: npt.NDArray[Any], top: float) -> tuple[float, float] | None:
    """Return the variance of the difference over the root of the response, and the mean of 1 / response."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    response = (first + second) / 2
    with np.errstate(invalid="ignore"):
        use = (response > _RESPONSE[0]) & (response < _RESPONSE[1]) & (np.maximum(first, second) < top)
        scaled = (first - second) / np.sqrt(response)
    steps = (scaled[:, 1:] - scaled[:, :-1]) / math.sqrt(2)
    both = use[:, 1:] & use[:, :-1]
    steps = steps[both]
    if steps.size < _FEWEST:
        return None
    variance = robust_variance(steps - np.median(steps), 0.0)
    return (variance, float(np.mean(1 / response[use]))) if variance > 0 else None


def _model(found: npt.NDArray[np.float64], levels: Sequence[float], darks: Sequence[Doc]) -> NoiseModel:
    """Solve ``variance = read_noise^2 <1/v> sum(1/L^2) + sum(1/L) / gain`` over the pairs."""
    variance, dim, squares, inverse = found.T
    known = [dark["noise"] for dark in darks if (dark.get("noise") or {}).get("read_noise")]
    pairs = len(found)
    if known:
        read = float(np.median([noise["read_noise"] for noise in known]))
        pedestal = float(np.median([noise["level"] for noise in known]))
        light = (variance - read**2 * dim * squares) / inverse
        # Where read noise is most of it the difference says little of the gain.
        share = light * inverse / variance
        weight = np.where(share > 0, share**2, 0)
        if weight.sum() > 0 and share.max() > 0.1:
            slope = _middle(light, weight)
            method = "read noise of the darks; gain by differences of flats, each with its own levels"
            return NoiseModel(read, 1 / slope, pedestal, pairs, method)
        level = float(np.median(levels))
        whole = math.sqrt(float(np.median(variance / squares)))
        return NoiseModel(whole, None, pedestal + level, pairs, _METHOD, "no gain: read noise explains it all")
    pedestal = 0.0
    if max(levels) >= _SPREAD * min(levels):
        # Relative errors of variances are alike: both sides over the variance weigh them so.
        design = np.stack([dim * squares, inverse]) / variance
        square, slope = np.linalg.lstsq(design.T, np.ones(pairs), rcond=None)[0]
        if square > 0 and slope > 0:
            method = "read noise and gain by differences of flats of unequal levels"
            return NoiseModel(math.sqrt(square), float(1 / slope), pedestal, pairs, method)
    level = float(np.median(levels))
    whole = math.sqrt(float(np.median(variance / squares)))
    reason = "no gain: no read noise of the darks is known"
    return NoiseModel(whole, None, level, pairs, _METHOD, reason)


_METHOD = "differences of flats, each with its own levels"


def _middle(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
    """Weighted median: one flat with a cloud does not move it."""
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(sums, sums[-1] / 2)])


def pedestal_of(light: Normalised) -> float:
    """Return the level of a flat's dark, by its middle rows."""
    middle = light.shape[0] // 2
    return float(np.nanmedian(light.dark.read(middle, min(middle + 8, light.shape[0]))))


def unequal(lights: Sequence[Normalised]) -> bool:
    """Tell whether flats differ so much in level that each counts by its own noise."""
    levels = [light.level for light in lights]
    return bool(levels) and max(levels) > _EQUAL * min(levels)


def on_common_pixels(lights: Sequence[Normalised], names: Sequence[str]) -> list[Normalised]:
    """Correct the levels of flats that are masked in part: the middle of what is left is another place of the flat.

    Each is compared, pixel by pixel, with the median of all.
    """
    if not any(isinstance(light.frame, Masked | Unclipped) for light in lights):
        return list(lights)
    stack = stack_of(list(lights), names=names)
    samples = np.stack([sample_of(stack, number, None, pixels=1 << 16) for number in range(len(stack))])
    whole = np.isfinite(samples).all(axis=0)
    if whole.sum() < _FEWEST:
        return list(lights)
    samples = samples[:, whole]
    middle = np.median(samples, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nanmedian(samples / middle, axis=1)
    return [
        replace(light, level=light.level * float(ratio)) if ratio > 0 else light
        for light, ratio in zip(lights, ratios, strict=True)
    ]
