"""Filters: what they match, and what is no filter."""

import pytest
from bson import Decimal128, Regex

from catalog import InvalidQuery, NotSupported
from catalog.language.query import predicate


@pytest.mark.parametrize(
    ("query", "document", "matches"),
    [
        ({"v": {"$exists": ""}}, {"v": 1}, True),
        ({"v": {"$exists": []}}, {"v": 1}, True),
        ({"v": {"$exists": 0}}, {"v": 1}, False),
        ({"$expr": "$v"}, {"v": Decimal128("0")}, False),
        ({"$expr": {"$in": ["$nope", [None]]}}, {}, False),
        ({"v": {"$regex": "^[[:digit:]]+$"}}, {"v": "12"}, True),
        ({"v": {"$regex": r"^\d$"}}, {"v": "٣"}, False),
        ({"v": Regex("istanbul", "i")}, {"v": "İSTANBUL"}, False),
        ({"v": Regex("ÅNGSTRÖM", "i")}, {"v": "ångström"}, True),
        ({"v": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"v": [0, 2]}, True),
        ({"v": {"$all": [1, [2]]}}, {"v": [1, [2]]}, True),
        ({"v.0.x": 1}, {"v": [{"x": 1}]}, True),
    ],
    ids=str,
)
def test_matches(query, document, matches):
    assert predicate(query)(document) is matches


@pytest.mark.parametrize(
    "query",
    [
        {"$nope": 1},
        {"v": {"$nope": 1}},
        {"v": {"$gt": 1, "x": 2}},
        {"v": {"$size": 1 << 60}},
        {"v": {"$size": -1}},
        {"v": {"$in": 1}},
        {"v": {"$in": [{"$gt": 1}]}},
        {"v": {"$all": [{"$gt": 1}]}},
        {"v": {"$regex": "("}},
        {"v": {"$regex": "a", "$options": None}},
        {"v": {"$regex": "a", "$options": "z"}},
        {"v": {"$not": 5}},
        {"v": {"$type": "nope"}},
        {"v": {"$mod": [0, 1]}},
        {"v": {"$elemMatch": {"$expr": True}}},
        {"$and": []},
        {"$or": [5]},
        {"$expr": "$$nope"},
    ],
    ids=str,
)
def test_what_is_no_filter_is_an_error_of_the_query(query):
    with pytest.raises(InvalidQuery) as error:
        predicate(query)
    assert not isinstance(error.value, NotSupported)


def test_a_filter_that_is_nested_too_deeply_is_an_error():
    query = {"v": 1}
    for _ in range(300):
        query = {"$and": [query]}
    with pytest.raises(InvalidQuery, match="levels"):
        predicate(query)


def test_a_document_may_be_nested_deeply():
    document = value = {}
    for _ in range(100):
        value["v"] = {}
        value = value["v"]
    assert predicate({"v": document["v"]})(document)


@pytest.mark.parametrize("query", [{"v": {"$bitsAllSet": 1}}, {"$where": "1"}, {"v": {"$eq": Regex("a")}}], ids=str)
def test_what_is_not_answered_is_refused_by_name(query):
    with pytest.raises(NotSupported, match="mongodb://"):
        predicate(query)
