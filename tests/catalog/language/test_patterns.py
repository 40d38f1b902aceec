"""Regular expressions: PCRE2's, and none without an end."""

import builtins
import time

import pytest

from catalog import InvalidQuery, NotSupported
from catalog.language.patterns import compile_pattern


def test_a_pattern_that_would_never_end_is_an_error_soon():
    started = time.process_time()
    with pytest.raises(InvalidQuery, match="too many steps"):
        compile_pattern("(a+)+$").matches("a" * 60 + "b")
    assert time.process_time() - started < 10


@pytest.mark.parametrize("pattern", ["(", "a\0b", 5, b"a", "a" * 20_000], ids=lambda p: repr(p)[:10])
def test_what_is_no_pattern_is_an_error(pattern):
    with pytest.raises(InvalidQuery):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "options", "text", "found"),
    [
        ("^[[:digit:]]+$", "", "12", True),
        (r"\w", "", "é", False),
        ("É", "i", "é", True),
        ("istanbul", "i", "İSTANBUL", False),
        (r"^a\Z", "", "a\n", True),
        (r"^a\z", "", "a\n", False),
        (r"\Qa.b\E", "", "axb", False),
        (r"(?<n>a)\k<n>", "", "aa", True),
        (r"\x41", "", "A", True),
        (r"\\x{41}", "", "\\" + "x" * 41, True),  # a backslash, then x so many times
    ],
)
def test_patterns_mean_what_they_mean_to_pcre2(pattern, options, text, found):
    assert compile_pattern(pattern, options).matches(text) is found


@pytest.mark.parametrize("pattern", [r"\x{41}", r"a\x4", r"\C"])
def test_escapes_that_the_binding_reads_otherwise_are_refused(pattern):
    with pytest.raises(NotSupported, match="escapes of a pattern"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", [r"\u0041", r"\U"])
def test_escapes_that_pcre2_does_not_have_are_errors(pattern):
    with pytest.raises(InvalidQuery, match="PCRE2 does not support") as caught:
        compile_pattern(pattern)
    assert caught.value.code == 51091


def test_without_the_library_a_pattern_is_refused_and_nothing_else(monkeypatch):
    real = builtins.__import__

    def lacking(name, *rest):
        if name == "pcre2":
            raise ImportError("no module named pcre2")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(NotSupported, match="pip install pcre2"):
        compile_pattern("never compiled before")
