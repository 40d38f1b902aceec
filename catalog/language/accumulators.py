"""Accumulates the values of a group, one at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bson import Code, Decimal128, Int64, MaxKey, MinKey

from catalog.language.arithmetic import exact_sum
from catalog.language.kinds import is_number, no_decimals, nullish, whole
from catalog.language.sets import merge
from catalog.language.values import MISSING, encode_key
from catalog.limits import refused

__all__ = ["ACCUMULATORS", "plain"]


class _Sum:
    """Accumulate ``$sum`` (manual: operator/aggregation/sum)."""

    __slots__ = ("doubles", "integers", "real", "wide")

    def __init__(self) -> None:
        self.integers, self.doubles = 0, [0.0]
        self.real = self.wide = False

    def add(self, value: Any) -> None:
        if isinstance(value, float):
            self.real = True
            self.doubles.append(value)
            if len(self.doubles) > 512:  # a few at a time keep memory flat
                self.doubles = [exact_sum(self.doubles)]
        elif is_number(value):
            self.integers += value
            self.wide = self.wide or isinstance(value, Int64)
        elif isinstance(value, Decimal128):
            raise no_decimals("$sum or $avg")

    def result(self) -> Any:
        if self.real:
            return exact_sum([*self.doubles, float(self.integers)])
        return whole(self.integers, wide=self.wide)


class _Average:
    """Accumulate ``$avg`` (manual: operator/aggregation/avg)."""

    __slots__ = ("count", "sum")

    def __init__(self) -> None:
        self.sum, self.count = _Sum(), 0

    def add(self, value: Any) -> None:
        self.sum.add(value)
        self.count += is_number(value)

    def result(self) -> Any:
        return float(self.sum.result()) / self.count if self.count else None


def plain(name: str, value: Any) -> Any:
    """Return a value a group keeps; a server wraps MinKey and MaxKey and makes text of code, which is not done here."""
    if isinstance(value, (MinKey, MaxKey, Code)):
        raise refused("MinKey, MaxKey and code in a group", f"accumulator {name}:")
    return value


class _Extreme:
    """Accumulate ``$min`` (manual: operator/aggregation/min), and that of max."""

    __slots__ = ("key", "largest", "value")

    def __init__(self, *, largest: bool) -> None:
        self.largest, self.key, self.value = largest, b"", None

    def add(self, value: Any) -> None:
        if nullish(value):
            return
        key = encode_key(value)
        if not self.key or (key > self.key if self.largest else key < self.key):
            self.key, self.value = key, plain("$min or $max", value)

    def result(self) -> Any:
        return self.value


class _Push:
    """Accumulate ``$push`` (manual: operator/aggregation/push)."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self.values.append(value)

    def result(self) -> Any:
        return self.values


class _AddToSet:
    """Accumulate ``$addToSet`` (manual: operator/aggregation/addToSet); in order of appearance."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[bytes, Any] = {}

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self.values.setdefault(encode_key(value), plain("$addToSet", value))

    def result(self) -> Any:
        return list(self.values.values())


class _Fold:
    """Keeps what a function makes of what is kept and the next value: $first, $last, $count, $mergeObjects.

    https://www.mongodb.com/docs/manual/reference/operator/aggregation/first/, and the page of each.
    """

    __slots__ = ("fold", "kept")

    def __init__(self, kept: Any, fold: Callable[[Any, Any], Any]) -> None:
        self.kept, self.fold = kept, fold

    def add(self, value: Any) -> None:
        self.kept = self.fold(self.kept, None if value is MISSING else plain("$first or $last", value))

    def result(self) -> Any:
        return None if self.kept is MISSING else self.kept


class _Deviation:
    """Accumulate ``$stdDevPop`` (manual: operator/aggregation/stdDevPop), and that of stdDevSamp.

    Running mean and squares, by Welford (1962), Technometrics 4, 419.
    """

    __slots__ = ("count", "mean", "sample", "squares")

    def __init__(self, *, sample: bool) -> None:
        self.sample, self.count, self.mean, self.squares = sample, 0, 0.0, 0.0

    def add(self, value: Any) -> None:
        if isinstance(value, Decimal128):
            raise no_decimals("$stdDevPop and $stdDevSamp")
        if is_number(value):
            self.count += 1
            step = value - self.mean
            self.mean += step / self.count
            self.squares += step * (value - self.mean)

    def result(self) -> Any:
        freedom = self.count - 1 if self.sample else self.count
        return math.sqrt(self.squares / freedom) if freedom > 0 else None


ACCUMULATORS: dict[str, Callable[[], Any]] = {
    "$sum": _Sum,
    "$avg": _Average,
    "$min": lambda: _Extreme(largest=False),
    "$max": lambda: _Extreme(largest=True),
    "$first": lambda: _Fold(MISSING, lambda kept, value: value if kept is MISSING else kept),
    "$last": lambda: _Fold(None, lambda kept, value: value),
    "$push": _Push,
    "$addToSet": _AddToSet,
    "$count": lambda: _Fold(0, lambda kept, value: kept + 1),
    "$mergeObjects": lambda: _Fold({}, merge),
    "$stdDevPop": lambda: _Deviation(sample=False),
    "$stdDevSamp": lambda: _Deviation(sample=True),
}
