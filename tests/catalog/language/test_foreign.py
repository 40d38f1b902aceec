"""Stages that name other collections: what they join, and where they write."""

import pytest

from catalog import InvalidQuery, NotSupported, connect


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("foreign") / "catalog.db") as opened:
        opened["other"].insert_many([{"_id": 1, "k": None}, {"_id": 2}, {"_id": 3, "k": 5}, {"_id": 4, "k": [6, 5]}])
        yield opened


def joined(catalog, document, **options):
    items = catalog["items"]
    items.delete_many({})
    items.insert_one({"_id": 0, **document})
    lookup = {"from": "other", "localField": "v", "foreignField": "k", "as": "r", **options}
    (made,) = items.aggregate([{"$lookup": {key: value for key, value in lookup.items() if value is not None}}])
    return made


@pytest.mark.parametrize(
    ("document", "ids"),
    [
        ({"v": 5}, [3, 4]),
        ({"v": []}, [1, 2]),
        ({}, [1, 2]),
        ({"v": [5, 7]}, [3, 4]),
        ({"v": [None]}, [1, 2]),
    ],
    ids=str,
)
def test_a_lookup_finds_what_is_equal(catalog, document, ids):
    assert [found["_id"] for found in joined(catalog, document)["r"]] == ids


def test_a_number_in_its_path_is_a_position(catalog):
    assert [found["_id"] for found in joined(catalog, {"v": [7, 5]}, localField="v.1")["r"]] == [3, 4]


def test_it_replaces_an_array_on_the_way(catalog):
    assert joined(catalog, {"v": 5, "a": [1, 2]}, **{"as": "a.b"})["a"].keys() == {"b"}


def test_let_tells_null_from_missing(catalog):
    pipeline = [{"$match": {"$expr": {"$eq": ["$k", "$$v"]}}}, {"$project": {"_id": 1}}]
    options = {"localField": None, "foreignField": None, "pipeline": pipeline, "let": {"v": "$v"}}
    assert joined(catalog, {"v": None}, **options)["r"] == [{"_id": 1}]
    assert joined(catalog, {}, **options)["r"] == [{"_id": 2}]


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ({"$lookup": {"from": "other", "as": "r"}}, 9),
        ({"$lookup": {"from": "", "as": "r", "pipeline": []}}, 73),
        ({"$facet": {"a": [{"$lookup": {"from": "o", "as": "r", "pipeline": [{"$facet": {"b": []}}]}}]}}, 40600),
        ({"$unionWith": {"coll": 5}}, 14),
    ],
    ids=str,
)
def test_what_is_not_valid_is_an_error_with_mongodbs_code(catalog, stage, code):
    with pytest.raises(InvalidQuery) as error:
        catalog["items"].aggregate([stage])
    assert error.value.code == code


@pytest.mark.parametrize("name", ["$abc", "abc.", "a..b", "x" * 300])
def test_a_collection_that_cannot_be_is_empty(catalog, name):
    assert joined(catalog, {"v": 1}, **{"from": name}, localField="v", foreignField="v")["r"] == []


@pytest.mark.parametrize("name", ["$merge", "$out"])
def test_what_writes_another_collection_is_refused_by_name(catalog, name):
    with pytest.raises(NotSupported, match=rf"\{name}.*bulk_write"):
        catalog["items"].aggregate([{name: "other"}])
