"""Reading: from a shard to the values selected, touching only the chunks that hold them.

Every chunk is checked against its crc32c before it is decoded, the chunk index against
its own, and the shard against the digest of the pixels that are wanted: a read gives what
was put or raises.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arraystore.backends.protocol import Backend, RangeReader
from arraystore.errors import ArrayDamaged, Lost
from arraystore.format.codecs import unsealed
from arraystore.format.digests import leaf_digests, pixel_digest
from arraystore.format.layouts import Layout
from arraystore.format.manifests import parse_manifest
from arraystore.format.shards import ShardIndex, longest_chunk, tail_size
from arraystore.indexes import Indexes, ShardKey
from arraystore.pieces import Piece, planned, runs
from arraystore.ref import ArrayRef
from arraystore.selections import Axis

__all__ = ["ChunkReader"]

#: Fewer bytes than this are decoded faster by one thread than handed to several.
_WORTH_THREADS = 2 * 2**20
#: Bytes of values that are decoded before they are put where they belong: they stay in the caches of a processor.
_SHARE = 4 * 2**20


class ChunkReader:
    """Reads selections of one array.

    Parameters
    ----------
    backend : Backend
        Where the bytes are.
    ref : ArrayRef
        Which array.
    layout : Layout
        Its layout.
    threads : int
        Workers for selections of many chunks.
    indexes : Indexes, optional
        The indexes that the store has read; without it, the shard's is read by each reader.
    """

    __slots__ = ("_backend", "_index", "_indexes", "_layout", "_path", "_ref", "_threads")

    def __init__(
        self, backend: Backend, ref: ArrayRef, layout: Layout, *, threads: int = 1, indexes: Indexes | None = None
    ) -> None:
        self._backend = backend
        self._ref = ref
        self._layout = layout
        self._threads = threads
        self._indexes = indexes
        self._path = f"{ref.path}/{layout.shard_key}"
        self._index: ShardIndex | None = None

    def read(self, axes: tuple[Axis, ...], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """The stored values of a selection, in natural axis order, dropped axes kept.

        Parameters
        ----------
        axes : tuple of Axis
            The selection.
        out : ndarray, optional
            Where the values go: of the shape of the selection, any strides.

        Raises
        ------
        Lost
            The shard is gone.
        ArrayDamaged
            A chunk that is needed, or the index, is not what was written.
        """
        if (zeros := self._zeros(axes, out)) is not None:
            return zeros
        try:
            with self._backend.reader(self._path) as file:
                return self._read(file, axes, out)
        except ArrayDamaged:
            if not self._forgotten():
                raise
        with self._backend.reader(self._path) as file:
            return self._read(file, axes, out)

    def _forgotten(self) -> bool:
        """Forget the index that was remembered of the shard: another may have been put in its place since."""
        with self._backend.reader(self._path) as file:
            if self._indexes is None or file.identity is None:
                return False
            self._index = None
            return self._indexes.drop(ShardKey(file.identity, self._ref.shard, self._ref.pixels))

    def steps(self, axes: tuple[Axis, ...]) -> Generator[None, None, NDArray[Any]]:
        """Read as `read` does, and stop twice, each time with the bytes that come next on their way.

        Taken in turns with the steps of other readers, a disk has all of their reads to do at once.
        """
        if (zeros := self._zeros(axes)) is not None:
            yield
            yield
            return zeros
        with self._backend.reader(self._path) as file:
            if axes and self._index is None and self._known(file) is None:
                size = tail_size(self._layout.chunks)
                file.ahead(max(0, self._ref.shard - size), size)
            yield
            if axes:
                index = self._index or self._load(file)
                for piece in planned(self._layout, axes):
                    if place := index.place(piece.number):
                        file.ahead(*place)
            yield
            return self._read(file, axes)

    def _zeros(self, axes: tuple[Axis, ...], out: NDArray[Any] | None = None) -> NDArray[Any] | None:
        """What needs no reading: an array of zeros has no file."""
        shape = tuple([axis.size for axis in axes])
        if self._ref.shard and 0 not in shape:
            return None
        if out is None:
            return np.zeros(shape, self._layout.dtype)
        out[...] = 0
        return out

    def _read(self, file: RangeReader, axes: tuple[Axis, ...], out: NDArray[Any] | None = None) -> NDArray[Any]:
        if not axes:
            return self._lone(file)
        index = self._index or self._load(file)
        pieces = planned(self._layout, axes)
        if len(pieces) == 1 and out is None:
            piece = pieces[0]
            part = self._chunk(file, index, piece)[piece.source]
            # A copy always: a view of one pixel would keep its whole chunk in memory.
            return np.array(part.transpose(self._layout.natural), order="C")
        if out is None:
            out = np.empty(tuple(axis.size for axis in axes), self._layout.dtype)
        self._fill(file, index, pieces, out.transpose(self._layout.order))
        return out

    def _fill(self, file: RangeReader, index: ShardIndex, pieces: list[Piece], out: NDArray[Any]) -> None:
        layout = self._layout
        place = self._place if layout.order == layout.natural else self._turn

        def run(some: Sequence[Piece]) -> None:
            place(file, index, some, out)

        threads = max(self._threads, self._backend.concurrency)
        nbytes = layout.chunk_size * layout.dtype.itemsize
        alone = threads < 2 or (len(pieces) * nbytes < _WORTH_THREADS and self._backend.concurrency < 2)
        most = max(1, min(_SHARE // nbytes, len(pieces) if alone else len(pieces) // (4 * threads)))
        shares = _shares(pieces, most, rows=place == self._turn)
        if alone:
            for share in shares:
                run(share)
            return
        with ThreadPoolExecutor(threads, thread_name_prefix="arraystore") as pool:
            for _ in pool.map(run, shares):
                pass

    def _place(self, file: RangeReader, index: ShardIndex, pieces: Sequence[Piece], out: NDArray[Any]) -> None:
        """Put each chunk where it belongs."""
        for piece, values in self._chunks(file, index, pieces):
            out[piece.target] = values[piece.source]

    def _turn(self, file: RangeReader, index: ShardIndex, pieces: Sequence[Piece], out: NDArray[Any]) -> None:
        """Put the chunks of one row of tiles side by side as they are stored, and turn them row by row.

        A chunk alone holds a few pixels of each row of each image: turned one by one, they cost twice as much.
        """
        rows, left, right = pieces[0].target[0], pieces[0].target[1].start, pieces[-1].target[1].stop
        slab = np.empty((rows.stop - rows.start, right - left, *out.shape[2:]), self._layout.dtype)
        for piece, values in self._chunks(file, index, pieces):
            columns = piece.target[1]
            inside = slice(columns.start - left, columns.stop - left)
            slab[(slice(None), inside, *piece.target[2:])] = values[piece.source]
        for row, line in enumerate(slab, rows.start):
            out[row, left:right] = line

    def _chunks(
        self, file: RangeReader, index: ShardIndex, pieces: Sequence[Piece]
    ) -> Iterator[tuple[Piece, NDArray[Any]]]:
        """Decode the chunks of several pieces; those that lie one after the other are read at once."""
        layout = self._layout
        for run in runs([(piece, index.place(piece.number)) for piece in pieces]):
            first, last = run[0][1], run[-1][1]
            if first is None or last is None:
                yield run[0][0], np.zeros(layout.chunk, layout.dtype)
                continue
            start = first[0]
            data = memoryview(file.read(start, last[0] + last[1] - start))
            for piece, place in run:
                if place is not None:
                    part = bytes(data[place[0] - start : place[0] - start + place[1]])
                    yield piece, self._decode(part, place[1], piece).reshape(layout.chunk)

    def _chunk(self, file: RangeReader, index: ShardIndex, piece: Piece) -> NDArray[Any]:
        layout = self._layout
        place = index.place(piece.number)
        if place is None:
            return np.zeros(layout.chunk, layout.dtype)
        return self._decode(file.read(*place), place[1], piece).reshape(layout.chunk)

    def _decode(self, data: bytes, length: int, piece: Piece) -> NDArray[Any]:
        layout = self._layout
        try:
            if len(data) != length:
                raise ArrayDamaged("the file ends before it")
            return layout.codec.decode(unsealed(data), layout.dtype, layout.chunk_size, piece.first)
        except (ArrayDamaged, ValueError, RuntimeError) as error:
            raise ArrayDamaged(
                f"chunk {piece.number} of {self._path} is damaged ({error}). Restore the file from a copy, "
                "or ingest the original again."
            ) from error

    def _lone(self, file: RangeReader) -> NDArray[Any]:
        """Read the one chunk of an array without axes, which has no shard around it."""
        data = file.read(0, 2**16)
        value = self._decode(data, len(data), Piece(0, (), (), 1)).reshape(())
        if pixel_digest((), self._ref.dtype, leaf_digests(value)) != self._ref.pixels:
            raise ArrayDamaged(f"{self._path} holds another value than the one asked for. Restore it from a copy.")
        return value

    def _load(self, file: RangeReader) -> ShardIndex:
        """Read the index: where the reference says it is, or else where the manifest does.

        The two differ only where an object was lost and its pixels were put again, and
        another version of a codec took another number of bytes for them.
        """
        if (known := self._known(file)) is not None:
            return known
        try:
            self._index = self._parse(file, self._ref.shard)
            if self._indexes is not None and file.identity is not None:
                self._indexes.put(ShardKey(file.identity, self._ref.shard, self._ref.pixels), self._index)
        except ArrayDamaged:
            shard = self._recorded()
            if shard is None:
                raise
            self._index = self._parse(file, shard)
        return self._index

    def _known(self, file: RangeReader) -> ShardIndex | None:
        """Return the index, if it was read of this very file before."""
        if self._indexes is None or (identity := file.identity) is None:
            return None
        self._index = self._indexes.get(ShardKey(identity, self._ref.shard, self._ref.pixels))
        return self._index

    def _parse(self, file: RangeReader, shard: int) -> ShardIndex:
        chunks = self._layout.chunks
        size = tail_size(chunks)
        tail = file.read(max(0, shard - size), size)
        return ShardIndex.parse(
            tail,
            chunks=chunks,
            shard=shard,
            pixels=self._ref.pixels,
            where=self._path,
            longest=longest_chunk(self._layout.chunk_size * self._layout.dtype.itemsize),
        )

    def _recorded(self) -> int | None:
        """Bytes of the shard by the manifest, if it says otherwise than the reference."""
        try:
            manifest = parse_manifest(self._backend.read(f"{self._ref.path}/manifest.json"))
        except (Lost, ArrayDamaged):
            return None
        known = manifest.digest == self._ref.digest and manifest.shard != self._ref.shard
        return manifest.shard if known else None


def _shares(pieces: list[Piece], most: int, *, rows: bool) -> Iterator[list[Piece]]:
    """Cut the chunks of a selection into shares of about `most`; with `rows`, each of tiles of one row of them."""
    share: list[Piece] = []
    for piece in pieces:
        full = len(share) >= most
        if share and rows:
            full = piece.target[0] != share[0].target[0] or (full and piece.target[1] != share[-1].target[1])
        if full:
            yield share
            share = []
        share.append(piece)
    if share:
        yield share
