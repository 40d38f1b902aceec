"""Follows dotted paths into documents, through arrays, as MongoDB's queries do."""

from __future__ import annotations

from typing import Any

from bson import DBRef

from catalog.language.values import MISSING

__all__ = ["leaves", "resolve", "split"]


def split(path: str) -> tuple[str, ...]:
    """Part a dotted path."""
    return tuple(path.split("."))


def leaves(document: Any, parts: tuple[str, ...]) -> list[Any]:
    """Return what stands at the end of a path, once for every way that leads there.

    An array on the way is entered: each sub-document in it is a way of its own, and a number in the
    path also means a position. An array at the end is given whole.

    Parameters
    ----------
    document : dict
        The document.
    parts : tuple of str
        The path.

    Returns
    -------
    list
        The values; `MISSING` for a way that ends early. Empty if the only ways lead into arrays
        without sub-documents.
    """
    value = document
    for position, part in enumerate(parts):
        kind = type(value)
        if kind is dict:
            value = value.get(part, MISSING)
            if value is MISSING:
                return [MISSING]
        elif kind is list:
            return _into_array(value, parts[position:])
        elif kind is DBRef:
            value = value.as_doc().get(part, MISSING)
        else:
            return [MISSING]
    return [value]


def _into_array(array: list[Any], parts: tuple[str, ...]) -> list[Any]:
    found: list[Any] = []
    if parts[0].isdigit() and int(parts[0]) < len(array):
        element, rest = array[int(parts[0])], parts[1:]
        found += leaves(element, rest) if rest else [element]
    for element in array:
        inner = element.as_doc() if isinstance(element, DBRef) else element
        if isinstance(inner, dict) and (not parts[0].isdigit() or parts[0] in inner):
            found += leaves(inner, parts)
    return found


def resolve(document: Any, parts: tuple[str, ...]) -> Any:
    """Return the value an expression's ``$path`` has, as aggregation has it.

    Unlike a query, an expression makes an array of what it meets in an array, and numbers in the path
    are no positions.
    """
    value = document
    for position, part in enumerate(parts):
        kind = type(value)
        if kind is dict:
            value = value.get(part, MISSING)
            if value is MISSING:
                return MISSING
        elif kind is list:
            rest = parts[position:]
            inner = [resolve(element, rest) for element in value if isinstance(element, (dict, list))]
            return [item for item in inner if item is not MISSING]
        else:
            return MISSING
    return value
