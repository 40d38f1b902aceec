"""Lights leave the archive with the frames of their masters: those, byte for byte, and nothing is written over."""

import hashlib
import json
from pathlib import Path

import pytest

from pipelines import UsageError
from tests.pipelines.calibration.apply.conftest import NIGHT, named
from tests.pipelines.command import darkroom


def contents(folder):
    """Files below a folder by setup and sub-folder."""
    found = {}
    for path in sorted(Path(folder).rglob("*.fits")):
        found.setdefault(str(path.parent.relative_to(folder)), []).append(path)
    return found


def test_a_night_goes_out_by_setup_with_what_belongs_to_it(calibrated_night, lights, tmp_path):
    done = darkroom("--home", calibrated_night, "export", NIGHT, "--with-calibration", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    found = contents(tmp_path / "out")
    kinds = {"lights": "light", "darks": "dark", "flats": "flat", "biases": "bias"}
    for setup, count in (("R_120s", 2), ("R_60s", 1)):
        counts = {place: len(found[f"{setup}/{place}"]) for place in kinds}
        assert counts == {"lights": count, "darks": 5, "flats": 6, "biases": 6}
    assert sum(map(len, found.values())) == len(json.loads(done.stdout)["rows"]) == 17 + 2 + 17 + 1
    for row in json.loads(done.stdout)["rows"]:
        document = lights.document(row["frame"])
        assert document["kind"] == kinds[row["folder"]]
        assert hashlib.sha256(Path(row["file"]).read_bytes()).hexdigest() == document["file"]["sha256"]


def test_nothing_is_written_over_unasked(lights, tmp_path):
    name = named(lights, "light_60_00.fits")
    taken = tmp_path / "R_60s" / "flats" / "flat_3_04.fits"
    taken.parent.mkdir(parents=True)
    taken.write_text("mine")
    with pytest.raises(UsageError, match=r"flat_3_04.fits is there already; nothing was written"):
        lights.export_with_calibration(name, tmp_path, progress=False)
    assert contents(tmp_path) == {"R_60s/flats": [taken]}
    lights.export_with_calibration([name], tmp_path, overwrite=True, progress=False)
    assert taken.read_bytes()[:6] == b"SIMPLE"


def test_frames_that_were_left_out_stay_behind_and_what_is_missing_is_said(changed, tmp_path):
    changed.calibration.mark_bad({"kind": "flat"}, why="clouds")
    answer = changed.export_with_calibration({"exptime": {"$exists": False}}, tmp_path, progress=False)
    assert "flats" not in {row["folder"] for row in answer}
    assert {bool(row["notes"]) for row in answer if row["folder"] == "lights"} == {True}
    assert "2 with something missing, see notes" in answer.title


def test_a_frame_that_is_damaged_costs_no_other(changed, tmp_path):
    name = named(changed, "dark_120_03.fits")
    changed.catalog["headers"].update_one({"_id": name}, {"$set": {"file.sha256": "0" * 64}})
    answer = changed.export_with_calibration(NIGHT, tmp_path, progress=False)
    failed = [row for row in answer if row["outcome"] == "failed"]
    assert {row["frame"] for row in failed} == {name}
    assert all("nothing was written" in row["notes"][-1] for row in failed)
    assert not any(Path(row["file"]).exists() for row in failed)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{}"], "name the file or folder to write to"),
        (["[]", "--with-calibration", "x"], "by a filter"),
        (['{"kind": "moon"}', "--with-calibration", "x"], "no light matches"),
    ],
)
def test_the_command_refuses_what_names_no_lights(calibrated_night, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = darkroom("--home", calibrated_night, "export", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []
