"""Groups documents, in one pass and without keeping them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bson import Decimal128, Int64

from catalog.embedded.engine import compile_expression
from catalog.embedded.numeric import is_number, no_decimals, nullish, share, whole
from catalog.errors import InvalidQuery
from catalog.limits import refusal
from catalog.values import MISSING, encode_key

__all__ = ["ACCUMULATORS", "group"]

Document = dict[str, Any]


class _Sum:
    __slots__ = ("doubles", "integers", "real", "wide")

    def __init__(self) -> None:
        self.integers, self.doubles = 0, [0.0]
        self.real = self.wide = False

    def add(self, value: Any) -> None:
        if isinstance(value, float):
            self.real = True
            self.doubles.append(value)
            if len(self.doubles) > 512:  # fsum over a few at a time keeps memory flat
                self.doubles = [_exact_sum(self.doubles)]
        elif is_number(value):
            self.integers += value
            self.wide = self.wide or isinstance(value, Int64)
        elif isinstance(value, Decimal128):
            raise no_decimals("$sum or $avg")

    def result(self) -> Any:
        if self.real:
            return _exact_sum([*self.doubles, float(self.integers)])
        return whole(self.integers, Int64(0) if self.wide else 0)


def _exact_sum(values: list[float]) -> float:
    return math.fsum(values) if all(map(math.isfinite, values)) else float(sum(values))


class _Average:
    __slots__ = ("count", "sum")

    def __init__(self) -> None:
        self.sum, self.count = _Sum(), 0

    def add(self, value: Any) -> None:
        self.sum.add(value)
        self.count += is_number(value)

    def result(self) -> Any:
        return share(self.sum.result(), self.count)


class _Extreme:
    __slots__ = ("key", "largest", "value")

    def __init__(self, *, largest: bool) -> None:
        self.largest, self.key, self.value = largest, b"", None

    def add(self, value: Any) -> None:
        if nullish(value):
            return
        key = encode_key(value)
        if not self.key or (key > self.key if self.largest else key < self.key):
            self.key, self.value = key, value

    def result(self) -> Any:
        return self.value


class _First:
    __slots__ = ("empty", "value")

    def __init__(self) -> None:
        self.empty, self.value = True, None

    def add(self, value: Any) -> None:
        if self.empty:
            self.empty, self.value = False, None if value is MISSING else value

    def result(self) -> Any:
        return self.value


class _Last:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = None

    def add(self, value: Any) -> None:
        self.value = None if value is MISSING else value

    def result(self) -> Any:
        return self.value


class _Push:
    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self.values.append(value)

    def result(self) -> Any:
        return self.values


class _AddToSet:
    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[bytes, Any] = {}

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self.values.setdefault(encode_key(value), value)

    def result(self) -> Any:
        return list(self.values.values())


class _Count:
    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def add(self, value: Any) -> None:
        self.count += 1

    def result(self) -> Any:
        return self.count


class _MergeObjects:
    __slots__ = ("merged",)

    def __init__(self) -> None:
        self.merged: Document = {}

    def add(self, value: Any) -> None:
        if nullish(value):
            return
        if not isinstance(value, dict):
            raise InvalidQuery("$mergeObjects requires object inputs", 40400)
        self.merged.update(value)

    def result(self) -> Any:
        return self.merged


class _Deviation:
    """Running mean and squares, by Welford (1962), Technometrics 4, 419."""

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
    "$first": _First,
    "$last": _Last,
    "$push": _Push,
    "$addToSet": _AddToSet,
    "$count": _Count,
    "$mergeObjects": _MergeObjects,
    "$stdDevPop": lambda: _Deviation(sample=False),
    "$stdDevSamp": lambda: _Deviation(sample=True),
}


def check_group(options: Any) -> None:
    """Refuse what is no valid ``$group``.

    Raises
    ------
    InvalidQuery
        If the specification is not valid.
    """
    if not isinstance(options, Mapping) or "_id" not in options:
        raise InvalidQuery("a group specification must include an _id", 15955)
    for name, accumulator in options.items():
        if name != "_id":
            check_accumulator(name, accumulator)


def check_accumulator(name: str, accumulator: Any) -> None:
    """Refuse what is no valid accumulated field."""
    if "." in name:
        raise InvalidQuery(f"The field name '{name}' cannot contain '.'", 40235)
    if not isinstance(accumulator, Mapping):
        raise InvalidQuery(f"The field '{name}' must be an accumulator object", 40234)
    if len(accumulator) != 1:
        raise InvalidQuery(f"The field '{name}' must specify one accumulator", 40238)
    (operator,) = accumulator
    if operator not in ACCUMULATORS:
        raise refusal(operator, "accumulator") or InvalidQuery(f"unknown group operator '{operator}'", 15952)
    if operator == "$count" and accumulator[operator] != {}:
        raise InvalidQuery("$count takes no arguments, i.e. $count:{}", 72)


def group(documents: Iterable[Document], options: Mapping[str, Any], variables: Mapping[str, Any]) -> list[Document]:
    """Group documents by the value of an expression.

    Keys are equal where MongoDB's are: 30 and 30.0 are, True and 1 are not, NaN is to itself. A missing
    key is null; a missing field of a compound key stays missing.

    Parameters
    ----------
    documents : iterable of dict
        The documents, taken one at a time.
    options : mapping
        The specification of ``$group``.
    variables : mapping
        Variables of the pipeline.

    Returns
    -------
    list of dict
        One document a group, ``_id`` first, in the order of the groups' first members.
    """
    key_of = compile_expression(options["_id"], variables)
    fields = [
        (name, ACCUMULATORS[operator], compile_expression(argument, variables))
        for name, accumulator in options.items()
        if name != "_id"
        for operator, argument in accumulator.items()
    ]
    computes = [compute for _, _, compute in fields]
    groups: dict[bytes, tuple[Any, list[Any]]] = {}
    for document in documents:
        identity = key_of(document)
        key = encode_key(identity)
        known = groups.get(key)
        if known is None:
            known = groups[key] = (
                None if identity is MISSING else identity,
                [make() for _, make, _ in fields],
            )
        for accumulator, compute in zip(known[1], computes, strict=True):
            accumulator.add(compute(document))
    names = [name for name, _, _ in fields]
    return [
        {"_id": identity, **{name: item.result() for name, item in zip(names, accumulators, strict=True)}}
        for identity, accumulators in groups.values()
    ]
