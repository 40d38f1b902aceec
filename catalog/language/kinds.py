"""Tells BSON types and numbers apart, as MongoDB does."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from catalog.errors import InvalidQuery
from catalog.language.values import EPOCH, MILLISECOND, MISSING, Missing
from catalog.limits import refused

__all__ = [
    "NUMBER_TYPES",
    "array_of",
    "bson_type",
    "instant",
    "is_number",
    "milliseconds_of",
    "mod_predicate",
    "no_decimals",
    "nullish",
    "numeric",
    "truthy",
    "type_predicate",
    "whole",
    "whole_number",
]

_CODES = {
    1: "double", 2: "string", 3: "object", 4: "array", 5: "binData", 6: "undefined", 7: "objectId", 8: "bool",
    9: "date", 10: "null", 11: "regex", 12: "dbPointer", 13: "javascript", 14: "symbol",
    15: "javascriptWithScope", 16: "int", 17: "timestamp", 18: "long", 19: "decimal", -1: "minKey",
    127: "maxKey",
}  # fmt: skip
_NAMES = frozenset(_CODES.values())
NUMBER_TYPES = frozenset({"double", "int", "long", "decimal"})
_TYPES: dict[type, str] = {
    type(None): "null",
    Missing: "missing",
    bool: "bool",
    Int64: "long",
    float: "double",
    str: "string",
    dict: "object",
    DBRef: "object",
    list: "array",
    tuple: "array",
    bytes: "binData",
    Binary: "binData",
    ObjectId: "objectId",
    datetime: "date",
    DatetimeMS: "date",
    Decimal128: "decimal",
    Timestamp: "timestamp",
    Regex: "regex",
    re.Pattern: "regex",
    MinKey: "minKey",
    MaxKey: "maxKey",
}


def bson_type(value: Any) -> str:
    """Return the name MongoDB has for the type of a value; ``missing`` if there is none."""
    name = _TYPES.get(type(value))
    if name is not None:
        return name
    if isinstance(value, Code):
        return "javascript" if value.scope is None else "javascriptWithScope"
    if isinstance(value, int):
        return "int" if -(1 << 31) <= value < 1 << 31 else "long"
    for kind, name in _TYPES.items():
        if isinstance(value, kind):
            return name
    raise TypeError(f"no BSON type for {type(value).__name__}")


def nullish(value: Any) -> bool:
    """Tell whether a value is null or missing."""
    return value is None or value is MISSING


def truthy(value: Any) -> bool:
    """Tell whether MongoDB takes a value for true: all but false, null, missing and zero."""
    if value is None or value is MISSING or value is False:
        return False
    if isinstance(value, Decimal128):
        return value.to_decimal() != 0
    return not (isinstance(value, (int, float)) and value == 0)


def is_number(value: Any) -> bool:
    """Tell whether a value is a number to compute with; a bool and a Decimal128 are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def array_of(name: str, value: Any, code: int) -> list[Any]:
    """Return an array an operator is given, or raise `InvalidQuery` with `code`."""
    if not isinstance(value, list):
        raise InvalidQuery(f"{name} requires an array, not {bson_type(value)}", code)
    return value


def no_decimals(name: str) -> InvalidQuery:
    """Return the error that refuses to compute with Decimal128."""
    return refused("Decimal128 arithmetic", f"operator {name}:")


def numeric(name: str, value: Any, code: int) -> Any:
    """Return a number an operator is given.

    Raises
    ------
    InvalidQuery
        With `code`, if it is none.
    NotSupported
        If it is a Decimal128.
    """
    if is_number(value):
        return value
    if isinstance(value, Decimal128):
        raise no_decimals(name)
    raise InvalidQuery(f"{name} only supports numeric types, not {bson_type(value)}", code)


def whole_number(name: str, value: Any, code: int, *, bits: int = 32) -> int:
    """Return a number without a fraction, of so many bits, as an int."""
    value = numeric(name, value, code)
    limit = 1 << (bits - 1)
    if not math.isfinite(value) or value != int(value) or not -limit <= value < limit:
        raise InvalidQuery(f"{name} needs a whole number of {bits} bits, not {value!r}", code)
    return int(value)


def whole(value: int, *, wide: bool = False) -> Any:
    """Return an integer of the BSON type MongoDB gives it, a double if 64 bits do not hold it."""
    if not -(1 << 63) <= value < 1 << 63:
        return float(value)
    return Int64(value) if wide or not -(1 << 31) <= value < 1 << 31 else int(value)


def instant(milliseconds: int) -> datetime | DatetimeMS:
    """Return an instant so many milliseconds after 1970: naive UTC, or `DatetimeMS` beyond the years of Python.

    Raises
    ------
    InvalidQuery
        If 64 bits do not hold it.
    """
    if not -(1 << 63) <= milliseconds < 1 << 63:
        raise InvalidQuery("the date overflows 64 bits of milliseconds", 15)
    try:
        return EPOCH + timedelta(days=milliseconds // 86_400_000, milliseconds=milliseconds % 86_400_000)
    except OverflowError:
        return DatetimeMS(milliseconds)


def milliseconds_of(value: datetime | DatetimeMS) -> int:
    """Return the milliseconds from 1970 to an instant."""
    return int(value) if isinstance(value, DatetimeMS) else (value - EPOCH) // MILLISECOND


def type_predicate(argument: Any) -> Callable[[Any], bool]:
    """Return the test of ``$type``: a name, a number, or an array of them."""
    items = argument if isinstance(argument, list) else [argument]
    if not items:
        raise InvalidQuery("$type must match at least one type", 9)
    wanted: set[str] = set()
    for item in items:
        if is_number(item):
            name = _CODES.get(int(item)) if math.isfinite(item) and item == int(item) else None
        elif isinstance(item, str):
            name = item
        else:
            raise InvalidQuery(f"$type takes the name or the number of a type, not {item!r}", 14)
        if name == "number":
            wanted |= NUMBER_TYPES
        elif name in _NAMES:
            wanted.add(name)
        else:
            raise InvalidQuery(f"unknown type name or number: {item!r}", 2)
    return lambda value: bson_type(value) in wanted


def _cut(value: Any) -> int | None:
    """Cut a number to a whole one; None for what is no number of 64 bits."""
    if isinstance(value, Decimal128):
        exact = value.to_decimal()
        if not exact.is_finite():
            return None
        number = int(exact)
    elif is_number(value) and math.isfinite(value):
        number = math.trunc(value)
    else:
        return None
    return number if -(1 << 63) <= number < 1 << 63 else None


def mod_predicate(argument: Any) -> Callable[[Any], bool]:
    """Return the test of ``$mod``: divisor and remainder, cut to whole numbers."""
    if not isinstance(argument, list) or len(argument) != 2:
        raise InvalidQuery("malformed mod, needs to be an array of two numbers", 2)
    divisor, remainder = map(_cut, argument)
    if not divisor or remainder is None:
        raise InvalidQuery("malformed mod, divisor and remainder must be numbers, and the divisor not 0", 2)

    def test(value: Any) -> bool:
        number = _cut(value)
        if number is None:
            return False
        rest = abs(number) % abs(divisor)  # the sign of the remainder is that of the dividend
        return (-rest if number < 0 else rest) == remainder

    return test
