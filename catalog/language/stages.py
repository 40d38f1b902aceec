"""Runs the stages of an aggregation pipeline; documents flow through one by one where they can."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from catalog.errors import InvalidQuery
from catalog.language.expressions import compile_expression, predicate_of
from catalog.language.grouping import group
from catalog.language.kinds import nullish
from catalog.language.matching import compile_filter
from catalog.language.order import Sort, order_key
from catalog.language.paths import resolve, split
from catalog.language.shaping import adder, project, remover, set_path
from catalog.language.values import MISSING, encode_key
from catalog.limits import refusal

__all__ = ["STAGES", "Context", "Database", "run", "sort_of"]

Document = dict[str, Any]
Documents = Iterable[Document]


class Database(Protocol):
    """The other collections, as pipelines see them."""

    def documents(self, collection: str, query: Mapping[str, Any]) -> Documents:
        """Return the documents of a collection that match a filter."""

    def replace_collection(self, collection: str, documents: Documents) -> None:
        """Put documents in the place of all a collection has."""

    def merge(self, options: Any, documents: Documents) -> None:
        """Merge documents into a collection."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage needs beside its documents."""

    variables: Mapping[str, Any]
    database: Database | None = None

    def others(self) -> Database:
        """Return the other collections, for a stage that names one."""
        if self.database is None:
            raise InvalidQuery("no other collection can be named here", 72)
        return self.database


Stage = Callable[[Documents, Any, Context], Documents]


def run(documents: Documents, pipeline: Iterable[Mapping[str, Any]], context: Context) -> Documents:
    """Send documents through the stages of a checked pipeline."""
    for stage in pipeline:
        ((name, options),) = stage.items()
        documents = STAGES[name](documents, options, context)
    return documents


def _match(documents: Documents, options: Any, context: Context) -> Documents:
    predicate = compile_filter(options, expression=lambda given: predicate_of(given, context.variables))
    return filter(predicate, documents)


def sort_of(options: Any) -> Sort:
    """Read the specification of a ``$sort``.

    Raises
    ------
    InvalidQuery
        If it is not valid.
    """
    if not isinstance(options, Mapping) or not options:
        raise InvalidQuery("$sort stage must have at least one sort key", 15976)
    for path, direction in options.items():
        if isinstance(direction, Mapping):
            raise refusal("$meta", "sort") or InvalidQuery("$sort key ordering must be 1 or -1", 15975)
        if isinstance(direction, bool) or direction not in (1, -1):
            raise InvalidQuery("$sort key ordering must be 1 (for ascending) or -1 (for descending)", 15975)
        if path.startswith("$"):
            raise InvalidQuery(f"{path!r} is no field a sort can name", 16410)
    return Sort(tuple((path, int(direction)) for path, direction in options.items()))


def _sort(documents: Documents, options: Any, context: Context) -> Documents:
    sort = sort_of(options)
    return sorted(documents, key=lambda document: order_key(document, sort))


def count_of(name: str, options: Any, *, least: int) -> int:
    """Read the whole number a stage takes."""
    number = isinstance(options, (int, float)) and not isinstance(options, bool)
    if not number or options != int(options) or options < least:
        raise InvalidQuery(f"the {name} must be a whole number of at least {least}, not {options!r}", 15958)
    return int(options)


def _limit(documents: Documents, options: Any, context: Context) -> Documents:
    return islice(documents, count_of("$limit", options, least=1))


def _skip(documents: Documents, options: Any, context: Context) -> Documents:
    return islice(documents, count_of("$skip", options, least=0), None)


def _count(documents: Documents, options: Any, context: Context) -> Documents:
    if not isinstance(options, str) or not options or options.startswith("$") or "." in options:
        raise InvalidQuery("the count field must be a non-empty string without '$' and '.'", 40156)
    number = sum(1 for _ in documents)
    return [{options: number}] if number else []


def _group(documents: Documents, options: Any, context: Context) -> Documents:
    return group(documents, options, context.variables)


def _sort_by_count(documents: Documents, options: Any, context: Context) -> Documents:
    if not isinstance(options, Mapping) and not (isinstance(options, str) and options.startswith("$")):
        raise InvalidQuery("the $sortByCount field must be a $-prefixed path or an expression", 40148)
    counted = group(documents, {"_id": options, "count": {"$sum": 1}}, context.variables)
    return sorted(counted, key=lambda document: -int(document["count"]))


def _facet(documents: Documents, options: Any, context: Context) -> Documents:
    shared = list(documents)
    return [{name: list(run(shared, branch, context)) for name, branch in options.items()}]


def _unwind(documents: Documents, options: Any, context: Context) -> Iterator[Document]:
    given = options if isinstance(options, Mapping) else {"path": options}
    path, index, keep = (
        given.get("path"),
        given.get("includeArrayIndex"),
        given.get("preserveNullAndEmptyArrays"),
    )
    if not isinstance(path, str) or not path.startswith("$") or len(path) < 2:
        raise InvalidQuery("path option to $unwind stage should be prefixed with a '$'", 28818)
    return _unwound(documents, split(path[1:]), None if index is None else split(index), bool(keep))


