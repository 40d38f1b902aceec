"""Noisy, hot and telegraph pixels of a camera over its nights, found where they were put; and in a real CMOS."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from pipelines import open_archive
from pipelines.cli import app
from pipelines.errors import NothingThere, UsageError
from pipelines.pixels.cameras.finding import telegraph
from tests.pipelines.pixels.conftest import same_found

REAL = os.environ.get("DARKROOM_REAL_FRAMES")
NIGHTS = ("2024-02-20", "2024-02-21")
LEFT, LOW = 101, 51  # first column and row of the window
SHAPE = (64, 80)
HOT, NOISY, TELEGRAPH, LATE = (7, 5), (20, 11), (40, 30), (60, 50)  # column and row in the picture, from 0
CAMERA = "CMOS9 H9"


def frame(rng, night, number):
    """A dark of 60 s: a bias that drifts, a hot, a noisy and a telegraph pixel, one hot since the second night."""
    pixels = 500 + number / 4 + rng.normal(0, 4, SHAPE)
    for (x, y), value in ((HOT, 900), (LATE, 700 * night), (NOISY, rng.normal(0, 30))):
        pixels[y, x] += value
    pixels[TELEGRAPH[1], TELEGRAPH[0]] += 60 * (number // 3 % 2)
    return np.rint(pixels).astype(np.uint16)


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Two nights of eight darks in a window, with their masters and pixel maps."""
    folder, rng = tmp_path_factory.mktemp("nights"), np.random.default_rng(4)
    for night, day in enumerate(NIGHTS):
        place = folder / "raw" / day
        place.mkdir(parents=True)
        for number in range(8):
            hdu = fits.PrimaryHDU(frame(rng, night, number))
            cards = {"IMAGETYP": "dark", "EXPTIME": 60.0, "INSTRUME": "CMOS9", "SERIALNO": "H9", "CCD-TEMP": -15.0}
            hdu.header.update(cards | {"DATE-OBS": f"{day}T20:{2 * number:02d}:00", "XBINNING": 1, "YBINNING": 1})
            hdu.header["XORGSUBF"], hdu.header["YORGSUBF"] = LEFT - 1, LOW - 1
            hdu.writeto(place / f"dark_{number}.fits")
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", jobs=1, progress=False)
        for day in NIGHTS:
            made = archive.calibration.make_masters(day, progress=False)
            assert {row["outcome"] for row in made} == {"made"}, made
        yield archive, folder / "home"


def places(found):
    return {(row["x"] - LEFT, row["y"] - LOW) for row in found.pixels}


def test_noisy_pixels_are_found_night_after_night(nights):
    archive, _ = nights
    found = archive.pixels.find_noisy(CAMERA)
    assert places(found) == {NOISY, TELEGRAPH}
    noise = {row["x"] - LEFT: row["noise"] for row in found.pixels}
    assert 15 < noise[NOISY[0]] < 50
    assert 25 < noise[TELEGRAPH[0]] < 40  # 60 apart, half of the time each
    assert all((row["nights"], row["of"], row["first"], row["last"]) == (2, 2, *NIGHTS) for row in found.pixels)
    assert found.judged == SHAPE[0] * SHAPE[1]
    assert places(archive.pixels.find_noisy(CAMERA, times=100)) == set()


def test_hot_pixels_are_found_on_the_share_of_the_nights_that_is_asked(nights):
    archive, _ = nights
    rows = {(row["x"] - LEFT, row["y"] - LOW): row for row in archive.pixels.find_hot(CAMERA).pixels}
    assert {HOT, LATE} <= set(rows)
    assert rows[HOT]["excess"] == pytest.approx(900, abs=15)
    assert (rows[LATE]["nights"], rows[LATE]["first"]) == (1, NIGHTS[1])
    assert HOT in places(archive.pixels.find_hot(CAMERA, share=1.0))
    assert LATE not in places(archive.pixels.find_hot(CAMERA, share=1.0))
    assert LATE not in places(archive.pixels.find_hot(CAMERA, date=NIGHTS[0]))


def test_telegraph_noise_is_found_over_nights_though_the_bias_drifts(nights):
    archive, _ = nights
    (row,) = archive.pixels.find_camera_telegraph(CAMERA, progress=False).pixels
    assert (row["x"] - LEFT, row["y"] - LOW) == TELEGRAPH
    assert row["high"] - row["low"] == pytest.approx(60, abs=4)  # 4 / sqrt(8) for each level, and the other's
    assert row["duty"] == pytest.approx(6 / 16)
    assert row["switches"] == 4


def test_frames_judged_bad_are_left_out_and_counted(nights):
    archive, _ = nights
    name = archive.headers.find_one({"kind": "dark"})["_id"]
    run = archive.calibration.mark_bad({"_id": name}, why="a test").run
    found = archive.pixels.find_camera_telegraph(CAMERA, progress=False)
    assert found.pixels.title.endswith("; 1 frames judged bad left out")
    assert found.maps[0].integrations == 15
    archive.calibration.undo(run)


def test_maps_have_the_pixels_of_the_detector(nights):
    archive, _ = nights
    (each,) = archive.pixels.find_noisy(CAMERA).maps
    image = each.to_xarray()["ratio"]
    assert float(image.sel(x=LEFT + NOISY[0], y=LOW + NOISY[1])) > 3


