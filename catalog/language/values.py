"""Turns BSON values into byte keys that sort and compare as MongoDB sorts and compares them.

Two values MongoDB calls equal (``30`` and ``30.0``, null and missing) have one key; ``True`` and ``1``
have two. Keys are free of prefixes, so they may be put after each other. The order of types is that of
the MongoDB manual, "Comparison/Sort Order".
"""

from __future__ import annotations

import math
import re
import struct
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any, Final

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

__all__ = [
    "EMPTY_KEY",
    "EPOCH",
    "INVERTED",
    "MILLISECOND",
    "MISSING",
    "NULL_KEY",
    "Document",
    "Missing",
    "Tag",
    "decode_key",
    "encode_key",
    "tag_of",
]

Document = dict[str, Any]


class Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


#: Stands where a document has no value; its key is that of null.
MISSING: Final = Missing()
#: Translation table that turns the order of keys round.
INVERTED: Final = bytes(255 - byte for byte in range(256))

_MIN, _UNDEFINED, _NULL, _NUMBER, _STRING = 0x01, 0x04, 0x05, 0x0A, 0x0F
_OBJECTID, _BOOL, _DATE, _MAX = 0x23, 0x28, 0x2D, 0xFE

NULL_KEY: Final = bytes([_NULL])
#: The key of an empty array where single elements are wanted: below null, as MongoDB has it.
EMPTY_KEY: Final = bytes([_UNDEFINED])

_END = b"\x00\x00"
_DOUBLE = struct.Struct(">d")
_QUAD = struct.Struct(">Q")
_SIGN, _ONES = 1 << 63, (1 << 64) - 1
_NAN = bytes([_NUMBER]) + b"\x00" * 11
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants are naive UTC here
MILLISECOND = timedelta(milliseconds=1)
_EXACT = Context(prec=1200)
_NUL_ESCAPE = b"\x00\xff"


class Tag:
    """What a key does not say of its value: small numbers kept beside it in an index."""

    PLAIN = 0  # the key says everything
    MISSING = 1  # there is no value
    WHOLE = 2  # a whole array, whose elements have entries of their own
    INT = 3
    LONG = 4
    DOUBLE = 5
    OTHER = 7  # the value has to be looked up in the document
    EMPTY = 8  # the array has no elements


def _number(value: float, residue: int = 0, tail: bytes = b"") -> bytes:
    (bits,) = _QUAD.unpack(_DOUBLE.pack(value + 0.0 if value else 0.0))
    bits = bits ^ _ONES if bits & _SIGN else bits | _SIGN
    return b"\x0a" + _QUAD.pack(bits) + (residue + 0x8000).to_bytes(2, "big") + tail + b"\x00"


def _int(value: int) -> bytes:
    nearest = float(value)
    return _number(nearest, value - int(nearest))


def _float(value: float) -> bytes:
    return _NAN if value != value else _number(value)


def _decimal(value: Decimal128) -> bytes:
    exact = value.to_decimal()
    if exact.is_nan():
        return _NAN
    nearest = float(exact)
    if exact.is_infinite():
        return _number(nearest)
    if math.isinf(nearest):
        # Beyond every double and before infinity: by its exponent, then by its digits.
        digits = "".join(map(str, _EXACT.normalize(exact).as_tuple().digits))
        tail = f"{exact.adjusted():05d}{digits}".encode()
        largest = math.copysign(sys.float_info.max, nearest)
        return _number(largest, 0x7FFF, tail) if nearest > 0 else _number(largest, -0x8000, tail.translate(INVERTED))
    residue = _EXACT.subtract(exact, Decimal(nearest))
    whole = max(min(math.floor(residue), 0x7FFF), -0x8000)
    rest = _EXACT.subtract(residue, Decimal(whole))
    tail = f"{rest:f}".rstrip("0").encode() if rest else b""
    if abs(rest) >= 1:  # beyond what the two bytes of the residue hold: digits of one length, so that they sort
        tail = f"1{rest:060.30f}".encode() if rest > 0 else f"{-rest:060.30f}".encode().translate(INVERTED)
    return _number(nearest, whole, tail)


def _text(value: str) -> bytes:
    return value.encode().replace(b"\x00", _NUL_ESCAPE) + _END


def _str(value: str) -> bytes:
    return b"\x0f" + value.encode().replace(b"\x00", _NUL_ESCAPE) + _END


def _mapping(value: Mapping[str, Any]) -> bytes:
    parts = [b"\x14"]
    for name, item in value.items():
        key = encode_key(item)
        parts += (key[:1], _text(name), key)
    return b"".join(parts) + b"\x00"


def _list(value: list[Any] | tuple[Any, ...]) -> bytes:
    return b"\x19" + b"".join(map(encode_key, value)) + b"\x00"


