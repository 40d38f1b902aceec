"""What an HDU is, and how many bytes of data it has, worked out from its cards.

The rules are those of FITS 4.0: sizes from section 4.4.1.2 and 7, the integers stored
with an offset (BZERO) from section 5.2.5 and table 11, random groups from section 6,
tile-compressed images from section 10.1. Nothing is believed before it has been checked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import digits

import numpy as np

from pipelines.fits.cards import Card, Value
from pipelines.fits.errors import FitsError
from pipelines.fits.limits import MAX_AXES

__all__ = ["Scaling", "Structure", "examine"]

Scaling = tuple[float, float, int | None, str]

_STORED = {8: "uint8", 16: "int16", 32: "int32", 64: "int64", -32: "float32", -64: "float64"}
_OFFSET = {8: (-128, "int8"), 16: (1 << 15, "uint16"), 32: (1 << 31, "uint32"), 64: (1 << 63, "uint64")}
_TABLES = {"BINTABLE": "bintable", "A3DTABLE": "bintable", "TABLE": "table"}
_IMAGES = frozenset({"IMAGE", "IUEIMAGE"})
_SIZING = frozenset({"BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "BSCALE", "BZERO", "BLANK"})
_TILING = _SIZING | {
    "ZBITPIX",
    "ZNAXIS",
    "ZTILE",
    "ZCMPTYPE",
    "ZNAME",
    "ZVAL",
    "ZBLANK",
    "ZQUANTIZ",
    "ZDITHER",
}
_TILING |= {"THEAP", "TFIELDS", "TFORM", "TTYPE"}
_MOST = 1 << 62


@dataclass(frozen=True, slots=True)
class Structure:
    """What the cards of one HDU say.

    Attributes
    ----------
    kind
        'primary', 'image', 'bintable', 'table', 'compressed-image', 'groups' or 'other'.
    name, ver
        EXTNAME ('PRIMARY' for an unnamed first HDU), EXTVER.
    shape
        Axes of the pixels in numpy order; () when there are none.
    dtype
        numpy name of the pixels as they are kept, or None.
    scale
        ``(slope, zero, blank, dtype)`` that turns kept pixels into values, or None.
    size
        Bytes of data, without padding; None when they go on to the end of the file.
    pixels
        Bytes of pixels at the beginning of the data, 0 when there are none to read there.
    """

    kind: str
    name: str
    ver: int
    shape: tuple[int, ...]
    dtype: str | None
    scale: Scaling | None
    size: int | None
    pixels: int


def examine(index: int, cards: Sequence[Card], header: Mapping[str, Value]) -> Structure:
    """Return the structure of HDU `index`.

    Raises
    ------
    FitsError
        ``bad-structure``.
    """
    sheet = _Sheet(index, header)
    kind = _kind(index, header)
    name, ver = _name(index, header), _version(header)
    if kind == "other" and index == 0:
        return Structure(kind, name, ver, (), None, None, None, 0)
    if len(header) != len(cards):
        sheet.refuse_contradictions(cards, _TILING if kind == "compressed-image" else _SIZING)
    axes = sheet.axes("NAXIS")
    bitpix = sheet.bitpix("BITPIX") if axes else 8
    size = sheet.data_size(bitpix, axes, groups=kind == "groups")
    if kind == "compressed-image":
        axes = sheet.axes("ZNAXIS")
        bitpix = sheet.bitpix("ZBITPIX")
        pixels = 0
    elif kind in ("primary", "image"):
        pixels = abs(bitpix) // 8 * math.prod(axes) if axes else 0
    else:
        return Structure(kind, name, ver, (), None, None, size, 0)
    if not axes:
        return Structure(kind, name, ver, (), None, None, size, 0)
    dtype, scale = _values(sheet, bitpix, compressed=kind == "compressed-image")
    return Structure(kind, name, ver, tuple(reversed(axes)), dtype, scale, size, pixels)


def _kind(index: int, header: Mapping[str, Value]) -> str:
    if index == 0:
        if header.get("SIMPLE") is not True:
            return "other"
        return "groups" if header.get("GROUPS") is True else "primary"
    extension = header.get("XTENSION")
    if not isinstance(extension, str):
        return "other"
    if extension in _IMAGES:
        return "image"
    kind = _TABLES.get(extension, "other")
    return "compressed-image" if kind == "bintable" and header.get("ZIMAGE") is True else kind


def _name(index: int, header: Mapping[str, Value]) -> str:
    name = header.get("EXTNAME")
    if isinstance(name, str) and name:
        return name.strip()
    return "PRIMARY" if index == 0 else ""


def _version(header: Mapping[str, Value]) -> int:
    version = header.get("EXTVER")
    return version if isinstance(version, int) and not isinstance(version, bool) else 1


def _values(sheet: _Sheet, bitpix: int, *, compressed: bool) -> tuple[str, Scaling | None]:
    """Return the dtype kept, and the scale left over."""
    slope, zero = sheet.number("BSCALE", 1), sheet.number("BZERO", 0)
    if slope == 1 and bitpix > 0 and zero == _OFFSET[bitpix][0]:
        return _OFFSET[bitpix][1], None
    blank = sheet.blank(bitpix, compressed=compressed)
    if slope == 1 and zero == 0 and blank is None:
        return _STORED[bitpix], None
    return _STORED[bitpix], (float(slope), float(zero), blank, _scaled_dtype(bitpix))


def _scaled_dtype(bitpix: int) -> str:
    """Return the dtype of scaled values: single precision up to 16 bits, as astropy has it."""
    if bitpix < 0:
        return _STORED[bitpix]
    return "float64" if bitpix > 16 else "float32"


class _Sheet:
    """The sizing keywords of one header, each checked when it is asked for."""

    def __init__(self, index: int, header: Mapping[str, Value]) -> None:
        self._index = index
        self._header = header

    def wrong(self, what: str, hint: str = "the file is damaged, or was not written by a FITS program") -> FitsError:
        return FitsError("bad-structure", f"HDU {self._index}: {what}", hint)

    def integer(self, keyword: str, default: int | None = None) -> int:
        """Return a whole number, never negative."""
        if keyword not in self._header and default is not None:
            return default
        value = self._header.get(keyword)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(f"{keyword} is {_shown(value)}, not a whole number")
        if value < 0:
            raise self.wrong(f"{keyword} is negative ({_shown(value)})")
        return value

    def bitpix(self, keyword: str) -> int:
        value = self._header.get(keyword)
        if isinstance(value, bool) or not isinstance(value, int) or value not in _STORED:
            raise self.wrong(f"{keyword} is {_shown(value)}, not one of 8, 16, 32, 64, -32, -64")
        return value

    def axes(self, keyword: str) -> tuple[int, ...]:
        """Return the lengths of the axes, in the order of the header."""
        count = self.integer(keyword, 0)
        if count > MAX_AXES:
            raise self.wrong(
                f"{keyword} is {_shown(count)}, more axes than the {MAX_AXES} an array may have",
                "split it into arrays of fewer axes",
            )
        return tuple(self.integer(f"{keyword}{number}") for number in range(1, count + 1))

    def data_size(self, bitpix: int, axes: Sequence[int], *, groups: bool) -> int:
        """Return the bytes of data: |BITPIX| / 8 x GCOUNT x (PCOUNT + product of the axes)."""
        if not axes or (groups and len(axes) < 2):
            return 0
        elements = math.prod(axes[1:] if groups else axes)
        size = abs(bitpix) // 8 * self.integer("GCOUNT", 1) * (self.integer("PCOUNT", 0) + elements)
        if size > _MOST:
            raise self.wrong(f"the cards declare {_shown(size)} bytes of data")
        return size

    def refuse_contradictions(self, cards: Sequence[Card], vital: frozenset[str]) -> None:
        """Refuse keywords the data cannot be read without, given twice with different values."""
        for keyword, value, _ in cards:
            if keyword.rstrip(digits) in vital and self._header[keyword] != value:
                first = _shown(self._header[keyword])
                raise self.wrong(f"{keyword} is given twice, as {first} and as {_shown(value)}")

    def number(self, keyword: str, default: int) -> int | float:
        value = self._header.get(keyword)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            raise self.wrong(f"{keyword} is {_shown(value)}, not a number, so pixel values are unknown")
        return value

    def blank(self, bitpix: int, *, compressed: bool) -> int | None:
        """Return the integer that stands for no value (FITS 4.0 section 5.3), or None."""
        if bitpix < 0:
            return None
        value = self._header.get("BLANK")
        if value is None and compressed:
            value = self._header.get("ZBLANK")
            if value is None and "ZBLANK" in (self._header.get(f"TTYPE{n}") for n in range(1, 8)):
                value = -(1 << (bitpix - 1))
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        limits = np.iinfo(_STORED[bitpix])
        return value if limits.min <= value <= limits.max else None


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond double precision
        return False


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    return "missing" if value is None else repr(value)
