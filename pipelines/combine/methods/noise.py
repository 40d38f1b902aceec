"""Rejection by a noise model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.combine.errors import FramesUnfit
from pipelines.combine.methods.method import Bounds, everything
from pipelines.combine.samples import Samples

__all__ = ["NoiseClip"]


@dataclass(frozen=True, slots=True)
class NoiseClip:
    """The mean of what the noise model explains: within `sigma` times the noise of the median.

    Known noise can reject one of three, where the scatter of three cannot (Gemini's DRAGONS calls the
    idea varclip). Where an even number of samples has two middle ones that the noise does not explain
    together, the lower is the centre: cosmic rays only add. Of two samples none is rejected.
    """

    sigma: float = 4.0
    name: ClassVar[str] = "noise-model"

    def bounds(self, samples: Samples) -> Bounds:
        if samples.variance_at is None:
            raise FramesUnfit("noise-model rejection needs a noise model; measure one, or choose another method.")
        if samples.count < 3:
            return everything(samples)
        low, high = samples.middle()
        centre = low if samples.count % 2 else (low + high) / 2
        reach = self.sigma * np.sqrt(samples.variance_at(centre))
        if samples.count % 2 == 0:
            torn = np.flatnonzero(high - low > reach)
            if torn.size:
                centre[torn] = low[torn]
                reach = self.sigma * np.sqrt(samples.variance_at(centre))
        return centre - reach, centre + reach


METHODS = (NoiseClip,)
