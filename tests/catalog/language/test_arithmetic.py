"""Arithmetic, beside exact fractions and decimals."""

import math
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from bson import Int64
from hypothesis import assume, given
from hypothesis import strategies as st

from catalog import InvalidQuery
from catalog.language.arithmetic import exact_sum, total
from catalog.language.expressions import compile_expression
from catalog.language.kinds import bson_type

ints = st.integers(-(2**31), 2**31 - 1)
floats = st.floats(-1e12, 1e12)


def value(expression, *values):
    return compile_expression(expression)(dict(zip("abc", values, strict=False)), {})


@given(st.lists(ints | floats, max_size=6))
def test_a_sum_is_rounded_once(numbers):
    found = total(numbers)
    assert found == (float if any(isinstance(n, float) for n in numbers) else int)(sum(map(Fraction, numbers)))
    assert value({"$add": ["$a", "$b"]}, found, 0) == found


@given(ints, ints)
def test_integers_stay_integers_and_grow(a, b):
    for name, exact in (("$add", a + b), ("$subtract", a - b), ("$multiply", a * b)):
        found = value({name: ["$a", "$b"]}, a, b)
        assert (found, bson_type(found)) == (exact, bson_type(exact))
    assert value({"$multiply": ["$a", "$b"]}, Int64(a), 1) == a
    assert bson_type(value({"$multiply": ["$a", "$b"]}, Int64(a), 1)) == "long"
    assert value({"$add": ["$a", "$b"]}, 2**63 - 1, 2**63 - 1) == 2.0**64


@given(ints, ints)
def test_a_remainder_has_the_sign_of_the_dividend(a, b):
    assume(b != 0)
    rest = value({"$mod": ["$a", "$b"]}, a, b)
    assert rest == math.fmod(a, b)
    assert value({"$divide": ["$a", "$b"]}, a, b) == a / b


@given(floats, st.integers(-3, 6))
def test_rounding_is_that_of_the_decimal_digits(number, place):
    for name, mode in (("$round", ROUND_HALF_EVEN), ("$trunc", ROUND_DOWN)):
        exact = Decimal(number).quantize(Decimal(1).scaleb(-place), mode)
        assert value({name: ["$a", place]}, number) == float(exact)
    assert value({"$floor": "$a"}, number) == math.floor(number)
    assert value({"$ceil": "$a"}, number) == math.ceil(number)


@given(st.integers(-50, 50), st.integers(0, 60))
def test_powers_are_exact_as_long_as_64_bits_hold_them(base, exponent):
    found = value({"$pow": ["$a", "$b"]}, base, exponent)
    exact = base**exponent
    assert found == exact if -(2**63) <= exact < 2**63 else math.isclose(found, exact)


def test_what_is_no_number_is_an_error_and_null_is_null():
    for name in ("$abs", "$sqrt", "$exp", "$ln", "$log10", "$floor", "$round"):
        assert value({name: "$a"}, None) is None
        with pytest.raises(InvalidQuery, match=rf"\{name}"):
            value({name: "$a"}, "text")
    assert exact_sum([1e308, 1e308]) == math.inf
