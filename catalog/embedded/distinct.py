"""Returns the distinct values of a field: from its index alone where it has one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from catalog.embedded.codec import decode_naive
from catalog.embedded.scan import Query, search
from catalog.embedded.schema import CollectionSchema
from catalog.language.paths import leaves, split
from catalog.language.values import MISSING, Tag, decode_key, encode_key

__all__ = ["distinct"]

_NO_VALUES = (Tag.MISSING, Tag.WHOLE, Tag.EMPTY)


def distinct(connection: sqlite3.Connection, schema: CollectionSchema, path: str, query: Query) -> list[Any]:
    """Return the distinct values of a field, in MongoDB's order of values.

    An array gives its elements. Of values that are equal but of two types the first document's is given.
    """
    field = schema.fields.get(path)
    if field is not None and query.predicate is None:
        return list(_from_index(connection, schema, f"e{field.id}", split(path)))
    parts = split(path)
    found: dict[bytes, Any] = {}
    for item in search(connection, schema, query):
        for value in _values(item.decoded(), parts):
            found.setdefault(encode_key(value), value)
    return [found[key] for key in sorted(found)]


def _values(document: dict[str, Any], parts: tuple[str, ...]) -> Iterator[Any]:
    for value in leaves(document, parts):
        if isinstance(value, list):
            yield from value
        elif value is not MISSING:
            yield value


def _from_index(
    connection: sqlite3.Connection, schema: CollectionSchema, table: str, parts: tuple[str, ...]
) -> Iterator[Any]:
    """Leap from key to key; few values are as quick as few rows, however many documents share them."""
    marks = ",".join(str(tag) for tag in _NO_VALUES)
    # Of one key, the entry of the lowest number is the one that counts.
    step = f"SELECT key FROM {table} WHERE key>? ORDER BY key LIMIT 1"  # noqa: S608 - a number, not a name
    first = f"SELECT n, tag FROM {table} WHERE key=? AND tag NOT IN ({marks}) ORDER BY n LIMIT 1"  # noqa: S608
    row = connection.execute(step, (b"",)).fetchone()
    while row is not None:
        key = row[0]
        entry = connection.execute(first, (key,)).fetchone()
        if entry is not None:
            try:
                yield decode_key(key, entry[1])
            except LookupError:
                yield from _look_up(connection, schema, key, entry[0], parts)
        row = connection.execute(step, (key,)).fetchone()


def _look_up(
    connection: sqlite3.Connection, schema: CollectionSchema, key: bytes, number: int, parts: tuple[str, ...]
) -> Iterator[Any]:
    row = connection.execute(f"SELECT doc FROM d{schema.id} WHERE n=?", (number,)).fetchone()  # noqa: S608
    if row is not None:
        yield from [value for value in _values(decode_naive(row[0]), parts) if encode_key(value) == key][:1]
