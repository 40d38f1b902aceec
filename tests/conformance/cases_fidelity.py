"""Values come back as they went in, type for type, and ``_id`` of every kind."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from tests.conformance.case import UNSEEN, Call, Case, utc

MOUNTAIN = timezone(timedelta(hours=-7))
INF = float("inf")
DEEP: dict[str, Any] = {}
for _ in range(60):
    DEEP = {"d": DEEP}


def keeps(name: str, value: Any, back: Any = UNSEEN) -> Case:
    """The value `value` is read again as `back`, itself unless told."""
    expected = {"_id": 1, "v": value if back is UNSEEN else back}
    call = Call("find_one", ({"_id": 1},))
    return Case("fidelity", name, (), call, expected, before=(Call("insert_one", ({"_id": 1, "v": value},)),))


def identifies(name: str, value: Any) -> Case:
    """`value` serves as an ``_id``."""
    document = {"_id": value, "v": 1}
    return Case(
        "fidelity",
        f"_id: {name}",
        ({"_id": "other"}, document),
        Call("find_one", ({"_id": value},)),
        document,
    )


def key(name: str, text: str) -> Case:
    return keeps(f"key: {name}", {text: 1, "z": {text: "x"}})


# fmt: off
NUMBERS = (
    keeps("int", 42), keeps("negative int", -1), keeps("int over 32 bits", 2**40),
        keeps("greatest int", 2**63 - 1),
    keeps("least int", -(2**63)), keeps("Int64", Int64(5)), keeps("double", 2.5), keeps("whole double", 30.0),
    keeps("minus zero", -0.0), keeps("nan", float("nan")), keeps("infinity", INF),
        keeps("minus infinity", -INF),
    keeps("least double", 5e-324), keeps("greatest double", 1.7976931348623157e308), keeps("a third", 1 / 3),
    keeps("true", True), keeps("false", False), keeps("null", None),
    keeps("decimal", Decimal128("1.10")), keeps("decimal nan", Decimal128("NaN")),
)
TEXT = (
    keeps("empty text", ""), keeps("text of every plane", "å 日 🔭"), keeps("text with NUL", "a\0b"),
        keeps("text like a date", "2024-02-20"),
    keeps("text like a number", "007"), keeps("text with blanks", "  padded  "),
        keeps("a megabyte of text", "x" * 1_000_000),
    keeps("bytes", b"\x00\xff"), keeps("no bytes", b""), keeps("bytes of a subtype", Binary(b"\x01", 128)),
    keeps("uuid", Binary.from_uuid(UUID(int=7))), keeps("object id", ObjectId("5" * 24)),
    keeps("regex", Regex("^a.b", re.IGNORECASE)), keeps("compiled pattern", re.compile("^a", re.MULTILINE),
        Regex("^a", re.MULTILINE)),
    keeps("timestamp", Timestamp(1_700_000_000, 7)), keeps("MinKey", MinKey()), keeps("MaxKey", MaxKey()),
    keeps("code", Code("return 1")), keeps("DBRef", DBRef("headers", 5)),
)
INSTANTS = (
    keeps("instant", utc(2024, 2, 20, 1, 2, 3, 456_000)),
    keeps("instant in a zone", datetime(2024, 2, 19, 18, tzinfo=MOUNTAIN), utc(2024, 2, 20, 1)),
    keeps("instant without a zone is UTC", datetime(2024, 2, 20, 1), utc(2024, 2, 20, 1)),
    keeps("instant to the millisecond", utc(2024, 2, 20, 1, 2, 3, 456_789),
        utc(2024, 2, 20, 1, 2, 3, 456_000)),
    keeps("instant before 1970", utc(1609, 1, 1, 0, 0, 0, 1000)),
    keeps("first instant", utc(1)), keeps("last instant", utc(9999, 12, 31, 23, 59, 59, 999_000)),
)
SHAPES = (
    keeps("empty document", {}), keeps("empty array", []), keeps("nested arrays", [[1, [2.0]], []]),
    keeps("array of mixed types", [1, 1.0, True, None, "1", {}]),
        keeps("order of keys", {"z": 1, "a": 2, "m": {"y": 1, "b": 2}}),
    keeps("deep document", DEEP), keeps("long array", list(range(5000))), keeps("tuple", (1, 2), [1, 2]),
    keeps("many keys", {f"K{n:05d}": n for n in range(2000)}),
    key("with blanks", "HIERARCH KEY"), key("with a dash", "DATE-OBS"), key("with a double quote", 'a"b'),
        key("with a quote", "a'b"),
    key("with a backslash", "a\\b"), key("with a percent sign", "a%2Eb"), key("of every plane", "å日🔭"),
        key("empty", ""), key("like a number", "0"),
    key("with a dot", "a.b"), key("that SQL would read", "a') OR (1=1) OR ('1"),
        key("with a dollar sign inside", "a$b"),
)
IDENTIFIERS = (
    identifies("text", "Dragonfly101/2023-12-30/T13080513_31_light.fits"), identifies("int", 1),
        identifies("double", 1.5),
    identifies("object id", ObjectId("5" * 24)), identifies("instant", utc(2024)),
        identifies("document", {"a": 1, "b": "x"}),
    identifies("bytes", b"\x00\x01"), identifies("null", None), identifies("true", True),
    Case("fidelity", "_id: 1 and '1' are two", ({"_id": 1}, {"_id": "1"}), Call("count_documents", ({},)), 2),
    Case("fidelity", "_id: 1 and true are two", ({"_id": 1}, {"_id": True}), Call("count_documents", ({},)),
        2),
    Case("fidelity", "_id comes first", (), Call("find_one"), {"_id": 1, "a": 2},
        before=(Call("insert_one", ({"a": 2, "_id": 1},)),)),
)
CASES: tuple[Case, ...] = NUMBERS + TEXT + INSTANTS + SHAPES + IDENTIFIERS
