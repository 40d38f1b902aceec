"""Frames that a wrong clock dates into another night are put where the array's time says, and back again."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from pipelines import open_archive
from pipelines.calibration.times.clock import CameraClock, nights_of
from pipelines.demo.simulate import simulate_night
from pipelines.errors import UsageError
from pipelines.instruments import profiles

NIGHT, NEXT = "2024-03-09", "2024-03-10"  # clocks in New Mexico change to summer time in between


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dates")
    truth = simulate_night(
        folder / "raw", night=NIGHT, units=4, shape=(64, 80), lights=1, clock_error=timedelta(hours=11)
    )
    with open_archive(folder / "home") as archive:
        archive.ingest(truth.folder, progress=False)
    return folder / "home"


@pytest.fixture
def night(simulated, tmp_path):
    with open_archive(shutil.copytree(simulated, tmp_path / "home")) as archive:
        yield archive


def documents(archive):
    """Every document as it is, but for how often it was changed."""
    found = {document["_id"]: document for document in archive.headers.find({})}
    for document in found.values():
        document["ingest"] = {name: value for name, value in document["ingest"].items() if name != "changes"}
    return found


def test_a_wrong_clock_costs_no_frame_its_night_and_undo_puts_it_back(night):
    desk, before = night.calibration, documents(night)
    wrong = sorted(name for name, document in before.items() if document["date"] != NIGHT)
    assert len(wrong) == 5  # the morning flats of one camera of four: 11 hours on is the next afternoon
    assert sorted(desk.fix_dates(NIGHT)) == wrong
    after = documents(night)
    assert {document["date"] for document in after.values()} == {NIGHT}
    for name in wrong:
        assert after[name]["date_source"] == "array"
        assert after[name]["date_evidence"]["was"] == NEXT
        assert after[name]["date_evidence"]["offset"] == pytest.approx(11 * 3600, abs=1)
        assert after[name]["timestamp"] == before[name]["timestamp"]
    assert {name: after[name] for name in after if name not in wrong} == {
        name: before[name] for name in before if name not in wrong
    }
    assert desk.fix_dates(NIGHT) == []
    assert sorted(desk.undo_dates(NIGHT)) == wrong
    assert documents(night) == before
    with pytest.raises(UsageError, match="nothing to undo"):
        desk.undo_dates(NIGHT)


@pytest.mark.patient
def test_flats_and_dates_mended_give_every_camera_its_master_flats(night):
    desk = night.calibration
    desk.fix_dates(NIGHT)
    desk.fix_flats(NIGHT)
    desk.make_masters(NIGHT, progress=False)
    made = {(doc["camera"], doc["flat_time"]) for doc in night.masters.find({"kind": "flat"})}
    cameras = set(night.headers.distinct("camera"))
    assert made == {(camera, time) for camera in cameras for time in ("evening", "morning", "combined")}


def test_the_two_repairs_are_undone_apart(night):
    desk, before = night.calibration, documents(night)
    desk.fix_dates(NIGHT)
    desk.fix_flats(NIGHT)
    desk.undo_dates(NIGHT)
    assert any(document.get("flat_time_source") == "consensus" for document in documents(night).values())
    desk.undo_flats(NIGHT)
    assert documents(night) == before


@pytest.mark.parametrize(
    ("seconds", "nights"), [(-60, {"2024-03-08"}), (0, {"2024-03-08", "2024-03-09"}), (60, {"2024-03-09"})]
)
def test_near_noon_a_night_is_only_told_where_the_uncertainty_permits(seconds, nights):
    noon = datetime(2024, 3, 9, 19, tzinfo=UTC)  # 12:00 in New Mexico
    clock = CameraClock("wrong", offset=3600.0, offset_sigma=3.0, drift=0.0, drift_sigma=0.0)
    frame = {"timestamp": noon + timedelta(seconds=3600 + seconds), "exposure_number": 7}
    assert nights_of(frame, clock, {}, profiles()["dragonfly"]) == nights
