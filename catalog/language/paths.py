"""Follows dotted paths into documents, through arrays, as MongoDB's queries do."""

from __future__ import annotations

from typing import Any

from bson import DBRef

from catalog.errors import InvalidQuery
from catalog.language.values import MISSING

__all__ = ["DEPTH", "checked_path", "leaves", "resolve", "split"]

#: The most parts of a path, and the most levels of a document that is asked about.
DEPTH = 200


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

    Unlike a query, an expression makes an array of what it meets in an array, numbers in the path are no
    positions, and arrays within arrays are passed over.
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
            inner = [resolve(element, rest) for element in value if isinstance(element, (dict, DBRef))]
            return [item for item in inner if item is not MISSING]
        elif kind is DBRef:
            value = value.as_doc().get(part, MISSING)
        else:
            return MISSING
    return value


def checked_path(path: str) -> tuple[str, ...]:
    """Part the path of an expression or a stage.

    Raises
    ------
    InvalidQuery
        If a field cannot have such a name there.
    """
    if not path:
        raise InvalidQuery("'$' by itself is not a valid FieldPath", 16872)
    if path.endswith("."):
        raise InvalidQuery(f"FieldPath must not end with a '.': {path!r}", 40353)
    parts = split(path)
    if len(parts) > DEPTH:
        raise InvalidQuery(f"FieldPath is too long: {len(parts)} parts, {DEPTH} are allowed", 15)
    for part in parts:
        if not part:
            raise InvalidQuery(f"FieldPath field names may not be empty strings: {path!r}", 15998)
        if part[0] == "$" and part not in ("$ref", "$id", "$db"):
            raise InvalidQuery(f"FieldPath field names may not start with '$': {path!r}", 16410)
        if "\x00" in part:
            raise InvalidQuery(f"FieldPath field names may not contain '\\0': {path!r}", 16411)
    return parts
