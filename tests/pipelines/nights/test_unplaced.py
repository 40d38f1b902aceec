"""Nights of cameras whose site nothing tells: an evening cut at 0 h UTC is said, with what puts it right."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits

from pipelines.nights.completeness import night


@pytest.fixture
def write(raw):
    """Frames of a camera every 20 minutes from a moment on, in one folder whose name is no night."""

    def write(camera, start, count, **cards):
        for number in range(count):
            hdu = fits.PrimaryHDU(np.random.default_rng(number).integers(0, 99, (8, 8)).astype(np.uint16))
            hdu.header.update({"INSTRUME": camera, "SERIALNO": f"{camera}-0001", "IMAGETYP": "light", "EXPTIME": 60.0})
            hdu.header.update({"DATE-OBS": (start + number * timedelta(minutes=20)).isoformat(), **cards})
            hdu.writeto(raw / f"{camera}_{start:%d}_{number}.fits")

    return write


def said(archive, date):
    return {row["code"]: row for row in night(archive.session, date)}


def test_an_evening_that_is_cut_is_said_of_both_its_halves(archive, raw, write):
    write("Cut", datetime(2024, 2, 20, 23), 6)
    archive.ingest(raw)
    for date in ("2024-02-20", "2024-02-21"):
        found = said(archive, date)["evening-cut"]
        assert (found["attention"], found["which"]) == (True, ["Cut-0001"])
        assert "darkroom site --learn" in found["hint"]


def test_an_evening_that_is_whole_is_worth_knowing_alone(archive, raw, write):
    write("Whole", datetime(2024, 2, 20, 10), 6)
    write("Whole", datetime(2024, 2, 21, 10), 6)
    archive.ingest(raw)
    found = said(archive, "2024-02-20")
    assert "evening-cut" not in found
    assert found["night-by-utc"]["attention"] is False


@pytest.mark.parametrize("cards", [{"SITELONG": -70.7}, {"TELESCOP": "HST"}])
def test_a_site_or_space_leaves_nothing_to_say(archive, raw, write, cards):
    write("Known", datetime(2024, 2, 20, 23), 6, **cards)
    report = archive.ingest(raw)
    assert "night-by-utc" not in report.doubts
    assert not {"evening-cut", "night-by-utc"} & set(said(archive, "2024-02-20"))


def test_a_telescope_that_has_a_name_is_not_in_space(archive, raw, write):
    write("Roof", datetime(2024, 2, 20, 23), 2, TELESCOP="RC16")
    assert archive.ingest(raw).doubts["night-by-utc"] == 2
