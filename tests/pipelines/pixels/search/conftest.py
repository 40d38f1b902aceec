"""A campaign of slopes with pixels that did something, written as rateints products."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.detectors.subarrays import SUBARRAYS

WINDOW = SUBARRAYS["SUB64"]
EXPOSURES, NINTS = 16, 2


@dataclass
class Truth:
    """What was put into the campaign; pixels are (row, column) of the window, from 0."""

    slopes: np.ndarray
    errors: np.ndarray
    flashes: dict
    hot: set
    quiet: set
    telegraph: set
    times: list


def write_slopes(path, sci, err, when, *, window=WINDOW, dq=None, **keywords):
    header = {
        "TELESCOP": "JWST",
        "INSTRUME": "MIRI",
        "DETECTOR": "MIRIMAGE",
        "DATAMODL": "CubeModel",
        "DATE-OBS": f"{when:%Y-%m-%d}",
        "TIME-OBS": f"{when:%H:%M:%S}.000",
        "READPATT": "FASTR1",
        "NINTS": len(sci),
        "NGROUPS": 10,
        "CAL_VER": "3.0.0",
        "SUBARRAY": window.name,
        "SUBSTRT1": window.x,
        "SUBSTRT2": window.y,
        "SUBSIZE1": window.nx,
        "SUBSIZE2": window.ny,
    }
    primary = fits.PrimaryHDU()
    primary.header.update({**header, **keywords})
    hdus = [primary, fits.ImageHDU(sci.astype(">f4"), name="SCI"), fits.ImageHDU(err.astype(">f4"), name="ERR")]
    hdus[1].header["BUNIT"] = "DN/s"
    dq = np.where(np.isnan(sci), 1, 0) if dq is None else dq
    hdus.append(fits.ImageHDU(dq.astype(np.uint32), name="DQ"))
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path)


@pytest.fixture(scope="session")
def truth():
    rng = np.random.default_rng(7)
    shape = (EXPOSURES * NINTS, WINDOW.ny, WINDOW.nx)
    slopes = rng.gamma(4, 5, shape[1:]) + rng.normal(0, 1, shape)
    slopes[shape[0] // 2 :] += 2.5  # the sky grew brighter: no pixel changed by that
    places = rng.permutation(WINDOW.ny * WINDOW.nx)[:120]
    pixels = [divmod(int(place), WINDOW.nx) for place in places]
    flashes = {pixel: int(rng.integers(0, shape[0])) for pixel in pixels[:30]}
    hot, quiet, telegraph = set(pixels[30:60]), set(pixels[60:90]), set(pixels[90:120])
    for (i, j), moment in flashes.items():
        slopes[moment, i, j] += 25
    for i, j in hot:
        slopes[shape[0] // 2 :, i, j] += 12
    for i, j in quiet:
        slopes[shape[0] // 2 :, i, j] -= 12
    for i, j in telegraph:
        state = np.zeros(shape[0], bool)
        while not (4 <= state.sum() <= shape[0] - 4 and np.diff(state).sum() >= 3):
            state = np.cumsum(rng.random(shape[0]) < 0.25) % 2 == 1
        slopes[state, i, j] += 15
    errors = np.full(shape, 0.8)
    lost = rng.random(shape) < 0.01
    slopes[lost] = errors[lost] = np.nan
    times = [datetime(2024, 1, 1) + timedelta(days=10 * n) for n in range(EXPOSURES)]
    return Truth(slopes.astype(np.float32), errors.astype(np.float32), flashes, hot, quiet, telegraph, times)


@pytest.fixture(scope="session")
def slopes(truth, tmp_path_factory):
    """The campaign in an archive; its files come in no order of time."""
    folder = tmp_path_factory.mktemp("slopes")
    for n in np.random.default_rng(2).permutation(EXPOSURES):
        part = slice(n * NINTS, (n + 1) * NINTS)
        path = folder / "products" / f"jw{n:02d}_rateints.fits"
        write_slopes(path, truth.slopes[part], truth.errors[part], truth.times[n])
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "products")
        yield archive.session
