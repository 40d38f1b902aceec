"""A night calibrated: files that CCDData reads, derived documents, recalls that reach them, and the command."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, VarianceUncertainty

from pipelines import UsageError
from tests.pipelines.calibration.apply.conftest import NIGHT, named
from tests.pipelines.command import darkroom


def run(archive_home, *words):
    """Run the command on an archive: (exit code, output, errors)."""
    done = darkroom("--home", archive_home, *words)
    return done.returncode, done.stdout, done.stderr


def test_without_a_place_it_only_says_what_it_would_do(calibrated_night, lights):
    code, told, _ = run(calibrated_night, "calibrate", NIGHT, "--json")
    assert code == 0
    rows = json.loads(told)["rows"]
    rows = rows["rows"] if isinstance(rows, dict) else rows
    assert [row["outcome"] for row in rows] == ["nothing made"] * 3
    assert [row["scale"] for row in rows] == [1.0, 1.0, 0.5]
    assert lights.masters.count_documents({"kind": "calibrated"}) == 0


def test_files_are_those_that_ccddata_reads(lights, tmp_path):
    answer = lights.calibration.calibrate(NIGHT, out=tmp_path / "out", progress=False)
    assert [row["outcome"] for row in answer] == ["written"] * 3
    for row in answer:
        with fits.open(row["result"]) as file:
            file.verify("exception")
            assert [hdu.name for hdu in file] == ["SCI", "UNCERT", "MASK"]
        found, ours = CCDData.read(row["result"]), lights.calibrated(row["frame"])
        assert found.unit == ours.unit
        assert isinstance(found.uncertainty, VarianceUncertainty)
        assert np.array_equal(found.data, ours.data, equal_nan=True)
        assert np.array_equal(found.uncertainty.array, ours.uncertainty.array, equal_nan=True)
        assert np.array_equal(found.mask, ours.mask)
    with pytest.raises(UsageError, match="is there already, and 2 more; nothing was written"):
        lights.calibration.calibrate(NIGHT, out=tmp_path / "out", progress=False)
    assert len(lights.calibration.calibrate(NIGHT, out=tmp_path / "out", overwrite=True, progress=False)) == 3


def test_what_is_kept_is_a_document_like_any_other(changed, tmp_path):
    answer = changed.calibration.calibrate(NIGHT, keep=True, progress=False)
    again = changed.calibration.calibrate(NIGHT, keep=True, progress=False)
    assert [row["result"] for row in again] == [row["result"] for row in answer]
    assert changed.masters.count_documents({"kind": "calibrated"}) == 3
    row = answer[0]
    document, ours = changed.document(row["result"]), changed.calibrated(row["frame"])
    assert document["parents"][0] == row["frame"]
    assert set(document["parents"][1:]) >= {row["dark"], row["flat"]}
    assert np.array_equal(changed.cube(row["result"])[...], ours.data, equal_nan=True)
    assert changed.header(row["result"])["CALSTAT"] == "DFG"
    changed.calibration.export(row["result"], tmp_path / "kept.fits")
    assert np.array_equal(CCDData.read(tmp_path / "kept.fits").uncertainty.array, ours.uncertainty.array)
    assert len(changed.calibration.masters()) == len(changed.calibration.masters(kind="dark")) + 3
    assert changed.upkeep.check(level="digests").exit_code == 0


def test_a_recall_reaches_what_was_kept(changed):
    (row, *_) = changed.calibration.calibrate(NIGHT, keep=True, progress=False)
    recalled = changed.calibration.recall(named(changed, "dark_120_00.fits"), why="shutter open")
    assert row["result"] in {effect["master"] for effect in recalled.effects}
    assert changed.document(row["result"])["stale"][recalled.run]["why"].endswith("shutter open")
    changed.calibration.undo(recalled.run)
    assert changed.document(row["result"])["stale"] == {}


def test_a_kept_frame_goes_into_the_trash_and_comes_back(changed, tmp_path):
    rows = changed.calibration.calibrate(NIGHT, keep=True, progress=False)
    name, home = rows[0]["result"], tmp_path / "home"
    code, told, errors = run(home, "delete", name, "--yes", "--why", "room")
    assert (code, errors) == (0, "")
    assert "1 document in the trash" in told
    assert [doc["_id"] for doc in changed.masters.find({"kind": "calibrated"}).sort("_id", 1)] == sorted(
        row["result"] for row in rows[1:]
    )
    assert run(home, "restore", name)[0] == 0
    assert np.isfinite(changed.cube(name)[...]).any()
    master = changed.masters.find_one({"kind": "dark"})["_id"]
    code, _, errors = run(home, "delete", master, "--yes")
    assert code == 2
    assert "is a master: take it out of use" in errors
    assert run(home, "delete", name, rows[0]["frame"], "--yes")[0] == 2
    assert changed.masters.count_documents({"kind": "calibrated"}) == 3


def test_kept_frames_survive_a_lost_catalog(changed):
    (row, *_) = changed.calibration.calibrate(NIGHT, keep=True, progress=False)
    before = changed.document(row["result"])
    changed.session.masters.delete_many({})
    changed.upkeep.rebuild(missing=True)
    assert changed.document(row["result"]) == before


@pytest.mark.patient
def test_a_master_is_a_document_like_any_other(calibrated_night, lights, tmp_path):
    master = lights.masters.find_one({"kind": "dark"})["_id"]
    assert lights.document(master)["kind"] == "dark"
    assert lights.cube(master)[...].shape == lights.cube(named(lights, "light_60_00.fits")).shape
    assert lights.header(master)["DRID"] == master
    for words in (["header", master], ["history", master], ["export", master, tmp_path / "m.fits"]):
        code, told, errors = run(calibrated_night, *words)
        assert (code, errors) == (0, ""), words
        assert told


@pytest.mark.patient
def test_a_damaged_frame_costs_itself(changed, tmp_path):
    name = named(changed, "light_120_00.fits")
    changed.store.withdraw(changed.document(name)["arrays"]["sci"]["digest"])
    code, told, _ = run(tmp_path / "home", "calibrate", NIGHT, "--out", tmp_path / "out", "--json")
    assert code == 1
    rows = json.loads(told)["rows"]
    rows = rows["rows"] if isinstance(rows, dict) else rows
    assert [row["outcome"] for row in rows] == ["failed", "written", "written"]
