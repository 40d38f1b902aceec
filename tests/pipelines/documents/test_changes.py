"""Changes of documents: kept, in order, finished whoever began them, undone exactly, replayed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.documents.changes import Edit, carry_out, change, new_state
from pipelines.documents.edits import ABSENT, AWARE, applied, difference, put, reverted, value_at
from pipelines.documents.history import as_of
from pipelines.documents.records import parse_key, record_key, record_stem
from pipelines.documents.undoing import undo
from pipelines.errors import Refused, UnknownDocument, UsageError

NAME = "Dragonfly101/2024-02-20/T13080513_31_dark.fits"


@pytest.fixture
def night(archive, raw, write_frame):
    write_frame()
    write_frame("Dragonfly102/2024-02-20/T2_31_dark.fits", seed=2)
    archive.ingest(raw)
    return archive


def edit(archive, why="by hand", run=None, **values):
    unset = tuple(path.replace("__", ".") for path, value in values.items() if value is ABSENT)
    new = {path.replace("__", "."): value for path, value in values.items() if value is not ABSENT}
    return change([Edit(NAME, new, unset)], catalog=archive.catalog, store=archive.store, why=why, run=run)


def test_a_change_is_kept_with_what_was_there(night):
    before = night.document(NAME)
    assert edit(night, why="clock was wrong", flat_time="evening", qc__verdict="bad", exposure_number=ABSENT) == [NAME]
    after = night.document(NAME)
    assert (after["flat_time"], after["qc"]["verdict"], after["ingest"]["changes"]) == ("evening", "bad", 1)
    assert "exposure_number" not in after
    (kept,) = night.history.find({"document": NAME})
    assert (kept["why"], kept["revision"], kept["change"], kept["state"]) == ("clock was wrong", 1, 1, None)
    assert {item["path"]: item.get("value", ABSENT) for item in kept["was"]} == {
        "flat_time": ABSENT,
        "qc.verdict": ABSENT,
        "exposure_number": 31,
    }
    assert reverted(after, kept) == before
    assert applied(before, kept) == after
    run = night.runs.find_one({"_id": kept["run"]})
    assert (run["verb"], run["status"], run["result"]) == ("change", "finished", {"changed": 1})
    assert bson.decode(night.store.get_record(record_key(NAME, 1, 1)), AWARE) == {
        key: value for key, value in kept.items() if key != "_id"
    }


def test_what_changes_nothing_is_no_change(night):
    assert edit(night, kind="dark", never=ABSENT) == []
    assert night.document(NAME)["ingest"]["changes"] == 0
    assert night.history.count_documents({}) == 0


@pytest.mark.parametrize(
    "values",
    [
        {"_id": "x"},
        {"ingest__changes": 7},
        {"cards": None},
        {"path": "elsewhere"},
        {"a..b": 1},
        {"$where": 1},
        {"qc__$x": 1},
        {"kind__x": 1},
        {"a": 1, "a__b": 2},
    ],
)
def test_what_is_fixed_stays(night, values):
    before = list(night.headers.find())
    with pytest.raises(UsageError):
        edit(night, **values)
    assert list(night.headers.find()) == before
    assert night.history.count_documents({}) == 0


def test_an_unknown_document_changes_none(night):
    edits = [Edit(NAME, {"x": 1}), Edit("nobody", {"x": 1})]
    with pytest.raises(UnknownDocument, match="nobody"):
        change(edits, catalog=night.catalog, store=night.store, why="")
    assert "x" not in night.document(NAME)


def test_undo_puts_back_exactly_what_was_there(night):
    before = list(night.headers.find())
    run = "a-run"
    edit(night, run=run, new__deep__a=1, qc__verdict="bad", kind="flat")
    edit(night, run=run, new__deep__b=2, kind="light", exposure_number=ABSENT)
    assert undo(run, catalog=night.catalog, store=night.store, why="was right") == [NAME]
    after = list(night.headers.find())
    for document in before + after:
        document["ingest"].pop("changes")
    assert after == before


def test_undo_spares_later_changes_of_others(night):
    edit(night, run="mine", kind="flat", a=1)
    edit(night, run="theirs", b=2)
    undo("mine", catalog=night.catalog, store=night.store, why="")
    assert (night.document(NAME)["kind"], night.document(NAME)["b"]) == ("dark", 2)
    edit(night, run="mine-2", b=3)
    edit(night, run="theirs-2", b=4)
    with pytest.raises(Refused, match="changed again since run mine-2"):
        undo("mine-2", catalog=night.catalog, store=night.store, why="")
    assert night.document(NAME)["b"] == 4
    with pytest.raises(UnknownDocument, match="no-such-run"):
        undo("no-such-run", catalog=night.catalog, store=night.store, why="")


def test_a_change_cut_short_is_finished_by_the_next(night, monkeypatch):
    def die(entry, *, catalog):
        raise SystemExit

    monkeypatch.setattr("pipelines.documents.changes.carry_out", die)
    with pytest.raises(SystemExit):
        edit(night, why="first", a=1)
    monkeypatch.undo()
    assert "a" not in night.document(NAME)
    edit(night, why="second", b=2)
    document = night.document(NAME)
    assert (document["a"], document["b"], document["ingest"]["changes"]) == (1, 2, 2)
    assert [entry["why"] for entry in night.history.find().sort("change")] == ["first", "second"]


def test_carrying_out_again_does_nothing(night):
    edit(night, a=1)
    (entry,) = night.history.find({"document": NAME})
    edit(night, a=2)
    before = [night.document(NAME), *night.history.find()]
    assert carry_out({key: value for key, value in entry.items() if key != "_id"}, catalog=night.catalog)
    assert [night.document(NAME), *night.history.find()] == before


def test_threads_change_one_document_in_some_order(night):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: edit(night, **{f"field_{n}": n, "last": n}), range(12)))
    document = night.document(NAME)
    assert [document[f"field_{n}"] for n in range(12)] == list(range(12))
    entries = list(night.history.find().sort("change", 1))
    assert [entry["change"] for entry in entries] == list(range(1, 13))
    assert {item["path"]: item["value"] for item in entries[-1]["set"]}["last"] == document["last"]


CHILD = """
import sys
from pipelines import open_archive
from pipelines.documents.changes import Edit, change
with open_archive(sys.argv[1]) as archive:
    for n in range(10):
        change([Edit(sys.argv[2], {f"by.{sys.argv[3]}": n, "last": [sys.argv[3], n]})],
               catalog=archive.catalog, store=archive.store, why=f"{sys.argv[3]}-{n}")
