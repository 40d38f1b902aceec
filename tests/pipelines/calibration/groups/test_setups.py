"""Setups told apart: frames that differ in one keyword of a camera, and nights as six kinds of software write them."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.calibration.groups.groups import groups
from pipelines.calibration.groups.ungrouped import ungrouped

START = datetime(2024, 2, 20, 23, 45)
RNG = np.random.default_rng(3)


def write(path, kind, taken, *, images=1, compressed=False, **cards):
    """A small frame of noise; a card `A` is a keyword, `_` in it a minus, and of HIERARCH words a blank."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = fits.Header({"IMAGETYP": kind, "DATE-OBS": taken.isoformat(timespec="milliseconds")})
    for key, value in cards.items():
        if key.startswith("ESO_"):
            header[f"HIERARCH {key.replace('_', ' ')}"] = value
        elif value is None:
            header.remove(key.replace("_", "-"))
        else:
            header[key.replace("_", "-")] = value
    pixels = [RNG.integers(900, 1100, (16, 16)).astype(np.uint16) for _ in range(images)]
    if compressed:
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(pixels[0], header, name="SCI")]
    elif images == 1:
        hdus = [fits.PrimaryHDU(pixels[0], header)]
    else:
        hdus = [fits.PrimaryHDU(header=header), *(fits.ImageHDU(p, name="SCI", ver=n) for n, p in enumerate(pixels, 1))]
    fits.HDUList(hdus).writeto(path, overwrite=True)


