"""Updates: what they leave behind, and what they refuse to touch."""

import pytest
from bson import ObjectId

from catalog import connect


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
        ({"v": [{"1": 2}, [5, 6]]}, {"$unset": {"v.0.1": "", "v.1.1": ""}}, {"v": [{}, [5, None]]}),
    ],
    ids=str,
)
def test_what_is_stored_is_neither_lost_nor_falsified(items, before, update, after):
    assert repr(updated(items, before, update)) == repr(after)
