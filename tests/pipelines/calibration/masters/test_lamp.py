"""Flats of spectrographs: the lamp's spectrum is no fault of a flat, and is not put into the light of an object."""

import numpy as np
import pytest

from pipelines import open_archive
from pipelines.calibration.masters.bits import MasterDQ
from pipelines.calibration.masters.lamp import by_spectrum, dispersion_of
from tests.pipelines.calibration.apply.conftest import NIGHT, SHAPE, Camera, named, write

LAMP = 0.02 + 3.5 * np.exp(-(((np.arange(SHAPE[0]) / SHAPE[0] - 0.35) / 0.2) ** 2))
DEAD = (40, 50)


class Spectrograph(Camera):
    """Light runs along the columns; the response of pixels differs by 3 %, one is dead, the slit has fainter ends."""

    def __init__(self):
        super().__init__()
        slit = 1 - 0.2 * np.linspace(-1, 1, SHAPE[1]) ** 2
        self.pixels = (1 + 0.03 * self.rng.standard_normal(SHAPE)) * slit
        self.pixels[DEAD] = 0.1

    def frame(self, kind, seconds):
        self.response = self.pixels if kind == "light" else LAMP[:, None] * self.pixels / 3
        return super().frame(kind, seconds)


@pytest.mark.parametrize("along", ["x", "y"])
def test_the_lamp_is_taken_out_and_what_is_narrower_stays(along):
    rng = np.random.default_rng(3)
    lamp = np.exp(-(((np.arange(900) - 400) / 200) ** 2)) * 3 + 0.1
    pixels = 1 + 0.02 * rng.standard_normal((900, 200))
    value = (lamp[:, None] * pixels).astype("f4")
    value[5, 7] = np.nan
    found = by_spectrum(value if along == "y" else value.T, along)
    found = found if along == "y" else found.T
    assert dispersion_of(value if along == "y" else value.T) == along
    assert np.isnan(found[5, 7])
    assert np.nanstd(found / pixels) < 0.005
    assert np.nanmedian(found) == pytest.approx(1, abs=0.002)


def test_a_picture_has_no_axis_of_dispersion():
    y, x = np.mgrid[:300, :200] / 200
    assert dispersion_of(1 - 0.3 * ((x - 0.5) ** 2 + (y - 0.75) ** 2)) is None
    assert dispersion_of(np.full((64, 64), np.nan)) is None


def test_a_night_of_a_spectrograph(tmp_path):
    plan = [("bias", 5, 0), ("dark", 5, 120), ("flat", 6, 3), ("light", 1, 120)]
    write(tmp_path / "raw" / NIGHT, Spectrograph(), plan, GRATING="R300V")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "raw", progress=False)
        rows = archive.calibration.make_masters(NIGHT, progress=False)
        assert {row["status"] for row in rows} == {"verified"}, [row["reason"] for row in rows]
        flat = archive.masters.find_one({"kind": "flat"})
        assert flat["statistics"]["dispersion"] == "y"
        dq = archive.cube(flat, "dq")[...]
        dark = (dq & np.uint8(MasterDQ.LOW_LIGHT)) != 0
        assert dark[LAMP > 0.2].sum() == 1  # a tenth of the light is enough; that of the dead pixel is not
        bad = archive.masters.find_one({"kind": "pixelmap"})
        assert bad["statistics"]["dead"] == 1
        assert archive.cube(bad, "dq")[...][DEAD] & int(MasterDQ.DEAD)
        (row,) = archive.calibration.calibrate(NIGHT, progress=False)
        assert row["notes"] == ["the spectrum of the lamp, along y, was taken out of its flat first"]
        done = archive.calibrated(named(archive, "light_120_00.fits"))
        value = np.where(done.mask, np.nan, done.data)
        # The object was as bright at every wavelength: what is divided by must not have the lamp's spectrum.
        assert np.nanstd(np.nanmedian(value, axis=1)[LAMP > 0.2]) < 0.02 * np.nanmedian(value)
        assert np.nanstd(np.nanmedian(value, axis=0)) < 0.02 * np.nanmedian(value)
