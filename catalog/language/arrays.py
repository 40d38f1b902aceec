"""Computes with arrays: their operators in expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.errors import InvalidQuery
from catalog.language.conversion import comparable
from catalog.language.functions import Compiler, Compute, Operators, Variables, positional, special, told
from catalog.language.kinds import array_of, is_number, nullish, numeric, truthy, whole_number
from catalog.language.values import MISSING, Document
from catalog.limits import refused

__all__ = ["OPERATORS", "check_variable"]

OPERATORS: Operators = {}
_MOST_NUMBERS = 4_000_000  # of a $range: with more the array would not fit a document


@positional(OPERATORS, "$arrayElemAt", 2)
def element(items: Any, place: Any) -> Any:
    """Compute ``$arrayElemAt`` (manual: operator/aggregation/arrayElemAt)."""
    if nullish(items) or nullish(place):
        return None
    items = array_of("$arrayElemAt", items, 28689)
    position = whole_number("$arrayElemAt", numeric("$arrayElemAt", place, 28690), 28691)
    return items[position] if -len(items) <= position < len(items) else MISSING


@positional(OPERATORS, "$first", null=True)
def first(items: Any) -> Any:
    """Compute ``$first`` (manual: operator/aggregation/first-array-element)."""
    return array_of("$first", items, 28689)[0] if items != [] else MISSING


@positional(OPERATORS, "$last", null=True)
def last(items: Any) -> Any:
    """Compute ``$last`` (manual: operator/aggregation/last-array-element)."""
    return array_of("$last", items, 28689)[-1] if items != [] else MISSING


@positional(OPERATORS, "$size")
def size(items: Any) -> int:
    """Compute ``$size`` (manual: operator/aggregation/size)."""
    return len(array_of("The argument to $size", items, 17124))


@positional(OPERATORS, "$slice", 2, 3)
def part(*values: Any) -> Any:
    """Compute ``$slice`` (manual: operator/aggregation/slice)."""
    if nullish(values[0]) or nullish(values[1]):
        return None
    items = array_of("First argument to $slice", values[0], 28724)
    start = whole_number("Second argument to $slice", numeric("Second argument to $slice", values[1], 28725), 28726)
    if len(values) == 2:
        return items[:start] if start >= 0 else items[start:]
    if nullish(values[2]):
        return None
    count = whole_number("Third argument to $slice", numeric("Third argument to $slice", values[2], 28727), 28728)
    if count <= 0:
        raise InvalidQuery(f"Third argument to $slice must be positive: {count}", 28729)
    begin = max(start + len(items), 0) if start < 0 else start
    return items[begin : begin + count]


@positional(OPERATORS, "$concatArrays", 0, None)
def concatenate(*values: Any) -> Any:
    """Compute ``$concatArrays`` (manual: operator/aggregation/concatArrays)."""
    joined: list[Any] = []
    for items in values:
        if nullish(items):
            return None
        joined += array_of("$concatArrays", items, 28664)
    return joined


@positional(OPERATORS, "$reverseArray", null=True)
def reverse(items: Any) -> list[Any]:
    """Compute ``$reverseArray`` (manual: operator/aggregation/reverseArray)."""
    return array_of("The argument to $reverseArray", items, 34435)[::-1]


@positional(OPERATORS, "$range", 2, 3)
def number_range(start: Any, end: Any, step: Any = 1) -> list[int]:
    """Compute ``$range`` (manual: operator/aggregation/range)."""
    low = whole_number("$range: the start", numeric("$range", start, 34443), 34444)
    high = whole_number("$range: the end", numeric("$range", end, 34445), 34446)
    by = whole_number("$range: the step", numeric("$range", step, 34447), 34448)
    if by == 0:
        raise InvalidQuery("$range requires a non-zero step value", 34449)
    numbers = range(low, high, by)
    if len(numbers) > _MOST_NUMBERS:
        raise InvalidQuery(f"$range would make {len(numbers)} numbers; a document does not hold them", 146)
    return list(numbers)


@positional(OPERATORS, "$in", 2)
def is_in(value: Any, items: Any) -> bool:
    """Compute ``$in`` (manual: operator/aggregation/in)."""
    wanted = comparable(value)
    return any(comparable(item) == wanted for item in array_of("$in, as its second argument,", items, 40081))


# What goes over the elements of an array, with a variable for each.


def _element_name(name: str, given: Mapping[str, Any]) -> str:
    variable = given.get("as", "this")
    if not isinstance(variable, str):
        raise InvalidQuery(f"'as' of {name} must be a string", 16866)
    check_variable(variable)
    return variable


def check_variable(name: str) -> None:
    """Refuse the name of a variable that MongoDB refuses."""
    if name == "CURRENT":
        raise refused("CURRENT as a variable", "expression")
    if not name:
        raise InvalidQuery("empty variable names are not allowed", 16867)
    if not (name[0].islower() or ord(name[0]) >= 0x80):
        raise InvalidQuery(f"'{name}' starts with an invalid character for a user variable name", 16868)
    bad = next((letter for letter in name if not (letter.isalnum() or letter == "_" or ord(letter) >= 0x80)), None)
    if bad:
        raise InvalidQuery(f"'{name}' contains an invalid character for a variable name: '{bad}'", 16868)


@special(OPERATORS, "$map")
def over_elements(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$map`` (manual: operator/aggregation/map)."""
    given = told(name, given, ("input", "in"), ("as", "arrayIndexAs"), codes=(16878, 16879, 16880))
    variable, source = _element_name(name, given), compiler(given["input"])
    body = compiler.binding(variable)(given["in"])

    def compute(document: Document, variables: Variables) -> Any:
        items = source(document, variables)
        if nullish(items):
            return None
        values = [body(document, {**variables, variable: item}) for item in array_of("input to $map", items, 16883)]
        return [None if value is MISSING else value for value in values]

    return compute


@special(OPERATORS, "$filter")
def chosen_elements(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$filter`` (manual: operator/aggregation/filter)."""
    given = told(name, given, ("input", "cond"), ("as", "limit", "arrayIndexAs"), codes=(28646, 28647, 28648))
    variable, source = _element_name(name, given), compiler(given["input"])
    test = compiler.binding(variable)(given["cond"])
    limit = compiler(given.get("limit"))

    def compute(document: Document, variables: Variables) -> Any:
        items, most = source(document, variables), limit(document, variables)
        if nullish(items):
            return None
        items = array_of("input to $filter", items, 28651)
        if not nullish(most):
            most = whole_number("$filter: limit", most, 327391) if is_number(most) else numeric(name, most, 327391)
            if most < 1:
                raise InvalidQuery(f"$filter: limit must be greater than 0, not {most}", 327392)
        kept: list[Any] = []
        for item in items:
            if truthy(test(document, {**variables, variable: item})):
                kept.append(item)
                if len(kept) == most:
                    break
        return kept

    return compute


@special(OPERATORS, "$reduce")
def folded(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$reduce`` (manual: operator/aggregation/reduce)."""
    needs = ("input", "initialValue", "in")
    given = told(name, given, needs, ("arrayIndexAs",), codes=(40075, 40076, 40077))
    source, start = compiler(given["input"]), compiler(given["initialValue"])
    body = compiler.binding("this", "value")(given["in"])

    def compute(document: Document, variables: Variables) -> Any:
        items = source(document, variables)
        if nullish(items):
            return None
        value = start(document, variables)
        for item in array_of("$reduce, as 'input',", items, 40080):
            value = body(document, {**variables, "this": item, "value": value})
        return value

    return compute
