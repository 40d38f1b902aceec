"""Prepares updates for the engine: names every place, and checks or mends what it would get wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from catalog.errors import InvalidQuery, InvalidUpdate, NotSupported
from catalog.language import borrowed
from catalog.language.kinds import bson_type, is_number
from catalog.language.matching import Predicate, compile_filter, is_operators
from catalog.language.paths import split
from catalog.language.values import MISSING, encode_key

__all__ = ["ArrayFilters", "apply_update", "array_filters", "equalities"]

Document = dict[str, Any]
ArrayFilters = Mapping[str, Predicate]
_NAMED_ELEMENT = re.compile(r"^\$\[(\w*)\]$")
_REMOVING = frozenset({"$unset", "$pull", "$pullAll", "$pop"})
_PUSHING = {"$each", "$position", "$sort", "$slice"}


def apply_update(document: Document, update: Mapping[str, Any], *, inserting: bool, filters: ArrayFilters) -> Document:
    """Return a document as update operators make it; the one given is not changed.

    Raises
    ------
    InvalidUpdate
        If an operator cannot be applied to what the document holds.
    NotSupported
        If the engine would not apply it as MongoDB does.
    """
    _check_conflicts(update)
    told: dict[str, Document] = {}
    for operator, fields in update.items():
        if operator == "$setOnInsert" and not inserting:
            continue
        for path, argument in fields.items():
            if operator == "$rename":
                if _is_renamed(document, path, argument):
                    told.setdefault(operator, {})[path] = argument
                continue
            removing = operator in _REMOVING
            if operator == "$pop" and argument not in (1, -1):
                raise InvalidUpdate("$pop expects 1 or -1", 9)
            for place, value, within in _places(document, split(path), filters, creating=not removing):
                if value is not MISSING or not removing:
                    simpler, given = _simplified(operator, value, argument, within=within)
                    told.setdefault(simpler, {})[".".join(place)] = given
    made = borrowed.apply_update(document, told) if told else document
    if made.get("_id") != document.get("_id") and not (inserting and "_id" not in document):
        raise InvalidUpdate("Performing an update on the path '_id' would modify the immutable field '_id'", 66)
    return made


def _check_conflicts(update: Mapping[str, Any]) -> None:
    paths: list[str] = []
    for operator, fields in update.items():
        for path, argument in fields.items():
            named = [path, argument] if operator == "$rename" else [path]
            for one in named:
                if not isinstance(one, str) or not one or one.startswith(".") or one.endswith(".") or ".." in one:
                    raise InvalidUpdate(f"{one!r} is no path an update can name", 56)
                if any(one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.") for other in paths):
                    raise InvalidUpdate(f"Updating the path '{one}' would create a conflict at '{one}'", 40)
            paths += named


def _is_renamed(document: Document, path: str, target: str) -> bool:
    """Tell whether there is something to rename, and refuse where the engine would lose it."""
    source: Any = document
    for part in split(path):
        if isinstance(source, list) or part.startswith("$"):
            raise InvalidUpdate(f"The source field of $rename cannot be in an array: {path!r}", 2)
        source = source.get(part, MISSING) if isinstance(source, dict) else MISSING
    above: Any = document
    for part in split(target)[:-1] if source is not MISSING else ():
        above = above.get(part, {})
        if not isinstance(above, dict):
            raise InvalidUpdate(f"$rename cannot go through '{part}' of {target!r}, of type {bson_type(above)}", 28)
    return source is not MISSING


def _places(
    holder: Any, parts: tuple[str, ...], filters: ArrayFilters, *, creating: bool
) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    """Return the places a path names, with ``$[name]`` resolved, what stands there, and if that is in an array."""
    name, rest = parts[0], parts[1:]
    element = _NAMED_ELEMENT.match(name)
    names = [name]
    if element:
        if not isinstance(holder, list):
            raise InvalidUpdate("Cannot apply array updates to what is no array", 2)
        if element[1] and element[1] not in filters:
            raise InvalidUpdate(f"No array filter found for identifier '{element[1]}'", 2)
        test = filters[element[1]] if element[1] else lambda item: True
        names = [str(position) for position, item in enumerate(holder) if test(item)]
    elif isinstance(holder, list):
        if not name.isdigit():
            raise InvalidUpdate(f"Cannot create field '{name}' in an array", 28)
        if int(name) > len(holder) + 1000 or (rest and int(name) >= len(holder)):
            raise NotSupported(
                f"the embedded catalog makes no element {name} of an array: $push it, or mongodb://", 238
            )
    elif not isinstance(holder, dict) and creating and holder is not MISSING:
        raise InvalidUpdate(f"Cannot create field '{name}' in element of type {bson_type(holder)}", 28)
    for one in names:
        value = _value(holder, one)
        if rest:
            for place, found, within in _places(value, rest, filters, creating=creating):
                yield (one, *place), found, within
        else:
            yield (one,), value, isinstance(holder, list)


def _value(holder: Any, name: str) -> Any:
    if isinstance(holder, list):
        return holder[int(name)] if int(name) < len(holder) else MISSING
    return holder.get(name, MISSING) if isinstance(holder, dict) else MISSING


def _simplified(operator: str, value: Any, argument: Any, *, within: bool) -> tuple[str, Any]:
    """Return an operator the engine applies rightly to a value, and its argument."""
    if operator in ("$set", "$setOnInsert"):
        return "$set", argument
    if operator == "$unset":
        return ("$set", None) if within else (operator, argument)
    if operator == "$inc":
        _check_sum(value, argument)
        return operator, argument
    if operator in ("$min", "$max"):
        choose = min if operator == "$min" else max
        return "$set", argument if value is MISSING else choose(value, argument, key=encode_key)
    if operator == "$currentDate":
        return operator, argument
    items = [] if value is MISSING else value
    if not isinstance(items, list):
        raise InvalidUpdate(f"{operator} needs an array, but the field is of type {bson_type(items)}", 2)
    if operator == "$push":
        _check_push(argument)
        return operator, argument
    return "$set", _ARRAYS[operator](items, argument)


def _check_sum(value: Any, argument: Any) -> None:
    if not is_number(argument):
        raise InvalidUpdate(f"Cannot increment with an argument of type {bson_type(argument)} ($inc)", 14)
    if value is not MISSING and not is_number(value):
        raise InvalidUpdate(f"Cannot apply $inc to a value of non-numeric type {bson_type(value)}", 14)
    total = argument if value is MISSING else value + argument
    if not isinstance(total, float) and not -(1 << 63) <= total < 1 << 63:
        raise InvalidUpdate("Failed to apply $inc: the result does not fit 64 bits", 2)


def _check_push(argument: Any) -> None:
    if not is_operators(argument):
        return
    if not isinstance(argument.get("$each"), list) or set(argument) - _PUSHING:
        raise InvalidUpdate(f"$push takes $each, an array, with {', '.join(sorted(_PUSHING - {'$each'}))}", 2)
    if "$sort" in argument:
        raise NotSupported("the embedded catalog does not answer $sort of $push: sort when reading; or mongodb://", 238)


def _add_to_set(items: list[Any], argument: Any) -> list[Any]:
    fresh = argument["$each"] if isinstance(argument, Mapping) and "$each" in argument else [argument]
    known = {encode_key(item): item for item in reversed(items)}
    added = {encode_key(item): item for item in reversed(fresh)}
    return [*items, *(added[key] for key in dict.fromkeys(map(encode_key, fresh)) if key not in known)]


def _pull(items: list[Any], argument: Any) -> list[Any]:
    """Take elements out: operators and plain values look at them, a query looks into them."""
    if isinstance(argument, Mapping) and not is_operators(argument):
        inner = compile_filter(argument, expression=_no_expression)
        return [item for item in items if not (isinstance(item, dict) and inner(item))]
    outer = compile_filter({"element": argument}, expression=_no_expression)
    return [item for item in items if not outer({"element": item})]


def _no_expression(given: Any) -> Callable[[Document], bool]:
    raise InvalidQuery("$expr is not allowed within an array filter", 224)


_ARRAYS: dict[str, Callable[[list[Any], Any], list[Any]]] = {
    "$addToSet": _add_to_set,
    "$pull": _pull,
    "$pullAll": lambda items, gone: _pull(items, {"$in": gone}),
    "$pop": lambda items, end: items[:-1] if end == 1 else items[1:],
}


def array_filters(given: Any) -> ArrayFilters:
    """Make the tests of ``arrayFilters``, by identifier."""
    filters: dict[str, Predicate] = {}
    for one in given or []:
        names = {path.partition(".")[0] for path in one}
        if len(names) != 1 or next(iter(names)).startswith("$"):
            raise InvalidQuery("an array filter must name one identifier at the head of each path", 9)
        (name,) = names
        filters[name] = _wrapped(name, compile_filter(one, expression=_no_expression))
    return filters


def _wrapped(name: str, test: Predicate) -> Predicate:
    return lambda item: test({name: item})


def equalities(query: Mapping[str, Any]) -> Document:
    """Return the document an upsert starts from: what the filter says fields are equal to."""
    flat: Document = {}
    for path, condition in query.items():
        if path == "$and":
            for part in condition:
                flat |= equalities(part)
        elif path.startswith("$"):
            continue
        elif not is_operators(condition):
            flat[path] = condition
        elif "$eq" in condition:
            flat[path] = condition["$eq"]
        elif "$in" in condition and len(condition["$in"]) == 1:
            flat[path] = condition["$in"][0]
    return borrowed.apply_update({}, {"$set": flat}) if flat else flat
