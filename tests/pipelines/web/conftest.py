"""An archive as the web shows it: a night of darks, flats and lights, masters, a colour frame, a deleted one."""

import hashlib

import numpy as np
import pytest
from astropy.io import fits
from starlette.testclient import TestClient

from pipelines import open_archive
from pipelines.web import application

NIGHT = "2024-02-20"
SCRIPT = "<script>alert('M31')</script>"
SECRET = "Secret/2024-02-20/none of your business.fits"


def write(path, pixels, **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"EXPTIME": 60.0, "INSTRUME": "Cam", "SERIALNO": "A1", "FILTER": "G", "TEMPERAT": -10.0, **cards}
    fits.PrimaryHDU(pixels, fits.Header(header)).writeto(path)


def digest(folder):
    """The bytes of every file of a folder but what SQLite keeps beside its own."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith(("-wal", "-shm")):
            found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def fill(folder):
    rng = np.random.default_rng(5)
    raw = folder / f"raw/{NIGHT}"
    for number in range(5):
        pixels = rng.normal(1000, 10, (240, 320)).astype(np.uint16)
        pixels[10, 20] = 40_000  # always hot: x 21, y 11
        begin = {"DATE-OBS": f"2024-02-21T03:{number:02d}:00"}
        write(raw / f"dark{number}.fits", pixels, IMAGETYP="dark", **begin)
        write(raw / f"<b>light {number}?&#.fits", pixels + 100, IMAGETYP="light", OBJECT=SCRIPT, **begin)
    colour = rng.integers(0, 4000, (60, 80)).astype(np.uint16)
    write(raw / "colour.fits", colour, IMAGETYP="light", BAYERPAT="RGGB", SERIALNO="B2", OBJECT="M33")
    write(raw / "hole.fits", np.full((8, 9), np.nan, np.float32), IMAGETYP="light", SERIALNO="B2")
    write(raw / "gone.fits", colour, IMAGETYP="light", SERIALNO="B2")
    (raw / "broken&.fits").write_bytes(b"SIMPLE  = no")
    with open_archive(folder / "home") as archive:
        archive.ingest([folder / "raw"])
        archive.calibration.check_frames(NIGHT)
        archive.make_master_darks(NIGHT)
        archive.delete(f"raw/{NIGHT}/gone.fits", why="a bird")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("web")
    fill(place)
    return place


@pytest.fixture(scope="package")
def archive(folder):
    with open_archive(folder / "home", readonly=True) as archive:
        yield archive


@pytest.fixture(scope="package")
def client(archive):
    with TestClient(application(archive), base_url="http://localhost", follow_redirects=False) as client:
        yield client
