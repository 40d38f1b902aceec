"""What a notebook shows of documents and results: one fetch, no bytes, nothing used up, nothing a screen obeys."""

import sys

import pytest

from catalog import connect
from catalog.shown import MOST, NoPandas, Shown

DOCUMENT = {
    "_id": "a",
    "obs": {"exptime": 9.0, "window": {"x": 1}},
    "cards": {"data": b"\0" * 5000, "sizes": [1]},
    "blob": b"12345",
    "header": {f"KEY{n}": n for n in range(300)},
    "object": "<b>M31\x1b[2J",
}


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    with connect(str(tmp_path_factory.mktemp("shown") / "catalog.db")) as catalog:
        catalog["things"].insert_many([{**DOCUMENT, "_id": f"a{n:03}", "n": n} for n in range(50)])
        yield catalog["things"]


def test_a_document_shows_no_bytes_and_no_markup():
    shown = Shown(DOCUMENT)
    html = shown._repr_mimebundle_()["text/html"]
    for text in (repr(shown), html):
        assert "(5000 bytes)" in text
        assert "(5 bytes)" in text
        assert "\x1b" not in text
        assert "\\x00" not in text
        assert len(text) < 3000
    assert "<b>" not in html
    assert "300 fields" in html
    assert dict(shown) == DOCUMENT


def test_a_result_is_shown_and_not_consumed(things):
    for cursor in (things.find({}), things.aggregate([{"$match": {}}])):
        shown = cursor._repr_mimebundle_()
        assert shown["text/plain"].startswith(f"the first {MOST} documents of things")
        assert shown["text/html"].count("<tr>") == MOST + 1
        assert cursor._repr_mimebundle_() == shown
        assert [one["n"] for one in cursor] == list(range(50))


def test_a_find_can_be_sorted_after_it_was_shown(things):
    cursor = things.find({"n": {"$lt": 3}})
    assert cursor._repr_mimebundle_()["text/plain"].startswith("3 documents of things")
    assert [one["n"] for one in cursor.sort("n", -1)] == [2, 1, 0]


def test_columns_of_pandas_have_the_names_of_fields(things):
    table = things.find({"n": {"$lt": 2}}, {"header": 0}).to_pandas()
    assert list(table["obs.window.x"]) == [1, 1]
    assert list(table["n"]) == [0, 1]
    assert not {"cards.data", "blob"} & set(table.columns)
    assert len(things.aggregate([{"$match": {"n": -1}}]).to_pandas()) == 0


def test_without_pandas_it_says_what_to_install(things, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(NoPandas, match=r"darkroom-archive\[pandas\]"):
        things.find({}).to_pandas()


def test_a_wrong_operator_ends_in_one_line(things):
    with pytest.raises(Exception, match="unknown operator") as caught:
        things.find_one({"n": {"$gtt": 1}})
    (line,) = caught.value._render_traceback_()
    assert "\n" not in line
    assert "$gtt" in line
