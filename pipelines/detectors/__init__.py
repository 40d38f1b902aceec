"""What is known of detectors: size, reference pixels, subarrays, the number of every pixel, DQ flags.

MIRI's pixel numbers are those of the MIRI Pixel Database, so that a number in an
old notebook means the same pixel here; they are arithmetic, not a table.
"""

from pipelines.detectors.geometry import GEOMETRIES, Geometry, PixelOutside
from pipelines.detectors.numbering import (
    ALL_PIXELS,
    SCIENCE_PIXELS,
    is_reference_column,
    is_refout,
    pixel_id,
    position,
    raw_position,
    refout_for,
    refout_id,
    refout_ids,
    refout_position,
    science_ids,
)
from pipelines.detectors.subarrays import COLUMNS, DETECTORS, ROWS, SUBARRAYS, Subarray, find_subarray

__all__ = [
    "ALL_PIXELS",
    "COLUMNS",
    "DETECTORS",
    "GEOMETRIES",
    "ROWS",
    "SCIENCE_PIXELS",
    "SUBARRAYS",
    "Geometry",
    "PixelOutside",
    "Subarray",
    "find_subarray",
    "is_reference_column",
    "is_refout",
    "pixel_id",
    "position",
    "raw_position",
    "refout_for",
    "refout_id",
    "refout_ids",
    "refout_position",
    "science_ids",
]
