"""What the tables are made of: a keyword with its writer, and the values that stand for nothing."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MISSING", "Key"]


@dataclass(frozen=True, slots=True)
class Key:
    """A keyword of one dialect.

    Attributes
    ----------
    name
        As it stands in the header; ``ESO DPR TYPE`` for ``HIERARCH ESO DPR TYPE``.
    by
        The software or observatory that writes it.
    unit
        Of a number without one; ``''``: the unit of the observation field.
    """

    name: str
    by: str
    unit: str = ""


MISSING = frozenset(
    {"", "unknown", "n/a", "na", "none", "null", "nil", "indef", "undefined", "undef", "nan", "not available"}
    | {"not set", "unspecified", "-", "--", "---", "?", "[0:0,0:0]", "[0:0]"}
)
"""Texts, in lower case, that stand where a value is missing: IRAF (INDEF), LCO (UNKNOWN, N/A), Gemini (None)."""
