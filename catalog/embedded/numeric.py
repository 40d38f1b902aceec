"""Computes the aggregation operators of arithmetic, with the BSON types MongoDB gives their results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from bson import Decimal128, Int64

from catalog.embedded.arithmetic import bson_type
from catalog.errors import InvalidQuery
from catalog.limits import refusal
from catalog.values import MISSING, encode_key

__all__ = [
    "NUMERIC_OPERATORS",
    "Operator",
    "Scope",
    "arguments",
    "extreme",
    "is_number",
    "mean",
    "no_decimals",
    "nullish",
    "numbers_of",
    "share",
    "total",
    "truthy",
    "whole",
]


class Scope(Protocol):
    """A document and variables against which expressions are computed."""

    def parse(self, expression: Any) -> Any:
        """Compute an expression."""

    def inner(self, **variables: Any) -> Scope:
        """Give a scope with more variables."""


Operator = Callable[[Scope, Any], Any]


def truthy(value: Any) -> bool:
    """Tell whether MongoDB takes a value for true: all but false, null, missing and zero."""
    if value is None or value is MISSING or value is False:
        return False
    return not (isinstance(value, (int, float)) and value == 0)


def nullish(value: Any) -> bool:
    """Tell whether a value is null or missing."""
    return value is None or value is MISSING


def is_number(value: Any) -> bool:
    """Tell whether a value is a number (a bool is none)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def no_decimals(name: str) -> InvalidQuery:
    """Make the error that refuses to compute with Decimal128."""
    return refusal("Decimal128 arithmetic", f"operator {name}:") or InvalidQuery(f"{name} of a Decimal128", 238)


def arguments(name: str, given: Any, least: int, most: int | None = None) -> list[Any]:
    """Give an operator's arguments as a list of an allowed length."""
    items = list(given) if isinstance(given, list) else [given]
    most = least if most is None else most
    if not least <= len(items) <= most:
        raise InvalidQuery(f"Expression {name} takes {least} to {most} arguments, {len(items)} were passed in", 16020)
    return items


def number(name: str, value: Any) -> Any:
    """Give a number back, or refuse what is none."""
    if isinstance(value, Decimal128):
        raise no_decimals(name)
    if not is_number(value):
        raise InvalidQuery(f"{name} only supports numeric types, not {bson_type(value)}", 14)
    return value


def whole(value: int, *operands: Any) -> Any:
    """Give an integer the BSON type MongoDB gives it, a double if 64 bits do not hold it."""
    if not -(1 << 63) <= value < 1 << 63:
        return float(value)
    wide = any(isinstance(operand, Int64) for operand in operands) or not -(1 << 31) <= value < 1 << 31
    return Int64(value) if wide else int(value)


def _add(scope: Scope, given: Any) -> Any:
    values = [scope.parse(item) for item in (given if isinstance(given, list) else [given])]
    if any(nullish(value) for value in values):
        return None
    dates = [value for value in values if isinstance(value, datetime)]
    rest = [number("$add", value) for value in values if not isinstance(value, datetime)]
    if not dates:
        return _sum(rest)
    if len(dates) > 1:
        raise InvalidQuery("only one date allowed in an $add expression", 16612)
    return dates[0] + timedelta(milliseconds=round(sum(rest)))


def _sum(values: Sequence[Any]) -> Any:
    if any(isinstance(value, float) for value in values):
        return math.fsum(values) if all(map(math.isfinite, values)) else float(sum(values))
    return whole(sum(values), *values)


def _multiply(scope: Scope, given: Any) -> Any:
    values = [scope.parse(item) for item in (given if isinstance(given, list) else [given])]
    if any(nullish(value) for value in values):
        return None
    product = math.prod(number("$multiply", value) for value in values)
    return product if isinstance(product, float) else whole(product, *values)


