"""Puts documents in order as MongoDB does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from catalog.language.entries import entries_of
from catalog.language.paths import split
from catalog.language.values import INVERTED, Document, Tag

__all__ = ["UNSORTED", "Sort", "order_key"]


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: paths, each with 1 for ascending or -1 for descending."""

    keys: tuple[tuple[str, int], ...] = ()
    parts: tuple[tuple[tuple[str, ...], int], ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple((split(path), direction) for path, direction in self.keys))


UNSORTED: Final = Sort()


def order_key(document: Document, sort: Sort) -> bytes:
    """Return bytes that sort documents as MongoDB does: of an array counts its least or largest element."""
    return b"".join(_one_key(document, parts, direction) for parts, direction in sort.parts)


def _one_key(document: Document, parts: tuple[str, ...], direction: int) -> bytes:
    found = entries_of(document, parts)
    if len(found) == 1:
        (key,) = found
    else:
        keys = [key for key, tag in found.items() if tag != Tag.WHOLE]
        key = min(keys) if direction > 0 else max(keys)
    return key if direction > 0 else key.translate(INVERTED)
