"""Lets tests that speak to a server by commands speak to an embedded catalog.

A client that has databases, a database that runs commands, a collection that passes its methods on: what the public
conformance tests use of PyMongo, and no more. What the catalog has no method for is `NotAskable`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import bson
import bson.errors
from bson.codec_options import CodecOptions
from pymongo import UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

import catalog
from catalog.indexes import INDEXES

AS_PYMONGO: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=UTC)
#: What commands carry beside their arguments, and what changes no answer.
CARRIED = {
    "$db",
    "lsid",
    "comment",
    "maxTimeMS",
    "readConcern",
    "writeConcern",
    "apiVersion",
    "bypassDocumentValidation",
}
CURSOR = {"cursor", "batchSize", "singleBatch", "allowDiskUse", "noCursorTimeout"}


class NotAskable(Exception):
    """The catalog has no method for it, so it cannot be asked."""

    code = None

    def __init__(self, what: str) -> None:
        super().__init__(f"not askable of a catalog: {what}")
        self.details = {"errmsg": str(self)}


class Observed:
    """What happened during one test."""

    def __init__(self) -> None:
        self.refused = self.unaskable = False
        self.error = ""

    def note(self, error: Exception) -> None:
        if isinstance(error, catalog.NotSupported):
            self.refused = True
        elif isinstance(error, NotAskable):
            self.unaskable = True
        self.error = f"{type(error).__name__}: {error}"[:400]


class Client:
    """Stands for `pymongo.MongoClient`; every database is the one catalog."""

    def __init__(self) -> None:
        # In memory where there is such a place: half of the time of a test would be waits for the disk.
        memory = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.catalog = catalog.connect(Path(self._folder.name) / "catalog.db")
        self.observed = Observed()
        self._own = {index.collection for index in INDEXES}

    @property
    def admin(self) -> Database:
        return Database(self, "admin")

    def __getitem__(self, name: str) -> Database:
        return Database(self, name)

    def get_database(self, name: str, *_: Any, **__: Any) -> Database:
        return Database(self, name)

    def collections(self) -> list[str]:
        return [name for name in self.catalog.collection_names() if name not in self._own]

    def drop_database(self, name: Any) -> None:
        for collection in self.collections():
            self.catalog[collection].drop()

    def close(self) -> None:
        """Stay open: the tests of one process share the catalog."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self.observed.unaskable = True
        raise NotAskable(f"client.{name}")


class Database:
    """Stands for `pymongo.database.Database`."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name

    def __getitem__(self, name: str) -> Collection:
        return Collection(self, name)

    def __getattr__(self, name: str) -> Collection:
        if name.startswith("_"):
            raise AttributeError(name)
        return Collection(self, name)

    def get_collection(self, name: str, *_: Any, **__: Any) -> Collection:
        return Collection(self, name)

    def with_options(self, *_: Any, **__: Any) -> Database:
        return self

    def list_collection_names(self, *_: Any, **__: Any) -> list[str]:
        return self.client.collections()

    def drop_collection(self, collection: Any) -> None:
        self.client.catalog[getattr(collection, "name", collection)].drop()

    def create_collection(self, name: str, **options: Any) -> Collection:
        if options:
            self.client.observed.unaskable = True
            raise NotAskable(f"create_collection with {sorted(options)}")
        return Collection(self, name)

    def command(self, command: Any, value: Any = 1, *_: Any, **options: Any) -> dict[str, Any]:
        """Run a command, as a server does."""
        options.pop("codec_options", None)
        session = options.pop("session", None)
        asked = dict(command) if isinstance(command, Mapping) else {command: value, **options}
        name = next(iter(asked))
        try:
            if session is not None or name not in COMMANDS:
                raise NotAskable(f"the command {name}{' in a session' if session else ''}")
            return {**COMMANDS[name](self, Arguments(asked)), "ok": 1.0}
        except NotAskable as error:
            self.client.observed.note(error)
            raise
        except (BulkWriteError, bson.errors.InvalidBSON):
            raise
        except Exception as error:
            self.client.observed.note(error)
            text = f"{type(error).__name__}: {error}"
            code = getattr(error, "code", None)
            raise OperationFailure(text, code, {"errmsg": text, "code": code}) from None

    def answer(self, name: str, documents: Any) -> dict[str, Any]:
        """The documents as a cursor's first batch, typed as they come from a server."""
        batch = [bson.decode(bson.encode(document), AS_PYMONGO) for document in documents]
        return {"cursor": {"firstBatch": batch, "id": 0, "ns": f"{self.name}.{name}"}}


