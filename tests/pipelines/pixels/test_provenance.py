"""Questions about calibrations: by reference file, by release, by a step that was not done."""

import pytest

from pipelines.demo.simulate import simulate_calibration, simulate_campaign
from pipelines.detectors.keywords import STEPS, calibration_of, matches_version
from pipelines.errors import UsageError
from pipelines.pixels.provenance import calibrated_with, lacking_step, used_reference

HEADER = {
    "CAL_VER": "1.17.1",
    "CAL_VCS": "RELEASE",
    "CRDS_VER": "12.0.9",
    "CRDS_CTX": "jwst_1322.pmap",
    "S_DARK": "COMPLETE",
    "S_JUMP": "FAILED",
    "S_REGION": "POLYGON ICRS 1 2 3 4",
    "R_DARK": "crds://jwst_miri_dark_0102.fits",
    "R_MASK": "/home/me/refs/mask.fits",
    "R_SUPERB": "N/A",
}


def test_the_calibration_of_a_header():
    found = calibration_of(HEADER, kind="ramp")
    assert {key: found[key] for key in ("version", "vcs", "crds_version", "context")} == {
        "version": "1.17.1",
        "vcs": "RELEASE",
        "crds_version": "12.0.9",
        "context": "jwst_1322.pmap",
    }
    assert found["steps"] == {"S_DARK": "COMPLETE", "S_JUMP": "FAILED"}
    assert found["references"]["R_MASK"] == "/home/me/refs/mask.fits"
    assert found["references_used"] == ["jwst_miri_dark_0102.fits", "mask.fits"]
    assert "S_DARK" not in found["steps_lacking"]
    assert {"S_JUMP", "S_RSCD"} <= set(found["steps_lacking"])
    assert "S_RAMP" not in found["steps_lacking"]  # a ramp is written before it
    assert "S_RAMP" in calibration_of(HEADER, kind="rate")["steps_lacking"]
    assert calibration_of({"NAXIS": 0}, kind="ramp") is None


@pytest.mark.parametrize("instrument", ["MIRI", "NIRCAM"])
def test_each_instrument_lacks_its_own_steps_alone(instrument):
    lacking = set(calibration_of(HEADER | {"INSTRUME": instrument}, kind="ramp")["steps_lacking"])
    assert {"S_JUMP", "S_LINEAR"} <= lacking
    assert ("S_SUPERB" in lacking) == (instrument == "NIRCAM")
    assert ({"S_RSCD", "S_RESET"} <= lacking) == (instrument == "MIRI")


def test_the_steps_of_each_instrument_are_those_of_the_pipeline():
    """As the pipeline itself lists them for MIRI and for the others."""
    pipeline = pytest.importorskip("jwst.pipeline").Detector1Pipeline
    assert set(pipeline.step_defs) <= set(STEPS)


@pytest.mark.parametrize(
    ("version", "wanted", "is_it"),
    [
        ("1.17.1", "1.17", True),
        ("1.17", "1.17", True),
        ("1.17.1", "1.17.1", True),
        ("1.170.0", "1.17", False),
        ("1.18.0", "1.17", False),
        ("1.17.10", "1.17.1", False),
        (None, "1.17", False),
    ],
)
def test_a_release_and_what_belongs_to_it(version, wanted, is_it):
    assert matches_version(version, wanted) is is_it


def test_questions(archive, tmp_path):
    campaign = simulate_campaign(tmp_path / "raw", exposures=2, nints=1, ngroups=4)
    one, two = campaign.exposures[1:]
    simulate_calibration(one.path, tmp_path / "cal" / "old", version="1.17.1", jump=False, dark="dark_a.fits")
    simulate_calibration(one.path, tmp_path / "cal" / "new", dark="dark_b.fits")
    simulate_calibration(two.path, tmp_path / "cal" / "new", dark="dark_b.fits")
    archive.ingest([tmp_path / "raw", tmp_path / "cal"], progress=False)
    exposures = {
        "a": {row["exposure"] for row in used_reference(archive.headers, "dark_a.fits")},
        "b": {row["exposure"] for row in used_reference(archive.headers, "crds://dark_b.fits")},
        "1.17": {row["exposure"] for row in calibrated_with(archive.headers, "1.17")},
        "lacking": {row["exposure"] for row in lacking_step(archive.headers, "jump")},
    }
    both = {one.exposure, two.exposure}
    assert exposures == {"a": {one.exposure}, "b": both, "1.17": {one.exposure}, "lacking": {one.exposure}}
    rows = lacking_step(archive.headers, "jump")
    assert {(row["kind"], row["version"], row["state"]) for row in rows} == {
        (kind, "1.17.1", "SKIPPED") for kind in ("ramp", "rateints", "rate")
    }
    assert {row["state"] for row in lacking_step(archive.headers, "S_LASTFR")} == {None}  # never heard of
    assert archive.headers.distinct("kind") == ["ramp", "rate", "rateints", "uncal"]
    for document in archive.headers.find({}):
        out = tmp_path / "out.fits"
        archive.export(document["_id"], out, overwrite=True)  # the ASDF extension, too: proved by its digest
        out.unlink()
    with pytest.raises(UsageError, match="is not a version"):
        calibrated_with(archive.headers, "latest")
    with pytest.raises(UsageError, match="no step"):
        lacking_step(archive.headers, "polish the mirror")
