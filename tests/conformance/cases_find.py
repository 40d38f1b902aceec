"""Queries: comparison, absence, arrays, regular expressions, projection, order."""

from __future__ import annotations

import re
from datetime import timedelta, timezone

from bson import Decimal128, ObjectId
from pymongo.errors import OperationFailure

from tests.conformance.case import Call, Case, Document, numbered, selects, utc

NAN = float("nan")
MOUNTAIN = timezone(timedelta(hours=-7))
ABSENCE: tuple[Document, ...] = (
    {"_id": 1, "v": 1},
    {"_id": 2, "v": None},
    {"_id": 3},
    {"_id": 4, "v": [None]},
)
TAGS: tuple[Document, ...] = (
    {"_id": 1, "t": ["a", "b"]},
    {"_id": 2, "t": "a"},
    {"_id": 3, "t": ["b", "a"]},
    {"_id": 4, "t": []},
    {"_id": 5},
)
ROWS: tuple[Document, ...] = (
    {"_id": 1, "rows": [{"k": "x", "n": 1}, {"k": "y", "n": 9}]},
    {"_id": 2, "rows": [{"k": "x", "n": 9}]},
    {"_id": 3, "rows": {"k": "x", "n": 9}},
    {"_id": 4, "rows": []},
)
HEADERS: tuple[Document, ...] = (
    {"_id": "a", "header": {"IMAGETYP": "dark", "EXPTIME": 30.0, "DATE-OBS": "2024-02-20T01:02:03.100"}},
    {"_id": "b", "header": {"IMAGETYP": "light", "EXPTIME": 600, "DATE-OBS": "2024-02-20T01:02:03.900"}},
    {"_id": "c", "header": {"IMAGETYP": "dark", "EXPTIME": 30}},
)
HALVES = numbered([{"a": 5}], [{}], [], [{}, {"a": 5}], [5, {"a": 5}], {"b": 1})
INSTANTS = numbered(utc(2024, 2, 20), utc(2024, 2, 21), "2024-02-21T00:00:00Z")
NESTED = ({"_id": 1, "a": {"b": 1, "c": 2}, "d": 3, "rows": [{"x": 1, "y": 2}, {"x": 3}, 7]},)


def ids(name: str, given: tuple[Document, ...], query: Document, expected: list[object]) -> Case:
    return selects("find", name, given, query, expected)


def projects(name: str, given: tuple[Document, ...], projection: object, expected: Document, **query: object) -> Case:
    return Case("find", name, given, Call("find", (query, projection)), [expected])


def orders(
    name: str, given: tuple[Document, ...], key: object, expected: list[object], *more: tuple[str, tuple]
) -> Case:
    arguments = key if isinstance(key, tuple) else (key,)
    call = Call("find", ({}, {"_id": 1}), chain=(("sort", arguments), *more))
    return Case("find", name, given, call, [{"_id": identifier} for identifier in expected])


def fails(name: str, query: Document) -> Case:
    return Case("find", name, numbered(1), Call("find", (query,)), error=OperationFailure)


