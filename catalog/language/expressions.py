"""Computes expressions: paths, variables, sub-documents, and operators by their tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from catalog.errors import CatalogError, InvalidQuery
from catalog.language.functions import FUNCTIONS
from catalog.language.kinds import truthy
from catalog.language.operators import OPERATORS
from catalog.language.paths import resolve, split
from catalog.language.values import MISSING

__all__ = ["Evaluator", "compile_expression", "is_answered", "predicate_of"]

Document = dict[str, Any]
_FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def is_answered(operator: str) -> bool:
    """Tell whether an expression operator is answered here."""
    return operator in OPERATORS or operator in FUNCTIONS


class Evaluator:
    """A document and variables against which expressions are computed.

    Parameters
    ----------
    document : dict
        The document; ``$$ROOT``.
    variables : mapping
        The other variables, without their dollars.
    """

    __slots__ = ("_document", "_variables")

    def __init__(self, document: Document, variables: Mapping[str, Any]) -> None:
        self._document = document
        self._variables = variables

    def inner(self, **variables: Any) -> Evaluator:
        """Return an evaluator with more variables."""
        return Evaluator(self._document, {**self._variables, **variables})

    def parse(self, expression: Any) -> Any:
        """Compute an expression; `MISSING` if it has no value."""
        kind = type(expression)
        if kind is str:
            return self._path(expression) if expression[:1] == "$" else expression
        if kind is dict:
            return self._object(expression)
        if kind is list:
            values = [self.parse(item) for item in expression]
            return [None if value is MISSING else value for value in values]
        return expression

    def _path(self, expression: str) -> Any:
        if expression[:2] != "$$":
            return resolve(self._document, split(expression[1:]))
        name, _, rest = expression[2:].partition(".")
        if name in self._variables:
            value = self._variables[name]
        elif name in ("ROOT", "CURRENT"):
            value = self._document
        elif name == "REMOVE":
            return MISSING
        else:
            raise InvalidQuery(f"Use of undefined variable: {name}", 17276)
        return resolve(value, split(rest)) if rest else value

    def _object(self, expression: Mapping[str, Any]) -> Any:
        if len(expression) == 1:
            (name,) = expression
            if name[:1] == "$":
                return self._operator(name, expression[name])
        values = {name: self.parse(item) for name, item in expression.items()}
        return {name: value for name, value in values.items() if value is not MISSING}

    def _operator(self, name: str, given: Any) -> Any:
        try:
            own = OPERATORS.get(name)
            return FUNCTIONS[name](self.parse, given) if own is None else own(self, given)
        except CatalogError:
            raise
        except _FAILURES as error:
            raise InvalidQuery(f"{name} failed: {error or type(error).__name__}", 2) from None


def compile_expression(expression: Any, variables: Mapping[str, Any]) -> Callable[[Document], Any]:
    """Return the function that computes an expression over a document.

    A plain path, the commonest expression, is followed without an evaluator.
    """
    if isinstance(expression, str) and expression[:1] == "$" and expression[1:2] != "$":
        parts = split(expression[1:])
        if len(parts) == 1:
            name = parts[0]
            return lambda document: document.get(name, MISSING)
        return lambda document: resolve(document, parts)
    if isinstance(expression, dict) and expression and not next(iter(expression)).startswith("$"):
        fields = [(name, compile_expression(item, variables)) for name, item in expression.items()]
        return lambda document: {name: value for name, compute in fields if (value := compute(document)) is not MISSING}
    if not isinstance(expression, (str, dict, list)):
        return lambda document: expression
    return lambda document: Evaluator(document, variables).parse(expression)


def predicate_of(expression: Any, variables: Mapping[str, Any]) -> Callable[[Document], bool]:
    """Make the test of an ``$expr``."""
    compute = compile_expression(expression, variables)
    return lambda document: truthy(compute(document))
