"""Nights: from local noon to local noon by the wall clock, on every day of the year, and header times."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.instruments.nights import (
    instant_of_mjd,
    night_of,
    parse_day,
    parse_instant,
    site_zone,
    time_of_day,
)

DENVER = "America/Denver"


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "night"),
    [
        # The frame of the ancestors' demonstration: 18:43 on 30 December in New Mexico.
        ("2023-12-31T01:43:11", "2023-12-30"),
        # An ordinary winter day, noon is 19:00 UTC.
        ("2024-02-20T18:59:59", "2024-02-19"),
        ("2024-02-20T19:00:00", "2024-02-20"),
        ("2024-02-21T18:59:59", "2024-02-20"),
        # An ordinary summer day, noon is 18:00 UTC.
        ("2024-07-01T17:59:59", "2024-06-30"),
        ("2024-07-01T18:00:00", "2024-07-01"),
        # Clocks go forward on 10 March 2024, 2:00 -> 3:00: the night of the 9th has 23 hours.
        ("2024-03-09T18:59:59", "2024-03-08"),
        ("2024-03-09T19:00:00", "2024-03-09"),
        ("2024-03-10T08:59:59", "2024-03-09"),  # 1:59:59
        ("2024-03-10T09:00:00", "2024-03-09"),  # 3:00:00
        ("2024-03-10T17:59:59", "2024-03-09"),  # 11:59:59
        ("2024-03-10T18:00:00", "2024-03-10"),  # 12:00, only 23 hours later
        ("2024-03-10T18:30:00", "2024-03-10"),  # twelve elapsed hours before this it was still the 9th
        # Clocks go back on 3 November 2024, 2:00 -> 1:00: the night of the 2nd has 25 hours.
        ("2024-11-02T17:59:59", "2024-11-01"),
        ("2024-11-02T18:00:00", "2024-11-02"),
        ("2024-11-03T07:30:00", "2024-11-02"),  # 1:30 for the first time
        ("2024-11-03T08:30:00", "2024-11-02"),  # 1:30 for the second time
        ("2024-11-03T18:00:00", "2024-11-02"),  # 11:00, 24 hours later; the 25th hour is still this night
        ("2024-11-03T18:30:00", "2024-11-02"),  # twelve elapsed hours before this it was already the 3rd
        ("2024-11-03T18:59:59", "2024-11-02"),
        ("2024-11-03T19:00:00", "2024-11-03"),
        # The year turns within a night.
        ("2025-01-01T18:59:59", "2024-12-31"),
        # And February.
        ("2024-03-01T12:00:00", "2024-02-29"),
    ],
)
def test_night_in_new_mexico(instant, night):
    assert night_of(utc(instant), DENVER).isoformat() == night


@pytest.mark.parametrize(
    ("instant", "zone", "night"),
    [
        ("2024-02-20T15:00:00", "America/Santiago", "2024-02-20"),
        ("2024-02-20T14:59:59", "America/Santiago", "2024-02-19"),
        ("2024-02-20T01:59:59", "Australia/Sydney", "2024-02-20"),  # 12:59:59
        ("2024-02-20T00:59:59", "Australia/Sydney", "2024-02-19"),  # 11:59:59
        ("2024-02-20T22:00:00", "Pacific/Honolulu", "2024-02-20"),
        ("2024-02-20T06:15:00", "Asia/Kathmandu", "2024-02-20"),  # an offset of 5:45
        ("2024-02-20T06:14:59", "Asia/Kathmandu", "2024-02-19"),
        # Samoa went from 29 to 31 December 2011: the noon before that morning was that of the 29th.
        ("2011-12-30T16:00:00", "Pacific/Apia", "2011-12-29"),
        ("2011-12-30T22:00:00", "Pacific/Apia", "2011-12-31"),
    ],
)
def test_night_elsewhere(instant, zone, night):
    assert night_of(utc(instant), zone).isoformat() == night


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2037, 12, 31)),
    st.sampled_from([DENVER, "America/Santiago", "Australia/Sydney", "Atlantic/Canary", "Pacific/Apia", "UTC"]),
)
def test_an_instant_lies_between_the_noon_of_its_night_and_the_next(naive, zone):
    instant = naive.replace(tzinfo=UTC)
    night = night_of(instant, zone)

    def noon(day):
        return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)

    assert noon(night) <= instant
    assert instant < noon(night + timedelta(days=1)) or zone == "Pacific/Apia"


def test_a_naive_time_names_no_night():
    with pytest.raises(ValueError, match="no time zone"):
        night_of(datetime(2024, 2, 20), DENVER)


@pytest.mark.parametrize("zone", ["America/Nowhere", "", "../etc/passwd", "America"])
def test_an_unknown_zone_says_how_to_get_one(zone):
    with pytest.raises(ValueError, match="pip install tzdata"):
        site_zone(zone)


@pytest.mark.parametrize(
    ("instant", "time"),
    [
        ("2024-02-21T01:10:00", "evening"),  # 18:10
        ("2024-02-21T13:10:00", "morning"),  # 6:10
        ("2024-02-20T18:59:59", "morning"),
        ("2024-02-20T19:00:00", "evening"),
        ("2024-07-01T18:00:00", "evening"),
        ("2024-07-01T05:59:59", "evening"),  # 23:59:59
        ("2024-07-01T06:00:00", "morning"),  # midnight
    ],
)
def test_morning_is_before_local_noon(instant, time):
    assert time_of_day(utc(instant), DENVER) == time


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2023-12-31T01:43:11", "2023-12-31T01:43:11"),
        (" 2023-12-31T01:43:11 ", "2023-12-31T01:43:11"),
        ("2023-12-31 01:43:11", "2023-12-31T01:43:11"),
        ("2023-12-31T01:43:11.5", "2023-12-31T01:43:11.500"),
        ("2023-12-31T01:43:11.", "2023-12-31T01:43:11"),
        ("2023-12-31T01:43:11.123456789", "2023-12-31T01:43:11.123"),
        ("2023-12-31T01:43:11.9996", "2023-12-31T01:43:11.999"),
        ("2023-12-31T01:43:11Z", "2023-12-31T01:43:11"),
        ("2023-12-31T01:43:11.25Z", "2023-12-31T01:43:11.250"),
        ("2023-12-30T18:43:11-07:00", "2023-12-31T01:43:11"),
        ("2023-12-30T18:43:11-0700", "2023-12-31T01:43:11"),
        ("2023-12-31T07:28:11+05:45", "2023-12-31T01:43:11"),
        ("2016-12-31T23:59:60", "2017-01-01T00:00:00"),
        ("2016-12-31T23:59:60.25", "2017-01-01T00:00:00.250"),
        ("1892-05-04T03:02:01", "1892-05-04T03:02:01"),
    ],
)
def test_header_times_that_name_an_instant(text, instant):
    assert parse_instant(text) == utc(instant)
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2023-12-31",
        "31/12/99",
        "yyyy-mm-ddThh:mm:ss",
        "2023-13-01T00:00:00",
        "2023-02-29T00:00:00",
        "2023-12-31T24:00:00",
        "2023-12-31T23:60:00",
        "2023-12-31T23:59:61",
        "2023-12-31T01:43",
        "2023-12-31T01:43:11 MST",
        "2023-12-31T01:43:11+25:00",
        "2023-12-31T01:43:11+07:60",
        "0000-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:60",
        "٢٠٢٣-12-31T01:43:11",
        "2023-12-31T01:43:11\n2024",
    ],
)
def test_header_times_that_name_none(text):
    assert parse_instant(text) is None


@pytest.mark.patient
@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text):
    assert parse_instant(text) is None or isinstance(parse_instant(text), datetime)
    assert parse_day(text) is None or isinstance(parse_day(text), date)


@given(st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30)), st.integers(-23 * 60, 23 * 60))
def test_every_instant_is_read_back_whatever_its_offset(naive, minutes):
    offset = timedelta(minutes=minutes)
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    text = f"{naive.isoformat(timespec='milliseconds')}{sign}{size // 60:02d}:{size % 60:02d}"
    kept = naive.replace(microsecond=naive.microsecond // 1000 * 1000, tzinfo=UTC)
    assert parse_instant(text) == kept - offset


@pytest.mark.parametrize(
    ("system", "seconds"),
    [("UTC", 0), ("ut", 0), ("GMT", 0), ("TAI", -37), ("TT", -69.184), ("TDT", -69.184)],
)
def test_time_systems_are_converted(system, seconds):
    start = utc("2020-01-01T00:00:00")
    assert parse_instant("2020-01-01T00:00:00", system=system) == start + timedelta(seconds=seconds)


def test_an_offset_says_more_than_the_time_system():
    assert parse_instant("2020-01-01T00:00:00Z", system="TAI") == utc("2020-01-01T00:00:00")


@pytest.mark.parametrize("system", ["LOCAL", "GPS", "nonsense"])
def test_an_unknown_time_system_names_no_instant(system):
    assert parse_instant("2020-01-01T00:00:00", system=system) is None


@pytest.mark.parametrize(
    ("days", "instant"),
    [
        (51544.0, "2000-01-01T00:00:00"),
        (51544.5, "2000-01-01T12:00:00"),
        (0, "1858-11-17T00:00:00"),
        (60000.123456789, "2023-02-25T02:57:46.667"),
    ],
)
def test_modified_julian_dates(days, instant):
    assert instant_of_mjd(days) == utc(instant)


@pytest.mark.parametrize("days", [float("nan"), float("inf"), 1e9, -1e9])
def test_modified_julian_dates_out_of_range(days):
    assert instant_of_mjd(days) is None
