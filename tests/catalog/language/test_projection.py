"""What a pipeline needs of its documents."""

import pytest

from catalog.language.projection import compile_paths, needed_paths, prune

GROUP = {"$group": {"_id": {"s": "$header.SERIALNO"}, "ids": {"$push": "$_id"}, "n": {"$sum": 1}}}


@pytest.mark.parametrize(
    ("pipeline", "paths"),
    [
        ([GROUP], {"header.SERIALNO", "_id"}),
        (
            [{"$match": {"date": 1, "$or": [{"a": 1}, {"b.c": {"$gt": 2}}]}}, GROUP],
            {"date", "a", "b.c", "header.SERIALNO", "_id"},
        ),
        ([{"$sort": {"t": 1}}, {"$limit": 3}, {"$project": {"x": "$y", "_id": 0}}], {"t", "y", "x"}),
        ([{"$project": {"a.b": 1}}], {"a.b", "_id"}),
        ([{"$unwind": "$tags"}, {"$sortByCount": "$tags"}], {"tags"}),
        ([{"$unwind": {"path": "$tags"}}, {"$count": "n"}], {"tags"}),
        ([{"$set": {"z": {"$add": ["$a", "$$ROOT.b"]}}}, {"$group": {"_id": "$z"}}], {"z", "a", "b"}),
        ([{"$facet": {"x": [GROUP], "y": [{"$match": {"k": 1}}, {"$count": "n"}]}}], {"header.SERIALNO", "_id", "k"}),
        ([{"$group": {"_id": None, "n": {"$sum": {"$literal": "$not.a.path"}}}}], set()),
        ([{"$match": {"$expr": {"$eq": ["$a", "$b"]}}}, {"$count": "n"}], {"a", "b"}),
    ],
)
def test_paths_are_found(pipeline, paths):
    assert needed_paths(pipeline) == paths


@pytest.mark.parametrize(
    "pipeline",
    [
        [],
        [{"$match": {"a": 1}}],
        [{"$sort": {"a": 1}}, {"$limit": 1}],
        [{"$project": {"a": 0}}],
        [{"$project": {"_id": 0}}],
        [{"$unset": "a"}, GROUP],
        [{"$group": {"_id": None, "d": {"$push": "$$ROOT"}}}],
        [{"$group": {"_id": None, "d": {"$push": "$$CURRENT"}}}],
        [{"$group": {"_id": {"$getField": "a.b"}}}],
        [{"$lookup": {"from": "x", "localField": "a", "foreignField": "b", "as": "c"}}, GROUP],
        [{"$replaceRoot": {"newRoot": "$a"}}],
        [{"$facet": {"x": [{"$match": {}}]}}],
        [{"$noSuchStage": 1}],
        [{"$match": {"$where": "1"}}, GROUP],
        ["not a stage"],
    ],
)
def test_when_in_doubt_whole_documents(pipeline):
    assert needed_paths(pipeline) is None


def test_pruning_keeps_order_absence_and_what_arrays_hold():
    document = {
        "z": 1,
        "a": {"c": 3, "b": 2, "x": 9},
        "rows": [{"k": 1, "j": 2}, 7, {"j": 3}],
        "n": None,
        "pos": [[1], [2]],
    }
    tree = compile_paths(frozenset({"a.b", "a.c", "rows.k", "n", "gone.x", "pos.0.y"}))
    assert prune(document, tree) == {"a": {"c": 3, "b": 2}, "rows": [{"k": 1}, 7, {}], "n": None, "pos": [[1], [2]]}
    assert list(prune(document, tree)) == ["a", "rows", "n", "pos"]
    assert list(prune(document, tree)["a"]) == ["c", "b"]


def test_a_whole_field_beats_a_part_of_it():
    for paths in ({"a", "a.b"}, {"a.b", "a"}):
        assert prune({"a": {"b": 1, "c": 2}}, compile_paths(frozenset(paths))) == {"a": {"b": 1, "c": 2}}
