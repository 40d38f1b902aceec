"""Arrays as sets, beside Python's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidQuery
from catalog.language.expressions import compile_expression

lists = st.lists(st.integers(0, 6), max_size=6)


def value(expression, *values):
    return compile_expression(expression)(dict(zip("ab", values, strict=False)), {})


@given(lists, lists)
def test_sets(a, b):
    both = ["$a", "$b"]
    for name, wanted in (("$setUnion", set(a) | set(b)), ("$setIntersection", set(a) & set(b)),
                         ("$setDifference", set(a) - set(b))):  # fmt: skip
        found = value({name: both}, a, b)
        assert (set(found), len(found)) == (wanted, len(wanted))
        assert found == sorted(found, key=(a + b).index)  # in the order in which they first appear
    assert value({"$setEquals": both}, a, b) is (set(a) == set(b))
    assert value({"$setIsSubset": both}, a, b) is (set(a) <= set(b))
    assert value({"$anyElementTrue": ["$a"]}, a) is any(a)
    assert value({"$allElementsTrue": ["$a"]}, a) is all(a)


@given(st.dictionaries(st.text("abc", min_size=1), st.integers()), st.dictionaries(st.text("abc"), st.integers()))
def test_objects(a, b):
    assert value({"$mergeObjects": ["$a", "$b"]}, a, b) == a | b
    assert {pair["k"]: pair["v"] for pair in value({"$objectToArray": "$a"}, a)} == a


def test_true_is_not_1_and_null_makes_null():
    assert value({"$setUnion": ["$a", "$b"]}, [1, True], [1.0]) == [1, True]
    assert value({"$setUnion": ["$a", "$b"]}, [1], None) is None
    with pytest.raises(InvalidQuery) as error:
        value({"$setEquals": ["$a", "$b"]}, [1], 5)
    assert error.value.code == 17044
