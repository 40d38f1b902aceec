"""Stages in a row, and pipelines within pipelines."""

import pytest

from catalog import InvalidQuery
from catalog.language.context import Context, Names, run


def test_stages_follow_each_other_and_take_documents_one_by_one():
    taken = []

    def noting(documents, context):
        for document in documents:
            taken.append(document["n"])
            yield {"n": document["n"] + context.variables["by"]}

    found = run(({"n": n} for n in range(5)), [noting, noting], Context({"by": 10}))
    assert next(iter(found)) == {"n": 20}
    assert taken == [0, 10]


def test_no_other_collection_without_a_database():
    with pytest.raises(InvalidQuery, match="no other collection"):
        Context({}).others()


def test_names_pass_inwards_to_a_limit():
    def compile_(pipeline, names):
        return names.inner(pipeline, "$facet", ["inner"]) if pipeline else [names]

    names = Names(frozenset({"outer"}), lambda pipeline, names: [names])
    (within,) = names.inner([], "$facet", ["inner"])
    assert (within.variables, within.within) == ({"outer", "inner"}, ("$facet",))
    with pytest.raises(InvalidQuery, match="nested"):
        Names(frozenset(), compile_).inner([1], "$facet")
