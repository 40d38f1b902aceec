"""What an ingest would take, before it takes anything: by folder, with sizes, by patterns and lists."""

import io
import json
import os
import sys

import pytest

from pipelines.cli.ingest import manifest
from pipelines.errors import UsageError
from pipelines.ingest.survey import ASSUMED, Selection, chosen_files, survey
from tests.pipelines import command


@pytest.fixture
def tests_at_jpl(raw, write_frame):
    """Three tests of some exposures, each with a processed file beside it that nobody wants."""
    for test, count in (("FPM_1", 2), ("FPM_2", 3), ("LIFE", 1)):
        for number in range(count):
            write_frame(f"{test}/MIRI_{number}_SCE1.fits", folder=raw, seed=number + 1)
            write_frame(f"{test}/MIRI_{number}_SCE1_LVL2.fits", folder=raw, seed=number + 100)
    (raw / "FPM_1" / "notes.txt").write_text("not FITS")
    return raw


PEERS_CHOICE = Selection(exclude=("*_LVL2.fits",))


def counts(found):
    return {
        row["folder"]: tuple(row[name] for name in ("files", "new", "changed", "unchanged", "excluded"))
        for row in found.folders
    }


def test_the_files_of_three_tests_with_their_sizes(archive, tests_at_jpl):
    found = survey(archive.session, [tests_at_jpl], selection=PEERS_CHOICE)
    assert counts(found) == {
        "raw/FPM_1": (2, 2, 0, 0, 2),
        "raw/FPM_2": (3, 3, 0, 0, 3),
        "raw/LIFE": (1, 1, 0, 0, 1),
    }
    assert [row["campaign"] for row in found.folders] == ["FPM_1", "FPM_2", "LIFE"]
    sizes = {
        test: sum(f.stat().st_size for f in (tests_at_jpl / test).glob("*SCE1.fits")) for test in ("FPM_1", "LIFE")
    }
    nbytes = {row["folder"]: row["nbytes"] for row in found.folders}
    assert (nbytes["raw/FPM_1"], nbytes["raw/LIFE"]) == (sizes["FPM_1"], sizes["LIFE"])
    assert (found.ratio, found.measured) == (ASSUMED, False)
    assert found.total("estimate") == pytest.approx(found.total("nbytes") * ASSUMED, abs=3)
    # Nothing was done: no document, no root, no run.
    for collection in (archive.headers, archive.runs, archive.quarantine, archive.catalog.roots):
        assert collection.count_documents({}) == 0


def test_what_each_file_would_be_is_what_it_becomes(archive, tests_at_jpl):
    """Profile, kind, night, camera and what is unknown: as the documents say afterwards."""
    (tests_at_jpl / "LIFE" / "torn.fits").write_bytes(b"SIMPLE  =")
    (tests_at_jpl / "LIFE" / "._b.fits").write_bytes(b"of a Mac")
    (tests_at_jpl / "LIFE" / "r0_WFI01_uncal.asdf").write_bytes(b"#ASDF 1.0.0\n")
    foretold = {row["file"].partition("/")[2]: row for row in survey(archive.session, [tests_at_jpl]).files}
    report = archive.ingest(tests_at_jpl)
    assert (len(foretold), report.passed, report.asdf) == (13, 1, 1)
    assert "passed over: 1 file" in repr(report)
    assert "passed over: 1 ASDF file (.asdf, as of Roman): only FITS is read" in repr(report)
    assert foretold.pop("LIFE/torn.fits")["unknown"] == ["no-end"]
    for document in archive.headers.find():
        row = foretold.pop(document["path"])
        assert (row["profile"], row["kind"], row["night"]) == tuple(document[k] for k in ("profile", "kind", "date"))
        assert row["camera"] == document["obs"].get("camera")
        assert set(row["unknown"]) == set(report.doubts) & {*document["qc"]["flags"], "night-by-utc"}
    assert not foretold
    assert len(survey(archive.session, [tests_at_jpl]).files) == 1  # the torn one: what is known is not taken again


