"""Groups: their keys, their accumulators, the ancestors' two questions."""

import math

import pytest
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from catalog import connect


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("group") / "catalog.db") as catalog:
        yield catalog["items"]


def group(items, documents, **accumulators):
    items.delete_many({})
    if documents:
        items.insert_many(documents)
    return list(items.aggregate([{"$group": accumulators}]))


def test_keys_are_equal_where_values_are(items):
    documents = [
        {"_id": n, "k": k} for n, k in enumerate([30, 30.0, Int64(30), True, 1, None, math.nan, math.nan, "30"])
    ]
    found = group(items, [*documents, {"_id": 9}], _id="$k", ids={"$push": "$_id"})
    assert [document["ids"] for document in found] == [[0, 1, 2], [3], [4], [5, 9], [6, 7], [8]]
    assert [list(document) for document in found] == [["_id", "ids"]] * 6


def test_a_missing_field_of_a_compound_key_stays_missing(items):
    found = group(items, [{"_id": 1, "b": 1}, {"_id": 2, "a": None, "b": 1}], _id={"a": "$a", "b": "$b"})
    assert [document["_id"] for document in found] == [{"b": 1}, {"a": None, "b": 1}]


@given(
    st.lists(
        st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e6, 1e6), st.none(), st.text(max_size=2), st.booleans()),
        max_size=20,
    )
)
def test_accumulators_pass_over_what_they_must(items, values):
    documents = [{"_id": number, "v": value} for number, value in enumerate(values)]
    accumulators = {name[1:]: {name: "$v"} for name in ("$sum", "$avg", "$min", "$max", "$push", "$first", "$last")}
    found = group(items, documents, _id=None, **accumulators)
    if not values:
        assert found == []
        return
    (answer,) = found
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    assert answer["sum"] == pytest.approx(math.fsum(numbers), abs=1e-6)
    assert isinstance(answer["sum"], float) is any(isinstance(value, float) for value in numbers)
    assert answer["avg"] == (pytest.approx(math.fsum(numbers) / len(numbers), abs=1e-6) if numbers else None)
    assert answer["push"] == values
    assert (answer["first"], answer["last"]) == (values[0], values[-1])
    if numbers:
        assert answer["min"] == min(numbers)


def test_the_first_of_one_that_lacks_the_field_is_null(items):
    (answer,) = group(items, [{"_id": 1}, {"_id": 2, "v": 5}], _id=None, first={"$first": "$v"}, push={"$push": "$v"})
    assert answer == {"_id": None, "first": None, "push": [5]}


def test_a_sum_over_many_doubles_is_exact(items):
    (answer,) = group(items, [{"_id": n, "v": 0.1} for n in range(2000)], _id=None, s={"$sum": "$v"})
    assert answer["s"] == pytest.approx(200.0, abs=1e-12)


def test_darks_and_flats(items):
    def frame(number, kind, **more):
        return {
            "_id": number,
            "date": "2024-02-20",
            "header": {"IMAGETYP": kind, "SERIALNO": "S1", "EXPTIME": 30},
            **more,
        }

    items.delete_many({})
    items.insert_many([frame(1, "dark"), frame(2, "dark"), frame(3, "light")])
    items.insert_many(
        [frame(10 + n, "flat", exposure_number=7, flat_time="evening" if n < 3 else "morning") for n in range(4)]
    )
    darks = [
        {"$match": {"date": "2024-02-20", "header.IMAGETYP": "dark"}},
        {"$group": {"_id": {"serialno": "$header.SERIALNO", "exptime": "$header.EXPTIME"}, "ids": {"$push": "$_id"}}},
    ]
    assert list(items.aggregate(darks)) == [{"_id": {"serialno": "S1", "exptime": 30}, "ids": [1, 2]}]
    flats = [
        {"$match": {"header.IMAGETYP": "flat"}},
        {
            "$group": {
                "_id": {"exposure": "$exposure_number", "time": "$flat_time"},
                "n": {"$sum": 1},
                "ids": {"$push": "$_id"},
            }
        },
        {"$group": {"_id": "$_id.exposure", "times": {"$push": {"time": "$_id.time", "n": "$n", "ids": "$ids"}}}},
        {"$sort": {"_id": 1}},
    ]
    times = [{"time": "evening", "n": 3, "ids": [10, 11, 12]}, {"time": "morning", "n": 1, "ids": [13]}]
    assert list(items.aggregate(flats)) == [{"_id": 7, "times": times}]
