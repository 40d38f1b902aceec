"""Applies updates: operators, each on the places its path names.

Documents are not changed in place: what an update touches is copied, the rest is shared. Fields that are made new
stand in the order of their names, as on a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from catalog.errors import InvalidUpdate
from catalog.language.actions import ACTIONS, MAKING, Action
from catalog.language.context import Context, Pipeline, run
from catalog.language.kinds import bson_type
from catalog.language.matching import is_operators
from catalog.language.paths import DEPTH, split
from catalog.language.pipeline import compile_update_pipeline
from catalog.language.query import system_variables
from catalog.language.values import MISSING, Document, encode_key
from catalog.limits import refusal, refused

__all__ = ["Update", "compile_update", "equalities"]

#: Makes the document an update leaves; told whether it is to be inserted.
Update = Callable[[Document, bool], Document]
_MOST_PADDING = 1_500_000


def compile_update(update: Any, variables: Mapping[str, Any] | None = None) -> Update:
    """Return the function of an update, checked before any document is read.

    Parameters
    ----------
    update
        Operators with what they do to which path, or the stages of a pipeline.
    variables
        What a pipeline may name; by default `system_variables`.

    Raises
    ------
    ValueError
        If it is empty, as PyMongo raises it.
    InvalidQuery, InvalidUpdate, NotSupported
        Naming the operator.
    """
    if not update:
        raise ValueError("update cannot be empty")
    if isinstance(update, list):
        variables = system_variables() if variables is None else variables
        pipeline = compile_update_pipeline(update, variables)
        return lambda document, inserting: _by_pipeline(document, pipeline, variables)
    steps = list(_steps(update))
    _check_conflicts([path for path, _, _ in steps])
    steps.sort(key=lambda step: [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in step[0]])

    def apply(document: Document, inserting: bool) -> Document:
        made: Any = document
        for path, operator, make in steps:
            action = make(document)
            if action is not None and (operator != "$setOnInsert" or inserting):
                made = _changed(made, path, _Step(operator, action))
        if "_id" in document and ("_id" not in made or encode_key(made["_id"]) != encode_key(document["_id"])):
            raise InvalidUpdate("Performing an update on the path '_id' would modify the immutable field '_id'", 66)
        return dict(made)

    return apply


def _by_pipeline(document: Document, pipeline: Pipeline, variables: Mapping[str, Any]) -> Document:
    (made,) = run([document], pipeline, Context(variables))
    if "_id" in document:
        if encode_key(made.get("_id", document["_id"])) != encode_key(document["_id"]):
            raise InvalidUpdate("Performing an update on the path '_id' would modify the immutable field '_id'", 66)
        made = {"_id": document["_id"], **made} | {"_id": document["_id"]}
    return dict(made)


class _Step:
    """One operator on one path, and what it makes of a value."""

    __slots__ = ("action", "making", "operator")

    def __init__(self, operator: str, action: Action) -> None:
        self.operator, self.action = operator, action
        self.making = operator in MAKING


def _steps(update: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, Callable[[Document], Action | None]]]:
    """Yield path, operator, and what makes the action of the whole document; ``$rename`` is two steps."""
    for operator, fields in update.items():
        if operator != "$rename" and operator not in ACTIONS:
            raise refusal(operator, "update operator") or InvalidUpdate(f"Unknown modifier: {operator}", 9)
        if not isinstance(fields, Mapping):
            raise InvalidUpdate(f"Modifiers operate on fields but we found another type for {operator}", 9)
        for path, argument in fields.items():
            parts = _checked(operator, path)
            if operator == "$rename":
                yield from _renaming(path, parts, argument)
            else:
                action = ACTIONS[operator](argument)
                yield parts, operator, _always(action)


def _always(action: Action) -> Callable[[Document], Action]:
    return lambda document: action


def _renaming(
    path: str, source: tuple[str, ...], target: Any
) -> Iterator[tuple[tuple[str, ...], str, Callable[[Document], Action | None]]]:
    if bson_type(target) != "string":
        raise InvalidUpdate(f"The 'to' field for $rename must be a string: {path}: {target!r}", 2)
    aim = _checked("$rename", target)
    if "_id" in (source[0], aim[0]):
        raise InvalidUpdate("Performing an update on the path '_id' would modify the immutable field '_id'", 66)
    if any("$" in part for part in (*source, *aim)):
        raise InvalidUpdate(f"The source and target field for $rename must not be dynamic: {path}", 2)

    def set_target(document: Document) -> Action | None:
        value = _strict(document, source)
        if value is MISSING:
            return None
        _strict(document, aim)
        return lambda current: value

    yield source, "$unset", lambda document: lambda current: MISSING
    yield aim, "$rename", set_target


def _strict(document: Any, parts: tuple[str, ...]) -> Any:
    """Follow a path of ``$rename``, which may not lead into an array."""
    for part in parts:
        if isinstance(document, list):
            raise InvalidUpdate(f"The fields of $rename cannot be array elements: {'.'.join(parts)!r}", 2)
        if document is MISSING:
            break
        if not isinstance(document, dict):
            raise InvalidUpdate(f"$rename: cannot traverse {part!r} of {'.'.join(parts)!r}, in a scalar", 28)
        document = document.get(part, MISSING)
    return document


def _checked(operator: str, path: str) -> tuple[str, ...]:
    """Part the path of an operator."""
    parts = split(path)
    if not path or not all(parts):
        raise InvalidUpdate(f"The update path '{path}' contains an empty field name, which is not allowed.", 56)
    if len(parts) > DEPTH:
        raise InvalidUpdate(f"the update path has {len(parts)} parts, {DEPTH} are allowed", 15)
    for part in parts:
        if part == "$" or part.startswith("$["):
            raise refused("$", f"place of {operator} in {path!r}:")
        if part[0] == "$":
            raise InvalidUpdate(f"The dollar ($) prefixed field '{part}' in '{path}' is not allowed.", 52)
    return parts


def _check_conflicts(paths: list[tuple[str, ...]]) -> None:
    """Refuse two paths of which one leads through the other."""
    ends = set(paths)
    if len(ends) < len(paths):
        again = next(path for place, path in enumerate(paths) if path in paths[:place])
        raise InvalidUpdate(f"Updating the path '{'.'.join(again)}' would create a conflict at it", 40)
    for path in paths:
        above = next((path[:size] for size in range(1, len(path)) if path[:size] in ends), None)
        if above is not None:
            told = f"Updating the path '{'.'.join(path)}' would create a conflict at '{'.'.join(above)}'"
            raise InvalidUpdate(told, 40)


def _changed(value: Any, path: tuple[str, ...], step: _Step) -> Any:
    """Return what a step makes of a value, at the end of a path below it."""
    if not path:
        return step.action(value)
    name, rest = path[0], path[1:]
    if isinstance(value, dict):
        below = value.get(name, MISSING)
        made = _changed(below, rest, step)
        if made is below:
            return value
        if made is MISSING:
            return {key: item for key, item in value.items() if key != name}
        return {**value, name: made}
    if isinstance(value, list):
        return _in_array(value, name, rest, step)
    if value is MISSING:
        if not step.making:
            return value
        made = _changed(MISSING, rest, step)
        return value if made is MISSING else {name: made}
    if step.operator == "$unset":
        return value
    raise InvalidUpdate(f"{step.operator}: Cannot create field '{name}' in element of type {bson_type(value)}", 28)


def _in_array(value: list[Any], name: str, rest: tuple[str, ...], step: _Step) -> list[Any]:
    if not name.isdigit() or (len(name) > 1 and name[0] == "0"):
        if step.operator == "$unset":
            return value
        raise InvalidUpdate(f"Cannot create field '{name}' in element of type array", 28)
    place = int(name)
    below = value[place] if place < len(value) else MISSING
    made = _changed(below, rest, step)
    if made is below:
        return value
    if made is MISSING:
        made = None  # an element that goes leaves null: those after it keep their places
    if place > len(value) + _MOST_PADDING:
        raise InvalidUpdate(f"can't add {place - len(value)} elements to an array to reach element {name}", 2)
    padded = [*value, *[None] * (place + 1 - len(value))]
    padded[place] = made
    return padded


def equalities(query: Mapping[str, Any]) -> Document:
    """Return the document an upsert starts from: what the filter says fields are equal to.

    Raises
    ------
    InvalidUpdate
        If it says so of one field twice.
    """
    made: Any = {}
    seen: list[tuple[str, ...]] = []
    for path, value in _equal(query):
        parts = split(path)
        if any(one[: len(two)] == two or two[: len(one)] == one for one, two in ((parts, other) for other in seen)):
            raise InvalidUpdate(f"cannot infer query fields to set, path '{path}' is matched twice", 54)
        seen.append(parts)
        made = _changed(made, parts, _Step("$set", ACTIONS["$set"](value)))
    return dict(made)


def _equal(query: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, condition in query.items():
        if path == "$and" or (path == "$or" and len(condition) == 1):
            for part in condition:
                yield from _equal(part)
        elif path.startswith("$"):
            continue
        elif not is_operators(condition):
            if bson_type(condition) != "regex":
                yield path, condition
        elif "$eq" in condition:
            yield path, condition["$eq"]
        elif any(len(condition.get(name, ())) == 1 for name in ("$in", "$all")):
            (value,) = condition.get("$in", condition.get("$all"))
            if bson_type(value) != "regex" and not is_operators(value):
                yield path, value
