"""What of a file is neither header nor pixels, as one array of bytes."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.fits.source import ByteSource

__all__ = ["Residue"]


class Residue:
    """Ranges of a file laid end to end; an array of bytes read a band at a time."""

    def __init__(self, source: ByteSource, ranges: list[tuple[int, int]]) -> None:
        self._source = source
        self._ranges = ranges
        self._starts = [0, *accumulate(count for _, count in ranges)]

    @property
    def shape(self) -> tuple[int]:
        """The number of bytes."""
        return (self._starts[-1],)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return bytes `start` to `stop`.

        Raises
        ------
        IndexError
            Bytes that are not there.
        FitsError
            ``truncated`` or ``unreadable``, when the file changes or fails meanwhile.
        """
        if not 0 <= start <= stop <= self._starts[-1]:
            raise IndexError(f"bytes {start} to {stop} of {self._starts[-1]}")
        out = np.empty(stop - start, np.uint8)
        view = out.data
        done = 0
        number = bisect_right(self._starts, start) - 1
        while done < len(out):
            offset, count = self._ranges[number]
            inside = start + done - self._starts[number]
            take = min(count - inside, len(out) - done)
            self._source.fill(offset + inside, view[done : done + take])
            done += take
            number += 1
        return out
