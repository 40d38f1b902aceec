"""The stages of a pipeline other than ``$group``."""

from __future__ import annotations

from typing import Any

from pymongo.errors import OperationFailure

from tests.conformance.case import Call, Case, Document, Pipeline, aggregates, numbered

FRAMES: tuple[Document, ...] = (
    {"_id": 1, "k": "dark", "t": 30, "h": {"S": "x", "U": 1}, "tags": ["p", "q"]},
    {"_id": 2, "k": "dark", "t": 2.5, "h": {"S": "y", "U": 2}, "tags": []},
    {"_id": 3, "k": "flat", "t": 4, "h": {"S": "x", "U": 3}},
    {"_id": 4, "k": "light", "t": None, "h": {"S": "z"}, "tags": "p"},
)
MASTERS: tuple[Document, ...] = (
    {"_id": "m1", "s": "x", "n": 3},
    {"_id": "m2", "s": "x", "n": 5},
    {"_id": "m3", "n": 1},
)
PARTS: tuple[Document, ...] = ({"_id": 1, "of": None}, {"_id": 2, "of": 1}, {"_id": 3, "of": 2})
BY_ID = {"$sort": {"_id": 1}}


def stages(name: str, given: tuple[Document, ...], pipeline: Pipeline, expected: list[Any], **fields: Any) -> Case:
    return aggregates("stages", name, given, pipeline, expected, **fields)


def fails(name: str, *pipeline: dict[str, Any]) -> Case:
    return aggregates("stages", name, FRAMES, list(pipeline), error=OperationFailure)


def numbers(*values: object) -> list[Document]:
    return [{"_id": value} for value in values]


def joins(name: str, given: tuple[Document, ...], lookup: dict[str, Any], expected: list[list[Any]]) -> Case:
    """``$lookup`` in ``other``; of what it joins only the ids, in order."""
    pipeline: Pipeline = [
        BY_ID,
        {"$lookup": {"from": "other", "as": "m", **lookup}},
        {"$project": {"_id": 0, "m": "$m._id"}},
    ]
    return stages(name, given, pipeline, [{"m": ids} for ids in expected], other=MASTERS)


