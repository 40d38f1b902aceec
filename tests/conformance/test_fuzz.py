"""Random documents, updates and pipelines: the embedded catalog, with and without indexes, beside a plain evaluator.

And beside a server, where ``MONGODB_URI`` names one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import InvalidQuery, NotSupported
from tests.conformance.backends import BACKENDS, unavailable
from tests.conformance.compare import typed
from tests.conformance.plain import Impossible, piped, updated

searching = settings(max_examples=2 * settings.default.max_examples, deadline=None)  # of the profile chosen

NAMES = st.sampled_from(("a", "b", "1"))
scalars = st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from((0.5, 1.0, -2.0, "", "x", "y"))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
documents = st.dictionaries(NAMES, values, max_size=3)
PATHS = ("a", "b", "1", "a.b", "a.1", "b.a", "a.0.b", "b.1.a", "a.b.1", "1.a")
paths = st.sampled_from(PATHS)
operations = st.one_of(
    st.tuples(st.sampled_from(("$set", "$max")), paths, values),
    st.tuples(st.sampled_from(("$push", "$addToSet")), paths, values.filter(lambda value: not isinstance(value, dict))),
    st.tuples(st.just("$pull"), paths, scalars),
    st.tuples(st.just("$inc"), paths, st.sampled_from((1, -1, 0.5))),
    st.tuples(st.just("$unset"), paths, st.just("")),
)


def apart(chosen: list[tuple[str, str, Any]]) -> bool:
    """Whether no path leads through another."""
    parts = [path.split(".") for _, path, _ in chosen]
    return not any(one is not other and one[: len(other)] == other for one in parts for other in parts)


def as_update(chosen: list[tuple[str, str, Any]]) -> dict[str, Any]:
    update: dict[str, Any] = {}
    for operator, path, argument in chosen:
        update.setdefault(operator, {})[path] = argument
    return update


updates = st.lists(operations, min_size=1, max_size=2).filter(apart).map(as_update)
plain_values = scalars.filter(lambda value: not isinstance(value, bool | int | float) or value is None)
expressions = scalars | paths.map(lambda path: f"${path}") | st.dictionaries(NAMES, scalars, min_size=1, max_size=2)
stages = st.one_of(
    st.builds(lambda path, value: {"$addFields": {path: value}}, paths, expressions),
    st.builds(lambda path: {"$project": {path: 1}}, paths),
    st.builds(lambda path: {"$unset": path}, paths),
    st.builds(lambda path: {"$unwind": f"${path}"}, paths),
    st.builds(lambda path, value: {"$match": {path: value}}, paths, scalars),
    st.builds(lambda path, value: {"$match": {path: {"$ne": value}}}, paths, scalars),
    st.builds(lambda path, there: {"$match": {path: {"$exists": there}}}, paths, st.booleans()),
    st.builds(lambda number: {"$limit": number}, st.integers(1, 4)),
    st.builds(lambda number: {"$skip": number}, st.integers(0, 2)),
)
groups = st.builds(
    lambda key, path: {"$group": {"_id": f"${key}", "n": {"$sum": 1}, "v": {"$push": f"${path}"}}}, paths, paths
)
pipelines = st.builds(lambda some, last: [*some, *last], st.lists(stages, max_size=4), st.lists(groups, max_size=1))


@pytest.fixture(scope="module", params=[b for b in BACKENDS if b.name in ("embedded", "mongodb")], ids=lambda b: b.name)
def collections(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """Two collections of a database, one with indexes on some paths."""
    reason = unavailable(request.param)
    if reason:
        pytest.skip(reason)
    with request.param.open(tmp_path_factory.mktemp("fuzz")) as database:
        for path in ("a", "b.a", "1"):
            database["indexed"].create_index(path)
        yield database["plain"], database["indexed"]


def fill(collection: Any, drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    collection.delete_many({})
    numbered = [{"_id": number, **document} for number, document in enumerate(drawn)]
    if numbered:
        collection.insert_many([dict(document) for document in numbered])
    return numbered


def told(value: Any) -> Any:
    return typed(value, key_order=False)


@searching
@given(document=documents, update=updates)
def test_updates_leave_what_the_manual_says(collections: Any, document: dict[str, Any], update: dict[str, Any]) -> None:
    try:
        wanted = updated({"_id": 0, **document}, update)
    except Impossible:
        wanted = None
    for collection in collections:
        before = fill(collection, [document])
        if wanted is None:
            with pytest.raises(InvalidQuery) as error:
                collection.update_one({"_id": 0}, update)
            assert not isinstance(error.value, NotSupported)
            assert told(list(collection.find())) == told(before)
        else:
            result = collection.update_one({"_id": 0}, update)
            assert told(collection.find_one({"_id": 0})) == told(wanted)
            assert result.modified_count == (told(wanted) != told(before[0]))


@searching
@given(drawn=st.lists(documents, max_size=5), pipeline=pipelines)
def test_pipelines_answer_as_the_manual_says(
    collections: Any, drawn: list[dict[str, Any]], pipeline: list[dict[str, Any]]
) -> None:
    for collection in collections:
        numbered = fill(collection, drawn)
        answered = list(collection.aggregate([{"$sort": {"_id": 1}}, *pipeline]))
        wanted = piped(numbered, pipeline)
        if any("$group" in stage for stage in pipeline):
            answered, wanted = ([{**one, "_id": None} for one in some] for some in (answered, wanted))
            assert sorted(map(repr, map(told, answered))) == sorted(map(repr, map(told, wanted)))
        else:
            assert told(answered) == told(wanted)
