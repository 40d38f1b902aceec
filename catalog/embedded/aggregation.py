"""Runs a pipeline over a collection, reading no more of its documents than the pipeline names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from catalog.embedded.planner import plan_filter
from catalog.embedded.scan import Query, Sort, search
from catalog.language.guards import check_pipeline
from catalog.language.projection import compile_paths, needed_paths, prune
from catalog.language.stages import Context, count_of, run, sort_of

if TYPE_CHECKING:
    from catalog.embedded.backend import EmbeddedBackend

__all__ = ["aggregate"]

Document = dict[str, Any]
_SYSTEM = frozenset({"NOW"})


def aggregate(
    backend: EmbeddedBackend, collection: str, pipeline: Any, variables: Mapping[str, Any]
) -> Iterator[Document]:
    """Run a pipeline.

    Conditions at its head, and an order and a number after them, are left to the indexes.

    Raises
    ------
    InvalidQuery, NotSupported
        If the pipeline is not valid, or not supported; before anything is read.
    """
    check_pipeline(pipeline, variables=frozenset(variables) - _SYSTEM)
    head, rest = _split(pipeline)
    documents = _documents(backend, collection, head, rest)
    return iter(run(documents, rest, Context(backend, variables)))


def _split(pipeline: list[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Part the stages that a query can do from the others: matches, then order and number."""
    names = [next(iter(stage)) for stage in pipeline]
    position = 0
    while position < len(names) and names[position] == "$match":
        position += 1
    for name in ("$sort", "$skip", "$limit"):
        if position < len(names) and names[position] == name:
            position += 1
    return pipeline[:position], pipeline[position:]


def _documents(
    backend: EmbeddedBackend, collection: str, head: list[Mapping[str, Any]], rest: list[Mapping[str, Any]]
) -> Iterator[Document]:
    conditions = [stage["$match"] for stage in head if "$match" in stage]
    options = {name: stage[name] for stage in head for name in stage if name != "$match"}
    query = conditions[0] if len(conditions) == 1 else {"$and": conditions} if conditions else {}
    predicate = backend.collection(collection).predicate(query)
    sort = sort_of(options["$sort"]) if "$sort" in options else Sort()
    skip = count_of("$skip", options.get("$skip", 0), least=0)
    limit = count_of("$limit", options["$limit"], least=1) if "$limit" in options else 0
    schema = backend.schema(collection)
    if schema is None:
        return iter(())
    found = search(backend.file.connection(), schema, Query(predicate, plan_filter(query, schema), sort, skip, limit))
    paths = needed_paths(rest)
    if paths is None:
        return (item.decoded() for item in found)
    tree = compile_paths(paths)
    return (prune(item.decoded(), tree) for item in found)
