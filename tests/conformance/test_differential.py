"""Narrowing in SQL and fetching only named paths never change an answer.

The embedded catalog is asked beside two others that see every document whole: mongomock-ng, a mock of MongoDB
in memory, and a small evaluator written from the manual.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.compare import typed
from tests.conformance.evaluator import grouped, key_of, selected
from tests.conformance.random_pipelines import IN_ORDER, archives, groups, pipelines, queries

searching = settings(max_examples=2 * settings.default.max_examples, deadline=None)  # of the profile chosen


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The ``headers`` of an embedded catalog, with its declared indexes."""
    from catalog import connect

    with connect(tmp_path_factory.mktemp("differential") / "catalog.db") as catalog:
        yield catalog.headers


@pytest.fixture(scope="module")
def engine() -> Any:
    """A collection of mongomock-ng, in memory."""
    from mongomock_ng import MongoClient

    return MongoClient(tz_aware=True)["differential"]["headers"]


def fill(collection: Any, documents: list[dict[str, Any]]) -> None:
    """Make `documents` the only ones of `collection`."""
    collection.delete_many({})
    if documents:
        collection.insert_many([bson.decode(bson.encode(document)) for document in documents])


def settled(documents: list[dict[str, Any]]) -> list[Any]:
    """Documents in an order of their own, and without that of their keys."""
    return sorted((typed(document, key_order=False) for document in documents), key=repr)


def over_whole_documents(engine: Any, pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What mongomock-ng answers; but of nothing it makes a group or a count, which MongoDB does not."""
    for position, stage in enumerate(pipeline):
        if ("$group" in stage or "$count" in stage) and not list(engine.aggregate(pipeline[:position])):
            return []
    return list(engine.aggregate(pipeline))


@searching
@given(documents=archives(), pipeline=pipelines())
def test_pipelines_answer_as_over_whole_documents(
    embedded: Any, engine: Any, documents: list[dict[str, Any]], pipeline: list[dict[str, Any]]
) -> None:
    for collection in (embedded, engine):
        fill(collection, documents)
    assert settled(list(embedded.aggregate(pipeline))) == settled(over_whole_documents(engine, pipeline))


@searching
@given(documents=archives(), query=queries)
def test_queries_select_as_the_manual_says(
    embedded: Any, documents: list[dict[str, Any]], query: dict[str, Any]
) -> None:
    fill(embedded, documents)
    wanted = selected(documents, query)
    assert list(embedded.find(query).sort("_id", 1)) == wanted
    assert embedded.count_documents(query) == len(wanted)


@searching
@given(documents=archives(), query=queries, field=st.sampled_from(("date", "kind", "tags", "exposure_number")))
def test_distinct_values_as_the_manual_says(
    embedded: Any, documents: list[dict[str, Any]], query: dict[str, Any], field: str
) -> None:
    fill(embedded, documents)
    wanted = set()
    for document in selected(documents, query):
        value = document.get(field, [])
        wanted |= {key_of(item) for item in (value if isinstance(value, list) else [value])}
    answered = [key_of(value) for value in embedded.distinct(field, query)]
    assert sorted(answered, key=repr) == sorted(wanted, key=repr)


@searching
@given(documents=archives(), query=queries, group=groups)
def test_groups_as_the_manual_says(
    embedded: Any, documents: list[dict[str, Any]], query: dict[str, Any], group: dict[str, Any]
) -> None:
    fill(embedded, documents)
    answered = list(embedded.aggregate([{"$match": query}, IN_ORDER, {"$group": group}]))
    wanted = grouped(selected(documents, query), group)
    by_key = {key_of(document["_id"]): document for document in wanted}
    assert len(answered) == len(by_key)
    for document in answered:
        # Equal numbers of two types are one key, and the manual leaves open which of them is shown.
        assert key_of(document) == key_of(by_key[key_of(document["_id"])])
