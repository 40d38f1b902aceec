"""Read noise and gain of a camera, measured from the frames themselves by differences of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.bands import in_threads
from pipelines.combine.errors import FramesUnfit
from pipelines.combine.frames import Stack, companions, read_rows, stack_of
from pipelines.combine.photon import Bin, Pair, fit, transfer_bins

#: Pixels that are read of a frame: enough for the few of them that are hot.
_PIXELS = 1 << 20
#: Rows read together: whole chunks of a stored frame.
_ROWS = 64
#: Pairs that are measured, spread over the stack.
_PAIRS = 8
#: Fewer pixels than this give no noise worth the name.
_FEWEST = 256


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """What noise a sample has at a level, both in the units of the frames.

    ``variance(v) = read_noise^2 + max(v - level, 0) / gain``

    Attributes
    ----------
    read_noise : float or None
        Noise of one sample at `level`, in the units of the frames; None where it could not be measured.
    gain : float or None
        Electrons a unit, from photon transfer; None where levels did not permit: then the noise is
        `read_noise` at every level.
    level : float
        Where `read_noise` holds: of darks the level of the bulk of pixels, bias and all; of flats the
        lowest level there is.
    n_pairs : int
        Pairs of frames it rests on.
    method : str
        How it was found.
    reason : str or None
        What could not be found, and why.
    """

    read_noise: float | None
    gain: float | None = None
    level: float = 0.0
    n_pairs: int = 0
    method: str = "given"
    reason: str | None = None

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
        if self.gain is None:
            return np.full(np.shape(level), floor)
        signal = np.subtract(level, self.level, dtype=np.float64)
        np.maximum(signal, 0.0, out=signal)
        return np.asarray(signal / self.gain + floor)

    def to_dict(self) -> dict[str, Any]:
        """The model as plain values, for a document."""
        return asdict(self)


def measure_noise(
    frames: Sequence[Any] | Stack,
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    masks: Sequence[Any] | None = None,
    saturation: float | None = None,
    names: Sequence[str] | None = None,
    workers: int | None = None,
) -> NoiseModel:
    """Measure read noise and gain from frames of equal exposure.

    The difference of two frames holds the noise of both and nothing of the scene: its standard
    deviation, of what lies within 5 robust sigmas (MAD), over the root of 2 is the noise of one.
    Where pixels reach different levels, as hot pixels in darks and corners in flats do, the variance of
    differences grows with the level by 1/gain (photon transfer; Janesick 2007).

    Parameters
    ----------
    frames : sequence
        Frames of one camera, (rows, columns), of equal exposure; a million pixels of each are read.
    pairs : sequence of (int, int), optional
        Which frames to take from which; by default each from the next, 8 pairs at most.
    masks : sequence, optional
        For each frame None, or a plane that is not zero where a sample is bad.
    saturation : float, optional
        Pixels at or above it say nothing.
    names : sequence of str, optional
        Of the frames, for errors.
    workers : int, optional
        Threads; by default one for each processor.

    Returns
    -------
    NoiseModel
        With `read_noise` None, and a `reason`, where it cannot be measured: one frame, frames that are
        equal, too few pixels.

    Raises
    ------
    FramesUnfit, FrameUnreadable
        The frames do not fit each other; one is lost or damaged.
    """
    stack = frames if isinstance(frames, Stack) else stack_of(frames, names=names)
    chosen = _pairs(len(stack)) if pairs is None else list(pairs)
    if not chosen:
        return NoiseModel(None, reason="one frame: noise is measured from differences of two")
    bad = companions(stack, masks, "masks") or (None,) * len(stack)
    found: dict[tuple[int, int], _Measured | str] = {}

    def measure(pair: tuple[int, int]) -> None:
        first, second = (_sample(stack, n, bad[n]) for n in pair)
        difference = _difference(first, second, dtype=stack.dtype, saturation=saturation)
        if not isinstance(difference, str):
            found[pair] = _Measured(difference.variance, difference.level, transfer_bins(difference))
        else:
            found[pair] = f"{stack.names[pair[0]]} and {stack.names[pair[1]]}: {difference}"

    for _ in in_threads(measure, chosen, workers=workers):
        pass
    return _model([found[pair] for pair in chosen])


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one pair says: variance of a frame at its level, and in bins of level."""

    variance: float
    level: float
    bins: list[Bin]


def _model(found: list[_Measured | str]) -> NoiseModel:
    """The model that all pairs say together."""
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


