"""The collection that users hold: PyMongo's methods, the catalog's errors."""

# ruff: noqa: A002 - `filter` is PyMongo's name of the argument
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import signature
from typing import Any, cast

import bson
import pymongo.collection
import pymongo.cursor
from bson.codec_options import CodecOptions
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from catalog.cursors import Cursor, ResultCursor
from catalog.errors import DuplicateKey, ReadOnly
from catalog.language.values import Document
from catalog.patience import Patience
from catalog.shown import Shown
from catalog.translate import scrub, translated

__all__ = ["Collection"]


#: What has another answer when it is asked twice.
_ONCE = frozenset({"find_one_and_update", "find_one_and_replace", "find_one_and_delete", "watch"})
_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True)


@lru_cache
def _positions(method: str) -> tuple[str, ...]:
    """Return the names of what PyMongo's method takes by position."""
    finds = method in ("find", "find_one")  # which pass all they are given to a cursor, after themselves
    called = pymongo.cursor.Cursor.__init__ if finds else getattr(pymongo.collection.Collection, method)
    named = [each.name for each in signature(called).parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
    return tuple(named[2 if finds else 1 :])


def _named(method: str, first: int, arguments: Sequence[Any], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of a method after the first ones by name: those given by position beside the others."""
    if not arguments:
        return options
    names = _positions(method)[first:]
    if len(arguments) > len(names):
        raise TypeError(f"{method}() takes at most {len(names)} more arguments by position, not {len(arguments)}")
    named = dict(zip(names, arguments, strict=False))
    for name in named.keys() & options.keys():
        raise TypeError(f"{method}() got multiple values for argument {name!r}")
    return {**named, **options}


class Collection:
    """A collection of a catalog.

    Methods, arguments and results are those of `pymongo.collection.Collection`; what is raised is a
    `catalog.CatalogError`, which is also the PyMongo error a PyMongo user would catch.
    """

    def __init__(
        self, inner: Any, *, place: str, readonly: bool = False, guard: str = "", patience: Patience | None = None
    ) -> None:
        self._inner = inner
        self._where = f"{inner.name} in {place}"
        self._readonly = readonly
        self._guard = guard
        self._patience = patience

    def guarded(self, reason: str) -> Collection:
        """Return the same collection, which refuses every write and says `reason`: what to do instead."""
        place = self._where.removeprefix(f"{self.name} in ")
        return Collection(self._inner, place=place, readonly=self._readonly, guard=reason, patience=self._patience)

    @property
    def name(self) -> str:
        """The name of the collection."""
        return str(self._inner.name)

    def __repr__(self) -> str:
        return f"<Collection {self._where}>"

    def __bool__(self) -> bool:
        raise NotImplementedError("a collection has no truth value; compare it with None")

    def _read(
        self, method: str, first: tuple[Any, ...], arguments: Sequence[Any], options: Mapping[str, Any], /
    ) -> Any:
        def once() -> Any:
            with translated(self._where):
                return getattr(self._inner, method)(*first, **_named(method, len(first), arguments, options))

        if self._patience is None or method in _ONCE:
            return once()
        return self._patience.ask(once)

    def _as_kept(self, document: Any) -> Document:
        """Return a document as it is read back."""
        return bson.decode(bson.encode(document), _AWARE)

    def _write(
        self, method: str, first: tuple[Any, ...], arguments: Sequence[Any], options: Mapping[str, Any], /
    ) -> Any:
        if self._readonly:
            raise ReadOnly(f"{scrub(self._where)} was opened for reading; connect without readonly to write", 13)
        if self._guard:
            raise ReadOnly(f"{method} on {scrub(self._where)} is refused: {self._guard}", 13)
        return self._read(method, first, arguments, options)

    def find(self, filter: Any = None, projection: Any = None, *arguments: Any, **options: Any) -> Cursor:
        """Find documents."""
        inner = self._read("find", (filter, projection), arguments, options)
        return Cursor(inner, self._where, patience=self._patience, afresh=lambda cursor: cursor.clone())

    def find_one(self, filter: Any = None, projection: Any = None, *arguments: Any, **options: Any) -> Document | None:
        """Find one document; anything but a mapping is taken for an ``_id``."""
        found: Document | None = self._read("find_one", (filter, projection), arguments, options)
        # Guarded, it is a collection that somebody looks at; the verbs get the plain dict.
        return Shown(found) if found is not None and self._guard else found

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]], *arguments: Any, **options: Any) -> ResultCursor:
        """Run an aggregation pipeline."""
        stages = list(pipeline) if isinstance(pipeline, (list, tuple)) else pipeline
        last = stages[-1] if stages and isinstance(stages, list) else {}
        writes = isinstance(last, Mapping) and ("$out" in last or "$merge" in last)
        call = self._write if writes else self._read
        return ResultCursor(call("aggregate", (stages,), arguments, options), self._where)

    def distinct(self, key: str, filter: Any = None, *arguments: Any, **options: Any) -> list[Any]:
        """Return the distinct values of a field."""
        return list(self._read("distinct", (key, filter), arguments, options))

    def count_documents(self, filter: Any, *arguments: Any, **options: Any) -> int:
        """Count what matches a filter."""
        return int(self._read("count_documents", (filter,), arguments, options))

    def estimated_document_count(self, *arguments: Any, **options: Any) -> int:
        """Count all documents, perhaps not to the last one."""
        return int(self._read("estimated_document_count", (), arguments, options))

    def insert_one(self, document: Any, *arguments: Any, **options: Any) -> InsertOneResult:
        """Insert a document."""
        try:
            return cast("InsertOneResult", self._write("insert_one", (document,), arguments, options))
        except DuplicateKey:
            # Of a patient collection it may be this very document, whose answer was lost on the way.
            if self._patience is None or self.find_one({"_id": document["_id"]}) != self._as_kept(document):
                raise
            return InsertOneResult(document["_id"], acknowledged=True)

    def insert_many(self, documents: Any, ordered: bool = True, *arguments: Any, **options: Any) -> InsertManyResult:
        """Insert documents."""
        return cast("InsertManyResult", self._write("insert_many", (documents, ordered), arguments, options))

    def replace_one(
        self, filter: Any, replacement: Any, upsert: bool = False, *arguments: Any, **options: Any
    ) -> UpdateResult:
        """Replace the first document that matches."""
        return cast("UpdateResult", self._write("replace_one", (filter, replacement, upsert), arguments, options))

    def update_one(
        self, filter: Any, update: Any, upsert: bool = False, *arguments: Any, **options: Any
    ) -> UpdateResult:
        """Update the first document that matches."""
        return cast("UpdateResult", self._write("update_one", (filter, update, upsert), arguments, options))

    def update_many(
        self, filter: Any, update: Any, upsert: bool = False, *arguments: Any, **options: Any
    ) -> UpdateResult:
        """Update every document that matches."""
        return cast("UpdateResult", self._write("update_many", (filter, update, upsert), arguments, options))

    def delete_one(self, filter: Any, *arguments: Any, **options: Any) -> DeleteResult:
        """Delete the first document that matches."""
        return cast("DeleteResult", self._write("delete_one", (filter,), arguments, options))

    def delete_many(self, filter: Any, *arguments: Any, **options: Any) -> DeleteResult:
        """Delete every document that matches."""
        return cast("DeleteResult", self._write("delete_many", (filter,), arguments, options))

    def find_one_and_update(self, filter: Any, update: Any, *arguments: Any, **options: Any) -> Document | None:
        """Update one document and return it, as it was or (``return_document``) as it is."""
        return cast("Document | None", self._write("find_one_and_update", (filter, update), arguments, options))

    def find_one_and_replace(self, filter: Any, replacement: Any, *arguments: Any, **options: Any) -> Document | None:
        """Replace one document and return it, as it was or (``return_document``) as it is."""
        return cast("Document | None", self._write("find_one_and_replace", (filter, replacement), arguments, options))

    def find_one_and_delete(self, filter: Any, *arguments: Any, **options: Any) -> Document | None:
        """Delete one document and return it as it was."""
        return cast("Document | None", self._write("find_one_and_delete", (filter,), arguments, options))

    def bulk_write(
        self, requests: Sequence[Any], ordered: bool = True, *arguments: Any, **options: Any
    ) -> BulkWriteResult:
        """Carry out a list of PyMongo's write requests."""
        return cast("BulkWriteResult", self._write("bulk_write", (requests, ordered), arguments, options))

    def create_index(self, keys: Any, *arguments: Any, **options: Any) -> str:
        """Make an index, or find it made; return its name."""
        return str(self._write("create_index", (keys,), arguments, options))

    def drop_index(self, index_or_name: Any, *arguments: Any, **options: Any) -> None:
        """Remove an index."""
        self._write("drop_index", (index_or_name,), arguments, options)

    def index_information(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Return the indexes there are."""
        return dict(self._read("index_information", (), arguments, options))

    def drop(self) -> None:
        """Remove the collection, documents and indexes."""
        self._write("drop", (), (), {})

    def watch(self, *arguments: Any, **options: Any) -> Iterator[Document]:
        """Follow the changes of a collection on a server; the embedded catalog refuses."""
        return cast("Iterator[Document]", self._read("watch", (), arguments, options))
