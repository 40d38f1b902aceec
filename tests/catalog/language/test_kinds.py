"""Types, as BSON itself writes them; numbers, as 32 and 64 bits hold them."""

import math
from datetime import datetime, timedelta

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import assume, given
from hypothesis import strategies as st

from catalog import InvalidQuery, NotSupported
from catalog.language import kinds
from catalog.language.values import MISSING

VALUES = [None, True, 1, 2**40, Int64(1), 1.5, "a", {}, [], b"a", Binary(b"a", 4), ObjectId("0" * 24),
          datetime(2024, 1, 1), DatetimeMS(1 << 60), Decimal128("1"), Timestamp(1, 1), Regex("a"), MinKey(),
          MaxKey(), Code("a"), Code("a", {"b": 1}), DBRef("a", 1)]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_type_is_that_which_bson_writes(value):
    (written,) = bson.encode({"": value})[4:5]
    number = {0xFF: -1, 0x7F: 127}.get(written, written)
    assert kinds.type_predicate(number)(value)
    assert kinds.type_predicate(kinds.bson_type(value))(value)
    assert not kinds.type_predicate("undefined")(value)


@given(st.integers(-(2**70), 2**70))
def test_whole_numbers_are_of_the_least_type_that_holds_them(number):
    made = kinds.whole(number)
    wanted = "int" if -(2**31) <= number < 2**31 else "long" if -(2**63) <= number < 2**63 else "double"
    assert (made, kinds.bson_type(made)) == (number if wanted != "double" else float(number), wanted)


@given(st.integers(-(10**14), 10**14))
def test_instants_are_milliseconds(number):
    assert kinds.milliseconds_of(kinds.instant(number)) == number
    with pytest.raises(InvalidQuery):
        kinds.instant(2**63)


@given(st.floats(-1e6, 1e6), st.integers(-9, 9), st.integers(-9, 9))
def test_remainders_of_a_filter(number, divisor, remainder):
    assume(divisor)
    assert kinds.mod_predicate([divisor, remainder])(number) is (math.fmod(int(number), divisor) == remainder)
    assert not kinds.mod_predicate([divisor, remainder])("text")


def test_what_is_true_and_what_is_a_number():
    assert not any(map(kinds.truthy, [None, MISSING, False, 0, 0.0, Decimal128("0")]))
    assert all(map(kinds.truthy, [True, 1, "", [], {}, math.nan, Decimal128("0.1"), timedelta]))
    assert [kinds.is_number(one) for one in (1, 1.0, Int64(1), True, Decimal128("1"), "1")] == [True] * 3 + [False] * 3
    with pytest.raises(NotSupported, match="Decimal128"):
        kinds.numeric("$add", Decimal128("1"), 1)
    for bad in (1.5, math.inf, 2**31):
        with pytest.raises(InvalidQuery):
            kinds.whole_number("$slice", bad, 1)
