"""Finding pixels among all of a detector: by flag, by value, by change between two dates, by telegraph noise."""

from pipelines.pixels.search.flags import FlagCounts, flagged_ramps, pixels_with
from pipelines.pixels.search.ramps import ramp_telegraph
from pipelines.pixels.search.result import FoundPixels, Map
from pipelines.pixels.search.search import above, changed, telegraph
from pipelines.pixels.search.stacks import NoExposures

__all__ = [
    "FlagCounts",
    "FoundPixels",
    "Map",
    "NoExposures",
    "above",
    "changed",
    "flagged_ramps",
    "pixels_with",
    "ramp_telegraph",
    "telegraph",
]
