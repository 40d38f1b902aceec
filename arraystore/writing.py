"""Writing: pixels to a whole shard in one pass over bands, by several threads.

Each band of rows is read once. A worker digests its leaves, brings each chunk into
stored order, compresses and seals it; finished bands are appended in order. At most
`threads` + 1 bands are held, so memory does not grow with the array.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arraystore.backends.protocol import StagedFile, Staging
from arraystore.errors import InvalidArray
from arraystore.format.codecs import Encode, sealed
from arraystore.format.digests import leaf_digests, leaf_rows, pixel_digest
from arraystore.format.layouts import Layout
from arraystore.format.shards import EMPTY, tail_bytes
from arraystore.format.zeros import is_zero
from arraystore.sources import PixelSource

__all__ = ["Written", "write_shard"]

#: A worker is given at least this many bytes at a time, where the array has them.
_BAND_BYTES = 2 * 2**20
#: No band may be larger: one band a worker is what a put needs in memory.
_MAX_BAND_BYTES = 2**30
#: Bands that are compressed as one chunk of the first of them is compressed best.
_TRIED = 4


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the digest of the pixels, and the size and sha256 of the shard.

    `size` is 0, and there is no file, where every byte of the array is zero.
    """

    pixels: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Band:
    leaves: list[bytes]
    chunks: list[tuple[int, bytes]]


