"""Projections, fields added and removed: of documents as they are, whatever an index or a cut would leave out."""

import pytest

from catalog import InvalidQuery, NotSupported, connect
from catalog.language.shaping import adder, find_projection, project, remover


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        ({"a": {"b": 0}}, {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 2}, "d": 3}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1}}),
        ({"a.b": "$d"}, {"a": [{"x": 1}, 5], "d": 3}, {"a": [{"b": 3}, {"b": 3}]}),
        ({"_id": 0, "x": "$$REMOVE", "d": 1}, {"_id": 1, "d": 3}, {"d": 3}),
    ],
    ids=str,
)
def test_projections(options, before, after):
    assert project(options, frozenset())(before, {}) == after


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        ({"h.z": "$nope"}, {"v": 1}, {"v": 1, "h": {}}),
        ({"h": {"NOTE": "x"}}, {"h": {"EXPTIME": 30}}, {"h": {"EXPTIME": 30, "NOTE": "x"}}),
        ({"h": {}}, {"h": {"EXPTIME": 30}}, {"h": {}}),
        ({"h.a": 1}, {"h": 5}, {"h": {"a": 1}}),
        ({"a": "$b", "b": "$a"}, {"a": 1, "b": 2}, {"a": 2, "b": 1}),
    ],
    ids=str,
)
def test_fields_are_added(options, before, after):
    assert adder(options, frozenset())(before, {}) == after


def test_a_field_is_removed_wherever_one_has_it():
    assert remover("a.x")({"a": [{"x": 1, "y": 2}, 3]}, {}) == {"a": [{"y": 2}, 3]}


@pytest.mark.parametrize(
    ("options", "code"),
    [({}, 51272), ({"a": 1, "b": 0}, 31254), ({"a": 1, "a.b": 1}, 31249), ({"$a": 1}, 16410), ({"a": {}}, 40180)],
    ids=str,
)
def test_what_is_no_projection_is_an_error_with_mongodbs_code(options, code):
    with pytest.raises(InvalidQuery) as error:
        project(options, frozenset())
    assert error.value.code == code


def test_of_a_find():
    assert find_projection([], frozenset()) is None
    assert find_projection({}, frozenset()) is None
    with pytest.raises(NotSupported, match=r"\$slice"):
        find_projection({"a": {"$slice": 1}}, frozenset())


def test_a_pipeline_that_leaves_out_reads_the_rest(tmp_path):
    with connect(tmp_path / "c.db") as catalog:
        catalog["x"].insert_one({"_id": 1, "a": {"b": 1, "c": 2}, "d": 3})
        assert list(catalog["x"].aggregate([{"$project": {"a": {"b": 0}}}])) == [{"_id": 1, "a": {"c": 2}, "d": 3}]
        assert catalog["x"].find_one({}, []) == {"_id": 1, "a": {"b": 1, "c": 2}, "d": 3}
