"""Read noise and gain of a camera, measured from the frames themselves by differences of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.bands import in_threads
from pipelines.combine.errors import FramesUnfit
from pipelines.combine.frames import Stack, companions, stack_of
from pipelines.combine.pairs import Sample, difference, quiet_frames, sample_of, spread_over, step_of
from pipelines.combine.photon import Bin, fit, hot_scatter, transfer_bins

#: A stated gain or read noise that differs by more than this from the measured one is said to differ.
AGREES = 0.05


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """What noise a sample has at a level, both in the units of the frames.

    ``variance(v) = read_noise^2 + S / gain + (scatter S)^2`` with the signal ``S = max(v - level, 0)``.

    Attributes
    ----------
    read_noise : float or None
        Noise of one sample at `level`, in the units of the frames; None where it could not be measured.
    gain : float or None
        Electrons a unit, from photon transfer; None where levels did not permit: then the noise is
        `read_noise` at every level.
    scatter : float
        Of hot pixels: by which fraction of their signal they change from frame to frame beyond the noise of
        their electrons, as dark current does with the temperature.
    level : float
        Where `read_noise` holds: of darks the level of the bulk of pixels, bias and all; of flats the
        lowest level there is.
    n_pairs : int
        Pairs of frames it rests on.
    method : str
        How it was found.
    reason : str or None
        What could not be found, and why.
    remark : str or None
        How what was measured compares with what the header states, and which of the two is used.
    """

    read_noise: float | None
    gain: float | None = None
    level: float = 0.0
    n_pairs: int = 0
    method: str = "given"
    reason: str | None = None
    scatter: float = 0.0
    remark: str | None = None

    def __post_init__(self) -> None:
        if self.read_noise is not None and not (np.isfinite(self.read_noise) and self.read_noise > 0):
            raise FramesUnfit(f"a read noise of {self.read_noise} rejects everything; give one above 0, or None.")
        if self.gain is not None and not (np.isfinite(self.gain) and self.gain > 0):
            raise FramesUnfit(f"a gain of {self.gain} is none; give one above 0, or None.")

    def variance(self, level: NDArray[Any]) -> NDArray[np.float64]:
        """Variance of a sample at `level`; NaN everywhere where no read noise is known."""
        if self.read_noise is None:
            return np.full(np.shape(level), np.nan)
        floor = self.read_noise**2
        if self.gain is None and not self.scatter:
            return np.full(np.shape(level), floor)
        signal = np.subtract(level, self.level, dtype=np.float64)
        np.maximum(signal, 0.0, out=signal)
        light = signal / self.gain if self.gain is not None else 0.0
        more = np.square(self.scatter * signal) if self.scatter else 0.0
        return np.asarray(light + more + floor)

    def to_dict(self) -> dict[str, Any]:
        """The model as plain values, for a document."""
        return asdict(self)


def measure_noise(
    frames: Sequence[Any] | Stack,
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    masks: Sequence[Any] | None = None,
    saturation: float | None = None,
    gain: float | None = None,
    read_noise: float | None = None,
    names: Sequence[str] | None = None,
    workers: int | None = None,
) -> NoiseModel:
    """Measure read noise and gain from frames of equal exposure.

    The difference of two frames holds the noise of both and nothing of the scene: its standard
    deviation, of what lies within 5 robust sigmas (MAD), over the root of 2 is the noise of one.
    Where pixels reach different levels, as hot pixels in darks and corners in flats do, the variance of
    differences grows with the level by 1/gain (photon transfer; Janesick 2007). A frame that differs
    from the quietest half, by a leak or a cloud, has no part in it.

    Parameters
    ----------
    frames : sequence
        Frames of one camera, (rows, columns), of equal exposure; a million pixels of each are read.
    pairs : sequence of (int, int), optional
        Which frames to take from which; by default among those without a leak or a cloud each from the
        next, of 8 frames at most, spread over the stack.
    masks : sequence, optional
        For each frame None, or a plane that is not zero where a sample is bad.
    saturation : float, optional
        Pixels at or above it say nothing.
    gain, read_noise : float, optional
        What the header states, in electrons a unit and in units. It is compared with what is measured,
        and used where nothing can be measured; `NoiseModel.remark` says so.
    names : sequence of str, optional
        Of the frames, for errors.
    workers : int, optional
        Threads; by default one for each processor.

    Returns
    -------
    NoiseModel
        With `read_noise` None, and a `reason`, where it cannot be measured and is not stated: one frame,
        frames that are equal, too few pixels.

    Raises
    ------
    FramesUnfit, FrameUnreadable
        The frames do not fit each other; one is lost or damaged.
    """
    stack = frames if isinstance(frames, Stack) else stack_of(frames, names=names)
    bad = companions(stack, masks, "masks") or (None,) * len(stack)
    wanted = spread_over(len(stack)) if pairs is None else sorted({n for pair in pairs for n in pair})
    samples: dict[int, Sample] = {}

    def read(number: int) -> None:
        samples[number] = sample_of(stack, number, bad[number])

    for _ in in_threads(read, wanted, workers=workers):
        pass
    step = step_of(samples[wanted[0]]) if wanted else 0.0
    if pairs is None:
        quiet = [wanted[n] for n in quiet_frames([samples[n] for n in wanted], step)]
        chosen = list(zip(quiet, quiet[1:] + quiet[:1], strict=True))[: None if len(quiet) > 2 else -1]
    else:
        chosen = list(pairs)
    if not chosen:
        reason = "one frame: noise is measured from differences of two"
        return _with_stated(NoiseModel(None, reason=reason), gain, read_noise)
    found: dict[tuple[int, int], _Measured | str] = {}

    def measure(pair: tuple[int, int]) -> None:
        one = difference(samples[pair[0]], samples[pair[1]], step=step, saturation=saturation)
        if isinstance(one, str):
            found[pair] = f"{stack.names[pair[0]]} and {stack.names[pair[1]]}: {one}"
        else:
            found[pair] = _Measured(one.variance, one.level, transfer_bins(one))

    for _ in in_threads(measure, chosen, workers=workers):
        pass
    model = _with_stated(_model([found[pair] for pair in chosen]), gain, read_noise)
    if model.read_noise is None:
        return model
    quietest = [samples[n] for n in sorted({n for pair in chosen for n in pair})]
    return replace(model, scatter=hot_scatter(quietest, model.read_noise, model.gain, saturation=saturation))


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one pair says: variance of a frame at its level, and in bins of level."""

    variance: float
    level: float
    bins: list[Bin]


