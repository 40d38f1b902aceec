"""Tells BSON types and numbers apart, as MongoDB does."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from catalog.errors import InvalidQuery
from catalog.language.values import MISSING
from catalog.limits import refusal

__all__ = [
    "NUMBER_TYPES",
    "bson_type",
    "is_number",
    "mod_predicate",
    "no_decimals",
    "nullish",
    "truthy",
    "type_predicate",
    "whole",
]

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
    """Return the name MongoDB has for the type of a value; ``missing`` if there is none."""
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


def nullish(value: Any) -> bool:
    """Tell whether a value is null or missing."""
    return value is None or value is MISSING


def truthy(value: Any) -> bool:
    """Tell whether MongoDB takes a value for true: all but false, null, missing and zero."""
    if value is None or value is MISSING or value is False:
        return False
    return not (isinstance(value, (int, float)) and value == 0)


def is_number(value: Any) -> bool:
    """Tell whether a value is a number to compute with; a bool and a Decimal128 are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def no_decimals(name: str) -> InvalidQuery:
    """Make the error that refuses to compute with Decimal128."""
    return refusal("Decimal128 arithmetic", f"operator {name}:") or InvalidQuery(f"{name} of a Decimal128", 238)


def whole(value: int, *, wide: bool = False) -> Any:
    """Return an integer the BSON type MongoDB gives it, a double if 64 bits do not hold it."""
    if not -(1 << 63) <= value < 1 << 63:
        return float(value)
    return Int64(value) if wide or not -(1 << 31) <= value < 1 << 31 else int(value)


def type_predicate(argument: Any) -> Callable[[Any], bool]:
    """Make the test of ``$type``: a name, a number, or an array of them."""
    wanted: set[str] = set()
    for item in argument if isinstance(argument, list) else [argument]:
        name = _CODES.get(int(item)) if is_number(item) else item
        if name == "number":
            wanted |= NUMBER_TYPES
        elif isinstance(name, str) and name in _NAMES:
            wanted.add(name)
        else:
            raise InvalidQuery(f"unknown type name or number: {item!r}", 2)
    return lambda value: bson_type(value) in wanted


def _cut(value: Any) -> int | None:
    """Cut a number to a whole one; None for what is no finite number."""
    if isinstance(value, Decimal128):
        value = float(value.to_decimal())
    return math.trunc(value) if is_number(value) and math.isfinite(value) else None


def mod_predicate(argument: Any) -> Callable[[Any], bool]:
    """Make the test of ``$mod``: divisor and remainder, cut to whole numbers."""
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
