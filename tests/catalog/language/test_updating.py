"""Updates: what they leave behind, and what they refuse to touch."""

import pytest
from bson import ObjectId

from catalog import InvalidQuery, InvalidUpdate, NotSupported, connect
from catalog.language.updating import equalities


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("updating") / "catalog.db") as catalog:
        yield catalog["items"]


def updated(items, before, update, **options):
    identity = items.insert_one({"_id": ObjectId(), **before}).inserted_id
    items.update_one({"_id": identity}, update, **options)
    return items.find_one_and_delete({"_id": identity}, projection={"_id": 0})


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        ({"header": {"EXPTIME": 30}}, [{"$set": {"header": {"NOTE": "x"}}}], {"header": {"EXPTIME": 30, "NOTE": "x"}}),
        ({"h": [{"a": 1}, 5]}, [{"$addFields": {"h": {"b": 2}}}], {"h": [{"a": 1, "b": 2}, {"b": 2}]}),
        ({"h": {"a": 1}}, [{"$set": {"h": {"$literal": {"b": 2}}}}], {"h": {"b": 2}}),
        ({"h": {"a": 1}}, [{"$set": {"h.b.c": "$h.a"}}], {"h": {"a": 1, "b": {"c": 1}}}),
        ({"v": 1}, [{"$set": {"h.z": "$nope"}}], {"v": 1, "h": {}}),
        ({"header": {"1": 2}}, {"$unset": {"header.1": ""}}, {"header": {}}),
        ({"10": 1, "v": 1}, {"$unset": {"10": ""}}, {"v": 1}),
        ({"v": 1.0}, {"$max": {"v": 1}}, {"v": 1.0}),
        ({"v": [1]}, {"$addToSet": {"v": {"$each": [1.0, True, True]}}}, {"v": [1, True]}),
        ({"v": [1, True, 1.0]}, {"$pull": {"v": True}}, {"v": [1, 1.0]}),
        ({"v": [1, 2]}, {"$unset": {"v.0": ""}}, {"v": [None, 2]}),
        ({"v": 1}, {"$unset": {"absent": ""}}, {"v": 1}),
        ({"v": 1}, {"$rename": {"absent": "v.x"}}, {"v": 1}),
        ({"v": [[1, 2], 1, 3]}, {"$pull": {"v": 1}}, {"v": [[1, 2], 3]}),
        ({"v": [[1, 2, 3], 1]}, {"$pullAll": {"v": [1, 2, 3]}}, {"v": [[1, 2, 3]]}),
        ({"v": [{"a": 1}, {"a": 2}, {"b": 3}]}, {"$pull": {"v": {"$or": [{"a": 1}, {"b": 3}]}}}, {"v": [{"a": 2}]}),
        ({"v": [3, 1]}, {"$push": {"v": {"$each": [2], "$position": 0, "$slice": 2}}}, {"v": [2, 3]}),
        ({"v": 2}, {"$mul": {"v": 2.5, "w": 3}}, {"v": 5.0, "w": 0}),
        ({}, {"$set": {"b": 1, "a": 2, "10": 3, "9": 4}}, {"9": 4, "10": 3, "a": 2, "b": 1}),
        ({"v": []}, {"$set": {"v.2": 1}}, {"v": [None, None, 1]}),
        ({"v": [{"1": 2}, [5, 6]]}, {"$unset": {"v.0.1": "", "v.1.1": ""}}, {"v": [{}, [5, None]]}),
    ],
    ids=str,
)
def test_what_is_stored_is_neither_lost_nor_falsified(items, before, update, after):
    assert repr(updated(items, before, update)) == repr(after)


@pytest.mark.parametrize(
    ("before", "update", "code"),
    [
        ({"v": 1}, {"$set": {"v.a": 1}}, 28),
        ({"v": 1}, {"$pull": {"v.a": 1}}, 28),
        ({"v": None}, {"$rename": {"w": "v.x"}, "$set": {"v.y": 1}}, 28),
        ({"w": 1, "v": None}, {"$rename": {"w": "v.x"}}, 28),
        ({"v": "a"}, {"$inc": {"v": 1}}, 14),
        ({"v": 2**63 - 1}, {"$inc": {"v": 1}}, 2),
        ({}, {"$set": {"v": 1, "v.a": 2}}, 40),
        ({}, {"$set": {"_id": 5}}, 66),
        ({}, {"$unset": {"_id": ""}}, 66),
        ({}, {"$set": {"a..b": 1}}, 56),
        ({}, {"$nope": {"a": 1}}, 9),
        ({"v": [1]}, {"$push": {"v": {"$each": [2], "$perhaps": 1}}}, 2),
        ({}, [{"$group": {"_id": 1}}], 72),
    ],
    ids=str,
)
def test_what_cannot_be_applied_is_an_error_with_mongodbs_code_and_changes_nothing(items, before, update, code):
    identity = items.insert_one({"_id": ObjectId(), **before}).inserted_id
    with pytest.raises(InvalidQuery) as error:
        items.update_one({"_id": identity}, update)
    assert error.value.code == code
    assert items.find_one_and_delete({"_id": identity}, projection={"_id": 0}) == before


@pytest.mark.parametrize(
    "update",
    [
        {"$bit": {"v": {"and": 1}}},
        {"$currentDate": {"v": True}},
        {"$set": {"v.$": 1}},
        {"$inc": {"v.$[]": 1}},
        {"$push": {"v": {"$each": [], "$sort": 1}}},
    ],
    ids=str,
)
def test_what_is_not_applied_is_refused_by_name(items, update):
    with pytest.raises(NotSupported, match="mongodb://") as refusal:
        items.update_one({}, update)
    assert next(iter(update)) in str(refusal.value)


@pytest.mark.parametrize(
    ("query", "made"),
    [
        ({"a": 1, "b.c": {"$eq": 2}, "d": {"$gt": 3}}, {"a": 1, "b": {"c": 2}}),
        ({"$and": [{"a": 1}, {"$or": [{"b": 2}]}]}, {"a": 1, "b": 2}),
        ({"$or": [{"a": 1}, {"b": 2}], "c": {"$in": [3]}}, {"c": 3}),
    ],
    ids=str,
)
def test_an_upsert_begins_with_what_the_filter_is_equal_to(query, made):
    assert equalities(query) == made


def test_a_field_that_is_equal_to_two_things_begins_no_upsert():
    with pytest.raises(InvalidUpdate, match="matched twice"):
        equalities({"a": 1, "$and": [{"a": 1}]})
