"""Writes documents and their index entries, within a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from catalog.embedded.codec import decode_naive
from catalog.embedded.schema import CollectionSchema, IndexEntry
from catalog.errors import DuplicateKey
from catalog.language.entries import check_parallel, entries_of, unique_keys
from catalog.language.values import EMPTY_KEY, encode_key

__all__ = ["Writer"]

_FLUSH = 4000


class Writer:
    """Writes to one collection; index entries are kept back and written sorted, in `flush`.

    Parameters
    ----------
    connection : sqlite3.Connection
        A connection in a transaction.
    schema : CollectionSchema
        The collection.
    """

    def __init__(self, connection: sqlite3.Connection, schema: CollectionSchema) -> None:
        self._connection = connection
        self._schema = schema
        self._pending: dict[int, dict[tuple[bytes, int], int | None]] = {
            field.id: {} for field in schema.fields.values()
        }
        self._fields = [(field.id, field.parts) for field in schema.fields.values()]
        self._held = 0
        table = f"d{schema.id}"
        self._select = f"SELECT n, doc FROM {table} WHERE key=?"  # noqa: S608 - a number, not a name
        self._insert = f"INSERT INTO {table} (key, doc) VALUES (?, ?)"  # noqa: S608
        self._update = f"UPDATE {table} SET doc=? WHERE n=?"  # noqa: S608
        self._delete = f"DELETE FROM {table} WHERE n=?"  # noqa: S608

    def lookup(self, key: bytes) -> tuple[int, bytes] | None:
        """Find a document by the key of its ``_id``."""
        row: tuple[int, bytes] | None = self._connection.execute(self._select, (key,)).fetchone()
        return row

    def insert(self, document: dict[str, Any], blob: bytes) -> int:
        """Write a new document.

        Raises
        ------
        DuplicateKey
            If its ``_id``, or a value of a unique index, exists.
        """
        fresh = [entries_of(document, parts) for _, parts in self._fields]
        self._check_arrays(document, fresh)
        claims = self._claims(document, None)
        try:
            cursor = self._connection.execute(self._insert, (encode_key(document["_id"]), blob))
        except sqlite3.IntegrityError:
            raise self._duplicate("_id_", {"_id": document["_id"]}) from None
        number = int(cursor.lastrowid or 0)
        for index, keys in claims:
            self._claim(index, keys, number)
        for (field, _), found in zip(self._fields, fresh, strict=True):
            pending = self._pending[field]
            for key, tag in found.items():
                pending[key, number] = tag
        self._count()
        return number

    def _check_arrays(self, document: dict[str, Any], entries: list[dict[bytes, int]]) -> None:
        if len([found for found in entries if len(found) > 1 or EMPTY_KEY in found]) > 1:
            for index in self._schema.indexes:
                check_parallel(document, index.name, index.paths)

    def replace(self, number: int, old: bytes, document: dict[str, Any], blob: bytes) -> None:
        """Write a document in the place of an older version with the same ``_id``."""
        before = decode_naive(old)
        fresh = [entries_of(document, parts) for _, parts in self._fields]
        self._check_arrays(document, fresh)
        claims = self._claims(document, number)
        for index, keys in claims:
            gone = unique_keys(before, index.parts, sparse=index.sparse) - keys
            self._connection.executemany(f"DELETE FROM u{index.id} WHERE key=?", [(key,) for key in gone])  # noqa: S608
            self._claim(index, keys, number)
        self._connection.execute(self._update, (blob, number))
        for (field, parts), now in zip(self._fields, fresh, strict=True):
            was = entries_of(before, parts)
            if was != now:
                pending = self._pending[field]
                for key in was.keys() - now.keys():
                    pending[key, number] = None
                for key, tag in now.items():
                    pending[key, number] = tag
        self._count()

    def delete(self, number: int, old: bytes) -> None:
        """Remove a document."""
        before = decode_naive(old)
        for index in self._schema.unique:
            keys = [(key,) for key in unique_keys(before, index.parts, sparse=index.sparse)]
            self._connection.executemany(f"DELETE FROM u{index.id} WHERE key=?", keys)  # noqa: S608
        self._connection.execute(self._delete, (number,))
        for field, parts in self._fields:
            for key in entries_of(before, parts):
                self._pending[field][key, number] = None
        self._count()

    def flush(self) -> None:
        """Write the index entries that were kept back."""
        for field, pending in self._pending.items():
            if not pending:
                continue
            gone = sorted(entry for entry, tag in pending.items() if tag is None)
            rows = sorted((key, number, tag) for (key, number), tag in pending.items() if tag is not None)
            if gone:
                self._connection.executemany(f"DELETE FROM e{field} WHERE key=? AND n=?", gone)  # noqa: S608
            if rows:
                self._connection.executemany(f"INSERT OR REPLACE INTO e{field} VALUES (?, ?, ?)", rows)  # noqa: S608
            pending.clear()
        self._held = 0

    def forget(self) -> None:
        """Drop the index entries that were kept back, after a savepoint was rolled back."""
        for pending in self._pending.values():
            pending.clear()

    def _count(self) -> None:
        self._held += 1
        if self._held >= _FLUSH:
            self.flush()

    def _claims(self, document: dict[str, Any], number: int | None) -> list[tuple[IndexEntry, set[bytes]]]:
        """Return the keys a document needs in each unique index, none of them another's."""
        claims = []
        for index in self._schema.unique:
            keys = unique_keys(document, index.parts, sparse=index.sparse)
            for key in keys:
                row = self._connection.execute(f"SELECT n FROM u{index.id} WHERE key=?", (key,)).fetchone()  # noqa: S608
                if row is not None and row[0] != number:
                    raise self._duplicate(index.name, _values(document, index))
            claims.append((index, keys))
        return claims

    def _claim(self, index: IndexEntry, keys: Iterable[bytes], number: int) -> None:
        rows = [(key, number) for key in keys]
        self._connection.executemany(f"INSERT OR REPLACE INTO u{index.id} VALUES (?, ?)", rows)  # noqa: S608

    def _duplicate(self, index: str, values: dict[str, Any]) -> DuplicateKey:
        shown = ", ".join(f"{path}: {value!r}" for path, value in values.items())
        where = f"collection: {self._schema.name} index: {index}"
        message = f"E11000 duplicate key error {where} dup key: {{ {shown} }}"
        details = {
            "code": 11000,
            "keyPattern": dict.fromkeys(values, 1),
            "keyValue": values,
            "errmsg": message,
        }
        return DuplicateKey(message, 11000, details)


def _values(document: dict[str, Any], index: IndexEntry) -> dict[str, Any]:
    values = {}
    for path, _ in index.keys:
        value: Any = document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        values[path] = value
    return values
