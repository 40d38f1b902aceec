"""Instants: written and read, in UTC and by the clocks of a zone."""

from datetime import datetime, timedelta

import pytest
from bson import ObjectId, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidQuery, NotSupported
from catalog.language.instants import from_zone, iso_text, offset_of, read_iso, to_instant

instants = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
offsets = st.integers(-14 * 60, 14 * 60)


@given(instants, offsets)
def test_what_is_written_is_read(at, minutes):
    assert read_iso("$toDate", iso_text(at)) == at
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    zone = f"{sign}{hours:02d}:{rest:02d}"
    assert offset_of("$hour", zone, at) == timedelta(minutes=minutes)
    clock = at + timedelta(minutes=minutes)
    assert read_iso("$toDate", f"{clock.isoformat(timespec='milliseconds')}{zone}") == at
    assert read_iso("$toDate", clock.isoformat(timespec="milliseconds"), zone) == at
    assert from_zone("$hour", clock, zone) == at


@given(instants)
def test_the_clocks_of_a_place_lead_back_to_within_their_change(at):
    clock = at + offset_of("$hour", "Europe/Paris", at)
    assert abs(from_zone("$hour", clock, "Europe/Paris") - at) <= timedelta(hours=1)


def test_other_values_that_stand_for_an_instant():
    at = datetime(2024, 2, 20, 1, 2, 3)
    stamp = Timestamp(int((at - datetime(1970, 1, 1)).total_seconds()), 1)
    assert to_instant("$year", stamp) == at
    assert to_instant("$year", ObjectId.from_datetime(at)) == at
    with pytest.raises(NotSupported, match="years 1 to 9999"):
        to_instant("$year", DatetimeMS(1 << 60))
    with pytest.raises(InvalidQuery):
        to_instant("$year", "2024")


@pytest.mark.parametrize("text", ["2024-13-01", "2024-02-30T00:00:00Z", "soon"])
def test_what_is_no_date_is_an_error(text):
    with pytest.raises(InvalidQuery) as error:
        read_iso("$toDate", text)
    assert error.value.code == 241


@pytest.mark.parametrize("text", ["20 Feb 2024", "2024/02/20", "0000-01-01"])
def test_what_a_server_would_guess_is_refused(text):
    with pytest.raises(NotSupported):
        read_iso("$toDate", text)
