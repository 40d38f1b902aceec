"""The catalog's own list of limits says what the suite finds: all of it, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from bson import Decimal128, Int64, MinKey, Timestamp

from catalog import limits
from catalog.errors import NotSupported
from tests.conformance.backends import embedded
from tests.conformance.case import Call
from tests.conformance.expectations import DEVIATIONS, REFUSED, Deviation
from tests.conformance.runner import make, operators
from tests.conformance.suite import CASES

BY_ID = {case.id: case for case in CASES}
EMBEDDED = {limit.operator: limit.behaviour for limit in limits.LIMITS if limit.backend == "embedded"}
# Differences of options, of time, of what matches and of what an error leaves, not of an answer: no case shows them.
NO_ANSWER = {"$regex", "cursor", "hint", "maxTimeMS", "update_many"}


def stage(operator: str, argument: Any = None) -> Call:
    return Call("aggregate", ([{operator: {} if argument is None else argument}],))


def projected(expression: Any) -> Call:
    return stage("$project", {"r": expression})


def index(kind: str) -> Call:
    return Call("create_index", ([("v", kind)],))


JAVASCRIPT = {"body": "function() { return 1 }", "args": [], "lang": "js"}
POINT = {"$geometry": {"type": "Point", "coordinates": [0, 0]}}
PROBES: dict[str, Call] = {
    "$where": Call("find", ({"$where": "this.v == 1"},)),
    "$function": projected({"$function": JAVASCRIPT}),
    "$accumulator": stage("$group", {"_id": None, "r": {"$accumulator": JAVASCRIPT}}),
    "$text": Call("find", ({"$text": {"$search": "dark"}},)),
    "$meta": projected({"$meta": "textScore"}),
    "$jsonSchema": Call("find", ({"$jsonSchema": {"required": ["v"]}},)),
    "collation": Call("find", ({},), {"collation": {"locale": "en"}}),
    "let": Call("find", ({},), {"let": {"a": 1}}),
    "session": Call("find", ({},), {"session": object()}),
    "watch": Call("watch"),
    "explain": Call("find", ({},), chain=(("explain", ()),)),
    "$natural": Call("find", ({},), chain=(("sort", ("$natural", 1)),)),
    "$$REMOVE": projected("$$REMOVE"),
    "$": Call("update_one", ({"v": 1}, {"$set": {"v.$": 2}})),
    "arguments of other types": projected({"$toUpper": Decimal128("1.5")}),
    "$toString of other types": projected({"$toString": [["a", 1]]}),
    "dates beyond the years 1 to 9999": projected({"$year": {"$toDate": Int64(1 << 60)}}),
    "$dateFromString.format": projected({"$dateFromString": {"dateString": "2024", "format": "%Y"}}),
    **{
        f"$dateFromParts.{part}": projected({"$dateFromParts": {part: 2024}})
        for part in ("isoWeekYear", "isoWeek", "isoDayOfWeek")
    },
    **{
        f"{operator}.arrayIndexAs": projected({operator: {"arrayIndexAs": "i", "input": [], "in": 1}})
        for operator in ("$map", "$filter", "$reduce")
    },
    "CURRENT as a variable": projected({"$let": {"vars": {"CURRENT": 1}, "in": "$v"}}),
    "$dateTrunc.startOfWeek": projected({"$dateTrunc": {"date": "$$NOW", "unit": "day", "startOfWeek": "monday"}}),
    "$toDouble of hexadecimal text": projected({"$toDouble": "0x1p4"}),
    **{
        f"{operator} as an accumulator": stage("$group", {"_id": None, "r": {operator: "$v"}})
        for operator in ("$concatArrays", "$setUnion")
    },
    "MinKey, MaxKey and code in a group": stage("$group", {"_id": None, "r": {"$first": MinKey()}}),
    "$lookup of regular expressions": Call(
        "aggregate",
        (
            [
                {"$project": {"v": re.compile("x")}},
                {"$lookup": {"from": "other", "localField": "v", "foreignField": "v", "as": "r"}},
            ],
        ),
    ),
    "\\C, \\x{...}": Call("find", ({"v": {"$regex": r"\x{41}"}},)),
    "$eq of a regular expression": Call("find", ({"v": {"$eq": re.compile("x")}},)),
    "Timestamp(0, 0)": Call("insert_one", ({"_id": 2, "v": Timestamp(0, 0)},)),
    "$out": stage("$out", "other"),
    "$currentDate": Call("update_one", ({}, {"$currentDate": {"v": True}})),
    "array_filters": Call("update_one", ({}, {"$set": {"v": 2}}), {"array_filters": [{"e": 1}]}),
    "$push.$sort": Call("update_one", ({}, {"$push": {"v": {"$each": [], "$sort": 1}}})),
    **{f"$${name}": projected(f"$${name}") for name in ("CLUSTER_TIME", "USER_ROLES", "SEARCH_META")},
    **{f"$${name}": projected(f"$${name}") for name in ("KEEP", "PRUNE", "DESCEND")},
    "$dateTrunc.binSize": projected({"$dateTrunc": {"date": "$$NOW", "unit": "minute", "binSize": 5}}),
    "$bit": Call("update_one", ({}, {"$bit": {"v": {"and": 2}}})),
    **{
        operator: Call("find", ({"v": {operator: 1}},))
        for operator in ("$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear")
    },
    "$slice of a projection": Call("find", ({}, {"v": {"$slice": 1}})),
    "$elemMatch of a projection": Call("find", ({}, {"v": {"$elemMatch": {"$gt": 0}}})),
    "Decimal128 arithmetic": projected({"$add": [Decimal128("1.5"), 1]}),
    "$merge": stage("$merge", {"into": "other"}),
    "partialFilterExpression": Call("create_index", ("v",), {"partialFilterExpression": {"v": 1}}),
    "expireAfterSeconds": Call("create_index", ("v",), {"expireAfterSeconds": 1}),
    "wildcardProjection": Call("create_index", ("$**",), {"wildcardProjection": {"v": 1}}),
    **{operator: Call("find", ({"v": {operator: POINT}},)) for operator in ("$near", "$nearSphere")},
    **{operator: Call("find", ({"v": {operator: POINT}},)) for operator in ("$geoWithin", "$within", "$geoIntersects")},
    **{kind: index(kind) for kind in ("text", "2dsphere", "2d", "hashed")},
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with embedded(tmp_path_factory.mktemp("limits")) as opened:
        opened["items"].insert_one({"_id": 1, "v": [1]})
        yield opened


def test_of_the_embedded_catalog_nothing_is_wrong_but_what_the_list_says_differs() -> None:
    for deviation in DEVIATIONS["embedded"]:
        behaviour = "refused" if deviation.verdict is REFUSED else "differs"
        assert deviation.limits, f"{deviation.cases} must be announced by a limit"
        assert {EMBEDDED.get(operator) for operator in deviation.limits} == {behaviour}, deviation.why


def test_every_difference_of_an_answer_is_shown_by_a_case() -> None:
    shown = {operator for deviation in DEVIATIONS["embedded"] for operator in deviation.limits}
    assert {operator for operator, behaviour in EMBEDDED.items() if behaviour == "differs"} - shown <= NO_ANSWER


REFUSALS = [deviation for deviation in DEVIATIONS["embedded"] if deviation.verdict is REFUSED]


@pytest.mark.parametrize("deviation", REFUSALS, ids=lambda deviation: deviation.limits[0])
def test_a_refused_case_holds_what_the_list_refuses(deviation: Deviation) -> None:
    for name in deviation.cases:
        calls = (BY_ID[name].call, *BY_ID[name].before)
        asked = {word for call in calls for word in (*operators(call.args), *call.options)}
        heads = {re.split(r"[. ]", limit)[0] for limit in deviation.limits}
        assert heads & asked or any(head in repr(BY_ID[name].given) for head in heads), name


@pytest.mark.parametrize("operator", [name for name, how in EMBEDDED.items() if how == "refused"])
def test_what_the_list_refuses_is_refused_by_name(catalog: Any, operator: str) -> None:
    call = PROBES.get(operator) or (stage(operator) if operator in limits.OTHER_STAGES else projected({operator: "$v"}))
    with pytest.raises(NotSupported) as refusal:
        make(call, catalog)
    assert operator in str(refusal.value)
    assert "mongodb://" in str(refusal.value)
