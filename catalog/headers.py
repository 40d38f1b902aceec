"""Makes a BSON-safe header of keywords, values and comments, losing none and renaming none.

What BSON cannot hold is kept as text or null and flagged; the exact header blocks are kept beside it, packed.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bson import Binary

__all__ = [
    "MAX_BLOCKS",
    "HeaderDocument",
    "Unparsable",
    "decode_keyword",
    "encode_keyword",
    "header_document",
    "pack_cards",
    "unpack_cards",
]

#: The most bytes of header blocks one file may have; more could not be a document, or is a trap.
MAX_BLOCKS = 128 * 1024 * 1024
_INT64 = 1 << 63
_COMMENTARY = frozenset({"COMMENT", "HISTORY"})
_ESCAPED = re.compile(r"%([0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class Unparsable:
    """The value of a card that cannot be read, as its text."""

    text: str


@dataclass(frozen=True, slots=True)
class HeaderDocument:
    """A header as a document keeps it.

    Attributes
    ----------
    header : dict
        Encoded keyword to value; ``COMMENT`` and ``HISTORY`` to lists of lines.
    flagged : dict of str to str
        Encoded keyword to the code of what was wrong with its value.
    """

    header: dict[str, Any] = field(default_factory=dict)
    flagged: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=8192)  # the files of a night have the same keywords
def encode_keyword(keyword: str) -> str:
    """Make a keyword one that a path can reach: '.', a leading '$', NUL and '%' are percent-encoded.

    Examples
    --------
    >>> encode_keyword("ESO DET.CHIP1"), encode_keyword("$WHERE"), encode_keyword("DATE-OBS")
    ('ESO DET%2ECHIP1', '%24WHERE', 'DATE-OBS')
    """
    encoded = keyword.replace("%", "%25").replace(".", "%2E").replace("\x00", "%00")
    return "%24" + encoded[1:] if encoded.startswith("$") else encoded


def decode_keyword(keyword: str) -> str:
    """Return the keyword that `encode_keyword` encoded.

    Examples
    --------
    >>> decode_keyword("ESO DET%2ECHIP1")
    'ESO DET.CHIP1'
    """
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), keyword)


def header_document(cards: Iterable[tuple[str, Any, str]]) -> HeaderDocument:
    """Return the header of a document.

    Parameters
    ----------
    cards : iterable of (keyword, value, comment)
        The cards, in order. A value is text, a number, a bool, None where undefined, or `Unparsable`;
        numpy scalars are taken too.

    Returns
    -------
    HeaderDocument
        Of duplicates the first wins; others that say something else are flagged ``keyword-repeated``. Blank keywords
        have no place in it.

    Examples
    --------
    >>> header_document([("EXPTIME", 30.0, "s"), ("BIG", 2**64, ""), ("EXPTIME", 1.0, "")]).flagged
    {'BIG': 'header-bigint', 'EXPTIME': 'keyword-repeated'}
    """
    header: dict[str, Any] = {}
    flagged: dict[str, str] = {}
    for keyword, value, _ in cards:
        if not keyword or keyword.isspace():
            continue
        name = encode_keyword(keyword)
        if keyword in _COMMENTARY:
            lines = header.setdefault(name, [])
            lines.append(value.text if isinstance(value, Unparsable) else "" if value is None else str(value))
        elif name not in header:
            header[name], flag = _plain(value)
            if flag:
                flagged[name] = flag
        elif _plain(value)[0] != header[name]:
            flagged.setdefault(name, "keyword-repeated")
    return HeaderDocument(header, flagged)


def _plain(value: Any) -> tuple[Any, str | None]:
    """Return a value BSON can hold, and the flag of what was lost."""
    kind = type(value)
    if kind is str:
        return (value, None) if value.isascii() else _text(value)
    if kind is bool or value is None:
        return value, None
    if kind is int:
        return (value, None) if -_INT64 <= value < _INT64 else (str(value), "header-bigint")
    if kind is float:
        return (value, None) if math.isfinite(value) else (None, "header-nonfinite")
    if kind is Unparsable:
        return _text(value.text)[0], "header-unparsable"
    if isinstance(value, complex):
        return f"({float(value.real)!r}, {float(value.imag)!r})", "header-complex"
    return _foreign(value)


def _text(value: str) -> tuple[str, str | None]:
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode(), "header-unparsable"
    return value, None


def _foreign(value: Any) -> tuple[Any, str | None]:
    """Take numpy scalars, subclasses of plain types, and objects that stand for an undefined value."""
    scalar = getattr(value, "item", None)
    if callable(scalar) and getattr(value, "ndim", 0) == 0:
        inner = scalar()
        if type(inner) is not type(value):
            return _plain(inner)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return _plain(kind(value))
    if type(value).__name__ == "Undefined":
        return None, None
    return str(value), "header-unparsable"


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
        from catalog.errors import DocumentTooLarge  # brings PyMongo, which whoever reads files does not need

        raise DocumentTooLarge(f"{sum(sizes)} bytes of headers; at most {MAX_BLOCKS} can be kept: is this a FITS file?")
    packer = zlib.compressobj(6)
    parts = [packer.compress(bytes(block)) for block in blocks]
    return {"codec": "zlib", "sizes": sizes, "data": Binary(b"".join([*parts, packer.flush()]))}


def unpack_cards(packed: Mapping[str, Any]) -> list[bytes]:
    """Return the header blocks back, byte for byte.

    Raises
    ------
    Damaged
        If the data are not what `pack_cards` made; no more is decompressed than ``sizes`` says.
    """
    from catalog.errors import Damaged

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
