"""Clipping by a robust width: the median absolute deviation, or the distance of two percentiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.combine.errors import FramesUnfit
from pipelines.combine.methods.method import MAD_TO_SIGMA, Bounds
from pipelines.combine.samples import Samples

__all__ = ["MadClip", "PercentileClip"]


@dataclass(frozen=True, slots=True)
class MadClip:
    """What is beyond `sigma` times 1.4826 median absolute deviations of the median, once."""

    sigma: float = 3.0
    name: ClassVar[str] = "mad-clip"

    def bounds(self, samples: Samples) -> Bounds:
        from pipelines.combine.network import sort_rows

        median = samples.median()
        deviations = np.empty((samples.count, len(median)))
        for out, row in zip(deviations, samples.rows, strict=True):
            np.abs(np.subtract(row, median, out=out), out=out)
        reach = self.sigma * MAD_TO_SIGMA * Samples(sort_rows(deviations)).median()
        return median - reach, median + reach


@dataclass(frozen=True, slots=True)
class PercentileClip:
    """What is beyond `sigma` times half the distance of two percentiles of the median, once.

    With 16 and 84 per cent and 2.1 sigma it is what KPF stacks with.
    """

    sigma: float = 3.0
    low: float = 15.865525393145708
    high: float = 84.13447460685429
    name: ClassVar[str] = "percentile"

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 100:
            raise FramesUnfit(f"percentiles must ascend within 0 to 100: {self.low}, {self.high}.")

    def bounds(self, samples: Samples) -> Bounds:
        median = samples.median()
        width = (samples.quantile(self.high / 100) - samples.quantile(self.low / 100)) / 2
        return median - self.sigma * width, median + self.sigma * width


METHODS = (
    MadClip,
    PercentileClip,
)
