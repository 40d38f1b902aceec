"""Makes the test of a checked filter, and the variables every question has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from catalog.language.expressions import predicate_of
from catalog.language.guards import check_filter
from catalog.language.matching import Predicate, compile_filter

__all__ = ["predicate", "system_variables"]


def system_variables() -> dict[str, Any]:
    """Return the variables that every pipeline has beside its document: ``NOW``, naive UTC, whole milliseconds."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return {"NOW": now.replace(microsecond=now.microsecond // 1000 * 1000)}


def predicate(query: Mapping[str, Any]) -> Predicate | None:
    """Return the test of a filter; None if everything matches.

    Raises
    ------
    InvalidQuery, NotSupported
        If the filter is not valid, or holds what the embedded catalog refuses.
    """
    if not query:
        return None
    check_filter(query)
    variables = system_variables()
    return compile_filter(query, expression=lambda given: predicate_of(given, variables))
