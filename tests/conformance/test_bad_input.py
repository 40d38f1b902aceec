"""Bad questions: an error of the catalog with a code, or refused by name; never an error of Python, never endless."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from catalog import CatalogError, InvalidDocument, InvalidQuery, connect
from catalog.language.accumulators import ACCUMULATORS
from catalog.language.actions import ACTIONS
from catalog.language.expressions import OPERATORS
from catalog.language.pipeline import STAGES

SCALARS = st.sampled_from(
    [None, True, 0, -1, 2.5, float("nan"), float("inf"), Int64(2**63 - 1), Decimal128("1.5"), "", "text", "$a", "$$b",
     "$", "$a..b", "a\0b", b"x", Binary(b"x", 4), ObjectId("0" * 24), datetime(2024, 1, 1), Regex("("), Timestamp(1, 1),
     MinKey(), "Europe/Paris", "day"]
)  # fmt: skip
NAMES = st.sampled_from(["a", "", "$a", "a.b", ".", "input", "in", "cond", "date", "unit", "if", "$add", "from", "as",
                         "branches", "path", "$each", "$slice", "$in", "$regex", "_id"])  # fmt: skip
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
FILTERS = ["$gt", "$in", "$nin", "$not", "$elemMatch", "$all", "$size", "$exists", "$type", "$mod", "$regex", "$and",
           "$nor", "$expr", "$comment"]  # fmt: skip


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with connect(tmp_path_factory.mktemp("bad") / "catalog.db") as catalog:
        catalog["items"].insert_one({"_id": 1, "a": [{"b": 1}, 2], "text": "x", "date": datetime(2024, 1, 1)})
        yield catalog["items"]


def asked(ask: Any) -> None:
    """Ask; what is raised is the catalog's and has a code, or is what PyMongo says before it asks a server."""
    try:
        ask()
        return
    except (CatalogError, ValueError, TypeError) as error:
        raised: Exception = error
    if isinstance(raised, InvalidQuery):
        assert isinstance(raised.code, int), raised
    elif not isinstance(raised, CatalogError):
        assert re.search("update|document|replacement", str(raised)), raised


@given(st.sampled_from(sorted(OPERATORS)), ANYTHING)
def test_arguments_of_expressions(items: Any, name: str, argument: Any) -> None:
    asked(lambda: list(items.aggregate([{"$project": {"r": {name: argument}}}])))


@given(st.sampled_from(sorted(STAGES)), ANYTHING)
def test_options_of_stages(items: Any, name: str, options: Any) -> None:
    asked(lambda: list(items.aggregate([{name: options}])))


@given(st.sampled_from(sorted(ACCUMULATORS)), ANYTHING)
def test_arguments_of_accumulators(items: Any, name: str, argument: Any) -> None:
    asked(lambda: list(items.aggregate([{"$group": {"_id": None, "r": {name: argument}}}])))


@given(st.sampled_from(FILTERS), ANYTHING, st.booleans())
def test_arguments_of_filters(items: Any, name: str, argument: Any, top: bool) -> None:
    asked(lambda: list(items.find({name: argument} if top else {"a": {name: argument}})))


@given(st.sampled_from([*sorted(ACTIONS), "$rename"]), NAMES, ANYTHING)
def test_arguments_of_updates(items: Any, name: str, path: str, argument: Any) -> None:
    before = items.find_one(1)
    asked(lambda: items.update_one({"_id": 1}, {name: {path: argument}}))
    items.replace_one({"_id": 1}, before)


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda items: list(items.find({"a": {"$perhaps": 1}})), 2),
        (lambda items: list(items.find({"$perhaps": 1})), 2),
        (lambda items: list(items.aggregate([{"$perhaps": 1}])), 40324),
        (lambda items: list(items.aggregate([{"$project": {"r": {"$perhaps": 1}}}])), 168),
        (lambda items: list(items.aggregate([{"$group": {"_id": 1, "r": {"$perhaps": 1}}}])), 15952),
        (lambda items: items.update_one({}, {"$perhaps": {"a": 1}}), 9),
        (lambda items: list(items.aggregate([{"$project": {"r": {"$divide": [1]}}}])), 16020),
        (lambda items: list(items.aggregate([{"$project": {"r": {"$abs": "text"}}}])), 28765),
        (lambda items: list(items.aggregate([{"$project": {"r": "$a..b"}}])), 15998),
        (lambda items: list(items.aggregate([{"$project": {"r": "$" + "a." * 250 + "a"}}])), 15),
        (lambda items: list(items.aggregate([{"$unwind": "$a."}])), 40353),
        (lambda items: items.update_one({}, {"$set": {"a..b": 1}}), 56),
        (lambda items: list(items.find({"text": {"$regex": "("}})), 51091),
    ],
)
def test_codes_are_mongodbs(items: Any, ask: Any, code: int) -> None:
    with pytest.raises(InvalidQuery) as error:
        ask(items)
    assert error.value.code == code


def nested(levels: int, name: str = "a") -> dict[str, Any]:
    made: dict[str, Any] = {name: 1}
    for _ in range(levels - 1):
        made = {name: made}
    return made


def test_documents_of_100_levels_are_asked_and_deeper_ones_are_an_error(items: Any) -> None:
    deep = nested(99)
    items.insert_one({"_id": "deep", "d": deep})
    path = "d" + ".a" * 99
    assert items.distinct("_id", {path: 1}) == ["deep"]
    pipeline = [{"$match": {"_id": "deep"}}, {"$project": {"_id": 0, "r": f"${path}"}}]
    assert list(items.aggregate(pipeline)) == [{"r": 1}]
    assert items.find_one({"d": deep})["d"] == deep
    items.delete_one({"_id": "deep"})
    for levels in (300, 5000):
        with pytest.raises((InvalidQuery, InvalidDocument), match="nested"):
            list(items.find(nested(levels, "$nor") if levels == 300 else nested(levels)))
        with pytest.raises((InvalidQuery, InvalidDocument), match="nested"):
            items.insert_one({"_id": 2, "d": nested(5000)})
    condition: Any = "$a"
    for _ in range(5000):
        condition = {"$not": [condition]}
    with pytest.raises((InvalidQuery, InvalidDocument), match="nested"):
        list(items.aggregate([{"$project": {"r": condition}}]))


def test_a_pattern_without_an_end_is_bounded(items: Any) -> None:
    items.insert_one({"_id": "long", "s": "a" * 60 + "b"})
    started = time.process_time()
    with pytest.raises(InvalidQuery, match="too many steps"):
        list(items.find({"s": {"$regex": "(a+)+$"}}))
    items.delete_one({"_id": "long"})
    assert time.process_time() - started < 10


def test_pipelines_of_10_megabytes(items: Any) -> None:
    many = [{"$match": {"a": {"$nin": ["x" * 1_000]}}}] * 900
    assert len(list(items.aggregate([*many, {"$match": {"text": {"$in": ["x", *map(str, range(500_000))]}}}]))) == 1
    with pytest.raises(InvalidQuery) as error:
        list(items.aggregate([{"$limit": 1}] * 1001))
    assert error.value.code == 7749501
    with pytest.raises(InvalidQuery) as error:
        list(items.aggregate([{"$project": {"r": {"$concat": ["x" * (17 << 20)]}}}]))
    assert error.value.code == 10334
