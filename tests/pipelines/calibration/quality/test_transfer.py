"""Photon transfer from files: amplifiers, nights, what is stated, and real frames of known gain and noise."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.errors import UsageError

GAINS, READ = (1.5, 2.0), 4.0
NIGHTS = ("2024-03-01", "2024-03-02")
SHAPE = (96, 160)


def exposure(rng, seconds):
    electrons = np.minimum(rng.poisson(2400.0 * seconds, SHAPE), 40_000)
    gain = np.where(np.arange(SHAPE[1]) < SHAPE[1] // 2, *GAINS)
    return np.rint(electrons / gain + rng.normal(300, READ, SHAPE)).astype(np.uint16)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "raw").mkdir()
    rng, number = np.random.default_rng(4), 0
    for night in NIGHTS:
        for seconds in (0.0, 1.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0):
            for _ in range(2):
                number += 1
                header = fits.Header({"INSTRUME": "two", "SERIALNO": "S1", "EXPTIME": seconds, "EGAIN": 1.5})
                header.update({"IMAGETYP": "FLAT" if seconds else "BIAS", "RDNOISE": 6.0, "FILTER": "V"})
                header.update({"DSEC11": "[1:80,1:96]", "DSEC21": "[81:160,1:96]"})
                header["DATE-OBS"] = f"{night}T20:{number:02}:00"
                fits.PrimaryHDU(exposure(rng, seconds), header).writeto(folder / "raw" / f"{number:02}.fits")
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", jobs=1, progress=False)
    return folder / "home"


def test_each_amplifier_and_night_and_all_nights_against_what_is_stated(home):
    with open_archive(home, readonly=True) as archive:
        answer = archive.calibration.photon_transfer("two S1")
        figure = archive.calibration.plot_photon_transfer(answer)
    assert len(figure.axes) == 2
    rows = {(row["part"], row["date"]): row for row in answer}
    assert set(rows) == {(f"amplifier {n}", date) for n in (1, 2) for date in (*NIGHTS, "all nights")}
    for (part, _), row in rows.items():
        gain = GAINS[part == "amplifier 2"]
        assert row["gain"] == pytest.approx(gain, rel=0.03)
        assert row["read_noise"] == pytest.approx(np.hypot(READ, 12**-0.5), rel=0.03)
        assert row["read_noise_e"] == pytest.approx(row["read_noise"] * row["gain"], rel=1e-3)
        assert row["full_well"] == pytest.approx(36_000 / gain, rel=0.02)
        assert row["linearity"] < 0.01
        assert ("not 5 %" in row["remark"].split(";")[0]) == (part == "amplifier 2")
        assert (row["stated_gain"], row["stated_read_noise"]) == (1.5, 6.0)


def test_frames_marked_bad_have_no_part_and_without_flats_there_is_nothing_to_draw(home, tmp_path):
    with open_archive(shutil.copytree(home, tmp_path / "home")) as archive:
        archive.calibration.mark_bad({"obs.exptime": 3.0, "date": NIGHTS[0]}, why="lamp")
        first, *_ = archive.calibration.photon_transfer(date=NIGHTS[0])
        assert 3.0 not in {point["exptime"] for point in first["points"]}
        archive.calibration.mark_bad({"kind": "flat"}, why="lamp")
        nothing = archive.calibration.photon_transfer()
        assert len(nothing) == 0
        with pytest.raises(UsageError, match="no pairs of flats"):
            archive.calibration.plot_photon_transfer(nothing)


@pytest.mark.skipif(not os.environ.get("DARKROOM_REAL_FRAMES"), reason="DARKROOM_REAL_FRAMES names no real frames")
def test_the_gain_and_noise_of_a_real_camera(tmp_path):
    """Sony IMX541, EMVA 1288: 2.369 e-/DN, 0.885 DN."""
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(Path(os.environ["DARKROOM_REAL_FRAMES"]) / "imx541", progress=False)
        (row,) = archive.calibration.photon_transfer("CAM-A")
    assert row["gain"] == pytest.approx(2.37, rel=0.03)
    assert row["read_noise"] == pytest.approx(0.885, rel=0.02)
    assert row["linearity"] < 0.01
