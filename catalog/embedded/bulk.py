"""Carries out bulk writes: PyMongo's requests, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
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
class _Operation:
    """One request: its kind, the document or the filter it names, and what carries it out."""

    kind: Literal["insert", "replace", "update", "update many", "delete"]
    named: Mapping[str, Any]
    apply: Callable[[Writes], Change]


@dataclass(slots=True)
class _Collector:
    """Takes PyMongo's requests as its own bulk builder does, and checks them before anything is written."""

    variables: Mapping[str, Any] = field(default_factory=system_variables)  # one $$NOW for all
    operations: list[_Operation] = field(default_factory=list)

    def add_insert(self, document: MutableMapping[str, Any]) -> None:
        # One that is encoded already is given its name where it is decoded, and is not decoded twice for it.
        if not isinstance(document, RawBSONDocument) and "_id" not in document:
            document["_id"] = ObjectId()
        blob = encode(document)
        self.operations.append(_Operation("insert", document, lambda writes: writes.insert(document, blob)))

    def add_replace(
        self, selector: Any, replacement: Any, upsert: bool | None = False, sort: Any = None, **options: Any
    ) -> None:
        check_options(options, allowed=_ALLOWED)
        check_replacement(replacement)
        query, blob = normalise(selector), encode(replacement)

        def apply(writes: Writes) -> Change:
            return writes.replace(query, replacement, upsert=bool(upsert), sort=read_sort(sort), blob=blob)

        self.operations.append(_Operation("replace", query, apply))

    def add_update(
        self, selector: Any, update: Any, multi: bool, upsert: bool | None = False, sort: Any = None, **options: Any
    ) -> None:
        check_options(options, allowed=_ALLOWED)
        query, compiled = normalise(selector), checked_update(update, self.variables)

        def apply(writes: Writes) -> Change:
            return writes.update(query, compiled, many=multi, upsert=bool(upsert), sort=read_sort(sort))

        self.operations.append(_Operation("update many" if multi else "update", query, apply))

    def add_delete(self, selector: Any, limit: int, **options: Any) -> None:
        check_options(options, allowed=_ALLOWED)
        query = normalise(selector)

        def apply(writes: Writes) -> Change:
            return Change(matched=writes.delete(query, many=limit == 0))

        self.operations.append(_Operation("delete", query, apply))


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


def _shielded(connection: sqlite3.Connection, writes: Writes, operation: _Operation) -> Change:
    """Apply one operation whole or not at all."""
    if operation.kind != "update many":
        return operation.apply(writes)
    writes.flush()
    connection.execute("SAVEPOINT operation")
    try:
        change = operation.apply(writes)
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

    def note(self, index: int, operation: _Operation, change: Change) -> None:
        if operation.kind == "delete":
            self.removed += change.matched
        elif operation.kind == "insert":
            self.inserted += 1
        elif change.inserted:
            self.upserted.append({"index": index, "_id": change.upserted})
        else:
            self.matched += change.matched
            self.modified += change.modified

    def fail(self, index: int, operation: _Operation, error: Exception) -> None:
        code, told = getattr(error, "code", None) or 2, str(getattr(error, "_message", error))
        op = operation.named if operation.kind == "insert" else dict(operation.named)
        entry: dict[str, Any] = {"index": index, "code": code, "errmsg": told, "op": op}
        details = getattr(error, "details", None) or {}
        entry.update({key: details[key] for key in ("keyPattern", "keyValue") if key in details})
        self.errors.append(entry)

    def details(self) -> dict[str, Any]:
        return {
            "writeErrors": self.errors, "writeConcernErrors": [], "nInserted": self.inserted,
            "nUpserted": len(self.upserted), "nMatched": self.matched, "nModified": self.modified,
            "nRemoved": self.removed, "upserted": self.upserted,
        }  # fmt: skip
