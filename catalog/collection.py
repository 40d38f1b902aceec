"""The collection that users hold: PyMongo's methods, the catalog's errors."""

# ruff: noqa: A002 - `filter` is PyMongo's name of the argument
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import signature
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Self, cast

import pymongo.collection
import pymongo.cursor
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from catalog.errors import ReadOnly
from catalog.shown import MOST, Shown, bundle, frame
from catalog.translate import FOREIGN, reraise, scrub, translated

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Collection", "Cursor", "ResultCursor"]

Document = dict[str, Any]


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


class ResultCursor:
    """Documents that a question gives, one by one."""

    def __init__(self, inner: Any, where: str) -> None:
        self._inner = inner
        self._where = where

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Document:
        try:
            return cast("Document", next(self._inner))
        except StopIteration:
            raise
        except FOREIGN as error:
            reraise(error, self._where)

    def next(self) -> Document:
        """Return the next document."""
        return self.__next__()

    def to_list(self, length: int | None = None) -> list[Document]:
        """Return the documents left, or at most `length` of them."""
        if length is not None and length < 1:
            raise ValueError("to_list() length must be greater than 0")
        found: list[Document] = []
        for document in self:
            found.append(document)
            if len(found) == length:
                break
        return found

    def to_pandas(self) -> pd.DataFrame:
        """Return the documents left as a pandas DataFrame; ``obs.exptime`` and the like are columns, bytes left out.

        Raises
        ------
        NoPandas
            pandas is not installed.
        """
        return frame(list(self))

    def _first(self, count: int) -> list[Document]:
        """Return the first documents left, and leave them where they are."""
        found = list(islice(self, count))
        self._inner = _Ahead(found, self._inner)
        return found

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found = self._first(MOST + 1)
        return bundle(found[:MOST], where=self._where.partition(" in ")[0], more=len(found) > MOST)

    def close(self) -> None:
        """Return no more documents."""
        close: Callable[[], None] | None = getattr(self._inner, "close", None)
        if close is not None:
            close()
        self._inner = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Ahead:
    """A cursor of which some documents were read already: they come first."""

    def __init__(self, found: Sequence[Document], inner: Any) -> None:
        self._documents = chain(found, inner)
        self.close = getattr(inner, "close", lambda: None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Document:
        return next(self._documents)


class Cursor(ResultCursor):
    """Documents of a ``find``; order and number can be set until the first is asked for."""

    def _first(self, count: int) -> list[Document]:
        # Of a copy: order and number can be set after it was shown as before.
        return list(islice(self.clone(), count))

    def _told(self, method: str, *arguments: Any) -> Self:
        with translated(self._where):
            getattr(self._inner, method)(*arguments)
        return self

    def sort(self, key_or_list: Any, direction: Any = None) -> Self:
        """Set the order: a name and a direction, or a list of pairs."""
        return self._told("sort", key_or_list, *(() if direction is None else (direction,)))

    def limit(self, limit: int) -> Self:
        """Set how many documents to give at most; 0 is all."""
        return self._told("limit", limit)

    def skip(self, skip: int) -> Self:
        """Set how many documents to pass over."""
        return self._told("skip", skip)

    def batch_size(self, batch_size: int) -> Self:
        """Set how many documents come from a server at a time."""
        return self._told("batch_size", batch_size)

    def hint(self, index: Any) -> Self:
        """Name the index a server is to use."""
        return self._told("hint", index)

    def max_time_ms(self, max_time_ms: int | None) -> Self:
        """Set how long a server may take."""
        return self._told("max_time_ms", max_time_ms)

    def comment(self, comment: Any) -> Self:
        """Add a comment for the server's log."""
        return self._told("comment", comment)

    def collation(self, collation: Any) -> Self:
        """Set a collation, which the embedded catalog refuses."""
        return self._told("collation", collation)

    def allow_disk_use(self, allow_disk_use: bool) -> Self:
        """Let a server sort on disk."""
        return self._told("allow_disk_use", allow_disk_use)

    def rewind(self) -> Self:
        """Start again."""
        return self._told("rewind")

    def clone(self) -> Cursor:
        """Return a cursor that asks the same, from the start."""
        return Cursor(self._inner.clone(), self._where)

    def distinct(self, key: str) -> list[Any]:
        """Return the distinct values of a field among what the filter matches."""
        with translated(self._where):
            return list(self._inner.distinct(key))

    def explain(self) -> Any:
        """Return a server's plan; the embedded catalog refuses."""
        with translated(self._where):
            return self._inner.explain()

    @property
    def alive(self) -> bool:
        """Whether there may be more documents."""
        return bool(getattr(self._inner, "alive", False))

    def close(self) -> None:
        """Return no more documents."""
        self._inner.close()

    def __getitem__(self, index: Any) -> Any:
        with translated(self._where):
            found = self._inner[index]
        return self if isinstance(index, slice) else found


class Collection:
    """A collection of a catalog.

    Methods, arguments and results are those of `pymongo.collection.Collection`; what is raised is a
    `catalog.CatalogError`, which is also the PyMongo error a PyMongo user would catch.
    """

    def __init__(self, inner: Any, *, place: str, readonly: bool = False, guard: str = "") -> None:
        self._inner = inner
        self._where = f"{inner.name} in {place}"
        self._readonly = readonly
        self._guard = guard

    def guarded(self, reason: str) -> Collection:
        """Return the same collection, which refuses every write and says `reason`: what to do instead."""
        place = self._where.removeprefix(f"{self.name} in ")
        return Collection(self._inner, place=place, readonly=self._readonly, guard=reason)

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
        with translated(self._where):
            return getattr(self._inner, method)(*first, **_named(method, len(first), arguments, options))

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
        return Cursor(self._read("find", (filter, projection), arguments, options), self._where)

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
        return cast("InsertOneResult", self._write("insert_one", (document,), arguments, options))

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
