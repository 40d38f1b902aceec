"""Layouts: how each kind of array is cut, ordered and compressed. The one table of it.

Why the numbers are what they are (measured on MIRI and CCD data, two cores; codecs beside each other are in
``tests/benchmarks/FIGURES.md``):

* Ramps are asked for one pixel through all groups far more often than for one group
  image, and neighbours in time differ by noise alone while neighbours in space differ by
  a hundred times that. So a ramp is stored pixel-major, (y, x, integration, group), and
  the chunk of a small tile holds every group: first differences along it are all noise.
* pcodec stores those differences within a few per cent of their entropy: 2.6-3.1 times
  smaller than raw uint16, twice smaller than FITS RICE_1, and decodes about 1 GB/s a core.
  Delta and blosc write two to three times faster and lose 5-25 % of size; made as small
  (by an offset that keeps the high byte of a difference quiet) they decode three times
  slower, and for floats they would rest on how numcodecs casts. An archive is written once.
* How hard pcodec tries, and by which differences, is chosen by the pixels while they are written
  (`arraystore.format.codecs`): it is no part of a layout, and of no concern to a reader. Where
  the slopes of pixels differ, second differences keep a raw ramp 2.1 times smaller at any spread.
* A tile of 16 x 24 pixels divides the 1024 x 1032 detector and its subarrays' rows: the
  chunk of a pixel is some 30 kB and decodes in 0.05 ms. Wider axes are cut into equal
  tiles, so that padding stays under one row of them.
* Flags are nearly all zero: zstd 1 takes them to a few kilobytes, and a chunk of zeros
  is not stored at all.

A layout that has been released is never changed: a new version is added beside it and
`CURRENT` moves, so that everything ever written can be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from arraystore.errors import InvalidArray, InvalidRef, StoreTooNew
from arraystore.format.codecs import Codec, Effort, Pcodec, Plain, Zstd
from arraystore.sources import stored_dtype

__all__ = ["CURRENT", "KINDS", "Kind", "Layout", "layout_for", "layout_named"]


@dataclass(frozen=True)  # no slots: what follows from the shape is worked out once
class Layout:
    """A layout resolved for one shape and type.

    Attributes
    ----------
    name : str
        Name and version, e.g. ``'ramp/1'``.
    shape, dtype : tuple of int, numpy.dtype
        Of the array in its natural order; the type is little-endian.
    order : tuple of int
        Natural axis of each stored axis.
    chunk : tuple of int
        Shape of an inner chunk in stored order.
    codec : Codec
        How a chunk is compressed.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: tuple[int, ...]
    chunk: tuple[int, ...]
    codec: Codec

    @cached_property
    def stored_shape(self) -> tuple[int, ...]:
        """The shape in stored order."""
        return tuple(self.shape[axis] for axis in self.order)

    @cached_property
    def grid(self) -> tuple[int, ...]:
        """Chunks along each stored axis."""
        return tuple(max(1, -(-n // c)) for n, c in zip(self.stored_shape, self.chunk, strict=True))

    @cached_property
    def chunks(self) -> int:
        """Chunks in the array."""
        return math.prod(self.grid)

    @cached_property
    def chunk_size(self) -> int:
        """Elements in a chunk."""
        return math.prod(self.chunk)

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """By how much the number of a chunk grows along each stored axis."""
        return tuple(math.prod(self.grid[n + 1 :]) for n in range(len(self.grid)))

    @cached_property
    def plans(self) -> dict[Any, Any]:
        """What reading has worked out for selections of arrays of this layout; see `arraystore.reading`."""
        return {}

    @cached_property
    def natural(self) -> tuple[int, ...]:
        """Stored axis of each natural axis."""
        return tuple(self.order.index(n) for n in range(len(self.order)))

    @cached_property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return math.prod(self.shape) * self.dtype.itemsize

    @cached_property
    def row_axis(self) -> int:
        """The natural axis along which the array is written in bands."""
        return max(0, len(self.shape) - 2)

    @cached_property
    def dims(self) -> tuple[str, ...]:
        """Names of the natural axes."""
        return dimension_names(self.name.partition("/")[0], len(self.shape))

    @cached_property
    def shard_key(self) -> str:
        """Name of the one shard file."""
        return ".".join(["c", *("0" for _ in self.shape)])

    @cached_property
    def quicklook(self) -> Layout | None:
        """Layout of the picture that is kept beside a big ramp; None for any other array."""
        if not self.name.startswith("ramp/") or self.nbytes < _BIG or 0 in self.shape:
            return None
        shape = self.shape[-2:]
        return _natural("quicklook/1", shape, self.dtype, (128, shape[1]), 1, Plain())

    def document(self) -> dict[str, Any]:
        """The layout as a plain document; part of an object's identity."""
        document = self._document()
        if self.quicklook is not None:
            document["quicklook"] = self.quicklook._document()
        return document

    def _document(self) -> dict[str, Any]:
        return {
            "layout": self.name,
            "dtype": self.dtype.name,
            "shape": list(self.shape),
            "order": list(self.order),
            "chunk": list(self.chunk),
            "codecs": self.codec.documents(self.dtype.itemsize),
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """What an array of one kind may be, and which layout it is given."""

    layout: str
    ndims: tuple[int, ...]
    text: str


#: What an array can be. The layout is named without its version: `CURRENT` has that.
KINDS: dict[str, Kind] = {
    "ramp": Kind("ramp", (3, 4), "groups, (integration, group, y, x), raw or calibrated"),
    "groupdq": Kind("flags-ramp", (3, 4), "flags of each group, (integration, group, y, x)"),
    "rates": Kind("ramp", (3,), "slopes of one window stacked along time, (time, y, x)"),
    "rates-dq": Kind("flags-ramp", (3,), "flags of slopes stacked along time, (time, y, x)"),
    "slope": Kind("plane", (2, 3), "slopes and their variances, (integration, y, x)"),
    "plane": Kind("plane", (2, 3), "images, (y, x) or (integration, y, x)"),
    "dq": Kind("flags", (2, 3), "flags, (y, x) or (integration, y, x)"),
    "frame": Kind("frame", (2,), "a picture, (y, x)"),
    "master": Kind("frame", (2, 3), "a combined picture, its variance or count"),
    "bytes": Kind("bytes", (1,), "bytes that are no pixels"),
    "array": Kind("array", tuple(range(9)), "anything else"),
}

CURRENT: dict[str, str] = {
    name: f"{name}/1" for name in ("ramp", "flags-ramp", "plane", "flags", "frame", "bytes", "array")
}

#: Ramps of this many bytes and more have a quick look, one group as it is: any codec takes longer
#: to decode it than FITS takes to read it. It adds a hundredth to the size of a MIRI exposure.
_BIG = 2**27

#: Samples of one pixel that share a chunk: more would make a single pixel dear.
_SAMPLES = 256


def _even(length: int, target: int) -> int:
    """The tile that cuts `length` into equal parts of at most `target`."""
    parts = max(1, -(-length // target))
    return max(1, -(-length // parts))


def _rows(length: int, target: int) -> int:
    """Rows of a tile: `target`, a power of two, so that tiles and digest leaves align."""
    return target if length > target else max(1, length)


def _numbers(dtype: np.dtype[Any], integers: Codec, floats: Codec) -> Codec:
    """Choose by type: pcodec where it knows the type, zstd for bytes, booleans and complex numbers."""
    if dtype.kind in "iu" and dtype.itemsize > 1:
        return integers
    return floats if dtype.kind == "f" else Zstd(3)


def _pixel_major(
    name: str, shape: tuple[int, ...], dtype: np.dtype[Any], tile: tuple[int, int], codec: Codec
) -> Layout:
    *leading, y, x = shape
    samples = _SAMPLES
    chunk: list[int] = []
    for length in reversed(leading):
        chunk.insert(0, _even(length, max(1, samples)))
        samples //= max(1, chunk[0])
    order = (len(leading), len(leading) + 1, *range(len(leading)))
    tiles = (_rows(y, tile[0]), _even(x, tile[1]))
    return Layout(name, shape, dtype, order, (*tiles, *chunk), codec)


def _natural(
    name: str, shape: tuple[int, ...], dtype: np.dtype[Any], tile: tuple[int, int], depth: int, codec: Codec
) -> Layout:
    """Axes as they are: `tile` over the last two, and up to `depth` of the one before."""
    chunk = [1] * len(shape)
    if len(shape) == 1:
        chunk[0] = _rows(shape[0], 2**20 // dtype.itemsize)
    if len(shape) >= 2:
        chunk[-2:] = _rows(shape[-2], tile[0]), _even(shape[-1], tile[1])
    if len(shape) >= 3:
        chunk[-3] = _even(shape[-3], depth)
    return Layout(name, shape, dtype, tuple(range(len(shape))), tuple(chunk), codec)


_Build = Callable[[tuple[int, ...], np.dtype[Any]], Layout]

#: Along time; without differences where a detector has no fixed pattern to take away.
_TIME = Pcodec((Effort(8, 1), Effort(8, 0)), further=True)
#: Level 6 takes a third less time and one per cent more bytes; whole numbers gain from level 8.
_TIME_FLOATS = Pcodec((Effort(6, 1), Effort(8, 1), Effort(8, 0)), further=True)
#: Across a picture: noise has no use for differences, a smooth picture has. Level 8 saves one or two per cent.
_SPACE = Pcodec((Effort(6, 0), Effort(6, 1)), further=True)
_SPACE_FLOATS = Pcodec((Effort(6, 0), Effort(6, 1), Effort(8, 0)))
#: Of any origin: integers and decimal fractions in disguise are looked for.
_ANY_FLOATS = Pcodec((Effort(8, 0), Effort(8, 1)), "auto")

_TABLE: dict[str, _Build] = {
    "ramp/1": lambda s, t: _pixel_major("ramp/1", s, t, (16, 24), _numbers(t, _TIME, _TIME_FLOATS)),
    "flags-ramp/1": lambda s, t: _pixel_major("flags-ramp/1", s, t, (32, 43), Zstd(1)),
    "plane/1": lambda s, t: _natural("plane/1", s, t, (64, 86), 16, _numbers(t, _SPACE, _SPACE_FLOATS)),
    "flags/1": lambda s, t: _natural("flags/1", s, t, (128, 129), 16, Zstd(1)),
    "frame/1": lambda s, t: _natural("frame/1", s, t, (64, 1024), 1, _numbers(t, _SPACE, _ANY_FLOATS)),
    "bytes/1": lambda s, t: _natural("bytes/1", s, t, (1, 1), 1, Zstd(3)),
    "array/1": lambda s, t: _natural("array/1", s, t, (64, 256), 8, _numbers(t, _SPACE, _ANY_FLOATS)),
}


def dimension_names(layout: str, ndim: int) -> tuple[str, ...]:
    """Names of the natural axes of an array with this layout."""
    if layout == "bytes":
        return ("byte",)
    if layout == "array":
        return tuple(f"axis{n}" for n in range(ndim))
    leading = ("integration", "group") if layout.endswith("ramp") else ("integration",)
    return (*leading[len(leading) - (ndim - 2) :], "y", "x") if ndim > 2 else ("y", "x")


def layout_for(kind: str, shape: tuple[int, ...], dtype: str) -> Layout:
    """The layout an array of this kind is written with.

    Raises
    ------
    InvalidArray
        No such kind, or arrays of this kind do not have this many axes.
    """
    if kind not in KINDS:
        raise InvalidArray(f"there is no kind of array called {kind!r:.40}; there are {', '.join(KINDS)}.")
    wanted = KINDS[kind]
    if len(shape) not in wanted.ndims:
        raise InvalidArray(
            f"an array of kind {kind!r} is {wanted.text}; this one has {len(shape)} axes, {shape}. "
            "Store it with kind='array', or reshape it."
        )
    return layout_named(CURRENT[wanted.layout], shape, dtype)


@lru_cache(maxsize=1024)
def layout_named(name: str, shape: tuple[int, ...], dtype: str) -> Layout:
    """The layout of this name and version for one shape and type.

    Raises
    ------
    StoreTooNew
        The version is unknown here.
    InvalidRef
        The name is unknown, or does not go with the shape.
    """
    if name not in _TABLE:
        stem, _, version = name.partition("/")
        if stem in CURRENT and version.isdecimal():
            raise StoreTooNew(f"an array has the layout {name}, made by a later release: upgrade to read it.")
        raise InvalidRef(f"there is no layout called {name!r:.40}.")
    stem = name.partition("/")[0]
    ndims = {n for kind in KINDS.values() if kind.layout == stem for n in kind.ndims}
    if len(shape) not in ndims:
        raise InvalidRef(f"the layout {name} does not go with an array of shape {shape}.")
    return _TABLE[name](shape, stored_dtype(dtype))
