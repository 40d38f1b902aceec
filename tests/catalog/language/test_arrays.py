"""Arrays, beside Python's lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidQuery
from catalog.language.arrays import check_variable
from catalog.language.expressions import compile_expression
from catalog.language.values import MISSING

lists = st.lists(st.integers(-5, 5), max_size=6)
places = st.integers(-8, 8)


def value(expression, *values):
    return compile_expression(expression)(dict(zip("abc", values, strict=False)), {})


@given(lists, places)
def test_elements_and_ends(items, place):
    inside = -len(items) <= place < len(items)
    assert value({"$arrayElemAt": ["$a", "$b"]}, items, place) == (items[place] if inside else MISSING)
    assert value({"$first": "$a"}, items) == (items[0] if items else MISSING)
    assert value({"$last": "$a"}, items) == (items[-1] if items else MISSING)
    assert value({"$reverseArray": "$a"}, items) == items[::-1]
    assert value({"$size": "$a"}, items) == len(items)


@given(lists, places, st.integers(1, 8))
def test_slices(items, start, count):
    assert value({"$slice": ["$a", "$b"]}, items, start) == (items[:start] if start >= 0 else items[start:])
    walked = [item for place, item in enumerate(items) if place >= (start if start >= 0 else len(items) + start)]
    assert value({"$slice": ["$a", "$b", "$c"]}, items, start, count) == walked[:count]


@given(places, places, places.filter(bool))
def test_ranges(start, end, step):
    assert value({"$range": ["$a", "$b", "$c"]}, start, end, step) == list(range(start, end, step))


@given(lists, lists)
def test_what_goes_over_elements(items, more):
    assert value({"$concatArrays": ["$a", "$b"]}, items, more) == items + more
    assert value({"$map": {"input": "$a", "as": "x", "in": {"$add": ["$$x", 1]}}}, items) == [x + 1 for x in items]
    kept = value({"$filter": {"input": "$a", "cond": {"$in": ["$$this", "$b"]}, "limit": 2}}, items, more)
    assert kept == [x for x in items if x in more][:2]
    folded = {"$reduce": {"input": "$a", "initialValue": 0, "in": {"$subtract": ["$$this", "$$value"]}}}
    wanted = 0
    for item in items:
        wanted = item - wanted
    assert value(folded, items) == wanted


@pytest.mark.parametrize("name", ["", "Big", "_x", "a-b", "1"])
def test_names_that_no_variable_can_have(name):
    with pytest.raises(InvalidQuery):
        check_variable(name)


@pytest.mark.parametrize("name", ["$first", "$last", "$size", "$reverseArray"])
def test_what_is_no_array_is_an_error(name):
    with pytest.raises(InvalidQuery, match=rf"\{name}"):
        value({name: "$a"}, 5)


def test_a_range_that_no_document_holds_is_an_error_at_once():
    with pytest.raises(InvalidQuery, match="a document does not hold them"):
        value({"$range": [0, 2**31 - 1]})
