"""ZScale: the limits between which a picture is drawn.

The rule of IRAF's display (Tody 1986, SPIE 627, 733): sort a sample of the pixels, fit a line through it, leave out
what is far from the line, and widen the slope of the middle by the contrast. Astropy has it too, and importing
astropy's takes longer than everything else a picture needs; the tests hold this one to it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["limits"]

CONTRAST = 0.25
SAMPLE = 1000
"""Pixels that are looked at, spread evenly over the image."""

LEAST_LEFT = 0.5
"""Of the sample: if the line leaves out more, the limits are the lowest and the highest value."""

FAR, ROUNDS = 2.5, 5


def limits(values: npt.NDArray[Any], *, contrast: float = CONTRAST) -> tuple[float, float] | None:
    """Return the limits of an image.

    Parameters
    ----------
    values : ndarray
        Of any shape; what is not finite does not count.
    contrast : float
        Above 0; smaller is wider.

    Returns
    -------
    (float, float) or None
        The values drawn black and white; None where there is no finite value. They are equal in an image
        of one value.

    Examples
    --------
    >>> limits(np.full((4, 4), np.nan)) is None
    True
    >>> limits(np.arange(100.0).reshape(10, 10))
    (0.0, 99.0)
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    step = int(max(1.0, finite.size / SAMPLE))
    sample = np.sort(finite[::step][:SAMPLE]).astype(float)
    count = sample.size
    low, high = float(sample[0]), float(sample[-1])
    place = np.arange(count, dtype=float)
    kept = np.ones(count, bool)
    slope = 0.0
    least = max(5, int(count * LEAST_LEFT))
    before = count + 1
    for _ in range(ROUNDS):
        left = int(kept.sum())
        if left >= before or left < least:
            break
        slope, start = np.polyfit(place[kept], sample[kept], 1)
        away = sample - (slope * place + start)
        near = np.abs(away) <= FAR * away[kept].std()
        # A neighbour of what is far away is left out too.
        edge = np.convolve(~near | ~kept, np.ones(max(1, int(count * 0.01)), int), mode="same") > 0
        before, kept = left, ~edge
    if int(kept.sum()) < least:
        return low, high
    middle, centre = (count - 1) // 2, float(np.median(sample))
    black, white = max(low, centre - middle * slope / contrast), min(high, centre + (count - middle) * slope / contrast)
    return (black, white) if white > black else (low, high)
