"""Checks pipelines, expressions and updates before anything runs.

What MongoDB does not know is an `InvalidQuery`, what this catalog would not answer rightly a
`NotSupported`; both come before the first document is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.errors import InvalidQuery, InvalidUpdate, NotSupported
from catalog.language.expressions import is_answered
from catalog.language.grouping import check_accumulator, check_group
from catalog.language.stages import STAGES
from catalog.limits import UPDATE_OPERATORS, refusal

__all__ = ["check_expression", "check_filter", "check_options", "check_pipeline", "check_update"]

_WRITING = frozenset({"$out", "$merge"})
_NOT_WITHIN = {"$facet": frozenset({"$out", "$merge", "$facet", "$geoNear", "$collStats", "$indexStats"})}
_IN_UPDATES = frozenset({"$addFields", "$set", "$unset", "$project", "$replaceRoot", "$replaceWith"})
_SYSTEM_VARIABLES = frozenset({"ROOT", "CURRENT", "NOW", "REMOVE"})


def check_options(options: Mapping[str, Any], *, allowed: frozenset[str]) -> None:
    """Refuse options the embedded catalog would have to ignore though they change answers."""
    for name, value in options.items():
        if value is None or name in allowed:
            continue
        raise refusal(name, "option") or TypeError(f"unexpected option {name!r}")


def check_pipeline(pipeline: Any, *, within: str = "", variables: frozenset[str] = frozenset()) -> None:
    """Refuse a pipeline that is not valid or not supported.

    Parameters
    ----------
    pipeline : list of dict
        The pipeline.
    within : str
        The stage whose sub-pipeline it is.
    variables : frozenset of str
        User variables it may use.

    Raises
    ------
    InvalidQuery, NotSupported
        Naming the stage or operator.
    """
    if not isinstance(pipeline, list):
        raise InvalidQuery("a pipeline must be a list of stages", 14)
    for position, stage in enumerate(pipeline):
        if not isinstance(stage, Mapping) or len(stage) != 1:
            raise InvalidQuery("a pipeline stage specification object must contain exactly one field", 40323)
        ((name, options),) = stage.items()
        if name not in STAGES:
            raise refusal(name, "stage") or InvalidQuery(f"Unrecognized pipeline stage name: '{name}'", 40324)
        if name in _NOT_WITHIN.get(within, frozenset()) or (within and name in _WRITING):
            raise InvalidQuery(f"{name} is not allowed to be used within a {within} stage", 40600)
        if name in _WRITING and position < len(pipeline) - 1:
            raise InvalidQuery(f"{name} can only be the final stage in the pipeline", 40601)
        _check_stage(name, options, variables)


def _check_stage(name: str, options: Any, variables: frozenset[str]) -> None:
    if name == "$match":
        check_filter(options, variables)
    elif name in ("$group", "$project", "$addFields", "$set", "$bucket"):
        if not isinstance(options, Mapping):
            raise InvalidQuery(f"{name} specification must be an object", 15969)
        accumulated: Mapping[str, Any] = options.get("output", {}) if name == "$bucket" else {}
        if name == "$group":
            accumulated = check_group(options)
        for field, value in accumulated.items():
            check_accumulator(field, value)
            check_expression(next(iter(value.values())), variables)
        for field, value in options.items():
            if field not in accumulated and value is not accumulated:
                check_expression(value, variables)
    elif name in ("$sortByCount", "$replaceRoot", "$replaceWith"):
        check_expression(options, variables)
    elif name == "$facet":
        if not isinstance(options, Mapping) or not options:
            raise InvalidQuery("the $facet specification must be a non-empty object", 40169)
        for branch in options.values():
            check_pipeline(branch, within="$facet", variables=variables)
    elif name in ("$lookup", "$unionWith"):
        _check_foreign(name, options, variables)


def _check_foreign(name: str, options: Any, variables: frozenset[str]) -> None:
    if name == "$unionWith":
        if not isinstance(options, str) and not (isinstance(options, Mapping) and isinstance(options.get("coll"), str)):
            raise InvalidQuery("$unionWith needs the name of a collection", 14)
        if isinstance(options, Mapping):
            check_pipeline(options.get("pipeline", []), within=name, variables=variables)
        return
    if not isinstance(options, Mapping):
        raise InvalidQuery("the $lookup specification must be an object", 9)
    texts = ["from", "as"] + (
        ["localField", "foreignField"] if "pipeline" not in options or "localField" in options else []
    )
    for key in texts:
        if not isinstance(options.get(key), str) or options[key].startswith("$"):
            raise InvalidQuery(f"$lookup argument '{key}' must be a string that does not start with '$'", 9)
    unknown = set(options) - {"from", "as", "localField", "foreignField", "pipeline", "let"}
    if unknown:
        raise InvalidQuery(f"unknown argument to $lookup: {sorted(unknown)[0]}", 9)
    let = options.get("let", {})
    for value in let.values():
        check_expression(value, variables)
    check_pipeline(options.get("pipeline", []), within=name, variables=variables | frozenset(let))


def check_filter(query: Any, variables: frozenset[str] = frozenset()) -> None:
    """Refuse a filter whose expressions are not valid or not supported."""
    if not isinstance(query, Mapping):
        raise InvalidQuery("the match filter must be an expression in an object", 15959)
    for key, condition in query.items():
        if key == "$expr":
            check_expression(condition, variables)
        elif key in ("$and", "$or", "$nor") and isinstance(condition, list):
            for branch in condition:
                check_filter(branch, variables)


def check_expression(expression: Any, variables: frozenset[str] = frozenset()) -> None:
    """Refuse an expression that names an operator or a variable that is not known.

    Raises
    ------
    InvalidQuery, NotSupported
        Naming the operator.
    """
    if isinstance(expression, str):
        if expression.startswith("$$"):
            name = expression[2:].partition(".")[0]
            if name not in _SYSTEM_VARIABLES and name not in variables:
                raise refusal(f"$${name}", "variable") or InvalidQuery(f"Use of undefined variable: {name}", 17276)
        elif expression.startswith("$") and (len(expression) == 1 or expression.endswith(".") or ".." in expression):
            raise InvalidQuery(f"'{expression}' is not a valid field path", 40353)
    elif isinstance(expression, list):
        for item in expression:
            check_expression(item, variables)
    elif isinstance(expression, Mapping):
        _check_object(expression, variables)


def _check_object(expression: Mapping[str, Any], variables: frozenset[str]) -> None:
    operators = [name for name in expression if name.startswith("$")]
    if operators and len(expression) > 1:
        names = ", ".join(expression)
        raise InvalidQuery(f"an object representing an expression must have exactly one field: {names}", 15983)
    for name, value in expression.items():
        if operators and not is_answered(name):
            raise refusal(name, "expression") or InvalidQuery(f"Unrecognized expression '{name}'", 168)
        if name != "$literal":
            check_expression(value, variables | _bound(name, value))


def _bound(name: str, value: Any) -> frozenset[str]:
    """Return the variables an operator binds for an expression within it."""
    if not isinstance(value, Mapping):
        return frozenset()
    if name == "$let" and isinstance(value.get("vars"), Mapping):
        return frozenset(value["vars"])
    if name in ("$map", "$filter"):
        return frozenset({str(value.get("as", "this"))})
    return frozenset({"this", "value"}) if name == "$reduce" else frozenset()


def check_update(update: Any) -> None:
    """Refuse an update that is not valid or not supported.

    Raises
    ------
    ValueError
        If it does not hold operators, as PyMongo raises it.
    InvalidQuery, NotSupported
        Naming the operator.
    """
    if isinstance(update, list):
        if not update:
            raise ValueError("update cannot be empty")
        for stage in update:
            if isinstance(stage, Mapping) and len(stage) == 1 and next(iter(stage)) not in _IN_UPDATES:
                raise InvalidQuery(f"{next(iter(stage))} is not allowed to be used within an update", 72)
        check_pipeline(update)
        return
    for operator, fields in update.items():
        if operator not in UPDATE_OPERATORS:
            raise refusal(operator, "update operator") or InvalidUpdate(f"Unknown modifier: {operator}", 9)
        if not isinstance(fields, Mapping):
            raise InvalidUpdate(f"Modifiers operate on fields but we found another type for {operator}", 9)
        for path in fields:
            if "$" in path.split("."):
                raise positional(operator, path)


def positional(operator: str, path: str) -> NotSupported:
    """Make the error that refuses the positional ``$`` of an update."""
    return NotSupported(
        f"the embedded catalog does not apply {operator} to {path!r}: name the element with $[name] and "
        "array_filters, or connect to a MongoDB server (mongodb://...)",
        238,
    )
