"""Knows which collections, indexed fields and indexes a catalog file has."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

import bson

from catalog.embedded.file import CatalogFile
from catalog.language.paths import split

__all__ = [
    "CollectionSchema",
    "Field",
    "IndexEntry",
    "Schema",
    "load",
    "touch_schema",
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
    def paths(self) -> tuple[str, ...]:
        """The paths."""
        return tuple(path for path, _ in self.keys)

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

    def __init__(self, file: CatalogFile) -> None:
        self.file = file
        # One value, so that threads see the two together.
        self._known: tuple[int, dict[str, CollectionSchema]] = (-1, {})

    def read(self, connection: sqlite3.Connection) -> Mapping[str, CollectionSchema]:
        """Return the collections as the connection sees them now."""
        version = connection.execute("PRAGMA schema_version").fetchone()[0]
        known, collections = self._known
        if version != known:
            collections = load(connection)
            if not connection.in_transaction:  # what a transaction made may yet be rolled back
                self._known = (version, collections)
        return collections

    def get(self, name: str) -> CollectionSchema | None:
        """Return what is known of a collection, None if there is none."""
        return self.read(self.file.connection()).get(name)

    def names(self) -> list[str]:
        """Return the names of the collections there are."""
        return sorted(self.read(self.file.connection()))

    def make(self, connection: sqlite3.Connection, name: str) -> CollectionSchema:
        """Return a collection, made if there is none; within a transaction."""
        known = self.read(connection).get(name)
        if known is not None:
            return known
        number = connection.execute("INSERT INTO collections (name) VALUES (?)", (name,)).lastrowid
        connection.execute(
            f"CREATE TABLE d{number} (n INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, doc BLOB NOT NULL)"
        )
        return self.read(connection)[name]

    def drop(self, name: str) -> None:
        """Remove a collection, with its indexes."""
        with self.file.transaction() as connection:
            schema = self.read(connection).get(name)
            if schema is None:
                return
            tables = [f"d{schema.id}", *(f"e{field.id}" for field in schema.fields.values())]
            tables += [f"u{index.id}" for index in schema.unique]
            for table in tables:
                connection.execute(f"DROP TABLE {table}")
            connection.execute("DELETE FROM fields WHERE collection=?", (schema.id,))
            connection.execute("DELETE FROM indexes WHERE collection=?", (schema.id,))
            connection.execute("DELETE FROM collections WHERE id=?", (schema.id,))


def touch_schema(connection: sqlite3.Connection) -> None:
    """Let every process read the collections again: rows that change do not move SQLite's schema version."""
    connection.execute("CREATE TABLE touched (n INTEGER)")
    connection.execute("DROP TABLE touched")


def load(connection: sqlite3.Connection) -> dict[str, CollectionSchema]:
    """Read the collections of a file."""
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
