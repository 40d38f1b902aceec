"""Uniqueness, and the errors a user of PyMongo catches."""

from __future__ import annotations

from typing import Any

from bson.errors import InvalidDocument
from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, OperationFailure, WriteError

from tests.conformance.case import Call, Case, Document, numbered

UNIQUE = Call("create_index", ("v",), {"unique": True})
ROOT_PATH = Call("create_index", ([("root", 1), ("path", 1)],), {"unique": True})
FILES: tuple[Document, ...] = ({"_id": 1, "root": "r", "path": "a"}, {"_id": 2, "root": "s", "path": "a"})


def fails(
    name: str,
    given: tuple[Document, ...],
    method: str,
    arguments: tuple[Any, ...],
    error: type[BaseException] | tuple[type[BaseException], ...],
    before: tuple[Call, ...] = (),
    **fields: Any,
) -> Case:
    """A call that raises; what was there stays there unless `left` says otherwise."""
    options = fields.pop("options", {})
    left = fields.pop("left", sorted(given, key=lambda document: document["_id"]))
    return Case(
        "errors",
        name,
        given,
        Call(method, arguments, options),
        error=error,
        left=left,
        before=before,
        **fields,
    )


def allowed(name: str, document: Document, before: tuple[Call, ...], given: tuple[Document, ...] = ()) -> Case:
    call = Call("insert_one", (document,))
    return Case("errors", name, given, call, document["_id"], left=[*given, document], before=before)


def update_fails(name: str, update: Any, error: type[BaseException] = WriteError) -> Case:
    given = ({"_id": 1, "n": 1, "s": "x", "v": [1], "h": {"a": 1}},)
    return fails(name, given, "update_one", ({"_id": 1}, update), error)


