"""Turns a filter into a function that tells whether a document matches it.

The rules are those of the MongoDB manual, "Query and Projection Operators": values compare within their
type, an array matches if an element does, and a negation is the negation of the whole condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bson import MaxKey, MinKey, Regex

from catalog.errors import InvalidQuery, NotSupported
from catalog.language.kinds import mod_predicate, type_predicate
from catalog.language.paths import leaves, split
from catalog.language.values import MISSING, NULL_KEY, encode_key
from catalog.limits import refusal

__all__ = ["Predicate", "compile_filter", "compile_regex", "is_operators"]

Document = dict[str, Any]
Predicate = Callable[[Document], bool]
Test = Callable[[list[Any]], bool]  # of the values at the end of the path
Expression = Callable[[Any], Callable[[Document], bool]]

_DBREF = ("$ref", "$id", "$db")
_NAN_KEY = encode_key(float("nan"))


def is_operators(value: Any) -> bool:
    """Tell whether a condition is made of operators, not a sub-document to be equal to."""
    if not isinstance(value, Mapping) or not value:
        return False
    first = next(iter(value))
    return first.startswith("$") and first not in _DBREF


def compile_filter(query: Mapping[str, Any], *, expression: Expression) -> Predicate:
    """Make the function that tells whether a document matches.

    Parameters
    ----------
    query : mapping
        The filter, as BSON decodes it.
    expression : callable
        Makes the function of an ``$expr``.

    Raises
    ------
    InvalidQuery
        If the filter is no valid MongoDB filter.
    NotSupported
        If it holds an operator the embedded catalog refuses.
    """
    if not isinstance(query, Mapping):
        raise InvalidQuery(f"a filter must be an object, not {type(query).__name__}", 2)
    tests = [_clause(key, condition, expression) for key, condition in query.items() if key != "$comment"]
    if not tests:
        return lambda document: True
    if len(tests) == 1:
        return tests[0]
    return lambda document: all(test(document) for test in tests)


def _clause(key: str, condition: Any, expression: Expression) -> Predicate:
    if key in ("$and", "$or", "$nor"):
        return _logical(key, condition, expression)
    if key == "$expr":
        return expression(condition)
    if key.startswith("$"):
        raise refusal(key, "top level operator") or InvalidQuery(f"unknown top level operator: {key}", 2)
    parts = split(key)
    test = _condition(condition, expression)
    if len(parts) == 1:
        return lambda document: test([document.get(key, MISSING)])
    return lambda document: test(leaves(document, parts))


def _logical(key: str, branches: Any, expression: Expression) -> Predicate:
    if not isinstance(branches, list) or not branches:
        raise InvalidQuery(f"{key} must be a nonempty array", 2)
    tests = [compile_filter(branch, expression=expression) for branch in branches]
    if key == "$and":
        return lambda document: all(test(document) for test in tests)
    if key == "$or":
        return lambda document: any(test(document) for test in tests)
    return lambda document: not any(test(document) for test in tests)


def _condition(condition: Any, expression: Expression) -> Test:
    if isinstance(condition, (Regex, re.Pattern)):
        return _regex(condition)
    if not is_operators(condition):
        return _equals(condition)
    tests = []
    for operator, argument in condition.items():
        if operator == "$options":
            if "$regex" not in condition:
                raise InvalidQuery("$options needs a $regex", 2)
            continue
        if operator == "$regex":
            tests.append(_regex(argument, condition.get("$options", "")))
            continue
        tests.append(_operator(operator, argument, expression))
    return tests[0] if len(tests) == 1 else lambda values: all(test(values) for test in tests)


def _operator(operator: str, argument: Any, expression: Expression) -> Test:
    if operator in ("$gt", "$gte", "$lt", "$lte"):
        return _compares(operator, argument)
    if operator in ("$not", "$elemMatch"):
        return _not(argument, expression) if operator == "$not" else _element(argument, expression)
    if operator == "$all":
        return _all(argument, expression)
    maker = _SIMPLE.get(operator)
    if maker is None:
        raise refusal(operator, "operator") or InvalidQuery(f"unknown operator: {operator}", 2)
    return maker(argument)


def _any(test: Callable[[Any], bool]) -> Test:
    """Make a test of a value a test of a path: an array passes if it does, or an element does."""

    def check(values: list[Any]) -> bool:
        for value in values:  # noqa: SIM110 - a generator is slow, and this runs for each condition and document
            if test(value) or (type(value) is list and any(map(test, value))):
                return True
        return False

    return check


def _equals(argument: Any) -> Test:
    if isinstance(argument, (Regex, re.Pattern)):
        raise NotSupported(
            "$eq with a regular expression is not answered by the embedded catalog: use $regex to match, "
            "or a MongoDB URL",
            238,
        )
    wanted = encode_key(argument)
    return _any(lambda value: encode_key(value) == wanted)


def _in(argument: Any) -> Test:
    if not isinstance(argument, list):
        raise InvalidQuery("$in needs an array", 2)
    if any(is_operators(item) for item in argument):
        raise InvalidQuery("cannot nest $ under $in", 2)
    patterns = [_regex(item) for item in argument if isinstance(item, (Regex, re.Pattern))]
    wanted = {encode_key(item) for item in argument if not isinstance(item, (Regex, re.Pattern))}
    within = _any(lambda value: encode_key(value) in wanted)
    if not patterns:
        return within
    return lambda values: within(values) or any(pattern(values) for pattern in patterns)


def _compares(operator: str, argument: Any) -> Test:
    if isinstance(argument, (Regex, re.Pattern)):
        raise InvalidQuery(f"can't have a regex as the argument of {operator}", 2)
    bound = encode_key(argument)
    bracketed = not isinstance(argument, (MinKey, MaxKey))
    kind, equal = bound[:1], operator in ("$gte", "$lte")
    above = operator in ("$gt", "$gte")

    def test(value: Any) -> bool:
        key = encode_key(value)
        if key == bound:
            return equal
        if bracketed and (key[:1] != kind or key == _NAN_KEY or bound == _NAN_KEY or kind == NULL_KEY):
            return False
        return (key > bound) is above

    return _any(test)


def _regex(pattern: Any, options: Any = "") -> Test:
    compiled = compile_regex(pattern, options)
    key = encode_key(pattern) if isinstance(pattern, (Regex, re.Pattern)) else None  # a stored pattern equals itself

    def test(value: Any) -> bool:
        if type(value) is str:
            return compiled.search(value) is not None
        return key is not None and isinstance(value, Regex) and encode_key(value) == key

    return _any(test)


def compile_regex(pattern: Any, options: Any = "") -> re.Pattern[str]:
    """Compile the pattern of a ``$regex``.

    Raises
    ------
    InvalidQuery
        If pattern or options are not valid.
    """
    flags = 0
    if not isinstance(options, str) or set(options) - set("imxsu"):
        raise InvalidQuery(f"invalid flag in regex options: {options}", 51108)
    for letter in options:
        flags |= {"i": re.I, "m": re.M, "x": re.X, "s": re.S, "u": 0}[letter]
    if isinstance(pattern, re.Pattern):
        flags, pattern = flags | pattern.flags, pattern.pattern
    elif isinstance(pattern, Regex):
        flags, pattern = flags | int(pattern.flags), pattern.pattern
    if not isinstance(pattern, str):
        raise InvalidQuery("$regex has to be a string", 2)
    try:
        return re.compile(pattern, flags & ~re.LOCALE)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidQuery(f"Regular expression is invalid: {error}", 51091) from None


def _not(argument: Any, expression: Expression) -> Test:
    if not isinstance(argument, (Regex, re.Pattern)) and not is_operators(argument):
        raise InvalidQuery("$not needs a regex or a document of operators", 2)
    inner = _condition(argument, expression)
    return lambda values: not inner(values)


def _element(argument: Any, expression: Expression) -> Test:
    if not isinstance(argument, Mapping):
        raise InvalidQuery("$elemMatch needs an Object", 2)
    logical = argument and next(iter(argument)) in ("$and", "$or", "$nor", "$expr", "$where")
    if is_operators(argument) and not logical:
        by_value = _condition(argument, expression)
        return lambda values: any(by_value([item]) for value in values if isinstance(value, list) for item in value)
    by_document = compile_filter(argument, expression=expression)
    return lambda values: any(
        by_document(item) for value in values if isinstance(value, list) for item in value if isinstance(item, dict)
    )


def _all(argument: Any, expression: Expression) -> Test:
    if not isinstance(argument, list):
        raise InvalidQuery("$all needs an array", 2)
    if not argument:
        return lambda values: False
    tests = [
        _element(item["$elemMatch"], expression)
        if isinstance(item, Mapping) and "$elemMatch" in item
        else _condition(item, expression)
        for item in argument
    ]
    return lambda values: all(test(values) for test in tests)


def _size(argument: Any) -> Test:
    if (
        isinstance(argument, bool)
        or not isinstance(argument, (int, float))
        or argument != int(argument)
        or argument < 0
    ):
        raise InvalidQuery("$size needs a whole number that is not negative", 2)
    return lambda values: any(type(value) is list and len(value) == argument for value in values)


def _exists(argument: Any) -> Test:
    wanted = bool(argument)
    return lambda values: any(value is not MISSING for value in values) is wanted


def _negated(maker: Callable[[Any], Test]) -> Callable[[Any], Test]:
    def make(argument: Any) -> Test:
        test = maker(argument)
        return lambda values: not test(values)

    return make


_SIMPLE: dict[str, Callable[[Any], Test]] = {
    "$eq": _equals,
    "$ne": _negated(_equals),
    "$in": _in,
    "$nin": _negated(_in),
    "$exists": _exists,
    "$size": _size,
    "$type": lambda argument: _any(type_predicate(argument)),
    "$mod": lambda argument: _any(mod_predicate(argument)),
}
