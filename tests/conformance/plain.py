"""A second implementation of updates and of the stages that shape documents: slow, in place, to be checked by eye.

Written from the pages of the MongoDB manual, with nothing of the catalog's in it. Beside `evaluator`, which
knows filters and groups.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.evaluator import grouped, key_of, selected

GONE = object()
RANK = ("none", "number", "str", "object", "array", "bool")


class Impossible(Exception):
    """MongoDB would refuse to do this to that document."""


def updated(document: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """The document as an update leaves it."""
    made = copy.deepcopy(dict(document))
    for operator, fields in update.items():
        for path, argument in fields.items():
            change = CHANGES[operator]
            _reach(
                made, path.split("."), lambda value, change=change, argument=argument: change(value, argument), operator
            )
    return made


def _reach(holder: Any, parts: list[str], change: Callable[[Any], Any], operator: str) -> None:
    """Change what stands at the end of a path below an object or an array."""
    name, rest = parts[0], parts[1:]
    making = operator in ("$set", "$inc", "$max", "$push", "$addToSet")
    if isinstance(holder, list):
        if not name.isdigit():
            if operator == "$unset":
                return
            raise Impossible
        there = int(name) < len(holder)
        value = holder[int(name)] if there else GONE
    else:
        there = name in holder
        value = holder.get(name, GONE)
    if rest:
        if not there:
            if not making:
                return
            value = {}
        if isinstance(value, dict | list):
            _reach(value, rest, change, operator)
        elif operator != "$unset":
            raise Impossible
        if there or not making:
            return
    else:
        value = change(value)
    if isinstance(holder, list):
        if value is GONE and not there:
            return
        while len(holder) <= int(name):
            holder.append(None)
        holder[int(name)] = None if value is GONE else value
    elif value is GONE:
        holder.pop(name, None)
    else:
        holder[name] = value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Impossible
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Impossible
    return value


def _added(value: Any, argument: Any) -> Any:
    items = [] if value is GONE else _list(value)
    return items if any(key_of(item) == key_of(argument) for item in items) else [*items, argument]


def _order(value: Any) -> tuple[Any, ...]:
    """Something Python sorts as MongoDB sorts values."""
    kind, inner = key_of(value)
    inner = inner if isinstance(inner, tuple) else (inner,)
    if kind == "none":
        return (0,)
    if kind == "array":
        return (RANK.index(kind), [_order(item) for item in value])
    if kind == "object":
        return (RANK.index(kind), [(_order(item)[0], name, _order(item)) for name, item in value.items()])
    return (RANK.index(kind), inner)


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "$set": lambda value, argument: argument,
    "$unset": lambda value, argument: GONE,
    "$inc": lambda value, argument: argument if value is GONE else _number(value) + argument,
    "$max": lambda value, argument: argument if value is GONE or _order(argument) > _order(value) else value,
    "$push": lambda value, argument: [*([] if value is GONE else _list(value)), argument],
    "$addToSet": _added,
    "$pull": lambda value, argument: (
        GONE if value is GONE else [item for item in _list(value) if key_of(item) != key_of(argument)]
    ),
}


def piped(documents: list[dict[str, Any]], pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a pipeline makes of documents."""
    for stage in pipeline:
        ((name, options),) = stage.items()
        documents = STAGES[name](copy.deepcopy(documents), options)
    return documents


def _fields(documents: list[dict[str, Any]], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = []
    for document in documents:
        before = copy.deepcopy(document)
        for path, expression in _leaves(options):
            _assign(document, path, _value(before, expression))
        made.append(document)
    return made


def _leaves(options: Mapping[str, Any], above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every field with its value; an object that holds fields stands for its fields."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, value in options.items():
        path = (*above, *name.split("."))
        found += _leaves(value, path) if isinstance(value, Mapping) and value else [(path, value)]
    return found


def _value(document: Any, expression: Any) -> Any:
    if not isinstance(expression, str) or not expression.startswith("$"):
        return copy.deepcopy(expression)
    return _follow(document, expression[1:].split("."))


def _follow(value: Any, parts: list[str]) -> Any:
    if not parts:
        return value
    if isinstance(value, dict):
        return _follow(value[parts[0]], parts[1:]) if parts[0] in value else GONE
    if isinstance(value, list):
        found = [_follow(item, parts) for item in value if isinstance(item, dict)]
        return [item for item in found if item is not GONE]
    return GONE


def _assign(document: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    if len(path) == 1:
        if value is GONE:
            document.pop(path[0], None)
        else:
            document[path[0]] = value
        return
    document[path[0]] = _assigned(document.get(path[0], GONE), path[1:], value)


def _assigned(below: Any, path: tuple[str, ...], value: Any) -> Any:
    if isinstance(below, list):
        return [_assigned(item, path, value) for item in below]
    below = below if isinstance(below, dict) else {}
    _assign(below, path, value)
    return below


def _without(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    if isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            del value[path[0]]
        else:
            value[path[0]] = _without(value[path[0]], path[1:])
    return value


def _only(value: Any, paths: list[list[str]]) -> Any:
    """A value cut down to what paths name; `GONE` if it is nothing they can go into."""
    if isinstance(value, list):
        return [item for item in (_only(item, paths) for item in value) if item is not GONE]
    if not isinstance(value, dict):
        return GONE
    kept = {}
    for name, item in value.items():
        below = [path[1:] for path in paths if path[0] == name]
        if [] in below:
            kept[name] = item
        elif below:
            inner = _only(item, below)
            if inner is not GONE:
                kept[name] = inner
    return kept


def _unwound(documents: list[dict[str, Any]], path: str) -> list[dict[str, Any]]:
    parts, made = path[1:].split("."), []
    for document in documents:
        holder: Any = document
        for part in parts[:-1]:
            holder = holder.get(part) if isinstance(holder, dict) else None
        value = holder.get(parts[-1]) if isinstance(holder, dict) else None
        for item in value if isinstance(value, list) else [] if value is None else [value]:
            one = copy.deepcopy(document)
            inner = one
            for part in parts[:-1]:
                inner = inner[part]
            inner[parts[-1]] = item
            made.append(one)
    return made


STAGES: dict[str, Callable[[list[dict[str, Any]], Any], list[dict[str, Any]]]] = {
    "$addFields": _fields,
    "$match": selected,
    "$project": lambda documents, options: [
        _only(one, [["_id"], *(p.split(".") for p in options)]) for one in documents
    ],
    "$unset": lambda documents, path: [_without(document, path.split(".")) for document in documents],
    "$unwind": _unwound,
    "$skip": lambda documents, number: documents[number:],
    "$limit": lambda documents, number: documents[:number],
    "$group": grouped,
}
