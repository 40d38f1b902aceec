"""Masters beside ccdproc's, from the same frames: equal where nothing is left out, and a difference is placed."""

import json
import sys

import pytest

from pipelines import UsageError
from pipelines.errors import MissingExtra
from tests.pipelines.calibration.apply.conftest import SHAPE
from tests.pipelines.command import darkroom


def rows_of(answer, where):
    return [row for row in answer if row["where"] == where]


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_the_same_frames_give_the_same_master(lights, kind):
    pytest.importorskip("ccdproc")
    master = lights.masters.find_one({"kind": kind, "status": "verified"})
    answer = lights.calibration.compare(master["_id"])
    (whole,), (block,) = rows_of(answer, "whole"), rows_of(answer, "block")
    assert abs(whole["sigmas"]) < 0.05
    assert abs(block["sigmas"]) < 0.3
    assert all(0 <= row["x"] < SHAPE[1] and 0 <= row["y"] < SHAPE[0] for row in rows_of(answer, "pixel"))
    assert f"of {SHAPE[0] * SHAPE[1]} pixels differ by more than 5 sigma" in answer.title


def test_a_master_that_is_wrong_somewhere_is_found_there(changed):
    pytest.importorskip("ccdproc")
    master = changed.masters.find_one({"kind": "bias"})
    wrong = changed.cube(master["_id"])[...].copy()
    wrong[:12, 15:30] += 3
    wrong[50, 70] += 400
    ref = changed.session.store.put(wrong, kind="master").to_dict()
    changed.catalog["masters"].update_one({"_id": master["_id"]}, {"$set": {"arrays.value": ref}})
    answer = changed.calibration.compare(master["_id"])
    (block,) = rows_of(answer, "block")
    assert (block["x"], block["y"], block["difference"]) == ("15-29", "0-11", pytest.approx(3, abs=0.2))
    first = rows_of(answer, "pixel")[0]
    assert (first["x"], first["y"], first["frames"]) == (70, 50, 6)
    assert first["difference"] == pytest.approx(400, abs=20)


def test_what_cannot_be_compared_is_said(calibrated_night, lights, monkeypatch):
    named = {doc["kind"]: doc["_id"] for doc in lights.masters.find({})}
    with pytest.raises(UsageError, match="is a pixelmap; bias, dark, flat are compared"):
        lights.calibration.compare(named["pixelmap"])
    with pytest.raises(UsageError, match="no comparison with 'iraf'; there is ccdproc"):
        lights.calibration.compare(named["bias"], peer="iraf")
    monkeypatch.setitem(sys.modules, "ccdproc", None)
    with pytest.raises(MissingExtra, match=r"pip install 'darkroom-archive\[ccdproc\]'"):
        lights.calibration.compare(named["bias"])


def test_the_command(calibrated_night, lights):
    pytest.importorskip("ccdproc")
    master = lights.masters.find_one({"kind": "bias"})["_id"]
    done = darkroom("--home", calibrated_night, "masters", "compare", master, "--with", "ccdproc", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "beside ccdproc" in told["title"]
