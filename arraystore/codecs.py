"""Chunk codecs: what turns the bytes of one chunk into what is stored, and back.

Each codec writes and reads exactly what the Zarr v3 codecs it names do, called directly:
the route through zarr's event loop costs more than the decoding of a small chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import Damaged

__all__ = ["Codec", "Pcodec", "Zstd", "checksum", "sealed", "unsealed"]


class Codec(Protocol):
    """One way to store a chunk."""

    def encode(self, chunk: NDArray[Any]) -> bytes:
        """Compress a flat, contiguous, little-endian chunk."""

    def decode(self, data: bytes, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        """Give back the `size` elements of a chunk."""

    def documents(self, itemsize: int) -> list[dict[str, Any]]:
        """The codecs as a Zarr v3 metadata document has them."""


@dataclass(frozen=True, slots=True)
class Pcodec:
    """Numbers by pcodec, as ``numcodecs.pcodec`` stores them.

    `delta` is the order of differences taken along the chunk, None to let pcodec choose.
    """

    level: int = 8
    delta: int | None = 1
    mode: str = "auto"

    def encode(self, chunk: NDArray[Any]) -> bytes:
        from pcodec import standalone

        return bytes(standalone.simple_compress(chunk, _pcodec_config(self)))

    def decode(self, data: bytes, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        from pcodec import standalone

        out = np.empty(size, dtype)
        progress = standalone.simple_decompress_into(data, out)
        if progress.n_processed != size or not progress.finished:
            raise Damaged(f"a chunk holds {progress.n_processed} values where {size} are expected.")
        return out

    def documents(self, itemsize: int) -> list[dict[str, Any]]:
        configuration: dict[str, Any] = {"level": self.level, "mode_spec": self.mode, "delta_spec": "auto"}
        if self.delta is not None:
            configuration |= {"delta_spec": "try_consecutive", "delta_encoding_order": self.delta}
        return [{"name": "numcodecs.pcodec", "configuration": configuration}]


@lru_cache(maxsize=16)
def _pcodec_config(codec: Pcodec) -> Any:
    from pcodec import ChunkConfig, DeltaSpec, ModeSpec, PagingSpec

    return ChunkConfig(
        compression_level=codec.level,
        delta_spec=DeltaSpec.auto() if codec.delta is None else DeltaSpec.try_consecutive(codec.delta),
        mode_spec=ModeSpec.classic() if codec.mode == "classic" else ModeSpec.auto(),
        paging_spec=PagingSpec.equal_pages_up_to(262144),
    )


@dataclass(frozen=True, slots=True)
class Zstd:
    """Bytes by Zstandard, as Zarr's own ``zstd`` stores them."""

    level: int = 1

    def encode(self, chunk: NDArray[Any]) -> bytes:
        from numcodecs import zstd

        return bytes(zstd.compress(chunk.view("u1"), self.level))

    def decode(self, data: bytes, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        from numcodecs import zstd

        out = np.empty(size, dtype)
        zstd.decompress(data, out.view("u1"))
        return out

    def documents(self, itemsize: int) -> list[dict[str, Any]]:
        order: dict[str, Any] = {"name": "bytes"}
        if itemsize > 1:
            order["configuration"] = {"endian": "little"}
        return [order, {"name": "zstd", "configuration": {"level": self.level, "checksum": False}}]


def checksum(data: bytes) -> int:
    """The crc32c (RFC 3720, appendix B.4) of `data`."""
    import google_crc32c

    return int(google_crc32c.value(data))


def sealed(data: bytes) -> bytes:
    """`data` followed by its crc32c, as Zarr's ``crc32c`` codec has it."""
    return data + checksum(data).to_bytes(4, "little")


def unsealed(data: bytes) -> bytes:
    """What `sealed` was given; `Damaged` if the checksum does not agree."""
    body = data[:-4]
    if len(data) < 4 or checksum(body) != int.from_bytes(data[-4:], "little"):
        raise Damaged("its checksum does not agree with its bytes")
    return body
