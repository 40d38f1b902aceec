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

__all__ = ["Buffer", "Codec", "Effort", "Encode", "Pcodec", "Plain", "Zstd", "checksum", "sealed", "unsealed"]


#: What is read: bytes, or a part of what was read together.
Buffer = bytes | memoryview
Encode = Callable[[NDArray[Any]], bytes]


class Codec(Protocol):
    """One way to store a chunk."""

    def encoder(self, sample: NDArray[Any]) -> Encode:
        """How to compress flat, contiguous, little-endian chunks that are like `sample`."""

    def decode(self, data: Buffer, dtype: np.dtype[Any], size: int, first: int) -> NDArray[Any]:
        """Return back the `size` elements of a chunk; only the `first` of them need be what they were."""

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

    What a chunk was compressed with does not matter to whoever reads it, and is no part of a
    layout, so it is chosen by trying: `efforts` are tried on one chunk in several bands, from
    the quickest on, and a slower one is taken only where it saves `_WORTH` of the bytes. That
    costs less than pcodec's own search, which is made anew for every chunk. `mode` "auto" lets
    pcodec look for integers and decimal fractions among floats; "classic" does not.

    With `further`, differences of the next order are taken instead of those of the first effort
    in each chunk where they look smaller. Pixels that rise each by its own slope, as under a
    bright spectrum, have first differences that are as unlike as the slopes; a flat falls off
    towards its corners, and is level in the middle.
    """

    efforts: tuple[Effort, ...]
    mode: str = "classic"
    further: bool = False

    def encoder(self, sample: NDArray[Any]) -> Encode:
        """How to compress chunks like `sample`, by what pays on it."""
        best = self._compressor(self.efforts[0])
        if len(self.efforts) > 1:
            least = len(best(sample))
            for effort in self.efforts[1:]:
                other = self._compressor(effort)
                size = len(other(sample))
                if size < least * (1 - _WORTH):
                    best, least = other, size
        return best

    def _compressor(self, effort: Effort) -> Encode:
        first = _compress(effort, self.mode)
        if not self.further or effort.delta != self.efforts[0].delta:
            return first
        further = _compress(Effort(effort.level, effort.delta + 1), self.mode)
        return lambda chunk: (further if _differences_pay(chunk, effort.delta) else first)(chunk)

    def decode(self, data: Buffer, dtype: np.dtype[Any], size: int, first: int) -> NDArray[Any]:
        """Return back the `size` elements of a chunk, or not many more than the `first`: half a chunk for one pixel."""
        out = np.empty(size, dtype)
        count = min(size, -(-first // _TOGETHER) * _TOGETHER)
        progress = standalone.simple_decompress_into(bytes(data), out[:count])
        if progress.n_processed != count or progress.finished != (count == size):
            raise ArrayDamaged(f"a chunk holds {progress.n_processed} values where {size} are expected.")
        return out

    def documents(self, itemsize: int) -> list[dict[str, Any]]:
        """Describe the codec, with what a stock writer would use."""
        configuration = {"level": 8, "mode_spec": self.mode, "delta_spec": "auto"}
        return [{"name": "numcodecs.pcodec", "configuration": configuration}]


#: Part of the bytes that a slower way to compress must save to be taken.
_WORTH = 0.03
#: Values that pcodec decodes together.
_TOGETHER = 256
#: Runs of samples that are looked at in a chunk, how long each is, and the bits a sample further differences must save.
_RUNS, _RUN, _BITS = 6, 80, 0.05


def _differences_pay(chunk: NDArray[Any], order: int) -> bool:
    """Tell whether differences of the next order take fewer bits than those of `order`, by some runs of a chunk.

    pcodec counts how often each difference occurs, so what they have in common costs nothing: the bits of a
    difference are those of its distance from the median.
    """
    if chunk.size < _RUNS * 8:
        return False
    runs = chunk.view(f"i{chunk.dtype.itemsize}")[_looked_at(chunk.size)]
    for _ in range(order):
        runs = runs[:, 1:] - runs[:, :-1]
    return _bits(runs[:, 1:] - runs[:, :-1]) < _bits(runs) - _BITS


@lru_cache(maxsize=256)
def _looked_at(size: int) -> NDArray[np.intp]:
    """Return the places of the runs in a chunk, (run, place), spread by the golden section: no two in one column."""
    length = min(_RUN, size // _RUNS)
    starts = np.array([int((size - length) * (number * 0.618034 % 1)) for number in range(_RUNS)])
    return starts[:, None] + np.arange(length)


def _bits(differences: NDArray[Any]) -> float:
    values = differences.ravel().astype(np.float64)
    middle = np.partition(values, values.size // 2)[values.size // 2]
    return float(np.log2(np.abs(values - middle) + 1).mean())


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

    def decode(self, data: Buffer, dtype: np.dtype[Any], size: int, first: int) -> NDArray[Any]:
        """Return back the `size` elements of a chunk."""
        out = np.empty(size, dtype)  # of this size and no other, whatever the chunk claims
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

    def decode(self, data: Buffer, dtype: np.dtype[Any], size: int, first: int) -> NDArray[Any]:
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
