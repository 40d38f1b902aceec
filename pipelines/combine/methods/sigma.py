"""Sigma clipping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.combine.errors import FramesUnfit
from pipelines.combine.methods.method import Bounds
from pipelines.combine.samples import Samples, kept_median, kept_moments

__all__ = ["SigmaClip"]


@dataclass(frozen=True, slots=True)
class SigmaClip:
    """Sigma clipping: again and again what is beyond `sigma` standard deviations of the centre.

    The same samples as `astropy.stats.sigma_clip` with the same parameters. Of fewer than 8 samples it
    can reject nothing at 3 sigma about the median, of fewer than 11 about the mean.

    Parameters
    ----------
    sigma : float
        Bound in standard deviations (ddof 0).
    iterations : int or None
        At most so many; None until nothing changes.
    center : {'median', 'mean'}
        What deviations are taken from.
    """

    sigma: float = 3.0
    iterations: int | None = 5
    center: str = "median"
    name: ClassVar[str] = "sigma-clip"

    def __post_init__(self) -> None:
        if self.center not in ("median", "mean"):
            raise FramesUnfit(f"sigma clipping is about the 'median' or the 'mean', not about {self.center!r}.")
        if self.iterations is not None and self.iterations < 1:
            raise FramesUnfit("sigma clipping takes one iteration at least.")

    def bounds(self, samples: Samples) -> Bounds:
        mean, squares = samples.moments
        centre = samples.median() if self.center == "median" else mean
        reach = self.sigma * np.sqrt(squares / samples.count)
        low, high = centre - reach, centre + reach
        pixels = np.flatnonzero((samples.rows[0] < low) | (samples.rows[-1] > high))
        chosen = samples.of(pixels)
        keep = (chosen >= low[pixels]) & (chosen <= high[pixels])
        done = 1
        while pixels.size and (self.iterations is None or done < self.iterations):
            count, mean, squares = kept_moments(chosen, keep)
            centre = kept_median(chosen, keep) if self.center == "median" else mean
            reach = self.sigma * np.sqrt(squares / count)
            low[pixels], high[pixels] = centre - reach, centre + reach
            keep &= (chosen >= low[pixels]) & (chosen <= high[pixels])
            left = keep.sum(axis=0)
            changed = (left < count) & (left > 0)
            pixels, chosen, keep = pixels[changed], chosen[:, changed], keep[:, changed]
            done += 1
        return low, high


METHODS = (SigmaClip,)
