"""Pixels of tile-compressed images (FITS 4.0 section 10.1), decompressed by astropy.

What the header and the tiles ask for is checked first: a few kilobytes may declare an
image of a hundred gigabytes.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.fits.cards import Value
from pipelines.fits.errors import FitsError
from pipelines.fits.limits import BLOCK, CARD, Limits
from pipelines.fits.pixels import native
from pipelines.fits.plan import Span
from pipelines.fits.source import ByteSource
from pipelines.fits.structure import Structure
from pipelines.fits.tiletable import TileTable
from pipelines.fits.trial import try_image

__all__ = ["TiledImage"]

_EMPTY_PRIMARY = b"".join(
    card.ljust(CARD)
    for card in (
        b"SIMPLE  =                    T",
        b"BITPIX  =                    8",
        b"NAXIS   =                    0",
        b"EXTEND  =                    T",
        b"END",
    )
).ljust(BLOCK)


class TiledImage:
    """The pixels of a tile-compressed image, decompressed a band of rows at a time.

    Parameters
    ----------
    source, span
        Where the HDU is.
    structure, header
        What its cards say.
    limits
        How much to believe.
    tried
        The image has been decompressed before without a crash.

    Raises
    ------
    FitsError
        ``too-large``, ``bad-structure`` or ``bad-compression``.
    """

    def __init__(
        self,
        source: ByteSource,
        span: Span,
        structure: Structure,
        header: Mapping[str, Value],
        limits: Limits,
        *,
        tried: bool = False,
    ) -> None:
        self._source = source
        self._span = span
        self._shape = structure.shape
        self._dtype = np.dtype(structure.dtype)
        self._section: Any = None
        self._turn = Lock()  # astropy reads with a cursor: one thread at a time
        size = math.prod(self._shape) * self._dtype.itemsize
        allowed = limits.expansion(span.size)
        if size > allowed:
            raise FitsError(
                "too-large",
                f"{span.size:,} compressed bytes would become {size:,}, over the {allowed:,} they may",
                "if it is genuine, raise Limits(ratio=...)",
            )
        self._table = TileTable(source, span, header, self._shape, limits)
        self._tried = tried or header.get("ZCMPTYPE") != "HCOMPRESS_1"

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes, in numpy order."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype kept, native."""
        return self._dtype

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows `start` to `stop` along the last axis but one (1-D: elements).

        Raises
        ------
        IndexError
            Rows that are not there.
        FitsError
            ``bad-compression``, or what reading the file raises.
        """
        axis = max(0, len(self._shape) - 2)
        if not 0 <= start <= stop <= self._shape[axis]:
            raise IndexError(f"rows {start} to {stop} of {self._shape[axis]}")
        expected = (*self._shape[:axis], stop - start, *self._shape[axis + 1 :])
        if start == stop:
            return np.empty(expected, self._dtype)
        with self._turn:
            self._table.check(start, stop)
            if not self._tried:
                try_image(self._source, self._span, math.prod(self._shape) * self._dtype.itemsize)
                self._tried = True
            data = self._decompress((slice(None),) * axis + (slice(start, stop),))
        if data.shape != expected or data.dtype.itemsize != self._dtype.itemsize:
            raise _damaged(f"it gave {data.dtype} {data.shape}, not {self._dtype} {expected}")
        raw = data.astype(data.dtype.newbyteorder(">"), order="C", copy=True)
        return native(raw.view(raw.dtype.newbyteorder("=")), self._dtype)

    def _decompress(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return part of the image as its integers or reals are, not scaled."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if self._section is None:
                    self._section = self._open()
                return np.asarray(self._section[index])
        except FitsError:
            raise
        except Exception as error:  # the C decompressors' own error derives from nothing narrower
            raise _damaged(f"{type(error).__name__}: {error}") from error

    def _open(self) -> Any:
        from astropy.io import fits

        window = io.BufferedReader(_Window(self._source, self._span))
        hdus = fits.open(window, memmap=False, do_not_scale_image_data=True)
        return hdus[1].section


def _damaged(what: str) -> FitsError:
    return FitsError(
        "bad-compression",
        f"the tile-compressed image cannot be decompressed ({what})",
        "the file is damaged; copy it again from where it came",
    )


class _Window(io.RawIOBase):
    """One HDU of a file behind an empty primary HDU, as a file of its own."""

    def __init__(self, source: ByteSource, span: Span) -> None:
        super().__init__()
        self.name = "<tile-compressed image>"
        self.mode = "rb"
        self._source = source
        self._start = span.header
        self._size = len(_EMPTY_PRIMARY) + span.data - span.header + -(-span.size // BLOCK) * BLOCK
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = (0, self._position, self._size)[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        if self._position < len(_EMPTY_PRIMARY):
            data = _EMPTY_PRIMARY[self._position : self._position + len(view)]
        else:
            count = max(0, min(len(view), self._size - self._position))
            data = self._source.read(self._start + self._position - len(_EMPTY_PRIMARY), count)
            data = data.ljust(count, b"\0")  # the padding a file may lack at its end
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