# fmt: off
COMPARISON = (
    ids("everything", numbered(1, 2), {}, [1, 2]),
    ids("nested path", HEADERS, {"header.IMAGETYP": "dark"}, ["a", "c"]),
    ids("path with a dash", HEADERS, {"header.DATE-OBS": "2024-02-20T01:02:03.100"}, ["a"]),
    ids("date-like text compares as text", HEADERS, {"header.DATE-OBS": {"$gt": "2024-02-20T01:02:03.5"}},
        ["b"]),
    ids("leap second", numbered("2016-12-31T23:59:60"), {"v": "2016-12-31T23:59:60"}, [1]),
    ids("date text is not its midnight", numbered("2024-02-20T00:00:00"), {"v": "2024-02-20"}, []),
    ids("int equals double", HEADERS, {"header.EXPTIME": 30}, ["a", "c"]),
    ids("double equals int", HEADERS, {"header.EXPTIME": 30.0}, ["a", "c"]),
    ids("decimal equals double", numbered(1.5, Decimal128("1.5"), Decimal128("1.50"), 2), {"v": 1.5},
        [1, 2, 3]),
    ids("true is not 1", numbered(True, 1, 1.0), {"v": True}, [1]),
    ids("0 is not false", numbered(False, 0, 0.0), {"v": 0}, [2, 3]),
    ids("$in tells false from 0", numbered(False, 0), {"v": {"$in": [0]}}, [2]),
    ids("$ne tells true from 1", numbered(True, 1), {"v": {"$ne": 1}}, [1]),
    ids("minus zero equals zero", numbered(-0.0, 0.0, 1), {"v": 0}, [1, 2]),
    ids("nan equals nan", numbered(NAN, 1.0), {"v": NAN}, [1]),
    ids("nan is not above a number", numbered(NAN, 2.0), {"v": {"$gt": 1}}, [2]),
    ids("text is not a number", numbered("1", 1), {"v": "1"}, [1]),
    ids("$gt stays within the type", numbered(5, "z", None, True, [], {}), {"v": {"$gt": 1}}, [1]),
    ids("$lt on text", numbered("a", "c", 1), {"v": {"$lt": "b"}}, [1]),
    ids("range", numbered(1, 2, 3, 4), {"v": {"$gte": 2, "$lt": 4}}, [2, 3]),
    ids("$ne finds the missing", ABSENCE, {"v": {"$ne": 1}}, [2, 3, 4]),
    ids("$in", numbered("a", "b", "c"), {"v": {"$in": ["a", "c", "x"]}}, [1, 3]),
    ids("$in of nothing", numbered("a"), {"v": {"$in": []}}, []),
    ids("$nin finds the missing", ABSENCE, {"v": {"$nin": [1]}}, [2, 3, 4]),
    ids("dates", INSTANTS, {"v": {"$gt": utc(2024, 2, 20)}}, [2]),
    ids("date in another zone", INSTANTS, {"v": utc(2024, 2, 21).astimezone(MOUNTAIN)}, [2]),
    ids("object ids", ({"_id": ObjectId("6" * 24)},), {"_id": {"$gt": ObjectId("5" * 24)}},
        [ObjectId("6" * 24)]),
    ids("bytes", numbered(b"ab", b"abc", "ab"), {"v": b"ab"}, [1]),
    ids("$mod", numbered(4, 5, 6.0, "6"), {"v": {"$mod": [2, 0]}}, [1, 3]),
    ids("$bitsAllSet", numbered(7, 5, 2), {"v": {"$bitsAllSet": 5}}, [1, 2]),
    ids("whole sub-document", numbered({"a": 1, "b": 2}, {"a": 1}), {"v": {"a": 1}}, [2]),
    ids("key order of a sub-document", numbered({"a": 1, "b": 2}, {"b": 2, "a": 1}), {"v": {"a": 1, "b": 2}},
        [1]),
    ids("empty sub-document", numbered({}, {"a": 1}, None), {"v": {}}, [1]),
)
ABSENT = (
    ids("null finds null and missing", ABSENCE, {"v": None}, [2, 3, 4]),
    ids("$in with null finds the missing", ABSENCE, {"v": {"$in": [None, 1]}}, [1, 2, 3, 4]),
    ids("$exists", ABSENCE, {"v": {"$exists": True}}, [1, 2, 4]),
    ids("$exists false", ABSENCE, {"v": {"$exists": False}}, [3]),
    ids("$exists false through an array", HALVES, {"v.a": {"$exists": False}}, [2, 3, 6]),
    ids("null through an array", HALVES, {"v.a": None}, [2, 4, 6]),
    ids("$ne null through an array", HALVES, {"v.a": {"$ne": None}}, [1, 3, 5]),
    ids("$type null is not missing", ABSENCE, {"v": {"$type": "null"}}, [2, 4]),
    ids("$gte null", ABSENCE, {"v": {"$gte": None}}, [2, 3, 4]),
    ids("$not finds the missing", ABSENCE, {"v": {"$not": {"$gt": 0}}}, [2, 3, 4]),
    ids("null along a path", numbered({"a": 1}, {}, 5), {"v.a": None}, [2, 3]),
    ids("$not of text", numbered("abc", "xyz", 5), {"v": {"$not": re.compile("^a")}}, [2, 3]),
)
ARRAYS = (
    ids("element of an array", TAGS, {"t": "a"}, [1, 2, 3]),
    ids("whole array", TAGS, {"t": ["a", "b"]}, [1]),
    ids("empty array", TAGS, {"t": []}, [4]),
    ids("$all", TAGS, {"t": {"$all": ["a", "b"]}}, [1, 3]),
    ids("$size", TAGS, {"t": {"$size": 2}}, [1, 3]),
    ids("$ne of an element", TAGS, {"t": {"$ne": "b"}}, [2, 4, 5]),
    ids("position in an array", TAGS, {"t.0": "b"}, [3]),
    ids("path through an array", ROWS, {"rows.k": "y"}, [1]),
    ids("conditions met by different elements", ROWS, {"rows.k": "x", "rows.n": 9}, [1, 2, 3]),
    ids("$elemMatch", ROWS, {"rows": {"$elemMatch": {"k": "x", "n": 9}}}, [2]),
    ids("$elemMatch of values", numbered([1, 9], [4, 5], 5), {"v": {"$elemMatch": {"$gt": 3, "$lt": 6}}},
        [2]),
    ids("range met by different elements", numbered([1, 9], [4, 5]), {"v": {"$gt": 3, "$lt": 6}}, [1, 2]),
    ids("$in within an array", TAGS, {"t": {"$in": ["b"]}}, [1, 3]),
    ids("$type of an element", numbered([1, "a"], "a", 2), {"v": {"$type": "string"}}, [1, 2]),
)
LOGIC = (
    ids("$or", numbered(1, 2, 3), {"$or": [{"v": 1}, {"v": {"$gt": 2}}]}, [1, 3]),
    ids("$and", numbered(1, 2, 3), {"$and": [{"v": {"$gt": 1}}, {"v": {"$lt": 3}}]}, [2]),
    ids("$nor", ABSENCE, {"$nor": [{"v": 1}, {"v": {"$exists": False}}]}, [2, 4]),
    ids("$regex", HEADERS, {"header.IMAGETYP": {"$regex": "^DA", "$options": "i"}}, ["a", "c"]),
    ids("compiled pattern", numbered("flat", "dark", 3), {"v": re.compile("^FL", re.IGNORECASE)}, [1]),
    ids("pattern in $in", numbered("flat", "dark", "light"), {"v": {"$in": [re.compile("^da"), "light"]}},
        [2, 3]),
    ids("$type number", numbered(1, 1.5, "1", True), {"v": {"$type": "number"}}, [1, 2]),
    ids("$type by number", numbered(1, 1.5), {"v": {"$type": 1}}, [2]),
    ids("$expr", ({"_id": 1, "a": 1, "b": 2}, {"_id": 2, "a": 2, "b": 1}), {"$expr": {"$gt": ["$a", "$b"]}},
        [2]),
    ids("$jsonSchema", numbered(1, 1.5), {"$jsonSchema": {"properties": {"v": {"bsonType": "double"}}}}, [2]),
    ids("$comment", numbered(1), {"v": 1, "$comment": "why"}, [1]),
    ids("$where", numbered(1, 2), {"$where": "this.v > 1"}, [2]),
    fails("unknown operator", {"v": {"$near_enough": 1}}),
    fails("unknown operator at the top", {"$perhaps": [{"v": 1}]}),
    fails("$in wants an array", {"v": {"$in": 1}}),
    fails("$or wants conditions", {"$or": []}),
    Case(
        "find", "collation", numbered("Dark", "dark"),
        Call("find", ({"v": "dark"}, {"_id": 1}), {"collation": {"locale": "en", "strength": 2}}),
        [{"_id": 1}, {"_id": 2}], unordered=True,
    ),
)
PROJECTION = (
    projects("projection", NESTED, {"d": 1}, {"_id": 1, "d": 3}),
    projects("projection without _id", NESTED, {"_id": 0, "d": True}, {"d": 3}),
    projects("projection of a path", NESTED, {"a.c": 1}, {"_id": 1, "a": {"c": 2}}),
    projects("projection through an array", NESTED, {"rows.x": 1}, {"_id": 1, "rows": [{"x": 1}, {"x": 3}]}),
    projects("exclusion", NESTED, {"rows": 0, "a": 0}, {"_id": 1, "d": 3}),
    projects("exclusion of a path", NESTED, {"a.b": 0, "rows": 0}, {"_id": 1, "a": {"c": 2}, "d": 3}),
    projects("projection of what is missing", NESTED, {"q.z": 1}, {"_id": 1}),
    projects("projection as a list", NESTED, ["d"], {"_id": 1, "d": 3}),
    projects("projection keeps the document's order", ({"_id": 1, "b": 1, "a": 2},), {"a": 1, "b": 1},
             {"_id": 1, "b": 1, "a": 2}),
    projects("$slice", numbered([1, 2, 3]), {"v": {"$slice": -2}}, {"_id": 1, "v": [2, 3]}),
    projects("$slice with a start", numbered([1, 2, 3]), {"v": {"$slice": [1, 1]}}, {"_id": 1, "v": [2]}),
    projects("$elemMatch in a projection", ROWS[:1], {"rows": {"$elemMatch": {"n": 9}}},
             {"_id": 1, "rows": [{"k": "y", "n": 9}]}),
    projects("computed projection", NESTED, {"s": {"$add": ["$d", "$a.b"]}}, {"_id": 1, "s": 4}),
    projects("positional projection", ROWS[:1], {"rows.$": 1}, {"_id": 1, "rows": [{"k": "y", "n": 9}]},
             **{"rows.n": 9}),
)
MIXED = (
    {"_id": 1, "v": "a"}, {"_id": 2, "v": 5}, {"_id": 3}, {"_id": 4, "v": utc(2024)},
    {"_id": 5, "v": {"a": 1}},
    {"_id": 6, "v": True}, {"_id": 7, "v": -1.5}, {"_id": 8, "v": b"x"}, {"_id": 9, "v": ObjectId("5" * 24)},
)
PAIRS = tuple({"_id": n, "a": n % 2, "b": -n} for n in range(1, 6))
ORDER = (
    orders("sort", numbered(3, 1, 2), "v", [2, 3, 1]),
    orders("sort downwards", numbered(3, 1, 2), ("v", -1), [1, 3, 2]),
    orders("sort of ints and doubles", numbered(2, 1.5, 1), "v", [3, 2, 1]),
    orders("sort across types", MIXED, "v", [3, 7, 2, 1, 5, 8, 9, 6, 4]),
    orders("sort across types downwards", MIXED, ("v", -1), [4, 6, 9, 8, 5, 1, 2, 7, 3]),
    orders("sort by two keys", PAIRS, ([("a", 1), ("b", 1)],), [4, 2, 5, 3, 1]),
    orders("sort by a path", HEADERS[:2], ("header.EXPTIME", -1), ["b", "a"]),
    orders("sort of arrays by their least", numbered([5, 1], 3, [2, 9]), "v", [1, 3, 2]),
    orders("sort of arrays by their greatest", numbered([5, 1], 3, [2, 9]), ("v", -1), [3, 1, 2]),
    orders("null and missing before numbers", ({"_id": 1, "v": -1}, {"_id": 2}), "v", [2, 1]),
    orders("nan before numbers", numbered(-1.0, NAN, 0.0), "v", [2, 1, 3]),
    orders("skip and limit", numbered(5, 4, 3, 2, 1), "v", [4, 3], ("skip", (1,)), ("limit", (2,))),
    orders("limit 0 is no limit", numbered(2, 1), "v", [2, 1], ("limit", (0,))),
    orders("skip past the end", numbered(2, 1), "v", [], ("skip", (5,))),
)
CASES: tuple[Case, ...] = COMPARISON + ABSENT + ARRAYS + LOGIC + PROJECTION + ORDER
