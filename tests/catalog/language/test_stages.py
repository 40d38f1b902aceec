"""Stages: their numbers, when they fail, and how deep and long a pipeline may be."""

import pytest
from bson import Decimal128, Int64

from catalog import InvalidDocument, InvalidQuery, NotSupported, connect


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("stages") / "catalog.db") as catalog:
        catalog["items"].insert_many([{"_id": number, "v": number % 3} for number in range(7)])
        yield catalog["items"]


@pytest.mark.parametrize(
    ("pipeline", "ids"),
    [
        ([{"$skip": 2**62}, {"$limit": 2**62}], []),
        ([{"$sort": {"_id": 1}}, {"$skip": 2**63 - 1}, {"$limit": 2**63 - 1}], []),
        ([{"$sort": {"v": -1, "_id": 1}}, {"$limit": 2}], [2, 5]),
        ([{"$match": {"$expr": {"$eq": ["$v", "$$wanted"]}}}], [1, 4]),
    ],
    ids=str,
)
def test_answers(items, pipeline, ids):
    assert [document["_id"] for document in items.aggregate(pipeline, let={"wanted": 1})] == ids


def test_a_sample_of_more_than_there_is_is_everything(items):
    assert len(list(items.aggregate([{"$sample": {"size": float("inf")}}]))) == 7


def test_an_index_of_unwind_is_a_long(items):
    (document,) = items.aggregate(
        [{"$limit": 1}, {"$set": {"a": [5]}}, {"$unwind": {"path": "$a", "includeArrayIndex": "i"}}]
    )
    assert type(document["i"]) is Int64


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ({"$limit": 0}, 15958),
        ({"$skip": -1}, 5107200),
        ({"$limit": 2.5}, 5107201),
        ({"$skip": float("inf")}, 5107201),
        ({"$sample": {"size": float("nan")}}, 28747),
        ({"$sort": {}}, 15976),
        ({"$sort": {"a": "up"}}, 15974),
        ({"$count": "a.b"}, 40160),
        ({"$group": {"_id": None, "a": {"$sum": [1, 2]}}}, 40237),
        ({"$group": {"_id": {"a": 1}}}, 17390),
        ({"$bucket": {"groupBy": "$v", "boundaries": [3, 1]}}, 40194),
        ({"$nope": 1}, 40324),
        ({"$match": {"$nope": 1}}, 2),
    ],
    ids=str,
)
def test_what_is_not_valid_is_an_error_with_mongodbs_code_at_the_call(items, stage, code):
    with pytest.raises(InvalidQuery) as error:
        items.aggregate([stage])
    assert error.value.code == code


def test_what_fails_on_a_document_fails_at_the_call(items):
    with pytest.raises(InvalidQuery, match="divide"):
        items.aggregate([{"$project": {"r": {"$divide": [1, "$_id"]}}}])


@pytest.mark.parametrize("stage", [{"$limit": Decimal128("1")}, {"$sort": {"a": Decimal128("1")}}], ids=str)
def test_decimals_are_refused_by_name(items, stage):
    with pytest.raises(NotSupported, match="Decimal128"):
        items.aggregate([stage])


def nested(levels):
    expression = "$v"
    for _ in range(levels):
        expression = {"$abs": expression}
    return expression


@pytest.mark.parametrize(
    "pipeline", [[{"$project": {"r": nested(400)}}], [{"$match": {}}] * 1001], ids=["deep", "long"]
)
def test_what_is_too_deep_or_too_long_is_an_error_of_the_query(items, pipeline):
    with pytest.raises((InvalidQuery, InvalidDocument)) as error:
        items.aggregate(pipeline)
    assert len(str(error.value)) < 300


@pytest.mark.patient
def test_a_pipeline_of_ten_megabytes_is_answered(items):
    wanted = [f"id{number:07d}" for number in range(600_000)]
    assert list(items.aggregate([{"$match": {"_id": {"$in": [*wanted, 3]}}}])) == [{"_id": 3, "v": 0}]


def test_too_many_variables_and_bad_names_are_errors(items):
    with pytest.raises(InvalidQuery):
        items.aggregate([], let={"ROOT": 1})
