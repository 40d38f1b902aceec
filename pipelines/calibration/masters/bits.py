"""Bits that masters add to the ``dq`` of combining, and which pixels are of no use."""

from enum import IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MasterDQ", "bad_pixels"]


class MasterDQ(IntFlag):
    """Bits of a master's ``dq`` plane above those of `pipelines.combine.result.DQ`, which are 1 to 8."""

    #: A flat has too little light here to divide by.
    LOW_LIGHT = 16
    #: Far more dark current than the frame has.
    HOT = 32
    #: Hardly any response to light.
    DEAD = 64
    #: Its values scatter more from frame to frame than noise explains.
    UNSTABLE = 128
    #: So many pixels of its column are bad that the column is.
    BAD_COLUMN = 256


_USABLE = 2 | 4  # SATURATED and NO_REJECTION_POWER: doubtful, and there all the same


def bad_pixels(dq: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell which pixels have a flag that makes them of no use, (y, x)."""
    bad: npt.NDArray[np.bool_] = (dq & ~np.asarray(_USABLE, dq.dtype)) != 0
    return bad
