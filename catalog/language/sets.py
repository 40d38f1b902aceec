"""Computes with arrays as sets, and with objects.

The order of what the operators on sets return is that in which values first appear, of equals the first.
"""

from __future__ import annotations

from typing import Any

from catalog.errors import InvalidQuery
from catalog.language.conversion import comparable
from catalog.language.functions import Operators, positional
from catalog.language.kinds import array_of, bson_type, nullish, truthy
from catalog.language.values import Document

__all__ = ["OPERATORS", "merge"]

OPERATORS: Operators = {}


def _keyed(items: list[Any]) -> dict[bytes, Any]:
    known: dict[bytes, Any] = {}
    for item in items:
        known.setdefault(comparable(item), item)
    return known


@positional(OPERATORS, "$setUnion", 0, None)
def union(*values: Any) -> Any:
    """Compute ``$setUnion`` (manual: operator/aggregation/setUnion)."""
    joined: list[Any] = []
    for items in values:
        if nullish(items):
            return None
        joined += array_of("$setUnion", items, 17043)
    return list(_keyed(joined).values())


@positional(OPERATORS, "$setIntersection", 0, None)
def intersection(*values: Any) -> Any:
    """Compute ``$setIntersection`` (manual: operator/aggregation/setIntersection)."""
    kept: dict[bytes, Any] | None = None
    for items in values:
        if nullish(items):
            return None
        known = _keyed(array_of("$setIntersection", items, 17047))
        kept = known if kept is None else {key: item for key, item in kept.items() if key in known}
    return list((kept or {}).values())


@positional(OPERATORS, "$setDifference", 2)
def difference(left: Any, right: Any) -> Any:
    """Compute ``$setDifference`` (manual: operator/aggregation/setDifference)."""
    if nullish(left) or nullish(right):
        return None
    known = _keyed(array_of("$setDifference, as its first argument,", left, 17048))
    gone = _keyed(array_of("$setDifference, as its second argument,", right, 17049))
    return [item for key, item in known.items() if key not in gone]


@positional(OPERATORS, "$setEquals", 2, None, code=17045)
def equal_sets(*values: Any) -> bool:
    """Compute ``$setEquals`` (manual: operator/aggregation/setEquals)."""
    sets = [_keyed(array_of("$setEquals", items, 17044)).keys() for items in values]
    return all(one == sets[0] for one in sets)


@positional(OPERATORS, "$setIsSubset", 2)
def is_subset(left: Any, right: Any) -> bool:
    """Compute ``$setIsSubset`` (manual: operator/aggregation/setIsSubset)."""
    known = _keyed(array_of("$setIsSubset, as its first argument,", left, 17046)).keys()
    return known <= _keyed(array_of("$setIsSubset, as its second argument,", right, 17042)).keys()


@positional(OPERATORS, "$anyElementTrue")
def any_true(items: Any) -> bool:
    """Compute ``$anyElementTrue`` (manual: operator/aggregation/anyElementTrue)."""
    return any(map(truthy, array_of("$anyElementTrue's argument", items, 17041)))


@positional(OPERATORS, "$allElementsTrue")
def all_true(items: Any) -> bool:
    """Compute ``$allElementsTrue`` (manual: operator/aggregation/allElementsTrue)."""
    return all(map(truthy, array_of("$allElementsTrue's argument", items, 17040)))


@positional(OPERATORS, "$mergeObjects", 0, None)
def merge(*values: Any) -> Document:
    """Compute ``$mergeObjects`` (manual: operator/aggregation/mergeObjects)."""
    merged: Document = {}
    if len(values) == 1 and isinstance(values[0], list):
        (values,) = values
    for value in values:
        if nullish(value):
            continue
        if not isinstance(value, dict):
            raise InvalidQuery(f"$mergeObjects requires object inputs, but input is of type {bson_type(value)}", 40400)
        merged |= value
    return merged


@positional(OPERATORS, "$objectToArray", null=True)
def to_pairs(value: Any) -> list[Document]:
    """Compute ``$objectToArray`` (manual: operator/aggregation/objectToArray)."""
    if not isinstance(value, dict):
        raise InvalidQuery(f"$objectToArray requires a document input, found: {bson_type(value)}", 40390)
    return [{"k": name, "v": item} for name, item in value.items()]
