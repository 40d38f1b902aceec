"""A sweep after the catalog was lost, replaced by a backup, or rebuilt in part takes nothing that was not deleted."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path

import bson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typer.testing import CliRunner

from pipelines import open_archive
from pipelines.calibration.masters.run import make_masters
from pipelines.cli import app
from pipelines.documents import strangers, trash
from pipelines.documents.changes import change
from pipelines.documents.edits import Edit
from pipelines.errors import Refused, UnknownDocument
from pipelines.upkeep.rebuild import rebuild
from tests.crash.invariants import NONE, tells_the_truth, whole
from tests.crash.nights import NIGHT, document_id, frame, write_frame

DAY = timedelta(days=1)


pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "raw"


def write(folder, numbers):
    return {document_id(number): write_frame(folder, number) for number in numbers}


def lose(home):
    for path in home.glob("catalog.db*"):
        path.unlink()


def kept(archive):
    """Everything the store holds."""
    objects = {found.digest for found in archive.store.objects()}
    return objects, {record.key for record in archive.store.records()}


def command(home, *arguments, **options):
    return CliRunner().invoke(app, ["--home", str(home), *map(str, arguments)], **options)


def refuses_and_keeps(archive):
    before = kept(archive)
    for dry_run in (True, False):
        with pytest.raises(Refused, match="rebuild --missing"):
            archive.sweep(grace=NONE, dry_run=dry_run)
    assert kept(archive) == before


def all_comes_back(archive, truth):
    rebuild(archive.session, missing=True)
    assert whole(archive, truth) == len(truth)
    before = kept(archive)
    assert archive.sweep(grace=NONE, dry_run=False).objects == 0
    assert kept(archive)[0] == before[0]


def test_lost_and_begun_anew_by_the_nightly_run(tmp_path, raw):
    home = tmp_path / "home"
    truth = write(raw, range(1, 6))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
        archive.delete(document_id(5))
        archive.sweep(grace=NONE, dry_run=False)  # a finished sweep in a ledger excuses nothing
    lose(home)
    shutil.rmtree(raw)
    newer = write(raw, range(11, 21))  # more than were lost
    said = command(home, "nightly", raw, "--settle", "0")
    assert said.exit_code == 1
    assert "the store keeps 4 documents that this catalog lacks: darkroom rebuild --missing" in said.output
    assert "4 documents that this catalog lacks" in command(home, "ingest", raw).output
    assert "4 documents that this catalog lacks" in command(home, "status").output
    assert "document-missing: 4" in command(home, "check", "--grace", "0").output
    with open_archive(home) as archive:
        first = archive.headers.find_one()["_id"]
        archive.delete(first)
        archive.restore(first)
    swept = command(home, "sweep", "--grace", "0", "--yes")
    assert swept.exit_code == 1
    assert document_id(1) in str(swept.exception)
    with open_archive(home) as archive:
        refuses_and_keeps(archive)
        del truth[document_id(5)]
        all_comes_back(archive, truth | newer)
        assert archive.status().lacking == ""
    assert command(home, "ingest", raw).exit_code == 0


def test_a_backup_of_last_month(tmp_path, raw):
    home = tmp_path / "home"
    truth = write(raw, range(1, 4))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
        archive.delete(document_id(3))
        archive.sweep(grace=NONE, dry_run=False)
        archive.upkeep.backup(tmp_path / "backup.db")
        truth |= write(raw, range(4, 9))
        archive.ingest(raw, jobs=1, progress=False)
    lose(home)
    shutil.copy(tmp_path / "backup.db", home / "catalog.db")
    assert "6 documents that this catalog lacks" in command(home, "status").output
    with open_archive(home) as archive:
        refuses_and_keeps(archive)
        all_comes_back(archive, truth)


def test_one_document_rebuilt(tmp_path, raw):
    home = tmp_path / "home"
    truth = write(raw, range(1, 6))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
    lose(home)
    assert command(home, "rebuild", "--document", document_id(2)).exit_code == 0
    with open_archive(home) as archive:
        assert archive.headers.count_documents({}) == 1
        refuses_and_keeps(archive)
        all_comes_back(archive, truth)


def test_a_rebuild_cut_short(tmp_path, raw, monkeypatch):
    home = tmp_path / "home"
    truth = write(raw, range(1, 9))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
    lose(home)
    monkeypatch.setattr("pipelines.upkeep.rebuild.BATCH", 1)

    def cut(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with open_archive(home) as archive:
        with pytest.raises(KeyboardInterrupt):
            rebuild(archive.session, progress=cut)
        assert 0 < archive.headers.count_documents({}) < 8
        refuses_and_keeps(archive)
        all_comes_back(archive, truth)


def test_restored_since_the_backup(tmp_path, raw):
    """To the backup the document lies in the trash, long enough to go; the store knows better."""
    home = tmp_path / "home"
    truth = write(raw, range(1, 4))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
        archive.delete(document_id(1))
        archive.upkeep.backup(tmp_path / "backup.db")
        archive.restore(document_id(1))
    lose(home)
    shutil.copy(tmp_path / "backup.db", home / "catalog.db")
    with open_archive(home) as archive:
        refuses_and_keeps(archive)
        all_comes_back(archive, truth)
        assert archive.catalog.trash.count_documents({}) == 0


def test_swept_and_taken_again_since_the_backup(tmp_path, raw):
    """To the backup the document has the revision that the store has, with other pixels."""
    home = tmp_path / "home"
    truth = write(raw, range(1, 4))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
        archive.upkeep.backup(tmp_path / "backup.db")
        archive.delete(document_id(1))
        archive.sweep(grace=NONE, dry_run=False)
        truth[document_id(1)] = write_frame(raw, 1, seed=77)
        archive.ingest(raw, jobs=1, progress=False)
    lose(home)
    shutil.copy(tmp_path / "backup.db", home / "catalog.db")
    with open_archive(home) as archive:
        refuses_and_keeps(archive)
        all_comes_back(archive, truth)


def test_only_forget_lets_a_document_go_and_the_dry_run_names_it(tmp_path, raw):
    home = tmp_path / "home"
    write(raw, range(1, 4))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
    lose(home)
    write(raw, [9])
    with open_archive(home) as archive:
        archive.roots.add("raw", raw)
        rebuild(archive.session, documents=[document_id(1), document_id(2)])
        with pytest.raises(UnknownDocument, match="is not among"):
            archive.sweep(forget=[document_id(1)])
        swept = archive.sweep(grace=NONE, dry_run=False, forget=[document_id(3)])
        assert swept.forgotten == (document_id(3),)
        assert archive.catalog.trash.find_one()["document"] == document_id(3)
        assert archive.runs.find_one({"verb": "sweep"})["arguments"]["forget"] == [document_id(3)]
        archive.restore(document_id(3))  # it can still come back
        archive.delete(document_id(3))
        dry = command(home, "sweep", "--grace", "0", "--dry-run")
        assert document_id(3) in dry.output
        assert archive.sweep(grace=NONE, dry_run=False).documents == (document_id(3),)


def test_a_record_nobody_can_read_is_not_swept_and_can_be_forgotten(tmp_path, raw):
    home = tmp_path / "home"
    write(raw, range(1, 3))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
        key = f"documents/00/00{38 * '0'}.1.bson"
        archive.store.put_records({key: b"no document"})
        with pytest.raises(Refused, match=key):
            archive.sweep(grace=NONE)
        archive.sweep(grace=NONE, dry_run=False, forget=[key])
        assert key not in kept(archive)[1]


def test_the_current_catalog_lists_nothing(tmp_path, raw, monkeypatch):
    home = tmp_path / "home"
    write(raw, range(1, 3))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
        monkeypatch.setattr(strangers, "strangers", None)  # would be called to list
        assert archive.ingest(raw, jobs=1, progress=False).lacking == ""
        assert archive.status().lacking == ""


class LostCatalogs(RuleBasedStateMachine):
    """The catalog is lost, restored from any backup, half rebuilt, at any step; the store has the last word."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="darkroom-lost-"))
        self.home, self.raw = self.folder / "home", self.folder / "raw"
        (self.raw / document_id(1)).parent.mkdir(parents=True)
        self.patience, strangers.PATIENCE = strangers.PATIENCE, 0.0
        self.backups: list[Path] = []
        self.clock = 1_700_000_000
        self.deleted: set[str] = set()  # digests whose deletion was recorded; they may go
        self.open()

    def open(self) -> None:
        self.archive = open_archive(self.home)
        if "raw" not in self.archive.roots.all():
            self.archive.roots.add("raw", self.raw)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            strangers.PATIENCE = self.patience
            try:
                tells_the_truth(self.archive, self.home, sound=False)
            finally:
                self.archive.close()
                shutil.rmtree(self.folder)

    @rule(number=st.integers(1, 3), seed=st.integers(0, 3))
    def take(self, number: int, seed: int) -> None:
        path = self.raw / document_id(number)
        path.write_bytes(frame(number, seed=seed))
        self.clock += 1
        os.utime(path, (self.clock, self.clock))
        before = self.said_by_the_store()
        self.archive.ingest(self.raw, jobs=1, progress=False)
        path.unlink()  # so that no later run takes it again by itself
        after = self.said_by_the_store()
        for key, (digests, deleted) in before.items():
            assert deleted or after[key][0] == digests, "written over"

    @rule(number=st.integers(1, 3))
    def delete(self, number: int) -> None:
        if self.archive.headers.find_one({"_id": document_id(number)}) is not None:
            self.archive.delete(document_id(number))

    @rule(number=st.integers(1, 3))
    def restore(self, number: int) -> None:
        try:
            self.archive.restore(document_id(number))
        except (UnknownDocument, Refused):
            return

    @rule()
    def back_up(self) -> None:
        self.backups.append(self.folder / f"{len(self.backups)}.db")
        self.archive.upkeep.backup(self.backups[-1])

    @rule(number=st.integers(0, 9))
    def put_a_backup_in_place(self, number: int) -> None:
        self.archive.close()
        lose(self.home)
        if self.backups:
            shutil.copy(self.backups[number % len(self.backups)], self.home / "catalog.db")
        self.open()

    @rule()
    def lose(self) -> None:
        self.archive.close()
        lose(self.home)
        self.open()

    @rule(number=st.integers(1, 3))
    def rebuild_one(self, number: int) -> None:
        try:
            rebuild(self.archive.session, documents=[document_id(number)])
        except UnknownDocument:
            return

    @rule()
    def rebuild_missing(self) -> None:
        assert rebuild(self.archive.session, missing=True).lost == []

    @rule(grace=st.sampled_from([NONE, DAY]))
    def sweep(self, grace: timedelta) -> None:
        before = self.said_by_the_store()
        try:
            self.archive.sweep(grace=grace, dry_run=False)
        except Refused:
            assert self.said_by_the_store() == before
            return
        after = self.said_by_the_store()
        for key, (digests, deleted) in before.items():
            if not deleted or grace > NONE:
                assert after.get(key) == (digests, deleted), "swept without a deletion on record"

    def said_by_the_store(self) -> dict[str, tuple[tuple[str, ...], bool]]:
        """By record of a document: its arrays, and whether the store says that it, or a later one, was deleted."""
        said: dict[str, tuple[tuple[str, ...], bool]] = {}
        states: dict[str, list[tuple[int, dict]]] = {}
        bases: list[tuple[str, str, int, dict]] = []
        for record in self.archive.store.records("documents/"):
            stem, *numbers = record.key.removesuffix(".bson").split(".")
            entry = bson.decode(self.archive.store.get_record(record.key))
            if len(numbers) == 2:
                states.setdefault(stem, []).append((int(numbers[0]), entry))
            else:
                bases.append((record.key, stem, int(numbers[0]), entry))
        for key, stem, revision, document in bases:
            ends = {}
            for number, entry in sorted(states.get(stem, []), key=lambda item: (item[0], item[1]["change"])):
                if number >= revision and entry["state"] and entry["at"] > document["ingest"]["at"]:
                    ends[number] = entry["state"]
            said[key] = tuple(document["digests"]), "deleted" in ends.values()
        return said

    @invariant()
    def nothing_is_gone(self) -> None:
        if not hasattr(self, "archive"):
            return
        there = {found.digest for found in self.archive.store.objects()}
        for digests, deleted in self.said_by_the_store().values():
            assert deleted or set(digests) <= there