def _bytes(value: bytes) -> bytes:
    subtype = value.subtype if isinstance(value, Binary) else 0
    length = len(value) + 4 * (subtype == 2)  # of that subtype BSON counts the length it holds within
    return b"\x1e" + length.to_bytes(4, "big") + bytes([subtype]) + value


def _datetime(value: datetime) -> bytes:
    naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return _date((naive - EPOCH) // MILLISECOND)


def _date(milliseconds: int) -> bytes:
    return b"\x2d" + _QUAD.pack(milliseconds + _SIGN)


def _regex(value: Regex[Any]) -> bytes:
    pattern = value.pattern if isinstance(value.pattern, str) else value.pattern.decode("latin-1")
    return b"\x32" + _text(pattern) + int(value.flags & ~re.UNICODE).to_bytes(4, "big")


def _code(value: Code) -> bytes:
    if value.scope is None:
        return b"\x3c" + _text(str(value)) + b"\x00"
    return b"\x41" + _text(str(value)) + _mapping(value.scope) + b"\x00"


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: NULL_KEY,
    Missing: lambda _: NULL_KEY,
    bool: lambda v: b"\x28\x01" if v else b"\x28\x00",
    int: _int,
    Int64: _int,
    float: _float,
    Decimal128: _decimal,
    str: _str,
    dict: _mapping,
    list: _list,
    tuple: _list,
    bytes: _bytes,
    Binary: _bytes,
    ObjectId: lambda v: b"\x23" + v.binary,
    datetime: _datetime,
    DatetimeMS: lambda v: _date(int(v)),
    Timestamp: lambda v: b"\x2f" + v.time.to_bytes(4, "big") + v.inc.to_bytes(4, "big"),
    Regex: _regex,
    re.Pattern: lambda v: _regex(Regex.from_native(v)),
    DBRef: lambda v: _mapping(v.as_doc()),
    Code: _code,
    MinKey: lambda _: bytes([_MIN]),
    MaxKey: lambda _: bytes([_MAX]),
}


def encode_key(value: Any) -> bytes:
    """Return the key of a value.

    Parameters
    ----------
    value : object
        A value as `bson` decodes it, or `MISSING`. Datetimes without a zone are UTC.

    Returns
    -------
    bytes
        Equal for values MongoDB calls equal, and in MongoDB's order.

    Raises
    ------
    TypeError
        If BSON has no type for the value.

    Examples
    --------
    >>> encode_key(30) == encode_key(30.0)
    True
    >>> encode_key(True) == encode_key(1)
    False
    >>> encode_key(2**53 + 1) > encode_key(2.0**53)
    True
    """
    encoder = _ENCODERS.get(type(value))
    if encoder is not None:
        return encoder(value)
    for kind, candidate in _ENCODERS.items():
        if isinstance(value, kind):
            return candidate(value)
    if isinstance(value, Mapping):
        return _mapping(value)
    raise TypeError(f"no BSON type for {type(value).__name__}")


_TAGS: dict[type, int] = {
    str: Tag.PLAIN,
    type(None): Tag.PLAIN,
    bool: Tag.PLAIN,
    ObjectId: Tag.PLAIN,
    datetime: Tag.PLAIN,
    int: Tag.INT,
    Int64: Tag.LONG,
    float: Tag.DOUBLE,
    Missing: Tag.MISSING,
}


def tag_of(value: Any) -> int:
    """Return what the key of a value leaves unsaid."""
    if type(value) is float and value == 0 and math.copysign(1, value) < 0:
        return Tag.OTHER  # the key of -0.0 is that of 0.0
    return _TAGS.get(type(value), Tag.OTHER)


def decode_key(key: bytes, tag: int) -> Any:
    """Return the value of a key, of the type its tag says.

    Raises
    ------
    LookupError
        If the value cannot be told from the key; it has to be looked up in a document.
    """
    kind = key[0]
    if kind == _STRING:
        return key[1:-2].replace(_NUL_ESCAPE, b"\x00").decode()
    if kind == _NULL:
        return None
    if kind == _BOOL:
        return key[1] == 1
    if kind == _DATE:
        return EPOCH + (_QUAD.unpack(key[1:9])[0] - _SIGN) * MILLISECOND
    if kind == _OBJECTID:
        return ObjectId(key[1:13])
    if kind == _NUMBER and tag in (Tag.INT, Tag.LONG, Tag.DOUBLE):
        return _decode_number(key, tag)
    raise LookupError(key)


def _decode_number(key: bytes, tag: int) -> int | float:
    if key == _NAN:
        return math.nan
    (bits,) = _QUAD.unpack(key[1:9])
    bits = bits & ~_SIGN if bits & _SIGN else bits ^ _ONES
    (nearest,) = _DOUBLE.unpack(_QUAD.pack(bits))
    if tag == Tag.DOUBLE:
        return float(nearest)
    whole = int(nearest) + int.from_bytes(key[9:11], "big") - 0x8000
    return whole if tag == Tag.INT else Int64(whole)
