"""Turns a filter into a function that tells whether a document matches it.

The rules are those of the MongoDB manual, "Query and Projection Operators": values compare within their
type, an array matches if an element does, and a negation is the negation of the whole condition.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from bson import Decimal128, MaxKey, MinKey, Regex

from catalog.errors import InvalidQuery
from catalog.language.kinds import is_number, mod_predicate, truthy, type_predicate
from catalog.language.paths import DEPTH, leaves, split
from catalog.language.patterns import compile_pattern
from catalog.language.values import MISSING, NULL_KEY, Document, encode_key
from catalog.limits import refusal, refused

__all__ = ["Expression", "Predicate", "compile_filter", "is_operators"]

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
    """Return the function that tells whether a document matches.

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
    _check_depth(query)
    return _compiled(query, expression)


def _check_depth(query: Any, level: int = 0) -> None:
    if level > DEPTH:
        raise InvalidQuery(f"a filter may be nested {DEPTH} levels deep", 15)
    for item in query.values() if isinstance(query, Mapping) else query if isinstance(query, list) else ():
        if isinstance(item, (Mapping, list)):
            _check_depth(item, level + 1)


def _compiled(query: Any, expression: Expression) -> Predicate:
    if not isinstance(query, Mapping):
        raise InvalidQuery("$or/$and/$nor entries need to be full objects", 2)
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
    if key in ("$alwaysTrue", "$alwaysFalse"):
        if not is_number(condition) or condition != 1:
            raise InvalidQuery(f"{key} must be an integer value of 1", 9)
        return lambda document: key == "$alwaysTrue"
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
    tests = [_compiled(branch, expression) for branch in branches]
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
            options = condition.get("$options", "")
            if isinstance(argument, Regex) and argument.flags and options:
                raise InvalidQuery("options set in both $regex and $options", 51075)
            tests.append(_regex(argument, options))
            continue
        if operator[:1] != "$":
            raise InvalidQuery(f"unknown operator: {operator}", 2)
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
        raise refused("$eq of a regular expression", "operator")
    wanted = encode_key(argument)
    return _any(lambda value: encode_key(value) == wanted)


def _in(argument: Any) -> Test:
    if not isinstance(argument, list):
        raise InvalidQuery("$in needs an array", 2)
    if any(map(is_operators, argument)):
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
    compiled = compile_pattern(pattern, options)
    key = encode_key(pattern if isinstance(pattern, (Regex, re.Pattern)) else Regex(pattern, options))

    def test(value: Any) -> bool:
        if type(value) is str:
            return compiled.matches(value)
        return isinstance(value, Regex) and encode_key(value) == key  # a stored pattern equals itself

    return _any(test)


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
    by_document = _compiled(argument, _no_expression)
    return lambda values: any(
        by_document(item) for value in values if isinstance(value, list) for item in value if isinstance(item, dict)
    )


def _no_expression(given: Any) -> Predicate:
    raise InvalidQuery("$expr can only be applied to the top-level document", 2)


def _all(argument: Any, expression: Expression) -> Test:
    if not isinstance(argument, list):
        raise InvalidQuery("$all needs an array", 2)
    if not argument:
        return lambda values: False
    elements = [is_operators(item) and next(iter(item)) == "$elemMatch" for item in argument]
    if any(elements) and not all(elements):
        raise InvalidQuery("$all/$elemMatch has to be consistent", 2)
    if not all(elements) and any(map(is_operators, argument)):
        raise InvalidQuery("no $ expressions in $all", 2)
    tests = [_condition(item, expression) for item in argument]
    return lambda values: all(test(values) for test in tests)


def _size(argument: Any) -> Test:
    if isinstance(argument, Decimal128):
        raise refused("Decimal128 arithmetic", "operator $size:")
    if (
        not is_number(argument)
        or argument >= 1 << 31
        or not math.isfinite(argument)
        or argument != int(argument)
        or argument < 0
    ):
        raise InvalidQuery("$size needs a whole number that is not negative", 2)
    return lambda values: any(type(value) is list and len(value) == argument for value in values)


def _exists(argument: Any) -> Test:
    wanted = truthy(argument)
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
