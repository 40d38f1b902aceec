"""The collection users hold: reading, writing, refusing, in the catalog's own errors."""

import re
import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import bson
import pymongo
import pytest
from bson import ObjectId, Regex
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne

from catalog import (
    BulkFailure,
    Damaged,
    DocumentTooLarge,
    DuplicateKey,
    InvalidDocument,
    InvalidName,
    InvalidQuery,
    InvalidUpdate,
    Misused,
    NotSupported,
    ReadOnly,
    connect,
)


@pytest.fixture
def catalog(tmp_path):
    with connect(tmp_path / "catalog.db") as opened:
        yield opened


@pytest.fixture
def items(catalog):
    return catalog["items"]


def test_documents_that_are_encoded_already_are_taken_as_they_are(items):
    whole = bson.encode({"_id": 1, "v": [1, {"w": "x"}], "at": datetime(2024, 2, 20, tzinfo=UTC)})
    nameless = bson.encode({"v": 2})
    items.bulk_write([InsertOne(RawBSONDocument(whole)), InsertOne(RawBSONDocument(nameless))])
    assert bson.encode(items.find_one({"_id": 1})) == whole
    made = items.find_one({"v": 2})
    assert (isinstance(made["_id"], ObjectId), set(made)) == (True, {"_id", "v"})
    with pytest.raises(BulkFailure):
        items.bulk_write([InsertOne(RawBSONDocument(whole))])
    items.bulk_write([ReplaceOne({"_id": 1}, RawBSONDocument(bson.encode({"_id": 1, "v": 3})), upsert=True)])
    assert items.find_one({"_id": 1}) == {"_id": 1, "v": 3}


def test_shown_without_secrets(catalog):
    assert catalog.backend == "embedded"
    assert repr(catalog).startswith("<Catalog ")
    assert catalog.headers.name == "headers"
    assert "headers in " in repr(catalog.headers)


def test_a_collection_is_not_true_or_false(items):
    with pytest.raises(NotImplementedError):
        bool(items)


def test_instants_come_back_in_utc_with_their_zone_cut_to_milliseconds(items):
    denver = timezone(timedelta(hours=-7))
    items.insert_one(
        {"_id": 1, "t": datetime(2024, 2, 20, 18, 0, 0, 123456, denver), "in": [{"t": datetime(2024, 1, 1)}]}
    )
    found = items.find_one(1)
    assert found["t"] == datetime(2024, 2, 21, 1, 0, 0, 123000, UTC)
    assert found["t"].utcoffset() == timedelta()
    assert found["in"][0]["t"] == datetime(2024, 1, 1, tzinfo=UTC)
    (grouped,) = items.aggregate([{"$group": {"_id": None, "last": {"$max": "$t"}}}])
    assert grouped["last"] == found["t"]
    assert items.distinct("t") == [found["t"]]


def test_duplicates_name_index_and_value(items):
    items.insert_one({"_id": "a"})
    with pytest.raises(DuplicateKey, match=r"E11000.*items.*_id_.*'a'") as caught:
        items.insert_one({"_id": "a"})
    assert caught.value.details["keyValue"] == {"_id": "a"}
    items.create_index([("root", 1), ("path", 1)], unique=True)
    with pytest.raises(DuplicateKey, match="root_1_path_1"):
        items.insert_one({"_id": "b"})  # both lack the fields, which is one value
    items.insert_one({"_id": "c", "root": "r", "path": 30})
    with pytest.raises(DuplicateKey, match="root_1_path_1"):
        items.update_one({"_id": "a"}, {"$set": {"root": "r", "path": 30.0}})
    assert items.find_one("a") == {"_id": "a"}
    items.delete_one({"_id": "c"})
    items.update_one({"_id": "a"}, {"$set": {"root": "r", "path": 30.0}})


def test_an_ordered_bulk_stops_and_keeps_what_came_before(items):
    requests = [pymongo.InsertOne({"_id": 1}), pymongo.InsertOne({"_id": 1}), pymongo.InsertOne({"_id": 2})]
    with pytest.raises(BulkFailure) as caught:
        items.bulk_write(requests)
    assert caught.value.details["nInserted"] == 1
    assert [error["index"] for error in caught.value.details["writeErrors"]] == [1]
    assert items.distinct("_id") == [1]


def test_an_unordered_bulk_goes_on(items):
    requests = [pymongo.InsertOne({"_id": 1}), pymongo.InsertOne({"_id": 1}), pymongo.InsertOne({"_id": 2})]
    with pytest.raises(BulkFailure):
        items.bulk_write(requests, ordered=False)
    assert items.distinct("_id") == [1, 2]


