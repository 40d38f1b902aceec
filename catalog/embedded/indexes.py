"""Makes the indexes of a collection: reads their specifications, fills their tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import bson

from catalog.embedded.codec import decode_naive
from catalog.embedded.scan import everything
from catalog.embedded.schema import CollectionSchema, IndexEntry, Schema, touch_schema
from catalog.errors import DuplicateKey, InvalidQuery
from catalog.language.entries import check_parallel, entries_of, unique_keys
from catalog.language.paths import split
from catalog.limits import check_options, refusal

__all__ = ["create_index", "drop_index", "index_information", "index_spec"]


def index_spec(keys: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Read what `create_index` is given; the options it understands are taken out of `options`.

    Raises
    ------
    InvalidQuery, NotSupported
        If fields or orders are not those of an index this catalog makes.
    """
    given = [(keys, 1)] if isinstance(keys, str) else list(keys.items() if isinstance(keys, Mapping) else keys)
    pairs = [(pair, 1) if isinstance(pair, str) else tuple(pair) for pair in given]
    if not pairs:
        raise InvalidQuery("an index needs at least one field", 67)
    name = options.pop("name", None) or "_".join(f"{path}_{direction}" for path, direction in pairs)
    spec: dict[str, Any] = {"key": [list(pair) for pair in pairs], "name": name}
    spec |= {flag: True for flag in ("unique", "sparse") if options.pop(flag, False)}
    check_options(options, allowed=frozenset({"background", "comment"}))

    for path, direction in pairs:
        if isinstance(direction, bool) or direction not in (1, -1):
            told = refusal(str(direction), "kind of index")
            raise told or InvalidQuery(f"{direction!r} is no order of an index", 67)
        if isinstance(path, str) and path.split(".")[-1] == "$**":
            raise refusal("$**", "kind of index") or InvalidQuery(path, 67)
        if not isinstance(path, str) or not path or any(not part or part[0] == "$" for part in path.split(".")):
            raise InvalidQuery(f"{path!r} is no field an index can be on", 67)
    return spec


def index_information(schema: CollectionSchema) -> dict[str, Any]:
    """Return the indexes of a collection as PyMongo does."""
    told: dict[str, Any] = {"_id_": {"v": 2, "key": [("_id", 1)]}}
    for index in schema.indexes:
        told[index.name] = {"v": 2, "key": list(index.keys)}
        told[index.name] |= {"unique": True} if index.unique else {}
        told[index.name] |= {"sparse": True} if index.sparse else {}
    return told


def create_index(schemas: Schema, collection: str, spec: Mapping[str, Any]) -> str:
    """Make an index, or find it made.

    Raises
    ------
    InvalidQuery
        If there is an index of that name with other keys or options.
    DuplicateKey
        If it is to be unique and the documents are not.
    """
    name = str(spec["name"])
    schema = schemas.get(collection)
    found = schema and next((index for index in schema.indexes if index.name == name), None)
    if found:
        return _same_index(found, spec)
    with schemas.file.transaction() as connection:
        schema = schemas.make(connection, collection)
        found = next((index for index in schema.indexes if index.name == name), None)
        if found:
            return _same_index(found, spec)
        twin = next((index for index in schema.indexes if list(map(list, index.keys)) == spec["key"]), None)
        if twin and twin.unique != bool(spec.get("unique")):
            raise InvalidQuery(f"an index on the same fields has another name and other options: {twin.name}", 86)
        _make_index(connection, schema, spec)
    return name


def drop_index(schemas: Schema, collection: str, name: str) -> None:
    """Remove an index; paths no other index names are no longer kept."""
    with schemas.file.transaction() as connection:
        schema = schemas.read(connection).get(collection)
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


def _same_index(index: IndexEntry, spec: Mapping[str, Any]) -> str:
    """Return the name of an index that exists, if it is the one specified.

    Raises
    ------
    InvalidQuery
        If its keys or options are others.
    """
    wanted = (spec["key"], bool(spec.get("unique")), bool(spec.get("sparse")))
    if (list(map(list, index.keys)), index.unique, index.sparse) != wanted:
        raise InvalidQuery(f"an index named {index.name} exists with other keys or options; drop it first", 86)
    return index.name


def _make_index(connection: sqlite3.Connection, schema: CollectionSchema, spec: Mapping[str, Any]) -> None:
    """Make an index and fill it; within a transaction.

    Raises
    ------
    DuplicateKey
        If it is to be unique and the documents are not.
    InvalidUpdate
        If a document has arrays at two of its fields.
    """
    keys = tuple((str(path), int(direction)) for path, direction in spec["key"])
    index = IndexEntry(0, str(spec["name"]), keys, unique=bool(spec.get("unique")), sparse=bool(spec.get("sparse")))
    if len(keys) > 1:
        for _, blob in everything(connection, schema):
            check_parallel(decode_naive(blob), index.name, index.paths)
    for path, _ in keys:
        if path != "_id" and path not in schema.fields:
            _make_field(connection, schema, path)
    row = (schema.id, index.name, bson.encode(dict(spec)))
    made = connection.execute("INSERT INTO indexes (collection, name, spec) VALUES (?, ?, ?)", row)
    touch_schema(connection)
    if index.unique:
        table = f"u{made.lastrowid}"
        connection.execute(f"CREATE TABLE {table} (key BLOB PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID")
        _fill_unique(connection, schema, index, table)


def _make_field(connection: sqlite3.Connection, schema: CollectionSchema, path: str) -> None:
    made = connection.execute("INSERT INTO fields (collection, path) VALUES (?, ?)", (schema.id, path))
    table = f"e{made.lastrowid}"
    connection.execute(
        f"CREATE TABLE {table} (key BLOB NOT NULL, n INTEGER NOT NULL, tag INTEGER NOT NULL, "
        "PRIMARY KEY (key, n)) WITHOUT ROWID"
    )
    parts = split(path)
    rows = (
        (key, n, tag)
        for n, blob in everything(connection, schema)
        for key, tag in entries_of(decode_naive(blob), parts).items()
    )
    connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)  # noqa: S608 - a number, not a name


def _fill_unique(connection: sqlite3.Connection, schema: CollectionSchema, index: IndexEntry, table: str) -> None:
    for n, blob in everything(connection, schema):
        document = decode_naive(blob)
        for key in unique_keys(document, index.parts, sparse=index.sparse):
            try:
                connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (key, n))  # noqa: S608 - a number
            except sqlite3.IntegrityError:
                raise DuplicateKey(
                    f"E11000 duplicate key error collection: {schema.name} index: {index.name}: document "
                    f"{document['_id']!r} shares its values with another; make them differ first",
                    11000,
                ) from None
