"""Combine a stack of frames, band by band, on every core, in memory that does not grow with the frames."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.bands import in_threads, row_bands
from pipelines.combine.errors import FramesUnfit
from pipelines.combine.frames import Stack, companions, factors, stack_of
from pipelines.combine.methods import Mean, Median, Method, NoiseClip, method_named
from pipelines.combine.noise import NoiseModel, measure_noise
from pipelines.combine.recipe import CombineRecipe
from pipelines.combine.result import PLANES, Combined


def combine(
    frames: Sequence[Any],
    *,
    method: str | Method = "noise-model",
    noise: NoiseModel | None = None,
    masks: Sequence[Any] | None = None,
    variances: Sequence[Any] | None = None,
    weights: Sequence[float] | str | None = None,
    scale: Sequence[float] | None = None,
    offsets: Sequence[Any] | None = None,
    saturation: float | None = None,
    clipped_out: bool = False,
    planes: Collection[str] = PLANES,
    names: Sequence[str] | None = None,
    band_rows: int | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Combined:
    """Combine frames into one, with its uncertainty, and with what could and could not be rejected.

    The result depends neither on the size of the bands nor on the number of workers; of frames that
    are not scaled or weighted, nor on their order.

    Parameters
    ----------
    frames : sequence
        Frames (rows, columns) of one shape and type, integer or float: cubes of a store, arrays,
        anything with rows to read (`frames.Stack`). NaN and infinities count as masked.
    method : str or Method
        A name of `methods.METHODS` with its default parameters, or a method. By default what the noise
        cannot explain is rejected; where no noise is known or can be measured, the median.
    noise : NoiseModel, optional
        Noise of the frames as they are read. By default it is measured from them, for 'noise-model'.
    masks : sequence, optional
        For each frame None, or a plane that is not zero where a sample is bad.
    variances : sequence, optional
        For each frame a plane (or one number): the variance of its samples as they are read. They
        become `variance_model`; without a noise model their median at a pixel judges outliers, so
        that a hit is not excused by the variance it brought itself.
    weights : sequence of float, or 'inverse-variance', optional
        Weights in the mean.
    scale : sequence of float, optional
        Each frame is multiplied by its factor, after its offset was subtracted; its noise follows.
    offsets : sequence, optional
        What is subtracted from each frame: a number, or a plane (a master dark).
    saturation : float, optional
        Level, as read, from which samples are saturated. They are used; a value in which one is left
        is flagged.
    clipped_out : bool
        Do not use them: a mean of clipped samples is too low. A value for which one was left out is flagged, for
        where some samples of a pixel are clipped, those that are left are the lower ones.
    planes : collection of str
        Which of `result.PLANES` are made; each costs memory. The value is always made.
    names : sequence of str, optional
        What to call the frames in errors.
    band_rows : int, optional
        Rows read at once; by default what 12 MB hold, 128 at most, in whole chunks of stored frames.
    workers : int, optional
        Threads; by default one for each processor this process may use.
    progress : callable, optional
        Told the rows done, and how many there are.

    Returns
    -------
    Combined
        Planes of the shape of a frame.

    Raises
    ------
    FramesUnfit
        The request cannot be carried out: shapes or types differ, something is missing.
    FrameUnreadable
        A frame is lost or damaged; the error says which.
    """
    stack = stack_of(frames, names=names)
    chosen = method_named(method) if isinstance(method, str) else method
    used, model, reason = _settled(
        chosen,
        noise,
        frames=len(stack),
        variances=variances is not None,
        measured=lambda: measure_noise(stack, masks=masks, saturation=saturation, workers=workers),
    )
    if isinstance(used, Median) and weights is not None:
        if used == chosen:
            raise FramesUnfit("a median takes no weights; leave them out, or choose another method.")
        weights = None
        reason = f"{reason}; the weights are not used by a median"
    recipe = CombineRecipe(
        stack=stack,
        method=used,
        noise=model,
        masks=companions(stack, masks, "masks"),
        variances=companions(stack, variances, "variances"),
        weights=None if weights is None or isinstance(weights, str) else factors(stack, weights, "weights"),
        inverse=_inverse(weights, model, variances),
        scale=factors(stack, scale, "scale factors"),
        offsets=companions(stack, offsets, "offsets"),
        saturation=saturation,
        clipped_out=clipped_out and saturation is not None,
    )
    made = _empty(stack, planes)
    bands = row_bands(stack, rows=band_rows)
    done = 0
    for start, stop in in_threads(lambda band: recipe.work(*band, made), bands, workers=workers):
        done += stop - start
        if progress is not None:
            progress(done, stack.shape[0])
    return Combined(
        **{name: made.get(name) for name in PLANES},  # type: ignore[arg-type]
        method=used,
        asked=chosen.name,
        reason=reason,
        noise=model,
        names=stack.names,
    )


def _settled(
    method: Method, noise: NoiseModel | None, *, frames: int, variances: bool, measured: Callable[[], NoiseModel]
) -> tuple[Method, NoiseModel | None, str | None]:
    """The method and noise that are used, and why the method is not the one asked for."""
    known = noise is not None and noise.read_noise is not None
    if not isinstance(method, NoiseClip) or known:
        return method, noise if known else None, None
    if noise is None and variances:
        return method, None, None
    noise = noise or measured()
    if noise.read_noise is not None:
        return method, noise, None
    instead = Mean() if frames < 3 else Median()
    return instead, None, f"{instead.name} instead of {method.name}: no read noise is known ({noise.reason})"


def _inverse(weights: Any, noise: NoiseModel | None, variances: Sequence[Any] | None) -> bool:
    if not isinstance(weights, str):
        return False
    if weights != "inverse-variance":
        raise FramesUnfit(f"weights are numbers or 'inverse-variance', not {weights!r}.")
    if noise is None and variances is None:
        raise FramesUnfit("weights by inverse variance need variances, or a noise model; give one of them.")
    return True


def _empty(stack: Stack, planes: Collection[str]) -> dict[str, NDArray[Any]]:
    unknown = set(planes) - set(PLANES)
    if unknown:
        raise FramesUnfit(f"there are no planes {sorted(unknown)}; choose among {', '.join(PLANES)}.")
    dtypes = {"count": np.min_scalar_type(len(stack)), "dq": np.dtype(np.uint8)}
    return {
        name: np.empty(stack.shape, dtypes.get(name, np.dtype(np.float32)))
        for name in PLANES
        if name == "value" or name in planes
    }