# fmt: off
SHAPING = (
    stages("an empty pipeline", numbered(1), [], [{"_id": 1, "v": 1}]),
    stages("$match", FRAMES, [{"$match": {"k": "dark"}}, BY_ID, {"$project": {"_id": 1}}], numbers(1, 2)),
    stages("$match after $group", FRAMES,
           [{"$group": {"_id": "$k", "n": {"$sum": 1}}}, {"$match": {"n": {"$gt": 1}}}],
           [{"_id": "dark", "n": 2}]),
    stages("$match with $expr", FRAMES, [{"$match": {"$expr": {"$eq": ["$h.U", "$_id"]}}}, {"$count": "n"}],
        [{"n": 3}]),
    stages("$project", FRAMES[:1], [{"$project": {"k": 1, "h.S": 1}}],
        [{"_id": 1, "k": "dark", "h": {"S": "x"}}]),
    stages("$project a sub-document", FRAMES[:1], [{"$project": {"_id": 0, "h": {"U": 1}}}],
        [{"h": {"U": 1}}]),
    stages("$project leaves out", FRAMES[:1], [{"$project": {"tags": 0, "h.U": 0}}],
           [{"_id": 1, "k": "dark", "t": 30, "h": {"S": "x"}}]),
    stages("$project renames", FRAMES[:1], [{"$project": {"_id": 0, "kind": "$k", "s": "$h.S"}}],
           [{"kind": "dark", "s": "x"}]),
    stages("$project computes into a path", FRAMES[:1], [{"$project": {"_id": 0,
        "x.y": {"$add": ["$t", 1]}}}],
           [{"x": {"y": 31}}]),
    stages("$project of the missing", FRAMES[2:3], [{"$project": {"_id": 0, "tags": "$tags", "k": 1}}],
        [{"k": "flat"}]),
    stages("$project of an array of expressions", FRAMES[:1],
        [{"$project": {"_id": 0, "p": ["$t", {"$add": ["$t", 1]}]}}],
           [{"p": [30, 31]}]),
    stages("$project array with the missing", FRAMES[:1], [{"$project": {"_id": 0, "p": ["$t", "$q"]}}],
        [{"p": [30, None]}]),
    stages("$project of a nested array of expressions", FRAMES[:1],
        [{"$project": {"_id": 0, "p": [["$t"], {"a": "$t"}]}}],
           [{"p": [[30], {"a": 30}]}]),
    stages("$addFields", numbered({"a": 1}), [{"$addFields": {"v.b": 2, "w": "$v.a"}}],
           [{"_id": 1, "v": {"a": 1, "b": 2}, "w": 1}]),
    stages("$addFields keeps a field's place", ({"_id": 1, "a": 1, "b": 2},), [{"$addFields": {"a": 9}}],
           [{"_id": 1, "a": 9, "b": 2}]),
    stages("$addFields into each element", numbered([{"a": 1}, {"a": 2}]), [{"$addFields": {"v.b": 0}}],
           [{"_id": 1, "v": [{"a": 1, "b": 0}, {"a": 2, "b": 0}]}]),
    stages("$addFields sees the document before it", ({"_id": 1, "a": 1, "b": 2},),
           [{"$addFields": {"a": "$b", "b": "$a"}}], [{"_id": 1, "a": 2, "b": 1}]),
    stages("$set", numbered(1), [{"$set": {"w": {"x": "$v", "y": "z"}}}],
        [{"_id": 1, "v": 1, "w": {"x": 1, "y": "z"}}]),
    stages("$set with $$REMOVE", numbered(1), [{"$set": {"v": "$$REMOVE"}}], [{"_id": 1}]),
    stages("$project with $$REMOVE", numbered(1, 2),
           [BY_ID, {"$project": {"v": {"$cond": [{"$eq": ["$v", 1]}, "$$REMOVE", "$v"]}}}],
           [{"_id": 1}, {"_id": 2, "v": 2}]),
    stages("$unset", FRAMES[:1], [{"$unset": "tags"}], [{"_id": 1, "k": "dark", "t": 30,
        "h": {"S": "x", "U": 1}}]),
    stages("$unset of paths", FRAMES[:1], [{"$unset": ["tags", "h.S", "q"]}],
        [{"_id": 1, "k": "dark", "t": 30, "h": {"U": 1}}]),
    stages("$replaceRoot", FRAMES[:1], [{"$replaceRoot": {"newRoot": "$h"}}], [{"S": "x", "U": 1}]),
    stages("$replaceWith", FRAMES[:1], [{"$replaceWith": {"$mergeObjects": [{"a": 0, "S": 0}, "$h"]}}],
           [{"a": 0, "S": "x", "U": 1}]),
    stages("$redact", FRAMES[:2], [{"$redact": {"$cond": [{"$eq": ["$t", 30]}, "$$KEEP", "$$PRUNE"]}},
        {"$project": {"_id": 1}}],
           numbers(1)),
)
COUNTING = (
    stages("$sort", FRAMES, [{"$sort": {"k": -1, "_id": -1}}, {"$project": {"_id": 1}}], numbers(4, 3, 2, 1)),
    stages("$sort puts null first", FRAMES, [{"$sort": {"t": 1}}, {"$project": {"_id": 1}}],
        numbers(4, 2, 3, 1)),
    stages("$skip and $limit", FRAMES, [BY_ID, {"$skip": 1}, {"$limit": 2}, {"$project": {"_id": 1}}],
        numbers(2, 3)),
    stages("$limit before $skip", FRAMES, [BY_ID, {"$limit": 2}, {"$skip": 1}, {"$project": {"_id": 1}}],
        numbers(2)),
    stages("$count", FRAMES, [{"$match": {"k": "dark"}}, {"$count": "n"}], [{"n": 2}]),
    stages("$count of nothing", FRAMES, [{"$match": {"k": "bias"}}, {"$count": "n"}], []),
    stages("$count of an empty collection", (), [{"$count": "n"}], []),
    stages("$sortByCount", FRAMES, [{"$sortByCount": "$k"}, {"$limit": 1}], [{"_id": "dark", "count": 2}]),
    stages("$sortByCount of a path", FRAMES, [{"$sortByCount": "$h.S"}, {"$limit": 1}],
        [{"_id": "x", "count": 2}]),
    stages("$bucket", FRAMES[:3], [{"$bucket": {"groupBy": "$t", "boundaries": [0, 4, 40]}}],
           [{"_id": 0, "count": 1}, {"_id": 4, "count": 2}]),
    stages("$bucket with the rest and an output", FRAMES[:3],
           [{"$bucket": {"groupBy": "$t", "boundaries": [0, 4], "default": "rest",
           "output": {"s": {"$sum": "$t"}}}}],
           [{"_id": 0, "s": 2.5}, {"_id": "rest", "s": 34}]),
    stages("$bucketAuto", numbered(1, 2, 3, 4), [{"$bucketAuto": {"groupBy": "$v", "buckets": 2}}],
           [{"_id": {"min": 1, "max": 3}, "count": 2}, {"_id": {"min": 3, "max": 4}, "count": 2}]),
    stages("$facet", FRAMES, [{"$facet": {
        "n": [{"$count": "n"}], "dark": [{"$match": {"k": "dark"}}, BY_ID, {"$project": {"_id": 1}}],
        "none": [{"$match": {"k": 0}}]}}],
           [{"n": [{"n": 4}], "dark": numbers(1, 2), "none": []}]),
    stages("$facet whose branches add fields", numbered({"a": 1}), [{"$facet": {
        "x": [{"$addFields": {"v.b": 2}}], "y": [{"$project": {"v": 1}}]}}],
           [{"x": [{"_id": 1, "v": {"a": 1, "b": 2}}], "y": [{"_id": 1, "v": {"a": 1}}]}]),
    stages("$sample of everything", numbered(1, 2), [{"$sample": {"size": 5}}], list(numbered(1, 2)),
        unordered=True),
    stages("$setWindowFields", numbered(3, 1, 2),
           [{"$setWindowFields": {"sortBy": {"v": 1}, "output": {"sum": {
               "$sum": "$v", "window": {"documents": ["unbounded", "current"]}}}}}, BY_ID],
           [{"_id": 1, "v": 3, "sum": 6}, {"_id": 2, "v": 1, "sum": 1}, {"_id": 3, "v": 2, "sum": 3}]),
    stages("$fill", numbered(1, None, 3), [{"$fill": {"output": {"v": {"value": 0}}}}, BY_ID],
        list(numbered(1, 0, 3))),
    stages("$densify", numbered(1, 3), [{"$densify": {"field": "v", "range": {"step": 1, "bounds": "full"}}},
        {"$project": {"_id": 0}}],
           [{"v": 1}, {"v": 2}, {"v": 3}]),
)
UNWINDING = (
    stages("$unwind", FRAMES[:1], [{"$unwind": "$tags"}, {"$project": {"tags": 1}}],
           [{"_id": 1, "tags": "p"}, {"_id": 1, "tags": "q"}]),
    stages("$unwind drops the missing, null and empty",
           ({"_id": 1}, {"_id": 2, "v": None}, {"_id": 3, "v": []}, {"_id": 4, "v": [None]}),
           [{"$unwind": "$v"}],
           [{"_id": 4, "v": None}]),
    stages("$unwind keeps them when asked", ({"_id": 1}, {"_id": 2, "v": None}, {"_id": 3, "v": []}),
           [{"$unwind": {"path": "$v", "preserveNullAndEmptyArrays": True}}, BY_ID],
           [{"_id": 1}, {"_id": 2, "v": None}, {"_id": 3}]),
    stages("$unwind of no array", numbered("p"), [{"$unwind": "$v"}], [{"_id": 1, "v": "p"}]),
    stages("$unwind with positions", numbered(["p", "q"]), [{"$unwind": {"path": "$v",
        "includeArrayIndex": "i"}}],
           [{"_id": 1, "v": "p", "i": 0}, {"_id": 1, "v": "q", "i": 1}]),
    stages("$unwind of a path", numbered({"a": [1, 2], "b": 0}), [{"$unwind": "$v.a"}],
           [{"_id": 1, "v": {"a": 1, "b": 0}}, {"_id": 1, "v": {"a": 2, "b": 0}}]),
    stages("$unwind then $group", FRAMES, [{"$unwind": "$tags"},
        {"$group": {"_id": "$tags", "n": {"$sum": 1}}}, BY_ID],
           [{"_id": "p", "n": 2}, {"_id": "q", "n": 1}]),
)
JOINING = (
    joins("$lookup", FRAMES[:2], {"localField": "h.S", "foreignField": "s"}, [["m1", "m2"], []]),
    joins("$lookup joins the missing with the missing", numbered(1), {"localField": "q", "foreignField": "s"},
        [["m3"]]),
    joins("$lookup by the elements of an array", numbered(["m1", "m3"]),
        {"localField": "v", "foreignField": "_id"},
          [["m1", "m3"]]),
    joins("$lookup with a pipeline", FRAMES[:2], {
        "let": {"s": "$h.S"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$s", "$$s"]}}},
        {"$sort": {"n": -1}}]},
          [["m2", "m1"], []]),
    joins("$lookup with a pipeline, both sides missing", numbered(1), {
        "let": {"s": "$q"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$s", "$$s"]}}}]}, [["m3"]]),
    joins("$lookup with fields and a pipeline", FRAMES[:1], {
        "localField": "h.S", "foreignField": "s", "pipeline": [{"$match": {"n": {"$gt": 3}}}]}, [["m2"]]),
    stages("$lookup and $unwind", FRAMES[:1],
           [{"$lookup": {"from": "other", "localField": "h.S", "foreignField": "s", "as": "m"}},
           {"$unwind": "$m"},
            {"$project": {"n": "$m.n"}}], [{"_id": 1, "n": 3}, {"_id": 1, "n": 5}], other=MASTERS,
            unordered=True),
    stages("$lookup in an absent collection", numbered(1),
           [{"$lookup": {"from": "absent", "localField": "v", "foreignField": "v", "as": "m"}}],
           [{"_id": 1, "v": 1, "m": []}]),
    stages("$graphLookup", PARTS,
           [{"$match": {"_id": 3}}, {"$graphLookup": {"from": "items", "startWith": "$of",
           "connectFromField": "of",
                                                      "connectToField": "_id", "as": "up"}},
            {"$project": {"up": {"$size": "$up"}}}], [{"_id": 3, "up": 2}]),
    stages("$unionWith", numbered(1), [{"$unionWith": {"coll": "other", "pipeline": [{"$match": {"n": 3}}]}}],
           [{"_id": 1, "v": 1}, MASTERS[0]], other=MASTERS, unordered=True),
    stages("$unionWith by name", numbered(1), [{"$unionWith": "other"}, {"$count": "n"}], [{"n": 4}],
        other=MASTERS),
    Case("stages", "$out", FRAMES, Call("aggregate", ([{"$match": {"k": "dark"}}, {"$project": {"t": 1}},
        {"$out": "other"}],)),
         [], left=[{"_id": 1, "t": 30}, {"_id": 2, "t": 2.5}], left_in="other", other=MASTERS),
    Case("stages", "$merge", numbered(1, 2), Call("aggregate", ([{"$merge": {"into": "other"}}],)),
         [], left=[{"_id": 1, "w": 0, "v": 1}, {"_id": 2, "v": 2}], left_in="other",
         other=({"_id": 1, "w": 0},)),
    Case("stages", "$merge that keeps what exists", numbered(1, 2),
         Call("aggregate", ([{"$merge": {"into": "other", "whenMatched": "keepExisting",
             "whenNotMatched": "insert"}}],)),
         [], left=[{"_id": 1, "w": 0}, {"_id": 2, "v": 2}], left_in="other", other=({"_id": 1, "w": 0},)),
)
ERRORS = (
    fails("unknown stage", {"$perhaps": {}}),
    fails("a stage of two operators", {"$match": {}, "$limit": 1}),
    fails("a stage without operator", {"k": 1}),
    fails("$limit of 0", {"$limit": 0}),
    fails("$skip below 0", {"$skip": -1}),
    fails("$project of both kinds", {"$project": {"k": 1, "t": 0}}),
    fails("$project of nothing", {"$project": {}}),
    fails("$unwind without a dollar", {"$unwind": "tags"}),
    fails("$replaceRoot with no document", {"$replaceRoot": {"newRoot": "$k"}}),
    fails("$bucket with something outside", {"$bucket": {"groupBy": "$t", "boundaries": [0, 4]}}),
    fails("$count without a name", {"$count": ""}),
    fails("$sort of no direction", {"$sort": {"k": 2}}),
)
CASES: tuple[Case, ...] = SHAPING + COUNTING + UNWINDING + JOINING + ERRORS
