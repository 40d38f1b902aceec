"""``$group`` and its accumulators."""

from __future__ import annotations

from typing import Any

from bson import Decimal128
from pymongo.errors import OperationFailure

from tests.conformance.case import Case, Document, aggregates, numbered, utc

NAN = float("nan")
ABSENT: tuple[Document, ...] = ({"_id": 1, "k": None}, {"_id": 2}, {"_id": 3, "k": "a"})
PAIRS: tuple[Document, ...] = ({"_id": 1, "b": 1}, {"_id": 2, "a": None, "b": 1})
FRAMES: tuple[Document, ...] = (
    {"_id": 1, "k": "dark", "t": 30, "h": {"S": "x"}, "tags": ["p", "q"]},
    {"_id": 2, "k": "dark", "t": 2.5, "h": {"S": "y"}, "tags": ["q"]},
    {"_id": 3, "k": "flat", "t": 4, "h": {"S": "x"}},
)
SORTED = {"$sort": {"_id": 1}}


def whole(name: str, given: tuple[Document, ...], accumulator: dict[str, Any], expected: object, **fields: Any) -> Case:
    """Everything in one group, in order of ``_id``."""
    pipeline = [SORTED, {"$group": {"_id": None, "r": accumulator}}]
    return aggregates("group", name, given, pipeline, [{"_id": None, "r": expected}], **fields)


def keys(name: str, given: tuple[Document, ...], key: object, expected: list[Document], **fields: Any) -> Case:
    """How many documents fall under each key."""
    pipeline = [{"$group": {"_id": key, "n": {"$sum": 1}}}]
    return aggregates("group", name, given, pipeline, expected, unordered=True, **fields)


def fails(name: str, group: dict[str, Any]) -> Case:
    return aggregates("group", name, FRAMES, [{"$group": group}], error=OperationFailure)