def _model(found: list[_Measured | str]) -> NoiseModel:
    """Return the model that all pairs say together."""
    reasons = [item for item in found if isinstance(item, str)]
    pairs = [item for item in found if not isinstance(item, str)]
    if not pairs:
        return NoiseModel(None, reason="; ".join(reasons))
    transfer = fit(_on_one_bias(pairs))
    level, variance = transfer.level, transfer.variance
    if transfer.gain is None:
        level = float(np.median([pair.level for pair in pairs]))
        variance = float(np.median([pair.variance for pair in pairs]))
        reasons.append(transfer.reason or "no gain")
    return NoiseModel(
        read_noise=math.sqrt(variance),
        gain=transfer.gain,
        level=level,
        n_pairs=len(pairs),
        method="differences of pairs, within 5 sigma (MAD)" + ("" if transfer.gain is None else "; photon transfer"),
        reason="; ".join(reasons) or None,
    )


def _with_stated(model: NoiseModel, gain: float | None, read_noise: float | None) -> NoiseModel:
    """Return the model with what the header states where nothing was measured, and how the two compare."""
    told = []
    usable = {
        name: value
        for name, value in (("gain", gain), ("read_noise", read_noise))
        if value is not None and math.isfinite(value) and value > 0
    }
    taken: dict[str, Any] = {}
    for name, value in usable.items():
        measured, words = getattr(model, name), name.replace("_", " ")
        if measured is None:
            taken[name] = value
            told.append(f"{words} {value:.4g} as stated: none could be measured")
        elif abs(measured / value - 1) > AGREES:
            told.append(f"{words} {measured:.4g} as measured, where {value:.4g} is stated")
        else:
            told.append(f"{words} {measured:.4g} as measured, {value:.4g} is stated")
    if taken:
        reason = model.reason if model.reason and model.read_noise is None and "read_noise" not in taken else None
        model = replace(model, **taken, reason=reason)
    return replace(model, remark="; ".join(told) or None)


def _on_one_bias(pairs: list[_Measured]) -> list[Bin]:
    """Bins of all pairs, those moved together whose lowest levels differ by no more than a bias drifts."""
    lowest = float(np.median([item.bins[0].level for item in pairs if item.bins] or [0.0]))
    moved = []
    for pair in pairs:
        drift = pair.bins[0].level - lowest if pair.bins else 0.0
        drift = drift if abs(drift) < 8 * math.sqrt(pair.variance) else 0.0
        moved += [replace(item, level=item.level - drift) for item in pair.bins]
    return moved
