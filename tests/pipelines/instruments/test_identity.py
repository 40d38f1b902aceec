"""What real files are: those that astropy brings, and the real frames where they are at hand."""

import os
import re
from pathlib import Path

import pytest
from astropy.io import fits

from pipelines.fits import open_fits
from pipelines.instruments import choose, identify, profiles
from pipelines.instruments.sites import NOWHERE, Place

ASTROPY = Path(fits.__file__).parents[2]
SAMPLES = sorted(
    [*(ASTROPY / "io/fits/tests/data").rglob("*.fits"), *(ASTROPY / "wcs/tests/data").glob("*.fits")],
    key=lambda path: path.name,
)
REAL = os.environ.get("DARKROOM_REAL_FRAMES")
EXPECTED = {  # kind, camera, night, exposure time: read by a person
    "o4sp040b0_raw.fits": ("image", "STIS at HST", "1998-04-20", 30.0),
    "test0.fits": ("light", "WFPC2", "1994-05-19", 0.23),
    "checksum.fits": ("image", None, "1996-01-06", None),
    "chandra_time.fits": ("image", "ACIS at CHANDRA", "2016-01-26", 3.1),
    "fixed-1890.fits": ("image", "SER-NO 231", "2011-09-16", 50.0),
    "j94f05bgq_flt.fits": ("light-processed", "ACS at HST", "2005-03-07", 400.0),
    "zerowidth.fits": ("image", None, "1998-02-24", None),
    "validate.fits": ("light", "PTF/MOSAIC", "2009-06-25", 60.0),
}


def seen(path, site=NOWHERE):
    with open_fits(path) as file:
        return identify(choose(path, file.hdus, profiles=profiles()), path, file.hdus, site=site), file.hdus


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_date_is_found_wherever_a_header_has_one(path):
    """And what names a unit of the pixels, or says how light was taken, is neither camera nor kind."""
    one, hdus = seen(path)
    stated = [str(hdu.header["DATE-OBS"]) for hdu in hdus if hdu.header.get("DATE-OBS")]
    if any(re.search(r"[0-9]{4}-[0-9]{2}|[0-9]{2}/[0-9]{2}", text) for text in stated):
        assert one.date is not None
        if any("T" in text for text in stated):
            assert one.timestamp is not None
    if path.name in EXPECTED:
        assert (one.kind, one.obs.get("camera"), one.date, one.obs.get("exptime")) == EXPECTED[path.name]


@pytest.mark.parametrize("unit", ["electron", "counts", "adu"])
def test_a_unit_of_pixels_is_no_camera(hdu, unit, tmp_path):
    hdus = [hdu({"UNIT": unit, "IMAGETYP": "dark"}, (4, 4))]
    one = identify(profiles()["generic"], tmp_path / "a.fits", hdus)
    assert "camera" not in one.obs
    assert "camera-missing" in one.flags


needs_real = pytest.mark.skipif(REAL is None, reason="DARKROOM_REAL_FRAMES names no folder of real frames")


@needs_real
def test_real_darks_over_midnight_in_utc_are_of_one_night_where_the_site_is_told():
    """SBIG ST-7 at Toronto: exposures from 23:50 to 00:57 UTC."""
    site = Place(-79.4, 43.66, source="darkroom.toml")
    nights = {}
    for path in sorted(Path(REAL, "st7/darks").glob("*.fit")):
        one, _ = seen(path, site)
        nights.setdefault(one.date, []).append((one.kind, one.obs["camera"], one.obs_from["night"]))
    assert {night: len(found) for night, found in nights.items()} == {"2013-10-08": 6, "2013-10-18": 4, "2013-10-23": 1}
    assert {one for found in nights.values() for one in found} == {("dark", "ST-7", "darkroom.toml")}


@needs_real
def test_a_real_spectrograph_says_what_it_is_in_its_extension():
    """INT/IDS: overscan, gain and saturation stand in the header of the pixels, time and kind in the primary."""
    kinds = []
    for path in sorted(Path(REAL, "int").rglob("*.fit")):
        one, _ = seen(path)
        kinds.append(one.kind)
        assert (one.obs["camera"], one.date, one.obs["site"]["longitude"]) == (
            "IDS at INT",
            "2022-09-23",
            pytest.approx(-17.878, abs=1e-3),
        )
        for name in ("gain", "saturation", "read_noise"):
            assert one.obs_from[name].endswith("@1")
        (image,) = one.obs["images"]
        assert image["hdu"] == 1
        assert set(image["amplifiers"][0]) >= {"bias", "trim"}
    assert (kinds.count("bias"), kinds.count("flat")) == (6, 5)
