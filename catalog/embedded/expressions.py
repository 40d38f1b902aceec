"""Computes the aggregation operators of logic and comparison, and those that bind variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from catalog.embedded.arithmetic import bson_type
from catalog.embedded.numeric import Operator, Scope, arguments, nullish, truthy
from catalog.errors import InvalidQuery
from catalog.values import MISSING, encode_key

__all__ = ["LOGIC_OPERATORS"]


def _compare(test: Callable[[bytes, bytes], Any]) -> Callable[[str], Operator]:
    def make(name: str) -> Operator:
        def operator(scope: Scope, given: Any) -> Any:
            left, right = (scope.parse(item) for item in arguments(name, given, 2))
            return test(_aggregation_key(left), _aggregation_key(right))

        return operator

    return make


def _aggregation_key(value: Any) -> bytes:
    """Give the key of a value where missing comes before null, as it does in aggregation."""
    return b"\x02" if value is MISSING else encode_key(value)


def _and(scope: Scope, given: Any) -> bool:
    return all(truthy(scope.parse(item)) for item in (given if isinstance(given, list) else [given]))


def _or(scope: Scope, given: Any) -> bool:
    return any(truthy(scope.parse(item)) for item in (given if isinstance(given, list) else [given]))


def _not(scope: Scope, given: Any) -> bool:
    return not truthy(scope.parse(arguments("$not", given, 1)[0]))


def _cond(scope: Scope, given: Any) -> Any:
    if isinstance(given, Mapping):
        if set(given) != {"if", "then", "else"}:
            raise InvalidQuery("$cond needs 'if', 'then' and 'else'", 17080)
        given = [given["if"], given["then"], given["else"]]
    condition, yes, no = arguments("$cond", given, 3)
    return scope.parse(yes if truthy(scope.parse(condition)) else no)


def _if_null(scope: Scope, given: Any) -> Any:
    *choices, last = arguments("$ifNull", given, 2, 1000)
    for choice in choices:
        value = scope.parse(choice)
        if not nullish(value):
            return value
    return scope.parse(last)


def _switch(scope: Scope, given: Any) -> Any:
    branches = given.get("branches") if isinstance(given, Mapping) else None
    if not isinstance(branches, list) or not branches:
        raise InvalidQuery("$switch requires at least one branch", 40068)
    for branch in branches:
        if truthy(scope.parse(branch["case"])):
            return scope.parse(branch["then"])
    if "default" not in given:
        raise InvalidQuery("$switch could not find a matching branch for an input, and no default was specified", 40066)
    return scope.parse(given["default"])


def _let(scope: Scope, given: Any) -> Any:
    if not isinstance(given, Mapping) or set(given) != {"vars", "in"}:
        raise InvalidQuery("$let needs 'vars' and 'in'", 16876)
    return scope.inner(**{name: scope.parse(value) for name, value in given["vars"].items()}).parse(given["in"])


def _array(name: str, value: Any) -> list[Any] | None:
    if nullish(value):
        return None
    if not isinstance(value, list):
        raise InvalidQuery(f"input to {name} must be an array not {bson_type(value)}", 16883)
    return value


def _map(scope: Scope, given: Any) -> Any:
    items = _array("$map", scope.parse(_named("$map", given, "input")))
    if items is None:
        return None
    name, body = given.get("as", "this"), _named("$map", given, "in")
    values = (scope.inner(**{name: item}).parse(body) for item in items)
    return [None if value is MISSING else value for value in values]


def _filter(scope: Scope, given: Any) -> Any:
    items = _array("$filter", scope.parse(_named("$filter", given, "input")))
    if items is None:
        return None
    name, condition = given.get("as", "this"), _named("$filter", given, "cond")
    kept = [item for item in items if truthy(scope.inner(**{name: item}).parse(condition))]
    limit = scope.parse(given["limit"]) if "limit" in given else None
    return kept if limit is None else kept[:limit]


def _reduce(scope: Scope, given: Any) -> Any:
    items = _array("$reduce", scope.parse(_named("$reduce", given, "input")))
    if items is None:
        return None
    value, body = scope.parse(_named("$reduce", given, "initialValue")), _named("$reduce", given, "in")
    for item in items:
        value = scope.inner(this=item, value=value).parse(body)
    return value


def _named(name: str, given: Any, key: str) -> Any:
    if not isinstance(given, Mapping) or key not in given:
        raise InvalidQuery(f"Missing '{key}' parameter to {name}", 16879)
    return given[key]


def _type(scope: Scope, given: Any) -> str:
    return bson_type(scope.parse(arguments("$type", given, 1)[0]))


def _in(scope: Scope, given: Any) -> bool:
    value, items = (scope.parse(item) for item in arguments("$in", given, 2))
    if not isinstance(items, list):
        raise InvalidQuery(f"$in requires an array as a second argument, found: {bson_type(items)}", 40081)
    wanted = encode_key(value)
    return any(encode_key(item) == wanted for item in items)


LOGIC_OPERATORS: dict[str, Operator] = {
    "$literal": lambda scope, given: given,
    "$let": _let,
    "$map": _map,
    "$filter": _filter,
    "$reduce": _reduce,
    "$eq": _compare(lambda a, b: a == b)("$eq"),
    "$ne": _compare(lambda a, b: a != b)("$ne"),
    "$gt": _compare(lambda a, b: a > b)("$gt"),
    "$gte": _compare(lambda a, b: a >= b)("$gte"),
    "$lt": _compare(lambda a, b: a < b)("$lt"),
    "$lte": _compare(lambda a, b: a <= b)("$lte"),
    "$cmp": _compare(lambda a, b: (a > b) - (a < b))("$cmp"),
    "$and": _and,
    "$or": _or,
    "$not": _not,
    "$cond": _cond,
    "$ifNull": _if_null,
    "$switch": _switch,
    "$type": _type,
    "$in": _in,
}
