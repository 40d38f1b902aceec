"""How often a pixel with telegraph noise goes from one of its two levels to the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Frames further apart than so many usual intervals tell nothing of what happened between them.
_PAUSE = 5.0
#: Fewest steps from frame to frame.
_FEWEST = 8
#: With no memory from frame to frame a pixel changes level in 2 f (1 - f) of all steps: it must do so less often.
_MEMORY = 0.7


def switching_rate(switches: NDArray[Any], duty: NDArray[Any], seconds: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sum of the rates up and down of pixels, 1/s; NaN where a level does not last from frame to frame.

    At two instants apart by t a pixel is at different levels with the probability ``2 f (1 - f) (1 - exp(-rate t))``,
    with the share f of time at the high one (Machlup 1954, J. Appl. Phys. 25, 341).

    Parameters
    ----------
    switches : ndarray
        How often a pixel has another level than in the frame before.
    duty : ndarray
        Fraction of frames at the high level, of the shape of `switches`.
    seconds : ndarray
        When the frames were taken, ascending, s.

    Examples
    --------
    >>> float(switching_rate(np.array([10]), np.array([0.5]), np.arange(0.0, 410.0, 10.0)).round(4)[0])
    0.0693
    """
    steps = np.diff(seconds)
    usual = float(np.median(steps)) if steps.size else 0.0
    if len(steps) < _FEWEST or usual <= 0 or np.any(steps > _PAUSE * usual):
        near = steps[(steps > 0) & (steps <= _PAUSE * usual)]
        if len(near) < max(_FEWEST, int(0.9 * len(steps))):
            return np.full(np.shape(switches), np.nan)
        steps = near
    random = 2 * duty * (1 - duty)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = switches / len(steps)
        rate = -np.log1p(-share / random) / float(steps.mean())
        known = (switches > 0) & (share < _MEMORY * random)
    return np.where(known, rate, np.nan)
