"""A FITS file, open: its HDUs, its exact headers, and how to make the file again.

Opening reads the headers and no data. Sizes are worked out from the cards and compared
with the size of the file before anything is believed.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from pipelines.fits.cards import Card, Value, first_values, read_cards
from pipelines.fits.checksums import differs
from pipelines.fits.errors import FitsError, not_fits
from pipelines.fits.headers import read_header
from pipelines.fits.limits import BLOCK, Limits
from pipelines.fits.pixels import FitsPixels, FlatImage
from pipelines.fits.plan import Part, Span, plan_parts
from pipelines.fits.residue import Residue
from pipelines.fits.source import ByteSource, DiskSource, Expanded, compression, open_disk
from pipelines.fits.structure import Scaling, Structure, examine
from pipelines.fits.tables import Table

__all__ = ["FitsFile", "Hdu", "open_fits"]

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Hdu:
    """One header and what its data are.

    Attributes
    ----------
    index
        Its place in the file, from 0.
    name, ver
        EXTNAME ('PRIMARY' for an unnamed first HDU, '' for other unnamed
        ones), and EXTVER (1 when there is none).
    kind
        'primary', 'image', 'bintable', 'table', 'compressed-image', 'groups' or 'other'.
    shape
        Axes of the pixels in numpy order, () when there are none. An axis may be 0.
    dtype
        numpy name of the pixels as they are kept, native, or None. Integers stored with
        the offset of FITS 4.0 table 11 are kept as the unsigned (or signed byte) numbers
        they mean.
    scale
        None, or ``(slope, zero, blank, dtype)``: kept pixels times slope plus zero are the
        values, in `dtype`; an integer pixel equal to blank has none (NaN).
    cards
        ``(keyword, value, comment)`` of every card, in order.
    header
        keyword -> value; of duplicates the first. Blank keywords are left out.
    pixels
        The pixels as they are kept, read a band of rows at a time, or None when there
        are none (or an axis is 0).
    table
        The rows of a binary table, read when asked for; None for what is none.
    """

    index: int
    name: str
    ver: int
    kind: str
    shape: tuple[int, ...]
    dtype: str | None
    scale: Scaling | None
    cards: list[Card] = field(repr=False)
    header: dict[str, Value] = field(repr=False)
    pixels: FitsPixels | None = field(repr=False)
    table: Table | None = field(default=None, repr=False)


class FitsFile:
    """An open FITS file. Made by :func:`open_fits`; a context manager.

    Attributes
    ----------
    path
        As it was given.
    hdus
        Its HDUs, in order.
    encoding
        None, 'gzip' or 'bzip2' when the file as a whole is compressed, 'tile' when an
        image in it is tile-compressed.
    size
        Its bytes on disk.
    """

    def __init__(self, path: str, disk: DiskSource, limits: Limits) -> None:
        self.path = path
        self.size = disk.size
        self._disk = disk
        self._expanded: Expanded | None = None
        self._parts: tuple[list[Part], list[tuple[int, int]]] | None = None
        try:
            self._source, encoding = self._decoded(limits)
            self._blocks: list[bytes] = []
            self._spans: list[Span] = []
            self._end = 0
            self.hdus: tuple[Hdu, ...] = tuple(self._walk(limits))
        except FitsError as error:
            self.close()
            raise error.at(path) from error.__cause__
        except BaseException:
            self.close()
            raise
        tiled = any(hdu.kind == "compressed-image" for hdu in self.hdus)
        self.encoding: str | None = encoding or ("tile" if tiled else None)

    def cards_blocks(self) -> list[bytes]:
        """Return the exact header blocks, one for each HDU."""
        return list(self._blocks)

    def parts(self) -> list[Part]:
        """Return what the file is made of, in order, for :func:`rebuild_file`.

        Returns
        -------
        list
            ``{'cards': i}`` and ``{'pixels': i}`` of HDU `i`, ``{'residue': n}`` and
            ``{'zeros': n}`` for that many bytes. Of a compressed file all is residue.
        """
        return [dict(part) for part in self._plan()[0]]

    def residue(self) -> Residue | None:
        """Return what is neither header nor pixels, as bytes; None when nothing is.

        Tables, padding that is not zero, bytes after the last HDU; of a compressed file
        the whole of it as it is on disk.
        """
        ranges = self._plan()[1]
        if not ranges:
            return None
        return Residue(self._disk if self.encoding else self._source, ranges)

    def flags(self, *, data: bool = True) -> list[str]:
        """Return what is odd about the file as a whole.

        Parameters
        ----------
        data
            Whether the data may be read, of HDUs that state a checksum.

        Returns
        -------
        list
            ``'bytes-after-end'`` where something follows the last HDU, and ``'extension-unreadable'`` too where
            that has cards of a header: an HDU was meant, and its data are not among the pixels.
            ``'checksum-mismatch'`` where CHECKSUM or DATASUM of an HDU is not that of its bytes.
        """
        found = ["checksum-mismatch"] if data and self._differs() else []
        if self._source.extent() <= self._end:
            return found
        cards = b"BITPIX  =" in self._source.read(self._end, BLOCK)
        return [*found, "bytes-after-end", *(["extension-unreadable"] if cards else [])]

    def _differs(self) -> bool:
        every = zip(self.hdus, self._blocks, self._spans, strict=True)
        return any(differs(self._source, block, span.data, span.size, hdu.header) for hdu, block, span in every)

    def sha256(self) -> str:
        """Return the SHA-256 of the file as it is on disk."""
        digest = hashlib.sha256()
        position = 0
        while data := self._disk.read(position, _CHUNK):
            digest.update(data)
            position += len(data)
        if position != self.size:
            raise FitsError(
                "truncated",
                f"{self.size:,} bytes when it was opened, {position:,} now",
                "it was changed meanwhile; try again when nothing writes it",
                self.path,
            )
        return digest.hexdigest()

    def close(self) -> None:
        """Close the file; its pixels cannot be read afterwards."""
        if self._expanded is not None:
            self._expanded.close()
        self._disk.close()

    def __enter__(self) -> FitsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<FitsFile {self.path} ({len(self.hdus)} HDUs, {self.size:,} bytes)>"

    def _plan(self) -> tuple[list[Part], list[tuple[int, int]]]:
        if self._parts is None:
            if self.encoding is not None:
                self._parts = [{"residue": self.size}], [(0, self.size)]
            else:
                self._parts = plan_parts(self._source, self._spans)
        return self._parts

    def _decoded(self, limits: Limits) -> tuple[ByteSource, str | None]:
        """Return where the bytes of the FITS are to be read, and how they are compressed."""
        start = self._disk.read(0, 9)
        if start == b"SIMPLE  =":
            return self._disk, None
        encoding = compression(start)
        if encoding is None:
            raise not_fits(start)
        self._expanded = Expanded(self._disk, encoding, limits)
        start = self._expanded.read(0, 9)
        if start != b"SIMPLE  =":
            raise not_fits(start, f"what is packed in this {encoding} file")
        return self._expanded, encoding

    def _walk(self, limits: Limits) -> list[Hdu]:
        """Read header after header."""
        hdus: list[Hdu] = []
        offset = headers = 0
        while offset == 0 or self._source.read(offset, 8) == b"XTENSION":
            index = len(hdus)
            block, end = read_header(self._source, offset, index=index, limits=limits)
            headers += len(block)
            if headers > limits.headers:
                raise FitsError(
                    "header-too-large",
                    f"the first {index + 1} headers have more than {limits.headers:,} bytes",
                    "if they are meant, raise Limits(headers=...)",
                )
            cards = read_cards(block[:end])
            header = first_values(cards)
            structure = examine(index, cards, header)
            start = offset + len(block)
            size = self._present(index, start, structure)
            self._blocks.append(block)
            self._spans.append(Span(offset, start, structure.pixels, size))
            hdus.append(self._hdu(index, structure, cards, header, start, limits))
            offset = start + -(-size // BLOCK) * BLOCK
        self._end = offset
        if self._expanded is not None:
            self._finish(self._expanded, offset, limits)
        return hdus

    def _present(self, index: int, start: int, structure: Structure) -> int:
        """Return the bytes of data of an HDU, having made sure that they are there."""
        if structure.size is None:
            return max(0, self._source.extent() - start)
        stop = start + structure.size
        if self._expanded is not None and stop > self._expanded.allowed:
            raise self._expanded.too_large(stop)
        if structure.size and not self._source.reaches(stop):
            raise FitsError(
                "truncated",
                f"HDU {index} declares {structure.size:,} bytes of data,"
                f" {max(0, self._source.extent() - start):,} are there",
                "the file is cut short; copy it again from where it came",
            )
        return structure.size

    def _finish(self, expanded: Expanded, offset: int, limits: Limits) -> None:
        """Decompress to the end, so that a damaged tail is noticed."""
        if expanded.reaches(offset + limits.trailing):
            raise expanded.too_large(offset + limits.trailing)

    def _table(self, index: int, structure: Structure) -> Table | None:
        if structure.kind != "bintable" or not structure.size:
            return None
        return Table(self._source, self._spans[index].data, structure.size, self._blocks[index])

    def _hdu(
        self,
        index: int,
        structure: Structure,
        cards: list[Card],
        header: dict[str, Value],
        start: int,
        limits: Limits,
    ) -> Hdu:
        pixels: FitsPixels | None = None
        if structure.dtype is not None and 0 not in structure.shape:
            size = math.prod(structure.shape) * np.dtype(structure.dtype).itemsize
            if size > limits.pixels:
                raise FitsError(
                    "too-large",
                    f"HDU {index} has {size:,} bytes of pixels, {limits.pixels:,} are the most",
                    "if they are meant, raise Limits(pixels=...)",
                )
            if structure.kind == "compressed-image":
                from pipelines.fits.tiles import TiledImage

                pixels = TiledImage(self._source, self._spans[index], structure, header, limits)
            else:
                pixels = FlatImage(self._source, start, structure.shape, structure.dtype)
        return Hdu(
            index,
            structure.name,
            structure.ver,
            structure.kind,
            structure.shape,
            structure.dtype,
            structure.scale,
            cards,
            header,
            pixels,
            self._table(index, structure),
        )


def open_fits(path: str | os.PathLike[str], *, limits: Limits | None = None, follow: bool = True) -> FitsFile:
    """Open a FITS file, reading its headers.

    Parameters
    ----------
    path
        A FITS file, plain, gzip or bzip2; tile-compressed images (.fz) are understood.
    limits
        How much to believe; the defaults suit files of any instrument known.
    follow
        Whether `path` may itself be a link; not where it was checked before that it is none.

    Returns
    -------
    FitsFile
        Open: use it as a context manager.

    Raises
    ------
    FitsError
        With a code for every reason: see :data:`pipelines.fits.errors.CODES`.
    """
    name = os.fspath(path)
    try:
        disk = open_disk(name, follow=follow)
    except FitsError as error:
        raise error.at(name) from error.__cause__
    return FitsFile(name, disk, limits or Limits())
