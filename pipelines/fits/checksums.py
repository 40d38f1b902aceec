"""Checksums: whether CHECKSUM and DATASUM of an HDU are those of its bytes (FITS 4.0, 4.4.2.7 and appendix J)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.fits.limits import BLOCK
from pipelines.fits.source import ByteSource

__all__ = ["differs"]

_CHUNK = 364 * BLOCK  # a megabyte of whole blocks
_ONES = 0xFFFF_FFFF


def differs(source: ByteSource, block: bytes, start: int, size: int, header: Mapping[str, Any]) -> bool:
    """Tell whether the checksums that a header states are not those of its HDU; no bytes are read where it has none.

    Parameters
    ----------
    block
        The header, with its padding.
    start, size
        Where the data begin, and their bytes without padding.
    header
        Its keywords. A value that is empty, or no checksum, states nothing.
    """
    data_stated, whole_stated = _number(header.get("DATASUM")), header.get("CHECKSUM")
    whole = isinstance(whole_stated, str) and len(whole_stated) == 16
    if data_stated is None and not whole:
        return False
    data = _sum_of_data(source, start, -(-size // BLOCK) * BLOCK)
    if data_stated is not None and data_stated != data:
        return True
    # The characters of CHECKSUM bring the sum of all bytes to all ones; the sum of nothing but zeros is zero.
    return whole and _folded(_sum(block) + data) not in (_ONES, 0)


def _number(value: Any) -> int | None:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _sum_of_data(source: ByteSource, start: int, size: int) -> int:
    total, position = 0, 0
    while position < size:
        chunk = source.read(start + position, min(_CHUNK, size - position))
        if not chunk:
            break  # the padding of the last block is missing: as good as zeros
        total += _sum(chunk)
        position += len(chunk)
    return _folded(total)


def _sum(data: bytes) -> int:
    """Add up big-endian words of 32 bits; missing bytes of the last are zeros."""
    short = -len(data) % 4
    words = np.frombuffer(data + bytes(short) if short else data, dtype=">u4")
    return int(words.sum(dtype=np.uint64))


def _folded(total: int) -> int:
    """Return a sum in ones' complement arithmetic of 32 bits: what is carried out is added at the low end."""
    while total >> 32:
        total = (total & _ONES) + (total >> 32)
    return total
