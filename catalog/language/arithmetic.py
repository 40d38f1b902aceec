"""Computes with numbers: the arithmetic operators of expressions.

Integers of 32 bits grow to 64 and then to doubles, as MongoDB's do; Decimal128 is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from bson import Int64
from bson.datetime_ms import DatetimeMS

from catalog.errors import InvalidQuery
from catalog.language.functions import Operators, positional
from catalog.language.kinds import instant, milliseconds_of, nullish, numeric, whole

__all__ = ["OPERATORS", "exact_sum", "total"]

OPERATORS: Operators = {}
_EXACT = Context(prec=400)


def _wide(*values: Any) -> bool:
    """Tell whether one of some integers has 64 bits."""
    return any(isinstance(value, Int64) or not -(1 << 31) <= value < 1 << 31 for value in values)


@positional(OPERATORS, "$abs", null=True)
def absolute(value: Any) -> Any:
    """Compute ``$abs`` (manual: operator/aggregation/abs)."""
    value = numeric("$abs", value, 28765)
    if isinstance(value, float):
        return abs(value)
    if value == -(1 << 63):
        raise InvalidQuery("can't take $abs of long long min", 28680)
    return whole(abs(value), wide=isinstance(value, Int64))


def _rounded(name: str, cut: Callable[[float], int]) -> Callable[[Any], Any]:
    def function(value: Any) -> Any:
        value = numeric(name, value, 28765)
        if isinstance(value, float) and math.isfinite(value):
            return math.copysign(float(cut(value)), value)  # minus zero too
        return value

    function.__doc__ = f"Compute ``{name}`` (manual: operator/aggregation/{name[1:]})."
    return function


ceiling = positional(OPERATORS, "$ceil", null=True)(_rounded("$ceil", math.ceil))
floor = positional(OPERATORS, "$floor", null=True)(_rounded("$floor", math.floor))


def _to_place(name: str, mode: str, value: Any, place: Any) -> Any:
    if nullish(value) or nullish(place):
        return None
    value, place = numeric(name, value, 51081), numeric(name, place, 51082)
    if not math.isfinite(place) or place != int(place):
        raise InvalidQuery(f"precision argument to {name} must be an integral value", 51082)
    if not -20 <= place <= 100:
        raise InvalidQuery(f"cannot apply {name} with precision value {place}: it must be in [-20, 100]", 51083)
    if isinstance(value, float) and not math.isfinite(value):
        return value
    if isinstance(value, int) and place >= 0:
        return value
    exact = Decimal(value).quantize(Decimal(1).scaleb(-int(place)), mode, _EXACT)
    if isinstance(value, float):
        return math.copysign(float(exact), value)
    if not -(1 << 63) <= exact < 1 << 63:
        raise InvalidQuery(f"invalid conversion from Decimal128 result in {name} of {value}", 51080)
    return whole(int(exact), wide=isinstance(value, Int64))


@positional(OPERATORS, "$round", 1, 2)
def round_half_even(value: Any, place: Any = 0) -> Any:
    """Compute ``$round`` (manual: operator/aggregation/round)."""
    return _to_place("$round", ROUND_HALF_EVEN, value, place)


@positional(OPERATORS, "$trunc", 1, 2)
def truncate(value: Any, place: Any = 0) -> Any:
    """Compute ``$trunc`` (manual: operator/aggregation/trunc)."""
    return _to_place("$trunc", ROUND_DOWN, value, place)


@positional(OPERATORS, "$sqrt", null=True)
def square_root(value: Any) -> Any:
    """Compute ``$sqrt`` (manual: operator/aggregation/sqrt)."""
    if numeric("$sqrt", value, 28765) < 0:
        raise InvalidQuery("$sqrt's argument must be greater than or equal to 0", 28714)
    return math.sqrt(value)


@positional(OPERATORS, "$exp", null=True)
def exponential(value: Any) -> Any:
    """Compute ``$exp`` (manual: operator/aggregation/exp)."""
    try:
        return math.exp(numeric("$exp", value, 28765))
    except OverflowError:
        return math.inf


@positional(OPERATORS, "$ln", null=True)
def natural_logarithm(value: Any) -> Any:
    """Compute ``$ln`` (manual: operator/aggregation/ln)."""
    if numeric("$ln", value, 28765) <= 0:
        raise InvalidQuery(f"$ln's argument must be a positive number, but is {value}", 28766)
    return math.log(value)


@positional(OPERATORS, "$log10", null=True)
def decimal_logarithm(value: Any) -> Any:
    """Compute ``$log10`` (manual: operator/aggregation/log10)."""
    if numeric("$log10", value, 28765) <= 0:
        raise InvalidQuery(f"$log10's argument must be a positive number, but is {value}", 28761)
    return math.log10(value)


def exact_sum(values: list[float]) -> float:
    """Return the sum of doubles, rounded once; infinite where it overflows."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # of a sum on the way, or of infinities of both signs
        return sum(values)


