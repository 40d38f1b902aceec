"""Paths, beside a walk that is written as the manual says it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidQuery
from catalog.language.paths import DEPTH, checked_path, leaves, resolve, split
from catalog.language.values import MISSING

names = st.sampled_from(["a", "b", "0", "1"])
values = st.recursive(
    st.integers(0, 3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)
paths = st.lists(names, min_size=1, max_size=3).map(tuple)


def walked(value, parts):
    """Return what an expression finds: through arrays, but not through arrays in arrays."""
    if not parts:
        return value
    if isinstance(value, dict):
        return walked(value[parts[0]], parts[1:]) if parts[0] in value else MISSING
    if isinstance(value, list):
        inner = [walked(item, parts) for item in value if isinstance(item, dict)]
        return [item for item in inner if item is not MISSING]
    return MISSING


def reached(value, parts):
    """Return the values of a filter's path, each way one; what is not there is left out."""
    if not parts:
        return [value]
    if isinstance(value, dict):
        return reached(value[parts[0]], parts[1:]) if parts[0] in value else []
    found = []
    if isinstance(value, list):
        if parts[0].isdigit() and int(parts[0]) < len(value):
            found += reached(value[int(parts[0])], parts[1:])
        for item in value:
            found += reached(item, parts) if isinstance(item, dict) else []
    return found


@given(st.dictionaries(names, values), paths)
def test_expressions_and_filters_find_what_they_should(document, parts):
    assert resolve(document, parts) == walked(document, parts)
    assert [value for value in leaves(document, parts) if value is not MISSING] == reached(document, parts)


@pytest.mark.parametrize("path", ["", "a.", ".a", "a..b", "a.$b", "a\0", ".".join("a" * (DEPTH + 1))], ids=repr)
def test_paths_that_cannot_be(path):
    with pytest.raises(InvalidQuery):
        checked_path(path)


def test_paths_that_can_be():
    assert checked_path("a.$id.0") == split("a.$id.0") == ("a", "$id", "0")
