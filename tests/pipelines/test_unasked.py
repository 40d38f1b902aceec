"""Nothing is destroyed or overwritten unasked: confirmation, read-only faces, whole deletions, exports."""

from __future__ import annotations

import subprocess

import pytest

from catalog import ReadOnly
from pipelines import UsageError, open_archive
from pipelines.processes import interpreter
from tests.pipelines import command

A, B = "Dragonfly101/2024-02-20/T1_31_dark.fits", "Dragonfly101/2024-02-20/T1_32_dark.fits"


@pytest.fixture
def two(tmp_path, raw, write_frame):
    write_frame(A)
    write_frame(B, seed=2)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(raw)
        yield archive


def darkroom(tmp_path, *words, answer=""):
    return command.darkroom("--home", tmp_path / "home", *words, answer=answer)


@pytest.mark.patient
@pytest.mark.parametrize("verb", [["delete", A], ["sweep", "--grace", "0"], ["recall", A, "--why", "leak"]])
def test_without_an_answer_nothing_is_done(two, tmp_path, verb):
    if verb[0] == "sweep":
        two.delete(B)
    before = two.headers.count_documents({}), two.catalog.trash.count_documents({}), len(list(two.store.objects()))
    silent = darkroom(tmp_path, *verb)
    assert (silent.returncode, "add --yes" in silent.stderr) == (2, True)
    assert darkroom(tmp_path, *verb, answer="n\n").returncode == 1
    assert darkroom(tmp_path, *verb, answer="perhaps\n").returncode == 2
    after = two.headers.count_documents({}), two.catalog.trash.count_documents({}), len(list(two.store.objects()))
    assert after == before
    assert two.headers.find_one({"qc.verdict": "bad"}) is None
    assert darkroom(tmp_path, *verb, answer="y\n").returncode == 0


def test_the_collections_of_an_archive_are_read_only_and_say_which_verb_to_use(two, tmp_path):
    for write in (
        lambda: two.headers.drop(),
        lambda: two.headers.delete_many({}),
        lambda: two.headers.update_one({}, {"$set": {"kind": "flat"}}),
        lambda: two.headers.insert_one({}),
        lambda: two.headers.aggregate([{"$merge": {"into": "headers"}}]),
        lambda: two.masters.delete_many({}),
    ):
        with pytest.raises(ReadOnly, match=r"archive\.delete\(ID\)"):
            write()
    assert two.headers.count_documents({"kind": "dark"}) == 2
    with open_archive(tmp_path / "home", unguarded=True) as archive:
        assert archive.headers.update_one({"_id": A}, {"$set": {"note": "mine"}}).modified_count == 1
    with open_archive(tmp_path / "home", unguarded=True, readonly=True) as archive, pytest.raises(ReadOnly):
        archive.headers.drop()


def test_restore_brings_back_the_whole_deletion(two, tmp_path):
    assert two.restore(A) == [A, B] if two.delete([A, B]) else False
    run = two.delete([A, B]).run
    assert {row["run"] for row in two.trash()} == {run}
    said = darkroom(tmp_path, "restore", A, "--only").stdout
    assert "1 of the same deletion stay in the trash" in said
    assert B in said
    assert two.headers.distinct("_id") == [A]
    assert two.restore(run=run) == [B]


def test_export_overwrites_only_when_told(two, tmp_path):
    taken = tmp_path / "taken.fits"
    taken.write_bytes(b"mine")
    refused = darkroom(tmp_path, "export", A, taken)
    assert (refused.returncode, "--overwrite" in refused.stderr, taken.read_bytes()) == (2, True, b"mine")
    with pytest.raises(UsageError, match="is there already"):
        two.export(A, taken)
    original = two.export(A, tmp_path / "first.fits").file.read_bytes()
    assert darkroom(tmp_path, "export", A, taken, "--overwrite").returncode == 0
    assert taken.read_bytes() == original
    (tmp_path / "out").mkdir()
    assert two.export(A, tmp_path / "out").file == tmp_path / "out" / A.rpartition("/")[2]
    words = interpreter.command("pipelines.cli", "--home", tmp_path / "home", "export", A, "-")
    assert subprocess.run(words, env=interpreter.environment(), capture_output=True).stdout == original
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_a_plot_or_a_table_is_not_written_over_unasked(two, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("precious")
    asked = ("pixel", two.headers.find_one({})["camera"], 3, 3, "--csv", mine)
    refused = darkroom(tmp_path, *map(str, asked))
    assert (refused.returncode, mine.read_text()) == (2, "precious")
    assert "is there already" in refused.stderr.replace("\n", " ")
    assert darkroom(tmp_path, *map(str, asked), "--overwrite").returncode == 0
    assert mine.read_text() != "precious"
    for verb in (["trends", "--plot"], ["find", "noisy", "CAM", "--plot"]):
        assert darkroom(tmp_path, *verb, str(mine)).returncode == 2
