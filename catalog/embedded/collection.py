"""Returns an embedded collection the methods of PyMongo's."""

# ruff: noqa: A002 - `filter` is PyMongo's name of the argument
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from itertools import chain, islice
from typing import Any

from bson import ObjectId
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from catalog.embedded.aggregation import aggregate
from catalog.embedded.bulk import bulk_write, check_replacement, checked_update
from catalog.embedded.codec import aware, decode_aware, encode, normalise
from catalog.embedded.cursor import EmbeddedCursor, Request, read_sort
from catalog.embedded.distinct import distinct
from catalog.embedded.indexes import create_index, drop_index, index_information, index_spec
from catalog.embedded.planner import count_exactly, plan_filter
from catalog.embedded.scan import Query, search
from catalog.embedded.schema import Schema
from catalog.embedded.writes import Change, Writes
from catalog.errors import InvalidQuery
from catalog.language.arrays import check_variable
from catalog.language.query import predicate, system_variables
from catalog.language.shaping import find_projection
from catalog.language.values import Document
from catalog.limits import check_options, refusal

__all__ = ["EmbeddedCollection"]

_READ = frozenset({"hint", "maxTimeMS", "comment", "batchSize", "allowDiskUse", "batch_size", "max_time_ms",
                   "allow_disk_use", "no_cursor_timeout", "cursor_type", "allow_partial_results",
                   "oplog_replay"})  # fmt: skip
_FIRST_BATCH = 101  # documents, as of a server
_WRITE = frozenset({"hint", "comment", "bypass_document_validation"})


