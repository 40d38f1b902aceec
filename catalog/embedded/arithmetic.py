"""Holds the tests a filter makes of the type and the bits of a value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from catalog.errors import InvalidQuery
from catalog.values import MISSING

__all__ = ["NUMBER_TYPES", "bits_predicate", "bson_type", "mod_predicate", "type_predicate"]

_CODES = {
    1: "double", 2: "string", 3: "object", 4: "array", 5: "binData", 6: "undefined", 7: "objectId", 8: "bool",
    9: "date", 10: "null", 11: "regex", 12: "dbPointer", 13: "javascript", 14: "symbol",
    15: "javascriptWithScope", 16: "int", 17: "timestamp", 18: "long", 19: "decimal", -1: "minKey",
    127: "maxKey",
}  # fmt: skip
_NAMES = frozenset(_CODES.values())
NUMBER_TYPES = frozenset({"double", "int", "long", "decimal"})
_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "bool"),
    (Int64, "long"),
    (float, "double"),
    (Code, "javascript"),
    (str, "string"),
    ((dict, DBRef), "object"),
    ((list, tuple), "array"),
    ((bytes, Binary), "binData"),
    (ObjectId, "objectId"),
    ((datetime, DatetimeMS), "date"),
    (Decimal128, "decimal"),
    (Timestamp, "timestamp"),
    ((Regex, re.Pattern), "regex"),
    (MinKey, "minKey"),
    (MaxKey, "maxKey"),
)


def bson_type(value: Any) -> str:
    """Give the name MongoDB has for the type of a value; ``missing`` if there is none."""
    if value is None:
        return "null"
    if value is MISSING:
        return "missing"
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return "javascriptWithScope" if isinstance(value, Code) and value.scope is not None else name
    if isinstance(value, int):
        return "int" if -(1 << 31) <= value < 1 << 31 else "long"
    raise TypeError(f"no BSON type for {type(value).__name__}")


def type_predicate(argument: Any) -> Callable[[Any], bool]:
    """Make the test of ``$type``: a name, a number, or an array of them."""
    wanted: set[str] = set()
    for item in argument if isinstance(argument, list) else [argument]:
        name = _CODES.get(int(item)) if isinstance(item, (int, float)) and not isinstance(item, bool) else item
        if name == "number":
            wanted |= NUMBER_TYPES
        elif isinstance(name, str) and name in _NAMES:
            wanted.add(name)
        else:
            raise InvalidQuery(f"unknown type name or number: {item!r}", 2)
    return lambda value: bson_type(value) in wanted


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal128):
        value = float(value.to_decimal())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return math.trunc(value)
    return None


def mod_predicate(argument: Any) -> Callable[[Any], bool]:
    """Make the test of ``$mod``: divisor and remainder, cut to whole numbers."""
    if not isinstance(argument, list) or len(argument) != 2:
        raise InvalidQuery("malformed mod, needs to be an array of two numbers", 2)
    divisor, remainder = (_whole(item) for item in argument)
    if divisor is None or remainder is None:
        raise InvalidQuery("malformed mod, divisor and remainder must be numbers", 2)
    if divisor == 0:
        raise InvalidQuery("divisor cannot be 0", 2)

    def test(value: Any) -> bool:
        whole = _whole(value)
        if whole is None:
            return False
        rest = abs(whole) % abs(divisor)  # the sign of the remainder is that of the dividend
        return (-rest if whole < 0 else rest) == remainder

    return test


def _mask(argument: Any) -> int:
    if isinstance(argument, bytes):
        return int.from_bytes(argument, "little")
    if isinstance(argument, list):
        if any(isinstance(item, bool) or not isinstance(item, int) or item < 0 for item in argument):
            raise InvalidQuery("bit positions must be whole numbers that are not negative", 2)
        return sum(1 << min(int(position), 4096) for position in set(argument))
    whole = _whole(argument)
    if whole is None or whole < 0 or whole != argument:
        raise InvalidQuery("a bit mask must be a whole number that is not negative", 2)
    return whole


def bits_predicate(operator: str, argument: Any) -> Callable[[Any], bool]:
    """Make the test of ``$bitsAllSet`` and its three relatives."""
    mask = _mask(argument)
    wants_set, wants_all = operator.endswith("Set"), "All" in operator

    def test(value: Any) -> bool:
        if isinstance(value, bytes):
            bits = int.from_bytes(value, "little")
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and value == _whole(value):
            bits = int(value)
        else:
            return False
        hit = (bits if wants_set else ~bits) & mask
        return hit == mask if wants_all else hit != 0

    return test
