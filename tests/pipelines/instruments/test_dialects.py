"""Dialects: what six conventions, and odd headers, mean; the truth is written here, not read from the tables."""

from pathlib import PurePosixPath

import pytest

from pipelines.instruments import identify, profiles

PATH = PurePosixPath("/data/n1/frame.fits")


@pytest.fixture
def seen(hdu):
    def look(header, shape=(4, 4), **more):
        return identify(profiles()["generic"], PATH, [hdu(header, shape, **more)])

    return look


@pytest.mark.parametrize(
    ("header", "kind", "note"),
    [
        ({"IMAGETYP": "Bias Frame"}, "bias", None),
        ({"IMAGETYP": "zero"}, "bias", None),
        ({"IMAGTYP": "Dark Frame"}, "dark", None),
        ({"IMAGETYP": "dark_flat"}, "dark", "darkflat"),
        ({"IMAGETYP": "FlatDark"}, "dark", "darkflat"),
        ({"OBSTYPE": "SKYFLAT"}, "flat", "sky"),
        ({"ESO DPR TYPE": "FLAT,LAMP", "ESO DPR CATG": "CALIB"}, "flat", "lamp"),
        ({"OBSTYPE": "EXPOSE"}, "light", None),
        ({"DATA-TYP": "OBJECT"}, "light", None),
        ({"IMAGETYP": "dark", "FRAME": "2023-12-11T19:54:19.000"}, "dark", None),
        ({"FRAME": "2023-12-11T19:54:19.000"}, "image", None),
        ({"IMAGETYP": "Master Dark"}, "dark-stack", None),
        ({"IMAGETYP": "DARK", "STACKCNT": 50}, "dark-stack", None),
        ({"IMAGETYP": "DARK", "STACKCNT": 1}, "dark", None),
        ({"IMAGETYP": "DARK", "CALSTAT": "B"}, "dark-processed", None),
        ({"IMAGETYP": "flat", "HISTORY": ["ImageIntegration: 20 frames"]}, "flat-stack", None),
        ({"IMAGETYP": "Boring"}, "boring", None),
    ],
)
def test_kinds(seen, header, kind, note):
    found = seen(header)
    assert (found.kind, found.obs.get("kind_note")) == (kind, note)
    assert ("kind-unknown" in found.flags) == (kind == "boring")
    assert ("kind-missing" in found.flags) == (kind == "image")


@pytest.mark.parametrize(
    ("header", "time"),
    [
        ({"DATE-OBS": "2013-04-05 T03:02:01"}, "2013-04-05T03:02:01"),
        ({"DATE-OBS": "31/12/98", "UT": "23:59:01"}, "1998-12-31T23:59:01"),
        ({"DATE-OBS": "2024-02-20", "UTSTART": "9:01:02"}, "2024-02-20T09:01:02"),
        ({"DATE-OBS": "2024-02-20", "UT": 12.5}, "2024-02-20T12:30:00"),
        ({"DATE-OBS": "2024/2/20 9:01"}, "2024-02-20T09:01:00"),
        ({"JD": 2460360.5}, "2024-02-20T00:00:00"),
        ({"EXPSTART": 60360.25}, "2024-02-20T06:00:00"),
    ],
)
def test_times(seen, header, time):
    found = seen(header)
    assert found.timestamp.replace(tzinfo=None).isoformat() == time
    assert "time-doubtful" not in found.flags


@pytest.mark.parametrize(
    "header",
    [
        {"DATE-OBS": "2024-02-20T01:00:00", "MJD-OBS": 60360.0 + 8 / 24},
        {"DATE-OBS": "2124-02-20T01:00:00"},
        {"DATE-OBS": "1970-01-01T00:00:01"},
        {"MJD-OBS": 2460360.5},
    ],
)
def test_doubtful_times_are_said_with_what_each_source_says(seen, header):
    found = seen(header)
    assert "time-doubtful" in found.flags
    assert found.obs["time_doubt"]


