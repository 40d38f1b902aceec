"""Joins the file, its collections and the pipelines of an embedded catalog."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import bson

from catalog.embedded.collection import EmbeddedCollection
from catalog.embedded.file import CatalogFile, Journal
from catalog.embedded.indexes import make_index, same_index
from catalog.embedded.planner import plan_filter
from catalog.embedded.scan import Query, search
from catalog.embedded.schema import (
    CollectionSchema,
    Schema,
    touch_schema,
)
from catalog.embedded.writes import Writes
from catalog.errors import DuplicateKey, InvalidQuery, InvalidURL
from catalog.indexes import INDEXES
from catalog.language.values import MISSING
from catalog.limits import refusal

__all__ = ["EmbeddedBackend", "connect_embedded"]

Document = dict[str, Any]
_JOURNALS = ("auto", "wal", "truncate")


def connect_embedded(path: str, *, readonly: bool, options: Mapping[str, Any]) -> EmbeddedBackend:
    """Open a catalog file.

    Parameters
    ----------
    path : str
        The file.
    readonly : bool
        Refuse writes.
    options : mapping
        ``journal`` ('auto', 'wal' or 'truncate') and ``timeoutMS``, how long to wait for other
        processes (30,000 by default).
    """
    unknown = set(options) - {"journal", "timeoutMS"}
    if unknown:
        raise InvalidURL(f"{sorted(unknown)[0]!r} is no option of a catalog file; it takes 'journal' and 'timeoutMS'")
    journal: Journal = options.get("journal", "auto")
    if journal not in _JOURNALS:
        raise InvalidURL(f"journal={journal!r}: it can be {', '.join(_JOURNALS)}")
    timeout = float(options.get("timeoutMS", 30_000)) / 1000
    return EmbeddedBackend(CatalogFile(Path(path), readonly=readonly, journal=journal, timeout=timeout))


class EmbeddedBackend:
    """The collections of one catalog file."""

    name = "embedded"

    def __init__(self, file: CatalogFile) -> None:
        self.file = file
        self._schema = Schema()

    def collection(self, name: str) -> EmbeddedCollection:
        """Give a collection; it is made by the first write."""
        return EmbeddedCollection(self, name)

    def collection_names(self) -> list[str]:
        """Give the names of the collections there are."""
        return sorted(self._schema.read(self.file.connection()))

    def one_transaction(self) -> AbstractContextManager[object]:
        """Make the writes within one transaction: one wait for the disk, not twenty."""
        return self.file.transaction() if self._unmade() else nullcontext()

    def _unmade(self) -> bool:
        known = self._schema.read(self.file.connection())
        return not all(index.collection in known for index in INDEXES)

    def back_up(self, out: Path) -> dict[str, int]:
        """Copy the file as it is now; give the documents of each collection."""
        from catalog.embedded.backup import back_up

        return back_up(self.file, out)

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def schema(self, name: str) -> CollectionSchema | None:
        """Give what is known of a collection, None if there is none."""
        return self._schema.read(self.file.connection()).get(name)

    def make(self, connection: sqlite3.Connection, name: str) -> CollectionSchema:
        """Give a collection, made if there is none; within a transaction."""
        known = self._schema.read(connection).get(name)
        if known is not None:
            return known
        number = connection.execute("INSERT INTO collections (name) VALUES (?)", (name,)).lastrowid
        connection.execute(
            f"CREATE TABLE d{number} (n INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, doc BLOB NOT NULL)"
        )
        return self._schema.read(connection)[name]

    def drop(self, name: str) -> None:
        """Take a collection out, with its indexes."""
        with self.file.transaction() as connection:
            schema = self._schema.read(connection).get(name)
            if schema is None:
                return
            tables = [f"d{schema.id}", *(f"e{field.id}" for field in schema.fields.values())]
            tables += [f"u{index.id}" for index in schema.unique]
            for table in tables:
                connection.execute(f"DROP TABLE {table}")
            connection.execute("DELETE FROM fields WHERE collection=?", (schema.id,))
            connection.execute("DELETE FROM indexes WHERE collection=?", (schema.id,))
            connection.execute("DELETE FROM collections WHERE id=?", (schema.id,))

    def create_index(self, collection: str, spec: Mapping[str, Any]) -> str:
        """Make an index, or find it made.

        Raises
        ------
        InvalidQuery
            If there is an index of that name with other keys or options.
        DuplicateKey
            If it is to be unique and the documents are not.
        """
        name = str(spec["name"])
        schema = self.schema(collection)
        found = schema and next((index for index in schema.indexes if index.name == name), None)
        if found:
            return same_index(found, spec)
        with self.file.transaction() as connection:
            schema = self.make(connection, collection)
            found = next((index for index in schema.indexes if index.name == name), None)
            if found:
                return same_index(found, spec)
            twin = next((index for index in schema.indexes if list(map(list, index.keys)) == spec["key"]), None)
            if twin and twin.unique != bool(spec.get("unique")):
                raise InvalidQuery(f"an index on the same fields has another name and other options: {twin.name}", 86)
            make_index(connection, schema, spec)
        return name

    def drop_index(self, collection: str, name: str) -> None:
        """Take an index out; paths no other index names are no longer kept."""
        with self.file.transaction() as connection:
            schema = self._schema.read(connection).get(collection)
            found = schema and next((index for index in schema.indexes if index.name == name), None)
            if not schema or not found:
                raise InvalidQuery(f"index not found with name [{name}]", 27)
            connection.execute("DELETE FROM indexes WHERE id=?", (found.id,))
            if found.unique:
                connection.execute(f"DROP TABLE u{found.id}")
            touch_schema(connection)
            kept = {path for index in schema.indexes if index != found for path, _ in index.keys}
            for path, field in schema.fields.items():
                if path not in kept:
                    connection.execute(f"DROP TABLE e{field.id}")
                    connection.execute("DELETE FROM fields WHERE id=?", (field.id,))

    # What pipelines see of the other collections.

    def documents(self, collection: str, query: Mapping[str, Any]) -> Iterable[Document]:
        """Give the documents of a collection that match a filter."""
        schema = self.schema(collection)
        if schema is None:
            return []
        predicate = self.collection(collection).predicate(query)
        found = search(self.file.connection(), schema, Query(predicate, plan_filter(query, schema)))
        return (item.decoded() for item in found)

    def replace_collection(self, collection: str, documents: Iterable[Document]) -> None:
        """Put documents in the place of all a collection has; its indexes stay."""
        made = list(documents)
        with self.file.transaction() as connection:
            writes = Writes(self, connection, collection)
            writes.delete({}, many=True)
            for document in made:
                writes.insert(_identified(document))
            writes.flush()

    def merge(self, options: Any, documents: Iterable[Document]) -> None:
        """Merge documents into a collection, as ``$merge`` does."""
        given = {"into": options} if isinstance(options, str) else options
        target = given["into"] if isinstance(given["into"], str) else given["into"]["coll"]
        matched, unmatched = given.get("whenMatched", "merge"), given.get("whenNotMatched", "insert")
        if not isinstance(matched, str):
            raise refusal("$merge.pipeline", "option") or InvalidQuery("whenMatched cannot be a pipeline", 51190)
        on = given.get("on", "_id")
        made = list(documents)
        with self.file.transaction() as connection:
            writes = Writes(self, connection, target)
            for document in made:
                _merge_one(writes, document, [on] if isinstance(on, str) else on, matched, unmatched)
            writes.flush()


def _identified(document: Document) -> Document:
    return document if "_id" in document else {"_id": bson.ObjectId(), **document}


def _merge_one(writes: Writes, document: Document, on: list[str], matched: str, unmatched: str) -> None:
    document = _identified(document)
    query = {}
    for path in on:
        value = document.get(path, MISSING)
        if value is MISSING:
            raise InvalidQuery(f"$merge write error: 'on' field '{path}' is missing in a document", 51132)
        query[path] = {"$eq": value}
    found = next(iter(writes.find(query)), None)
    if found is None:
        if unmatched == "fail":
            raise InvalidQuery("$merge could not find a matching document in the target collection", 13113)
        if unmatched == "insert":
            writes.insert(document)
    elif matched == "fail":
        raise DuplicateKey("E11000 $merge found a matching document in the target collection", 11000)
    elif matched in ("merge", "replace"):
        old = found.decoded()
        new = {**old, **document} if matched == "merge" else document
        writes.put(found, {**new, "_id": old["_id"]})
    elif matched != "keepExisting":
        raise InvalidQuery(f"Enumeration value '{matched}' for field 'whenMatched' is not a valid value", 2)
