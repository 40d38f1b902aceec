"""The only module that touches mongomock-ng, whose hooks are private.

It lends the expressions this package does not compute itself.
Instants are naive UTC here. What the engine raises becomes an error of the catalog.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pymongo.errors as pm
from mongomock_ng import aggregate as _aggregate
from mongomock_ng.aggregate import NOTHING

from catalog.embedded.numeric import nullish, number
from catalog.embedded.operators import OPERATORS
from catalog.embedded.paths import resolve, split
from catalog.errors import CatalogError, InvalidQuery, NotSupported
from catalog.values import MISSING

__all__ = ["Evaluator", "compile_expression", "engine_errors"]

Document = dict[str, Any]
_OF_NUMBERS = frozenset({"$sqrt", "$ln", "$log10", "$log"})
_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, OSError, RecursionError, TypeError,
    ValueError, pm.PyMongoError,
)  # fmt: skip


@contextlib.contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn whatever the engine raises into an error of the catalog."""
    try:
        yield
    except CatalogError:
        raise
    except NotImplementedError as error:
        text = str(error).split(" in Mongomock")[0]
        raise NotSupported(f"the embedded catalog does not answer {what}: {text}; use a MongoDB URL", 238) from None
    except _FAILURES as error:
        raise InvalidQuery(f"{what} failed: {error or type(error).__name__}", 2) from None


class Evaluator(_aggregate._Parser):  # type: ignore[misc]
    """A document and variables against which expressions are computed.

    Parameters
    ----------
    document : dict
        The document; ``$$ROOT``.
    variables : mapping
        The other variables, without their dollars.
    """

    def __init__(self, document: Document, variables: Mapping[str, Any] | None = None) -> None:
        super().__init__(document, user_vars=dict(variables or {}))

    def inner(self, **variables: Any) -> Evaluator:
        """Give an evaluator with more variables."""
        return Evaluator(self._doc_dict, {**self._user_vars, **variables})

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
            return resolve(self._doc_dict, split(expression[1:]))
        name, _, rest = expression[2:].partition(".")
        if name in self._user_vars:
            value = self._user_vars[name]
        elif name in ("ROOT", "CURRENT"):
            value = self._doc_dict
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
        own = OPERATORS.get(name)
        with engine_errors(name):
            return self._lent(name, given) if own is None else own(self, given)

    def _lent(self, name: str, given: Any) -> Any:
        """Let the engine compute an operator of arguments that are computed already and none of them null."""
        if isinstance(given, list) and len(given) == 1:
            given = given[0]
        named = isinstance(given, dict) and given and not next(iter(given)).startswith("$")
        if named:
            values = {key: self.parse(item) for key, item in given.items()}
        else:
            values = dict(enumerate(map(self.parse, given if isinstance(given, list) else [given])))
        if name in _OF_NUMBERS:
            values = {key: value if nullish(value) else number(name, value) for key, value in values.items()}
        if any(value is None or value is MISSING for value in values.values()):
            return False if name == "$isArray" else None
        literals = {key: {"$literal": value} for key, value in values.items()}
        told: Any = literals if named else list(literals.values()) if len(literals) > 1 else literals[0]
        if name in ("$dateAdd", "$dateSubtract", "$dateFromParts"):
            told = values  # the engine looks at these without computing them
        value = super().parse({name: told})
        return MISSING if value is NOTHING else value


def compile_expression(expression: Any, variables: Mapping[str, Any]) -> Callable[[Document], Any]:
    """Give the function that computes an expression over a document.

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
