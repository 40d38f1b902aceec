"""A FITS file made again from its parts, byte for byte."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.fits.cards import first_values, read_cards
from pipelines.fits.headers import end_of
from pipelines.fits.pixels import FitsPixels, encode
from pipelines.fits.structure import examine

__all__ = ["Banded", "rebuild_file", "write_file"]

_CHUNK = 1 << 20
_WHOLE = 64 << 20  # bytes of pixels that are read whole: bands of a small image cost more than they save


class Banded(Protocol):
    """Pixels that are read a band of rows at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes, in numpy order."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values as they are kept."""

    @property
    def nbytes(self) -> int:
        """Bytes of all of them."""

    def bands(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield which rows (along the last axis but one; 1-D: elements), and their values over every other axis."""

    def __getitem__(self, key: Any, /) -> Any:
        """The values of a selection."""


def write_file(
    out: BinaryIO,
    document_parts: Iterable[Mapping[str, int]],
    header_blocks: Sequence[bytes],
    pixels: Callable[[int], NDArray[Any] | Banded],
    residue: bytes | bytearray | memoryview | NDArray[np.uint8] | FitsPixels = b"",
) -> int:
    """Write a file from its parts into an empty one, in bounded memory; return its bytes.

    A band of rows belongs to many places of the file, one in each plane: each piece is written where it belongs.

    Parameters
    ----------
    out
        Open for writing, and seekable.
    document_parts, header_blocks, pixels, residue
        As of `rebuild_file`; pixels may also be `Banded`.

    Raises
    ------
    ValueError
        Parts that do not belong together.
    """
    at = 0
    parts = list(document_parts)
    pieces = _Bytes(residue)
    for part in parts:
        ((kind, number),) = part.items()
        if kind != "pixels":
            for piece in _other_bytes(kind, number, header_blocks, pieces):
                at += out.write(piece)
            continue
        source = pixels(number)
        if isinstance(source, np.ndarray) or source.nbytes <= _WHOLE:
            for piece in _pixel_bytes(number, header_blocks[number], source[...]):
                at += out.write(piece)
            continue
        _require_shape(number, header_blocks[number], source.shape, source.dtype)
        _scatter(out, at, source)
        at += source.nbytes
        out.seek(at)
    pieces.finish()
    return at


def _scatter(out: BinaryIO, at: int, source: Banded) -> None:
    """Write bands of rows where they belong in each plane."""
    axis = max(0, len(source.shape) - 2)
    row = source.dtype.itemsize * math.prod(source.shape[axis + 1 :])
    plane = row * source.shape[axis]
    for rows, values in source.bands():
        band = encode(values, source.dtype)
        size = row * (rows.stop - rows.start)
        for number in range(len(band) // size):
            out.seek(at + number * plane + rows.start * row)
            out.write(band[number * size : (number + 1) * size])


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
        if kind == "pixels":
            yield from _pixel_bytes(number, header_blocks[number], pixels(number))
        else:
            yield from _other_bytes(kind, number, header_blocks, kept)
    kept.finish()


def _other_bytes(kind: str, number: int, header_blocks: Sequence[bytes], kept: _Bytes) -> Iterator[bytes]:
    """Yield the bytes of a part that is no pixels."""
    if kind == "cards":
        yield bytes(header_blocks[number])
    elif kind == "residue":
        yield from kept.take(number)
    elif kind == "zeros":
        yield from _zeros(number)
    else:
        raise ValueError(f"a file has no part of kind {kind!r}")


def _pixel_bytes(index: int, block: bytes, array: NDArray[Any]) -> Iterator[bytes]:
    """Yield the pixels of one HDU as they lay in the file."""
    dtype = _require_shape(index, block, array.shape, array.dtype)
    flat = np.ascontiguousarray(array).reshape(-1)
    step = _CHUNK // dtype.itemsize
    for start in range(0, flat.size, step):
        yield bytes(encode(flat[start : start + step], dtype))


def _require_shape(index: int, block: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Refuse pixels that are not those of the header; return their type."""
    cards = read_cards(block[: end_of(block)])
    structure = examine(index, cards, first_values(cards))
    if shape != structure.shape or dtype.name != structure.dtype:
        raise ValueError(
            f"the pixels of HDU {index} are {dtype.name} {shape}, its header says {structure.dtype} {structure.shape}"
        )
    return dtype


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
