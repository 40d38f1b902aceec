"""A second implementation of equality queries and of grouping, small enough to be checked by eye.

It knows ``$match`` with equality, ``$in``, ``$exists``, ``$ne``, ranges, ``$and`` and ``$or``, and
``$group`` by paths with the accumulators the archive uses, after the MongoDB manual's page on each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

MISSING = object()
RANGES = {
    "$gt": lambda order: order > 0,
    "$gte": lambda order: order >= 0,
    "$lt": lambda order: order < 0,
    "$lte": lambda order: order <= 0,
}


def selected(documents: list[dict[str, Any]], query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The documents that match `query`, in their order."""
    return [document for document in documents if matches(document, query)]


def matches(document: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Whether `document` matches `query`."""
    for key, condition in query.items():
        if key == "$and":
            met = all(matches(document, part) for part in condition)
        elif key == "$or":
            met = any(matches(document, part) for part in condition)
        elif isinstance(condition, Mapping) and next(iter(condition), "").startswith("$"):
            met = all(_holds(document, key, name, wanted) for name, wanted in condition.items())
        else:
            met = _equals(document, key, condition)
        if not met:
            return False
    return True


def _holds(document: Mapping[str, Any], path: str, operator: str, wanted: Any) -> bool:
    if operator == "$in":
        return any(_equals(document, path, value) for value in wanted)
    if operator == "$ne":
        return not _equals(document, path, wanted)
    if operator == "$exists":
        return any(value is not MISSING for value in _ends(document, path.split("."))) == wanted
    candidates = (item for value in _ends(document, path.split(".")) for item in _itself_and_elements(value))
    return any(_kind(item) == _kind(wanted) and RANGES[operator](_order(item, wanted)) for item in candidates)


def _equals(document: Mapping[str, Any], path: str, wanted: Any) -> bool:
    ends = list(_ends(document, path.split(".")))
    if wanted is None and any(value is MISSING for value in ends):
        return True  # not for an empty array on the way: that has no end to be missing
    return any(same_value(item, wanted) for value in ends for item in _itself_and_elements(value))


def _ends(value: Any, parts: list[str]) -> Iterator[Any]:
    """What stands at the end of a path, which goes through every element of an array on its way."""
    if not parts:
        yield value
    elif isinstance(value, Mapping):
        yield from _ends(value.get(parts[0], MISSING), parts[1:])
    elif isinstance(value, list):
        for element in value:
            if isinstance(element, Mapping):
                yield from _ends(element, parts)
        if parts[0].isdigit() and int(parts[0]) < len(value):
            yield from _ends(value[int(parts[0])], parts[1:])
    else:
        yield MISSING


def _itself_and_elements(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, list):
        yield from value


def same_value(left: Any, right: Any) -> bool:
    """Equality of values: numbers by value, but no bool is a number."""
    return key_of(left) == key_of(right)


def key_of(value: Any) -> Any:
    """A hashable stand-in that is equal for values MongoDB takes as equal."""
    if isinstance(value, bool) or value is None or value is MISSING:
        return ("bool" if isinstance(value, bool) else "none" if value is None else "missing", value is True)
    if isinstance(value, int | float):
        return ("number", value)
    if isinstance(value, Mapping):
        return ("object", tuple((name, key_of(item)) for name, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(key_of(item) for item in value))
    return (type(value).__name__, value)


def _kind(value: Any) -> str:
    return key_of(value)[0]


def _order(left: Any, right: Any) -> int:
    left, right = key_of(left)[1], key_of(right)[1]
    return (left > right) - (left < right)


def grouped(documents: list[dict[str, Any]], group: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What ``{'$group': group}`` makes of `documents`, in any order."""
    groups: dict[Any, tuple[Any, list[dict[str, Any]]]] = {}
    for document in documents:
        key = _evaluate(group["_id"], document)
        key = None if key is MISSING else key
        groups.setdefault(key_of(key), (key, []))[1].append(document)
    names = [name for name in group if name != "_id"]
    return [
        {"_id": key, **{name: _accumulate(group[name], members) for name in names}} for key, members in groups.values()
    ]


def _evaluate(expression: Any, document: Mapping[str, Any]) -> Any:
    if isinstance(expression, str) and expression.startswith("$"):
        return _field(document, expression[1:].split("."))
    if isinstance(expression, Mapping) and "$ifNull" in expression:
        value = _evaluate(expression["$ifNull"][0], document)
        return expression["$ifNull"][1] if value is MISSING or value is None else value
    if isinstance(expression, Mapping):
        parts = {name: _evaluate(part, document) for name, part in expression.items()}
        return {name: part for name, part in parts.items() if part is not MISSING}
    return expression


def _field(value: Any, parts: list[str]) -> Any:
    if not parts:
        return value
    if isinstance(value, list):
        found = [_field(element, parts) for element in value if isinstance(element, Mapping)]
        return [item for item in found if item is not MISSING]
    return _field(value.get(parts[0], MISSING), parts[1:]) if isinstance(value, Mapping) else MISSING


def _accumulate(accumulator: Mapping[str, Any], members: list[dict[str, Any]]) -> Any:
    ((operator, expression),) = accumulator.items()
    values = [_evaluate(expression, member) for member in members]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    present = [value for value in values if value is not MISSING]
    match operator:
        case "$sum":
            return sum(numbers)
        case "$avg":
            return math.fsum(numbers) / len(numbers) if numbers else None
        case "$push":
            return present
        case "$first":
            return None if values[0] is MISSING else values[0]
        case "$min" | "$max":
            known = [value for value in present if value is not None]
            return (min if operator == "$min" else max)(known) if known else None
    raise ValueError(operator)
