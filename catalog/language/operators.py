"""Computes the operators that choose among their arguments, bind variables, or read an array as arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from catalog.errors import InvalidQuery, NotSupported
from catalog.language.accumulators import ACCUMULATORS
from catalog.language.kinds import bson_type, nullish, truthy
from catalog.language.values import MISSING

__all__ = ["OPERATORS", "Operator", "Scope"]


class Scope(Protocol):
    """A document and variables against which expressions are computed."""

    def parse(self, expression: Any) -> Any:
        """Compute an expression."""

    def inner(self, **variables: Any) -> Scope:
        """Return a scope with more variables."""


Operator = Callable[[Scope, Any], Any]


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _named(name: str, given: Any, needed: set[str], others: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not needed <= set(given):
        raise InvalidQuery(f"{name} needs {' and '.join(sorted(needed))}", 16879)
    for key in set(given) - needed - others:
        raise NotSupported(f"the embedded catalog does not know {key!r} of {name}; leave it, or use mongodb://", 238)
    return given


def _cond(scope: Scope, given: Any) -> Any:
    if isinstance(given, Mapping):
        told = _named("$cond", given, {"if", "then", "else"})
        given = [told["if"], told["then"], told["else"]]
    condition, yes, no = _listed(given)
    return scope.parse(yes if truthy(scope.parse(condition)) else no)


def _if_null(scope: Scope, given: Any) -> Any:
    *choices, last = _listed(given)
    if not choices:
        raise InvalidQuery("$ifNull needs at least two arguments", 1257300)
    for choice in choices:
        value = scope.parse(choice)
        if not nullish(value):
            return value
    return scope.parse(last)


def _switch(scope: Scope, given: Any) -> Any:
    told = _named("$switch", given, {"branches"}, frozenset({"default"}))
    for branch in told["branches"]:
        if truthy(scope.parse(branch["case"])):
            return scope.parse(branch["then"])
    if "default" not in told:
        raise InvalidQuery("$switch could not find a matching branch for an input, and no default was specified", 40066)
    return scope.parse(told["default"])


def _let(scope: Scope, given: Any) -> Any:
    told = _named("$let", given, {"vars", "in"})
    return scope.inner(**{name: scope.parse(value) for name, value in told["vars"].items()}).parse(told["in"])


def _items(scope: Scope, name: str, expression: Any) -> list[Any] | None:
    value = scope.parse(expression)
    if nullish(value):
        return None
    if not isinstance(value, list):
        raise InvalidQuery(f"input to {name} must be an array not {bson_type(value)}", 16883)
    return value


def _map(scope: Scope, given: Any) -> Any:
    told = _named("$map", given, {"input", "in"}, frozenset({"as"}))
    items, name = _items(scope, "$map", told["input"]), told.get("as", "this")
    if items is None:
        return None
    values = [scope.inner(**{name: item}).parse(told["in"]) for item in items]
    return [None if value is MISSING else value for value in values]


def _filter(scope: Scope, given: Any) -> Any:
    told = _named("$filter", given, {"input", "cond"}, frozenset({"as"}))
    items, name = _items(scope, "$filter", told["input"]), told.get("as", "this")
    if items is None:
        return None
    return [item for item in items if truthy(scope.inner(**{name: item}).parse(told["cond"]))]


def _reduce(scope: Scope, given: Any) -> Any:
    told = _named("$reduce", given, {"input", "initialValue", "in"})
    items = _items(scope, "$reduce", told["input"])
    if items is None:
        return None
    value = scope.parse(told["initialValue"])
    for item in items:
        value = scope.inner(this=item, value=value).parse(told["in"])
    return value


def _over(name: str) -> Operator:
    """Make an accumulator an operator: over one array, or over its arguments."""

    def operator(scope: Scope, given: Any) -> Any:
        values = [scope.parse(item) for item in _listed(given)]
        accumulator = ACCUMULATORS[name]()
        for value in values[0] if len(values) == 1 and isinstance(values[0], list) else values:
            accumulator.add(value)
        return accumulator.result()

    return operator


def _not(scope: Scope, given: Any) -> bool:
    (value,) = _listed(given)
    return not truthy(scope.parse(value))


OPERATORS: dict[str, Operator] = {
    "$literal": lambda scope, given: given,
    "$let": _let,
    "$map": _map,
    "$filter": _filter,
    "$reduce": _reduce,
    "$and": lambda scope, given: all(truthy(scope.parse(item)) for item in _listed(given)),
    "$or": lambda scope, given: any(truthy(scope.parse(item)) for item in _listed(given)),
    "$not": _not,
    "$cond": _cond,
    "$ifNull": _if_null,
    "$switch": _switch,
    **{name: _over(name) for name in ("$sum", "$avg", "$min", "$max", "$stdDevPop", "$stdDevSamp")},
}
