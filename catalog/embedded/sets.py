"""Computes the aggregation operators on sets, and the conversions to numbers and truth."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from bson import Decimal128, Int64

from catalog.embedded.arithmetic import NUMBER_TYPES, bson_type
from catalog.embedded.numeric import Operator, Scope, arguments, nullish, truthy
from catalog.errors import InvalidQuery
from catalog.values import encode_key

__all__ = ["SET_OPERATORS"]

Set = dict[bytes, Any]
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants inside the engine are naive UTC


def _sets(scope: Scope, name: str, given: Any, least: int = 1, most: int = 1000) -> list[Set] | None:
    """Give the arguments as sets, keyed by MongoDB's equality; None if one of them is null."""
    sets: list[Set] = []
    for value in [scope.parse(item) for item in arguments(name, given, least, most)]:
        if nullish(value) and name not in ("$setEquals", "$setIsSubset"):
            return None
        if not isinstance(value, list):
            raise InvalidQuery(
                f"All operands of {name} must be arrays. One argument is of type: {bson_type(value)}", 17043
            )
        found: Set = {}
        for item in value:
            found.setdefault(encode_key(item), item)
        sets.append(found)
    return sets


def _union(scope: Scope, given: Any) -> Any:
    sets = _sets(scope, "$setUnion", given)
    if sets is None:
        return None
    merged: Set = {}
    for one in sets:
        merged = {**one, **merged}
    return [merged[key] for key in sorted(merged)]


def _intersection(scope: Scope, given: Any) -> Any:
    sets = _sets(scope, "$setIntersection", given)
    if sets is None:
        return None
    common = set(sets[0]).intersection(*sets[1:])
    return [sets[0][key] for key in sorted(common)]


def _difference(scope: Scope, given: Any) -> Any:
    sets = _sets(scope, "$setDifference", given, 2, 2)
    return None if sets is None else [item for key, item in sets[0].items() if key not in sets[1]]


def _equals(scope: Scope, given: Any) -> bool:
    first, *rest = _sets(scope, "$setEquals", given, 2) or []
    return all(first.keys() == other.keys() for other in rest)


def _subset(scope: Scope, given: Any) -> bool:
    inner, outer = _sets(scope, "$setIsSubset", given, 2, 2) or [{}, {}]
    return inner.keys() <= outer.keys()


def _plain(name: str, value: Any) -> Any:
    if nullish(value) or isinstance(value, (bool, int, float, str, Decimal128)):
        return value
    raise InvalidQuery(f"Unsupported conversion from {bson_type(value)} in {name}", 241)


def _whole(name: str, bits: int) -> Operator:
    def operator(scope: Scope, given: Any) -> Any:
        value = scope.parse(arguments(name, given, 1)[0])
        if isinstance(value, datetime) and bits == 64:
            return Int64((value - _EPOCH) // timedelta(milliseconds=1))
        value = _plain(name, value)
        if nullish(value):
            return None
        try:
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError("not finite")
            if isinstance(value, str) and value != value.strip():
                raise ValueError("blanks")
            number = int(value.to_decimal()) if isinstance(value, Decimal128) else int(value)
        except (ValueError, ArithmeticError):
            raise InvalidQuery(f"Failed to parse number '{value}' in {name}", 241) from None
        if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
            raise InvalidQuery(f"Conversion would overflow target type in {name}: {value}", 241)
        return number if bits == 32 else Int64(number)

    return operator


def _double(scope: Scope, given: Any) -> Any:
    value = scope.parse(arguments("$toDouble", given, 1)[0])
    if isinstance(value, datetime):
        return float((value - _EPOCH) // timedelta(milliseconds=1))
    value = _plain("$toDouble", value)
    if nullish(value):
        return None
    try:
        if isinstance(value, str) and (value != value.strip() or "_" in value):
            raise ValueError("blanks")
        return float(value.to_decimal()) if isinstance(value, Decimal128) else float(value)
    except ValueError:
        raise InvalidQuery(f"Failed to parse number '{value}' in $toDouble", 241) from None


def _bool(scope: Scope, given: Any) -> Any:
    value = scope.parse(arguments("$toBool", given, 1)[0])
    return None if nullish(value) else truthy(value)


SET_OPERATORS: dict[str, Operator] = {
    "$setUnion": _union,
    "$setIntersection": _intersection,
    "$setDifference": _difference,
    "$setEquals": _equals,
    "$setIsSubset": _subset,
    "$isNumber": lambda scope, given: bson_type(scope.parse(arguments("$isNumber", given, 1)[0])) in NUMBER_TYPES,
    "$toInt": _whole("$toInt", 32),
    "$toLong": _whole("$toLong", 64),
    "$toDouble": _double,
    "$toBool": _bool,
}