@pytest.mark.parametrize(
    ("header", "night"),
    [
        ({"SITELONG": -70.7}, "2024-05-10"),
        ({"OBS-LONG": 70.7}, "2024-05-10"),  # west positive at CTIO
        ({"SITELONG": "149 04 12"}, "2024-05-11"),
        ({"OBSGEO-X": 1e6, "OBSGEO-Y": -5.4e6, "OBSGEO-Z": -3.2e6}, "2024-05-10"),
        ({"TELESCOP": "ESO-VLT-U1"}, "2024-05-10"),
        ({"DAY-OBS": "20240510"}, "2024-05-10"),
        ({}, "2024-05-11"),
    ],
)
def test_nights(seen, header, night):
    assert seen({"DATE-OBS": "2024-05-11T05:00:00", **header}).date == night


@pytest.mark.parametrize(
    ("header", "field", "value"),
    [
        ({"EXPTIME": "30 s"}, "exptime", 30.0),
        ({"EXPTIME": 30000.0, "EXPUNIT": "ms"}, "exptime", 30.0),
        ({"EXPTIME": 0.0, "EXPOSURE": 30.0}, "exptime", 30.0),
        ({"DET-TMP": 163.15}, "temperature", -110.0),
        ({"CCD-TEMP": "-10.0 C"}, "temperature", -10.0),
        ({"FILTER": "NO_FILTER", "FILTER2": "V"}, "filter", "V"),
        ({"FILTER": " HA "}, "filter", "ha"),
        ({"FILTER1": "open1-6", "FILTER2": "open2-8"}, "filter", "open"),
        ({"CCDSUM": "2 3"}, "binning", [2, 3]),
        ({"BINNING": "2x2"}, "binning", [2, 2]),
        ({"XORGSUBF": 200, "YORGSUBF": 300}, "window", {"x": 201, "y": 301, "nx": 4, "ny": 4}),
        ({"GAIN": 100, "EGAIN": 0.25}, "gain", 0.25),
        ({"GAIN": 1.5, "RDNOISE": 6.0}, "gain", 1.5),
        ({"ESO DET OUT1 GAIN": 0.5}, "gain", 2.0),
        ({"GAIN": 1.5, "OFFSET": 10}, "gain", None),
        ({"GAIN": "100"}, "gain_setting", 100.0),
        ({"ROTATANG": -0.1}, "rotator", 359.9),
        ({"OBJCTRA": "17 46 28", "OBJCTDEC": "+27 42 49"}, "ra", 266.6166667),
        ({"CAMERA": "235", "INSTRUME": "IDS", "TELESCOP": "INT"}, "camera", "IDS at INT"),
        ({"SERIALNO": 12345.0}, "camera", "12345"),
        ({"DETECTOR": "UNKNOWN"}, "detector", None),
        ({"BAYERPAT": "RGGB"}, "bayer", "RGGB"),
        ({"SATURATE": 50000}, "saturation", 50000.0),
        ({}, "saturation", 65535.0),
    ],
)
def test_fields(seen, header, field, value):
    found = seen({"IMAGETYP": "light", **header})
    assert found.obs.get(field) == (pytest.approx(value) if isinstance(value, float) else value)


def test_sections_of_each_amplifier_are_those_of_the_hdu_of_the_pixels(hdu):
    hdus = [hdu({"BIASSEC": "[9:9,1:4]"})]
    for number in (1, 2):
        header = {
            "BIASSEC": f"[{2 + number}:4,1:4]",
            "DATASEC": "[1:2,1:4]",
            "TRIMSEC": "UNKNOWN",
            "CCDNAME": f"c{number}",
        }
        hdus.append(hdu(header, (4, 4), index=number, name="SCI", ver=number))
    hdus.append(hdu({}, (4, 4), index=3, name="DQ"))
    images = identify(profiles()["generic"], PATH, hdus).obs["images"]
    assert [(image["hdu"], image["name"], image["detector"]) for image in images] == [
        (1, "sci_1", "c1"),
        (2, "sci_2", "c2"),
    ]
    assert images[1]["amplifiers"] == [{"data": "[1:2,1:4]", "bias": "[4:4,1:4]"}]
