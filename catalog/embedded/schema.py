"""This module knows which collections, indexed fields and indexes a catalog file has."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bson

from catalog.embedded.paths import leaves, split
from catalog.values import EMPTY_KEY, MISSING, Tag, encode_key, tag_of

__all__ = ["CollectionSchema", "Field", "IndexEntry", "Schema", "entries_of", "unique_keys"]


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
        self._version = -1
        self._collections: dict[str, CollectionSchema] = {}

    def read(self, connection: sqlite3.Connection) -> Mapping[str, CollectionSchema]:
        """Give the collections as the connection sees them now."""
        version = connection.execute("PRAGMA schema_version").fetchone()[0]
        if version != self._version or connection.in_transaction:
            self._collections = _load(connection)
            self._version = version
        return self._collections

    def forget(self) -> None:
        """Read everything again next time."""
        self._version = -1


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


def entries_of(document: dict[str, Any], parts: tuple[str, ...]) -> dict[bytes, int]:
    """Give the index entries a document has for a path: keys, with the tag of each.

    An array gives an entry for each element and one for itself. A document always has an entry, so
    that the order of an index holds every document.
    """
    values = leaves(document, parts)
    if len(values) == 1 and type(values[0]) is not list:
        return {encode_key(values[0]): tag_of(values[0])}
    found: dict[bytes, int] = {}
    for value in values:
        if isinstance(value, list):
            for item in value:
                _note(found, item)
            if not value:
                found[EMPTY_KEY] = Tag.EMPTY
            found.setdefault(encode_key(value), Tag.WHOLE)
        else:
            _note(found, value)
    return found or {EMPTY_KEY: Tag.EMPTY}


def _note(found: dict[bytes, int], value: Any) -> None:
    key = encode_key(value)
    if found.get(key, Tag.MISSING) in (Tag.MISSING, Tag.WHOLE):  # a value says more than its absence
        found[key] = tag_of(value)


def unique_keys(document: dict[str, Any], index: IndexEntry) -> set[bytes]:
    """Give the keys by which a unique index knows a document; arrays give one for each element."""
    combined = {b""}
    if index.sparse and all(set(leaves(document, split(path))) == {MISSING} for path, _ in index.keys):
        return set()
    for path, _ in index.keys:
        found = entries_of(document, split(path))
        keys = [key for key, tag in found.items() if tag != Tag.WHOLE]
        combined = {before + key for before in combined for key in keys}
    return combined
