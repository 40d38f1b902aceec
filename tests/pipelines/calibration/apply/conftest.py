"""A night of one CCD with biases, darks of 120 s, flats and lights of two exposure times; its truth is known."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive

NIGHT = "2024-02-20"
SHAPE = (96, 120)
GAIN, READ_NOISE = 1.5, 6.0  # e-/ADU, electrons
SKY = 20.0  # electrons per second and pixel


class Camera:
    """Draws frames of a CCD: bias, dark current with hot pixels, response, sky."""

    def __init__(self, seed=7):
        self.rng = np.random.default_rng(seed)
        y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
        self.bias = 1000 + 5 * np.sin(x / 17)
        self.current = np.where(self.rng.random(SHAPE) < 0.004, 30.0, 0.05)
        self.response = 1 - 0.2 * ((y / SHAPE[0] - 0.5) ** 2 + (x / SHAPE[1] - 0.5) ** 2) * 2

    def frame(self, kind, seconds):
        """One frame in ADU."""
        electrons = self.current * seconds
        if kind == "flat":
            electrons = electrons + 30000 * self.response
        if kind == "light":
            electrons = electrons + SKY * seconds * self.response
        read = READ_NOISE * self.rng.standard_normal(SHAPE)
        return np.clip(np.round(self.bias + (self.rng.poisson(electrons) + read) / GAIN), 0, 65535).astype(np.uint16)


def write(folder, camera, plan, *, start="2024-02-20T18:00:00", **cards):
    """Write frames: `plan` lists (kind, how many, seconds)."""
    at = datetime.fromisoformat(start)
    for kind, count, seconds in plan:
        for n in range(count):
            hdu = fits.PrimaryHDU(camera.frame(kind, seconds))
            hdu.header.update(
                {"IMAGETYP": kind, "EXPTIME": float(seconds), "DATE-OBS": at.isoformat(), "INSTRUME": "CCD7"}
            )
            hdu.header["SERIALNO"], hdu.header["CCD-TEMP"] = "K42", -20.0
            if kind in ("flat", "light"):
                hdu.header["FILTER"] = "R"
            hdu.header.update(cards)
            Path(folder).mkdir(parents=True, exist_ok=True)
            hdu.writeto(f"{folder}/{kind}_{seconds}_{n:02d}.fits")
            at += timedelta(seconds=seconds + 60)


PLAN = [("bias", 6, 0), ("dark", 5, 120), ("flat", 6, 3), ("light", 2, 120), ("light", 1, 60)]


@pytest.fixture(scope="session")
def calibrated_night(tmp_path_factory):
    """Home of an archive with the night's masters; nobody changes it."""
    folder = tmp_path_factory.mktemp("lights")
    write(folder / "raw" / "cam" / NIGHT, Camera(), PLAN)
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", progress=False)
        archive.calibration.make_masters(NIGHT, progress=False)
    return folder / "home"


@pytest.fixture
def lights(calibrated_night):
    """The archive, for reading."""
    with open_archive(calibrated_night, readonly=True) as archive:
        yield archive


@pytest.fixture
def changed(calibrated_night, tmp_path):
    """A copy of it, to be changed."""
    with open_archive(shutil.copytree(calibrated_night, tmp_path / "home")) as archive:
        yield archive


def named(archive, tail):
    """The one document whose name ends so."""
    (found,) = archive.headers.find({"_id": {"$regex": tail + "$"}})
    return found["_id"]
