"""Indexes narrow and never decide: with and without them the answers are the same."""

import contextlib
import random
import tracemalloc
from unittest.mock import patch

import pytest
from bson import Int64
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import InvalidUpdate, connect
from catalog.embedded import distinct
from catalog.language.projection import compile_paths, needed_paths, prune
from catalog.language.values import encode_key

scalars = st.one_of(
    st.sampled_from([None, True, False, 0, 1, 1.0, -0.0, 2, 2.5, Int64(1), float("nan"), "", "a", "b", "1", b"a"]),
    st.integers(-3, 3),
)
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.lists(st.lists(scalars, max_size=2), max_size=2))
inner = st.one_of(st.dictionaries(st.sampled_from(["b", "c"]), values, max_size=2), scalars)
documents = st.lists(
    st.fixed_dictionaries(
        {},
        optional={"a": st.one_of(inner, st.lists(inner, max_size=3)), "k": values, "m": scalars},
    ),
    max_size=12,
)
paths = st.sampled_from(["k", "m", "a.b", "a", "_id"])
tests = st.one_of(
    scalars,
    st.lists(scalars, max_size=2),
    st.builds(lambda v: {"$in": v}, st.lists(scalars, max_size=3)),
    st.builds(lambda op, v: {op: v}, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), scalars),
    st.builds(lambda lo, hi: {"$gte": lo, "$lt": hi}, st.integers(-3, 3), st.integers(-3, 3)),
    st.just({"$exists": True}),
    st.just({"$exists": False}),
)
clauses = st.dictionaries(paths, tests, max_size=2)
queries = st.one_of(
    clauses,
    st.builds(lambda a, b: {"$and": [a, b]}, clauses, clauses),
    st.builds(lambda a, b: {"$or": [a, b]}, clauses, clauses),
)
sorts = st.lists(st.tuples(paths, st.sampled_from([1, -1])), min_size=1, max_size=3, unique_by=lambda pair: pair[0])
INDEXED = ("k", "m", "a.b", "a")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("search") / "catalog.db") as opened:
        for path in INDEXED:
            opened["indexed"].create_index(path)
        yield opened


def fill(catalog, drawn):
    pair = catalog["plain"], catalog["indexed"]
    for collection in pair:
        collection.delete_many({})
        if drawn:
            collection.insert_many([{"_id": number, **document} for number, document in enumerate(drawn)])
    return pair


def ids(cursor):
    return [document["_id"] for document in cursor]


@given(documents, queries)
def test_filters(catalog, drawn, query):
    plain, indexed = fill(catalog, drawn)
    expected = ids(plain.find(query))
    assert ids(indexed.find(query)) == expected
    assert indexed.count_documents(query) == len(expected)
    assert ids(indexed.aggregate([{"$match": query}, {"$project": {"_id": 1}}])) == expected


@given(documents, queries, sorts, st.integers(0, 3), st.integers(0, 5))
def test_orders(catalog, drawn, query, sort, skip, limit):
    plain, indexed = fill(catalog, drawn)
    whole = ids(plain.find(query).sort(sort))
    expected = whole[skip : skip + limit] if limit else whole[skip:]
    for collection in (plain, indexed):
        assert ids(collection.find(query).sort(sort).skip(skip).limit(limit)) == expected
    stages = [
        {"$match": query},
        {"$sort": dict(sort)},
        *([{"$skip": skip}] if skip else []),
        *([{"$limit": limit}] if limit else []),
    ]
    assert ids(indexed.aggregate(stages)) == expected


@given(documents, paths)
def test_distinct(catalog, drawn, path):
    plain, indexed = fill(catalog, drawn)
    expected = plain.distinct(path)
    answered = indexed.distinct(path)
    assert [(type(v), repr(v)) for v in answered] == [(type(v), repr(v)) for v in expected]
    assert [encode_key(v) for v in answered] == sorted({encode_key(v) for v in answered})


wide = st.builds(
    lambda own, other, m: {**own, **other, **m},
    st.one_of(
        st.just({}), st.builds(lambda op, v: {"k": {op: v}}, st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), scalars)
    ),
    st.builds(lambda v: {"a.b": {"$in": v}}, st.lists(scalars, max_size=3)),
    st.one_of(st.just({}), st.builds(lambda v: {"m": v}, scalars)),
)


@given(documents, st.sampled_from(["k", "a.b"]), st.one_of(queries, wide))
def test_distinct_of_a_wide_question_is_found_key_by_key(catalog, drawn, path, query):
    """Whatever many documents answer is looked for key by key; here from the first document on."""
    plain, indexed = fill(catalog, drawn)
    with patch.object(distinct, "WIDE", 0):
        answered = indexed.distinct(path, query)
    assert [(type(v), repr(v)) for v in answered] == [(type(v), repr(v)) for v in plain.distinct(path, query)]


def test_distinct_nights_before_one_read_one_document_of_each(catalog):
    items = catalog["nights"]
    items.create_index("date")
    items.insert_many([{"_id": number, "date": f"{number // 500:04d}", "kind": number % 2} for number in range(6000)])
    with patch.object(distinct, "decode_naive", wraps=distinct.decode_naive) as decoded:
        found = items.distinct("date", {"date": {"$lt": "0009"}})
    assert found == [f"{number:04d}" for number in range(9)]
    assert decoded.call_count == len(found) + 500  # and every document of the night itself, which is not before it


