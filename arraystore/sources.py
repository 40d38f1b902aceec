"""Where pixels come from: arrays in memory, or anything that can be read in bands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from arraystore.errors import InvalidArray
from arraystore.ref import MAX_NBYTES, MAX_NDIM

__all__ = ["MemorySource", "PixelSource", "as_source", "check_dtype", "stored_dtype"]

#: Names of the types that can be stored: numpy's names, which are also Zarr v3's.
DTYPES = frozenset(
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]
)


@runtime_checkable
class PixelSource(Protocol):
    """An array that is read in bands, so that it need never be in memory whole.

    `read(start, stop)` gives rows `start` to `stop` along axis -2 (of a 1-D array,
    elements along axis 0), with every other axis complete.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def read(self, start: int, stop: int) -> NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class MemorySource:
    """An array that is in memory (or memory-mapped) already."""

    array: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows of the array; no copy is made."""
        if self.array.ndim < 2:
            return self.array[start:stop] if self.array.ndim else self.array
        return self.array[..., start:stop, :]


def check_dtype(dtype: np.dtype[Any]) -> str:
    """Name of `dtype`, whatever its byte order; `InvalidArray` if it cannot be stored."""
    name = dtype.newbyteorder("=").name
    if name not in DTYPES or dtype.fields is not None or dtype.subdtype is not None:
        raise InvalidArray(
            f"arrays of type {dtype!s:.80} cannot be stored: only booleans, integers up to 64 bit, "
            "and floats and complex numbers of 16 to 64 bit a part can."
        )
    return name


def stored_dtype(name: str) -> np.dtype[Any]:
    """Return the little-endian type of the stored bytes."""
    if name not in DTYPES:
        raise InvalidArray(f"{name!r:.40} is not a type that can be stored.")
    return np.dtype(name).newbyteorder("<")


def as_source(pixels: object) -> PixelSource:
    """See `pixels` as a source, after checking its type and size.

    Raises
    ------
    InvalidArray
        It is no array, its type cannot be stored (objects, text, records), it has too
        many axes or it is over the cap; nothing has been read or allocated by then.
    """
    if isinstance(pixels, np.ma.MaskedArray):
        raise InvalidArray("masked arrays cannot be stored: fill the mask, and store it as a second array.")
    source: PixelSource
    if isinstance(pixels, np.ndarray | np.generic):
        source = MemorySource(np.asarray(pixels))
    elif isinstance(pixels, PixelSource):
        source = pixels
    else:
        raise InvalidArray(f"{type(pixels).__name__} is neither a numpy array nor a pixel source (shape, dtype, read).")
    check_dtype(np.dtype(source.dtype))
    shape = tuple(source.shape)
    if len(shape) > MAX_NDIM:
        raise InvalidArray(f"an array of {len(shape)} axes cannot be stored: the most is {MAX_NDIM}.")
    nbytes = math.prod(shape) * np.dtype(source.dtype).itemsize
    if nbytes > MAX_NBYTES:
        raise InvalidArray(f"an array of {nbytes} bytes is over the cap of {MAX_NBYTES}; store it in parts.")
    return source
