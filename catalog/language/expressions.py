"""Compiles expressions: paths, variables, sub-documents, and operators by their tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from catalog.errors import InvalidQuery
from catalog.language import arithmetic, arrays, conditions, conversion, dates, sets, text
from catalog.language.functions import Compute, Variables
from catalog.language.kinds import truthy
from catalog.language.paths import checked_path, resolve
from catalog.language.values import MISSING, Document
from catalog.limits import refusal

__all__ = ["OPERATORS", "Expressions", "compile_condition", "compile_expression"]

OPERATORS = {
    **arithmetic.OPERATORS,
    **arrays.OPERATORS,
    **conditions.OPERATORS,
    **conversion.OPERATORS,
    **dates.OPERATORS,
    **sets.OPERATORS,
    **text.OPERATORS,
}
_MOST_TEXT = 4 * 1024 * 1024  # characters, each of four bytes at most


class Expressions:
    """Compiles expressions that may name some variables beside their document.

    Parameters
    ----------
    known : frozenset of str
        The variables, without their dollars.
    """

    __slots__ = ("known",)

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known

    def binding(self, *names: str) -> Expressions:
        """Return a compiler that knows more variables."""
        return Expressions(self.known.union(names))

    def __call__(self, expression: Any) -> Compute:
        """Return what computes an expression; its value is `MISSING` if it has none.

        Raises
        ------
        InvalidQuery, NotSupported
            Naming the operator, the variable or the path.
        """
        if isinstance(expression, str):
            if len(expression) >= _MOST_TEXT and len(expression.encode()) >= 4 * _MOST_TEXT:
                raise InvalidQuery("a text of 16 MB or more is no part of a pipeline", 10334)
            return self._path(expression) if expression[:1] == "$" else lambda document, variables: expression
        if isinstance(expression, Mapping):
            return self._object(expression)
        if isinstance(expression, list):
            items = [self(item) for item in expression]

            def array(document: Document, variables: Variables) -> Any:
                values = [item(document, variables) for item in items]
                return [None if value is MISSING else value for value in values]

            return array
        return lambda document, variables: expression

    def _path(self, expression: str) -> Compute:
        if expression[:2] != "$$":
            return _field(expression[1:])
        name, dot, rest = expression[2:].partition(".")
        parts = checked_path(rest) if dot else ()
        if name == "REMOVE":
            return lambda document, variables: MISSING
        if name in ("ROOT", "CURRENT"):
            return lambda document, variables: resolve(document, parts)
        if name not in self.known:
            if not name:
                raise InvalidQuery("empty variable names are not allowed", 16867)
            raise refusal(f"$${name}", "variable") or InvalidQuery(f"Use of undefined variable: {name}", 17276)
        return lambda document, variables: resolve(variables[name], parts)

    def _object(self, expression: Mapping[str, Any]) -> Compute:
        named = [name for name in expression if name[:1] == "$"]
        if named and len(expression) > 1:
            names = ", ".join(expression)
            raise InvalidQuery(f"an object representing an expression must have exactly one field: {names}", 15983)
        if named:
            (name,) = named
            operator = OPERATORS.get(name)
            if operator is None:
                raise refusal(name, "expression") or InvalidQuery(f"Unrecognized expression '{name}'", 168)
            return operator(expression[name], self)
        for name in expression:
            if "." in name or not name:
                raise InvalidQuery(f"FieldPath field names may not contain '.' or be empty: {name!r}", 16412)
        fields = [(name, self(item)) for name, item in expression.items()]

        def compute(document: Document, variables: Variables) -> Any:
            made = {}
            for name, field in fields:
                value = field(document, variables)
                if value is not MISSING:
                    made[name] = value
            return made

        return compute


def _field(path: str) -> Compute:
    parts = checked_path(path)
    if len(parts) == 1:
        return lambda document, variables: document.get(path, MISSING)
    return lambda document, variables: resolve(document, parts)


def compile_expression(expression: Any, variables: frozenset[str] = frozenset()) -> Compute:
    """Return what computes an expression that may name some variables.

    Examples
    --------
    >>> compile_expression({"$add": ["$a", 1]})({"a": 2}, {})
    3
    """
    return Expressions(variables)(expression)


def compile_condition(expression: Any, variables: Variables) -> Callable[[Document], bool]:
    """Return the test of an ``$expr``."""
    compute = compile_expression(expression, frozenset(variables))
    return lambda document: truthy(compute(document, variables))
