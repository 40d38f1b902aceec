"""Conditions: their truth, and that what is not needed is not computed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidQuery
from catalog.language.expressions import compile_expression

FAILS = {"$divide": ["$one", "$zero"]}
scalars = st.sampled_from([None, False, True, 0, 0.0, 1, -1.5, "", "text", []])


def value(expression, **fields):
    return compile_expression(expression)({"one": 1, "zero": 0, **fields}, {})


def true(one):
    return not (one is None or one is False or (type(one) in (int, float) and one == 0))


@given(st.lists(scalars, max_size=4))
def test_logic(given):
    paths = [{"$literal": one} for one in given]
    assert value({"$and": paths}) is all(map(true, given))
    assert value({"$or": paths}) is any(map(true, given))
    for one in paths:
        assert value({"$not": [one]}) is not true(one["$literal"])


@given(scalars, scalars)
def test_choices_compute_what_they_choose_alone(test, other):
    assert value({"$cond": ["$t", "yes", FAILS]}, t=True) == "yes"
    assert value({"$cond": {"if": "$t", "then": 1, "else": 2}}, t=test) == (1 if true(test) else 2)
    assert value({"$ifNull": ["$t", "$o"]}, t=test, o=other) == (other if test is None else test)
    assert value({"$ifNull": ["$one", FAILS]}) == 1
    branches = [{"case": "$t", "then": 1}, {"case": "$o", "then": 2}]
    wanted = 1 if true(test) else 2 if true(other) else 3
    assert value({"$switch": {"branches": branches, "default": 3}}, t=test, o=other) == wanted


def test_variables_end_with_their_expression():
    assert value({"$let": {"vars": {"x": "$one", "y": 5}, "in": {"$add": ["$$x", "$$y"]}}}) == 6
    with pytest.raises(InvalidQuery, match="undefined variable"):
        value({"$add": [{"$let": {"vars": {"x": 1}, "in": "$$x"}}, "$$x"]})
    assert value({"$literal": {"$add": [1, 1]}}) == {"$add": [1, 1]}
    with pytest.raises(InvalidQuery) as error:
        value({"$switch": {"branches": [{"case": False, "then": 1}]}})
    assert error.value.code == 40066
