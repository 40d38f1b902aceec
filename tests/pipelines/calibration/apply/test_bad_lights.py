"""Lights and masters that do not belong together, and pixels that are no numbers: refused or said, never guessed."""

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from tests.pipelines.calibration.apply.conftest import NIGHT, SHAPE, Camera, named

CARDS = {"IMAGETYP": "light", "EXPTIME": 120.0, "DATE-OBS": f"{NIGHT}T21:00:00", "INSTRUME": "CCD7", "SERIALNO": "K42"}


def light(folder, name, *images, **cards):
    """Write a light of one image, or of several in extensions."""
    folder.mkdir(exist_ok=True)
    header = fits.Header({**CARDS, "CCD-TEMP": -20.0, "FILTER": "R", **cards})
    if len(images) == 1:
        fits.PrimaryHDU(images[0], header).writeto(folder / name)
        return
    hdus = [fits.ImageHDU(data, name=f"CHIP{n}") for n, data in enumerate(images, 1)]
    fits.HDUList([fits.PrimaryHDU(header=header), *hdus]).writeto(folder / name)


@pytest.fixture
def refused(changed, tmp_path):
    """Ingest a light and ask for it as files: its row, when nothing is written."""

    def ask(*images, **cards):
        light(tmp_path / "odd", "odd.fits", *images, **cards)
        changed.ingest(tmp_path / "odd", progress=False)
        (row,) = changed.calibration.calibrate(named(changed, "odd.fits"), out=tmp_path / "out", progress=False)
        assert row["outcome"] == "not calibrated"
        assert not list((tmp_path / "out").iterdir())
        return "; ".join(row["notes"])

    return ask


def test_a_light_of_another_shape_has_no_masters(refused):
    assert "shape 96 × 120, wanted 90 × 120" in refused(Camera().frame("light", 120)[:90])


def test_a_light_of_another_camera_has_none(refused):
    assert "no dark from this camera; no bias from this camera" in refused(Camera().frame("light", 120), SERIALNO="K43")


def test_a_light_of_more_images_than_its_masters_has_none(refused):
    pixels = Camera().frame("light", 120)
    assert "was passed over: its images are sci, the frame's " in refused(pixels, pixels)


def test_pixels_that_are_no_numbers_are_masked_and_cost_no_other(changed, tmp_path):
    pixels = Camera().frame("light", 120).astype(">f4")
    pixels[3, 4], pixels[5, 6], pixels[7, 8] = np.nan, np.inf, -4000.0
    light(tmp_path / "odd", "odd.fits", pixels)
    changed.ingest(tmp_path / "odd", progress=False)
    done = changed.calibrated(named(changed, "odd.fits"))
    assert done.mask[3, 4]
    assert done.mask[5, 6]
    assert done.data[7, 8] < -4000  # a number, however odd: what was written is what is there
    assert np.isfinite(done.data[~done.mask]).all()
    assert (done.uncertainty.array[~done.mask] > 0).all()
    assert done.mask.sum() < 0.02 * done.mask.size


def test_darks_that_are_no_numbers_in_part_make_a_master_of_the_rest(tmp_path):
    folder = tmp_path / "raw" / NIGHT
    folder.mkdir(parents=True)
    rng = np.random.default_rng(4)
    for n in range(6):
        pixels = rng.normal(0, 5, SHAPE).astype("f4")  # less its bias: half of it is negative
        pixels[10, n] = np.nan
        pixels[20, n] = -np.inf
        pixels[30, 30] = np.nan
        if n == 5:
            pixels[:] = np.nan
        cards = {**CARDS, "IMAGETYP": "dark", "DATE-OBS": f"{NIGHT}T19:0{n}:00", "CCD-TEMP": -20.0}
        fits.PrimaryHDU(pixels, fits.Header(cards)).writeto(folder / f"dark_{n}.fits")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "raw", progress=False)
        rows = archive.calibration.make_masters(NIGHT, kinds=("dark",), progress=False)
        (row,) = rows
        assert row["outcome"] == "made", row["reason"]
        master = archive.masters.find_one({"_id": row["master"]})
        value, count, dq = (archive.cube(master, plane)[...] for plane in ("value", "count", "dq"))
        assert np.isnan(value[30, 30])
        assert dq[30, 30] & 1
        assert np.isfinite(np.delete(value.ravel(), 30 * SHAPE[1] + 30)).all()
        assert count[10, :5].tolist() == count[20, :5].tolist() == [4] * 5
        assert np.median(count) == 5
        assert np.std(value[40:]) == pytest.approx(5 / 5**0.5, rel=0.05)