# fmt: off
UNIQUENESS = (
    fails("duplicate _id", numbered(1), "insert_one", ({"_id": 1},), DuplicateKeyError),
    fails("duplicate _id of int and double", numbered(1), "insert_one", ({"_id": 1.0},), DuplicateKeyError),
    fails("duplicate value", numbered("a"), "insert_one", ({"_id": 2, "v": "a"},), DuplicateKeyError,
        (UNIQUE,)),
    fails("30 and 30.0 clash", numbered(30), "insert_one", ({"_id": 2, "v": 30.0},), DuplicateKeyError,
        (UNIQUE,)),
    fails("two missing values clash", ({"_id": 1},), "insert_one", ({"_id": 2},), DuplicateKeyError,
        (UNIQUE,)),
    fails("missing and null clash", ({"_id": 1},), "insert_one", ({"_id": 2, "v": None},), DuplicateKeyError,
        (UNIQUE,)),
    fails("elements of arrays clash", numbered([1, 2]), "insert_one", ({"_id": 2, "v": 2},),
        DuplicateKeyError, (UNIQUE,)),
    allowed("one array may repeat itself", {"_id": 1, "v": [1, 1]}, (UNIQUE,)),
    allowed("true and 1 do not clash", {"_id": 2, "v": True}, (UNIQUE,), numbered(1)),
    allowed("sparse leaves the missing out", {"_id": 2}, (Call("create_index", ("v",),
        {"unique": True, "sparse": True}),),
            ({"_id": 1},)),
    allowed("partial leaves the others out", {"_id": 2, "v": "a", "k": "dark"},
            (Call("create_index", ("v",), {"unique": True, "partialFilterExpression": {"k": "light"}}),),
            ({"_id": 1, "v": "a", "k": "dark"},)),
    fails("two fields clash", FILES, "insert_one", ({"_id": 3, "root": "r", "path": "a"},), DuplicateKeyError,
        (ROOT_PATH,)),
    allowed("one of two fields may repeat", {"_id": 3, "root": "r", "path": "b"}, (ROOT_PATH,), FILES),
    fails("an update into a clash", numbered("a", "b"), "update_one", ({"_id": 2}, {"$set": {"v": "a"}}),
        DuplicateKeyError, (UNIQUE,)),
    fails("a replacement into a clash", numbered("a", "b"), "replace_one", ({"_id": 2}, {"v": "a"}),
        DuplicateKeyError, (UNIQUE,)),
    fails("an upsert into a clash", numbered("a"), "update_one", ({"_id": 2}, {"$set": {"v": "a"}}),
        DuplicateKeyError, (UNIQUE,),
          options={"upsert": True}),
    fails("a unique index over duplicates", numbered("a", "a"), "create_index", ("v",), DuplicateKeyError,
        options={"unique": True}),
    fails("ordered insert_many stops", numbered(1), "insert_many", ([{"_id": 2}, {"_id": 1}, {"_id": 3}],),
        BulkWriteError,
          left=[{"_id": 1, "v": 1}, {"_id": 2}], details={"nInserted": 1, "indexes": [1]}),
    fails("unordered insert_many goes on", numbered(1), "insert_many",
        ([{"_id": 1}, {"_id": 2}, {"_id": 1}],), BulkWriteError,
          left=[{"_id": 1, "v": 1}, {"_id": 2}], options={"ordered": False},
              details={"nInserted": 1, "indexes": [0, 2]}),
)
UPDATES = (
    update_fails("_id never changes", {"$set": {"_id": 2}}),
    update_fails("$inc of text", {"$inc": {"s": 1}}),
    update_fails("$inc by text", {"$inc": {"n": "1"}}),
    fails("$inc over 64 bits", ({"_id": 1, "n": 2**63 - 1},), "update_one", ({}, {"$inc": {"n": 1}}), WriteError),
    update_fails("$push onto no array", {"$push": {"s": 1}}),
    update_fails("$set below a number", {"$set": {"n.a": 1}}),
    update_fails("two changes of one path", {"$set": {"h.a": 2}, "$inc": {"h.a": 1}}),
    update_fails("a change above another", {"$set": {"h": {}, "h.a": 1}}),
    update_fails("unknown update operator", {"$perhaps": {"n": 1}}),
    update_fails("an update without operator", {"n": 2}, ValueError),
    update_fails("an empty update", {}, ValueError),
    fails("a replacement with an operator", numbered(1), "replace_one", ({}, {"$set": {"v": 2}}), ValueError),
    fails("a replacement of the _id", numbered(1), "replace_one", ({"_id": 1}, {"_id": 2}), WriteError),
    fails("update_many with an unknown operator", numbered(1), "update_many", ({}, {"$perhaps": {"v": 1}}),
        WriteError),
    fails("find_one_and_update of text by $inc", numbered("a"), "find_one_and_update",
        ({}, {"$inc": {"v": 1}}), OperationFailure),
)
DOCUMENTS = (
    fails("over 16 MB", (), "insert_one", ({"_id": 1, "v": "x" * (16 * 1024 * 1024)},), DocumentTooLarge),
    fails("an integer over 64 bits", (), "insert_one", ({"_id": 1, "v": 2**63},),
        (OverflowError, InvalidDocument)),
    fails("a key that is no text", (), "insert_one", ({"_id": 1, 5: "v"},), InvalidDocument),
    fails("a value that is not BSON", (), "insert_one", ({"_id": 1, "v": object()},), InvalidDocument),
    fails("a set", (), "insert_one", ({"_id": 1, "v": {1, 2}},), InvalidDocument),
    fails("a key with NUL", (), "insert_one", ({"_id": 1, "a\0b": 1},), InvalidDocument),
    fails("no document", (), "insert_one", (["v"],), TypeError),
    fails("an array for _id", (), "insert_one", ({"_id": [1]},), WriteError),
    fails("insert_many of nothing", (), "insert_many", ([],), TypeError),
    Case("errors", "a negative skip", numbered(1), Call("find", chain=(("skip", (-1,)),)), error=ValueError),
)
CASES: tuple[Case, ...] = UNIQUENESS + UPDATES + DOCUMENTS
