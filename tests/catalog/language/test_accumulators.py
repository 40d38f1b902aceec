"""Accumulators, beside Python's statistics."""

import math
import statistics
from fractions import Fraction

import pytest
from bson import Decimal128, Int64, MinKey
from hypothesis import given
from hypothesis import strategies as st

from catalog import NotSupported
from catalog.language.accumulators import ACCUMULATORS
from catalog.language.kinds import bson_type
from catalog.language.values import MISSING, encode_key

values = st.lists(st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.sampled_from([None, MISSING, "a", True]))


def accumulated(name, given):
    accumulator = ACCUMULATORS[name]()
    for value in given:
        accumulator.add(value)
    return accumulator.result()


@given(values)
def test_of_what_is_no_number_sums_take_no_notice(given):
    numbers = [value for value in given if type(value) in (int, float)]
    exact = sum(map(Fraction, numbers), Fraction(0))
    assert accumulated("$sum", given) == float(exact)
    mean = accumulated("$avg", given)
    assert mean is None if not numbers else math.isclose(mean, float(exact / len(numbers)), abs_tol=1e-9)
    for name, wanted in (("$stdDevPop", statistics.pstdev), ("$stdDevSamp", statistics.stdev)):
        found, least = accumulated(name, given), 1 if name == "$stdDevPop" else 2
        assert (found is None) is (len(numbers) < least)
        assert found is None or math.isclose(found, wanted(numbers), rel_tol=1e-9, abs_tol=1e-6)


@given(values)
def test_what_is_kept(given):
    there = [value for value in given if value is not MISSING]
    known = sorted((value for value in there if value is not None), key=encode_key)
    for name, wanted in (("$min", known[:1]), ("$max", known[-1:])):
        found = accumulated(name, given)
        assert encode_key(found) == encode_key(wanted[0] if wanted else None)
    assert accumulated("$push", given) == there
    assert list(map(encode_key, accumulated("$addToSet", given))) == list(dict.fromkeys(map(encode_key, there)))
    assert accumulated("$count", given) == len(given)
    for name, place in (("$first", 0), ("$last", -1)):
        wanted = given[place] if given else None
        assert accumulated(name, given) is (None if wanted is MISSING else wanted)


def test_types():
    assert bson_type(accumulated("$sum", [1, Int64(1)])) == "long"
    assert bson_type(accumulated("$sum", [2**63 - 1, 1])) == "double"
    assert accumulated("$mergeObjects", [{"a": 1}, None, {"b": 2}]) == {"a": 1, "b": 2}
    for name in ("$sum", "$avg", "$stdDevPop"):
        with pytest.raises(NotSupported, match="Decimal128"):
            accumulated(name, [Decimal128("1")])
    with pytest.raises(NotSupported, match="MinKey"):
        accumulated("$first", [MinKey()])
