"""The test of a filter, and the variables every question has."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from catalog.language.query import predicate, system_variables


def test_now_is_now_to_the_millisecond():
    now = system_variables()["NOW"]
    assert now.microsecond % 1000 == 0
    assert abs(datetime.now(UTC).replace(tzinfo=None) - now) < timedelta(minutes=1)


@given(st.integers(-3, 3), st.integers(-3, 3))
def test_a_condition_and_its_expression_agree(value, bound):
    for operator in ("$gt", "$gte", "$lt", "$lte", "$eq", "$ne"):
        asked = predicate({"v": {operator: bound}})({"v": value})
        assert predicate({"$expr": {operator: ["$v", bound]}})({"v": value}) is asked
        assert predicate({"$nor": [{"v": {operator: bound}}]})({"v": value}) is not asked
        assert predicate({"$expr": {operator: ["$v", "$$b"]}}, {"b": bound})({"v": value}) is asked


def test_nothing_to_ask_is_no_test():
    assert predicate({}) is None