class EmbeddedCollection:
    """A collection of an embedded catalog; methods as in `pymongo.collection.Collection`."""

    def __init__(self, schemas: Schema, name: str) -> None:
        self._schemas = schemas
        self.name = name

    # Reading.

    def find(
        self,
        filter: Any = None,
        projection: Any = None,
        skip: int = 0,
        limit: int = 0,
        sort: Any = None,
        **options: Any,
    ) -> EmbeddedCursor:
        """Find documents; nothing is read before the first is asked for."""
        check_options(options, allowed=_READ)
        if filter is not None and not isinstance(filter, Mapping):
            raise TypeError(f"filter must be an instance of dict, not {type(filter).__name__}")
        if not isinstance(skip, int) or not isinstance(limit, int):
            raise TypeError("skip and limit must be integers")
        if isinstance(projection, (list, tuple, set)):
            projection = list(projection)
        request = Request(normalise(filter or {}), normalise(projection), read_sort(sort), skip, abs(limit))
        return EmbeddedCursor(request, self._run, self._distinct)

    def find_one(self, filter: Any = None, projection: Any = None, **options: Any) -> Document | None:
        """Find one document; anything but a mapping is an ``_id``."""
        query = filter if filter is None or isinstance(filter, Mapping) else {"_id": filter}
        return next(self.find(query, projection, limit=1, **options), None)

    def _run(self, request: Request) -> Iterator[Document]:
        schema = self._schemas.get(self.name)
        variables = system_variables()
        shape = find_projection(request.projection, frozenset(variables))
        test = predicate(request.query)
        if schema is None:
            return
        plan = plan_filter(request.query, schema)
        query = Query(test, plan, request.sort, request.skip, request.limit)
        for found in search(self._schemas.file.connection(), schema, query):
            yield decode_aware(found.blob) if shape is None else aware(shape(found.decoded(), variables))

    def aggregate(self, pipeline: Any, **options: Any) -> Iterator[Document]:
        """Run a pipeline."""
        let = options.pop("let", None)
        check_options(options, allowed=_READ)
        for name in let or {}:
            check_variable(name)
        variables = {**system_variables(), **normalise(let or {})}
        answers = map(aware, aggregate(self._schemas, self.name, normalise(pipeline), variables))
        first = list(islice(answers, _FIRST_BATCH))  # so that what goes wrong early is raised here, as by a server
        return chain(first, answers)

    def distinct(self, key: str, filter: Any = None, **options: Any) -> list[Any]:
        """Return the distinct values of a field, in MongoDB's order."""
        check_options(options, allowed=_READ)
        if not isinstance(key, str):
            raise TypeError("key must be an instance of str")
        if filter is not None and not isinstance(filter, Mapping):
            raise TypeError("filter must be an instance of dict")
        return self._distinct(key, normalise(filter or {}))

    def _distinct(self, key: str, query: Mapping[str, Any]) -> list[Any]:
        schema = self._schemas.get(self.name)
        test = predicate(query)
        if schema is None:
            return []
        found = distinct(self._schemas.file.connection(), schema, key, Query(test, plan_filter(query, schema)))
        return [aware(value) for value in found]

    def count_documents(self, filter: Any, **options: Any) -> int:
        """Count what matches a filter."""
        skip, limit = options.pop("skip", 0), options.pop("limit", 0)
        check_options(options, allowed=_READ)
        if not isinstance(filter, Mapping):
            raise TypeError("filter must be an instance of dict")
        counted: int = max(self._count(normalise(filter)) - skip, 0)
        return min(counted, int(limit)) if limit else counted

    def _count(self, query: Mapping[str, Any]) -> int:
        schema = self._schemas.get(self.name)
        test = predicate(query)
        if schema is None:
            return 0
        connection = self._schemas.file.connection()
        if test is None:
            return int(connection.execute(f"SELECT count(*) FROM d{schema.id}").fetchone()[0])  # noqa: S608 - a number
        plan = plan_filter(query, schema)
        if plan.exact and plan.conditions:
            return count_exactly(connection, plan)
        return sum(1 for _ in search(connection, schema, Query(test, plan)))

    def estimated_document_count(self, **options: Any) -> int:
        """Count all documents."""
        check_options(options, allowed=_READ)
        return self._count({})

    # Writing.

    def _write(self, work: Callable[[Writes], Any]) -> Any:
        with self._schemas.file.transaction() as connection:
            writes = Writes(self._schemas, connection, self.name)
            result = work(writes)
            writes.flush()
        return result

    def insert_one(self, document: Any, **options: Any) -> InsertOneResult:
        """Insert a document; it is given an ``_id`` if it has none."""
        check_options(options, allowed=_WRITE)
        blob = _with_id(document)
        self._write(lambda writes: writes.insert(document, blob))
        return InsertOneResult(document["_id"], True)

    def insert_many(self, documents: Any, ordered: bool = True, **options: Any) -> InsertManyResult:
        """Insert documents."""
        from pymongo import InsertOne

        check_options(options, allowed=_WRITE)
        if not isinstance(documents, Iterable) or isinstance(documents, Mapping) or not documents:
            raise TypeError("documents must be a non-empty list")
        kept = list(documents)
        for document in kept:
            _check_mapping(document)
        bulk_write(self._schemas, self.name, [InsertOne(document) for document in kept], ordered=ordered)
        return InsertManyResult([document["_id"] for document in kept], True)

    def replace_one(self, filter: Any, replacement: Any, upsert: bool = False, **options: Any) -> UpdateResult:
        """Replace the first document that matches."""
        sort = read_sort(options.pop("sort", None))
        check_options(options, allowed=_WRITE)
        check_replacement(replacement)
        query = _query(filter)
        encode(replacement)
        return _update_result(self._write(lambda writes: writes.replace(query, replacement, upsert=upsert, sort=sort)))

    def update_one(self, filter: Any, update: Any, upsert: bool = False, **options: Any) -> UpdateResult:
        """Update the first document that matches."""
        return self._update(filter, update, many=False, upsert=upsert, options=options)

    def update_many(self, filter: Any, update: Any, upsert: bool = False, **options: Any) -> UpdateResult:
        """Update every document that matches, all or none."""
        return self._update(filter, update, many=True, upsert=upsert, options=options)

    def _update(self, given: Any, update: Any, *, many: bool, upsert: bool, options: dict[str, Any]) -> UpdateResult:
        sort = read_sort(options.pop("sort", None))
        check_options(options, allowed=_WRITE)
        query, compiled = _query(given), checked_update(update)
        return _update_result(
            self._write(lambda writes: writes.update(query, compiled, many=many, upsert=upsert, sort=sort))
        )

    def delete_one(self, filter: Any, **options: Any) -> DeleteResult:
        """Delete the first document that matches."""
        check_options(options, allowed=_WRITE)
        query = _query(filter)
        deleted = self._write(lambda writes: writes.delete(query, many=False))
        return DeleteResult({"n": deleted, "ok": 1.0}, True)

    def delete_many(self, filter: Any, **options: Any) -> DeleteResult:
        """Delete every document that matches."""
        check_options(options, allowed=_WRITE)
        query = _query(filter)
        deleted = self._write(lambda writes: writes.delete(query, many=True))
        return DeleteResult({"n": deleted, "ok": 1.0}, True)

    def bulk_write(self, requests: Sequence[Any], ordered: bool = True, **options: Any) -> BulkWriteResult:
        """Carry out PyMongo's write requests in one transaction."""
        check_options(options, allowed=_WRITE)
        if not isinstance(requests, (list, tuple)):
            raise TypeError("requests must be a list")
        return bulk_write(self._schemas, self.name, requests, ordered=ordered)

    def find_one_and_update(self, filter: Any, update: Any, **options: Any) -> Document | None:
        """Update one document and give it, as it was or as it is."""
        compiled = checked_update(update)
        return self._modify(
            filter,
            options,
            lambda writes, query, upsert: writes.update(query, compiled, many=False, upsert=upsert),
        )

    def find_one_and_replace(self, filter: Any, replacement: Any, **options: Any) -> Document | None:
        """Replace one document and give it, as it was or as it is."""
        check_replacement(replacement)
        encode(replacement)
        return self._modify(
            filter, options, lambda writes, query, upsert: writes.replace(query, replacement, upsert=upsert)
        )

    def find_one_and_delete(self, filter: Any, **options: Any) -> Document | None:
        """Delete one document and give it as it was."""
        return self._modify(filter, options, lambda writes, query, upsert: Change(writes.delete(query, many=False)))

    def _modify(
        self, given: Any, options: dict[str, Any], change: Callable[[Writes, Mapping[str, Any], bool], Change]
    ) -> Document | None:
        sort, after = read_sort(options.pop("sort", None)), bool(options.pop("return_document", False))
        projection, upsert = normalise(options.pop("projection", None)), bool(options.pop("upsert", False))
        check_options(options, allowed=_WRITE)
        variables, query = system_variables(), _query(given)
        shape = find_projection(projection, frozenset(variables))

        def work(writes: Writes) -> Document | None:
            found = next(writes.find(query, sort=sort, limit=1), None)
            if found is None and not upsert:
                return None
            old = None if found is None else found.decoded()
            done = change(writes, query if old is None else {"_id": {"$eq": old["_id"]}}, upsert)
            if not after:
                return old
            identity = done.upserted if done.inserted else old["_id"] if old else None
            new = next(writes.find({"_id": {"$eq": identity}}, limit=1), None)
            return None if new is None else new.decoded()

        document = self._write(work)
        return None if document is None else aware(document if shape is None else shape(document, variables))

    # Indexes and the collection itself.

    def create_index(self, keys: Any, **options: Any) -> str:
        """Make an index, or find it made; return its name."""
        spec = index_spec(keys, options)
        if [path for path, _ in spec["key"]] == ["_id"]:
            return "_id_"
        return create_index(self._schemas, self.name, spec)

    def drop_index(self, index_or_name: Any, **options: Any) -> None:
        """Remove an index."""
        check_options(options, allowed=_WRITE)
        pairs = index_or_name
        name = pairs if isinstance(pairs, str) else "_".join(f"{path}_{order}" for path, order in pairs)
        drop_index(self._schemas, self.name, name)

    def index_information(self, **options: Any) -> dict[str, Any]:
        """Return the indexes there are, as PyMongo does."""
        check_options(options, allowed=_READ)
        schema = self._schemas.get(self.name)
        return {} if schema is None else index_information(schema)

    def drop(self) -> None:
        """Remove the collection, documents and indexes."""
        self._schemas.drop(self.name)

    def watch(self, *arguments: Any, **options: Any) -> Iterator[Document]:
        """Refuse: there is no change stream."""
        raise refusal("watch", "method") or InvalidQuery("watch", 115)


def _query(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise TypeError(f"filter must be an instance of dict, not {type(given).__name__}")
    query: Mapping[str, Any] = normalise(given)
    return query


def _check_mapping(document: Any) -> None:
    if not isinstance(document, MutableMapping):
        raise TypeError(f"document must be an instance of dict, not {type(document).__name__}")


def _with_id(document: Any) -> bytes:
    _check_mapping(document)
    if "_id" not in document:
        document["_id"] = ObjectId()
    return encode(document)


def _update_result(change: Change) -> UpdateResult:
    told: dict[str, Any] = {
        "n": 1 if change.inserted else change.matched,
        "nModified": change.modified,
        "ok": 1.0,
    }
    told["updatedExisting"] = not change.inserted and change.matched > 0
    if change.inserted:
        told["upserted"] = change.upserted
    return UpdateResult(told, True)
