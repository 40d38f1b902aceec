"""A file on its way into a bucket."""

from __future__ import annotations

from typing import Any

from arraystore.backends.buckets import Bucket, translated
from arraystore.errors import InvalidArray, Lost

__all__ = ["Upload"]

#: Smaller files go to their place at once; larger ones are staged while they are written.
_PART = 8 * 2**20
#: What services copy in one request.
_MAX_COPY = 5 * 2**30


class Upload:
    """A file on its way: in memory as long as it is small, then in parts to its staging key."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._held = bytearray()
        self._writer: Any = None
        self._size = 0
        self._last = b""

    def write(self, data: bytes, /) -> None:
        self._size += len(data)
        self._last = data
        with translated("write", f"{self._bucket.url}/{self._key}"):
            if self._writer is not None:
                self._writer.write(data)
                return
            self._held += data
            if len(self._held) > _PART:
                self._writer = self._bucket.writer(self._key)
                self._writer.write(bytes(self._held))
                self._held.clear()

    def close(self) -> None:
        """Send what is left."""
        if self._writer is not None:
            with translated("write", f"{self._bucket.url}/{self._key}"):
                self._writer.close()

    def data(self) -> bytes:
        """A small file's bytes."""
        return bytes(self._held)

    def place(self, path: str) -> None:
        """Bring the file to its key."""
        if self._writer is None:
            self._bucket.put(path, self.data())
            return
        if self._size > _MAX_COPY:
            raise InvalidArray(
                f"{self._size} bytes are more than object stores copy at once, {_MAX_COPY}. Store the array in "
                "parts along its first axis."
            )
        self._bucket.copy(self._key, path)

    def is_at(self, path: str) -> bool:
        """Whether this file is there: its end, where a shard has its index, and nothing beyond."""
        try:
            return self._bucket.read(path, self._size - len(self._last), len(self._last) + 1) == self._last
        except Lost:
            return False

    def discard(self) -> None:
        """Remove what was staged."""
        if self._writer is not None:
            self._bucket.delete(self._key)
