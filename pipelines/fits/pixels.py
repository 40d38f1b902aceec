"""Pixels of an image, read a band of rows at a time, as numbers of this machine."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.fits.source import ByteSource

__all__ = ["FitsPixels", "FlatImage", "encode", "native"]

# A pread costs about as much as copying this many bytes.
_WORTH_A_READ = 1 << 14
_BUFFER = 1 << 23

_TOP_BIT = {
    "uint16": ("int16", "uint16", 1 << 15),
    "uint32": ("int32", "uint32", 1 << 31),
    "uint64": ("int64", "uint64", 1 << 63),
    "int8": ("uint8", "uint8", 1 << 7),
}
"""Kept dtype -> dtype in the file, the same bits unsigned, and the bit that BZERO turns over."""


class FitsPixels(Protocol):
    """An array that is read a band of rows at a time.

    Attributes
    ----------
    shape
        Its axes.
    dtype
        Of this machine's byte order.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its type, native."""

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows `start` to `stop` along the last axis but one (1-D: elements)."""


def native(raw: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Turn big-endian elements as they lie in the file into `dtype`, in place.

    Parameters
    ----------
    raw
        Contiguous bytes of elements in file order, read into an array of `dtype`'s
        size; overwritten.
    dtype
        The dtype kept: for the unsigned conventions BZERO is applied exactly.
    """
    if raw.dtype.itemsize > 1 and np.little_endian:
        raw.view(f"u{raw.dtype.itemsize}").byteswap(inplace=True)
    if dtype.name in _TOP_BIT:
        _, unsigned, bit = _TOP_BIT[dtype.name]
        bits = raw.view(unsigned)
        bits ^= np.array(bit, unsigned)
    return raw.view(dtype)


def encode(values: NDArray[Any], dtype: np.dtype[Any]) -> memoryview:
    """Return `values`, kept as `dtype`, as the bytes of the file, in an array of its own: the inverse of `native`."""
    array = np.array(values, dtype=dtype, order="C", copy=True)
    bits = array.view(f"u{dtype.itemsize}")
    if dtype.name in _TOP_BIT:
        bits ^= np.array(_TOP_BIT[dtype.name][2], bits.dtype)
    if np.little_endian and dtype.itemsize > 1:
        bits.byteswap(inplace=True)
    return array.reshape(-1).view(np.uint8).data


class FlatImage:
    """The uncompressed pixels of an image HDU; safe to read from several threads."""

    def __init__(self, source: ByteSource, offset: int, shape: tuple[int, ...], dtype: str) -> None:
        self._source = source
        self._offset = offset
        self._shape = shape
        self._dtype = np.dtype(dtype)

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
            ``truncated`` or ``unreadable``, when the file changes or fails meanwhile.
        """
        axis = max(0, len(self._shape) - 2)
        if not 0 <= start <= stop <= self._shape[axis]:
            raise IndexError(f"rows {start} to {stop} of {self._shape[axis]}")
        out = np.empty((*self._shape[:axis], stop - start, *self._shape[axis + 1 :]), self._dtype)
        if out.size:
            self._fill(out, axis, start, stop)
        return native(out, self._dtype)

    def _fill(self, out: NDArray[Any], axis: int, start: int, stop: int) -> None:
        """Read the raw bytes of the rows of every plane into `out`."""
        row = self._dtype.itemsize * math.prod(self._shape[axis + 1 :])
        plane = row * self._shape[axis]
        planes = math.prod(self._shape[:axis])
        band = row * (stop - start)
        target = out.view(np.uint8).reshape(-1).data
        if band == plane:
            self._source.fill(self._offset, target)
        elif plane - band >= _WORTH_A_READ or plane > _BUFFER:
            for number in range(planes):
                at = self._offset + number * plane + start * row
                self._source.fill(at, target[number * band : (number + 1) * band])
        else:
            self._fill_through_buffer(np.frombuffer(target, np.uint8).reshape(planes, band), plane, start * row)

    def _fill_through_buffer(self, out: NDArray[np.uint8], plane: int, skip: int) -> None:
        """Read small planes many at a time, and copy the rows out of them."""
        planes, band = out.shape
        step = max(1, _BUFFER // plane)
        buffer = np.empty((min(step, planes), plane), np.uint8)
        for first in range(0, planes, step):
            count = min(step, planes - first)
            self._source.fill(self._offset + first * plane, buffer[:count].reshape(-1).data)
            out[first : first + count] = buffer[:count, skip : skip + band]
