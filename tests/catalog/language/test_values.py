"""Keys of values: equal where MongoDB's values are equal, ordered as MongoDB orders them."""

import math
from datetime import UTC, datetime

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from catalog.language.values import INVERTED, MISSING, Tag, decode_key, encode_key, tag_of

NAN = float("nan")
int64 = st.integers(-(2**63), 2**63 - 1)
numbers = st.one_of(int64, st.floats(allow_nan=False), st.integers(2**53 - 3, 2**53 + 3))
ORDER = [
    MinKey(),
    None,
    NAN,
    -math.inf,
    -5,
    -0.5,
    0,
    5e-324,
    1,
    2**53,
    2**53 + 1,
    Decimal128("9007199254740993.5"),
    2**63 - 1,
    math.inf,
    "",
    "A",
    "A\x00",
    "AB",
    "a",
    "é",
    "\U0001f600",
    {},
    {"a": 1},
    {"a": 1, "b": 1},
    {"a": 2},
    {"b": 0},
    {"a": "text"},
    [],
    [1],
    [1, 2],
    [2],
    ["a"],
    b"",
    b"b",
    b"aa",
    Binary(b"aa", 4),
    ObjectId("0" * 24),
    ObjectId("f" * 24),
    False,
    True,
    datetime(1960, 1, 1, tzinfo=UTC),
    datetime(2024, 1, 1, tzinfo=UTC),
    Timestamp(1, 1),
    Timestamp(1, 2),
    Regex("a"),
    Regex("a", "i"),
    Code("x"),
    MaxKey(),
]


def test_the_order_of_the_manual():
    keys = [encode_key(value) for value in ORDER]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@given(numbers, numbers)
def test_numbers_compare_exactly(left, right):
    a, b = encode_key(left), encode_key(right)
    assert (a < b, a == b) == (left < right, left == right)


@given(st.text(), st.text())
def test_text_compares_as_its_bytes(left, right):
    a, b = encode_key(left), encode_key(right)
    assert (a < b, a == b) == (left.encode() < right.encode(), left == right)


@given(
    st.lists(st.one_of(int64, st.text(max_size=4)), max_size=4),
    st.lists(st.one_of(int64, st.text(max_size=4)), max_size=4),
)
def test_no_key_begins_another(left, right):
    joined = [b"".join(map(encode_key, values)) for values in (left, right)]
    if len(left) == len(right):
        assert (joined[0] == joined[1]) == (left == right)
        inverted = [key.translate(INVERTED) for key in joined]
        assert (joined[0] < joined[1]) == (inverted[0] > inverted[1])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (30, 30.0),
        (30, Int64(30)),
        (1.5, Decimal128("1.50")),
        (0.0, -0.0),
        (NAN, Decimal128("NaN")),
        (None, MISSING),
        (b"x", Binary(b"x")),
    ],
)
def test_equal_values_have_one_key(left, right):
    assert encode_key(left) == encode_key(right)


@pytest.mark.parametrize(
    ("left", "right"), [(True, 1), (False, 0), ("1", 1), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (b"x", "x")]
)
def test_values_of_other_types_have_others(left, right):
    assert encode_key(left) != encode_key(right)


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**31), 2**31 - 1),
        int64.map(Int64),
        st.floats().map(lambda value: value or 0.0),  # the sign of zero is looked up
        st.text(),
        st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
        st.binary(min_size=12, max_size=12).map(ObjectId),
    )
)
def test_values_come_back_from_their_keys(value):
    stored = bson.decode(bson.encode({"v": value}))["v"]
    back = decode_key(encode_key(stored), tag_of(stored))
    assert type(back) is type(stored)
    assert back == stored or (back != back and stored != stored)


def test_what_a_key_does_not_say_is_looked_up():
    for value in ({"a": 1}, [1], b"x", Decimal128("1.50"), -0.0):
        with pytest.raises(LookupError):
            decode_key(encode_key(value), tag_of(value))
    assert tag_of(MISSING) == Tag.MISSING


def test_what_bson_has_no_type_for_has_no_key():
    with pytest.raises(TypeError, match="set"):
        encode_key({1, 2})
