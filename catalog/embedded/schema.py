"""Knows which collections, indexed fields and indexes a catalog file has."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bson

from catalog.errors import InvalidUpdate
from catalog.language.paths import leaves, split
from catalog.language.values import EMPTY_KEY, MISSING, Tag, encode_key, tag_of

__all__ = [
    "CollectionSchema",
    "Field",
    "IndexEntry",
    "Schema",
    "check_parallel",
    "entries_of",
    "touch_schema",
    "unique_keys",
]


@dataclass(frozen=True, slots=True)
class Field:
    """An indexed path; its entries are rows (key, n, tag) of the table ``e<id>``."""

    id: int
    path: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A declared index; a unique one has its keys in the table ``u<id>``."""

    id: int
    name: str
    keys: tuple[tuple[str, int], ...]
    unique: bool
    sparse: bool

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """The paths, parted."""
        return tuple(split(path) for path, _ in self.keys)


@dataclass(frozen=True, slots=True)
class CollectionSchema:
    """A collection; its documents are rows (n, key, doc) of the table ``d<id>``."""

    id: int
    name: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    indexes: tuple[IndexEntry, ...] = ()

    @property
    def unique(self) -> tuple[IndexEntry, ...]:
        """The indexes that forbid duplicates."""
        return tuple(index for index in self.indexes if index.unique)


class Schema:
    """The collections of a file, read again when any process changes them."""

    def __init__(self) -> None:
        # One value, so that threads see the two together.
        self._known: tuple[int, dict[str, CollectionSchema]] = (-1, {})

    def read(self, connection: sqlite3.Connection) -> Mapping[str, CollectionSchema]:
        """Give the collections as the connection sees them now."""
        version = connection.execute("PRAGMA schema_version").fetchone()[0]
        known, collections = self._known
        if version != known:
            collections = _load(connection)
            if not connection.in_transaction:  # what a transaction made may yet be rolled back
                self._known = (version, collections)
        return collections


def touch_schema(connection: sqlite3.Connection) -> None:
    """Let every process read the collections again: rows that change do not move SQLite's schema version."""
    connection.execute("CREATE TABLE touched (n INTEGER)")
    connection.execute("DROP TABLE touched")


def _load(connection: sqlite3.Connection) -> dict[str, CollectionSchema]:
    fields: dict[int, dict[str, Field]] = {}
    for number, owner, path in connection.execute("SELECT id, collection, path FROM fields ORDER BY id"):
        fields.setdefault(owner, {})[path] = Field(number, path, split(path))
    indexes: dict[int, list[IndexEntry]] = {}
    for number, owner, name, spec in connection.execute("SELECT id, collection, name, spec FROM indexes ORDER BY id"):
        told = bson.decode(spec)
        keys = tuple((path, direction) for path, direction in told["key"])
        indexes.setdefault(owner, []).append(
            IndexEntry(number, name, keys, bool(told.get("unique")), bool(told.get("sparse")))
        )
    return {
        name: CollectionSchema(number, name, fields.get(number, {}), tuple(indexes.get(number, ())))
        for number, name in connection.execute("SELECT id, name FROM collections")
    }


_ELSEWHERE = object()


def entries_of(document: dict[str, Any], parts: tuple[str, ...]) -> dict[bytes, int]:
    """Give the index entries a document has for a path: keys, with the tag of each.

    An array gives an entry for each element and one for itself. A document always has an entry, so
    that the order of an index holds every document.
    """
    value: Any = document  # the usual way first: no array, and text at its end
    for part in parts:
        value = value.get(part, MISSING) if type(value) is dict else _ELSEWHERE
    if type(value) is str and "\x00" not in value:
        return {b"\x0f" + value.encode() + b"\x00\x00": Tag.PLAIN}
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


def check_parallel(document: dict[str, Any], schema: CollectionSchema) -> None:
    """Refuse a document with two arrays under one index, as MongoDB does.

    Raises
    ------
    InvalidUpdate
        Naming the two paths.
    """
    for index in schema.indexes:
        if len(index.keys) < 2:
            continue
        arrays: dict[tuple[str, ...], str] = {}
        for path, _ in index.keys:
            array = _array_on(document, split(path))
            if array is not None:
                arrays[array] = path
        if len(arrays) > 1:
            first, second = sorted(arrays.values())[:2]
            raise InvalidUpdate(
                f"cannot index parallel arrays [{first}] [{second}] in {index.name}: one may be an array",
                171,
            )


def _array_on(document: Any, parts: tuple[str, ...]) -> tuple[str, ...] | None:
    """Give where on a path an array stands, None if there is none."""
    for position, part in enumerate(parts):
        document = document.get(part) if type(document) is dict else None
        if type(document) is list:
            return parts[: position + 1]
    return None


def _note(found: dict[bytes, int], value: Any) -> None:
    key = encode_key(value)
    if found.get(key, Tag.MISSING) in (Tag.MISSING, Tag.WHOLE):  # a value says more than its absence
        found[key] = tag_of(value)


def unique_keys(document: dict[str, Any], index: IndexEntry) -> set[bytes]:
    """Give the keys by which a unique index knows a document; arrays give one for each element."""
    combined = {b""}
    found_of = [entries_of(document, parts) for parts in index.parts]
    if index.sparse and all(set(found.values()) == {Tag.MISSING} for found in found_of):
        return set()
    for found in found_of:
        keys = [key for key, tag in found.items() if tag != Tag.WHOLE]
        combined = {before + key for before in combined for key in keys}
    return combined
