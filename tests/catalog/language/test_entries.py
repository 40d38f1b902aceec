"""Index entries: one a value, one an element, and one for each document at least."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidUpdate
from catalog.language.entries import check_parallel, entries_of, unique_keys
from catalog.language.values import EMPTY_KEY, MISSING, Tag, decode_key, encode_key

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text("ab\0", max_size=3)


@given(scalars)
def test_a_value_has_one_entry_that_tells_it(value):
    ((key, tag),) = entries_of({"a": {"b": value}}, ("a", "b")).items()
    assert key == encode_key(value)
    if tag != Tag.OTHER:
        assert repr(decode_key(key, tag)) == repr(value)


@given(st.lists(scalars, min_size=1, max_size=5))
def test_an_array_has_one_for_each_element_and_one_whole(items):
    found = entries_of({"a": items}, ("a",))
    assert found.keys() == {*map(encode_key, items), encode_key(items)}
    assert found[encode_key(items)] == Tag.WHOLE
    assert unique_keys({"a": items}, [("a",)], sparse=False) == set(map(encode_key, items))


def test_what_is_not_there_has_an_entry_too():
    assert entries_of({}, ("a", "b")) == {encode_key(MISSING): Tag.MISSING}
    assert entries_of({"a": []}, ("a",)) == {EMPTY_KEY: Tag.EMPTY, encode_key([]): Tag.WHOLE}
    assert unique_keys({}, [("a",)], sparse=True) == set()
    assert unique_keys({}, [("a",)], sparse=False) == {encode_key(None)}


def test_two_arrays_under_one_index_are_refused():
    check_parallel({"a": [1], "b": 2}, "i", ["a", "b"])
    check_parallel({"a": [{"x": 1, "y": 2}]}, "i", ["a.x", "a.y"])
    with pytest.raises(InvalidUpdate, match=r"parallel arrays \[a\] \[b\]") as error:
        check_parallel({"a": [1], "b": [2]}, "i", ["a", "b"])
    assert error.value.code == 171
