"""The order of documents: that of values, key by key, turned round where it descends."""

from hypothesis import given
from hypothesis import strategies as st

from catalog.language.order import Sort, order_key
from catalog.language.values import encode_key

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2)
documents = st.lists(st.fixed_dictionaries({}, optional={"a": scalars, "b": scalars}), max_size=8)


@given(documents)
def test_keys_count_one_after_the_other(found):
    both = Sort((("a", 1), ("b", -1)))
    ordered = sorted(found, key=lambda document: order_key(document, both))
    stable = sorted(found, key=lambda document: encode_key(document.get("b")), reverse=True)
    stable.sort(key=lambda document: encode_key(document.get("a")))
    assert [(d.get("a"), d.get("b")) for d in ordered] == [(d.get("a"), d.get("b")) for d in stable]


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=4), st.lists(st.integers(-5, 5), min_size=1, max_size=4))
def test_of_an_array_its_least_element_counts_or_descending_its_largest(one, two):
    up, down = Sort((("a", 1),)), Sort((("a", -1),))
    assert (order_key({"a": one}, up) < order_key({"a": two}, up)) is (min(one) < min(two))
    assert (order_key({"a": one}, down) < order_key({"a": two}, down)) is (max(one) > max(two))