# fmt: off
KEYS = (
    keys("by a field", FRAMES, "$k", [{"_id": "dark", "n": 2}, {"_id": "flat", "n": 1}]),
    keys("by a path", FRAMES, "$h.S", [{"_id": "x", "n": 2}, {"_id": "y", "n": 1}]),
    keys("by a constant", FRAMES, None, [{"_id": None, "n": 3}]),
    keys("of nothing", (), "$k", []),
    keys("of nothing, by a constant", (), None, []),
    aggregates("group", "of what no match leaves, by a constant", FRAMES,
               [{"$match": {"k": "bias"}}, {"$group": {"_id": None, "n": {"$sum": 1}}}], []),
    keys("null and missing are one key", ABSENT, "$k", [{"_id": None, "n": 2}, {"_id": "a", "n": 1}]),
    keys("missing in a compound key", PAIRS, {"a": "$a", "b": "$b"},
         [{"_id": {"b": 1}, "n": 1}, {"_id": {"a": None, "b": 1}, "n": 1}]),
    keys("$ifNull in a compound key", PAIRS, {"a": {"$ifNull": ["$a", None]}, "b": "$b"},
         [{"_id": {"a": None, "b": 1}, "n": 2}]),
    keys("compound key keeps its order", FRAMES[:1], {"z": "$k", "a": "$t"},
        [{"_id": {"z": "dark", "a": 30}, "n": 1}]),
    keys("by an expression", FRAMES, {"$toUpper": "$k"}, [{"_id": "DARK", "n": 2}, {"_id": "FLAT", "n": 1}]),
    keys("by a sub-document", numbered({"a": 1}, {"a": 1}, {"a": 2}), "$v",
         [{"_id": {"a": 1}, "n": 2}, {"_id": {"a": 2}, "n": 1}]),
    keys("by an array", numbered([1, 2], [1, 2], [2, 1]), "$v",
        [{"_id": [1, 2], "n": 2}, {"_id": [2, 1], "n": 1}]),
    keys("by a path through an array", ({"_id": 1, "r": [{"a": 1}, {"a": 2}]},), "$r.a",
        [{"_id": [1, 2], "n": 1}]),
    keys("by an instant", numbered(utc(2024), utc(2024)), "$v", [{"_id": utc(2024), "n": 2}]),
    keys("by the day of an instant", numbered(utc(2024, 2, 20, 3), utc(2024, 2, 20, 23)),
         {"$dateToString": {"date": "$v", "format": "%Y-%m-%d"}}, [{"_id": "2024-02-20", "n": 2}]),
    keys("true is not 1", numbered(True, 1), "$v", [{"_id": True, "n": 1}, {"_id": 1, "n": 1}]),
    keys("false is not 0", numbered(False, 0, None), "$v",
         [{"_id": False, "n": 1}, {"_id": 0, "n": 1}, {"_id": None, "n": 1}]),
    keys("nan is one key", numbered(NAN, NAN), "$v", [{"_id": NAN, "n": 2}]),
    keys("a variable is a key", numbered(1), "$$ROOT.v", [{"_id": 1, "n": 1}]),
    aggregates("group", "int and double are one key", numbered(30, 30.0),
               [{"$group": {"_id": "$v", "n": {"$sum": 1}}}, {"$project": {"_id": 0}}], [{"n": 2}]),
    aggregates("group", "int and double are one compound key", numbered(30, 30.0),
               [{"$group": {"_id": {"t": "$v"}, "n": {"$sum": 1}}}, {"$project": {"_id": 0}}], [{"n": 2}]),
    aggregates("group", "group of groups", FRAMES,
               [{"$group": {"_id": {"k": "$k", "s": "$h.S"}, "n": {"$sum": 1}}},
                {"$group": {"_id": "$_id.k", "kinds": {"$sum": 1}, "n": {"$sum": "$n"}}}, SORTED],
               [{"_id": "dark", "kinds": 2, "n": 2}, {"_id": "flat", "kinds": 1, "n": 1}]),
    aggregates("group", "the key comes first", FRAMES[:1],
               [{"$group": {"n": {"$sum": 1}, "_id": "$k", "a": {"$max": "$t"}}}],
               [{"_id": "dark", "n": 1, "a": 30}]),
)
SUMS = (
    whole("$sum of ints is an int", numbered(1, 2), {"$sum": "$v"}, 3),
    whole("$sum with a double is a double", numbered(1, 2.0), {"$sum": "$v"}, 3.0),
    whole("$sum ignores what is no number", numbered(1, "2", None, [3], True), {"$sum": "$v"}, 1),
    whole("$sum of nothing is 0", numbered("a"), {"$sum": "$q"}, 0),
    whole("$sum of an expression", FRAMES, {"$sum": {"$multiply": ["$t", 2]}}, 73.0),
    whole("$sum of a condition", FRAMES, {"$sum": {"$cond": [{"$eq": ["$k", "dark"]}, 1, 0]}}, 2),
    whole("$sum of decimals is a decimal", numbered(Decimal128("1.5"), 2), {"$sum": "$v"}, Decimal128("3.5")),
    whole("$sum over 64 bits is a double", numbered(2**62, 2**62), {"$sum": "$v"}, 2.0**63),
    whole("$avg of decimals is a decimal", numbered(Decimal128("1.5"), 2), {"$avg": "$v"}, Decimal128("1.75")),
    whole("$max of decimals", numbered(Decimal128("1.5"), 1), {"$max": "$v"}, Decimal128("1.5")),
    whole("$avg is a double", numbered(1, 3), {"$avg": "$v"}, 2.0),
    whole("$avg ignores what is no number", numbered(1, "2", None, 4), {"$avg": "$v"}, 2.5),
    whole("$avg of nothing is null", numbered("a"), {"$avg": "$v"}, None),
    whole("$min", numbered(3, 1.5, 2), {"$min": "$v"}, 1.5),
    whole("$max", numbered(3, 1.5, 2), {"$max": "$v"}, 3),
    whole("$min ignores null and missing", ABSENT, {"$min": "$k"}, "a"),
    whole("$max ignores null and missing", ABSENT, {"$max": "$k"}, "a"),
    whole("$min of nothing is null", numbered(1), {"$min": "$q"}, None),
    whole("$min across types", numbered("a", 7, {"a": 1}), {"$min": "$v"}, 7),
    whole("$max across types", numbered("a", 7, utc(2024)), {"$max": "$v"}, utc(2024)),
    whole("$min of instants", numbered(utc(2025), utc(2024)), {"$min": "$v"}, utc(2024)),
    whole("$stdDevPop", numbered(1, 3), {"$stdDevPop": "$v"}, 1.0),
    whole("$stdDevSamp", numbered(1, 3, 5), {"$stdDevSamp": "$v"}, 2.0),
    whole("$stdDevSamp of one is null", numbered(1), {"$stdDevSamp": "$v"}, None),
    whole("$count", numbered(1, 2), {"$count": {}}, 2),
)
LISTS = (
    whole("$first", numbered("a", "b"), {"$first": "$v"}, "a"),
    whole("$last", numbered("a", "b"), {"$last": "$v"}, "b"),
    whole("$first of the missing is null", numbered(1), {"$first": "$q"}, None),
    whole("$first of one without the field is null", ({"_id": 1}, {"_id": 2, "v": 5}), {"$first": "$v"},
        None),
    whole("$last of one without the field is null", ({"_id": 1, "v": 5}, {"_id": 2}), {"$last": "$v"}, None),
    whole("$push", numbered("b", "a", "b"), {"$push": "$v"}, ["b", "a", "b"]),
    whole("$push leaves the missing out", ABSENT, {"$push": "$k"}, [None, "a"]),
    whole("$push of documents", FRAMES[:1], {"$push": {"id": "$_id", "s": "$h.S", "q": "$q"}},
        [{"id": 1, "s": "x"}]),
    whole("$push of arrays", FRAMES[:2], {"$push": "$tags"}, [["p", "q"], ["q"]]),
    whole("$push of everything", numbered(5), {"$push": "$$ROOT"}, [{"_id": 1, "v": 5}]),
    whole("$addToSet", numbered("a", "b", "a"), {"$addToSet": "$v"}, ["a", "b"], sets=("r",)),
    whole("$addToSet leaves the missing out", ABSENT, {"$addToSet": "$k"}, [None, "a"], sets=("r",)),
    whole("$addToSet of documents", numbered({"a": 1}, {"a": 1}), {"$addToSet": "$v"}, [{"a": 1}]),
    whole("$addToSet of 0, '' and false", numbered(0, "", False), {"$addToSet": "$v"}, [0, "", False],
        sets=("r",)),
    whole("$addToSet of true and 1", numbered(True, 1), {"$addToSet": "$v"}, [True, 1], sets=("r",)),
    whole("$mergeObjects", numbered({"a": 1, "b": 1}, {"b": 2}), {"$mergeObjects": "$v"}, {"a": 1, "b": 2}),
    whole("$firstN", numbered(1, 2, 3), {"$firstN": {"input": "$v", "n": 2}}, [1, 2]),
    whole("$maxN", numbered(1, 3, 2), {"$maxN": {"input": "$v", "n": 2}}, [3, 2]),
    whole("$top", numbered(2, 3, 1), {"$top": {"output": "$_id", "sortBy": {"v": 1}}}, 3),
    whole("$bottomN", numbered(2, 3, 1), {"$bottomN": {"n": 2, "output": "$v", "sortBy": {"v": 1}}}, [2, 3]),
    whole("$accumulator", numbered("a", "b"), {"$accumulator": {
        "init": "function() { return '' }", "accumulate": "function(s, v) { return s + v }",
        "accumulateArgs": ["$v"], "merge": "function(s, t) { return s + t }", "lang": "js"}}, "ab"),
)
ERRORS = (
    fails("no key", {"n": {"$sum": 1}}),
    fails("unknown accumulator", {"_id": None, "n": {"$total": "$t"}}),
    fails("a field without accumulator", {"_id": None, "n": "$t"}),
    fails("a dotted name", {"_id": None, "a.b": {"$sum": 1}}),
)
CASES: tuple[Case, ...] = KEYS + SUMS + LISTS + ERRORS
