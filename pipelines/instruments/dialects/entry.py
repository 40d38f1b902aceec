"""What the tables are made of: a keyword with its writer, and the values that stand for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

__all__ = ["MISSING", "Key", "own_keys"]


@dataclass(frozen=True, slots=True, eq=False)  # each stands for itself: tables of them are asked for by the thousand
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


@lru_cache(maxsize=1024)
def own_keys(words: tuple[str, ...]) -> tuple[Key, ...]:
    """Return the keywords that a profile names, as entries of a table; the same for the same words."""
    return tuple(Key(word, "profile") for word in words)


MISSING = frozenset(
    {"", "unknown", "n/a", "na", "none", "null", "nil", "indef", "undefined", "undef", "nan", "not available"}
    | {"not set", "unspecified", "-", "--", "---", "?", "[0:0,0:0]", "[0:0]"}
)
"""Texts, in lower case, that stand where a value is missing: IRAF (INDEF), LCO (UNKNOWN, N/A), Gemini (None)."""