def test_bad_questions_are_answered_by_name(nights):
    archive, _ = nights
    with pytest.raises(NothingThere, match=r"no setup of CMOS9 H9 has 30 frames .* the largest has 16"):
        telegraph(archive.session, CAMERA, least=30)
    with pytest.raises(NothingThere, match="no pixel map of CMOS9 H9 in use"):
        archive.pixels.find_hot(CAMERA, date="2030-01-01")
    with pytest.raises(UsageError, match="no detector or camera 'H8'"):
        archive.pixels.find_hot("H8")
    with pytest.raises(UsageError, match="share"):
        archive.pixels.find_hot(CAMERA, share=0)


def test_the_commands(nights, tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, ["--home", str(nights[1]), *map(str, arguments)])

    assert len(json.loads(run("find", "noisy", CAMERA, "--json").stdout)["pixels"]) == 2
    assert "1 pixel found among 5120 that could be judged" in run("find", "telegraph", "--camera", CAMERA).stdout
    shown = run("find", "noisy", CAMERA, "--limit", 1, "--plot", tmp_path / "noisy.png").stdout
    assert "and 1 more" in shown
    assert "2 pixels found among 5120 that could be judged" in shown
    assert (tmp_path / "noisy.png").stat().st_size > 5000
    assert run("find", "hot", CAMERA, "--share", 1).exit_code == 0
    assert run("find", "telegraph", "--date", NIGHTS[0]).exit_code == 2


@pytest.mark.skipif(REAL is None, reason="DARKROOM_REAL_FRAMES names no real frames")
def test_the_noisiest_pixels_of_a_real_sensor_are_those_of_its_168_darks(tmp_path):
    root = Path(str(REAL)) / "imx541"
    truth = fits.getdata(root / "noise_of_168_darks.fits")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(root / "dark", jobs=1, progress=False)
        archive.calibration.make_masters("2026-06-26", kinds=["dark", "pixelmap"], progress=False)
        found = archive.pixels.find_noisy("CAM-A")
        jumping = archive.pixels.find_camera_telegraph("CAM-A", progress=False)
    mask = np.zeros(truth.shape, bool)
    for row in found.pixels:
        mask[row["y"] - 301, row["x"] - 201] = True
    typical = np.median(truth)
    assert mask[truth > 5 * typical].all()
    assert (truth[mask] > 2 * typical).mean() > 0.95
    assert len(jumping.pixels) >= 5
    assert all(truth[row["y"] - 301, row["x"] - 201] > 2 * typical for row in jumping.pixels)


@pytest.fixture(scope="module")
def two_amplifiers(tmp_path_factory):
    """Fourteen darks of a camera whose file has an image per amplifier, 8 columns of overscan beside each."""
    folder, rng = tmp_path_factory.mktemp("amplifiers"), np.random.default_rng(6)
    (folder / "raw").mkdir()
    for number in range(14):
        images = []
        for name, level in (("im1", 500), ("im2", 900)):
            pixels = level + rng.normal(0, 4, (32, 48))
            pixels[:, 40:] -= 100
            if name == "im1":
                pixels[9, 7] += 800
                pixels[20, 30] += 60 * (number // 3 % 2)
            else:
                pixels[11, 13] += rng.normal(0, 30)
            hdu = fits.ImageHDU(np.rint(pixels).astype(np.uint16), name=name)
            hdu.header.update({"BIASSEC": "[41:48,1:32]", "DATASEC": "[1:40,1:32]"})
            images.append(hdu)
        cards = {"IMAGETYP": "dark", "EXPTIME": 60.0, "INSTRUME": "MOSAIC2", "SERIALNO": "M7", "CCD-TEMP": -90.0}
        primary = fits.PrimaryHDU()
        primary.header.update(cards | {"DATE-OBS": f"2024-02-20T20:{2 * number:02d}:00"})
        fits.HDUList([primary, *images]).writeto(folder / "raw" / f"dark_{number:02d}.fits")
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", jobs=1, progress=False)
        made = archive.calibration.make_masters("2024-02-20", progress=False)
        assert {row["outcome"] for row in made} == {"made"}, made
        yield archive


def test_each_image_of_a_camera_of_several_is_searched_by_itself(two_amplifiers):
    archive = two_amplifiers
    (camera,) = archive.headers.distinct("obs.camera")

    def found(search):
        rows = search.pixels
        assert "several images in the file: counted from the first pixel of the picture" in rows.title
        return {(row["subarray"].partition(",")[0], row["x"], row["y"]) for row in rows}

    assert found(archive.pixels.find_hot(camera)) >= {("im1", 8, 10)}
    noisy = archive.pixels.find_noisy(camera)
    assert found(noisy) == {("im1", 31, 21), ("im2", 14, 12)}
    assert noisy.judged == 2 * 32 * 40  # the overscan is none of the pixels
    jumping = archive.pixels.find_camera_telegraph(camera, progress=False)
    assert found(jumping) == {("im1", 31, 21)}
    assert [each.subarray for each in jumping.maps] == ["im1, dark 60.0 s", "im2, dark 60.0 s"]
    row = jumping.pixels[0]
    assert archive.pixel(camera, x=row["x"], y=row["y"], image="im1").read().values.max() > 540


def test_workers_of_a_scheduler_find_the_same(nights, worker_threads):
    archive, _ = nights
    here = archive.pixels.find_camera_telegraph(CAMERA, progress=False)
    assert same_found(archive.pixels.find_camera_telegraph(CAMERA, scheduler=worker_threads, progress=False), here)
