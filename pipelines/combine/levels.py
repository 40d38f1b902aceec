"""The level of each frame against the others: what drifts from frame to frame is no pixel noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.frames import stack_of
from pipelines.combine.pairs import sample_of

#: Pixels of a frame that are looked at: its level is good to 0.3 % of the noise of one.
_PIXELS = 1 << 17
#: Less than this, in sigmas of a pixel, is not worth taking out.
_LEAST = 0.1
#: Sorted levels further apart than this, in sigmas of a pixel, are of two kinds of frames and no drift.
_GAP = 1.5


def frame_levels(frames: Sequence[Any], *, noise: float, names: Sequence[str] | None = None) -> NDArray[np.float64]:
    """Measure by how much each frame is above the mean level of all, (frames,), in their units.

    The mean difference to the first frame of what lies within 5 sigmas of its median, so that neither hot pixels
    nor cosmic rays count.

    Parameters
    ----------
    frames
        Of one shape; a sample of each is read.
    noise
        Of a sample of one frame.
    """
    stack = stack_of(frames, names=names)
    first = sample_of(stack, 0, None, pixels=_PIXELS).astype(np.float64)
    levels = np.zeros(len(stack))
    for number in range(1, len(stack)):
        apart = sample_of(stack, number, None, pixels=_PIXELS) - first
        apart = apart[np.isfinite(apart)]
        if apart.size:
            middle = np.median(apart)
            levels[number] = apart[np.abs(apart - middle) <= 5 * np.sqrt(2) * noise].mean()
    found: NDArray[np.float64] = levels - levels.mean()
    return found


def drifts(levels: NDArray[np.float64], *, noise: float) -> bool:
    """Tell whether levels drift: more than nothing, and in steps that are no second kind of frames.

    >>> drifts(np.array([-0.3, 0.0, 0.3]), noise=1.0), drifts(np.array([-3.0, 0.0, 0.1]), noise=1.0)
    (True, False)
    """
    steps = np.diff(np.sort(levels))
    return bool(np.ptp(levels) > _LEAST * noise and steps.max(initial=0.0) <= _GAP * noise)
