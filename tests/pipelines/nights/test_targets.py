"""Targets: hours, frames and nights per filter, however the name is written; bad frames are no exposure."""

import pytest

from pipelines import DarkroomError, UsageError


@pytest.fixture
def lights(archive, raw, write_frame):
    for number, (target, seconds, night) in enumerate(
        [("M 31", 600.0, 20), ("M 31", 600.0, 20), ("m31", 300.0, 21), ("NGC891", 60.0, 20), (None, 60.0, 20)], start=1
    ):
        name = f"Dragonfly101/2024-02-{night}/T1_{number}_light.fits"
        date = f"2024-02-{night + 1}T05:0{number}:00"
        write_frame(name, seed=number, TARGET=target, EXPTIME=seconds, DATE=date, FILTER="R" if number == 4 else "G")
    archive.ingest(raw)
    return archive


def test_hours_frames_and_nights(lights):
    found = {(row["target"], row["filter"]): row for row in lights.targets()}
    assert set(found) == {("M 31", "G"), ("NGC891", "R"), ("(no object)", "G")}
    row = found["M 31", "G"]
    assert (row["hours"], row["frames"], row["nights"]) == (round(1500 / 3600, 2), 3, 2)
    assert (row["first"], row["last"], row["cameras"]) == ("2024-02-20", "2024-02-21", 1)
    assert row["masters"] == "none"
    assert row["lacking"] == "2 of 2 setups"


def test_frames_judged_bad_are_counted_apart(lights):
    lights.calibration.mark_bad({"obs.object": "M 31", "exposure_number": 1}, why="cloud")
    (row,) = lights.targets("M31")
    assert (row["hours"], row["frames"], row["bad"]) == (round(900 / 3600, 2), 3, 1)


def test_one_target_names_what_it_lacks(lights):
    (row,) = lights.targets("m  31")
    assert row["masters"] == []
    assert all("no dark" in reason for reason in row["lacking"])


def test_a_near_miss_is_named(lights):
    with pytest.raises(UsageError, match="is it NGC891"):
        lights.targets("NGC981")


def test_an_archive_without_lights_says_so(archive):
    with pytest.raises(DarkroomError, match="no lights"):
        archive.targets()
