"""Dates: taken apart and put together, moved there and back, cut, in zones."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidQuery
from catalog.language.expressions import compile_expression

UNITS = {"week": 7 * 86400, "day": 86400, "hour": 3600, "minute": 60, "second": 1}
instants = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
PARTS = {"year": "$year", "month": "$month", "day": "$dayOfMonth", "hour": "$hour", "minute": "$minute",
         "second": "$second", "millisecond": "$millisecond"}  # fmt: skip


def value(expression, **fields):
    return compile_expression(expression)(fields, {})


@given(instants, st.sampled_from(["UTC", "+05:30", "-08"]))
def test_parts_make_the_date_again(at, zone):
    parts = {name: {operator: {"date": "$d", "timezone": zone}} for name, operator in PARTS.items()}
    assert value({"$dateFromParts": {**parts, "timezone": zone}}, d=at) == at
    assert value({"$dateFromString": {"dateString": {"$dateToString": {"date": "$d"}}}}, d=at) == at


@given(instants, st.sampled_from(["Europe/Paris", "America/Denver", "Australia/Sydney"]))
def test_the_clocks_of_a_zone(at, zone):
    clock = at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
    text = {"$dateToString": {"date": "$d", "timezone": zone, "format": "%Y-%m-%d %H:%M:%S %j %u %V"}}
    assert value(text, d=at) == clock.strftime("%Y-%m-%d %H:%M:%S %j %u %V")


@given(instants, st.sampled_from(sorted(UNITS)), st.integers(-1000, 1000))
def test_moves_of_a_fixed_length(at, unit, amount):
    given = {"startDate": "$d", "unit": unit, "amount": amount}
    moved = value({"$dateAdd": given}, d=at)
    assert moved - at == timedelta(seconds=UNITS[unit] * amount)
    assert value({"$dateSubtract": {**given, "startDate": "$m"}}, m=moved) == at


@given(instants, st.sampled_from(["year", "quarter", "month", *UNITS]), st.sampled_from(["UTC", "-08"]))
def test_what_is_cut_is_before_and_cut_again_the_same(at, unit, zone):
    def cut(date):
        return value({"$dateTrunc": {"date": "$d", "unit": unit, "timezone": zone}}, d=date)

    start = cut(at)
    after = value({"$dateAdd": {"startDate": "$d", "unit": unit, "amount": 1, "timezone": zone}}, d=start)
    assert start <= at < after
    assert cut(start) == start


@given(instants)
def test_a_month_more_is_the_same_day_or_the_last(at):
    moved = value({"$dateAdd": {"startDate": "$d", "unit": "month", "amount": 1}}, d=at)
    assert (moved.year * 12 + moved.month) - (at.year * 12 + at.month) == 1
    assert moved.day == at.day or (moved + timedelta(days=1)).day == 1


@pytest.mark.parametrize("zone", ["Mars/Olympus", "25", "", "+5"])
def test_no_such_zone(zone):
    with pytest.raises(InvalidQuery, match="time zone"):
        value({"$hour": {"date": "$d", "timezone": zone}}, d=datetime(2024, 1, 1))
