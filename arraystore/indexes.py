"""Indexes: where the chunks of shards lie, remembered from one question to the next.

Of one pixel in a hundred exposures most bytes read are those of the indexes. A shard never changes, and
one that did, by an accident, is told by the identity of its file: its index is then read again.
"""

from __future__ import annotations

from typing import NamedTuple

from arraystore.format.shards import ShardIndex

__all__ = ["Indexes", "ShardKey"]

#: Bytes of indexes that are remembered: those of 1,500 full frames.
_MOST = 64 * 2**20


class ShardKey(NamedTuple):
    """A shard as it was when its index was read: the identity of the file, its bytes, and whose pixels it has."""

    identity: tuple[int, ...]
    shard: int
    pixels: str


class Indexes:
    """The indexes that a store has read."""

    __slots__ = ("_kept", "_nbytes")

    def __init__(self) -> None:
        self._kept: dict[ShardKey, ShardIndex] = {}
        self._nbytes = 0

    def get(self, key: ShardKey) -> ShardIndex | None:
        """Return an index that was read of just this file."""
        return self._kept.get(key)

    def put(self, key: ShardKey, index: ShardIndex) -> None:
        """Remember an index; when there are too many, all are forgotten."""
        if self._nbytes + index.table.nbytes > _MOST:
            self._kept, self._nbytes = {}, 0
        self._kept[key] = index
        self._nbytes += index.table.nbytes

    def drop(self, key: ShardKey) -> bool:
        """Forget an index; tell whether it was remembered."""
        known = self._kept.pop(key, None)
        self._nbytes -= 0 if known is None else known.table.nbytes
        return known is not None