def test_every_request_of_pymongo_is_read_with_its_options(items):
    """PyMongo has no public way to read its requests: this says when its private one changes."""
    items.insert_many([{"_id": n, "n": n, "v": [1, 5]} for n in range(6)])
    last = [("n", -1)]
    result = items.bulk_write(
        [
            pymongo.InsertOne({"_id": "new"}),
            pymongo.ReplaceOne({"n": {"$lt": 9}}, {"kind": "replaced"}, sort=last),
            pymongo.ReplaceOne({"_id": "up"}, {"a": 1}, upsert=True, hint="_id_"),
            pymongo.UpdateOne({"n": 0}, {"$set": {"v.1": 0}}, hint="_id_"),
            pymongo.UpdateOne({"n": {"$lt": 9}}, {"$set": {"kind": "last"}}, sort=last),
            pymongo.UpdateMany({"n": {"$in": [1, 2]}}, [{"$set": {"n": {"$add": ["$n", 10]}}}]),
            pymongo.UpdateMany({"_id": "many"}, {"$set": {"a": 2}}, upsert=True),
            pymongo.DeleteOne({"n": 3}, hint="_id_"),
            pymongo.DeleteMany({"n": {"$gt": 10}}),
        ]
    )
    assert result.upserted_ids == {2: "up", 6: "many"}
    assert (result.inserted_count, result.modified_count, result.deleted_count) == (1, 5, 3)
    left = {document.pop("_id"): document for document in items.find()}
    assert left == {
        0: {"n": 0, "v": [1, 0]},
        4: {"n": 4, "v": [1, 5], "kind": "last"},
        5: {"kind": "replaced"},
        "new": {},
        "up": {"a": 1},
        "many": {"a": 2},
    }
    with pytest.raises(NotSupported, match="collation"):
        items.bulk_write([pymongo.DeleteOne({}, collation={"locale": "en"})])
    with pytest.raises(NotSupported, match="array_filters"):
        items.bulk_write([pymongo.UpdateOne({}, {"$set": {"v.$[e]": 0}}, array_filters=[{"e": 5}])])
    with pytest.raises(TypeError, match="not a valid request"):
        items.bulk_write([{"insert": 1}])


def test_a_pattern_finds_text_and_itself(items):
    items.insert_many([{"_id": 1, "v": "abc"}, {"_id": 2, "v": Regex("^a")}, {"_id": 3, "v": Regex("^a", "i")}])
    assert items.distinct("_id", {"v": re.compile("^a")}) == [1, 2]
    assert items.distinct("_id", {"v": {"$in": [Regex("^a", "i")]}}) == [1, 3]
    assert items.distinct("_id", {"v": {"$regex": "^a"}}) == [1, 2]


def test_an_update_of_many_is_whole_or_nothing(items):
    items.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": "text"}, {"_id": 3, "n": 1}])
    with pytest.raises(InvalidUpdate, match="non-numeric"):
        items.update_many({}, {"$inc": {"n": 1}})
    assert [document["n"] for document in items.find()] == [1, "text", 1]
    with pytest.raises(BulkFailure):
        items.bulk_write(
            [pymongo.UpdateOne({"_id": 1}, {"$inc": {"n": 5}}), pymongo.UpdateMany({}, {"$inc": {"n": 1}})]
        )
    assert [document["n"] for document in items.find()] == [6, "text", 1]
    items.create_index("n")
    assert items.find_one({"n": 6})["_id"] == 1


def test_what_bson_cannot_hold_is_refused_before_anything_is_written(items):
    with pytest.raises(InvalidDocument, match="64 bits"):
        items.insert_one({"_id": 1, "n": 2**64})
    with pytest.raises(InvalidDocument):
        items.insert_one({"_id": 1, "n": {1, 2}})
    with pytest.raises(DocumentTooLarge, match="keep bulk data in arrays"):
        items.bulk_write([pymongo.InsertOne({"_id": 0}), pymongo.InsertOne({"_id": 1, "d": bytes(16 * 1024 * 1024)})])
    assert items.count_documents({}) == 0


def test_a_document_of_almost_16_mib_is_kept(items):
    data = bytes(16 * 1024 * 1024 - 100)
    items.insert_one({"_id": 1, "d": data})
    assert items.find_one({"_id": 1})["d"] == data


