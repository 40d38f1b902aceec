"""Reads off a document the keys by which an index, or an order, knows it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from catalog.errors import InvalidUpdate
from catalog.language.paths import leaves, split
from catalog.language.values import EMPTY_KEY, MISSING, Tag, encode_key, tag_of

__all__ = ["check_parallel", "entries_of", "unique_keys"]

_ELSEWHERE = object()
_SHORT = 200  # characters of a text that is worth remembering
_ABSENT = {encode_key(MISSING): Tag.MISSING}


def entries_of(document: dict[str, Any], parts: tuple[str, ...]) -> dict[bytes, int]:
    """Return the index entries a document has for a path: keys, with the tag of each.

    An array gives an entry for each element and one for itself. A document always has an entry, so
    that the order of an index holds every document.
    """
    value: Any = document  # the usual way first: no array, and nothing or text at its end
    for part in parts:
        if type(value) is not dict:
            value = _ELSEWHERE
            break
        if (value := value.get(part, MISSING)) is MISSING:
            return _ABSENT
    if type(value) is str and len(value) <= _SHORT:
        return _text_entries(value)
    if value is not _ELSEWHERE and type(value) is not list:
        return {encode_key(value): tag_of(value)}
    values = leaves(document, parts)
    found: dict[bytes, int] = {}
    for value in values:
        if type(value) is not list:
            _note(found, value)
            continue
        for item in value:
            _note(found, item)
        if not value:
            found[EMPTY_KEY] = Tag.EMPTY
        found.setdefault(encode_key(value), Tag.WHOLE)
    return found or {EMPTY_KEY: Tag.EMPTY}


@lru_cache(maxsize=4096)  # documents of a night say the same few words
def _text_entries(value: str) -> dict[bytes, int]:
    return {encode_key(value): Tag.PLAIN}


def check_parallel(document: dict[str, Any], name: str, paths: Sequence[str]) -> None:
    """Refuse a document with two arrays under one index, as MongoDB does.

    Parameters
    ----------
    document : dict
        The document.
    name : str
        The index.
    paths : sequence of str
        The paths of the index.

    Raises
    ------
    InvalidUpdate
        Naming the two paths.
    """
    arrays: dict[tuple[str, ...], str] = {}
    for path in paths:
        array = _array_on(document, split(path))
        if array is not None:
            arrays[array] = path
    if len(arrays) > 1:
        first, second = sorted(arrays.values())[:2]
        raise InvalidUpdate(f"cannot index parallel arrays [{first}] [{second}] in {name}: one may be an array", 171)


def _array_on(document: Any, parts: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return where on a path an array stands, None if there is none."""
    for position, part in enumerate(parts):
        document = document.get(part) if type(document) is dict else None
        if type(document) is list:
            return parts[: position + 1]
    return None


def _note(found: dict[bytes, int], value: Any) -> None:
    key = encode_key(value)
    if found.get(key, Tag.MISSING) in (Tag.MISSING, Tag.WHOLE):  # a value says more than its absence
        found[key] = tag_of(value)


def unique_keys(document: dict[str, Any], paths: Sequence[tuple[str, ...]], *, sparse: bool) -> set[bytes]:
    """Return the keys by which a unique index on some paths knows a document; arrays have one for each element."""
    combined = {b""}
    found_of = [entries_of(document, parts) for parts in paths]
    if sparse and all(set(found.values()) == {Tag.MISSING} for found in found_of):
        return set()
    for found in found_of:
        keys = [key for key, tag in found.items() if tag != Tag.WHOLE]
        combined = {before + key for before in combined for key in keys}
    return combined
