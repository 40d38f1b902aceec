"""Text, beside Python's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import InvalidQuery
from catalog.language.expressions import compile_expression

texts = st.text("aAbBéß -", max_size=8)


def value(expression, *values):
    return compile_expression(expression)(dict(zip("abc", values, strict=False)), {})


@given(texts, st.text("a-", min_size=1, max_size=2))
def test_what_is_split_is_joined_again(text, separator):
    parts = value({"$split": ["$a", "$b"]}, text, separator)
    assert separator.join(parts) == text
    assert value({"$concat": ["$a", "$b", "$c"]}, text, separator, "x") == text + separator + "x"


@given(texts, st.integers(0, 9), st.integers(0, 9))
def test_places_are_code_points(text, start, count):
    assert value({"$substrCP": ["$a", "$b", "$c"]}, text, start, count) == text[start : start + count]
    assert value({"$strLenCP": "$a"}, text) == len(text)
    if 0 < start < len(text):
        found = value({"$indexOfCP": ["$a", "$b"]}, text, text[start:])
        assert text[found:].startswith(text[start:])
        assert text[start:] not in text[: found + len(text) - start - 1]


@given(texts)
def test_case_is_of_ascii_alone(text):
    upper, lower = value({"$toUpper": "$a"}, text), value({"$toLower": "$a"}, text)
    assert upper == "".join(one.upper() if one.isascii() else one for one in text)
    assert lower == "".join(one.lower() if one.isascii() else one for one in text)


@given(texts, st.text("aé-", min_size=1, max_size=3))
def test_ends_are_cut_and_parts_replaced(text, chars):
    assert value({"$trim": {"input": "$a", "chars": "$b"}}, text, chars) == text.strip(chars)
    replacing = {"input": "$a", "find": "$b", "replacement": "_"}
    assert value({"$replaceAll": replacing}, text, chars) == text.replace(chars, "_")
    assert value({"$replaceOne": replacing}, text, chars) == text.replace(chars, "_", 1)
    assert value({"$regexMatch": {"input": "$a", "regex": "^[a-z]"}}, text) is ("a" <= text[:1] <= "z")


@pytest.mark.parametrize(
    "expression", [{"$concat": ["$a"]}, {"$split": ["$a", "x"]}, {"$strLenCP": "$a"}, {"$trim": {"input": "$a"}}]
)
def test_what_is_no_text_is_an_error(expression):
    with pytest.raises(InvalidQuery, match="string"):
        value(expression, 5)