LostCatalogs.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestLostCatalogs = LostCatalogs.TestCase


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_histories():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        LostCatalogs, settings=settings(LostCatalogs.TestCase.settings, max_examples=300, stateful_step_count=40)
    )


def test_the_backup_is_a_catalog(tmp_path, raw):
    """What the model puts in place is what `darkroom backup` writes, not a copy of a file in use."""
    write(raw, [1])
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(raw, jobs=1, progress=False)
        archive.upkeep.backup(tmp_path / "backup.db")
    with sqlite3.connect(tmp_path / "backup.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_master_made_again_after_the_catalog_was_lost_is_the_one_that_was_kept(tmp_path, raw):
    """With what was said of it since; one that was deleted does not come back by itself."""
    home = tmp_path / "home"
    write(raw, range(1, 6))
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
        made = make_masters(archive.session, date=NIGHT, kinds=("dark",), jobs=1)
        name = made[0]["master"]
        edit = Edit(name, {"status": "set-aside", "qc.flags": ["looked-at"]})
        change([edit], catalog=archive.catalog, store=archive.store, why="light leak", collection="masters")
        before = archive.masters.find_one({"_id": name})
    for deleted in (False, True):
        lose(home)
        with open_archive(home) as archive:
            archive.ingest(raw, jobs=1, progress=False)
            row = make_masters(archive.session, date=NIGHT, kinds=("dark",), jobs=1)[0]
            if deleted:
                assert row["outcome"] == "failed"
                assert "was deleted: darkroom rebuild --missing" in row["reason"]
                assert archive.masters.count_documents({}) == 0
            else:
                assert archive.masters.find_one({"_id": name}) == before
                assert archive.history.find_one({"document": name})["why"] == "light leak"
            rebuild(archive.session, missing=True)
            assert archive.masters.find_one({"_id": name}) == (None if deleted else before)
            if not deleted:
                trash.delete([name], catalog=archive.catalog, store=archive.store, why="", collection="masters")