def total(numbers: list[Any]) -> Any:
    """Return the sum of numbers, of the type MongoDB gives it."""
    if any(isinstance(value, float) for value in numbers):
        return exact_sum([float(value) for value in numbers])
    return whole(sum(numbers), wide=_wide(*numbers))


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


@positional(OPERATORS, "$add", 0, None)
def add(*values: Any) -> Any:
    """Compute ``$add`` (manual: operator/aggregation/add)."""
    date: Any = None
    numbers: list[Any] = []
    for value in values:
        if nullish(value):
            return None
        if isinstance(value, (datetime, DatetimeMS)):
            if date is not None:
                raise InvalidQuery("only one date allowed in an $add expression", 16612)
            date = value
        else:
            numbers.append(numeric("$add", value, 16554))
    return total(numbers) if date is None else _shifted("$add", date, numbers)


def _shifted(name: str, date: datetime | DatetimeMS, numbers: list[Any]) -> Any:
    """Move a date by milliseconds; half of one counts away from zero."""
    shift = 0
    for number in numbers:
        if not _finite(number):
            raise InvalidQuery(f"{name} cannot move a date by {number}", 15)
        shift += math.floor(abs(number) + 0.5) * (1 if number > 0 else -1) if isinstance(number, float) else number
    return instant(milliseconds_of(date) + shift)


@positional(OPERATORS, "$subtract", 2)
def subtract(left: Any, right: Any) -> Any:
    """Compute ``$subtract`` (manual: operator/aggregation/subtract)."""
    if nullish(left) or nullish(right):
        return None
    dates = isinstance(left, (datetime, DatetimeMS)), isinstance(right, (datetime, DatetimeMS))
    if all(dates):
        return Int64(milliseconds_of(left) - milliseconds_of(right))
    if dates[0]:
        return _shifted("$subtract", left, [-numeric("$subtract", right, 16556)])
    left, right = numeric("$subtract", left, 16556), numeric("$subtract", right, 16556)
    if isinstance(left, float) or isinstance(right, float):
        return float(left) - float(right)
    return whole(left - right, wide=_wide(left, right))


@positional(OPERATORS, "$multiply", 0, None)
def multiply(*values: Any) -> Any:
    """Compute ``$multiply`` (manual: operator/aggregation/multiply)."""
    product: Any = 1
    for value in values:
        if nullish(value):
            return None
        value = numeric("$multiply", value, 16555)
        if isinstance(value, float) or isinstance(product, float):
            product = float(product) * float(value)
        else:
            product = whole(product * value, wide=_wide(product, value))
    return product


@positional(OPERATORS, "$divide", 2, null=True)
def divide(left: Any, right: Any) -> Any:
    """Compute ``$divide`` (manual: operator/aggregation/divide)."""
    left, right = numeric("$divide", left, 16609), numeric("$divide", right, 16609)
    if right == 0:
        raise InvalidQuery("can't $divide by zero", 2)
    return float(left) / float(right)


@positional(OPERATORS, "$mod", 2, null=True)
def modulo(left: Any, right: Any) -> Any:
    """Compute ``$mod`` (manual: operator/aggregation/mod)."""
    left, right = numeric("$mod", left, 16611), numeric("$mod", right, 16611)
    if right == 0:
        raise InvalidQuery("can't $mod by zero", 16610)
    if isinstance(left, float) or isinstance(right, float):
        return math.fmod(left, right) if math.isfinite(left) else math.nan
    rest = abs(left) % abs(right)
    return whole(-rest if left < 0 else rest, wide=_wide(left, right))


@positional(OPERATORS, "$pow", 2, null=True)
def power(base: Any, exponent: Any) -> Any:
    """Compute ``$pow`` (manual: operator/aggregation/pow)."""
    base, exponent = numeric("$pow", base, 28762), numeric("$pow", exponent, 28763)
    if base == 0 and exponent < 0:
        raise InvalidQuery("$pow cannot take a base of 0 and a negative exponent", 28764)
    if isinstance(base, int) and isinstance(exponent, int) and (exponent >= 0 or abs(base) == 1):
        exact = base ** (exponent % 2 if abs(base) == 1 else min(exponent, 64)) if abs(base) > 1 or exponent else 1
        if -(1 << 63) <= exact < 1 << 63:
            return whole(exact, wide=_wide(base, exponent))
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return math.nan
