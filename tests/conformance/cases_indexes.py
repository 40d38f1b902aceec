"""Declaring indexes, and the same answers with them as without."""

from __future__ import annotations

from typing import Any

from pymongo.errors import OperationFailure

from tests.conformance.case import UNSEEN, Call, Case, Document, numbered, utc

COMPOUND = Call("create_index", ([("date", 1), ("header.IMAGETYP", -1)],))
ABSENCE: tuple[Document, ...] = (
    {"_id": 1, "v": 1},
    {"_id": 2, "v": None},
    {"_id": 3},
    {"_id": 4, "v": [1, None]},
)
FRAMES: tuple[Document, ...] = (
    {"_id": 1, "date": "2024-02-20", "header": {"IMAGETYP": "dark", "EXPTIME": 30, "DATE-OBS": "t1"}},
    {"_id": 2, "date": "2024-02-20", "header": {"IMAGETYP": "light", "EXPTIME": 30.0}},
    {"_id": 3, "date": "2024-02-21", "header": {"IMAGETYP": "dark"}},
    {"_id": 4, "date": ["2024-02-20", "2024-02-22"], "header": [{"IMAGETYP": "dark"}, {"IMAGETYP": "flat"}]},
)


def selects(name: str, given: tuple[Document, ...], index: Any, query: Document, ids: list[Any], *more: Call) -> Case:
    """A query that an index may answer; `more` happens before it."""
    call = Call("find", (query, {"_id": 1}), chain=(("sort", ("_id", 1)),))
    before = (Call("create_index", (index,)), *more)
    return Case("indexes", name, given, call, [{"_id": identifier} for identifier in ids], before=before)


# fmt: off
DECLARING = (
    Case("indexes", "create_index answers its name", (), COMPOUND, "date_1_header.IMAGETYP_-1"),
    Case("indexes", "create_index again", (), COMPOUND, "date_1_header.IMAGETYP_-1", before=(COMPOUND,)),
    Case("indexes", "create_index with a name", (), Call("create_index", ("v",), {"name": "mine"}), "mine"),
    Case("indexes", "index_information", (), Call("index_information"),
         {"_id_": [("_id", 1)], "date_1_header.IMAGETYP_-1": [("date", 1), ("header.IMAGETYP", -1)]},
         before=(COMPOUND,), any_key_order=True),
    Case("indexes", "one name for other keys", (), Call("create_index", ("b",), {"name": "i"}),
        error=OperationFailure,
         before=(Call("create_index", ("a",), {"name": "i"}),)),
    Case("indexes", "one key with other options", (), Call("create_index", ("a",), {"unique": True}),
        error=OperationFailure,
         before=(Call("create_index", ("a",)),)),
    Case("indexes", "two arrays in one index", FRAMES, Call("create_index",
        ([("date", 1), ("header.IMAGETYP", 1)],)),
         error=OperationFailure),
    Case("indexes", "an index of no direction", (), Call("create_index", ([("a", "sideways")],)),
        error=OperationFailure),
)
ANSWERS = (
    selects("equality", FRAMES, "date", {"date": "2024-02-21"}, [3]),
    selects("an array under an index", FRAMES, "date", {"date": "2024-02-20"}, [1, 2, 4]),
    selects("a whole array under an index", FRAMES, "date", {"date": ["2024-02-20", "2024-02-22"]}, [4]),
    selects("a path through an array", FRAMES, "header.IMAGETYP", {"header.IMAGETYP": "dark"}, [1, 3, 4]),
    selects("a key with a dash", FRAMES, "header.DATE-OBS", {"header.DATE-OBS": "t1"}, [1]),
    selects("int and double", FRAMES, "header.EXPTIME", {"header.EXPTIME": 30}, [1, 2]),
    selects("null", ABSENCE, "v", {"v": None}, [2, 3, 4]),
    selects("$in with null", ABSENCE, "v", {"v": {"$in": [None]}}, [2, 3, 4]),
    selects("$in", FRAMES, [("date", 1), ("kind", 1)], {"date": {"$in": ["2024-02-21", "2024-02-22"]}},
        [3, 4]),
    selects("$and", FRAMES, "date", {"$and": [{"date": "2024-02-20"}, {"header.IMAGETYP": "dark"}]}, [1, 4]),
    selects("$or", FRAMES, "date", {"$or": [{"date": "2024-02-21"}, {"header.IMAGETYP": "light"}]}, [2, 3]),
    selects("$ne", FRAMES, "date", {"date": {"$ne": "2024-02-20"}}, [3]),
    selects("a range", FRAMES, "date", {"date": {"$gte": "2024-02-21"}}, [3, 4]),
    selects("both ends met by different elements", FRAMES, "date",
        {"date": {"$gt": "2024-02-20", "$lt": "2024-02-22"}}, [3, 4]),
    selects("text that looks like a number", numbered("1", 1), "v", {"v": "1"}, [1]),
    selects("instants", numbered(utc(2024), utc(2025)), "v", {"v": utc(2025)}, [2]),
    selects("very large integers", numbered(2**62, 2**62 + 1), "v", {"v": 2**62 + 1}, [2]),
    selects("text with NUL", numbered("a", "a\0b"), "v", {"v": "a\0b"}, [2]),
    selects("after an update", FRAMES, "date", {"date": "x"}, [3],
        Call("update_one", ({"_id": 3}, {"$set": {"date": "x"}}))),
    selects("after an update away", FRAMES, "date", {"date": "2024-02-21"}, [],
            Call("update_one", ({"_id": 3}, {"$set": {"date": "x"}}))),
    selects("after a deletion", FRAMES, "date", {"date": "2024-02-20"}, [2, 4],
        Call("delete_one", ({"_id": 1},))),
    selects("made before the documents", (), "v", {"v": 7}, [5], Call("insert_one", ({"_id": 5, "v": 7},))),
    Case("indexes", "count under an index", FRAMES, Call("count_documents", ({"date": "2024-02-20"},)), 3,
         before=(Call("create_index", ("date",)),)),
    Case("indexes", "order under an index", FRAMES[:3], Call("find", ({}, {"_id": 1}),
        chain=(("sort", ("date", -1)), ("limit", (1,)))),
         [{"_id": 3}], before=(Call("create_index", ("date",)),)),
    Case("indexes", "deletion under an index", FRAMES, Call("delete_many",
        ({"date": {"$in": ["2024-02-20"]}},)), 3,
         left=[FRAMES[2]], before=(Call("create_index", ("date",)),)),
    Case("indexes", "update under an index", numbered("a", "b"),
        Call("update_many", ({"v": "a"}, {"$set": {"v": "b"}})),
         UNSEEN, left=list(numbered("b", "b")), before=(Call("create_index", ("v",)),)),
)
CASES: tuple[Case, ...] = DECLARING + ANSWERS
