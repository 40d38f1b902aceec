"""What each update operator makes of a value; https://www.mongodb.com/docs/manual/reference/operator/update/."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bson import Decimal128, Int64, Regex

from catalog.errors import InvalidQuery, InvalidUpdate
from catalog.language.kinds import bson_type, is_number, no_decimals, whole
from catalog.language.matching import compile_filter, is_operators
from catalog.language.values import MISSING, encode_key
from catalog.limits import refusal

__all__ = ["ACTIONS", "MAKING", "Action"]

#: Makes of what stands at a place (`MISSING` if nothing does) what is to stand there.
Action = Callable[[Any], Any]
#: Operators that make the fields on the way to their place.
MAKING = frozenset(["$set", "$setOnInsert", "$inc", "$mul", "$min", "$max", "$push", "$addToSet", "$rename"])


def _set(argument: Any) -> Action:
    """Apply ``$set`` (manual: operator/update/set), and that of setOnInsert."""
    return lambda current: argument


def _unset(argument: Any) -> Action:
    """Apply ``$unset`` (manual: operator/update/unset)."""
    return lambda current: MISSING


def _arithmetic(name: str, start: int, compute: Callable[[Any, Any], Any]) -> Callable[[Any], Action]:
    def make(argument: Any) -> Action:
        if not is_number(argument):
            if isinstance(argument, Decimal128):
                raise no_decimals(name)
            raise InvalidUpdate(f"Cannot apply {name} with non-numeric argument of type {bson_type(argument)}", 14)

        def action(current: Any) -> Any:
            value = current
            if current is MISSING:
                if start == 0:
                    return argument
                value = 0
            elif isinstance(current, Decimal128):
                raise no_decimals(name)
            elif not is_number(current):
                raise InvalidUpdate(f"Cannot apply {name} to a value of non-numeric type {bson_type(current)}", 14)
            result = compute(value, argument)
            if type(result) is type(current) and result == current:
                return current  # minus zero stays
            if isinstance(result, float):
                return result
            if not -(1 << 63) <= result < 1 << 63:
                raise InvalidUpdate(f"Failed to apply {name} operations: the result does not fit 64 bits", 2)
            return whole(result, wide=isinstance(value, Int64) or isinstance(argument, Int64))

        return action

    make.__doc__ = f"Compute ``{name}`` (manual: operator/update/{name[1:]})."
    return make


def _extreme(choose: Callable[..., Any]) -> Callable[[Any], Action]:
    def make(argument: Any) -> Action:
        """Apply ``$min`` (manual: operator/update/min), and that of max."""
        return lambda current: argument if current is MISSING else choose(current, argument, key=encode_key)

    return make


def _array(name: str, current: Any) -> list[Any]:
    if not isinstance(current, list):
        raise InvalidUpdate(f"The field must be an array but is of type {bson_type(current)}: {name}", 2)
    return current


def _whole(name: str, value: Any) -> int:
    if not is_number(value) or value != value or abs(value) >= 1 << 63 or value != int(value):
        raise InvalidUpdate(f"The value for {name} must be an integer value but was given type {bson_type(value)}", 2)
    return int(value)


def _push(argument: Any) -> Action:
    """Apply ``$push`` (manual: operator/update/push)."""
    if not isinstance(argument, Mapping) or "$each" not in argument:
        return lambda current: [argument] if current is MISSING else [*_array("$push", current), argument]
    fresh = argument["$each"]
    if not isinstance(fresh, list):
        raise InvalidUpdate(f"The argument to $each in $push must be an array but it was of type {bson_type(fresh)}", 2)
    for key in argument:
        if key not in ("$each", "$position", "$slice"):
            raise refusal(f"$push.{key}", "clause") or InvalidUpdate(f"Unrecognized clause in $push: {key}", 2)
    position = _whole("$position", argument["$position"]) if "$position" in argument else None
    cut = _whole("$slice", argument["$slice"]) if "$slice" in argument else None

    def action(current: Any) -> Any:
        items = [] if current is MISSING else _array("$push", current)
        place = len(items) if position is None else position
        made = [*items[:place], *fresh, *items[place:]]
        return made if cut is None else made[:cut] if cut >= 0 else made[cut:]

    return action


def _add_to_set(argument: Any) -> Action:
    """Apply ``$addToSet`` (manual: operator/update/addToSet)."""
    fresh = [argument]
    if isinstance(argument, Mapping) and "$each" in argument:
        fresh = argument["$each"]
        if not isinstance(fresh, list):
            raise InvalidUpdate(f"The argument to $each in $addToSet must be an array, not {bson_type(fresh)}", 14)
        for key in argument:
            if key != "$each":
                raise InvalidUpdate(f"Found unexpected fields after $each in $addToSet: {key}", 2)

    def action(current: Any) -> Any:
        items = [] if current is MISSING else _array("$addToSet", current)
        known = set(map(encode_key, items))
        added: dict[bytes, Any] = {}
        for item in fresh:
            key = encode_key(item)
            if key not in known:
                added.setdefault(key, item)
        return current if current is not MISSING and not added else [*items, *added.values()]

    return action


def _pull(argument: Any) -> Action:
    """Apply ``$pull`` (manual: operator/update/pull).

    A query looks into elements that are documents; operators and patterns look at elements; any other value
    is what an element must be equal to, whole.
    """
    gone: Callable[[Any], bool]
    if isinstance(argument, Mapping) and not _looks_at_elements(argument):
        inner = compile_filter(argument, expression=_no_expression)

        def gone(item: Any) -> bool:
            return isinstance(item, dict) and inner(item)

    elif isinstance(argument, (Mapping, Regex)):
        outer = compile_filter({"e": argument}, expression=_no_expression)

        def gone(item: Any) -> bool:
            return outer({"e": item})

    else:
        wanted = encode_key(argument)

        def gone(item: Any) -> bool:
            return encode_key(item) == wanted

    return _removing("$pull", gone)


def _looks_at_elements(argument: Mapping[str, Any]) -> bool:
    return is_operators(argument) and next(iter(argument)) not in ("$and", "$or", "$nor", "$expr", "$where", "$comment")


def _removing(name: str, gone: Callable[[Any], bool]) -> Action:
    def action(current: Any) -> Any:
        if current is MISSING:
            return current
        if not isinstance(current, list):
            raise InvalidUpdate(f"Cannot apply {name} to a non-array value", 2)
        kept = [item for item in current if not gone(item)]
        return current if len(kept) == len(current) else kept

    return action


def _pull_all(argument: Any) -> Action:
    """Apply ``$pullAll`` (manual: operator/update/pullAll)."""
    if not isinstance(argument, list):
        raise InvalidUpdate(f"$pullAll requires an array argument but was given a {bson_type(argument)}", 2)
    wanted = set(map(encode_key, argument))
    return _removing("$pullAll", lambda item: encode_key(item) in wanted)


def _pop(argument: Any) -> Action:
    """Apply ``$pop`` (manual: operator/update/pop)."""
    if isinstance(argument, Decimal128):
        raise no_decimals("$pop")
    if not is_number(argument) or argument not in (1, -1):
        raise InvalidUpdate(f"$pop expects 1 or -1, found: {argument!r}", 9)

    def action(current: Any) -> Any:
        if current is MISSING:
            return current
        if not isinstance(current, list):
            raise InvalidUpdate(f"The field contains a non-array value of type {bson_type(current)}: $pop", 14)
        return (current[:-1] if argument == 1 else current[1:]) if current else current

    return action


def _no_expression(given: Any) -> Callable[[Any], bool]:
    raise InvalidQuery("$expr is not allowed in the query of a $pull", 224)


ACTIONS: dict[str, Callable[[Any], Action]] = {
    "$addToSet": _add_to_set,
    "$inc": _arithmetic("$inc", 0, lambda value, argument: value + argument),
    "$max": _extreme(max),
    "$min": _extreme(min),
    "$mul": _arithmetic("$mul", 1, lambda value, argument: value * argument),
    "$pop": _pop,
    "$pull": _pull,
    "$pullAll": _pull_all,
    "$push": _push,
    "$set": _set,
    "$setOnInsert": _set,
    "$unset": _unset,
}
