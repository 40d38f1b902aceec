"""The table behind a tile-compressed image, checked before a tile is decompressed.

The decompressors are written for honest data: a tile that expands a thousandfold, points
outside the file or says it is larger than it may be is found here (FITS 4.0 section 10.1
and 10.4; the lengths inside HCOMPRESS and PLIO streams are where those formats have them).
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.fits.cards import Value
from pipelines.fits.errors import FitsError
from pipelines.fits.limits import Limits
from pipelines.fits.plan import Span
from pipelines.fits.source import ByteSource

__all__ = ["TileTable"]

_METHODS = frozenset({"RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1", "NOCOMPRESS"})
_FORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])([BIJED]?)")
_WIDTH = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
_ELEMENT = {"B": 1, "I": 2, "J": 4, "E": 4, "D": 8}
_STREAMS = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA")
_CHUNK = 1 << 20
_TWO_WORDS = 1  # the PLIO instruction that is followed by half of its number


@dataclass(frozen=True, slots=True)
class _Column:
    """Where the descriptors of a variable-length column lie in a row, and what they point to."""

    offset: int
    descriptor: str
    element: int


class TileTable:
    """The geometry of the tiles of one image, and where their bytes are.

    Raises
    ------
    FitsError
        ``bad-structure``, ``bad-compression`` or ``too-large``.
    """

    def __init__(
        self,
        source: ByteSource,
        span: Span,
        header: Mapping[str, Value],
        shape: Sequence[int],
        limits: Limits,
    ) -> None:
        self._source = source
        self._span = span
        self._header = header
        self._shape = tuple(shape)
        self._method = self._known_method()
        self._tile = self._tile_shape()
        self._refuse_large_tiles(limits)
        self._width = self._positive("NAXIS1")
        self._rows = self._positive("NAXIS2")
        self._heap = self._heap_start()
        self._columns = self._find_columns()
        self._grid = tuple(-(-axis // tile) for axis, tile in zip(self._shape, self._tile, strict=True))
        if math.prod(self._grid) > self._rows:
            raise self._wrong(f"the table has {self._rows:,} rows for {math.prod(self._grid):,} tiles")
        self._check_settings()

    def check(self, start: int, stop: int) -> None:
        """Check every tile that rows `start` to `stop` of the image touch.

        Raises
        ------
        FitsError
            ``bad-compression``.
        """
        axis = max(0, len(self._shape) - 2)
        ranges = [range(count) for count in self._grid]
        ranges[axis] = range(start // self._tile[axis], -(-stop // self._tile[axis]))
        indexes = np.ravel_multi_index(np.ix_(*ranges), self._grid).ravel()
        for first in range(0, len(indexes), 4096):
            self._check_rows(indexes[first : first + 4096])

    def _check_rows(self, rows: NDArray[np.intp]) -> None:
        low, high = int(rows[0]), int(rows[-1]) + 1
        step = max(1, _CHUNK // self._width)
        for begin in range(low, high, step):
            end = min(high, begin + step)
            wanted = rows[(rows >= begin) & (rows < end)] - begin
            if not wanted.size:
                continue
            table = np.empty((end - begin, self._width), np.uint8)
            self._source.fill(self._span.data + begin * self._width, table.reshape(-1).data)
            pointers = {name: self._descriptors(column, table[wanted]) for name, column in self._columns.items()}
            for number in range(len(wanted)):
                tile = {name: (int(n[number]), int(o[number])) for name, (n, o) in pointers.items()}
                self._check_tile(tile)

    def _descriptors(self, column: _Column, rows: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return count and heap offset of the tile in each row, as they are declared."""
        size = _WIDTH[column.descriptor]
        raw = np.ascontiguousarray(rows[:, column.offset : column.offset + size])
        pairs = raw.view(">i4" if column.descriptor == "P" else ">i8").astype(np.int64)
        return pairs[:, 0], pairs[:, 1]

    def _check_tile(self, declared: Mapping[str, tuple[int, int]]) -> None:
        name = "COMPRESSED_DATA"
        if declared[name][0] == 0:
            others = [other for other in _STREAMS[1:] if other in declared]
            if not others:
                raise self._damaged("a tile has no bytes")
            name = others[0]
        count, offset = declared[name]
        size = count * self._columns[name].element
        start = self._heap + offset
        if count <= 0 or offset < 0 or start + size > self._span.size:
            raise self._damaged(f"a tile points outside the data ({count:,} elements at {offset:,})")
        elements = math.prod(self._tile)
        if name == "UNCOMPRESSED_DATA" or (name == "COMPRESSED_DATA" and self._method == "NOCOMPRESS"):
            if size > elements * 8:
                raise self._damaged("a tile is larger than it may be")
            return
        method = "GZIP_1" if name == "GZIP_COMPRESSED_DATA" else self._method
        if method.startswith("RICE"):
            return  # its decompressor looks for the end of its data
        data = self._source.read(self._span.data + start, size)
        if method.startswith("GZIP"):
            self._check_gzip(data, elements * 8)
        elif method.startswith("HCOMPRESS"):
            self._check_hcompress(data, elements)
        elif method.startswith("PLIO"):
            self._check_plio(data)

    def _check_gzip(self, data: bytes, most: int) -> None:
        """Count what a tile expands to, holding no more than a chunk of it."""
        total = 0
        try:
            while data:
                decoder = zlib.decompressobj(wbits=31)
                while not decoder.eof:
                    piece = decoder.decompress(data, _CHUNK)
                    data = decoder.unconsumed_tail
                    total += len(piece)
                    if total > most:
                        raise self._damaged(f"a tile expands to more than the {most:,} bytes it may have")
                    if not data and not piece and not decoder.eof:
                        raise self._damaged("a tile ends early")
                data = decoder.unused_data.lstrip(b"\0")
        except zlib.error as error:
            raise self._damaged(f"a tile cannot be decompressed ({error})") from error

    def _check_hcompress(self, data: bytes, elements: int) -> None:
        """Compare the size an HCOMPRESS stream names in its first bytes with the tile's."""
        if len(data) < 14 or data[:2] != b"\xdd\x99":
            raise self._damaged("a tile does not begin as HCOMPRESS data do")
        nx, ny = int.from_bytes(data[2:6], "big"), int.from_bytes(data[6:10], "big")
        if not 0 < nx * ny <= elements:
            raise self._damaged(f"a tile says it is {nx:,} by {ny:,}, with {elements:,} pixels to fill")

    def _check_plio(self, data: bytes) -> None:
        """Check that a PLIO line list begins and ends within the bytes there are."""
        words = np.frombuffer(data[: len(data) // 2 * 2], ">i2").astype(int)
        if len(words) < 3 or (words[2] <= 0 and len(words) < 5):
            raise self._damaged("a tile is too short to be PLIO data")
        if words[2] > 0:
            first, length = 3, words[2]
        else:
            first, length = words[1], (words[4] << 15) + words[3]
        if not 3 <= first <= length <= len(words):
            raise self._damaged(f"a tile says its words are {first:,} to {length:,}, of {len(words):,}")
        if length > first and words[length - 1] >> 12 == _TWO_WORDS:
            raise self._damaged("a tile ends within an instruction")

    def _known_method(self) -> str:
        method = self._header.get("ZCMPTYPE")
        if not isinstance(method, str) or method not in _METHODS:
            raise self._damaged(f"ZCMPTYPE is {method!r}, not a compression FITS knows")
        if method == "HCOMPRESS_1" and len(self._shape) < 2:
            raise self._damaged("HCOMPRESS is for images of two axes or more")
        return method

    def _tile_shape(self) -> tuple[int, ...]:
        """Return the axes of a tile in numpy order: a row of the image unless the cards differ."""
        axes = tuple(reversed(self._shape))
        tile = []
        for number, axis in enumerate(axes, 1):
            default = axis if number == 1 else 1
            keyword = f"ZTILE{number}"
            size = self._positive(keyword) if keyword in self._header else default
            tile.append(min(size, axis))
        return tuple(reversed(tile))

    def _refuse_large_tiles(self, limits: Limits) -> None:
        size = math.prod(self._tile) * 8
        if size > limits.tile:
            raise FitsError(
                "too-large",
                f"one tile of the compressed image needs {size:,} bytes, over the cap of {limits.tile:,}",
                "if it is genuine, raise Limits(tile=...)",
            )

    def _heap_start(self) -> int:
        after_rows = self._width * self._rows
        if "THEAP" not in self._header:
            return after_rows
        start = self._positive("THEAP")
        if not after_rows <= start <= self._span.size:
            raise self._wrong(f"THEAP is {start!r}, outside the data")
        return start

    def _find_columns(self) -> dict[str, _Column]:
        """Return the columns that point to the bytes of tiles."""
        columns: dict[str, _Column] = {}
        offset = 0
        for number in range(1, self._positive("TFIELDS") + 1):
            form = self._header.get(f"TFORM{number}")
            found = _FORM.match(form.strip()) if isinstance(form, str) else None
            if found is None:
                raise self._wrong(f"TFORM{number} is {form!r}")
            repeat, code, element = found.groups()
            count = int(repeat) if repeat else 1
            name = self._header.get(f"TTYPE{number}")
            if isinstance(name, str) and name.strip().upper() in _STREAMS:
                if code not in "PQ" or not element or count != 1:
                    raise self._wrong(f"column {name} is {form!r}, not one of variable length")
                columns[name.strip().upper()] = _Column(offset, code, _ELEMENT[element])
            offset += -(-count // 8) if code == "X" else count * _WIDTH[code]
        if offset != self._width:
            raise self._wrong(f"its columns have {offset:,} bytes a row, NAXIS1 says {self._width:,}")
        if "COMPRESSED_DATA" not in columns:
            raise self._wrong("its table has no column COMPRESSED_DATA")
        return columns

    def _check_settings(self) -> None:
        """Check the numbers handed to the Rice decompressor."""
        allowed = {"BLOCKSIZE": (16, 32), "BYTEPIX": (1, 2, 4, 8)}
        for number in range(1, 1000):
            name = self._header.get(f"ZNAME{number}")
            if name is None:
                return
            if not isinstance(name, str):
                raise self._wrong(f"ZNAME{number} is {name!r}, not text")
            value = self._header.get(f"ZVAL{number}")
            if name.upper() in allowed and value not in allowed[name.upper()]:
                raise self._wrong(f"{name} is {value!r}, not one of {allowed[name.upper()]}")

    def _positive(self, keyword: str) -> int:
        value = self._header.get(keyword)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self._wrong(f"{keyword} is {value!r}, not a positive whole number")
        return value

    def _wrong(self, what: str) -> FitsError:
        return FitsError(
            "bad-structure",
            f"the tile-compressed image cannot be read: {what}",
            "the file is damaged; decompress it where it was made (funpack), or copy it again",
        )

    def _damaged(self, what: str) -> FitsError:
        return FitsError(
            "bad-compression",
            f"the tile-compressed image cannot be read: {what}",
            "the file is damaged; copy it again from where it came",
        )