def _subtract(scope: Scope, given: Any) -> Any:
    left, right = (scope.parse(item) for item in arguments("$subtract", given, 2))
    if nullish(left) or nullish(right):
        return None
    if isinstance(left, datetime):
        if isinstance(right, datetime):
            return Int64((left - right) // timedelta(milliseconds=1))
        return left - timedelta(milliseconds=round(number("$subtract", right)))
    difference = number("$subtract", left) - number("$subtract", right)
    return difference if isinstance(difference, float) else whole(difference, left, right)


def _binary(name: str, compute: Callable[[Any, Any], Any]) -> Operator:
    def operator(scope: Scope, given: Any) -> Any:
        left, right = (scope.parse(item) for item in arguments(name, given, 2))
        if nullish(left) or nullish(right):
            return None
        result = compute(number(name, left), number(name, right))
        return result if isinstance(result, float) else whole(result, left, right)

    return operator


def _divide(left: Any, right: Any) -> float:
    if right == 0:
        raise InvalidQuery("can't $divide by zero", 2)
    return float(left / right)


def _mod(left: Any, right: Any) -> Any:
    if right == 0:
        raise InvalidQuery("can't $mod by zero", 16610)
    if isinstance(left, float) or isinstance(right, float):
        return math.fmod(left, right)
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _pow(left: Any, right: Any) -> Any:
    if left == 0 and right < 0:
        raise InvalidQuery("$pow cannot take a base of 0 and a negative exponent", 28764)
    if isinstance(left, float) or isinstance(right, float) or right < 0:
        try:
            return math.pow(left, right)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan
    return left**right if right * max(abs(left).bit_length(), 1) < 4096 else math.inf


def _unary(name: str, compute: Callable[[Any], Any]) -> Operator:
    def operator(scope: Scope, given: Any) -> Any:
        value = scope.parse(arguments(name, given, 1)[0])
        if nullish(value):
            return None
        result = compute(number(name, value))
        return result if isinstance(result, float) else whole(result, value)

    return operator


def _exp(value: Any) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _to_whole(rounding: Callable[[float], int]) -> Callable[[Any], Any]:
    """Round a double to a double: integers stay what they are."""

    def compute(value: Any) -> Any:
        finite = isinstance(value, float) and math.isfinite(value)
        return (
            math.copysign(rounding(value), value)
            if finite and not rounding(value)
            else (float(rounding(value)) if finite else value)
        )

    return compute


def _placed(name: str, rounding: Callable[[Any, int], Any]) -> Operator:
    def operator(scope: Scope, given: Any) -> Any:
        items = [scope.parse(item) for item in arguments(name, given, 1, 2)]
        if any(nullish(item) for item in items):
            return None
        value, place = number(name, items[0]), items[1] if len(items) == 2 else 0
        if isinstance(value, float):
            return float(rounding(value, int(place))) if math.isfinite(value) else value
        return value if place >= 0 else whole(rounding(value, int(place)), value)

    return operator


def _cut(value: Any, place: int) -> Any:
    scale = 10 ** abs(place)
    return math.trunc(value * scale) / scale if place >= 0 else math.trunc(value / scale) * scale


def extreme(values: Sequence[Any], *, largest: bool) -> Any:
    """Give the least or largest value in MongoDB's order, null if there is none but null and missing."""
    known = [value for value in values if not nullish(value)]
    if not known:
        return None
    return max(known, key=encode_key) if largest else min(known, key=encode_key)


def numbers_of(name: str, values: Sequence[Any]) -> list[Any]:
    """Give what is a number among some values."""
    if any(isinstance(value, Decimal128) for value in values):
        raise no_decimals(name)
    return [value for value in values if is_number(value)]


def total(values: Sequence[Any]) -> Any:
    """Add what is a number and pass over the rest, as ``$sum`` does."""
    return _sum(numbers_of("$sum", values))


def share(sum_: Any, count: int) -> Any:
    """Divide a sum by its count; null if there is none."""
    return float(sum_ / count) if count else None


def mean(values: Sequence[Any]) -> Any:
    """Average what is a number and pass over the rest, as ``$avg`` does."""
    known = numbers_of("$avg", values)
    return share(_sum(known), len(known))


def _over(compute: Callable[[Sequence[Any]], Any]) -> Operator:
    """Make an accumulator an operator: over one array, or over its arguments."""

    def operator(scope: Scope, given: Any) -> Any:
        if isinstance(given, list) and len(given) != 1:
            return compute([scope.parse(item) for item in given])
        value = scope.parse(given[0] if isinstance(given, list) else given)
        return compute(value if isinstance(value, list) else [value])

    return operator


NUMERIC_OPERATORS: dict[str, Operator] = {
    "$add": _add,
    "$subtract": _subtract,
    "$multiply": _multiply,
    "$divide": _binary("$divide", _divide),
    "$mod": _binary("$mod", _mod),
    "$pow": _binary("$pow", _pow),
    "$exp": _unary("$exp", _exp),
    "$abs": _unary("$abs", abs),
    "$ceil": _unary("$ceil", _to_whole(math.ceil)),
    "$floor": _unary("$floor", _to_whole(math.floor)),
    "$round": _placed("$round", round),
    "$trunc": _placed("$trunc", _cut),
    "$sum": _over(total),
    "$avg": _over(mean),
    "$min": _over(lambda values: extreme(values, largest=False)),
    "$max": _over(lambda values: extreme(values, largest=True)),
}
