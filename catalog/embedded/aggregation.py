"""Runs a pipeline over a collection, reading no more of its documents than the pipeline names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from catalog.embedded.planner import plan_filter
from catalog.embedded.scan import Query, search
from catalog.embedded.schema import Schema
from catalog.language.context import Context, run
from catalog.language.order import Sort
from catalog.language.pipeline import compile_pipeline
from catalog.language.projection import compile_paths, needed_paths, prune
from catalog.language.query import predicate
from catalog.language.stages import count_of, sort_of
from catalog.language.values import Document

__all__ = ["aggregate"]


def aggregate(schemas: Schema, collection: str, pipeline: Any, variables: Mapping[str, Any]) -> Iterator[Document]:
    """Run a pipeline.

    Conditions at its head, and an order and a number after them, are left to the indexes.

    Raises
    ------
    InvalidQuery, NotSupported
        If the pipeline is not valid, or not supported; before anything is read.
    """
    compiled = compile_pipeline(pipeline, variables)
    head, rest = _split(pipeline)
    documents = _documents(schemas, collection, head, rest, variables)
    return iter(run(documents, compiled[len(head) :], Context(variables, Collections(schemas))))


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
    schemas: Schema,
    collection: str,
    head: list[Mapping[str, Any]],
    rest: list[Mapping[str, Any]],
    variables: Mapping[str, Any],
) -> Iterator[Document]:
    conditions = [stage["$match"] for stage in head if "$match" in stage]
    options = {name: stage[name] for stage in head for name in stage if name != "$match"}
    query = conditions[0] if len(conditions) == 1 else {"$and": conditions} if conditions else {}
    test = predicate(query, variables)
    sort = sort_of(options["$sort"]) if "$sort" in options else Sort()
    skip = count_of("$skip", options.get("$skip", 0), least=0)
    limit = count_of("$limit", options["$limit"], least=1) if "$limit" in options else 0
    schema = schemas.get(collection)
    if schema is None:
        return iter(())
    found = search(schemas.file.connection(), schema, Query(test, plan_filter(query, schema), sort, skip, limit))
    paths = needed_paths(rest)
    if paths is None:
        return (item.decoded() for item in found)
    tree = compile_paths(paths)
    return (prune(item.decoded(), tree) for item in found)


class Collections:
    """The collections of a file, as the stages of a pipeline see them."""

    def __init__(self, schemas: Schema) -> None:
        self._schemas = schemas

    def documents(self, collection: str, query: Mapping[str, Any]) -> Iterable[Document]:
        """Return the documents of a collection that match a filter."""
        schema = self._schemas.get(collection)
        if schema is None:
            return []
        found = search(self._schemas.file.connection(), schema, Query(predicate(query), plan_filter(query, schema)))
        return (item.decoded() for item in found)
