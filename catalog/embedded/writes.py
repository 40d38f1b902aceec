"""Carries out inserts, replacements, updates and deletes within one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId, Regex, Timestamp

from catalog.embedded.codec import decode_naive, encode
from catalog.embedded.planner import plan_filter
from catalog.embedded.scan import Found, Query, search
from catalog.embedded.schema import Schema
from catalog.embedded.writer import Writer
from catalog.errors import InvalidDocument, InvalidUpdate
from catalog.language.order import UNSORTED, Sort
from catalog.language.query import predicate
from catalog.language.updating import Update, equalities
from catalog.language.values import encode_key
from catalog.limits import refused

__all__ = ["Change", "Writes"]

_STAMP = b"\x11"  # the BSON type of a timestamp


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did."""

    matched: int = 0
    modified: int = 0
    upserted: Any = None
    inserted: bool = False


class Writes:
    """The writes of one transaction to one collection.

    `flush` must be called before the transaction is committed.

    Parameters
    ----------
    schemas : Schema
        The collections of the file.
    connection : sqlite3.Connection
        A connection in a transaction.
    name : str
        The collection; made if there is none.
    """

    def __init__(self, schemas: Schema, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._schema = schemas.make(connection, name)
        self._writer = Writer(connection, self._schema)

    def flush(self) -> None:
        """Write what was kept back."""
        self._writer.flush()

    def forget(self) -> None:
        """Drop what was kept back, after a rollback."""
        self._writer.forget()

    def insert(self, document: Mapping[str, Any], blob: bytes | None = None) -> Change:
        """Write a new document; one without an ``_id`` is given one, as by a server."""
        blob = encode(document) if blob is None else blob
        decoded = decode_naive(blob)
        if "_id" not in decoded:
            decoded = {"_id": ObjectId(), **decoded}
            blob = encode(decoded)
        check_id(decoded["_id"])
        if _STAMP in blob and Timestamp(0, 0) in [v for v in decoded.values() if type(v) is Timestamp]:
            raise refused("Timestamp(0, 0)", "value")
        self._writer.insert(decoded, blob)
        return Change(inserted=True)

    def put(self, found: Found, document: Mapping[str, Any], blob: bytes | None = None) -> bool:
        """Write a document in the place of one that was found; tell whether it is another."""
        blob = encode(document) if blob is None else blob
        if blob == found.blob:
            return False
        self._writer.replace(found.number, found.blob, decode_naive(blob), blob)
        return True

    def find(self, query: Mapping[str, Any], *, sort: Sort = UNSORTED, limit: int = 0) -> Iterator[Found]:
        """Find documents as this transaction has left them."""
        if not sort.keys and (value := _only_id(query)) is not None:
            row = self._writer.lookup(encode_key(value))
            return iter(() if row is None else (Found(*row),))
        self._writer.flush()
        return search(
            self._connection, self._schema, Query(predicate(query), plan_filter(query, self._schema), sort, 0, limit)
        )

    def replace(
        self,
        query: Mapping[str, Any],
        document: Mapping[str, Any],
        *,
        upsert: bool,
        sort: Sort = UNSORTED,
        blob: bytes | None = None,
    ) -> Change:
        """Replace the first document that matches; `blob` is the replacement, encoded."""
        blob = blob if "_id" in document else None
        found = next(self.find(query, sort=sort, limit=1), None)
        if found is not None:
            if "_id" not in document:
                document = {"_id": found.decoded()["_id"], **document}
            elif query.get("_id", document) != document["_id"]:
                _same_id(found.decoded()["_id"], document["_id"])
            return Change(1, int(self.put(found, document, blob)))
        if not upsert:
            return Change()
        wanted = _only_id(query)
        wanted = equalities(query).get("_id") if wanted is None else wanted
        if "_id" in document:
            _same_id(wanted, document["_id"])
        else:
            document = {"_id": ObjectId() if wanted is None else wanted, **document}
        self.insert(document, blob)
        return Change(upserted=document["_id"], inserted=True)

    def update(
        self, query: Mapping[str, Any], update: Update, *, many: bool, upsert: bool, sort: Sort = UNSORTED
    ) -> Change:
        """Update the first document that matches, or all."""
        matched = modified = 0
        # The search settled on numbers, or walks them upwards: what is written here is not met again.
        for found in self.find(query, sort=sort, limit=0 if many else 1):
            matched += 1
            modified += self.put(found, update(found.decoded(), False))
        if matched or not upsert:
            return Change(matched, modified)
        made = update(equalities(query), True)
        if "_id" not in made:
            made = {"_id": ObjectId(), **made}
        self.insert(made)
        return Change(upserted=made["_id"], inserted=True)

    def delete(self, query: Mapping[str, Any], *, many: bool) -> int:
        """Remove the first document that matches, or all; return their number."""
        deleted = 0
        for found in self.find(query, limit=0 if many else 1):
            self._writer.delete(found.number, found.blob)
            deleted += 1
        return deleted


def _only_id(query: Mapping[str, Any]) -> Any:
    """Return the ``_id`` that is all a filter asks for, if it is a plain one."""
    value = query.get("_id") if len(query) == 1 else None
    return value if isinstance(value, (str, int, ObjectId)) else None


def check_id(value: Any) -> None:
    """Refuse an ``_id`` that MongoDB refuses."""
    if isinstance(value, (list, Regex)):
        raise InvalidUpdate(f"The '_id' value cannot be of type {type(value).__name__}", 53)
    if isinstance(value, dict) and any(name.startswith("$") for name in value):
        raise InvalidDocument("_id fields may not contain '$'-prefixed fields; encode them first")


def _same_id(old: Any, new: Any) -> None:
    if old is not None and encode_key(old) != encode_key(new):
        raise InvalidUpdate(
            f"the (immutable) field '_id' was found to have been altered to {new!r}; insert and delete instead",
            66,
        )
