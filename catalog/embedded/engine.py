"""The only module that touches mongomock-ng, whose hooks are private.

It lends its operators on values and its updates. Whoever calls has made sure that the engine computes
them as MongoDB does. Instants are naive UTC here. The engine is loaded when it is first needed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

import pymongo.errors as pm

from catalog.errors import InvalidQuery, NotSupported
from catalog.language.values import MISSING

__all__ = ["apply_update", "compute"]

_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, TypeError, ValueError,
             pm.PyMongoError)  # fmt: skip


def compute(operator: str, arguments: Any, *, failure: type[InvalidQuery] = InvalidQuery) -> Any:
    """Let the engine compute an operator.

    Parameters
    ----------
    operator : str
        The operator.
    arguments : object
        Its arguments, as `{'$literal': ...}` where they are not to be looked into.
    failure : type
        What to raise if the engine fails: `NotSupported` where MongoDB might not.
    """
    from mongomock_ng.aggregate import NOTHING, _Parser

    try:
        value = _Parser({}).parse({operator: arguments})
    except NotImplementedError as error:
        raise _unknown(operator, error) from None
    except _FAILURES as error:
        way_out = "; or use mongodb://" if failure is NotSupported else ""
        raise failure(f"{operator} failed: {error or type(error).__name__}{way_out}", 2) from None
    return MISSING if value is NOTHING else value


def _unknown(operator: str, error: Exception) -> NotSupported:
    text = str(error).split(" in Mongomock")[0]
    return NotSupported(f"the embedded catalog does not answer {operator}: {text}; use a MongoDB URL", 238)


@cache
def _collection() -> Any:
    """Give a collection that is never written to, for its way of applying updates."""
    from mongomock_ng import MongoClient

    return MongoClient()["darkroom"]["updates"]


def apply_update(document: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Give a document as update operators make it; the one given is not changed.

    Parameters
    ----------
    document : mapping
        The document.
    update : mapping
        Operators and what they do to which path, all of which can be applied to it.
    """
    made: dict[str, Any] = copy.deepcopy(dict(document))
    try:
        _collection()._apply_update_document(made, {}, copy.deepcopy(dict(update)), False)
    except NotImplementedError as error:
        raise _unknown("the update", error) from None
    except _FAILURES as error:
        names = ", ".join(update)
        text = f"the embedded catalog could not apply {names}: {error or type(error).__name__}; or use mongodb://"
        raise NotSupported(text, 238) from None
    return made
