"""A FITS file made again from its parts, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.fits.cards import first_values, read_cards
from pipelines.fits.headers import end_of
from pipelines.fits.pixels import FitsPixels, encode
from pipelines.fits.structure import examine

__all__ = ["rebuild_file"]

_CHUNK = 1 << 20


def rebuild_file(
    document_parts: Iterable[Mapping[str, int]],
    header_blocks: Sequence[bytes],
    pixels: Callable[[int], NDArray[Any]],
    residue: bytes | bytearray | memoryview | NDArray[np.uint8] | FitsPixels = b"",
) -> Iterator[bytes]:
    """Yield the bytes of a file from its parts, in pieces of about a megabyte.

    Parameters
    ----------
    document_parts
        What :meth:`FitsFile.parts` returned.
    header_blocks
        What :meth:`FitsFile.cards_blocks` returned.
    pixels
        Gives the kept pixels of HDU `i`, as its `Hdu.pixels` gave them: not scaled, of the
        same shape and dtype.
    residue
        The bytes of :meth:`FitsFile.residue`, or an array of them that is read by bands.

    Yields
    ------
    bytes
        The file, from its beginning.

    Raises
    ------
    ValueError
        Parts that do not belong together.
    """
    kept = _Bytes(residue)
    for part in document_parts:
        ((kind, number),) = part.items()
        if kind == "cards":
            yield bytes(header_blocks[number])
        elif kind == "pixels":
            yield from _pixel_bytes(number, header_blocks[number], pixels(number))
        elif kind == "residue":
            yield from kept.take(number)
        elif kind == "zeros":
            yield from _zeros(number)
        else:
            raise ValueError(f"a file has no part of kind {kind!r}")
    kept.finish()


def _pixel_bytes(index: int, block: bytes, array: NDArray[Any]) -> Iterator[bytes]:
    """Yield the pixels of one HDU as they lay in the file."""
    cards = read_cards(block[: end_of(block)])
    structure = examine(index, cards, first_values(cards))
    if array.shape != structure.shape or array.dtype.name != structure.dtype:
        raise ValueError(
            f"the pixels of HDU {index} are {array.dtype.name} {array.shape},"
            f" its header says {structure.dtype} {structure.shape}"
        )
    flat = np.ascontiguousarray(array).reshape(-1)
    dtype = np.dtype(structure.dtype)
    step = _CHUNK // dtype.itemsize
    for start in range(0, flat.size, step):
        yield encode(flat[start : start + step], dtype)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, _CHUNK))
        count -= _CHUNK


class _Bytes:
    """The residue, taken from its beginning."""

    def __init__(self, data: bytes | bytearray | memoryview | NDArray[np.uint8] | FitsPixels) -> None:
        self._source: FitsPixels | None = None
        self._view = memoryview(b"")
        if isinstance(data, np.ndarray):
            data = data.data
        if isinstance(data, bytes | bytearray | memoryview):
            self._view = memoryview(data).cast("B")
            self._length = len(self._view)
        else:
            self._source = data
            self._length = data.shape[0]
        self._position = 0

    def take(self, count: int) -> Iterator[bytes]:
        if self._position + count > self._length:
            raise ValueError(f"the residue has {self._length:,} bytes, more are asked for")
        stop = self._position + count
        while self._position < stop:
            upto = min(stop, self._position + _CHUNK)
            if self._source is not None:
                yield self._source.read(self._position, upto).tobytes()
            else:
                yield bytes(self._view[self._position : upto])
            self._position = upto

    def finish(self) -> None:
        if self._position != self._length:
            raise ValueError(f"the residue has {self._length:,} bytes, {self._position:,} were asked for")
