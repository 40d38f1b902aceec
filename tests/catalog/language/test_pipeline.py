"""Pipelines: everything is checked before the first document is read."""

import pytest

from catalog import InvalidQuery, NotSupported
from catalog.language.context import Context, run
from catalog.language.pipeline import STAGES, compile_pipeline, compile_update_pipeline


def test_what_is_compiled_runs_as_often_as_asked():
    pipeline = compile_pipeline([{"$match": {"n": {"$gt": 1}}}, {"$set": {"m": {"$add": ["$n", "$$by"]}}}], {"by"})
    for by in (10, 20):
        found = list(run([{"n": n} for n in range(4)], pipeline, Context({"by": by})))
        assert found == [{"n": 2, "m": 2 + by}, {"n": 3, "m": 3 + by}]


@pytest.mark.parametrize(
    ("pipeline", "code"),
    [
        ({}, 14),
        ([5], 14),
        ([{}], 40323),
        ([{"$limit": 1, "$skip": 1}], 40323),
        ([{"$perhaps": 1}], 40324),
        ([{"$limit": 1}] * 1001, 7749501),
        ([{"$facet": {"a": [{"$facet": {"b": []}}]}}], 40600),
        ([{"$match": {}}, {"$set": {"a": "$$nope"}}], 17276),
    ],
    ids=lambda given: str(given)[:40],
)
def test_mistakes_are_found_before_anything_is_read(pipeline, code):
    with pytest.raises(InvalidQuery) as error:
        compile_pipeline(pipeline)
    assert error.value.code == code


def test_stages_of_an_update():
    for name in sorted(STAGES.keys() - {"$addFields", "$set", "$unset", "$project", "$replaceRoot", "$replaceWith"}):
        with pytest.raises(InvalidQuery, match="within an update"):
            compile_update_pipeline([{name: {}}])
    with pytest.raises(InvalidQuery):
        compile_update_pipeline([{"$perhaps": 1}])
    with pytest.raises(NotSupported, match=r"\$out"):
        compile_pipeline([{"$out": "x"}])
