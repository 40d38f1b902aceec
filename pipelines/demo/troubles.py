"""Troubles of a night that leave good FITS files of bad frames: stray light, a warm sensor, one frame twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.demo.cameras import Plane

TROUBLES = ("light-leak", "warm", "duplicate")
"""Light leaks into a dark; a dark is taken before the sensor is cold; a dark is written under two names."""

_LEAK = 12.0  # ADU / s at the edge where light comes in
_DEPTH = 0.3  # of the width, by which stray light falls to 1 / e
_WARMER = 7.0  # degrees
_WHICH = 13  # of a camera's darks, from 0: one of the longest exposures


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What befalls one exposure.

    Attributes
    ----------
    trouble
        One of `TROUBLES`, or None.
    stray
        Light that should not be there, ADU / s, (rows, columns).
    warmer
        Degrees by which the sensor is too warm.
    twice
        Whether the frame is written again under another exposure number.
    """

    trouble: str | None = None
    stray: Plane | None = None
    warmer: float = 0.0
    twice: bool = False


CALM = Circumstances()


def circumstances(
    troubles: Sequence[str], index: int, units: int, kind: str, darks: int, shape: tuple[int, int]
) -> Circumstances:
    """Tell what befalls an exposure.

    Parameters
    ----------
    troubles
        Of the night.
    index, units
        Which camera of how many.
    kind, darks
        Kind of the exposure, and how many darks the camera has taken before.
    shape
        Rows and columns.
    """
    mine = [trouble for place, trouble in enumerate(TROUBLES) if place % units == index and trouble in troubles]
    if kind != "dark" or not mine or not 0 <= _WHICH - darks < len(mine):
        return CALM
    trouble = mine[_WHICH - darks]
    if trouble == "light-leak":
        columns = np.arange(shape[1], dtype=np.float32)
        across = np.float32(_LEAK) * np.exp(-columns / np.float32(_DEPTH * shape[1]))
        return Circumstances(trouble, stray=np.broadcast_to(across, shape))
    return Circumstances(trouble, warmer=_WARMER if trouble == "warm" else 0.0, twice=trouble == "duplicate")
