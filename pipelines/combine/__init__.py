"""Combining a stack of frames: statistics pixel by pixel, rejection that knows the noise, bounded memory.

>>> import numpy as np
>>> from pipelines.combine import NoiseModel, combine
>>> frames = np.full((3, 4, 5), 1000, "uint16")
>>> frames[1, 2, 3] = 9000  # a cosmic ray
>>> made = combine(frames, noise=NoiseModel(read_noise=10.0))
>>> float(made.value[2, 3]), int(made.count[2, 3]), round(float(made.rejection_power[0, 0]))
(1000.0, 2, 46)
"""

from pipelines.combine.errors import FramesUnfit, FrameUnreadable
from pipelines.combine.levels import drifts, frame_levels
from pipelines.combine.methods import (
    METHODS,
    FractionClip,
    MadClip,
    Mean,
    Median,
    Method,
    MinMax,
    NoiseClip,
    PercentileClip,
    SigmaClip,
    WinsorizedClip,
    describe,
    method_named,
)
from pipelines.combine.noise import NoiseModel, measure_noise
from pipelines.combine.result import DQ, PLANES, Combined
from pipelines.combine.saturation import pile_up, saturation_of
from pipelines.combine.stack import combine

__all__ = [
    "DQ",
    "METHODS",
    "PLANES",
    "Combined",
    "FractionClip",
    "FrameUnreadable",
    "FramesUnfit",
    "MadClip",
    "Mean",
    "Median",
    "Method",
    "MinMax",
    "NoiseClip",
    "NoiseModel",
    "PercentileClip",
    "SigmaClip",
    "WinsorizedClip",
    "combine",
    "describe",
    "drifts",
    "frame_levels",
    "measure_noise",
    "method_named",
    "pile_up",
    "saturation_of",
]
