"""Clipping by a fraction of the value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipelines.combine.methods.method import Bounds
from pipelines.combine.samples import Samples

__all__ = ["FractionClip"]


@dataclass(frozen=True, slots=True)
class FractionClip:
    """What is further from the median than a fraction of it; Siril's and PixInsight's percentile clip."""

    low: float = 0.2
    high: float = 0.1
    name: ClassVar[str] = "fraction"

    def bounds(self, samples: Samples) -> Bounds:
        median = samples.median()
        size = np.abs(median)
        return median - self.low * size, median + self.high * size

    def fraction(self, count: int) -> float:
        return self.high if count > 2 else math.inf


METHODS = (FractionClip,)