@pytest.mark.parametrize(
    ("pipeline", "names"),
    [
        ([{"$perhaps": 1}], r"\$perhaps"),
        ([{"$project": {"x": {"$perhaps": 1}}}], r"\$perhaps"),
        ([{"$group": {"_id": None, "n": {"$perhaps": 1}}}], r"\$perhaps"),
        ([{"$facet": {"x": [{"$perhaps": 1}]}}], r"\$perhaps"),
        ([{"$match": {"a": {"$perhaps": 1}}}], r"\$perhaps"),
        ([{"$project": {"x": "$$perhaps"}}], "perhaps"),
        ([{"$match": {}, "$limit": 1}], "exactly one"),
    ],
)
def test_unknown_operators_are_named_even_where_there_is_nothing(items, pipeline, names):
    with pytest.raises(InvalidQuery, match=names) as caught:
        list(items.aggregate(pipeline))
    assert not isinstance(caught.value, NotSupported)


@pytest.mark.parametrize(
    ("ask", "names"),
    [
        (lambda c: list(c.find({"$where": "1"})), r"\$where"),
        (lambda c: list(c.find({"$and": [{"$text": {"$search": "x"}}]})), r"\$text"),
        (lambda c: list(c.find({"p": {"$near": [0, 0]}})), r"\$near"),
        (lambda c: c.find({}, collation={"locale": "en"}), "collation"),
        (lambda c: c.find({}, session=object()), "session"),
        (lambda c: c.watch(), "watch"),
        (lambda c: c.find({}).explain(), "explain"),
        (lambda c: list(c.aggregate([{"$project": {"x": {"$function": {}}}}])), r"\$function"),
        (lambda c: list(c.aggregate([{"$graphLookup": {}}])), r"\$graphLookup"),
        (lambda c: c.update_one({}, {"$set": {"a.$.b": 1}}), r"\$set"),
        (lambda c: c.create_index("a", expireAfterSeconds=5), "expireAfterSeconds"),
        (lambda c: c.create_index([("a", "2dsphere")]), "2dsphere"),
    ],
)
def test_what_is_refused_names_operator_and_way_out(items, ask, names):
    with pytest.raises(NotSupported, match=names) as caught:
        ask(items)
    assert "mongodb://" in str(caught.value)


def test_misspelt_options_are_errors(items):
    with pytest.raises(TypeError, match="upsrt"):
        items.update_one({}, {"$set": {"a": 1}}, upsrt=True)
    with pytest.raises(TypeError, match="filter"):
        items.find([1])


def test_readonly_refuses_every_write(catalog, tmp_path):
    catalog.headers.insert_one({"_id": 1, "root": "r", "path": "p"})
    with connect(tmp_path / "catalog.db", readonly=True) as reader:
        assert reader.headers.find_one(1)["path"] == "p"
        for write in (
            lambda: reader.headers.insert_one({}),
            lambda: reader.headers.update_one({}, {"$set": {"a": 1}}),
            lambda: reader.headers.delete_many({}),
            lambda: reader.headers.bulk_write([pymongo.DeleteOne({})]),
            lambda: reader.headers.drop(),
            lambda: reader.headers.create_index("a"),
            lambda: reader.headers.aggregate([{"$out": "x"}]),
        ):
            with pytest.raises(ReadOnly, match="without readonly"):
                write()


def test_a_closed_catalog_says_so(catalog):
    catalog.close()
    catalog.close()
    with pytest.raises(Misused, match="connect again"):
        catalog.headers.find_one()


def test_bad_names_are_refused(catalog):
    with pytest.raises(InvalidName):
        catalog["a$b"]


def test_names_and_values_cannot_become_sql(catalog):
    evil = "x'; DROP TABLE d1; --"
    catalog[evil].insert_one({"_id": evil, evil: evil, 'a"b': 1})
    catalog[evil].create_index(evil)
    assert catalog[evil].find_one({evil: evil})["_id"] == evil
    assert catalog[evil].find_one({"a') OR (1=1) OR ('1": 1}) is None
    assert catalog[evil].distinct(evil) == [evil]
    assert evil in catalog.collection_names()


def test_a_damaged_document_is_said_to_be_damaged(catalog, tmp_path):
    catalog["items"].insert_one({"_id": 1, "a": "text"})
    outside = sqlite3.connect(tmp_path / "catalog.db")
    number = outside.execute("SELECT id FROM collections WHERE name='items'").fetchone()[0]
    outside.execute(f"UPDATE d{number} SET doc=x'00'")
    outside.commit()
    outside.close()
    with pytest.raises(Damaged, match="items in"):
        catalog["items"].find_one({"a": "text"})