def band_rows(layout: Layout) -> int:
    """Rows of a band: whole chunks, whole digest leaves, and enough to keep a worker busy."""
    axis = layout.row_axis
    rows = leaf_rows(len(layout.shape))
    if layout.shape:
        rows = math.lcm(rows, layout.chunk[layout.order.index(axis)])
    per_row = max(1, layout.nbytes // max(1, layout.shape[axis] if layout.shape else 1))
    total = layout.shape[axis] if layout.shape else 1
    if per_row * min(rows, total) > _MAX_BAND_BYTES:
        raise InvalidArray(
            f"{rows} rows of an array of shape {layout.shape} take {per_row * rows} bytes, over the cap of "
            f"{_MAX_BAND_BYTES}. Store it in parts along its first axis."
        )
    return rows * max(1, _BAND_BYTES // (rows * per_row))


def chunk_rows(layout: Layout) -> int:
    """Rows of a band to be read: whole chunks, so that each is decoded once, and enough to keep a worker busy."""
    if not layout.shape:
        return 1
    rows = layout.chunk[layout.order.index(layout.row_axis)]
    per_row = max(1, layout.nbytes // max(1, layout.shape[layout.row_axis]))
    return rows * max(1, _BAND_BYTES // (rows * per_row))


def write_shard(
    source: PixelSource,
    layout: Layout,
    staging: Staging,
    *,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Write `source` as one shard into `staging`.

    Parameters
    ----------
    source : PixelSource
        The pixels, read once, from the first row to the last, by the calling thread.
    layout : Layout
        The layout of the array.
    staging : Staging
        Where the shard is created, under ``layout.shard_key``.
    threads : int
        Workers.
    progress : callable, optional
        Called with the bytes of pixels done after each band.
    """
    leaves: list[bytes] = []
    with ExitStack() as closing:
        shard = _Shard(layout, staging, closing)
        for band, nbytes in _bands(source, layout, threads):
            leaves += band.leaves
            shard.append(band.chunks)
            if progress is not None:
                progress(nbytes)
        pixels = pixel_digest(layout.shape, layout.dtype.name, leaves)
        shard.finish(pixels)
    return Written(pixels, shard.size, shard.sha256.hexdigest())


class _Shard:
    """The shard file being written; created with its first chunk."""

    def __init__(self, layout: Layout, staging: Staging, closing: ExitStack) -> None:
        self._layout = layout
        self._staging = staging
        self._closing = closing
        self._table = np.full((layout.chunks, 2), EMPTY, "<u8")
        self._file: StagedFile | None = None
        self.sha256 = hashlib.sha256()
        self.size = 0

    def append(self, chunks: list[tuple[int, bytes]]) -> None:
        """Write the chunks of a band one after the other."""
        offset = self.size
        for number, data in chunks:
            self._table[number] = offset, len(data)
            offset += len(data)
        if chunks:
            self._write(b"".join(data for _, data in chunks))

    def finish(self, pixels: str) -> None:
        """Write the index, if there is anything for it to point at."""
        if self.size and self._layout.shape:
            self._write(tail_bytes(self._table, pixels))

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._closing.enter_context(self._staging.create(self._layout.shard_key))
        self._file.write(data)
        self.sha256.update(data)
        self.size += len(data)


def _bands(source: PixelSource, layout: Layout, threads: int) -> Iterator[tuple[_Band, int]]:
    """Yield encoded bands in order, with the bytes of pixels in each."""
    rows = band_rows(layout)
    total = layout.shape[layout.row_axis] if layout.shape else 1
    starts = range(0, total, rows)
    encoders = _Encoders(layout)
    if threads < 2 or len(starts) < 2:
        for start in starts:
            pixels = _read(source, layout, start, min(total, start + rows))
            yield _encode(pixels, layout, start, encoders.of(pixels)), pixels.nbytes
        return
    waiting: deque[tuple[Future[_Band], int]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="arraystore") as pool:
        try:
            for start in starts:
                pixels = _read(source, layout, start, min(total, start + rows))
                waiting.append((pool.submit(_encode, pixels, layout, start, encoders.of(pixels)), pixels.nbytes))
                del pixels
                if len(waiting) > threads:
                    done, nbytes = waiting.popleft()
                    yield done.result(), nbytes
            while waiting:
                done, nbytes = waiting.popleft()
                yield done.result(), nbytes
        finally:
            for future, _ in waiting:
                future.cancel()


class _Encoders:
    """How the bands of an array are compressed: tried on one chunk of every `_TRIED`-th, for it and those that follow.

    Asked band after band by one thread, so that the same pixels always become the same bytes.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._left = 0
        self._encode: Encode | None = None

    def of(self, pixels: NDArray[Any]) -> Encode | None:
        """Return what the next band is compressed with; None where it is to be tried in the band."""
        layout = self._layout
        if self._left == 0 and layout.shape and pixels.size:
            stored = pixels.transpose(layout.order)
            middle = tuple(-(-n // c) // 2 for n, c in zip(stored.shape, layout.chunk, strict=True))
            sample = _cut(stored, layout.chunk, middle).astype(layout.dtype, copy=False)
            if is_zero(sample):
                return None  # nothing is learned from it
            self._encode, self._left = layout.codec.encoder(sample), _TRIED
        self._left -= 1
        return self._encode


def _read(source: PixelSource, layout: Layout, start: int, stop: int) -> NDArray[Any]:
    band = np.asarray(source.read(start, stop))
    expected = list(layout.shape)
    if expected:
        expected[layout.row_axis] = stop - start
    if band.shape != tuple(expected) or band.dtype.newbyteorder("<") != layout.dtype:
        raise InvalidArray(
            f"the source gave {band.dtype}{list(band.shape)} for rows {start} to {stop}, "
            f"where {layout.dtype.name}{expected} was expected."
        )
    return band


def _encode(pixels: NDArray[Any], layout: Layout, start: int, encode: Encode | None) -> _Band:
    """Digest a band and encode its chunks."""
    # Contiguous first: rows that lie a plane apart fall on the same few cache lines.
    band = np.ascontiguousarray(pixels, layout.dtype).reshape(pixels.shape)
    leaves = leaf_digests(band)
    if is_zero(band):
        return _Band(leaves, [])
    chunks = [(number, chunk) for number, chunk in _chunks(band, layout, start) if not is_zero(chunk)]
    if not chunks:
        return _Band(leaves, [])
    encode = encode or layout.codec.encoder(chunks[len(chunks) // 2][1])
    return _Band(leaves, [(number, sealed(encode(chunk))) for number, chunk in chunks])


def _chunks(band: NDArray[Any], layout: Layout, start: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Number and contents, flat and in stored order, of each chunk of a band of rows."""
    if not layout.shape:
        yield 0, band.reshape(1)
        return
    stored = band.transpose(layout.order)
    axis = layout.order.index(layout.row_axis)
    first = start // layout.chunk[axis] * layout.strides[axis]
    counts = [-(-n // c) for n, c in zip(stored.shape, layout.chunk, strict=True)]
    for place in itertools.product(*map(range, counts)):
        number = first + sum(p * s for p, s in zip(place, layout.strides, strict=True))
        yield number, _cut(stored, layout.chunk, place)


def _cut(stored: NDArray[Any], shape: tuple[int, ...], place: tuple[int, ...]) -> NDArray[Any]:
    """One chunk, flat and contiguous; what lies outside the array is zero."""
    part = stored[tuple(slice(p * c, (p + 1) * c) for p, c in zip(place, shape, strict=True))]
    if part.shape == shape:
        return np.ascontiguousarray(part).reshape(-1)
    chunk = np.zeros(shape, stored.dtype)
    chunk[tuple(slice(0, n) for n in part.shape)] = part
    return chunk.reshape(-1)
