"""What frames tell of their camera against what headers state: said in the verdict, and never a reason to refuse."""

import numpy as np
import pytest

from pipelines import open_archive
from pipelines.calibration.masters.stated import against_stated, linearity
from pipelines.combine import NoiseModel
from tests.pipelines.calibration.apply.conftest import GAIN, NIGHT, READ_NOISE, Camera, write

TIMES = (1.0, 2.0, 4.0, 8.0)


def flats(times, bend=0.0, sky=0.0):
    frames, levels = [], []
    for n, seconds in enumerate(times * 2):
        light = 5000 * seconds * (1 - sky * n)
        frames.append({"obs": {"exptime": seconds}})
        levels.append(light * (1 - bend * light / 40000))
    return frames, levels


def test_flats_of_steady_light_tell_how_linear_a_camera_is():
    (row,) = linearity(*flats(TIMES))
    assert (row["off"], row["within"]) == (pytest.approx(0, abs=1e-9), True)
    (row,) = linearity(*flats(TIMES, bend=0.08))
    assert 0.01 < row["off"] < 0.08
    assert not row["within"]


def test_a_sky_that_changes_and_few_exposure_times_tell_nothing():
    assert linearity(*flats(TIMES, sky=0.01)) == []
    assert linearity(*flats((1.0, 8.0))) == []
    assert linearity([{"obs": {"exptime": 2.0}}, {}, {"obs": {"exptime": None}}], [1.0, 2.0, 3.0]) == []


def test_what_was_taken_from_the_header_is_not_compared_with_it():
    assert against_stated(NoiseModel(4.0, 0.25), {"gain": 0.25, "read_noise": None}) == []
    (row,) = against_stated(NoiseModel(4.0, 1.5), {"gain": 1.46, "read_noise": np.nan})
    assert row["within"]


def test_a_wrong_gain_in_the_headers_is_said_with_the_verdict(tmp_path):
    write(tmp_path / "raw" / NIGHT, Camera(), [("bias", 5, 0), ("flat", 6, 3)], EGAIN=0.25, RDNOISE=READ_NOISE)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "raw", progress=False)
        rows = {row["kind"]: row for row in archive.calibration.make_masters(NIGHT, progress=False)}
        assert {row["status"] for row in rows.values()} == {"verified"}
        assert "measured, 0.25 stated, 5% is the limit" in rows["flat"]["reason"]
        (gain,) = archive.masters.find_one({"kind": "flat"})["statistics"]["against_stated"]
        assert gain["measured"] == pytest.approx(GAIN, rel=0.05)
