"""Compiles the stages of an aggregation pipeline that work on its own documents.

Each follows its page of https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from bson import Decimal128, Int64

from catalog.errors import InvalidQuery
from catalog.language.accumulators import plain
from catalog.language.context import Context, Documents, Names, Stage, Stages
from catalog.language.expressions import compile_condition, compile_expression
from catalog.language.functions import told
from catalog.language.grouping import compile_fields, compile_group, group
from catalog.language.kinds import bson_type, is_number, no_decimals, nullish
from catalog.language.matching import compile_filter
from catalog.language.order import Sort, order_key
from catalog.language.paths import checked_path
from catalog.language.shaping import Shape, adder, project, remover, set_path
from catalog.language.values import MISSING, Document, encode_key
from catalog.limits import refusal

__all__ = ["STAGES", "count_of", "sort_of"]


def _match(options: Any, names: Names) -> Stage:
    if not isinstance(options, Mapping):
        raise InvalidQuery("the match filter must be an expression in an object", 15959)
    # Compiled to be checked, and once more with the variables that are known then.
    compile_filter(options, expression=lambda given: _unknown(given, names))

    def stage(documents: Documents, context: Context) -> Documents:
        test = compile_filter(options, expression=lambda given: compile_condition(given, context.variables))
        return filter(test, documents)

    return stage


def _unknown(expression: Any, names: Names) -> Callable[[Document], bool]:
    compile_expression(expression, names.variables)
    return lambda document: False


def sort_of(options: Any) -> Sort:
    """Read the specification of a ``$sort``.

    Raises
    ------
    InvalidQuery
        If it is not valid.
    """
    if not isinstance(options, Mapping):
        raise InvalidQuery("the $sort key specification must be an object", 15973)
    if not options:
        raise InvalidQuery("$sort stage must have at least one sort key", 15976)
    if len(options) > 32:
        raise InvalidQuery("too many compound keys: a $sort takes 32", 13103)
    for path, direction in options.items():
        if isinstance(direction, Mapping):
            raise refusal("$meta", "sort") or InvalidQuery("$meta is the only expression supported by $sort", 17312)
        if isinstance(direction, Decimal128):
            raise no_decimals("$sort")
        if not is_number(direction):
            raise InvalidQuery(f"Illegal key in $sort specification: {path}: {direction!r}", 15974)
        if not math.isfinite(direction) or int(direction) not in (1, -1):
            raise InvalidQuery("$sort key ordering must be 1 (for ascending) or -1 (for descending)", 15975)
        if not path:
            raise InvalidQuery("FieldPath cannot be constructed with empty string", 40352)
        checked_path(path)
    return Sort(tuple((path, int(direction)) for path, direction in options.items()))


def _sort(options: Any, names: Names) -> Stage:
    sort = sort_of(options)
    return lambda documents, context: sorted(documents, key=lambda document: order_key(document, sort))


def count_of(name: str, options: Any, *, least: int) -> int:
    """Read the whole number of 64 bits that a stage takes."""
    if isinstance(options, Decimal128):
        raise no_decimals(name)
    if not is_number(options) or not math.isfinite(options) or options != int(options):
        raise InvalidQuery(f"invalid argument to {name} stage: expected a whole number, not {options!r}", 5107201)
    if options < least:
        code = 15958 if name == "$limit" and options == 0 else 5107200 if name == "$skip" else 5107201
        raise InvalidQuery(f"invalid argument to {name} stage: expected at least {least}, not {options!r}", code)
    if options >= 1 << 63:
        raise InvalidQuery(f"invalid argument to {name} stage: {options!r} does not fit 64 bits", 5107201)
    return int(options)


def _limit(options: Any, names: Names) -> Stage:
    number = count_of("$limit", options, least=1)
    return lambda documents, context: islice(documents, number)


def _skip(options: Any, names: Names) -> Stage:
    number = count_of("$skip", options, least=0)
    return lambda documents, context: islice(documents, number, None)


def _count(options: Any, names: Names) -> Stage:
    for bad, why, code in (
        (not isinstance(options, str), "be a string", 40156),
        (options == "", "not be empty", 40157),
        (isinstance(options, str) and options.startswith("$"), "not begin with '$'", 40158),
        (isinstance(options, str) and "\x00" in options, "hold no null byte", 40159),
        (isinstance(options, str) and "." in options, "hold no '.'", 40160),
        (options == "_id", "not be _id", 9039800),
    ):
        if bad:
            raise InvalidQuery(f"the count field must {why}", code)

    def stage(documents: Documents, context: Context) -> Documents:
        number = sum(1 for _ in documents)
        return [{options: number}] if number else []

    return stage


def _group(options: Any, names: Names) -> Stage:
    key_of, fields = compile_group(options, names.variables)
    return lambda documents, context: group(documents, key_of, fields, context.variables)


def _sort_by_count(options: Any, names: Names) -> Stage:
    if isinstance(options, Mapping):
        if len(options) != 1 or not next(iter(options)).startswith("$"):
            raise InvalidQuery("the sortByCount field must be defined as a $-prefixed path or an expression", 40147)
    elif not isinstance(options, str):
        raise InvalidQuery("the sortByCount field must be specified as a string or as an object", 40149)
    elif not options.startswith("$"):
        raise InvalidQuery("the sortByCount field must be defined as a $-prefixed path or an expression", 40148)
    counting = _group({"_id": options, "count": {"$sum": 1}}, names)
    return lambda documents, context: sorted(counting(documents, context), key=lambda found: -int(found["count"]))


def _unwind(options: Any, names: Names) -> Stage:
    given = {"path": options} if isinstance(options, str) else options
    takes = ("includeArrayIndex", "preserveNullAndEmptyArrays")
    given = told("$unwind", given, ("path",), takes, codes=(15981, 28811, 28812))
    path, index, keep = given["path"], given.get(takes[0]), given.get(takes[1], False)
    if not isinstance(path, str):
        raise InvalidQuery("expected a string as the path for $unwind stage", 28808)
    if not isinstance(keep, bool):
        raise InvalidQuery("expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage", 28809)
    if "includeArrayIndex" in given and (bson_type(index) != "string" or not index):
        raise InvalidQuery("expected a non-empty string for the includeArrayIndex option to $unwind stage", 28810)
    if isinstance(index, str) and index.startswith("$"):
        raise InvalidQuery(
            f"includeArrayIndex option to $unwind stage should not be prefixed with a '$': {index}", 28822
        )
    if not path.startswith("$"):
        raise InvalidQuery(f"path option to $unwind stage should be prefixed with a '$': {path}", 28818)
    parts, place = checked_path(path[1:]), None if index is None else checked_path(index)
    return lambda documents, context: _unwound(documents, parts, place, keep)


def _unwound(
    documents: Documents,
    parts: tuple[str, ...],
    index: tuple[str, ...] | None,
    keep: bool,
) -> Iterator[Document]:
    emptied = remover(".".join(parts))
    for document in documents:
        value = _strict(document, parts)
        if isinstance(value, list) and value:
            for position, item in enumerate(value):
                out = set_path(document, parts, item)
                yield out if index is None else set_path(out, index, Int64(position))
        elif keep or not (nullish(value) or isinstance(value, list)):
            out = emptied(document, {}) if isinstance(value, list) else document
            yield out if index is None else set_path(out, index, None)


def _strict(document: Any, parts: tuple[str, ...]) -> Any:
    """Follow a path through sub-documents only, as ``$unwind`` does."""
    for part in parts:
        if type(document) is not dict or part not in document:
            return MISSING
        document = document[part]
    return document


def _mapped(shape: Shape) -> Stage:
    return lambda documents, context: (shape(document, context.variables) for document in documents)


def _replace_root(options: Any, names: Names) -> Stage:
    options = told("$replaceRoot", options, ("newRoot",), codes=(40229, 40415, 40414))
    return _replace_with(options["newRoot"], names)


def _replace_with(options: Any, names: Names) -> Stage:
    compute = compile_expression(options, names.variables)

    def stage(documents: Documents, context: Context) -> Iterator[Document]:
        for document in documents:
            value = compute(document, context.variables)
            if not isinstance(value, dict):
                raise InvalidQuery(
                    f"'newRoot' expression must evaluate to an object, but resulting type was {bson_type(value)}", 40228
                )
            yield value

    return stage


def _sample(options: Any, names: Names) -> Stage:
    size = told("$sample", options, ("size",), codes=(28745, 28748, 28749))["size"]
    if isinstance(size, Decimal128):
        raise no_decimals("$sample")
    if not is_number(size):
        raise InvalidQuery("size argument to $sample must be a number", 28746)
    if math.isnan(size) or size < 1:
        raise InvalidQuery("size argument to $sample must be a positive integer", 28747)

    def stage(documents: Documents, context: Context) -> Documents:
        kept = list(documents)
        return random.sample(kept, len(kept) if math.isinf(size) else min(int(size), len(kept)))

    return stage


def _bucket(options: Any, names: Names) -> Stage:
    """Group by a ``$switch`` over the boundaries."""
    takes = ("default", "output")
    options = told("$bucket", options, ("groupBy", "boundaries"), takes, codes=(40201, 40197, 40198))
    value, boundaries = options["groupBy"], options["boundaries"]
    if not isinstance(value, Mapping) and not (isinstance(value, str) and value.startswith("$")):
        raise InvalidQuery("The $bucket 'groupBy' field must be a $-prefixed path or an expression", 40202)
    if not isinstance(boundaries, list):
        raise InvalidQuery("The $bucket 'boundaries' field must be an array of values", 40200)
    if len(boundaries) < 2:
        raise InvalidQuery("The $bucket 'boundaries' field must have at least 2 values", 40192)
    boundaries = [_constant(boundary, names) for boundary in boundaries]
    keys = [encode_key(boundary) for boundary in boundaries]
    for (low, high), (low_key, high_key) in zip(itertools.pairwise(boundaries), itertools.pairwise(keys), strict=True):
        if low_key[:1] != high_key[:1]:
            raise InvalidQuery(
                f"All values in the 'boundaries' option to $bucket must have the same type: {high!r}", 40193
            )
        if low_key >= high_key:
            raise InvalidQuery(f"The 'boundaries' option to $bucket must be sorted: {low!r}, {high!r}", 40194)
    chosen: dict[str, Any] = {
        "branches": [
            {"case": {"$and": [{"$gte": [value, {"$literal": low}]}, {"$lt": [value, {"$literal": high}]}]},
             "then": {"$literal": low}}
            for low, high in itertools.pairwise(boundaries)
        ]
    }  # fmt: skip
    if "default" in options:
        default = _constant(options["default"], names)
        if keys[0] <= encode_key(default) < keys[-1]:
            raise InvalidQuery("The $bucket 'default' field must lie outside of the boundaries", 40199)
        chosen["default"] = {"$literal": default}
    output = options.get("output", {"count": {"$sum": 1}})
    if not isinstance(output, Mapping):
        raise InvalidQuery("The $bucket 'output' field must be an object", 40196)
    if "_id" in output:
        raise InvalidQuery("The $bucket 'output' cannot name _id", 15948)
    key_of, fields = compile_expression({"$switch": chosen}, names.variables), compile_fields(output, names.variables)

    def stage(documents: Documents, context: Context) -> Documents:
        grouped = group(documents, key_of, fields, context.variables)
        return sorted(grouped, key=lambda document: encode_key(document["_id"]))

    return stage


def _constant(expression: Any, names: Names) -> Any:
    """Return the value of an expression without fields."""
    if _has_fields(expression):
        raise InvalidQuery("the 'boundaries' and the 'default' of $bucket must be constants", 40191)
    value = compile_expression(expression, names.variables)({}, {})
    return None if value is MISSING else plain("$bucket", value)


def _has_fields(expression: Any) -> bool:
    if isinstance(expression, str):
        return expression.startswith("$")
    if isinstance(expression, Mapping):
        return any(name != "$literal" and _has_fields(item) for name, item in expression.items())
    return isinstance(expression, list) and any(map(_has_fields, expression))


STAGES: Stages = {
    "$addFields": lambda options, names: _mapped(adder(options, names.variables)),
    "$bucket": _bucket,
    "$count": _count,
    "$group": _group,
    "$limit": _limit,
    "$match": _match,
    "$project": lambda options, names: _mapped(project(options, names.variables)),
    "$replaceRoot": _replace_root,
    "$replaceWith": _replace_with,
    "$sample": _sample,
    "$set": lambda options, names: _mapped(adder(options, names.variables, "$set")),
    "$skip": _skip,
    "$sort": _sort,
    "$sortByCount": _sort_by_count,
    "$unset": lambda options, names: _mapped(remover(options)),
    "$unwind": _unwind,
}
