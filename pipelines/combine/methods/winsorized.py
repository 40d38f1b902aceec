"""Sigma clipping by winsorized samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.combine.methods.method import Bounds
from pipelines.combine.samples import Samples

__all__ = ["WinsorizedClip"]


@dataclass(frozen=True, slots=True)
class WinsorizedClip:
    """Sigma clipping about the median with the standard deviation of winsorized samples.

    Samples beyond 1.5 sigma of the median are moved there, and sigma is 1.134 times the standard
    deviation of the result, until it changes by less than 0.05 % (Huber's proposal, as in Siril and
    PixInsight).
    """

    sigma: float = 3.0
    rounds: int = 20
    name: ClassVar[str] = "winsorized"

    def bounds(self, samples: Samples) -> Bounds:
        median = samples.median()
        width = np.sqrt(samples.moments[1] / max(1, samples.count - 1))
        pixels = np.arange(len(median))
        chosen = samples.of(pixels)
        for _ in range(self.rounds):
            centre, reach = median[pixels], 1.5 * width[pixels]
            moved = np.clip(chosen, centre - reach, centre + reach)
            _, squares = Samples(list(moved)).moments
            narrower = 1.134 * np.sqrt(squares / max(1, samples.count - 1))
            changing = np.abs(narrower - width[pixels]) > 0.0005 * width[pixels]
            width[pixels] = narrower
            pixels, chosen = pixels[changing], chosen[:, changing]
            if not pixels.size:
                break
        return median - self.sigma * width, median + self.sigma * width


METHODS = (WinsorizedClip,)
