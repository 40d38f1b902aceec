"""The noise of each pixel over several nights, and the pixels that have more of it than noise explains."""

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.errors import NothingThere

NIGHTS = ("2024-03-01", "2024-03-02")
SHAPE, READ, APART = (48, 64), 4.0, 60.0
JUMPING = ((5, 6), (20, 40), (40, 10))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "raw").mkdir()
    rng = np.random.default_rng(8)
    state = np.zeros(len(JUMPING), bool)
    for night in NIGHTS:
        for number in range(12):
            state ^= rng.random(len(JUMPING)) < 0.3
            pixels = rng.normal(500, READ, SHAPE)
            for (y, x), up in zip(JUMPING, state, strict=True):
                pixels[y, x] += APART * up
            header = fits.Header({"INSTRUME": "jumpy", "SERIALNO": "1", "IMAGETYP": "DARK", "EXPTIME": 60.0})
            header["DATE-OBS"] = f"{night}T20:{number:02}:00"
            fits.PrimaryHDU(np.rint(pixels).astype("u2"), header).writeto(folder / "raw" / f"{night}_{number:02}.fits")
    with open_archive(folder / "home") as opened:
        opened.ingest(folder / "raw", jobs=1, progress=False)
        for night in NIGHTS:
            opened.calibration.make_masters(night, kinds=("dark",), progress=False)
        yield opened


def test_the_noise_of_all_nights_and_those_that_jump(archive):
    found = archive.calibration.noise_map("jumpy 1")
    assert len(found.masters) == 2
    assert (found.samples == 22).all()
    assert set(map(tuple, np.argwhere(found.unstable).tolist())) == set(JUMPING)
    assert np.median(found.noise) == pytest.approx(READ, rel=0.02)
    rows = {(row["y"], row["x"]): row for row in found.noisiest}
    assert set(rows) == set(JUMPING)
    for row in rows.values():
        assert row["times"] > 4
    assert len(archive.calibration.plot_noise_map(found).axes) == 3


def test_of_one_night_and_few_pixels_and_without_masters(archive):
    one = archive.calibration.noise_map("jumpy 1", NIGHTS[0], pixels=1)
    assert (len(one.masters), len(one.noisiest), one.samples.max()) == (1, 1, 11)
    with pytest.raises(NothingThere, match="no master darks"):
        archive.calibration.noise_map("jumpy 1", "2024-05-05")
