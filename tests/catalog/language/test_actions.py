"""What update operators make of a value, beside what they undo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidUpdate
from catalog.language.actions import ACTIONS, MAKING
from catalog.language.kinds import bson_type
from catalog.language.values import MISSING, encode_key

scalars = st.sampled_from([None, True, 0, 1, 1.0, 2.5, "a", "b"])
lists = st.lists(scalars, max_size=5)


def keys(items):
    return [encode_key(item) for item in items]


@given(lists, scalars)
def test_what_is_pushed_is_popped(items, item):
    pushed = ACTIONS["$push"](item)(items)
    assert keys(pushed) == [*keys(items), encode_key(item)]
    assert ACTIONS["$pop"](1)(pushed) == items
    front = ACTIONS["$push"]({"$each": [item], "$position": 0})(items)
    assert ACTIONS["$pop"](-1)(front) == items


@given(lists, lists, st.integers(-4, 4))
def test_what_is_added_is_cut_to_a_number(items, more, most):
    added = ACTIONS["$push"]({"$each": more, "$slice": most})(items)
    joined = [*items, *more]
    assert added == (joined[:most] if most >= 0 else joined[most:])


@given(lists, lists)
def test_sets_grow_once_and_what_is_pulled_is_gone(items, more):
    add = ACTIONS["$addToSet"]({"$each": more})
    once = add(items)
    assert set(keys(once)) == set(keys([*items, *more]))
    assert len(once) - len(items) == len(set(keys(more)) - set(keys(items)))
    assert add(once) is once
    wanted = [key for key in keys(items) if key not in keys(more)]
    assert keys(ACTIONS["$pullAll"](more)(items)) == wanted
    for item in more:
        items = ACTIONS["$pull"](item)(items)
    assert keys(items) == wanted


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_numbers(current, by):
    for name, exact in (("$inc", current + by), ("$mul", current * by)):
        found = ACTIONS[name](by)(current)
        assert (found, bson_type(found)) == (exact, bson_type(exact))
    assert ACTIONS["$min"](by)(current) == min(by, current)
    assert ACTIONS["$max"](by)(current) == max(by, current)
    assert ACTIONS["$inc"](by)(MISSING) == by
    assert ACTIONS["$mul"](by)(MISSING) == 0


@pytest.mark.parametrize("name", ["$push", "$addToSet", "$pullAll", "$pop", "$inc", "$mul"])
def test_what_is_of_another_type_is_an_error(name):
    argument = {"$pullAll": [1], "$pop": 1}.get(name, 1)
    with pytest.raises(InvalidUpdate):
        ACTIONS[name](argument)("text")


def test_what_makes_fields_is_told_of_operators_there_are():
    assert MAKING - {"$rename"} <= ACTIONS.keys()
