"""A master goes out of use with its frames: judged bad, corrected, delivered anew, deleted; and with its dark."""

import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.calibration.select.departed import departures
from pipelines.documents.changes import Edit, change
from tests.pipelines.calibration.apply.conftest import NIGHT, PLAN, Camera, named, write
from tests.pipelines.calibration.apply.conftest import calibrated_night as calibrated_night
from tests.pipelines.calibration.apply.conftest import changed as changed


def edit(archive, name, **values):
    """Change a document as somebody would."""
    edits = [Edit(name, set={key.replace("__", "."): value for key, value in values.items()})]
    return change(edits, catalog=archive.catalog, store=archive.store, why="looked at")


def status(archive, kind):
    """The reason beside each master of a kind."""
    return [row["reason"] for row in archive.calibration.masters(kind=kind)]


@pytest.mark.parametrize(
    ("tail", "values", "said"),
    [
        ("dark_120_01.fits", {"qc__verdict": "bad"}, "dark_120_01.fits is judged bad"),
        ("dark_120_01.fits", {"kind": "flat"}, "dark_120_01.fits is a flat now"),
        ("dark_120_01.fits", {"pixels_digest": "0" * 64}, "ingested with other pixels since"),
    ],
)
def test_a_master_is_retired_at_once_and_takes_its_flats_along(changed, tail, values, said):
    light = named(changed, "light_120_00.fits")
    assert changed.why(light, "dark").master is not None
    edit(changed, named(changed, tail), **values)
    found = changed.why(light, "dark")
    assert found.master is None
    assert said in found.reason
    assert f"darkroom masters make {NIGHT} makes it of what is left" in found.needs
    assert said in status(changed, "dark")[0]
    assert "is made from them" in status(changed, "flat")[0]
    assert {row["status"] for row in changed.calibration.masters(kind="dark")} == {"retired"}
    assert {row["master"] for row in changed.calibration.masters(status="retired")} >= {
        row["master"] for row in changed.calibration.masters(kind="flat")
    }
    assert not changed.calibration.masters(kind="dark", status="verified")
    assert changed.why(light, "flat").master is None
    (row,) = changed.calibration.calibrate(light)
    assert row["dark"] is None
    assert said in row["notes"][0]
    codes = {finding.code for finding in changed.upkeep.check(level="exists").findings}
    assert "retired-master" in codes
    retired = [row for row in changed.night(NIGHT) if row["code"] == "master-retired"]
    assert {kind for row in retired for kind in ("dark", "flat") if f"/{kind}-" in row["which"][0]} == {"dark", "flat"}
    assert any(said in row["what"] for row in retired)


def test_what_is_undone_brings_the_master_back(changed):
    light = named(changed, "light_120_00.fits")
    before = changed.why(light, "dark").master
    edit(changed, named(changed, "dark_120_01.fits"), qc__verdict="bad")
    assert changed.why(light, "dark").master is None
    run = changed.history.find_one({"why": "looked at"})["run"]
    changed.calibration.undo(run)
    assert changed.why(light, "dark").master == before


def test_a_camera_without_a_set_point_keeps_its_masters_within_the_tolerance_of_what_was_measured(tmp_path):
    """Frames at 3.9 and 4.7 degrees are one group, for measured temperatures may differ by 1.5: so is their master."""
    camera = Camera()
    for n, celsius in enumerate((3.2, 3.9, 4.7)):
        start = f"{NIGHT}T18:0{n}:00"
        write(tmp_path / "raw" / str(n), camera, [("bias", 2, 0)], start=start, **{"CCD-TEMP": celsius})
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "raw", progress=False)
        (row,) = archive.calibration.make_masters(NIGHT, kinds=["bias"], progress=False)
        assert (row["outcome"], row["frames"]) == ("made", 6)
        assert departures(archive.catalog, archive.masters.find({}).to_list()) == {}


def test_flats_delivered_again_under_another_filter_retire_their_master(tmp_path):
    folder = tmp_path / "raw" / "cam" / NIGHT
    write(folder, Camera(), PLAN)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "raw", progress=False)
        archive.calibration.make_masters(NIGHT, progress=False)
        light = named(archive, "light_120_00.fits")
        assert archive.why(light, "flat").master is not None
        for n in (1, 2, 4):
            fits.setval(folder / f"flat_3_{n:02d}.fits", "FILTER", value="V")
        archive.ingest(tmp_path / "raw", progress=False)
        found = archive.why(light, "flat")
        assert found.master is None
        assert "of filter V now, not R" in found.reason
        archive.calibration.make_masters(NIGHT, progress=False)  # three are left of each, and five are needed
        assert archive.why(light, "flat").master is None


def test_a_deleted_frame_is_gone_from_its_master_too(changed):
    light = named(changed, "light_120_00.fits")
    changed.delete(named(changed, "dark_120_01.fits"), why="test", force=True)
    assert "no longer in the archive" in changed.why(light, "dark").reason


def test_frames_marked_bad_by_a_filter_are_out_of_every_master_until_it_is_undone(changed):
    light = named(changed, "light_120_00.fits")
    before = changed.why(light, "dark").master
    marked = changed.calibration.mark_bad({"kind": "dark", "_id": {"$regex": "_0[12].fits$"}}, why="shutter open")
    assert len(marked) == 2
    assert "marked bad: shutter open" in changed.why(light, "dark").reason
    changed.calibration.undo(marked.run)
    assert changed.why(light, "dark").master == before