def _unwound(
    documents: Documents,
    parts: tuple[str, ...],
    index: tuple[str, ...] | None,
    keep: bool,
) -> Iterator[Document]:
    for document in documents:
        value = _strict(document, parts)
        if isinstance(value, list) and value:
            for position, item in enumerate(value):
                out = set_path(document, parts, item)
                yield out if index is None else set_path(out, index, position)
        elif keep or not (nullish(value) or isinstance(value, list)):
            out = remover(".".join(parts))(document) if isinstance(value, list) else document
            yield out if index is None else set_path(out, index, None)


def _strict(document: Any, parts: tuple[str, ...]) -> Any:
    """Follow a path through sub-documents only, as ``$unwind`` does."""
    for part in parts:
        if type(document) is not dict or part not in document:
            return MISSING
        document = document[part]
    return document


def _add_fields(documents: Documents, options: Any, context: Context) -> Documents:
    return map(adder(options, context.variables), documents)


def _unset(documents: Documents, options: Any, context: Context) -> Documents:
    return map(remover(options), documents)


def _project(documents: Documents, options: Any, context: Context) -> Documents:
    return map(project(options, context.variables), documents)


def _replace_root(documents: Documents, options: Any, context: Context) -> Documents:
    if not isinstance(options, Mapping) or "newRoot" not in options:
        raise InvalidQuery("no newRoot specified for the $replaceRoot stage", 40231)
    return _replace_with(documents, options["newRoot"], context)


def _replace_with(documents: Documents, options: Any, context: Context) -> Iterator[Document]:
    compute = compile_expression(options, context.variables)
    for document in documents:
        value = compute(document)
        if not isinstance(value, dict):
            raise InvalidQuery("'newRoot' expression must evaluate to an object", 40228)
        yield value


def _sample(documents: Documents, options: Any, context: Context) -> Documents:
    if not isinstance(options, Mapping) or set(options) != {"size"}:
        raise InvalidQuery("the $sample stage takes 'size'", 28745)
    size = count_of("$sample size", options["size"], least=1)
    kept = list(documents)
    return random.sample(kept, min(size, len(kept)))


def _bucket(documents: Documents, options: Any, context: Context) -> Documents:
    """Group by a ``$switch`` over the boundaries."""
    boundaries = options.get("boundaries")
    if "groupBy" not in options or not isinstance(boundaries, list) or len(boundaries) < 2:
        raise InvalidQuery("$bucket requires 'groupBy' and two or more 'boundaries'", 40198)
    pairs = list(itertools.pairwise(boundaries))
    if any(encode_key(low) >= encode_key(high) for low, high in pairs):
        raise InvalidQuery("the 'boundaries' option to $bucket must be sorted in ascending order", 40194)
    value = options["groupBy"]
    chosen: dict[str, Any] = {
        "branches": [
            {"case": {"$and": [{"$gte": [value, low]}, {"$lt": [value, high]}]}, "then": {"$literal": low}}
            for low, high in pairs
        ]
    }
    if "default" in options:
        chosen["default"] = {"$literal": options["default"]}
    output = options.get("output", {"count": {"$sum": 1}})
    grouped = group(documents, {"_id": {"$switch": chosen}, **output}, context.variables)
    return sorted(grouped, key=lambda document: encode_key(document["_id"]))


def _lookup(documents: Documents, options: Any, context: Context) -> Iterator[Document]:
    local = options.get("localField")
    parts = None if local is None else split(local)
    target = split(options["as"])
    let = {name: compile_expression(value, context.variables) for name, value in options.get("let", {}).items()}
    known: dict[bytes, list[Document]] = {}
    for document in documents:
        query = {} if parts is None else {options["foreignField"]: _local_condition(resolve(document, parts))}
        variables = {name: compute(document) for name, compute in let.items()}
        key = encode_key([query, {name: [] if value is MISSING else [value] for name, value in variables.items()}])
        if key not in known:
            found = context.others().documents(options["from"], query)
            inner = Context({**context.variables, **variables}, context.database)
            known[key] = list(run(found, options.get("pipeline", []), inner))
        yield set_path(document, target, known[key])


def _local_condition(value: Any) -> Mapping[str, Any]:
    if isinstance(value, list):
        return {"$in": value}
    return {"$eq": None if value is MISSING else value}


def _union_with(documents: Documents, options: Any, context: Context) -> Iterator[Document]:
    given: Mapping[str, Any] = {"coll": options} if isinstance(options, str) else options
    yield from documents
    yield from run(context.others().documents(given["coll"], {}), given.get("pipeline", []), context)


def _out(documents: Documents, options: Any, context: Context) -> Documents:
    context.others().replace_collection(options if isinstance(options, str) else options["coll"], documents)
    return []


def _merge(documents: Documents, options: Any, context: Context) -> Documents:
    context.others().merge(options, documents)
    return []


STAGES: dict[str, Stage] = {
    "$addFields": _add_fields,
    "$bucket": _bucket,
    "$count": _count,
    "$facet": _facet,
    "$group": _group,
    "$limit": _limit,
    "$lookup": _lookup,
    "$match": _match,
    "$merge": _merge,
    "$out": _out,
    "$project": _project,
    "$replaceRoot": _replace_root,
    "$replaceWith": _replace_with,
    "$sample": _sample,
    "$set": _add_fields,
    "$skip": _skip,
    "$sort": _sort,
    "$sortByCount": _sort_by_count,
    "$unionWith": _union_with,
    "$unset": _unset,
    "$unwind": _unwind,
}
