"""An archive of one night with troubles, made once: a frame without a number, names that must be escaped."""

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive

NIGHT = "2024-02-20"
SCRIPT = "<script>alert('M31')</script>"


def write(path, pixels, **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU(pixels)
    hdu.header.update({"IMAGETYP": "light", "EXPTIME": 60.0, "INSTRUME": "Cam", "SERIALNO": "A1", **cards})
    hdu.header.update({"SITELONG": -105.529, "SITELAT": 32.903})
    hdu.writeto(path)


@pytest.fixture(scope="package")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(5)
    for number in range(4):
        pixels = rng.normal(1000, 10, (24, 32)).astype(np.float32)
        begin = f"2024-02-21T03:{number:02d}:00"
        write(
            folder / f"raw/{NIGHT}/dark{number}.fits", pixels.astype(np.uint16), IMAGETYP="dark", **{"DATE-OBS": begin}
        )
        if number == 0:
            pixels[:] = np.nan
        begin = f"2024-02-21T04:{2 * number:02d}:00"
        write(folder / f"raw/{NIGHT}/<b>light{number}.fits", pixels, OBJECT=SCRIPT, **{"DATE-OBS": begin})
    (folder / f"raw/{NIGHT}/broken&.fits").write_bytes(b"SIMPLE  = no")
    with open_archive(folder / "home") as archive:
        archive.ingest([folder / "raw"])
        archive.calibration.check_frames(NIGHT)
        yield archive