class Collection:
    """Stands for `pymongo.collection.Collection`."""

    def __init__(self, database: Database, name: str) -> None:
        self.database, self.name, self.full_name = database, name, f"{database.name}.{name}"

    def with_options(self, *_: Any, **__: Any) -> Collection:
        return self

    def __getitem__(self, name: str) -> Collection:
        return Collection(self.database, f"{self.name}.{name}")

    def create_indexes(self, models: Any) -> list[str]:
        try:
            return [_index(self.database, self.name, dict(model.document)) for model in models]
        except Exception as error:
            self.database.client.observed.note(error)
            raise

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        client = self.database.client
        method = getattr(client.catalog[self.name], name, None)
        if method is None:
            client.observed.unaskable = True
            raise NotAskable(f"the method {name}")

        def call(*arguments: Any, **options: Any) -> Any:
            try:
                return method(*arguments, **options)
            except Exception as error:
                client.observed.note(error)
                raise

        return call


class Arguments(dict[str, Any]):
    """The arguments of a command; each is taken once, and none may be left over."""

    def given(self, **names: str) -> dict[str, Any]:
        """The arguments of some names, under the names the catalog has for them."""
        return {ours: self.pop(theirs) for theirs, ours in names.items() if theirs in self}

    def end(self, *ignored: str) -> None:
        left = set(self) - CARRIED - CURSOR - set(ignored)
        if left:
            raise NotAskable(f"options {sorted(left)}")


def _find(database: Database, asked: Arguments) -> dict[str, Any]:
    name = asked.pop("find")
    query, projection = asked.pop("filter", None), asked.pop("projection", None)
    sort, skip, limit = asked.pop("sort", None), asked.pop("skip", 0), asked.pop("limit", 0)
    options = asked.given(collation="collation", hint="hint", let="let")
    asked.end()
    cursor = database.client.catalog[name].find(query, projection, **options)
    if sort:
        cursor = cursor.sort(list(sort.items()))
    if skip:
        cursor = cursor.skip(skip)
    return database.answer(name, cursor.limit(limit) if limit else cursor)


def _aggregate(database: Database, asked: Arguments) -> dict[str, Any]:
    name, pipeline = asked.pop("aggregate"), asked.pop("pipeline")
    options = asked.given(collation="collation", hint="hint", let="let")
    asked.end()
    if not isinstance(name, str):
        pipeline, name = _given_documents(database, pipeline), "given"
    return database.answer(name, database.client.catalog[name].aggregate(pipeline, **options))


def _given_documents(database: Database, pipeline: Any) -> list[Any]:
    """A pipeline that begins with ``$documents``, as one over a collection of them."""
    first = pipeline[0] if isinstance(pipeline, list) and pipeline and isinstance(pipeline[0], Mapping) else {}
    documents = first.get("$documents")
    if not isinstance(documents, list) or "$" in repr(documents):
        raise NotAskable("an aggregate of a database")
    with_id = ["_id" in document for document in documents]
    if any(with_id) and not all(with_id):
        raise NotAskable("an aggregate of documents with and without _id")
    collection = database.client.catalog["given"]
    collection.drop()
    if documents:
        collection.insert_many([{"_id": number, **document} for number, document in enumerate(documents)])
    return [*([] if any(with_id) else [{"$sort": {"_id": 1}}, {"$unset": "_id"}]), *pipeline[1:]]


def _insert(database: Database, asked: Arguments) -> dict[str, Any]:
    name, documents, ordered = asked.pop("insert"), asked.pop("documents"), asked.pop("ordered", True)
    asked.end()
    try:
        return {"n": len(database.client.catalog[name].insert_many(documents, ordered=ordered).inserted_ids)}
    except BulkWriteError as error:
        return {"n": error.details["nInserted"], "writeErrors": error.details["writeErrors"]}


def _update(database: Database, asked: Arguments) -> dict[str, Any]:
    name, updates, ordered = asked.pop("update"), asked.pop("updates"), asked.pop("ordered", True)
    asked.end()
    if len(updates) > 1 and all(isinstance(one.get("u"), list) for one in updates):
        # One bulk write has one $$NOW.
        requests = [(UpdateMany if one.get("multi") else UpdateOne)(one["q"], one["u"]) for one in updates]
        done = database.client.catalog[name].bulk_write(requests)
        return {"n": done.matched_count, "nModified": done.modified_count}
    told: dict[str, Any] = {"n": 0, "nModified": 0}
    upserted: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for index, one in enumerate(updates):
        try:
            result = _update_one(database, name, Arguments(one))
        except NotAskable:
            raise
        except Exception as error:
            database.client.observed.note(error)
            text = f"{type(error).__name__}: {error}"
            errors.append({"index": index, "code": getattr(error, "code", None), "errmsg": text})
            if ordered:
                break
            continue
        told["n"] += result.matched_count
        told["nModified"] += result.modified_count
        if "upserted" in result.raw_result:
            told["n"] += 1
            upserted.append({"index": index, "_id": result.upserted_id})
    return {**told, **({"upserted": upserted} if upserted else {}), **({"writeErrors": errors} if errors else {})}


