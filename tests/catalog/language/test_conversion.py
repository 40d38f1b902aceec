"""Conversions: there and back, and the order of values of every type."""

from datetime import datetime
from itertools import pairwise

import pytest
from bson import Int64, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidQuery
from catalog.language.conversion import comparable, text_of
from catalog.language.expressions import compile_expression
from catalog.language.kinds import bson_type
from catalog.language.values import MISSING

instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)


def value(expression, *values):
    return compile_expression(expression)(dict(zip("ab", values, strict=False)), {})


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_come_back_from_text(number):
    assert value({"$toLong": {"$toString": "$a"}}, number) == number
    assert bson_type(value({"$toLong": "$a"}, number)) == "long"
    if not -(2**31) <= number < 2**31:
        with pytest.raises(InvalidQuery, match="overflow"):
            value({"$toInt": "$a"}, number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_come_back_from_text(number):
    assert value({"$toDouble": {"$toString": "$a"}}, number) == number


@given(instants)
def test_instants_come_back_from_text_and_from_milliseconds(at):
    assert value({"$toDate": {"$toString": "$a"}}, at) == at
    assert value({"$toDate": {"$toLong": "$a"}}, at) == at


@given(st.lists(st.sampled_from([None, MISSING, 1, 1.0, True, "1", [], {}, ObjectId(b"0" * 12)]), min_size=2))
def test_comparisons_are_one_order_with_the_missing_first(values):
    ordered = sorted(values, key=comparable)
    for a, b in pairwise(ordered):
        fields = {name: one for name, one in (("a", a), ("b", b)) if one is not MISSING}
        computed = {op: compile_expression({op: ["$a", "$b"]})(fields, {}) for op in ("$cmp", "$lte", "$eq", "$gt")}
        assert computed == {"$cmp": -(not computed["$eq"]), "$lte": True, "$eq": computed["$eq"], "$gt": False}
    if MISSING in values:
        assert ordered[0] is MISSING


@pytest.mark.parametrize(
    ("name", "given"),
    [("$toInt", "1.5"), ("$toInt", "x"), ("$toLong", float("nan")), ("$toDouble", "1e999"), ("$toDate", "never")],
)
def test_what_cannot_be_converted_is_an_error(name, given):
    with pytest.raises(InvalidQuery) as error:
        value({name: "$a"}, given)
    assert error.value.code == 241
    assert value({name: "$a"}, None) is None


def test_texts():
    assert [text_of(one) for one in (True, 1.0, 1.5, Int64(7), "x", None)] == ["true", "1", "1.5", "7", "x", None]
