"""Chooses among arguments, binds variables, and computes logic: operators that do not compute all they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import Int64

from catalog.errors import InvalidQuery
from catalog.language.accumulators import ACCUMULATORS
from catalog.language.arrays import check_variable
from catalog.language.functions import Compiler, Compute, Operators, Variables, positional, special, told
from catalog.language.kinds import nullish, truthy
from catalog.language.values import Document

__all__ = ["OPERATORS"]

OPERATORS: Operators = {}


def is_constant(expression: Any) -> bool:
    """Tell whether an expression is plainly a value."""
    return not isinstance(expression, (Mapping, list)) and not str(expression).startswith("$")


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


@special(OPERATORS, "$literal", "$const")
def literal(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$literal`` (manual: operator/aggregation/literal)."""
    return lambda document, variables: given


@special(OPERATORS, "$cond")
def either(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$cond`` (manual: operator/aggregation/cond)."""
    if isinstance(given, Mapping):
        for key, code in (("if", 17080), ("then", 17081), ("else", 17082)):
            if key not in given and not set(given) - {"if", "then", "else"}:
                raise InvalidQuery(f"Missing '{key}' parameter to $cond", code)
        given = told(name, given, ("if", "then", "else"), codes=(17083, 17083, 17080))
        given = [given["if"], given["then"], given["else"]]
    items = _listed(given)
    if len(items) != 3:
        raise InvalidQuery(f"Expression $cond takes exactly 3 arguments. {len(items)} were passed in.", 16020)
    test, yes, no = map(compiler, items)
    return lambda document, variables: (yes if truthy(test(document, variables)) else no)(document, variables)


@special(OPERATORS, "$ifNull")
def first_that_is_not_null(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$ifNull`` (manual: operator/aggregation/ifNull)."""
    items = _listed(given)
    if len(items) < 2:
        raise InvalidQuery(f"$ifNull needs at least two arguments, had: {len(items)}", 1257300)
    *choices, last = map(compiler, items)

    def compute(document: Document, variables: Variables) -> Any:
        for choice in choices:
            value = choice(document, variables)
            if not nullish(value):
                return value
        return last(document, variables)

    return compute


@special(OPERATORS, "$switch")
def branches(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$switch`` (manual: operator/aggregation/switch)."""
    given = told(name, given, (), ("branches", "default"), codes=(40060, 40067, 40068))
    listed = given.get("branches", [])
    if not isinstance(listed, list):
        raise InvalidQuery("$switch expected an array for 'branches'", 40061)
    if not listed:
        raise InvalidQuery("$switch requires at least one branch.", 40068)
    pairs = []
    for branch in listed:
        for key, code in (("case", 40064), ("then", 40065)):
            if isinstance(branch, Mapping) and key not in branch and not set(branch) - {"case", "then"}:
                raise InvalidQuery(f"$switch requires each branch have a '{key}' expression", code)
        branch = told("A branch of $switch", branch, ("case", "then"), codes=(40062, 40063, 40064))
        pairs.append((compiler(branch["case"]), compiler(branch["then"])))
    default = compiler(given["default"]) if "default" in given else None

    def compute(document: Document, variables: Variables) -> Any:
        for case, then in pairs:
            if truthy(case(document, variables)):
                return then(document, variables)
        if default is None:
            raise InvalidQuery(
                "$switch could not find a matching branch for an input, and no default was specified.", 40066
            )
        return default(document, variables)

    return compute


@special(OPERATORS, "$let")
def with_variables(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$let`` (manual: operator/aggregation/let)."""
    codes = (16874, 16875, 16876 if isinstance(given, Mapping) and "vars" not in given else 16877)
    given = told(name, given, ("vars", "in"), codes=codes)
    if not isinstance(given["vars"], Mapping):
        raise InvalidQuery("invalid parameter: expected an object (vars) in $let", 10065)
    for variable in given["vars"]:
        check_variable(variable)
    bound = [(variable, compiler(value)) for variable, value in given["vars"].items()]
    body = compiler.binding(*given["vars"])(given["in"])
    return lambda document, variables: body(
        document, {**variables, **{variable: value(document, variables) for variable, value in bound}}
    )


@special(OPERATORS, "$and")
def every(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$and`` (manual: operator/aggregation/and)."""
    tests = list(map(compiler, _listed(given)))
    if any(is_constant(item) and not truthy(item) for item in _listed(given)):
        return lambda document, variables: False  # likewise
    return lambda document, variables: all(truthy(test(document, variables)) for test in tests)


@special(OPERATORS, "$or")
def some(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$or`` (manual: operator/aggregation/or)."""
    tests = list(map(compiler, _listed(given)))
    if any(is_constant(item) and truthy(item) for item in _listed(given)):
        return lambda document, variables: True  # a server settles this before it reads a document
    return lambda document, variables: any(truthy(test(document, variables)) for test in tests)


@positional(OPERATORS, "$not")
def negation(value: Any) -> bool:
    """Compute ``$not`` (manual: operator/aggregation/not)."""
    return not truthy(value)


@special(OPERATORS, "$sum", "$avg", "$min", "$max", "$stdDevPop", "$stdDevSamp")
def accumulated(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$sum`` (manual: operator/aggregation/sum), and the page of each of the others.

    Over the elements of one array, or over the arguments.
    """
    arguments, make = list(map(compiler, _listed(given))), ACCUMULATORS[name]

    def compute(document: Document, variables: Variables) -> Any:
        values = [argument(document, variables) for argument in arguments]
        if len(values) == 1 and isinstance(values[0], list):
            (values,) = values
        if name == "$avg":  # which a server computes in doubles here, unlike in a group
            values = [float(value) if isinstance(value, Int64) else value for value in values]
        accumulator = make()
        for value in values:
            accumulator.add(value)
        return accumulator.result()

    return compute
