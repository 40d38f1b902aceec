"""Changes under kills and races: cut between journal, history and document, two at once, a copy that comes late."""

from __future__ import annotations

import bson
import pytest

import pipelines.documents.changes as changes
import pipelines.ingest.run as ingesting
from pipelines import open_archive
from pipelines.documents.edits import Edit
from pipelines.documents.records import parse_key, record_key, record_stem
from tests.crash.faults import faulty_archive, struck
from tests.crash.invariants import AWARE
from tests.crash.nights import document_id, write_frame, write_night
from tests.crash.processes import DIED, finish, start

NAME = document_id(1)


@pytest.fixture
def home(tmp_path):
    night = write_night(tmp_path / "raw", [1, 2], broken=0, twins=False)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
    return tmp_path / "home"


def change(archive, value, name=NAME, path="qc.verdict"):
    return changes.change([Edit(name, {path: value})], catalog=archive.catalog, store=archive.store, why="a test")


def journal(archive, name=NAME):
    """The numbers of a document's changes in the store, all read."""
    stem = record_stem(name)
    found = [record.key for record in archive.store.records("documents/") if record.key.startswith(stem)]
    numbers = [parsed.change for parsed in map(parse_key, found) if parsed and parsed.change]
    for number in numbers:
        assert changes.read_entry(archive.store, record_key(name, 1, number))["change"] == number
    return sorted(numbers)


def in_step(archive, name=NAME):
    """Assert that document, history and journal tell the same, and replay it from its record."""
    document = archive.document(name)
    revision = document["ingest"]["revision"]
    replayed = bson.decode(archive.store.get_record(record_key(name, revision)), AWARE)
    early = replayed["ingest"]["changes"]  # those the arrays, that came later, already found
    for number in range(1, document["ingest"]["changes"] + 1):
        entry = changes.read_entry(archive.store, record_key(name, revision, number))
        replayed = changes.applied(replayed, entry) if number > early else replayed
        kept = archive.history.find_one({"_id": changes.history_name(entry)})
        assert kept is not None
        assert {key: value for key, value in kept.items() if key != "_id"} == entry
    for field in ("qc", "arrays", "header"):
        assert replayed[field] == document[field], field
    return document


def counting(home, seed):
    with open_archive(home) as archive:
        for number in range(12):
            change(archive, number, path=f"qc.by{seed}")


def test_two_processes_change_one_document_at_once(home):
    assert finish(*[start(counting, home, seed) for seed in range(4)]) == [0] * 4
    with open_archive(home) as archive:
        document = in_step(archive)
        assert document["ingest"]["changes"] == 48
        assert [document["qc"][f"by{seed}"] for seed in range(4)] == [11] * 4
        assert journal(archive) == list(range(1, 49))


def test_counters_that_are_killed_leave_documents_in_step(home):
    for round_ in range(6):
        pair = [start(counting, home, seed) for seed in range(2)]
        pair[0].join(0.02 + 0.02 * round_)
        for process in pair:
            process.kill()
        finish(*pair)
        with open_archive(home) as archive:
            change(archive, round_)  # finishes what was cut short
            document = in_step(archive)
            assert journal(archive) == list(range(1, document["ingest"]["changes"] + 1))


def deleting(home):
    with open_archive(home) as archive:
        archive.delete(NAME)


def die_at(home, verb, sort, k):
    with faulty_archive(home, struck(sort, k)) as archive:
        getattr(archive, verb)(NAME)


def test_a_restore_cut_short_is_not_repeated_over_later_changes(tmp_path, home):
    """Restored, not struck from the trash, changed, and restored again by who saw the first restore die."""
    import shutil

    with open_archive(home) as archive:
        archive.delete(NAME)
    for k in range(1, 60):
        here = tmp_path / str(k)
        shutil.copytree(home, here)
        (code,) = finish(start(die_at, here, "restore", "dies before", k))
        with open_archive(here) as archive:
            if archive.headers.find_one({"_id": NAME}) is not None:
                change(archive, "seen")
                if archive.catalog.trash.find_one({"document": NAME}) is not None:
                    archive.restore(NAME)
                assert in_step(archive)["qc"]["verdict"] == "seen"
                assert archive.catalog.trash.count_documents({}) == 0
        if code != DIED:
            break
    assert 5 < k < 59


def test_a_document_restored_while_it_is_being_deleted_stays(home, monkeypatch):
    """The deletion has written the trash; another process restores; then the deletion goes on."""
    from catalog import Collection

    real = Collection.replace_one
    done = []

    def interrupted(self, *arguments, **options):
        result = real(self, *arguments, **options)
        if self.name == "trash" and not done:
            done.append(True)
            with open_archive(home) as other:
                other.restore(NAME)
        return result

    with open_archive(home) as archive:
        monkeypatch.setattr(Collection, "replace_one", interrupted)
        archive.delete(NAME)
        monkeypatch.undo()
        assert done
        assert archive.headers.find_one({"_id": NAME}) is not None
        in_step(archive)


def late(monkeypatch, between):
    """Let something happen between an ingest's reading of the files and its commit."""
    real = ingesting.take_all

    def slow(*arguments, **options):
        outcomes = list(real(*arguments, **options))
        monkeypatch.undo()
        between()
        yield from outcomes

    monkeypatch.setattr(ingesting, "take_all", slow)


def test_a_second_copy_that_comes_late_overwrites_no_change(tmp_path, monkeypatch):
    night = write_night(tmp_path / "raw", [1], broken=0, twins=False)
    home = tmp_path / "home"

    def first():
        with open_archive(home) as archive:
            archive.ingest(night.folder, jobs=1, progress=False)
            change(archive, "good")

    with open_archive(home) as archive:
        late(monkeypatch, first)
        report = archive.ingest(night.folder, jobs=1, progress=False)
        assert (report.new, report.unchanged) == (0, 1)
        assert in_step(archive)["qc"]["verdict"] == "good"
        change(archive, "fine")
        assert in_step(archive)["qc"]["verdict"] == "fine"


def test_arrays_that_come_late_keep_the_changes_made_meanwhile(tmp_path, monkeypatch):
    night = write_night(tmp_path / "raw", [1], broken=0, twins=False)
    home = tmp_path / "home"
    with open_archive(home) as archive:
        archive.ingest(night.folder, jobs=1, progress=False, headers_only=True)
        change(archive, "early", path="qc.early")
        late(monkeypatch, lambda: change(archive, "late", path="qc.late"))
        assert archive.ingest(night.folder, jobs=1, progress=False).completed == 1
        document = in_step(archive)
        assert (document["qc"]["early"], document["qc"]["late"]) == ("early", "late")


def test_two_copies_that_read_a_file_while_it_changes(tmp_path, monkeypatch):
    """Each has read other bytes: both are kept, one after the other, and each record is its document's."""
    night = write_night(tmp_path / "raw", [1], broken=0, twins=False)
    home = tmp_path / "home"

    def other():
        write_frame(night.folder, 1, seed=77)
        with open_archive(home) as archive:
            archive.ingest(night.folder, jobs=1, progress=False)

    with open_archive(home) as archive:
        late(monkeypatch, other)
        archive.ingest(night.folder, jobs=1, progress=False)
        archive.ingest(night.folder, jobs=1, progress=False)
        truth = write_frame(night.folder, 1, seed=77)
        document = archive.document(NAME)
        assert document["file"]["sha256"] == truth.sha256
        in_step(archive)
        assert archive.history.count_documents({"before": {"$exists": True}}) == document["ingest"]["revision"] - 1