@given(
    documents,
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["set", "unset", "replace", "delete", "push"]), values),
        max_size=8,
    ),
)
def test_entries_follow_every_write(catalog, drawn, writes):
    _, indexed = fill(catalog, drawn)
    for number, kind, value in writes:
        if kind == "set":
            indexed.update_one({"_id": number}, {"$set": {"k": value, "m": 1}}, upsert=True)
        elif kind == "unset":
            indexed.update_one({"_id": number}, {"$unset": {"a": "", "k": ""}})
        elif kind == "replace":
            indexed.replace_one({"_id": number}, {"a": {"b": value}}, upsert=True)
        elif kind == "delete":
            indexed.delete_one({"_id": number})
        else:
            with contextlib.suppress(InvalidUpdate):  # it is no array
                indexed.update_one({"_id": number}, {"$push": {"k": value}})
    backend = catalog._backend
    schema, connection = backend.schemas.get("indexed"), backend.file.connection()
    from catalog.embedded.codec import decode_naive
    from catalog.language.entries import entries_of

    rows = connection.execute(f"SELECT n, doc FROM d{schema.id}").fetchall()
    for field in schema.fields.values():
        expected = {(key, n): tag for n, doc in rows for key, tag in entries_of(decode_naive(doc), field.parts).items()}
        kept = {(key, n): tag for key, n, tag in connection.execute(f"SELECT key, n, tag FROM e{field.id}")}
        assert kept == expected


PIPELINES = [
    [{"$group": {"_id": "$k", "n": {"$sum": 1}, "v": {"$push": "$a.b"}}}],
    [{"$unwind": "$a"}, {"$group": {"_id": {"b": "$a.b", "m": "$m"}, "v": {"$addToSet": "$k"}}}],
    [{"$set": {"z": "$a.b"}}, {"$project": {"z": 1, "q": "$a.c", "k": 1}}],
    [{"$project": {"a.b": 1, "m": 1}}],
    [{"$sort": {"m": 1, "_id": 1}}, {"$limit": 5}, {"$project": {"a": 1, "_id": 0}}],
    [{"$sortByCount": "$a.b"}],
    [{"$facet": {"x": [{"$sortByCount": "$m"}], "y": [{"$match": {"a.b": 1}}, {"$count": "n"}]}}],
]


@settings(max_examples=30)
@given(documents, st.sampled_from(PIPELINES))
def test_a_pipeline_answers_the_same_over_pruned_documents(catalog, drawn, pipeline):
    plain, _ = fill(catalog, drawn)
    other = catalog["pruned"]
    other.delete_many({})
    tree = compile_paths(needed_paths(pipeline))
    kept = [{"_id": document["_id"], **prune(document, tree)} for document in plain.find()]
    if kept:
        other.insert_many(kept)
    assert repr(list(other.aggregate(pipeline))) == repr(list(plain.aggregate(pipeline)))


def test_an_index_made_later_knows_what_was_there(catalog):
    items = catalog["later"]
    items.insert_many([{"_id": number, "v": [number % 3, "x"] if number % 2 else number % 3} for number in range(50)])
    before = items.distinct("v"), ids(items.find({"v": 1}))
    items.create_index("v")
    assert (items.distinct("v"), ids(items.find({"v": 1}))) == before
    items.drop_index("v_1")
    assert ids(items.find({"v": 1})) == before[1]


def test_many_ids_are_found_in_one_question(catalog):
    items = catalog["many"]
    items.insert_many([{"_id": f"id{number}", "v": number} for number in range(20_000)])
    wanted = [f"id{number}" for number in range(0, 20_000, 2)]
    assert len(ids(items.find({"_id": {"$in": wanted}}, {"_id": 1}))) == 10_000
    assert items.count_documents({"_id": {"$in": [*wanted, "none"]}}) == 10_000


@pytest.mark.patient
def test_a_whole_collection_is_grouped_without_being_kept(catalog):
    items = catalog["heavy"]
    rng = random.Random(1)
    for start in range(0, 6000, 500):
        items.insert_many([
            {"_id": number, "k": number % 7, "header": {f"K{i}": i for i in range(40)}, "cards": rng.randbytes(3000)}
            for number in range(start, start + 500)
        ])  # fmt: skip
    tracemalloc.start()
    try:
        (first, *_) = items.aggregate([{"$group": {"_id": "$k", "n": {"$sum": 1}, "s": {"$avg": "$header.K3"}}}])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert first["n"] in (857, 858)
    assert peak < 12_000_000  # the documents are 20 MB
    items.drop()


def test_what_lies_at_the_far_end_of_an_index_is_found_without_reading_all_before_it(tmp_path, monkeypatch):
    from catalog.embedded import scan

    decoded = []
    decode = scan.decode_naive
    monkeypatch.setattr(scan, "decode_naive", lambda blob: decoded.append(1) or decode(blob))
    monkeypatch.setattr(scan, "_FEW", 50)
    with connect(tmp_path / "c.db") as catalog:
        things = catalog["things"]
        things.create_index("kind")
        things.insert_many([{"_id": n, "kind": "far" if n >= 900 else "near"} for n in range(1000)])
        decoded.clear()
        found = list(things.find({"kind": "far"}).sort("_id", 1).limit(3))
    assert [one["_id"] for one in found] == [900, 901, 902]
    assert len(decoded) < 150
