"""The methods of a collection and of its cursors as PyMongo has them."""

from __future__ import annotations

from typing import Any

from tests.conformance.case import Call, Case, numbered

THREE = numbered("c", "a", "b")


def asks(
    name: str,
    method: str,
    arguments: tuple[Any, ...],
    expected: Any,
    options: dict[str, Any] | None = None,
    **fields: Any,
) -> Case:
    return Case(
        "api",
        name,
        THREE,
        Call(method, arguments, options or {}, fields.pop("chain", ())),
        expected,
        **fields,
    )


# fmt: off
CASES: tuple[Case, ...] = (
    asks("count_documents", "count_documents", ({},), 3),
    asks("count_documents with a query", "count_documents", ({"v": {"$gt": "a"}},), 2),
    asks("count_documents with skip and limit", "count_documents", ({},), 1, {"skip": 1, "limit": 1}),
    asks("estimated_document_count", "estimated_document_count", (), 3),
    asks("find_one", "find_one", ({"v": "a"},), {"_id": 2, "v": "a"}),
    asks("find_one by _id", "find_one", (2,), {"_id": 2, "v": "a"}),
    asks("find_one of nothing", "find_one", ({"v": "z"},), None),
    asks("find_one with projection and order", "find_one", ({}, {"_id": 0}), {"v": "a"},
        {"sort": [("v", 1)]}),
    asks("find with keywords", "find", (), [{"_id": 3}], {
        "filter": {}, "projection": ["_id"], "sort": [("v", 1)], "skip": 1, "limit": 1}),
    asks("find with a hint", "find", ({"v": "a"},), [{"_id": 2, "v": "a"}], {"hint": [("_id", 1)]}),
    asks("batches", "find", ({},), list(THREE), chain=(("sort", ("_id", 1)), ("batch_size", (2,)))),
    asks("to_list", "find", ({},), list(THREE), chain=(("sort", ("_id", 1)), ("to_list", ()))),
    asks("to_list with a length", "find", ({},), list(THREE[:2]),
        chain=(("sort", ("_id", 1)), ("to_list", (2,)))),
    asks("to_list of a pipeline", "aggregate", ([{"$sort": {"_id": 1}}],), list(THREE),
        chain=(("to_list", ()),)),
    asks("order after find", "find", ({},), [THREE[1], THREE[2], THREE[0]], chain=(("sort", ([("v", 1)],)),)),
    asks("order is the last asked for", "find", ({},), [THREE[0], THREE[2], THREE[1]],
         chain=(("sort", ("v", 1)), ("sort", ("v", -1)))),
    asks("order before limit, however written", "find", ({}, {"_id": 1}), [{"_id": 2}],
        chain=(("limit", (1,)), ("sort", ("v", 1)))),
    asks("a cursor has an item", "find", ({},), THREE[0], chain=(("sort", ("_id", 1)), ("next", ()))),
    asks("aggregate may use the disk", "aggregate", ([{"$match": {"v": "a"}}],), [THREE[1]],
        {"allowDiskUse": True}),
    asks("aggregate with a comment", "aggregate", ([{"$match": {"v": "a"}}],), [THREE[1]],
        {"comment": "why"}),
    asks("insert_many answers the ids", "insert_many", ([{"_id": n} for n in (8, 9)],), [8, 9]),
    asks("drop", "drop", (), None, left=[]),
    asks("drop forgets the indexes", "insert_one", ({"_id": 9, "v": "a"},), 9, left=[{"_id": 9, "v": "a"}],
         before=(Call("create_index", ("v",), {"unique": True}), Call("drop"))),
    asks("the natural order is that of insertion", "find", ({},), list(THREE)),
    Case("api", "an absent collection is empty", (), Call("find", ({},)), []),
    Case("api", "an absent collection counts 0", (), Call("count_documents", ({},)), 0),
    Case("api", "a document without _id gets one", (), Call("aggregate",
        ([{"$project": {"_id": {"$type": "$_id"}}}],)),
         [{"_id": "objectId"}], before=(Call("insert_one", ({"v": 1},)),)),
)