def test_it_foretells_the_ingest(archive, tests_at_jpl):
    foretold = survey(archive.session, [tests_at_jpl], selection=PEERS_CHOICE)
    files = chosen_files([tests_at_jpl], roots=archive.roots, selection=PEERS_CHOICE)
    report = archive.ingest(files)
    assert (report.new, report.nbytes) == (foretold.total("new"), foretold.total("nbytes")) == (6, report.nbytes)
    assert list(archive.roots.all().values()) == [tests_at_jpl]  # not one for each folder of a test

    changed, touched, *_ = sorted(tests_at_jpl.glob("FPM_2/*SCE1.fits"))
    changed.write_bytes(changed.read_bytes() + bytes(2880))
    os.utime(touched, (1e9, 1e9))
    (tests_at_jpl / "LIFE" / "new_SCE1.fits").write_bytes(b"anything")
    found = survey(archive.session, [tests_at_jpl], selection=PEERS_CHOICE)
    assert counts(found) == {
        "raw/FPM_1": (2, 0, 0, 2, 2),
        "raw/FPM_2": (3, 0, 2, 1, 3),
        "raw/LIFE": (2, 1, 0, 1, 1),
    }
    stored = sum(ref["stored"] for doc in archive.headers.find() for ref in doc["arrays"].values())
    assert found.measured
    assert found.ratio == pytest.approx(stored / report.nbytes)


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), ["FPM_1/a_SCE1.fits", "LIFE/b_LVL2.fits"]),
        (Selection(include=("*_SCE1.fits",)), ["FPM_1/a_SCE1.fits"]),
        (Selection(include=("LIFE/*",)), ["LIFE/b_LVL2.fits"]),
        (Selection(include=("*",), exclude=("FPM_?/*",)), ["LIFE/b_LVL2.fits"]),
        (Selection(include=("*_sce1.fits",)), []),
        (Selection(exclude=("[ab]_*",)), []),
    ],
)
def test_patterns_meet_the_name_or_the_path(selection, taken):
    assert [path for path in ("FPM_1/a_SCE1.fits", "LIFE/b_LVL2.fits") if selection.takes(path)] == taken


def test_a_selection_of_nothing_is_told(archive, tests_at_jpl):
    with pytest.raises(UsageError, match="none of the 12 files is chosen"):
        chosen_files([tests_at_jpl], roots=archive.roots, selection=Selection(include=("*.fit",)))


def test_a_list_of_paths(tmp_path, monkeypatch):
    (tmp_path / "list").write_text("# chosen by hand\n/data/a.fits\n\n  /data/b \n")
    assert manifest(tmp_path / "list") == ["/data/a.fits", "/data/b"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("x.fits\n"))
    assert manifest("-") == ["x.fits"]
    (tmp_path / "list").write_text("# nothing\n")
    with pytest.raises(UsageError, match="names no file"):
        manifest(tmp_path / "list")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        manifest(tmp_path / "none")


@pytest.mark.patient
def test_on_the_command_line_before_there_is_an_archive(tmp_path, tests_at_jpl):
    def darkroom(*arguments, **options):
        done = command.darkroom("--home", tmp_path / "new", *arguments, **options)
        assert done.returncode == 0
        return done.stdout

    chosen = ["--exclude", "*_LVL2.fits", "--campaign", "spring"]
    answer = json.loads(darkroom("ingest", str(tests_at_jpl), *chosen, "--dry-run", "--json"))
    assert (answer["files"], answer["new"], answer["excluded"]) == (6, 6, 6)
    assert {row["campaign"] for row in answer["folders"]} == {"spring"}
    assert not (tmp_path / "new").exists()
    listed = "\n".join(str(path) for path in sorted(tests_at_jpl.glob("*/*.fits")))
    report = json.loads(darkroom("ingest", "--from", "-", *chosen, "--json", answer=listed))
    assert (report["new"], report["files"]) == (6, 6)
    said = darkroom("ingest", str(tests_at_jpl), "--dry-run")
    assert "to take: 6 new, 0 changed" in said
    query = darkroom("query", '{"campaign": "spring"}', "--fields", "_id", "--json")
    assert query.count("SCE1.fits") == 6
