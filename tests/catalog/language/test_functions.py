"""How operators are declared: the number and the names of their arguments, and null."""

import pytest

from catalog import InvalidQuery, NotSupported
from catalog.language.expressions import Expressions
from catalog.language.functions import named, positional, special, told

COMPILER = Expressions(frozenset())


def answer(table, name, given, **fields):
    return table[name](given, COMPILER)(fields, {})


def test_a_number_of_arguments():
    table = {}
    positional(table, "$one", null=True)(lambda value: value + 1)
    positional(table, "$some", 1, 2)(lambda *values: values)
    positional(table, "$many", 0, None)(lambda *values: len(values))
    assert answer(table, "$one", "$v", v=1) == answer(table, "$one", ["$v"], v=1) == 2
    assert answer(table, "$one", "$absent") is None
    assert answer(table, "$some", [1, "$v"], v=2) == (1, 2)
    assert [answer(table, "$many", list(range(n))) for n in range(3)] == [0, 1, 2]
    for name, given, code in (("$one", [1, 2], 16020), ("$some", [], 28667), ("$some", [1, 2, 3], 28667)):
        with pytest.raises(InvalidQuery, match="arguments") as error:
            answer(table, name, given)
        assert error.value.code == code


def test_names_of_arguments():
    table = {}
    named(table, "$two", needs=("a",), takes=("b",), codes=(1, 2, 3))(lambda name, values: (name, values))
    assert answer(table, "$two", {"a": "$v"}, v=5) == ("$two", {"a": 5})
    for given, code in ((5, 1), ({"a": 1, "c": 1}, 2), ({"$a": 1}, 2), ({"b": 1}, 3)):
        with pytest.raises(InvalidQuery) as error:
            answer(table, "$two", given)
        assert error.value.code == code
    with pytest.raises(NotSupported, match="binSize"):
        told("$dateTrunc", {"date": 1, "binSize": 2}, ("date",), ("binSize",), codes=(1, 2, 3))


def test_an_operator_that_compiles_for_itself():
    table = {}
    special(table, "$a", "$b")(lambda name, given, compiler: lambda document, variables: (name, given))
    assert [answer(table, name, {"$x": 1}) for name in table] == [("$a", {"$x": 1}), ("$b", {"$x": 1})]
