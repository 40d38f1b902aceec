"""Gathers the aggregation operators this package computes; the engine has the others."""

from __future__ import annotations

from catalog.embedded.dates import DATE_OPERATORS
from catalog.embedded.expressions import LOGIC_OPERATORS
from catalog.embedded.numeric import NUMERIC_OPERATORS, Operator
from catalog.embedded.sets import SET_OPERATORS
from catalog.embedded.texts import TEXT_OPERATORS

__all__ = ["OPERATORS"]

OPERATORS: dict[str, Operator] = {
    **LOGIC_OPERATORS,
    **NUMERIC_OPERATORS,
    **TEXT_OPERATORS,
    **DATE_OPERATORS,
    **SET_OPERATORS,
}
