"""Differences of pairs of frames: which frames are quiet, and what the difference of two of them says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.frames import Stack, read_rows
from pipelines.combine.photon import Pair

#: Pixels that are read of a frame: enough for the few of them that are hot.
_PIXELS = 1 << 20
#: Rows read together: whole chunks of a stored frame.
_ROWS = 64
#: Frames that are looked at, spread over the stack.
_FRAMES = 8
#: Pixels of a first look at every pair: they give a variance to 1 %.
_LOOK = 1 << 15
#: A frame is as quiet as the quietest when its variance with them exceeds theirs by no more than this.
_QUIET = 1.1
#: Fewer pixels than this give no noise worth the name.
_FEWEST = 256

Sample = NDArray[Any]


def spread_over(count: int, most: int = _FRAMES) -> list[int]:
    """Return the places of at most so many frames, spread evenly over a stack, its ends among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(n) for n in np.linspace(0, count - 1, most)})


def quiet_frames(samples: Sequence[Sample], step: float) -> list[int]:
    """Return which frames have no more noise in their differences than the quietest half of them.

    Of n frames the n // 2 + 1 with the least variance between them are the measure; a frame with a leak, a cloud
    or a hit of its own is in none of their pairs, wherever it stands and however large it is.

    Parameters
    ----------
    samples
        Pixels of each frame, (rows, columns).
    step
        Between possible values; 0 of continuous ones.
    """
    count = len(samples)
    thin = [sample[:: max(1, sample.size // _LOOK)] if sample.size > 2 * _LOOK else sample for sample in samples]
    variances = np.full((count, count), np.inf)
    for one, other in combinations(range(count), 2):
        found = difference(thin[one], thin[other], step=step, saturation=None, fewest=64)
        if not isinstance(found, str):
            variances[one, other] = variances[other, one] = found.variance
    if count < 3 or not np.isfinite(variances).any():
        return list(range(count))

    def loudness(chosen: tuple[int, ...]) -> float:
        return math.fsum(variances[pair] for pair in combinations(chosen, 2))

    core = min(combinations(range(count), count // 2 + 1), key=loudness)
    quiet = loudness(core) / math.comb(len(core), 2)
    if not math.isfinite(quiet):
        return list(range(count))
    found_quiet = []
    for n in range(count):
        with_core = [variances[n, other] for other in core if other != n]
        if n in core or math.fsum(with_core) / len(with_core) <= _QUIET * quiet:
            found_quiet.append(n)
    return found_quiet


def step_of(values: NDArray[Any]) -> float:
    """Return the step between the possible values of a frame: 16 of 12 bits in the upper ones of 16, 0 of no steps.

    >>> step_of(np.array([[0, 32], [48, 64]], "uint16")), step_of(np.array([[0.5, 1.0]]))
    (16.0, 0.0)
    """
    thin = values.ravel()[:: max(1, values.size >> 15)]
    if thin.dtype.kind == "f":
        thin = thin[np.isfinite(thin)]
        # Beyond 2^24 a float32 has whole numbers only, whatever was stored in it.
        if not thin.size or np.abs(thin).max() >= 2**24 or np.any(thin != np.rint(thin)):
            return 0.0
    if not thin.size:
        return 0.0
    whole = thin.astype(np.int64)
    return float(np.gcd.reduce(whole - whole[0])) or 1.0


def sample_of(stack: Stack, number: int, mask: Any, *, pixels: int = _PIXELS) -> NDArray[Any]:
    """Return some pixels of a frame, in bands of rows spread evenly over it; NaN where they are masked."""
    rows, columns = stack.shape
    bands = -(-rows // _ROWS)
    wanted = min(bands, max(1, pixels // max(1, _ROWS * columns)))
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


def difference(
    first: Sample, second: Sample, *, step: float, saturation: float | None, fewest: int = _FEWEST
) -> Pair | str:
    """Return what the difference of two frames says, or why it says nothing.

    Parameters
    ----------
    step
        Between possible values; 0 of continuous ones.
    saturation
        Pixels at or above it in both say nothing.
    fewest
        Pixels that are needed.
    """
    if first.size < fewest:
        return f"only {first.size} pixels"
    ratio = _ratio(first, second)
    if not 0.5 <= ratio <= 2:
        return f"their light differs by a factor of {ratio:.2f}: they are not of equal exposure"
    lower = np.minimum(first, second).ravel()
    level: NDArray[np.float32] = np.multiply(second, ratio**2, dtype=np.float32).ravel()
    level += first.ravel()
    level /= np.float32(1 + ratio**2)
    with np.errstate(invalid="ignore"):  # infinities: NaN, which is left out below
        apart = np.subtract(first, second, dtype=np.float64).ravel()
        if ratio != 1:
            apart += (1 - ratio) * second.ravel()
    whole = first.dtype.kind != "f"
    top = min(saturation or np.inf, np.iinfo(first.dtype).max) if whole else saturation
    valid = np.isfinite(apart) if top is None else np.isfinite(apart) & (lower < top)
    if not valid.all():
        lower, level, apart = lower[valid], level[valid], apart[valid]
    if len(level) < fewest:
        return f"only {len(level)} pixels are valid and below saturation in both"
    # Bias drifts from frame to frame: it is no pixel noise.
    apart -= np.median(apart[:: max(1, len(apart) >> 16)])
    if not apart.any():
        return "they are equal"
    pair = Pair(lower, level, apart, ratio, quantum=step)
    return pair if pair.variance > 0 else "they are equal but for a few pixels"


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