def _on_one_bias(pairs: list[_Measured]) -> list[Bin]:
    """Bins of all pairs, those moved together whose lowest levels differ by no more than a bias drifts."""
    lowest = float(np.median([item.bins[0].level for item in pairs if item.bins] or [0.0]))
    moved = []
    for pair in pairs:
        drift = pair.bins[0].level - lowest if pair.bins else 0.0
        drift = drift if abs(drift) < 8 * math.sqrt(pair.variance) else 0.0
        moved += [replace(item, level=item.level - drift) for item in pair.bins]
    return moved


def _pairs(count: int) -> list[tuple[int, int]]:
    every = list(pairwise(range(count)))
    if len(every) <= _PAIRS:
        return every
    return [every[round(n)] for n in np.linspace(0, len(every) - 1, _PAIRS)]


def _sample(stack: Stack, number: int, mask: Any) -> NDArray[Any]:
    """A million pixels of a frame, in bands of rows spread evenly over it; NaN where they are masked."""
    rows, columns = stack.shape
    bands = -(-rows // _ROWS)
    wanted = min(bands, max(1, _PIXELS // max(1, _ROWS * columns)))
    starts = [(2 * n + 1) * bands // (2 * wanted) * _ROWS for n in range(wanted)]
    parts = []
    for start in starts:
        stop = min(start + _ROWS, rows)
        part = stack.read(number, start, stop)
        bad = np.ma.getmaskarray(part) if isinstance(part, np.ma.MaskedArray) else np.False_
        if mask is not None:
            bad = bad | (read_rows(mask, start, stop) != 0)
        parts.append(np.where(bad, np.nan, np.ma.getdata(part)) if bad.any() else np.ma.getdata(part))
    return np.concatenate(parts) if parts else np.empty((0, columns))


def _difference(
    first: NDArray[Any], second: NDArray[Any], *, dtype: np.dtype[Any], saturation: float | None
) -> Pair | str:
    """What the difference of two frames of a type says, or why it says nothing."""
    if first.size < _FEWEST:
        return f"only {first.size} pixels"
    ratio = _ratio(first, second)
    if not 0.5 <= ratio <= 2:
        return f"their light differs by a factor of {ratio:.2f}: they are not of equal exposure"
    lower = np.minimum(first, second).ravel()
    level: NDArray[np.float32] = np.multiply(second, ratio**2, dtype=np.float32).ravel()
    level += first.ravel()
    level /= np.float32(1 + ratio**2)
    with np.errstate(invalid="ignore"):  # infinities: NaN, which is left out below
        difference = np.subtract(first, second, dtype=np.float64).ravel()
        if ratio != 1:
            difference += (1 - ratio) * second.ravel()
    whole = dtype.kind != "f"
    top = min(saturation or np.inf, np.iinfo(dtype).max) if whole else saturation
    valid = np.isfinite(difference) if top is None else np.isfinite(difference) & (lower < top)
    if not valid.all():
        lower, level, difference = lower[valid], level[valid], difference[valid]
    if len(level) < _FEWEST:
        return f"only {len(level)} pixels are valid and below saturation in both"
    # Bias drifts from frame to frame: it is no noise of a pixel.
    difference -= np.median(difference[:: max(1, len(difference) >> 16)])
    pair = Pair(lower, level, difference, ratio, quantum=1.0 if whole else 0.0)
    if not pair.variance > 0:
        return "they are equal"
    return pair


def _ratio(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Light of the first over light of the second, from how their large-scale structures compare.

    A level they share, such as the bias, does not count. 1 where there is no structure to tell it by.
    """
    strips = min(32, first.shape[1] // 8)
    if strips < 4:
        return 1.0
    width = first.shape[1] // strips * strips
    tops = []
    for frame in (first, second):
        part = frame[::8, :width].reshape(-1, strips, width // strips).swapaxes(0, 1).reshape(strips, -1)
        finite = np.isfinite(part)
        if not finite.any(axis=1).all():
            return 1.0
        median = np.median if finite.all() else np.nanmedian
        tops.append(median(part, axis=1).astype(np.float64))
    one, two = (strip - strip.mean() for strip in tops)
    # In a dark the strips differ by noise only; their scatter then is no measure of light.
    spread = float(two @ two) / strips
    if not spread > 16 * max(1.0, float(np.abs(one - two).max()) ** 2):
        return 1.0
    return float(one @ two) / float(two @ two)
