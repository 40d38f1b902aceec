"""Finding pixels among all of a detector: by flag, by value, by change between two dates, by telegraph noise."""

from pipelines.miri.finding.flags import FlagCounts, flagged_ramps, pixels_with
from pipelines.miri.finding.found import Found, Map
from pipelines.miri.finding.search import above, changed, telegraph
from pipelines.miri.finding.stacks import NoExposures

__all__ = ["FlagCounts", "Found", "Map", "NoExposures", "above", "changed", "flagged_ramps", "pixels_with", "telegraph"]
