"""Declares operators of expressions: how each is compiled, how many arguments it takes, and by what names.

The operators themselves stand in `arithmetic`, `arrays`, `conditions`, `conversion`, `dates`, `sets` and `text`,
each with the page of the manual it follows, named from https://www.mongodb.com/docs/manual/reference/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from catalog.errors import InvalidQuery
from catalog.language.kinds import nullish
from catalog.language.values import Document
from catalog.limits import refused

__all__ = ["Compiler", "Compute", "Function", "Operators", "Variables", "named", "positional", "special", "told"]

Variables = Mapping[str, Any]
#: Computes an expression over a document and the variables beside it.
Compute = Callable[[Document, Variables], Any]
Function = Callable[..., Any]


class Compiler(Protocol):
    """Compiles the expressions within an expression."""

    def __call__(self, expression: Any) -> Compute:
        """Return what computes an expression."""

    def binding(self, *names: str) -> Compiler:
        """Return a compiler that knows more variables."""


Operators = dict[str, Callable[[Any, Compiler], Compute]]


def special(table: Operators, *names: str) -> Callable[[Function], Function]:
    """Declare an operator that compiles its arguments itself: ``f(name, given, compiler)``."""

    def declare(function: Function) -> Function:
        for name in names:
            table[name] = partial(function, name)
        return function

    return declare


def positional(
    table: Operators, name: str, least: int = 1, most: int | None = -1, *, null: bool = False, code: int | None = None
) -> Callable[[Function], Function]:
    """Declare an operator that is a function of an array of arguments.

    Parameters
    ----------
    table, name
        Where it is declared, and as what.
    least, most
        How many arguments it takes; `most` is -1 for exactly `least`, None for any number.
    null
        Whether it is null as soon as an argument is null or missing.
    code
        The error of a wrong number of arguments, where it is a special one.
    """
    most = least if most == -1 else most

    def make(function: Function, given: Any, compiler: Compiler) -> Compute:
        items = given if isinstance(given, list) else [given]
        if len(items) < least or (most is not None and len(items) > most):
            wanted = (
                f"exactly {least}" if most == least else f"at least {least}" + (f", and at most {most}" if most else "")
            )
            exact = 16020 if most == least or most is None else 28667
            raise InvalidQuery(
                f"Expression {name} takes {wanted} arguments. {len(items)} were passed in.", code or exact
            )
        return called(function, [compiler(item) for item in items], null=null)

    def declare(function: Function) -> Function:
        table[name] = partial(make, function)
        return function

    return declare


def called(function: Function, arguments: list[Compute], *, null: bool) -> Compute:
    """Return what computes a function of computed arguments."""
    if len(arguments) == 1:
        (only,) = arguments
        if not null:
            return lambda document, variables: function(only(document, variables))

        def one(document: Document, variables: Variables) -> Any:
            value = only(document, variables)
            return None if nullish(value) else function(value)

        return one
    if not null:
        return lambda document, variables: function(*[compute(document, variables) for compute in arguments])

    def many(document: Document, variables: Variables) -> Any:
        values = [compute(document, variables) for compute in arguments]
        return None if any(map(nullish, values)) else function(*values)

    return many


def told(
    name: str, given: Any, needs: tuple[str, ...], takes: tuple[str, ...] = (), *, codes: tuple[int, int, int]
) -> Mapping[str, Any]:
    """Return the named arguments of an operator.

    Parameters
    ----------
    name
        The operator.
    given
        What it is given.
    needs, takes
        Names it must have, and names it may have. One that is listed among the limits is refused.
    codes
        The errors of what is no object, of an unknown name, and of a name that is lacking.

    Raises
    ------
    InvalidQuery, NotSupported
        If a name is unknown, lacking or refused.
    """
    if not isinstance(given, Mapping):
        raise InvalidQuery(f"{name} only supports an object as its argument", codes[0])
    for key in given:
        if key.startswith("$") and len(given) == 1:
            raise InvalidQuery(f"{name} only supports an object of its arguments, not {key}", codes[1])
        if key not in needs and key not in takes:
            raise InvalidQuery(f"{name} found an unknown argument: {key}", codes[1])
        if f"{name}.{key}" in _REFUSED:
            raise refused(f"{name}.{key}", "argument")
    for key in needs:
        if key not in given:
            raise InvalidQuery(f"{name} requires '{key}' to be specified", codes[2])
    return given


#: Arguments MongoDB knows, and the embedded catalog does not answer.
_REFUSED = frozenset([
    "$dateTrunc.binSize", "$dateFromString.format", "$filter.arrayIndexAs", "$map.arrayIndexAs",
    "$reduce.arrayIndexAs", "$dateFromParts.isoWeekYear", "$dateFromParts.isoWeek", "$dateFromParts.isoDayOfWeek",
])  # fmt: skip


def named(
    table: Operators,
    *names: str,
    needs: tuple[str, ...],
    takes: tuple[str, ...] = (),
    codes: tuple[int, int, int] = (40517, 40518, 40516),
) -> Callable[[Function], Function]:
    """Declare an operator that is a function of named arguments, all of them computed: ``f(name, values)``."""

    def make(name: str, function: Function, given: Any, compiler: Compiler) -> Compute:
        fields = [(key, compiler(item)) for key, item in told(name, given, needs, takes, codes=codes).items()]
        return lambda document, variables: function(
            name, {key: compute(document, variables) for key, compute in fields}
        )

    def declare(function: Function) -> Function:
        for name in names:
            table[name] = partial(make, name, function)
        return function

    return declare
