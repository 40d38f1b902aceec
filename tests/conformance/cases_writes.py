"""Inserts, updates, replacements and deletions: what they report and what they leave."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError

from tests.conformance.case import UNSEEN, Call, Case, Document, numbered

ROWS: tuple[Document, ...] = ({"_id": 1, "rows": [{"k": "x", "n": 1}, {"k": "y", "n": 9}]},)
COUNTER: tuple[Document, ...] = ({"_id": 1, "n": 1},)
OID = ObjectId("5" * 24)


def writes(
    name: str,
    given: tuple[Document, ...],
    method: str,
    arguments: tuple[Any, ...],
    expected: Any,
    left: Any,
    options: dict[str, Any] | None = None,
    **fields: Any,
) -> Case:
    return Case("writes", name, given, Call(method, arguments, options or {}), expected, left=left, **fields)


def updates(name: str, before: Document, update: Any, after: Document, **options: Any) -> Case:
    """``update_one`` on the one document there is."""
    call = Call("update_one", ({"_id": 1}, update), options)
    return Case("writes", name, ({"_id": 1, **before},), call, UNSEEN, left=[{"_id": 1, **after}])


def report(matched: int, modified: int, upserted: object = None) -> dict[str, object]:
    return {"matched": matched, "modified": modified, "upserted": upserted}


# fmt: off
INSERTS = (
    writes("insert_one", (), "insert_one", ({"_id": OID, "a": 1},), OID, [{"_id": OID, "a": 1}]),
    writes("insert_many", (), "insert_many", ([{"_id": 2}, {"_id": 1}],), [2, 1], [{"_id": 1}, {"_id": 2}]),
    writes("delete_one", numbered(1, 1), "delete_one", ({"v": 1},), 1, [{"_id": 2, "v": 1}]),
    writes("delete_one of nothing", numbered(1), "delete_one", ({"v": 9},), 0, list(numbered(1))),
    writes("delete_many", numbered(1, 1, 2), "delete_many", ({"v": 1},), 2, [{"_id": 3, "v": 2}]),
    writes("delete_many of all", numbered(1, 2), "delete_many", ({},), 2, []),
)
FIELDS = (
    updates("$set of a path", {"h": {"a": 1}}, {"$set": {"h.b": 2}}, {"h": {"a": 1, "b": 2}}),
    updates("$set makes the path", {}, {"$set": {"h.a.b": 2}}, {"h": {"a": {"b": 2}}}),
    updates("$set keeps the field's place", {"a": 1, "b": 2}, {"$set": {"a": "x"}}, {"a": "x", "b": 2}),
    updates("$set of a position", {"v": [1, 2]}, {"$set": {"v.1": 9}}, {"v": [1, 9]}),
    updates("$set of true over 1", {"v": 1}, {"$set": {"v": True}}, {"v": True}),
    updates("$set of a double over an int", {"v": 1}, {"$set": {"v": 1.0}}, {"v": 1.0}),
    updates("$unset", {"a": 1, "h": {"b": 2, "c": 3}}, {"$unset": {"h.b": "", "q": ""}},
        {"a": 1, "h": {"c": 3}}),
    updates("$inc", {"n": 1}, {"$inc": {"n": 2}}, {"n": 3}),
    updates("$inc with a double", {"n": 1}, {"$inc": {"n": 0.5}}, {"n": 1.5}),
    updates("$inc of the missing", {}, {"$inc": {"n": 2}}, {"n": 2}),
    updates("$mul", {"n": 3}, {"$mul": {"n": 2}}, {"n": 6}),
    updates("$mul of the missing", {}, {"$mul": {"n": 2}}, {"n": 0}),
    updates("$min", {"n": 3}, {"$min": {"n": 2}}, {"n": 2}),
    updates("$max leaves the greater", {"n": 3}, {"$max": {"n": 2}}, {"n": 3}),
    updates("$rename", {"a": 1}, {"$rename": {"a": "b"}}, {"b": 1}),
    updates("$bit", {"n": 13}, {"$bit": {"n": {"and": 10}}}, {"n": 8}),
)
ARRAYS = (
    updates("$push", {"v": [1]}, {"$push": {"v": 2}}, {"v": [1, 2]}),
    updates("$push makes the array", {}, {"$push": {"v": 2}}, {"v": [2]}),
    updates("$push $each with $sort and $slice", {"v": [5, 1]},
        {"$push": {"v": {"$each": [3, 9], "$sort": 1, "$slice": -3}}},
            {"v": [3, 5, 9]}),
    updates("$push $each with $position", {"v": [1]}, {"$push": {"v": {"$each": [7, 8], "$position": 0}}},
        {"v": [7, 8, 1]}),
    updates("$addToSet", {"v": [1]}, {"$addToSet": {"v": 1}}, {"v": [1]}),
    updates("$addToSet $each", {"v": ["a"]}, {"$addToSet": {"v": {"$each": ["a", "b"]}}}, {"v": ["a", "b"]}),
    updates("$pull", {"v": [1, 5, 9]}, {"$pull": {"v": {"$gte": 5}}}, {"v": [1]}),
    updates("$pull of documents", dict(ROWS[0]), {"$pull": {"rows": {"k": "x"}}},
        {"rows": [{"k": "y", "n": 9}]}),
    updates("$pullAll", {"v": [1, 2, 1]}, {"$pullAll": {"v": [1]}}, {"v": [2]}),
    updates("$pop of the first", {"v": [1, 2]}, {"$pop": {"v": -1}}, {"v": [2]}),
    updates("$[]", {"v": [1, 2]}, {"$inc": {"v.$[]": 10}}, {"v": [11, 12]}),
    updates("$[name]", dict(ROWS[0]), {"$set": {"rows.$[r].n": 0}},
        {"rows": [{"k": "x", "n": 1}, {"k": "y", "n": 0}]},
            array_filters=[{"r.n": {"$gt": 5}}]),
    writes("$ of the matched element", ROWS, "update_one", ({"rows.k": "y"}, {"$set": {"rows.$.n": 0}}),
        report(1, 1),
           [{"_id": 1, "rows": [{"k": "x", "n": 1}, {"k": "y", "n": 0}]}]),
    updates("update by a pipeline", {"a": 1, "b": 2}, [{"$set": {"c": {"$add": ["$a", "$b"]}}},
        {"$unset": "a"}],
            {"b": 2, "c": 3}),
)
UPSERTS = (
    writes("update_one counts", numbered(1, 1), "update_one", ({"v": 1}, {"$set": {"v": 2}}), report(1, 1),
           [{"_id": 1, "v": 2}, {"_id": 2, "v": 1}]),
    writes("update that changes nothing", numbered(1), "update_one", ({}, {"$set": {"v": 1}}), report(1, 0),
        list(numbered(1))),
    writes("update of nothing", numbered(1), "update_one", ({"_id": 9}, {"$set": {"v": 2}}), report(0, 0),
        list(numbered(1))),
    writes("update_many counts", numbered(1, 2, 1), "update_many", ({"v": {"$lt": 3}}, {"$set": {"v": 2}}),
        report(3, 2),
           list(numbered(2, 2, 2))),
    writes("upsert", (), "update_one", ({"_id": "a"}, {"$set": {"v": 1}}), report(0, 0, "a"),
        [{"_id": "a", "v": 1}],
           {"upsert": True}),
    writes("upsert takes the query's equalities", (), "update_one",
        ({"_id": 1, "h.k": "x", "n": {"$gt": 5}}, {"$set": {"v": 1}}),
           report(0, 0, 1), [{"_id": 1, "h": {"k": "x"}, "v": 1}], {"upsert": True}),
    writes("$setOnInsert on insert", (), "update_one", ({"_id": 1}, {"$setOnInsert": {"n": 0}}),
        report(0, 0, 1),
           [{"_id": 1, "n": 0}], {"upsert": True}),
    writes("$setOnInsert on update", COUNTER, "update_one", ({"_id": 1},
        {"$setOnInsert": {"n": 0}, "$set": {"m": 1}}),
           report(1, 1), [{"_id": 1, "n": 1, "m": 1}], {"upsert": True}),
    writes("replace_one", numbered(1), "replace_one", ({"v": 1}, {"w": 2}), report(1, 1),
        [{"_id": 1, "w": 2}]),
    writes("replace_one upsert", (), "replace_one", ({"_id": 1}, {"w": 2}), report(0, 0, 1),
        [{"_id": 1, "w": 2}], {"upsert": True}),
    writes("replace_one with the same", numbered(1), "replace_one", ({"_id": 1}, {"_id": 1, "v": 1}),
        report(1, 0),
           list(numbered(1))),
)
FIND_AND = (
    writes("find_one_and_update answers before", COUNTER, "find_one_and_update",
        ({"_id": 1}, {"$inc": {"n": 1}}),
           {"_id": 1, "n": 1}, [{"_id": 1, "n": 2}]),
    writes("find_one_and_update answers after", COUNTER, "find_one_and_update",
        ({"_id": 1}, {"$inc": {"n": 1}}),
           {"_id": 1, "n": 2}, [{"_id": 1, "n": 2}], {"return_document": ReturnDocument.AFTER}),
    writes("find_one_and_update with upsert", (), "find_one_and_update", ({"_id": 1}, {"$inc": {"n": 1}}),
        None,
           [{"_id": 1, "n": 1}], {"upsert": True}),
    writes("find_one_and_update of nothing", COUNTER, "find_one_and_update", ({"_id": 9}, {"$inc": {"n": 1}}),
        None, list(COUNTER)),
    writes("find_one_and_replace", COUNTER, "find_one_and_replace", ({"n": 1}, {"m": 2}), {"_id": 1, "m": 2},
        [{"_id": 1, "m": 2}],
           {"return_document": ReturnDocument.AFTER}),
    writes("find_one_and_delete in an order", numbered(1, 3, 2), "find_one_and_delete", ({},), {"v": 3},
           [{"_id": 1, "v": 1}, {"_id": 3, "v": 2}], {"sort": [("v", -1)], "projection": {"_id": 0}}),
)
MIXTURE = [
    InsertOne({"_id": 3, "v": 3}),
    UpdateOne({"_id": 1}, {"$set": {"v": 10}}),
    UpdateOne({"_id": 4}, {"$set": {"v": 4}}, upsert=True),
    ReplaceOne({"_id": 2}, {"w": 2}),
    UpdateMany({"v": {"$gte": 3}}, {"$inc": {"v": 1}}),
    DeleteOne({"_id": 3}),
]
CLASHES = [InsertOne({"_id": 2}), InsertOne({"_id": 1}), InsertOne({"_id": 3})]
BULK = (
    writes("bulk_write", numbered(1, 2), "bulk_write", (MIXTURE,),
           {"inserted": 1, "matched": 5, "modified": 5, "deleted": 1, "upserted": {2: 4}},
           [{"_id": 1, "v": 11}, {"_id": 2, "w": 2}, {"_id": 4, "v": 5}]),
    writes("bulk_write of replacements", numbered(1), "bulk_write",
           ([ReplaceOne({"_id": n}, {"_id": n, "v": 5}, upsert=True) for n in (1, 2)],),
           {"inserted": 0, "matched": 1, "modified": 1, "deleted": 0, "upserted": {1: 2}},
           list(numbered(5, 5))),
    writes("bulk_write deletes many", numbered(1, 1, 2), "bulk_write", ([DeleteMany({"v": 1})],),
           {"inserted": 0, "matched": 0, "modified": 0, "deleted": 2, "upserted": {}}, [{"_id": 3, "v": 2}]),
    writes("ordered bulk_write stops", ({"_id": 1},), "bulk_write", (CLASHES,), UNSEEN,
        [{"_id": 1}, {"_id": 2}],
           error=BulkWriteError, details={"nInserted": 1, "indexes": [1]}),
    writes("unordered bulk_write goes on", ({"_id": 1},), "bulk_write", (CLASHES,), UNSEEN,
        [{"_id": 1}, {"_id": 2}, {"_id": 3}],
           {"ordered": False}, error=BulkWriteError, details={"nInserted": 2, "indexes": [1]}),
)
CASES: tuple[Case, ...] = INSERTS + FIELDS + ARRAYS + UPSERTS + FIND_AND + BULK
