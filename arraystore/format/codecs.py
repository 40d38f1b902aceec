"""Chunk codecs: what turns the bytes of one chunk into what is stored, and back.

Each codec writes and reads exactly what the Zarr v3 codecs it names do, called directly:
the route through zarr's event loop costs more than the decoding of a small chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import google_crc32c
import numpy as np
from numcodecs import zstd
from numpy.typing import NDArray
from pcodec import ChunkConfig, DeltaSpec, ModeSpec, PagingSpec, standalone

from arraystore.errors import ArrayDamaged

__all__ = ["Buffer", "Codec", "Effort", "Pcodec", "Plain", "Zstd", "checksum", "sealed", "unsealed"]


#: What is read: bytes, or a part of what was read together.
Buffer = bytes | memoryview
Encode = Callable[[NDArray[Any]], bytes]


class Codec(Protocol):
    """One way to store a chunk."""

    def encoder(self, sample: NDArray[Any]) -> Encode:
        """How to compress flat, contiguous, little-endian chunks that are like `sample`."""

    def decode(self, data: Buffer, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        """Return back the `size` elements of a chunk."""

    def documents(self, itemsize: int) -> list[dict[str, Any]]:
        """Describe the codecs as a Zarr v3 metadata document does."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard pcodec tries: compression level, and order of the differences along the chunk."""

    level: int
    delta: int


@dataclass(frozen=True, slots=True)
class Pcodec:
    """Numbers by pcodec, as ``numcodecs.pcodec`` stores them.

    What a chunk was compressed with does not matter to whoever reads it, so it is chosen by
    trying: `efforts` are tried on one chunk of each band, from the quickest on, and a slower
    one is taken only where it saves `_WORTH` of the bytes. That costs less than pcodec's own
    search, which is made anew for every chunk. `mode` "auto" lets pcodec look for integers
    and decimal fractions among floats; "classic" does not.
    """

    efforts: tuple[Effort, ...]
    mode: str = "classic"

    def encoder(self, sample: NDArray[Any]) -> Encode:
        """How to compress chunks like `sample`, by what pays on it."""
        best = _compress(self.efforts[0], self.mode)
        if len(self.efforts) > 1:
            least = len(best(sample))
            for effort in self.efforts[1:]:
                other = _compress(effort, self.mode)
                size = len(other(sample))
                if size < least * (1 - _WORTH):
                    best, least = other, size
        return best

    def decode(self, data: Buffer, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        """Return back the `size` elements of a chunk."""
        out = np.empty(size, dtype)
        progress = standalone.simple_decompress_into(bytes(data), out)
        if progress.n_processed != size or not progress.finished:
            raise ArrayDamaged(f"a chunk holds {progress.n_processed} values where {size} are expected.")
        return out

    def documents(self, itemsize: int) -> list[dict[str, Any]]:
        """Describe the codec, with what a stock writer would use."""
        configuration = {"level": 8, "mode_spec": self.mode, "delta_spec": "auto"}
        return [{"name": "numcodecs.pcodec", "configuration": configuration}]


#: Part of the bytes that a slower way to compress must save to be taken.
_WORTH = 0.03


@lru_cache(maxsize=32)
def _compress(effort: Effort, mode: str) -> Encode:
    config = ChunkConfig(
        compression_level=effort.level,
        delta_spec=DeltaSpec.try_consecutive(effort.delta),
        mode_spec=ModeSpec.auto() if mode == "auto" else ModeSpec.classic(),
        paging_spec=PagingSpec.equal_pages_up_to(262144),
    )
    return lambda chunk: bytes(standalone.simple_compress(chunk, config))


@dataclass(frozen=True, slots=True)
class Zstd:
    """Bytes by Zstandard, as Zarr's own ``zstd`` stores them."""

    level: int = 1

    def encoder(self, sample: NDArray[Any]) -> Encode:
        """How to compress any chunk."""
        return lambda chunk: bytes(zstd.compress(chunk.view("u1"), self.level))

    def decode(self, data: Buffer, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        """Return back the `size` elements of a chunk."""
        out = np.empty(size, dtype)
        zstd.decompress(data, out.view("u1"))
        return out

    def documents(self, itemsize: int) -> list[dict[str, Any]]:
        """Describe the byte order and the codec."""
        order: dict[str, Any] = {"name": "bytes"}
        if itemsize > 1:
            order["configuration"] = {"endian": "little"}
        return [order, {"name": "zstd", "configuration": {"level": self.level, "checksum": False}}]


@dataclass(frozen=True, slots=True)
class Plain:
    """Bytes as they are, as Zarr's own ``bytes`` stores them."""

    def encoder(self, sample: NDArray[Any]) -> Encode:
        """How to store any chunk."""
        return lambda chunk: chunk.tobytes()

    def decode(self, data: Buffer, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        """Return back the `size` elements of a chunk, without a copy."""
        values: NDArray[Any] = np.frombuffer(data, dtype)
        if values.size != size:
            raise ArrayDamaged(f"a chunk holds {values.size} values where {size} are expected.")
        return values

    def documents(self, itemsize: int) -> list[dict[str, Any]]:
        """Describe the byte order."""
        return [{"name": "bytes", "configuration": {"endian": "little"}} if itemsize > 1 else {"name": "bytes"}]


def checksum(data: bytes) -> int:
    """The crc32c (RFC 3720, appendix B.4) of `data`."""
    return int(google_crc32c.value(data))


def sealed(data: bytes) -> bytes:
    """`data` followed by its crc32c, as Zarr's ``crc32c`` codec has it."""
    return data + checksum(data).to_bytes(4, "little")


def unsealed(data: bytes) -> Buffer:
    """What `sealed` was given, without a copy; `ArrayDamaged` if the checksum does not agree."""
    if len(data) < 4 or checksum(data) != _RESIDUE:
        raise ArrayDamaged("its checksum does not agree with its bytes")
    return memoryview(data)[:-4]


#: The crc32c of any bytes that end in their own crc32c.
_RESIDUE = 0x48674BC7