"""


@pytest.mark.patient
def test_processes_change_one_document_in_some_order(night, tmp_path):
    children = [subprocess.Popen([sys.executable, "-c", CHILD, tmp_path / "home", NAME, who]) for who in "abc"]
    assert [child.wait() for child in children] == [0, 0, 0]
    document = night.document(NAME)
    assert document["by"] == {"a": 9, "b": 9, "c": 9}
    entries = list(night.history.find({"document": NAME}).sort("change", 1))
    assert [entry["change"] for entry in entries] == list(range(1, 31))
    for entry in reversed(entries):
        document = reverted(document, entry)
    assert "by" not in document
    assert "last" not in document


def test_deleting_and_restoring_are_changes(night):
    before = night.document(NAME)
    night.delete(NAME, why="cap was off")
    night.restore(NAME)
    night.delete(NAME, why="again")
    night.restore(NAME)
    after = night.document(NAME)
    assert after["ingest"].pop("changes") == before["ingest"].pop("changes") + 4
    assert after == before
    states = [entry["state"] for entry in night.history.find({"document": NAME}).sort("change", 1)]
    assert states == ["deleted", "restored", "deleted", "restored"]


def test_changes_of_an_earlier_life_are_passed_over(night, tmp_path, raw, write_frame):
    """The catalog is lost, and the files are ingested again instead of rebuilding it."""
    from pipelines import open_archive

    night.delete(NAME)
    with open_archive(catalog=str(tmp_path / "new.db"), store=str(tmp_path / "home" / "store")) as archive:
        if night.store.id != archive.store.id:
            pytest.fail("the store of the home is elsewhere")
        archive.ingest(raw)
        edit(archive, a=1)
        document = archive.document(NAME)
        assert (document["a"], document["ingest"]["revision"], document["ingest"]["changes"]) == (1, 2, 1)
        assert [entry["state"] for entry in archive.history.find({"document": NAME})] == [None]


def test_completing_a_document_keeps_its_changes(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw, headers_only=True)
    edit(archive, qc__verdict="bad")
    archive.ingest(raw)
    document = archive.document(NAME)
    assert (document["ingest"]["arrays"], document["qc"]["verdict"]) == ("kept", "bad")
    assert (document["ingest"]["revision"], document["ingest"]["changes"]) == (1, 1)
    edit(archive, qc__verdict="good")
    assert archive.document(NAME)["ingest"]["changes"] == 2


def test_as_of_gives_every_state_there_was(archive, raw, write_frame):
    """Against a plain list of what the document was after each step."""
    write_frame()
    archive.ingest(raw)
    states = []

    def note():
        document = archive.headers.find_one({"_id": NAME})
        newest = [document["ingest"]["at"]] if document else []
        newest += [entry["at"] for entry in archive.history.find()]
        # A revision is seen from its ingest on, a change from its entry on.
        states.append((max(newest) + timedelta(microseconds=500), deepcopy(document)))

    note()
    early = states[0][1]["ingest"]["at"] - timedelta(milliseconds=1)
    for step in (
        lambda: edit(archive, a=1),
        lambda: edit(archive, a=2, kind="flat"),
        lambda: archive.delete(NAME),
        lambda: archive.restore(NAME),
        lambda: (write_frame(seed=3), archive.ingest(raw)),
        lambda: edit(archive, b=1),
        lambda: archive.delete(NAME),
        lambda: (archive.ingest(raw), edit(archive, c=1)),
    ):
        step()
        note()
    for when, document in states:
        if document is None:
            with pytest.raises(UnknownDocument, match="was deleted"):
                as_of(NAME, when, catalog=archive.catalog)
        else:
            assert as_of(NAME, when, catalog=archive.catalog) == document
    with pytest.raises(UnknownDocument, match="was not in the archive"):
        as_of(NAME, early, catalog=archive.catalog)
    with pytest.raises(UsageError, match="no zone"):
        as_of(NAME, datetime(2024, 1, 1), catalog=archive.catalog)


def test_a_change_is_never_before_its_ingest(night):
    document = night.document(NAME)
    document["ingest"]["at"] = datetime.now(UTC) + timedelta(hours=3)  # by a machine whose clock is ahead
    entry = new_state(document, "deleted", why="", run="r")
    assert entry["at"] > document["ingest"]["at"]


KEYS = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(".".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(PATHS, VALUES, max_size=3), st.lists(PATHS, max_size=2))
def test_a_difference_applies_and_reverts(fields, new, unset):
    document = {**fields, "_id": "x", "ingest": {"changes": 4}}
    paths = [*new, *unset]
    if len(set(paths)) < len(paths) or any(a.startswith(f"{b}.") for a in paths for b in paths):
        return
    try:
        entry = difference(document, Edit("x", new, tuple(unset))) | {"change": 5}
    except UsageError:
        return
    after = applied(document, entry)
    for path, value in new.items():
        assert value_at(after, path) == value
    for path in unset:
        assert value_at(after, path) is ABSENT
    assert reverted(after, entry) == document


@given(PATHS, VALUES)
def test_what_is_put_is_there(path, value):
    document = {}
    put(document, path, value)
    assert value_at(document, path) == value
    put(document, path, ABSENT)
    assert value_at(document, path) is ABSENT


@given(st.text(min_size=1), st.integers(1, 99), st.integers(0, 99), st.sampled_from(["headers", "masters"]))
def test_names_of_records_say_what_they_are(name, revision, number, collection):
    parsed = parse_key(record_key(name, revision, number, collection=collection))
    assert parsed is not None
    assert (parsed.stem, parsed.revision, parsed.change) == (
        record_stem(name, collection=collection),
        revision,
        number,
    )


@pytest.mark.parametrize("key", ["x", "documents/ab/12/1.bson", "other/" + "a" * 2 + "/" + "b" * 40 + "/1.bson"])
def test_other_records_are_none_of_ours(key):
    assert parse_key(key) is None
