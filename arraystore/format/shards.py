"""Shard tail: where in its one file each chunk of an array lies, and whose file it is.

The index is as the Zarr v3 codec ``sharding_indexed`` defines it, at the end of the
file: for each chunk, in C order of the grid, offset and length as little-endian uint64,
both 2**64 - 1 for a chunk that is all fill value; then the crc32c of that table. Just
before it stand the 32 bytes of the pixel digest, in a place no chunk refers to: Zarr
readers pass over them, and a sound shard that belongs to another array is known by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arraystore.errors import ArrayDamaged
from arraystore.format.codecs import checksum

__all__ = ["EMPTY", "ShardIndex", "longest_chunk", "tail_bytes", "tail_size"]

EMPTY = 2**64 - 1


def longest_chunk(nbytes: int) -> int:
    """Most bytes that a chunk of `nbytes` bytes of values takes in a shard, whatever the codec.

    The codecs in use add less than a hundredth to what cannot be compressed, and some hundred bytes.
    """
    return nbytes + nbytes // 8 + 2**12


def tail_size(chunks: int) -> int:
    """Bytes of digest and index of a shard of so many chunks."""
    return 32 + 16 * chunks + 4


def tail_bytes(table: NDArray[np.uint64], pixels: str) -> bytes:
    """The tail of a shard with this table, (chunks, 2), that holds these pixels."""
    body = table.astype("<u8").tobytes()
    return bytes.fromhex(pixels) + body + checksum(body).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The table of a shard.

    Attributes
    ----------
    table : ndarray of uint64, (chunks, 2)
        Offset and length of each chunk.
    limit : int
        Where the chunks end.
    where : str
        The place, for the message of an error.
    longest : int
        Bytes that a chunk may have: what a shard claims of a chunk is believed no further than its layout allows.
    """

    table: NDArray[np.uint64]
    limit: int
    where: str
    longest: int

    @classmethod
    def parse(cls, tail: bytes, *, chunks: int, shard: int, pixels: str, where: str, longest: int) -> ShardIndex:
        """Read the tail of a shard, and hold it against what is known of the array.

        Parameters
        ----------
        tail : bytes
            The last bytes of the shard.
        chunks, shard : int
            Chunks in the array, bytes of the shard.
        pixels : str
            Digest of the pixels that are wanted.
        where : str
            The place, for the message of an error.
        longest : int
            Bytes that a chunk of this layout may have, see `longest_chunk`.

        Raises
        ------
        ArrayDamaged
            It is not what was written, or belongs to another array.
        """
        body = tail[32:-4]
        if len(tail) != tail_size(chunks) or checksum(body) != int.from_bytes(tail[-4:], "little"):
            raise ArrayDamaged(f"the chunk index of {where} is damaged. Restore the file from a copy.")
        if tail[:32].hex() != pixels:
            raise ArrayDamaged(f"{where} holds another array than the one asked for. Restore it from a copy.")
        table: NDArray[Any] = np.frombuffer(body, "<u8").reshape(-1, 2)
        return cls(table, shard - len(tail), where, longest)

    def place(self, number: int) -> tuple[int, int] | None:
        """Offset and length of a chunk; None if all of it is zero."""
        offset, length = self.table[number].tolist()
        if offset == EMPTY == length:
            return None
        if offset + length > self.limit:
            raise ArrayDamaged(f"the chunk index of {self.where} points outside the file. Restore it from a copy.")
        if length > self.longest:
            raise ArrayDamaged(
                f"chunk {number} of {self.where} claims {length:,} bytes, and has no more than {self.longest:,} by its "
                "layout. Restore the file from a copy."
            )
        return offset, length
