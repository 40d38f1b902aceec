"""Reads documents page by page: all, some, or in an order, never more than it must at once."""

from __future__ import annotations

import heapq
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from catalog import deadline
from catalog.embedded.codec import decode_naive
from catalog.embedded.planner import Plan, candidates, estimate
from catalog.embedded.schema import CollectionSchema
from catalog.language.order import UNSORTED, Sort, order_key
from catalog.language.values import Document, Tag

__all__ = ["Found", "Query", "by_numbers", "everything", "in_order", "search"]

_PAGE_BYTES = 2 * 1024 * 1024
_FEW = 2000  # up to so many candidates it is quicker to sort them than to walk an index


@dataclass(frozen=True, slots=True)
class Found:
    """A document that was found: its number, its bytes and, if it was needed, its decoded form."""

    number: int
    blob: bytes
    document: Document | None = None

    def decoded(self) -> Document:
        """Return the document as the engine takes it."""
        return decode_naive(self.blob) if self.document is None else self.document


NO_PLAN: Final = Plan()


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: a test, what SQL can say of it, an order, and which of the answers."""

    predicate: Callable[[Document], bool] | None
    plan: Plan = NO_PLAN
    sort: Sort = UNSORTED
    skip: int = 0
    limit: int = 0


def search(connection: sqlite3.Connection, schema: CollectionSchema, query: Query) -> Iterator[Found]:
    """Return the documents a query finds, in its order.

    Nothing is held open between two of them: documents are read by pages, and a page read is a
    statement finished.
    """
    stop = min(query.skip + query.limit, sys.maxsize) if query.limit else None
    return islice(_ordered(connection, schema, query, stop), query.skip, stop)


def _ordered(
    connection: sqlite3.Connection, schema: CollectionSchema, query: Query, stop: int | None
) -> Iterator[Found]:
    if not query.sort.keys:
        return _matching(_documents(connection, schema, query), query)
    if stop is not None and _index_serves(connection, schema, query):
        return _by_index(connection, schema, query)
    return _by_sorting(connection, schema, query, stop)


def _documents(connection: sqlite3.Connection, schema: CollectionSchema, query: Query) -> Iterator[tuple[int, bytes]]:
    if query.plan.conditions:
        return by_numbers(connection, schema, candidates(connection, query.plan))
    return everything(connection, schema)


def _matching(rows: Iterable[tuple[int, bytes]], query: Query) -> Iterator[Found]:
    predicate = query.predicate
    for number, blob in rows:
        if predicate is None:
            yield Found(number, blob)
            continue
        document = decode_naive(blob)
        if predicate(document):
            yield Found(number, blob, document)


def everything(connection: sqlite3.Connection, schema: CollectionSchema) -> Iterator[tuple[int, bytes]]:
    """Return every document, in natural order."""
    statement = f"SELECT n, doc FROM d{schema.id} WHERE n>? ORDER BY n LIMIT ?"  # noqa: S608 - a number
    last, size = -1, 64
    while True:
        deadline.check()
        rows = connection.execute(statement, (last, size)).fetchall()
        yield from rows
        if len(rows) < size:
            return
        last = rows[-1][0]
        size = _page(rows)


def in_order(connection: sqlite3.Connection, schema: CollectionSchema) -> Iterator[bytes]:
    """Return every document in the order of the ``_id``, as it is kept."""
    last, size = b"", 64
    while True:
        rows = connection.execute(
            f"SELECT key, doc FROM d{schema.id} WHERE key>? ORDER BY key LIMIT ?",  # noqa: S608 - a number
            (last, size),
        ).fetchall()
        yield from (blob for _, blob in rows)
        if len(rows) < size:
            return
        last = rows[-1][0]
        size = _page([(0, blob) for _, blob in rows])


def by_numbers(
    connection: sqlite3.Connection, schema: CollectionSchema, numbers: Sequence[int]
) -> Iterator[tuple[int, bytes]]:
    """Return the documents of some numbers, in the order of the numbers; those gone meanwhile are left out."""
    start, size = 0, 64
    while start < len(numbers):
        deadline.check()
        page = numbers[start : start + size]
        marks = ",".join("?" * len(page))
        rows = connection.execute(f"SELECT n, doc FROM d{schema.id} WHERE n IN ({marks})", page).fetchall()  # noqa: S608
        blobs = dict(rows)
        for number in page:
            if number in blobs:
                yield number, blobs[number]
        start += len(page)
        size = _page(rows) if rows else size


def _page(rows: Sequence[tuple[int, bytes]]) -> int:
    mean = sum(len(blob) for _, blob in rows) // len(rows) + 1
    return max(1, min(1000, _PAGE_BYTES // mean))


def _by_sorting(
    connection: sqlite3.Connection, schema: CollectionSchema, query: Query, stop: int | None
) -> Iterator[Found]:
    """Sort keys and numbers only, then read the documents again in order."""
    keyed = (
        (order_key(found.decoded(), query.sort), found.number)
        for found in _matching(_documents(connection, schema, query), query)
    )
    ordered = sorted(keyed) if stop is None else heapq.nsmallest(stop, keyed)
    return _matching(by_numbers(connection, schema, [number for _, number in ordered]), query)


def _index_serves(connection: sqlite3.Connection, schema: CollectionSchema, query: Query) -> bool:
    path = query.sort.keys[0][0]
    if path != "_id" and path not in schema.fields:
        return False
    return all(estimate(connection, condition) > _FEW for condition in query.plan.conditions)


def _by_index(connection: sqlite3.Connection, schema: CollectionSchema, query: Query) -> Iterator[Found]:
    """Walk the index of the first key; documents that share its value are sorted by the others.

    What matches may all lie at the far end of it: after some documents, only those are read that can match.
    """
    seen: set[int] = set()
    wanted: set[int] | None = None
    path, direction = query.sort.keys[0]
    # Of names, which are never arrays, only those in the range that is asked for: a page deep in a collection.
    own = [one for one in query.plan.conditions if path == "_id" and one.table == f"d{schema.id}"]
    low = max((one.low[1] for one in own if one.low), default=b"")
    high = min((one.high[1] for one in own if one.high), default=b"\xff")
    for numbers in _runs(connection, schema, path, direction, (low, high)):
        if wanted is None and len(seen) > _FEW and query.plan.conditions:
            wanted = set(candidates(connection, query.plan))
        fresh = sorted(one for one in numbers if one not in seen and (wanted is None or one in wanted))
        seen.update(fresh)
        found = _matching(by_numbers(connection, schema, fresh), query)
        if len(query.sort.keys) == 1 or len(fresh) == 1:
            yield from found
        else:
            yield from sorted(found, key=lambda item: order_key(item.decoded(), query.sort))


def _runs(
    connection: sqlite3.Connection, schema: CollectionSchema, path: str, direction: int, span: tuple[bytes, bytes]
) -> Iterator[list[int]]:
    """Yield, key by key in order within a span of keys, the numbers of the documents that have it."""
    order, beyond = ("ASC", ">") if direction > 0 else ("DESC", "<")
    if path == "_id":
        table, only = f"d{schema.id}", ""
    else:
        table, only = f"e{schema.fields[path].id}", f" AND tag<>{Tag.WHOLE}"
    head = f"SELECT key, n FROM {table} WHERE key>=? AND key<=?"  # noqa: S608 - numbers, not names
    tail = f"{only} ORDER BY key {order}, n {order} LIMIT 500"
    rows = connection.execute(f"{head}{tail}", span).fetchall()
    key: bytes | None = None
    run: list[int] = []
    while rows:
        for row_key, number in rows:
            if row_key != key:
                if run:
                    yield run
                key, run = row_key, []
            run.append(number)
        rows = connection.execute(f"{head} AND (key, n){beyond}(?, ?){tail}", (*span, *rows[-1])).fetchall()
    if run:
        yield run
