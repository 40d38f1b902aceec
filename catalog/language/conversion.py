"""Tells types, compares values of any type, and converts one type into another."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bson import Code, Decimal128, Int64, ObjectId, Timestamp
from bson.datetime_ms import DatetimeMS

from catalog.errors import InvalidQuery
from catalog.language.functions import Operators, positional
from catalog.language.instants import iso_text, read_iso, to_instant
from catalog.language.kinds import NUMBER_TYPES, bson_type, instant, is_number, milliseconds_of, nullish, truthy
from catalog.language.values import MISSING, encode_key
from catalog.limits import refused

__all__ = ["OPERATORS", "comparable", "text_of"]

OPERATORS: Operators = {}
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)


def comparable(value: Any) -> bytes:
    """Return the key by which expressions compare: as that of a filter, but the missing comes before null."""
    return b"\x02" if value is MISSING else encode_key(value)


def _comparison(name: str, test: Callable[[bytes, bytes], Any]) -> None:
    def function(left: Any, right: Any) -> Any:
        return test(comparable(left), comparable(right))

    function.__doc__ = f"Compute ``{name}`` (manual: operator/aggregation/{name[1:]})."
    positional(OPERATORS, name, 2)(function)


_comparison("$eq", lambda a, b: a == b)
_comparison("$ne", lambda a, b: a != b)
_comparison("$gt", lambda a, b: a > b)
_comparison("$gte", lambda a, b: a >= b)
_comparison("$lt", lambda a, b: a < b)
_comparison("$lte", lambda a, b: a <= b)
_comparison("$cmp", lambda a, b: (a > b) - (a < b))


@positional(OPERATORS, "$type")
def type_name(value: Any) -> str:
    """Compute ``$type`` (manual: operator/aggregation/type)."""
    return bson_type(value)


@positional(OPERATORS, "$isNumber")
def is_numeric(value: Any) -> bool:
    """Compute ``$isNumber`` (manual: operator/aggregation/isNumber)."""
    return bson_type(value) in NUMBER_TYPES


@positional(OPERATORS, "$isArray")
def is_array(value: Any) -> bool:
    """Compute ``$isArray`` (manual: operator/aggregation/isArray)."""
    return isinstance(value, list)


def text_of(value: Any) -> str | None:
    """Return a value as MongoDB writes it, None for what it does not write."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, DatetimeMS)):
        return iso_text(value)
    if isinstance(value, float):
        return _double_text(value)
    return str(value) if isinstance(value, (str, int, ObjectId)) and not isinstance(value, Code) else None


def _double_text(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return repr(value).removesuffix(".0")


def _unsupported(name: str, value: Any) -> InvalidQuery:
    if isinstance(value, Decimal128):
        return refused("Decimal128 arithmetic", f"operator {name}:")
    if isinstance(value, bytes):
        return refused("arguments of other types", f"operator {name}:")
    return InvalidQuery(f"Unsupported conversion from {bson_type(value)} in {name} with no onError value", 241)


def _failed(name: str, value: Any) -> InvalidQuery:
    return InvalidQuery(f"Failed to convert {value!r:.80} in {name} with no onError value", 241)


@positional(OPERATORS, "$toBool", code=50723)
def to_bool(value: Any) -> Any:
    """Compute ``$toBool`` (manual: operator/aggregation/toBool)."""
    return None if nullish(value) else truthy(value)


def _integer(name: str, value: Any, bits: int) -> int:
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise _failed(name, value)
        digits = value.lstrip("+-").lstrip("0") or "0"
        number = int(digits[:25]) * (-1 if value[0] == "-" else 1)  # of more digits, as many as overflow
    elif isinstance(value, (bool, int)):
        number = int(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidQuery(f"Attempt to convert {value} to integer in {name} with no onError value", 241)
        number = math.trunc(value)
    else:
        raise _unsupported(name, value)
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise InvalidQuery(f"Conversion would overflow target type in {name}: {value}", 241)
    return number


@positional(OPERATORS, "$toInt", null=True, code=50723)
def to_int(value: Any) -> int:
    """Compute ``$toInt`` (manual: operator/aggregation/toInt)."""
    return _integer("$toInt", value, 32)


@positional(OPERATORS, "$toLong", null=True, code=50723)
def to_long(value: Any) -> Int64:
    """Compute ``$toLong`` (manual: operator/aggregation/toLong)."""
    if isinstance(value, (datetime, DatetimeMS)):
        return Int64(milliseconds_of(value))
    return Int64(_integer("$toLong", value, 64))


@positional(OPERATORS, "$toDouble", null=True, code=50723)
def to_double(value: Any) -> float:
    """Compute ``$toDouble`` (manual: operator/aggregation/toDouble)."""
    if isinstance(value, str):
        if "x" in value.lower():
            raise refused("$toDouble of hexadecimal text", "conversion")
        number = float(value) if _NUMBER.fullmatch(value) else None
        overflows = number is not None and math.isinf(number) and "inf" not in value.lower()
        underflows = number == 0 and any(digit in value.lower().partition("e")[0] for digit in "123456789")
        if number is None or overflows or underflows:
            raise _failed("$toDouble", value)
        return number
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, (datetime, DatetimeMS)):
        return float(milliseconds_of(value))
    raise _unsupported("$toDouble", value)


@positional(OPERATORS, "$toString", null=True, code=50723)
def to_string(value: Any) -> str:
    """Compute ``$toString`` (manual: operator/aggregation/toString)."""
    text = text_of(value)
    if text is None:
        if isinstance(value, (bytes, dict, list)):
            raise refused("$toString of other types", "conversion")
        raise _unsupported("$toString", value)
    return text


@positional(OPERATORS, "$toDate", null=True, code=50723)
def to_date(value: Any) -> datetime | DatetimeMS:
    """Compute ``$toDate`` (manual: operator/aggregation/toDate)."""
    if isinstance(value, str):
        return read_iso("$toDate", value)
    if isinstance(value, (datetime, DatetimeMS, ObjectId, Timestamp)):
        return to_instant("$toDate", value)
    if is_number(value) and bson_type(value) != "int":
        if isinstance(value, float) and not math.isfinite(value):
            raise _failed("$toDate", value)
        if not -(1 << 63) <= value < 1 << 63:
            raise InvalidQuery(f"Conversion would overflow target type in $toDate: {value}", 241)
        return instant(math.trunc(value))
    raise _unsupported("$toDate", value)
