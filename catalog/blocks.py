"""Packs the exact header blocks of a file into a document, and gives them back."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from bson import Binary

from catalog.errors import Damaged, DocumentTooLarge

__all__ = ["MAX_BLOCKS", "pack_cards", "unpack_cards"]

#: The most bytes of header blocks one file may have; more could not be a document, or is a trap.
MAX_BLOCKS = 128 * 1024 * 1024


def pack_cards(blocks: Sequence[bytes]) -> dict[str, Any]:
    """Pack header blocks.

    Parameters
    ----------
    blocks : sequence of bytes
        The header of every HDU, each with its padding, as it stands in the file.

    Returns
    -------
    dict
        ``codec`` ('zlib'), ``sizes`` (bytes of each header), ``data`` (the compressed bytes).

    Raises
    ------
    DocumentTooLarge
        If they have more than `MAX_BLOCKS` bytes.

    Examples
    --------
    >>> unpack_cards(pack_cards([b"SIMPLE  =", b"XTENSION="]))
    [b'SIMPLE  =', b'XTENSION=']
    """
    sizes = [len(block) for block in blocks]
    if sum(sizes) > MAX_BLOCKS:
        raise DocumentTooLarge(f"{sum(sizes)} bytes of headers; at most {MAX_BLOCKS} can be kept: is this a FITS file?")
    packer = zlib.compressobj(6)
    parts = [packer.compress(bytes(block)) for block in blocks]
    return {"codec": "zlib", "sizes": sizes, "data": Binary(b"".join([*parts, packer.flush()]))}


def unpack_cards(packed: Mapping[str, Any]) -> list[bytes]:
    """Give the header blocks back, byte for byte.

    Raises
    ------
    Damaged
        If the data are not what `pack_cards` made; no more is decompressed than ``sizes`` says.
    """
    try:
        codec, sizes, data = packed["codec"], list(packed["sizes"]), bytes(packed["data"])
    except (KeyError, TypeError) as error:
        raise Damaged(f"the packed header cards lack {error}; restore the document from the array store") from None
    if codec != "zlib":
        raise Damaged(f"header cards are packed with {codec!r}, which this version does not know; upgrade darkroom")
    if not all(isinstance(size, int) and size >= 0 for size in sizes) or sum(sizes) > MAX_BLOCKS:
        raise Damaged("the packed header cards claim impossible sizes; restore the document from the array store")
    unpacker = zlib.decompressobj()
    try:
        whole = unpacker.decompress(data, sum(sizes) + 1)
    except zlib.error as error:
        raise Damaged(f"the packed header cards cannot be unpacked ({error}); restore the document") from None
    if len(whole) != sum(sizes) or not unpacker.eof:
        raise Damaged("the packed header cards have another size than they claim; restore the document")
    blocks, start = [], 0
    for size in sizes:
        blocks.append(whole[start : start + size])
        start += size
    return blocks
