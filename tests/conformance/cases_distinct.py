"""The different values of a field."""

from __future__ import annotations

from tests.conformance.case import Call, Case, Document, numbered, utc

NIGHTS: tuple[Document, ...] = (
    {"_id": 1, "date": "2024-02-20", "header": {"SERIALNO": "83F010730"}, "tags": ["a", "b"]},
    {"_id": 2, "date": "2024-02-21", "header": {"SERIALNO": "83F010730"}, "tags": ["b"]},
    {"_id": 3, "date": "2024-02-20", "header": {}, "tags": []},
    {"_id": 4, "date": "2024-02-22", "header": {"SERIALNO": "T13080513"}},
)
INDEX = (Call("create_index", ([("date", 1), ("kind", 1)],)),)


def distinct(
    name: str,
    given: tuple[Document, ...],
    arguments: tuple,
    expected: list[object],
    before: tuple[Call, ...] = (),
) -> Case:
    return Case("distinct", name, given, Call("distinct", arguments), expected, before=before, unordered=True)


# fmt: off
CASES: tuple[Case, ...] = (
    distinct("dates", NIGHTS, ("date",), ["2024-02-20", "2024-02-21", "2024-02-22"]),
    distinct("dates with an index", NIGHTS, ("date",), ["2024-02-20", "2024-02-21", "2024-02-22"], INDEX),
    distinct("a path", NIGHTS, ("header.SERIALNO",), ["83F010730", "T13080513"]),
    distinct("elements of arrays", NIGHTS, ("tags",), ["a", "b"]),
    distinct("elements of arrays with an index", NIGHTS[:2], ("tags",), ["a", "b"],
        (Call("create_index", ("tags",)),)),
    distinct("with a query", NIGHTS, ("date", {"header.SERIALNO": "83F010730"}),
        ["2024-02-20", "2024-02-21"]),
    distinct("with a query and an index", NIGHTS, ("date", {"_id": {"$gt": 2}}), ["2024-02-20", "2024-02-22"],
        INDEX),
    distinct("null counts, missing does not", ({"_id": 1, "v": None}, {"_id": 2}, {"_id": 3, "v": 1}), ("v",),
        [None, 1]),
    distinct("of nothing", (), ("v",), []),
    distinct("instants", numbered(utc(2024), utc(2024), utc(2025)), ("v",), [utc(2024), utc(2025)]),
    distinct("true is not 1", numbered(True, 1), ("v",), [True, 1]),
    distinct("false is not 0", numbered(False, 0, ""), ("v",), [False, 0, ""]),
    distinct("sub-documents", numbered({"a": 1}, {"a": 2}, {"a": 1}), ("v",), [{"a": 1}, {"a": 2}]),
    distinct("a path through an array", numbered([{"a": 1}, {"a": 2}], [{"a": 1}]), ("v.a",), [1, 2]),
    distinct("after an update", NIGHTS, ("date",), ["2024-02-21", "2024-02-22", "x"],
             (*INDEX, Call("update_many", ({"date": "2024-02-20"}, {"$set": {"date": "x"}})))),
)
