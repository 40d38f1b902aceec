"""Overscan: the level that a camera adds to every pixel of a frame, read where no light falls."""

import re

import numpy as np

from pipelines.calibration.masters.frames import Masked, Plane
from pipelines.errors import UsageError

__all__ = ["overscan_level"]

Section = tuple[slice, slice]

_SECTION = re.compile(r"\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]")


def overscan_level(frame: Plane | Masked, section: str) -> float:
    """Mean of the overscan of a frame, of what lies within 5 robust sigmas (MAD) of its median.

    Parameters
    ----------
    frame : Plane or Masked
        The frame as it was read.
    section : str
        The value of BIASSEC: ``[x1:x2,y1:y2]``, from 1, both ends included (the IRAF convention).

    Raises
    ------
    UsageError
        That is no section of this frame, or no pixel of it is valid.
    """
    rows, columns = section_of(section, frame.shape)
    values = np.ma.compressed(frame.read(rows.start, rows.stop)[:, columns]).astype(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        raise UsageError(f"the overscan {section} has no valid pixel")
    apart = np.abs(values - np.median(values))
    # Whole numbers can have a MAD of 0: one unit is always within reach.
    return float(values[apart <= 5 * 1.482602218505602 * np.median(apart) + 1].mean())


def section_of(text: str, shape: tuple[int, ...]) -> Section:
    """Read a section: the rows and the columns.

    Raises
    ------
    UsageError
        It is none, or reaches beyond the frame.
    """
    found = _SECTION.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"the overscan {text!r:.60} is no section; BIASSEC is written [x1:x2,y1:y2]")
    left, right, low, high = map(int, found.groups())
    if not (1 <= left <= right <= shape[1] and 1 <= low <= high <= shape[0]):
        raise UsageError(f"the overscan {text} is no part of a frame of {shape[1]} x {shape[0]} pixels")
    return slice(low - 1, high), slice(left - 1, right)