PAIRS = {
    "binning by CCDSUM": ("DARK", {"CCDSUM": "1 1"}, {"CCDSUM": "2 2"}),
    "binning by XBINNING": ("DARK", {"XBINNING": 1, "YBINNING": 1}, {"XBINNING": 2, "YBINNING": 2}),
    "binning in one direction": ("DARK", {"XBINNING": 1, "YBINNING": 1}, {"XBINNING": 1, "YBINNING": 2}),
    "window by XORGSUBF": ("DARK", {"XORGSUBF": 0, "YORGSUBF": 0}, {"XORGSUBF": 64, "YORGSUBF": 0}),
    "window by CCDSEC": ("DARK", {"CCDSEC": "[1:16,1:16]"}, {"CCDSEC": "[101:116,1:16]"}),
    "window by CONFMODE": ("DARK", {"CONFMODE": "full_frame"}, {"CONFMODE": "central_2k_2x2"}),
    "mode by READOUTM": ("DARK", {"READOUTM": "1 MHz"}, {"READOUTM": "8 MHz"}),
    "mode by GAINSET": ("DARK", {"GAINSET": 1}, {"GAINSET": 2}),
    "mode by RDMODE": ("DARK", {"RDMODE": "slow"}, {"RDMODE": "fast"}),
    "mode by ESO DET READ CLOCK": ("DARK", {"ESO_DET_READ_CLOCK": "100kHz"}, {"ESO_DET_READ_CLOCK": "200kHz"}),
    "USB limit": ("DARK", {"USBLIMIT": 40}, {"USBLIMIT": 80}),
    "speed": ("DARK", {"CCDSPEED": "slow"}, {"CCDSPEED": "fast"}),
    "ISO": ("DARK", {"ISOSPEED": 400}, {"ISOSPEED": 1600}),
    "set point": ("DARK", {"SET_TEMP": -10.0}, {"SET_TEMP": -12.0}),
    "measured temperature": ("DARK", {"CCD_TEMP": -10.0}, {"CCD_TEMP": -20.0}),
    "temperature as text": ("DARK", {"CCDTEMP": "-10.0 C"}, {"CCDTEMP": "-15.0 C"}),
    "gain as a setting": ("DARK", {"GAIN": 100, "OFFSET": 50}, {"GAIN": 200, "OFFSET": 50}),
    "gain in electrons": ("DARK", {"GAIN": 1.5, "RDNOISE": 6.0}, {"GAIN": 3.1, "RDNOISE": 6.0}),
    "offset": ("DARK", {"GAIN": 100, "OFFSET": 50}, {"GAIN": 100, "OFFSET": 70}),
    "coadds": ("DARK", {"COADDS": 1}, {"COADDS": 2}),
    "rotator": ("FLAT", {"ROTATANG": 0.0}, {"ROTATANG": 90.0}),
    "rotator of the sky": ("FLAT", {"ROTSKYPA": 10.0}, {"ROTSKYPA": 190.0}),
    "bayer": ("DARK", {"BAYERPAT": "RGGB"}, {"BAYERPAT": "GBRG"}),
    "rows": ("DARK", {"ROWORDER": "TOP-DOWN"}, {"ROWORDER": "BOTTOM-UP"}),
    "spectral order": ("FLAT", {"ORDER": 1}, {"ORDER": 2}),
    "bit depth": ("DARK", {"BITCAMPX": 12}, {"BITCAMPX": 14}),
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """An archive of two setups of five frames for each pair, one camera each."""
    folder = tmp_path_factory.mktemp("pairs")
    for place, (kind, *setups) in enumerate(PAIRS.values()):
        for number in range(10):
            taken = START + timedelta(minutes=number)
            cards = {"INSTRUME": "X1", "SERIALNO": f"CAM-{place}", "EXPTIME": 30.0, **setups[number % 2]}
            write(folder / "raw" / f"{place}_{number}.fits", kind, taken, **cards)
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", progress=False)
        yield archive


def test_setups_that_differ_in_one_keyword_are_never_combined(pairs):
    together = []
    for place, (name, (kind, *_)) in enumerate(PAIRS.items()):
        rows = [row for row in groups(pairs.headers, kind.lower()) if row["camera"] == f"CAM-{place}"]
        assert sum(row["count"] + len(row["left_out"]) for row in rows) == 10
        if any(row["status"] == "ready" and row["count"] > 5 for row in rows):
            together.append(name)
    assert together == []


def site(longitude):
    return {"SITELAT": 50.0, "SITELONG": longitude}


CONVENTIONS = {
    "maxim": ("{kind} Frame", site("11 10 00"), {"INSTRUME": "SBIG STL-11000", "SET_TEMP": -20.0, "READOUTM": "1 MHz"}),
    "nina": ("{KIND}", site(8.6), {"INSTRUME": "ASI2600MM", "CAMERAID": "ASI2600_1", "GAIN": 100, "OFFSET": 50,
                                   "SET_TEMP": -10.0, "USBLIMIT": 50, "FOCPOS": 3, "SWCREATE": "N.I.N.A."}),
    "asiair": ("{kind}", {}, {"CREATOR": "ZWO ASIAIR Plus", "INSTRUME": "ASI533MM", "GAIN": 100, "STACKCNT": 1}),
    "lco": ("{KIND}", {"LONGITUD": 20.8, "LATITUDE": -32.4, "DAY_OBS": "20240220"},
            {"INSTRUME": "fa06", "DETECTID": "Sinistro-06", "DETECTOR": "UNKNOWN", "CCDSUM": "1 1", "CCDSTEMP": -100.0,
             "CCDATEMP": -100.0, "BIASSEC": "UNKNOWN", "GAIN": 1.5, "RDNOISE": 6.0, "CONFMODE": "full_frame"}),
    "gmos": ("{KIND}", {}, {"INSTRUME": "GMOS-N", "DETID": "BI13-20-4k-1,BI12-09-4k-2", "DETECTOR": "GMOS-N",
                            "FILTER1": "open1-6", "FILTER2": "r_G0303", "GRATING": "MIRROR", "MASKNAME": "None"}),
    "eso": ("{KIND}", {}, {"INSTRUME": "FORS2", "TELESCOP": "ESO-VLT-U1", "ESO_DET_CHIP1_ID": "CCID20-14-5-3",
                           "ESO_INS_FILT1_NAME": "R_SPECIAL", "ESO_DET_WIN1_BINX": 2, "ESO_DET_READ_CLOCK": "100kHz"}),
}  # fmt: skip
PLAN = (("bias", 3, 0.0), ("dark", 3, 120.0), ("flat", 5, 3.0), ("light", 1, 120.0))


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_night_of_any_camera_is_grouped_without_any_setting(name, archive, raw):
    """Across midnight where the header tells the site; at other hours where it does not."""
    word, place, cards = CONVENTIONS[name]
    taken = START if place else START.replace(hour=10)
    for kind, count, seconds in PLAN:
        for number in range(count):
            said = word.format(kind=kind.capitalize(), KIND=kind.upper())
            own = {"EXPTIME": seconds, **cards, **place}
            if "SET_TEMP" in cards or name == "asiair":
                own["CCD_TEMP"] = cards.get("SET_TEMP", -10.0) + 0.1 * (number % 2)
            if name in ("maxim", "nina", "asiair", "lco"):
                own["FILTER"] = "R"
            form = {"images": 4} if name == "gmos" else {"compressed": True} if name == "lco" else {}
            write(raw / f"{kind}_{number}.fits", said, taken, **form, **own, OBJECT=f"{kind} {number // 2}")
            taken += timedelta(seconds=seconds + 70)
    archive.ingest(raw, progress=False)
    for kind, count, _ in PLAN[:3]:
        (row,) = groups(archive.headers, kind)
        assert (row["count"], row["status"], row["mixed"]) == (count, "ready", {})
    assert [(row["kind"], row["count"]) for row in ungrouped(archive.headers, None)] == [("light", 1)]


def test_every_frame_of_a_night_is_in_a_group_or_listed_with_its_reason(archive, raw):
    taken = START.replace(hour=20)
    plan = [
        *[("DARK", {"SET_TEMP": -10.0, "CCD_TEMP": -10.0})] * 3,
        ("DARK", {"SET_TEMP": -10.0, "CCD_TEMP": -5.0}),
        *[("Master Dark", {"CCD_TEMP": -10.0})] * 2,
        ("DARK", {"CCD_TEMP": -10.0, "SET_TEMP": -10.0, "CALSTAT": "B"}),
        ("boring", {}),
        ("LIGHT", {}),
    ]
    for number, (kind, cards) in enumerate(plan):
        write(raw / f"f{number}.fits", kind, taken + timedelta(minutes=number), SERIALNO="CAM-1", EXPTIME=9.0, **cards)
    archive.ingest(raw, progress=False)
    (row,) = groups(archive.headers, "dark")
    assert (row["count"], row["status"]) == (3, "ready")
    left = {(row["kind"], row["count"]): row["reason"] for row in archive.calibration.ungrouped("2024-02-20")}
    assert sum(count for _, count in left) + row["count"] == len(plan)
    assert left["dark", 1] == "-5 C, 5.0 off its set point"
    assert "a stack of frames already" in left["dark-stack", 2]
    assert "corrected already" in left["dark-processed", 1]
    assert "not a kind of frame that is known" in left["boring", 1]
    assert left["light", 1] == "a light is calibrated, not combined"


@pytest.fixture
def real():
    """The folder of real frames, where the environment says it is."""
    place = os.environ.get("DARKROOM_REAL_FRAMES")
    if not place:
        pytest.skip("DARKROOM_REAL_FRAMES does not name the folder of real frames")
    return Path(place)


def test_real_frames_are_grouped(real, archive):
    """Biases and flats of a spectrograph; darks of a CMOS camera, of which two times are 119 us apart."""
    archive.ingest([real / "int", real / "imx541" / "dark"], progress=False)
    (bias,), (flat,) = groups(archive.headers, "bias"), groups(archive.headers, "flat")
    assert [(row["count"], row["status"]) for row in (bias, flat)] == [(6, "ready"), (5, "ready")]
    darks = [(row["count"], row["status"]) for row in groups(archive.headers, "dark")]
    assert darks == [(8, "ready")] * 5
