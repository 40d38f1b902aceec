"""Compiles the stages that hold pipelines of their own, or name other collections.

Each follows its page of https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import bson
from bson import Regex

from catalog.errors import InvalidQuery
from catalog.language.arrays import check_variable
from catalog.language.context import Context, Documents, Names, Stage, Stages, run
from catalog.language.expressions import compile_expression
from catalog.language.functions import told
from catalog.language.kinds import bson_type
from catalog.language.paths import checked_path, leaves
from catalog.language.shaping import set_path
from catalog.language.values import MISSING, Document, encode_key
from catalog.limits import refused

__all__ = ["STAGES"]

_MOST_BYTES = 16 * 1024 * 1024  # of a document


def _facet(options: Any, names: Names) -> Stage:
    if not isinstance(options, Mapping) or not options:
        raise InvalidQuery("the $facet specification must be a non-empty object", 40169)
    branches = {}
    for name, branch in options.items():
        if not name or "." in name or name.startswith("$"):
            raise InvalidQuery(f"'{name}' cannot be the name of a facet", 16410 if name.startswith("$") else 16412)
        if not isinstance(branch, list):
            raise InvalidQuery(f"arguments to $facet must be arrays, {name} is of type {bson_type(branch)}", 40170)
        if not all(isinstance(stage, Mapping) for stage in branch):
            raise InvalidQuery(f"elements of arrays in $facet spec must be non-empty objects, {name}", 40171)
        branches[name] = names.inner(branch, "$facet")

    def stage(documents: Documents, context: Context) -> Documents:
        shared = list(documents)
        made = {name: list(run(shared, branch, context)) for name, branch in branches.items()}
        if len(bson.encode(made)) > _MOST_BYTES:
            raise InvalidQuery("document constructed by $facet exceeds 16 MB: give fewer fields or documents", 4031700)
        return [made]

    return stage


def _lookup(options: Any, names: Names) -> Stage:
    if not isinstance(options, Mapping):
        raise InvalidQuery("the $lookup stage specification must be an object", 9)
    options = {key: value for key, value in options.items() if key != "let" or value is not None}
    if all(options.get(key, 0) in (None, "") for key in ("localField", "foreignField")):
        options = {key: value for key, value in options.items() if key not in ("localField", "foreignField")}
        options.setdefault("pipeline", [])
    for key, value in options.items():
        if key not in ("from", "as", "localField", "foreignField", "pipeline", "let"):
            raise InvalidQuery(f"unknown argument to $lookup: {key}", 9)
        if key in ("from", "as", "localField", "foreignField") and bson_type(value) != "string":
            code = 14 if key == "as" else 9
            raise InvalidQuery(f"$lookup argument '{key}' must be a string, is of type {bson_type(value)}", code)
    inner = options.get("pipeline")
    if "as" not in options:
        raise InvalidQuery("must specify 'as' field for a $lookup", 9)
    if "from" not in options:
        if inner and isinstance(inner, list) and isinstance(inner[0], Mapping) and "$documents" in inner[0]:
            raise refused("$documents", "stage")
        raise InvalidQuery("must specify 'from' field for a $lookup", 9)
    if ("localField" in options) is not ("foreignField" in options) or (inner is None and "localField" not in options):
        raise InvalidQuery("$lookup requires both or neither of 'localField' and 'foreignField', or a pipeline", 9)
    if inner is not None and not isinstance(inner, list):
        raise InvalidQuery("'pipeline' option must be specified as an array", 14)
    _check_name(options["from"])
    bound = _bound(options, names, inner)
    local = checked_path(options["localField"]) if "localField" in options else None
    if "foreignField" in options:
        checked_path(options["foreignField"])
    pipeline = names.inner(inner or [], "$lookup", bound)
    return _joining(options, (checked_path(options["as"]), local), pipeline, bound)


def _check_name(name: str) -> None:
    """Refuse what cannot be the name of a collection; of what is only never one, there is nothing."""
    if not name or name.startswith(".") or "\x00" in name:
        raise InvalidQuery(f"Invalid namespace specified: {name!r}", 73)


def _bound(options: Mapping[str, Any], names: Names, inner: Any) -> dict[str, Any]:
    """Compile the variables of a ``$lookup``."""
    if "let" not in options:
        return {}
    if not isinstance(options["let"], Mapping):
        raise InvalidQuery("$lookup argument 'let' must be an object", 9)
    if inner is None:
        raise InvalidQuery("$lookup with 'let' must also specify 'pipeline'", 9)
    for name in options["let"]:
        check_variable(name)
    return {name: compile_expression(value, names.variables) for name, value in options["let"].items()}


def _joining(options: Mapping[str, Any], paths: Any, pipeline: Any, bound: Mapping[str, Any]) -> Stage:
    target, local = paths

    def stage(documents: Documents, context: Context) -> Iterator[Document]:
        known: dict[bytes, list[Document]] = {}
        for document in documents:
            query = {} if local is None else {options["foreignField"]: {"$in": _wanted(leaves(document, local))}}
            variables = {name: compute(document, context.variables) for name, compute in bound.items()}
            # Missing and null are the same to a filter, but not to an expression.
            key = encode_key([query, {name: [] if value is MISSING else [value] for name, value in variables.items()}])
            if key not in known:
                found = context.others().documents(options["from"], query)
                inner = Context({**context.variables, **variables}, context.database)
                known[key] = list(run(found, pipeline, inner))
            yield set_path(document, target, known[key])

    return stage


def _wanted(values: list[Any]) -> list[Any]:
    """Return what a document of the other collection may be equal to; of nothing that is there, null."""
    wanted: list[Any] = []
    for value in values:
        wanted += value if isinstance(value, list) else [] if value is MISSING else [value]
    if any(isinstance(value, Regex) for value in wanted):
        raise refused("$lookup of regular expressions", "stage")
    return wanted or [None]


def _union_with(options: Any, names: Names) -> Stage:
    given = {"coll": options} if isinstance(options, str) else options
    if isinstance(given, Mapping) and "coll" not in given and "pipeline" in given:
        raise refused("$documents", "stage")
    given = told("$unionWith", given, ("coll",), ("pipeline",), codes=(9, 40415, 40414))
    if not isinstance(given["coll"], str):
        raise InvalidQuery("BSON field '$unionWith.coll' is the wrong type, expected type 'string'", 14)
    if not isinstance(given.get("pipeline", []), list):
        raise InvalidQuery("BSON field '$unionWith.pipeline' is the wrong type, expected type 'array'", 14)
    _check_name(given["coll"])
    pipeline, source = names.inner(given.get("pipeline", []), "$unionWith"), given["coll"]

    def stage(documents: Documents, context: Context) -> Iterator[Document]:
        yield from documents
        yield from run(context.others().documents(source, {}), pipeline, context)

    return stage


STAGES: Stages = {
    "$facet": _facet,
    "$lookup": _lookup,
    "$unionWith": _union_with,
}
