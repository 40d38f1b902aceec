"""This module gathers the aggregation operators this package computes; the engine has the others."""

from __future__ import annotations

from catalog.embedded import expressions
from catalog.embedded.dates import DATE_OPERATORS
from catalog.embedded.expressions import Operator
from catalog.embedded.texts import TEXT_OPERATORS

__all__ = ["OPERATORS"]

OPERATORS: dict[str, Operator] = {**expressions.OPERATORS, **TEXT_OPERATORS, **DATE_OPERATORS}
