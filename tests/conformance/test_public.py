"""The command that runs the public tests: its rules, its table, and how it classes what it sees."""

from __future__ import annotations

import pytest

from tests.conformance.public import CLASSES, EXPECTED, Ended, Rule, compare, read_rules, rules_of, table

TESTS = [
    Ended("query/a/test_x.py::one", "passed", ""),
    Ended(
        "query/a/test_x.py::two", "refused", "NotSupported: the embedded catalog does not answer the operator $near: x"
    ),
    Ended(
        "query/a/test_x.py::three",
        "refused",
        "NotSupported: the embedded catalog does not answer the operator $near: x",
    ),
    Ended("update/b/test_y.py::one", "other code", "InvalidUpdate: no"),
]
RULES = [Rule(2, "refused", "query/a/*", "$near"), Rule(1, "other code", "update/b/*", "another code")]


def test_what_is_listed_is_no_complaint():
    assert compare(RULES, TESTS, whole=True) == []
    assert read_rules("# a comment\n\n" + "\n".join(map(str, RULES))) == RULES


@pytest.mark.parametrize(
    ("tests", "complaint"),
    [
        ([*TESTS, Ended("query/c/test_z.py::new", "wrong", "")], "not listed: wrong"),
        ([*TESTS, Ended("query/a/test_x.py::new", "wrong", "")], "not listed: wrong"),
        ([*TESTS, Ended("query/a/test_x.py::four", "refused", "")], "listed 2, found 3"),
        (TESTS[:-1], "listed 1, found 0"),
    ],
)
def test_a_test_more_or_less_is_a_complaint(tests, complaint):
    assert [told for told in compare(RULES, tests, whole=True) if told.startswith(complaint)]


def test_of_some_tests_none_is_missed():
    assert compare(RULES, TESTS[:1], whole=False) == []


def test_rules_are_made_of_a_run_and_keep_known_reasons():
    assert rules_of(TESTS, RULES[1:]) == RULES


def test_the_table_counts_by_part():
    lines = table(TESTS).splitlines()
    assert lines[0].split(" | ")[1:3] == ["passed", "refused"]
    assert "| query | 1 | 2 | 0 " in lines[3]


def test_the_list_says_why_and_of_no_test_that_it_is_wrong_without_a_reason():
    rules = read_rules(EXPECTED.read_text(encoding="utf-8"))
    assert {rule.how for rule in rules} <= set(CLASSES) - {"passed"}
    assert [rule for rule in rules if not rule.reason or rule.reason == "look at it"] == []
