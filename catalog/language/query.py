"""Makes the test of a filter, and the variables every question has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from catalog.language.expressions import compile_condition
from catalog.language.matching import Predicate, compile_filter

__all__ = ["predicate", "system_variables"]


def system_variables() -> dict[str, Any]:
    """Return the variables that every pipeline has beside its document: ``NOW``, naive UTC, whole milliseconds."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return {"NOW": now.replace(microsecond=now.microsecond // 1000 * 1000)}


def predicate(query: Mapping[str, Any], variables: Mapping[str, Any] | None = None) -> Predicate | None:
    """Return the test of a filter; None if everything matches.

    Parameters
    ----------
    query
        The filter, as BSON decodes it.
    variables
        What its ``$expr`` may name beside the document; by default `system_variables`.

    Raises
    ------
    InvalidQuery, NotSupported
        If the filter is not valid, or holds what the embedded catalog refuses.
    """
    if isinstance(query, Mapping) and not query:
        return None
    given = system_variables() if variables is None else variables
    return compile_filter(query, expression=lambda expression: compile_condition(expression, given))
