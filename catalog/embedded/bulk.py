"""Carries out bulk writes: PyMongo's requests, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from pymongo.results import BulkWriteResult

from catalog.embedded.codec import encode, normalise
from catalog.embedded.cursor import read_sort
from catalog.embedded.schema import Schema
from catalog.embedded.writes import Change, Writes
from catalog.errors import BulkFailure, CatalogError, InvalidQuery, StorageFull
from catalog.language.query import system_variables
from catalog.language.updating import Update, compile_update
from catalog.limits import check_options

__all__ = ["bulk_write"]

_ALLOWED = frozenset({"hint"})


@dataclass(frozen=True, slots=True)
class _Insert:
    document: Mapping[str, Any]
    blob: bytes

    def apply(self, writes: Writes) -> Change:
        writes.insert(self.document, self.blob)
        return Change(inserted=True)


@dataclass(frozen=True, slots=True)
class _Replace:
    query: Mapping[str, Any]
    document: Mapping[str, Any]
    blob: bytes
    upsert: bool
    sort: Any

    def apply(self, writes: Writes) -> Change:
        sort = read_sort(self.sort)
        return writes.replace(self.query, self.document, upsert=self.upsert, sort=sort, blob=self.blob)


@dataclass(frozen=True, slots=True)
class _Update:
    query: Mapping[str, Any]
    update: Update
    many: bool
    upsert: bool
    sort: Any

    def apply(self, writes: Writes) -> Change:
        sort = read_sort(self.sort)
        return writes.update(self.query, self.update, many=self.many, upsert=self.upsert, sort=sort)


@dataclass(frozen=True, slots=True)
class _Delete:
    query: Mapping[str, Any]
    many: bool

    def apply(self, writes: Writes) -> Change:
        return Change(matched=writes.delete(self.query, many=self.many))


@dataclass(slots=True)
class _Collector:
    """Takes PyMongo's requests as its own bulk builder does, and checks them before anything is written."""

    variables: Mapping[str, Any] = field(default_factory=system_variables)  # one $$NOW for all
    operations: list[_Insert | _Replace | _Update | _Delete] = field(default_factory=list)

    def add_insert(self, document: MutableMapping[str, Any]) -> None:
        if "_id" not in document:
            document["_id"] = ObjectId()
        self.operations.append(_Insert(document, encode(document)))

    def add_replace(
        self,
        selector: Any,
        replacement: Any,
        upsert: bool | None = False,
        sort: Any = None,
        **options: Any,
    ) -> None:
        check_options(options, allowed=_ALLOWED)
        check_replacement(replacement)
        blob = encode(replacement)
        self.operations.append(_Replace(normalise(selector), replacement, blob, bool(upsert), sort))

    def add_update(
        self,
        selector: Any,
        update: Any,
        multi: bool,
        upsert: bool | None = False,
        **options: Any,
    ) -> None:
        sort = options.pop("sort", None)
        check_options(options, allowed=_ALLOWED)
        compiled = checked_update(update, self.variables)
        self.operations.append(_Update(normalise(selector), compiled, multi, bool(upsert), sort))

    def add_delete(self, selector: Any, limit: int, **options: Any) -> None:
        check_options(options, allowed=_ALLOWED)
        self.operations.append(_Delete(normalise(selector), limit == 0))


def check_replacement(document: Any) -> None:
    """Refuse what cannot replace a document, as PyMongo does."""
    if not isinstance(document, Mapping):
        raise TypeError(f"replacement must be an instance of dict, not {type(document).__name__}")
    if next(iter(document), "").startswith("$"):
        raise ValueError("replacement can not include $ operators")


def checked_update(update: Any, variables: Mapping[str, Any] | None = None) -> Update:
    """Return the function of an update, or refuse it as PyMongo or the server does."""
    if not isinstance(update, (Mapping, list)):
        raise TypeError("update must be a mapping or a list of stages")
    if not update:
        raise ValueError("update cannot be empty")
    if isinstance(update, Mapping) and not next(iter(update)).startswith("$"):
        raise ValueError("update only works with $ operators")
    return compile_update(normalise(update), variables)


def bulk_write(schemas: Schema, name: str, requests: Sequence[Any], *, ordered: bool) -> BulkWriteResult:
    """Carry out bulk requests.

    What succeeded before an error stays written, as on a server. If the transaction cannot be
    committed, nothing is.

    Raises
    ------
    BulkFailure
        If a request failed.
    """
    collector = _Collector()
    for request in requests:
        if not hasattr(request, "_add_to_bulk"):
            raise TypeError(f"{request!r} is not a valid request")
        request._add_to_bulk(collector)
    if not collector.operations:
        raise InvalidQuery("no operations to execute: requests must be a non-empty list", 2)
    tally = _Tally()
    with schemas.file.transaction() as connection:
        writes = Writes(schemas, connection, name)
        for index, operation in enumerate(collector.operations):
            try:
                tally.note(index, operation, _shielded(connection, writes, operation))
            except (CatalogError, ValueError) as error:
                if isinstance(error, StorageFull):
                    raise
                tally.fail(index, operation, error)
                if ordered:
                    break
        writes.flush()
    if tally.errors:
        first = tally.errors[0]["errmsg"]
        raise BulkFailure(
            f"{name}: {len(tally.errors)} operation(s) of a bulk write failed, the first: {first}",
            tally.details(),
        )
    return BulkWriteResult(tally.details(), True)


def _shielded(connection: sqlite3.Connection, writes: Writes, operation: Any) -> Change:
    """Apply one operation whole or not at all."""
    if not isinstance(operation, _Update) or not operation.many:
        return operation.apply(writes)  # type: ignore[no-any-return]
    writes.flush()
    connection.execute("SAVEPOINT operation")
    try:
        change: Change = operation.apply(writes)
        writes.flush()
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO operation")
        writes.forget()
        raise
    connection.execute("RELEASE operation")
    return change


@dataclass(slots=True)
class _Tally:
    """What a bulk write did."""

    inserted: int = 0
    matched: int = 0
    modified: int = 0
    removed: int = 0
    upserted: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def note(self, index: int, operation: Any, change: Change) -> None:
        if isinstance(operation, _Delete):
            self.removed += change.matched
        elif isinstance(operation, _Insert):
            self.inserted += 1
        elif change.inserted:
            self.upserted.append({"index": index, "_id": change.upserted})
        else:
            self.matched += change.matched
            self.modified += change.modified

    def fail(self, index: int, operation: Any, error: Exception) -> None:
        code = getattr(error, "code", None) or 2
        op = operation.document if isinstance(operation, _Insert) else dict(operation.query)
        entry: dict[str, Any] = {
            "index": index,
            "code": code,
            "errmsg": str(getattr(error, "_message", error)),
            "op": op,
        }
        details = getattr(error, "details", None) or {}
        entry.update({key: details[key] for key in ("keyPattern", "keyValue") if key in details})
        self.errors.append(entry)

    def details(self) -> dict[str, Any]:
        return {
            "writeErrors": self.errors, "writeConcernErrors": [], "nInserted": self.inserted,
            "nUpserted": len(self.upserted), "nMatched": self.matched, "nModified": self.modified,
            "nRemoved": self.removed, "upserted": self.upserted,
        }  # fmt: skip