def test_cursors(items):
    items.insert_many([{"_id": number, "v": number % 3} for number in range(30)])
    cursor = items.find({"v": {"$lt": 2}}).sort([("v", -1), ("_id", 1)]).skip(2).limit(3)
    assert [document["_id"] for document in cursor] == [7, 10, 13]
    assert [document["_id"] for document in cursor.clone().to_list()] == [7, 10, 13]
    assert [document["_id"] for document in cursor.rewind().to_list(2)] == [7, 10]
    assert items.find()[5]["_id"] == 5
    assert [document["_id"] for document in items.find()[3:5]] == [3, 4]
    assert items.find({}).distinct("v") == [0, 1, 2]
    with items.find() as opened:
        next(opened)
        with pytest.raises(Misused):
            opened.sort("v")


def test_documents_may_be_changed_while_they_are_walked(items):
    items.create_index("v")
    items.insert_many([{"_id": number, "v": 1} for number in range(3000)])
    for document in items.find({"v": 1}):
        if document["_id"] % 100 == 0:
            items.update_one({"_id": document["_id"]}, {"$set": {"v": 2}})
    assert items.count_documents({"v": 2}) == 30


def test_find_one_and(items):
    items.insert_one({"_id": 1, "n": 1})
    after = pymongo.ReturnDocument.AFTER
    assert items.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}})["n"] == 1
    assert items.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}}, return_document=after) == {"_id": 1, "n": 3}
    assert items.find_one_and_update({"_id": 2}, {"$set": {"n": 9}}, upsert=True, return_document=after) == {
        "_id": 2,
        "n": 9,
    }
    assert items.find_one_and_replace({"_id": 2}, {"m": 1}, return_document=after) == {"_id": 2, "m": 1}
    assert items.find_one_and_delete({"_id": 2}, projection={"_id": 0}) == {"m": 1}
    assert items.find_one_and_delete({"_id": 2}) is None


def test_declared_indexes_are_made_once(catalog, tmp_path):
    from catalog.indexes import INDEXES

    for index in INDEXES:
        name = "_".join(f"{path}_1" for path in index.keys)
        told = catalog[index.collection].index_information()[name]
        assert told["key"] == [(path, 1) for path in index.keys]
        assert told.get("unique", False) is index.unique
    catalog.ensure_indexes()
    with connect(tmp_path / "catalog.db") as again:
        assert again.headers.index_information() == catalog.headers.index_information()


def test_values_of_every_type_come_back(items):
    document = {
        "_id": bson.ObjectId(), "null": None, "bool": True, "int": 1, "long": bson.Int64(2**40), "double": -0.0,
        "nan": float("inf"), "text": "x\x00é", "bytes": b"\x00\xff", "binary": bson.Binary(b"a", 4),
        "decimal": bson.Decimal128("1.50"), "regex": bson.Regex("^a", "i"), "stamp": bson.Timestamp(1, 2),
        "min": bson.MinKey(), "max": bson.MaxKey(), "code": bson.Code("x", {"a": 1}),
        "list": [1, [2, {"a": []}]], "doc": {"b": 1, "a": {}},
    }  # fmt: skip
    items.insert_one(document)
    found = items.find_one({"_id": document["_id"]})
    assert bson.encode(found) == bson.encode(document)
    assert list(found["doc"]) == ["b", "a"]


def test_arguments_by_position_are_pymongos(tmp_path):
    with connect(tmp_path / "positions.db") as catalog:
        items = catalog["items"]
        items.insert_many([{"_id": number, "a": number, "b": 1} for number in range(5)])
        assert [one["_id"] for one in items.find({}, None, 1, 2)] == [1, 2]
        assert items.find_one({}, {"a": 1}, 3) == {"_id": 3, "a": 3}
        assert items.find_one_and_update({"_id": 1}, {"$set": {"b": 2}}, {"a": 0}) == {"_id": 1, "b": 1}
        assert items.find_one_and_delete({}, {"_id": 1}, [("a", -1)]) == {"_id": 4}
        assert items.find_one({"_id": 0}, []) == {"_id": 0, "a": 0, "b": 1}
        with pytest.raises(NotSupported, match="array_filters"):  # the fourth of one, the sixth of the other
            items.update_many({}, {"$set": {"v.$[e]": 0}}, False, [{"e": 5}])
        with pytest.raises(NotSupported, match="array_filters"):
            items.update_one({}, {"$set": {"v.$[e]": 0}}, False, None, None, [{"e": 5}])
        assert items.distinct("_id", {"a": 2}, None) == [2]
        assert items.create_index("a", None, "why") == "a_1"
        assert "a_1" in items.index_information(None)
        items.drop_index("a_1", None)
        with pytest.raises(NotSupported, match="session"):
            items.index_information(object())
        with pytest.raises(TypeError, match="multiple values"):
            items.find({}, None, 1, skip=2)
        with pytest.raises(TypeError, match="by position"):
            items.insert_one({}, *range(9))
