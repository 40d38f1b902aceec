"""Operators: what the engine is told of, what is mended on the way back, what is refused."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from bson import Int64, ObjectId

from catalog import connect
from catalog.errors import InvalidQuery, NotSupported

NIGHT = datetime(2024, 2, 20, 1, 2, 3, 456_000, tzinfo=UTC)


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("expressions") / "catalog.db") as catalog:
        catalog["items"].insert_one({"_id": 1, "when": NIGHT, "none": None})
        yield catalog["items"]


def computed(items, expression):
    (document,) = items.aggregate([{"$project": {"_id": 0, "r": expression}}])
    return document.get("r", "missing")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"$floor": -0.5}, -1.0),
        ({"$mod": [-7, 4]}, -3),
        ({"$pow": [2, -1]}, 0.5),
        ({"$pow": [2, 53]}, 2**53),
        ({"$arrayElemAt": [[1, 2], 1.0]}, 2),
        ({"$slice": [[1, 2, 3], -5, 2]}, [1, 2]),
        ({"$indexOfArray": [[1, True], True]}, 1),
        ({"$in": [True, [1]]}, False),
        ({"$setUnion": [["a"], ["a"]]}, ["a"]),
        ({"$eq": ["$none", "$absent"]}, False),
        ({"$toString": 30.0}, "30"),
        ({"$toString": "$when"}, "2024-02-20T01:02:03.456Z"),
        ({"$toLong": "$when"}, 1708390923456),
        ({"$toDate": Int64(1708390923456)}, NIGHT),
        ({"$toDate": "2024-02-20T02:02:03.456789+01:00"}, NIGHT),
        ({"$dateToString": {"date": "$when", "format": "%H.%L%%"}}, "01.456%"),
        ({"$dateToString": {"date": "$none", "onNull": "$none"}}, None),
        ({"$dateFromParts": {"year": 2024, "hour": 5}}, datetime(2024, 1, 1, 5, tzinfo=UTC)),
        ({"$dateFromString": {"dateString": "night", "onError": {"$add": [1, 1]}}}, 2),
        ({"$trim": {"input": "\u2003x\0 "}}, "x"),
        ({"$toUpper": "$absent"}, ""),
        ({"$regexFindAll": {"input": "$absent", "regex": "x"}}, []),
        ({"$max": [1, "$none", 2.5]}, 2.5),
        ({"$first": {"$literal": []}}, "missing"),
    ],
    ids=str,
)
def test_answers(items, expression, value):
    answer = computed(items, expression)
    assert answer == value
    assert type(answer) is type(value) or isinstance(answer, type(value))


@pytest.mark.parametrize(
    "expression",
    [
        {"$abs": "text"},
        {"$toUpper": "å"},
        {"$toInt": "1_000"},
        {"$toInt": " 1"},
        {"$mod": [2**53 + 1, 2]},
        {"$pow": [3, 40]},
        {"$exp": 1000},
        {"$trunc": [1.25, 1]},
        {"$setUnion": [[True], [1]]},
        {"$subtract": ["$when", 2.5]},
        {"$toDate": 1.5},
        {"$hour": {"date": "$when", "timezone": "+01:00"}},
        {"$dateTrunc": {"date": "$when", "unit": "day", "timezone": "Europe/Paris"}},
        {"$dateToString": {"date": "$when", "format": "%w"}},
        {"$dateFromParts": {"year": 2024, "month": 14}},
        {"$dateFromString": {"dateString": 5, "onError": None}},
        {"$filter": {"input": [1], "cond": True, "limit": 1}},
    ],
    ids=str,
)
def test_what_the_engine_would_get_wrong_is_refused(items, expression):
    with pytest.raises(NotSupported) as refusal:
        computed(items, expression)
    assert next(iter(expression)) in str(refusal.value)
    assert "mongodb://" in str(refusal.value)


@pytest.mark.parametrize(
    "expression",
    [
        {"$divide": [1, 0]},
        {"$sqrt": -1},
        {"$split": ["a", ""]},
        {"$toInt": 2**40},
        {"$substr": ["a", 0]},
        {"$ifNull": ["$none"]},
        {"$switch": {"branches": []}},
        {"$toObjectId": "no id"},
        {"$trim": "text"},
    ],
    ids=str,
)
def test_what_mongodb_refuses_is_an_error_of_the_query(items, expression):
    with pytest.raises(InvalidQuery) as error:
        computed(items, expression)
    assert not isinstance(error.value, NotSupported)


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        ({"v": 1.0}, {"$max": {"v": 1}}, {"v": 1.0}),
        ({"v": [1]}, {"$addToSet": {"v": {"$each": [1.0, True, True]}}}, {"v": [1, True]}),
        ({"v": [1, True, 1.0]}, {"$pull": {"v": True}}, {"v": [1, 1.0]}),
        ({"v": [1, 2]}, {"$unset": {"v.0": ""}}, {"v": [None, 2]}),
        ({"v": 1}, {"$unset": {"absent": ""}}, {"v": 1}),
        ({"v": 1}, {"$rename": {"absent": "v.x"}}, {"v": 1}),
        ({"v": [{"n": 1}, {"n": True}]}, {"$inc": {"v.$[e].n": 1}}, {"v": [{"n": 2}, {"n": True}]}),
    ],
    ids=str,
)
def test_updates(items, before, update, after):
    identity = items.insert_one({"_id": ObjectId(), **before}).inserted_id
    filters = [{"e.n": 1}] if "$[e]" in str(update) else None
    items.update_one({"_id": identity}, update, array_filters=filters)
    left = items.find_one_and_delete({"_id": identity}, projection={"_id": 0})
    assert repr(left) == repr(after)


def test_a_rename_loses_nothing(items):
    with pytest.raises(InvalidQuery, match=r"\$rename"):
        items.update_one({"_id": 1}, {"$rename": {"when": "none.x"}})
    assert items.find_one(1)["when"] == NIGHT


def test_the_engine_waits_until_it_is_needed(tmp_path):
    code = (
        "import sys; from catalog import connect; c = connect('{0}')['x']; c.insert_one({{'_id': 1}});"
        "list(c.aggregate([{{'$group': {{'_id': {{'$ifNull': ['$a', None]}}, 'n': {{'$sum': 1}}}}}}]));"
        "print('mongomock_ng' in sys.modules);"
        "list(c.aggregate([{{'$project': {{'a': {{'$abs': -1}}}}}}])); print('mongomock_ng' in sys.modules)"
    )
    command = [sys.executable, "-c", code.format(tmp_path / "c.db")]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "True"]
