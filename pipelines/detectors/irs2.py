"""IRS2 readout of NIRSpec: which of the 3200 rows of a raw frame are pixels, and which are references.

In the orientation of the science frame a raw frame has 640 rows of the reference output, then four outputs of 640 rows
each: 512 rows of pixels with 4 rows of reference pixels after the first 8 and then after every 16 (NRS_NORM = 16,
NRS_REF = 4). NRS2 is read from the other side: its rows run the other way. Source: the JWST pipeline's description of
the format; compared with ``jwst.ipc.x_irs2`` in the tests.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

OUTPUTS = 4
ROWS = 2048
"""Rows of pixels."""

Rows = npt.NDArray[np.intp]


def raw_rows(norm: int = 16, reference: int = 4) -> int:
    """Return how many rows a raw frame has: 3200 with the usual 16 and 4."""
    return (OUTPUTS + 1) * _output(norm, reference)


def science_rows(detector: str, norm: int = 16, reference: int = 4) -> Rows:
    """Return the raw row, from 0, of each of the 2048 rows of pixels.

    Parameters
    ----------
    detector
        ``NRS1`` or ``NRS2``.
    norm, reference
        NRS_NORM and NRS_REF.

    Examples
    --------
    >>> science_rows("NRS1")[[0, 7, 8, 23, 24]].tolist()
    [640, 647, 652, 667, 672]
    """
    place = np.arange(_output(norm, reference))
    pixel = (place - norm // 2) % (norm + reference) >= reference
    pixel[: norm // 2] = True
    output = np.flatnonzero(pixel)
    rows: Rows = np.concatenate([output + n * place.size for n in range(1, OUTPUTS + 1)])
    return rows if detector == "NRS1" else raw_rows(norm, reference) - 1 - rows[::-1]


def reference_rows(detector: str, norm: int = 16, reference: int = 4) -> Rows:
    """Return the raw rows, from 0, that hold no pixels: the reference output and the reference pixels, in order."""
    return np.setdiff1d(np.arange(raw_rows(norm, reference)), science_rows(detector, norm, reference))


def _output(norm: int, reference: int) -> int:
    """Rows of one output."""
    return ROWS // OUTPUTS + ROWS // OUTPUTS // norm * reference
