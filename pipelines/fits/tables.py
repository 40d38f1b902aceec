"""Small binary tables, such as the times of integrations, as numpy records; large ones stay bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.fits.source import ByteSource

LARGEST = 16 << 20
"""Bytes of a table that is read whole."""


class Table:
    """The rows of a binary table, read when they are asked for."""

    def __init__(self, source: ByteSource, start: int, size: int, header: bytes) -> None:
        self._source, self._start, self._size, self._header = source, start, size, header

    def read(self) -> npt.NDArray[Any] | None:
        """Return the rows as a structured array; None for a table above `LARGEST` or one that astropy cannot read."""
        if self._size > LARGEST:
            return None
        from astropy.io import fits

        data = self._source.read(self._start, self._size)
        try:
            table = fits.BinTableHDU.fromstring(self._header + data)
            return np.asarray(table.data)
        except (OSError, ValueError, TypeError, KeyError, IndexError):  # what astropy raises of a malformed table
            return None
