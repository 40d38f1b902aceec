"""Regular expressions: PCRE2's, and none without an end."""

import time

import pytest

from catalog import InvalidQuery
from catalog.language.patterns import compile_pattern


def test_places_are_code_points_and_an_empty_match_goes_on():
    assert [(m["idx"], m["match"]) for m in compile_pattern("å*").found("xåå")] == [(0, ""), (1, "åå")]
    assert [m["captures"] for m in compile_pattern("(a)|(b)").found("ab")] == [["a", None], [None, "b"]]


def test_a_pattern_that_would_never_end_is_an_error_soon():
    started = time.process_time()
    with pytest.raises(InvalidQuery, match="too many steps"):
        compile_pattern("(a+)+$").matches("a" * 60 + "b")
    assert time.process_time() - started < 10


@pytest.mark.parametrize("pattern", ["(", "a\0b", 5, b"a", "a" * 20_000], ids=lambda p: repr(p)[:10])
def test_what_is_no_pattern_is_an_error(pattern):
    with pytest.raises(InvalidQuery):
        compile_pattern(pattern)
