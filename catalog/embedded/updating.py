"""Applies update operators to a document."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bson import Timestamp

from catalog.embedded.arithmetic import bson_type
from catalog.embedded.matching import Predicate, compile_filter, is_operators
from catalog.embedded.numeric import is_number, whole
from catalog.embedded.paths import split
from catalog.errors import InvalidQuery, InvalidUpdate
from catalog.values import MISSING, encode_key

__all__ = ["ArrayFilters", "apply_update", "array_filters", "equalities"]

Document = dict[str, Any]
ArrayFilters = Mapping[str, Predicate]
Operator = Callable[[Any, Any], Any]  # (what stands there or MISSING, the argument) -> what is to stand there
_NAMED_ELEMENT = re.compile(r"^\$\[(\w*)\]$")


def apply_update(document: Document, update: Mapping[str, Any], *, inserting: bool, filters: ArrayFilters) -> Document:
    """Give a document as update operators make it; the one given is not changed.

    Raises
    ------
    InvalidUpdate
        If an operator cannot be applied to what the document holds.
    """
    _check_conflicts(update)
    out = copy.deepcopy(document)
    for operator, fields in update.items():
        if operator == "$setOnInsert" and not inserting:
            continue
        for path, argument in fields.items():
            if operator == "$rename":
                _rename(out, path, argument)
                continue
            apply = _OPERATORS[operator]
            create = operator not in ("$unset", "$pull", "$pullAll", "$pop")
            for holder, name in list(_places(out, split(path), filters, create=create)):
                _put(holder, name, apply(_get(holder, name), argument))
    if out.get("_id") != document.get("_id") and not (inserting and "_id" not in document):
        raise InvalidUpdate("Performing an update on the path '_id' would modify the immutable field '_id'", 66)
    return out


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


def _places(
    holder: Any, parts: tuple[str, ...], filters: ArrayFilters, *, create: bool
) -> Iterator[tuple[Any, str | int]]:
    """Give the places a path names: what holds them, and the name or position in it."""
    name, rest = parts[0], parts[1:]
    element = _NAMED_ELEMENT.match(name)
    if element:
        if not isinstance(holder, list):
            raise InvalidUpdate("Cannot apply array updates to what is no array", 2)
        if element[1] and element[1] not in filters:
            raise InvalidUpdate(f"No array filter found for identifier '{element[1]}'", 2)
        for position, item in enumerate(holder):
            if not element[1] or filters[element[1]](item):
                yield from _places(item, rest, filters, create=create) if rest else [(holder, position)]
        return
    key: str | int = name
    if isinstance(holder, list):
        if not name.isdigit():
            raise InvalidUpdate(f"Cannot create field '{name}' in an array", 28)
        key = int(name)
        if key > len(holder) + 1_500_000:
            raise InvalidUpdate(f"{name} is too far beyond the end of the array", 2)
    elif not isinstance(holder, dict):
        if create:
            raise InvalidUpdate(f"Cannot create field '{name}' in element of type {bson_type(holder)}", 28)
        return
    if not rest:
        yield holder, key
        return
    below = _get(holder, key)
    if below is MISSING:
        if not create:
            return
        below = {}
        _put(holder, key, below)
    yield from _places(below, rest, filters, create=create)


def _get(holder: Any, name: str | int) -> Any:
    if isinstance(holder, list):
        return holder[int(name)] if int(name) < len(holder) else MISSING
    return holder.get(name, MISSING)


def _put(holder: Any, name: str | int, value: Any) -> None:
    if isinstance(holder, list):
        position = int(name)
        if value is MISSING:
            if position < len(holder):
                holder[position] = None
            return
        holder.extend([None] * (position + 1 - len(holder)))
        holder[position] = value
    elif value is MISSING:
        holder.pop(name, None)
    else:
        holder[name] = value


def _rename(document: Document, path: str, target: Any) -> None:
    for holder, name in list(_places(document, split(path), {}, create=False)):
        if isinstance(holder, list):
            raise InvalidUpdate("The source field of $rename cannot be an array element", 2)
        value = _get(holder, name)
        if value is not MISSING:
            _put(holder, name, MISSING)
            for into, new in _places(document, split(target), {}, create=True):
                _put(into, new, value)


def _add(value: Any, argument: Any) -> Any:
    return _arithmetic("$inc", value, argument, lambda left, right: left + right)


def _multiply(value: Any, argument: Any) -> Any:
    return _arithmetic("$mul", value, argument, lambda left, right: left * right)


def _arithmetic(name: str, value: Any, argument: Any, compute: Callable[[Any, Any], Any]) -> Any:
    if not is_number(argument):
        raise InvalidUpdate(f"Cannot apply {name} with an argument of type {bson_type(argument)}", 14)
    if value is MISSING:
        return argument if name == "$inc" else type(argument)(0)
    if not is_number(value):
        raise InvalidUpdate(f"Cannot apply {name} to a value of non-numeric type {bson_type(value)}", 14)
    result = compute(value, argument)
    if not isinstance(result, float) and not -(1 << 63) <= result < 1 << 63:
        raise InvalidUpdate(f"Failed to apply {name}: the result does not fit 64 bits", 2)
    return result if isinstance(result, float) else whole(result, value, argument)


def _least(value: Any, argument: Any) -> Any:
    return argument if value is MISSING or encode_key(argument) < encode_key(value) else value


def _most(value: Any, argument: Any) -> Any:
    return argument if value is MISSING or encode_key(argument) > encode_key(value) else value


def _now(value: Any, argument: Any) -> Any:
    now = datetime.now(UTC).replace(tzinfo=None)
    if argument is True or argument == {"$type": "date"}:
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
    if argument == {"$type": "timestamp"}:
        return Timestamp(int(datetime.now(UTC).timestamp()), 1)
    raise InvalidUpdate("$currentDate takes true, {$type: 'date'} or {$type: 'timestamp'}", 2)


def _list(name: str, value: Any) -> list[Any]:
    if value is MISSING:
        return []
    if not isinstance(value, list):
        raise InvalidUpdate(f"{name} needs an array, but the field is of type {bson_type(value)}", 2)
    return value


def _each(argument: Any) -> list[Any]:
    if isinstance(argument, Mapping) and "$each" in argument:
        items = argument["$each"]
        if not isinstance(items, list):
            raise InvalidUpdate("the argument to $each must be an array", 2)
        return list(items)
    return [argument]


def _push(value: Any, argument: Any) -> Any:
    items, fresh = _list("$push", value), _each(argument)
    options = argument if isinstance(argument, Mapping) and "$each" in argument else {}
    unknown = set(options) - {"$each", "$position", "$sort", "$slice"}
    if unknown:
        raise InvalidUpdate(f"Unrecognized clause in $push: {sorted(unknown)[0]}", 2)
    place = options.get("$position", len(items))
    items = [*items[:place], *fresh, *items[place:]]
    if "$sort" in options:
        items = _sorted(items, options["$sort"])
    if "$slice" in options:
        count = options["$slice"]
        items = items[count:] if count < 0 else items[:count]
    return items


def _sorted(items: list[Any], order: Any) -> list[Any]:
    if not isinstance(order, Mapping):
        return sorted(items, key=encode_key, reverse=order < 0)
    for path, direction in reversed(list(order.items())):
        items = sorted(items, key=lambda item: encode_key(_follow(item, split(path))), reverse=direction < 0)
    return items


def _follow(value: Any, parts: tuple[str, ...]) -> Any:
    for part in parts:
        value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
    return value


def _add_to_set(value: Any, argument: Any) -> Any:
    items = list(_list("$addToSet", value))
    known = {encode_key(item) for item in items}
    for item in _each(argument):
        key = encode_key(item)
        if key not in known:
            known.add(key)
            items.append(item)
    return items


def _pull(value: Any, argument: Any) -> Any:
    if value is MISSING:
        return MISSING
    test = _element_test(argument)
    return [item for item in _list("$pull", value) if not test(item)]


def _element_test(argument: Any) -> Predicate:
    """Make the test of an array element: operators and plain values look at it, a query looks into it."""
    if isinstance(argument, Mapping) and not is_operators(argument):
        inner = compile_filter(argument, expression=_no_expression)
        return lambda item: isinstance(item, dict) and inner(item)
    outer = compile_filter({"element": argument}, expression=_no_expression)
    return lambda item: outer({"element": item})


def _no_expression(given: Any) -> Callable[[Document], bool]:
    raise InvalidQuery("$expr is not allowed within an array filter", 224)


def _pull_all(value: Any, argument: Any) -> Any:
    if value is MISSING:
        return MISSING
    if not isinstance(argument, list):
        raise InvalidUpdate("$pullAll requires an array argument", 2)
    gone = {encode_key(item) for item in argument}
    return [item for item in _list("$pullAll", value) if encode_key(item) not in gone]


def _pop(value: Any, argument: Any) -> Any:
    if argument not in (1, -1):
        raise InvalidUpdate("$pop expects 1 or -1", 9)
    if value is MISSING:
        return MISSING
    items = _list("$pop", value)
    return items[:-1] if argument == 1 else items[1:]


def _bit(value: Any, argument: Any) -> Any:
    bits = 0 if value is MISSING else value
    if not isinstance(argument, Mapping) or set(argument) - {"and", "or", "xor"} or not argument:
        raise InvalidUpdate("the $bit modifier takes 'and', 'or' or 'xor'", 2)
    if isinstance(bits, bool) or not isinstance(bits, int):
        raise InvalidUpdate(f"Cannot apply $bit to a value of type {bson_type(bits)}", 2)
    for name, mask in argument.items():
        bits = bits & mask if name == "and" else bits | mask if name == "or" else bits ^ mask
    return whole(bits, *argument.values())


_OPERATORS: dict[str, Operator] = {
    "$set": lambda value, argument: argument,
    "$setOnInsert": lambda value, argument: argument,
    "$unset": lambda value, argument: MISSING,
    "$inc": _add,
    "$mul": _multiply,
    "$min": _least,
    "$max": _most,
    "$currentDate": _now,
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
    "$pullAll": _pull_all,
    "$pop": _pop,
    "$bit": _bit,
}


def array_filters(given: Any) -> ArrayFilters:
    """Make the tests of ``arrayFilters``, by identifier."""
    filters: dict[str, Predicate] = {}
    for one in given or []:
        names = {path.partition(".")[0] for path in one}
        if len(names) != 1 or next(iter(names)).startswith("$"):
            raise InvalidQuery("an array filter must name one identifier at the head of each path", 9)
        (name,) = names
        test = compile_filter(one, expression=_no_expression)
        filters[name] = _wrapped(name, test)
    return filters


def _wrapped(name: str, test: Predicate) -> Predicate:
    return lambda item: test({name: item})


def equalities(query: Mapping[str, Any]) -> Document:
    """Give the document an upsert starts from: what the filter says fields are equal to."""
    document: Document = {}
    for path, condition in query.items():
        if path == "$and":
            for part in condition:
                for name, value in equalities(part).items():
                    document[name] = value
        elif path.startswith("$"):
            continue
        elif not is_operators(condition):
            _plant(document, path, condition)
        elif "$eq" in condition:
            _plant(document, path, condition["$eq"])
        elif "$in" in condition and len(condition["$in"]) == 1:
            _plant(document, path, condition["$in"][0])
    return document


def _plant(document: Document, path: str, value: Any) -> None:
    for holder, name in _places(document, split(path), {}, create=True):
        if name in holder:
            raise InvalidUpdate(f"cannot infer query fields to set, path '{path}' is matched twice", 54)
        _put(holder, name, value)