def _update_one(database: Database, name: str, asked: Arguments) -> Any:
    query, update = asked.pop("q"), asked.pop("u")
    many, upsert = asked.pop("multi", False), asked.pop("upsert", False)
    options = asked.given(arrayFilters="array_filters", collation="collation", hint="hint", sort="sort")
    asked.end()
    collection = database.client.catalog[name]
    if isinstance(update, Mapping) and not any(str(key).startswith("$") for key in update):
        if many:
            raise NotAskable("a replacement of many")
        return collection.replace_one(query, update, upsert, **options)
    return (collection.update_many if many else collection.update_one)(query, update, upsert, **options)


def _delete(database: Database, asked: Arguments) -> dict[str, Any]:
    name, deletes = asked.pop("delete"), asked.pop("deletes")
    asked.end("ordered")
    collection, deleted = database.client.catalog[name], 0
    for one in deletes:
        options = Arguments(one).given(collation="collation", hint="hint")
        method = collection.delete_one if one.get("limit") == 1 else collection.delete_many
        deleted += method(one["q"], **options).deleted_count
    return {"n": deleted}


def _find_and_modify(database: Database, asked: Arguments) -> dict[str, Any]:
    name = asked.pop(next(iter(asked)))
    query, update, remove = asked.pop("query", {}), asked.pop("update", None), asked.pop("remove", False)
    options = asked.given(
        fields="projection", sort="sort", collation="collation", hint="hint", arrayFilters="array_filters",
        new="return_document", upsert="upsert",
    )  # fmt: skip
    asked.end()
    if isinstance(options.get("sort"), Mapping):
        options["sort"] = list(options["sort"].items())
    collection = database.client.catalog[name]
    if remove:
        found = collection.find_one_and_delete(query, **options)
        return {"value": found, "lastErrorObject": {"n": int(found is not None)}}
    upsert = options.get("upsert")
    replaces = isinstance(update, Mapping) and not any(str(key).startswith("$") for key in update)
    method = collection.find_one_and_replace if replaces else collection.find_one_and_update
    value = method(query, update, **options)
    found = {"n": int(value is not None), "updatedExisting": value is not None}
    return {"value": value, **({} if upsert else {"lastErrorObject": found})}


def _count(database: Database, asked: Arguments) -> dict[str, Any]:
    name, query = asked.pop("count"), asked.pop("query", None)
    options = asked.given(skip="skip", limit="limit", hint="hint", collation="collation")
    asked.end()
    return {"n": database.client.catalog[name].count_documents(query or {}, **options)}


def _distinct(database: Database, asked: Arguments) -> dict[str, Any]:
    name, key, query = asked.pop("distinct"), asked.pop("key"), asked.pop("query", None)
    options = asked.given(collation="collation", hint="hint")
    asked.end()
    values = database.client.catalog[name].distinct(key, query, **options)
    return bson.decode(bson.encode({"values": values}), AS_PYMONGO)


def _create_indexes(database: Database, asked: Arguments) -> dict[str, Any]:
    name, specifications = asked.pop("createIndexes"), asked.pop("indexes")
    asked.end()
    for specification in specifications:
        _index(database, name, dict(specification))
    return {}


def _index(database: Database, name: str, specification: dict[str, Any]) -> str:
    keys = list(specification.pop("key").items())
    specification.pop("v", None)
    return database.client.catalog[name].create_index(keys, **specification)


def _drop(database: Database, asked: Arguments) -> dict[str, Any]:
    database.client.catalog[asked["drop"]].drop()
    return {}


def _create(database: Database, asked: Arguments) -> dict[str, Any]:
    asked.pop("create")
    asked.end()
    return {}


COMMANDS: dict[str, Callable[[Database, Arguments], dict[str, Any]]] = {
    "aggregate": _aggregate,
    "count": _count,
    "create": _create,
    "createIndexes": _create_indexes,
    "delete": _delete,
    "distinct": _distinct,
    "drop": _drop,
    "find": _find,
    "findAndModify": _find_and_modify,
    "findandmodify": _find_and_modify,
    "insert": _insert,
    "update": _update,
}
