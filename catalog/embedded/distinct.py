"""Returns the distinct values of a field: from its index alone where it has one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from catalog.embedded.codec import decode_naive
from catalog.embedded.planner import estimate, narrowing
from catalog.embedded.scan import Query, search
from catalog.embedded.schema import CollectionSchema
from catalog.language.paths import leaves, split
from catalog.language.values import MISSING, Tag, decode_key, encode_key

__all__ = ["distinct"]

WIDE = 2000  # documents from which on a question is answered key by key
_ARRAYS = (bytes([encode_key([])[0]]), bytes([encode_key([])[0] + 1]))
_NO_VALUES = (Tag.MISSING, Tag.WHOLE, Tag.EMPTY)


def distinct(connection: sqlite3.Connection, schema: CollectionSchema, path: str, query: Query) -> list[Any]:
    """Return the distinct values of a field, in MongoDB's order of values.

    An array gives its elements. Of values that are equal but of two types the first document's is given.
    """
    field = schema.fields.get(path)
    if field is not None and query.predicate is None:
        return list(_from_index(connection, schema, f"e{field.id}", split(path)))
    if field is not None and query.predicate is not None:
        span = _span(connection, f"e{field.id}", query)
        if span is not None:
            return list(_passing(connection, schema, f"e{field.id}", split(path), query, span))
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


def _span(connection: sqlite3.Connection, table: str, query: Query) -> tuple[bytes, bytes] | None:
    """Return between which keys the values of a wide question lie; None where reading what it finds is quicker.

    Wide is a question that many documents answer, asked by keys of indexes and by ranges of the very path.
    """
    own = [condition for condition in query.plan.conditions if condition.low is not None]
    if not query.plan.conditions or any(condition.table != table for condition in own):
        return None
    if any(estimate(connection, condition) < WIDE for condition in query.plan.conditions):
        return None
    if own and connection.execute(f"SELECT 1 FROM {table} WHERE key>=? AND key<? LIMIT 1", _ARRAYS).fetchone():  # noqa: S608
        return None  # another element of the array that answers may lie outside
    low = max((condition.low[1] for condition in own if condition.low), default=b"")
    high = min((condition.high[1] for condition in own if condition.high), default=b"\xff")
    return low, high


def _passing(
    connection: sqlite3.Connection,
    schema: CollectionSchema,
    table: str,
    parts: tuple[str, ...],
    query: Query,
    span: tuple[bytes, bytes],
) -> Iterator[Any]:
    """Leap from key to key, and look of each for one document that the question finds."""
    marks = ",".join(str(tag) for tag in _NO_VALUES)
    tests, bound = narrowing(query.plan)
    step = f"SELECT key FROM {table} WHERE key{{}}? AND key<=? ORDER BY key LIMIT 1"  # noqa: S608 - a number, not a name
    those = (
        f"SELECT a.n, a.tag, d.doc FROM {table} AS a JOIN d{schema.id} AS d ON d.n=a.n "  # noqa: S608
        f"WHERE a.key=? AND a.tag NOT IN ({marks}){tests} ORDER BY a.n"
    )
    row = connection.execute(step.format(">="), span).fetchone()
    while row is not None:
        key = row[0]
        for number, tag, blob in connection.execute(those, [key, *bound]):
            if query.predicate is None or query.predicate(decode_naive(blob)):
                try:
                    yield decode_key(key, tag)
                except LookupError:
                    yield from _look_up(connection, schema, key, number, parts)
                break
        row = connection.execute(step.format(">"), (key, span[1])).fetchone()


def _look_up(
    connection: sqlite3.Connection, schema: CollectionSchema, key: bytes, number: int, parts: tuple[str, ...]
) -> Iterator[Any]:
    row = connection.execute(f"SELECT doc FROM d{schema.id} WHERE n=?", (number,)).fetchone()  # noqa: S608
    if row is not None:
        yield from [value for value in _values(decode_naive(row[0]), parts) if encode_key(value) == key][:1]
