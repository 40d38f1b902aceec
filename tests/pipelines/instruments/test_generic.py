"""Any FITS file: dates that are there are read, and none is made up."""

from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest

from pipelines.instruments import choose, identify, profiles

GENERIC = profiles()["generic"]
PATH = PurePosixPath("/data/somewhere/image.fits")


def test_everything_is_generic_at_least(hdu):
    assert choose(PATH, [hdu()], profiles=profiles()) is GENERIC


@pytest.mark.parametrize(
    ("header", "timestamp", "date", "flags"),
    [
        ({"DATE-OBS": "2020-05-06T07:08:09.5"}, datetime(2020, 5, 6, 7, 8, 9, 500000, UTC), "2020-05-06", ()),
        (
            {"DATE-OBS": "2020-05-06", "TIME-OBS": "07:08:09"},
            datetime(2020, 5, 6, 7, 8, 9, 0, UTC),
            "2020-05-06",
            (),
        ),
        (
            {"DATE-OBS": "2020-05-06", "UT": "07:08:09"},
            datetime(2020, 5, 6, 7, 8, 9, 0, UTC),
            "2020-05-06",
            (),
        ),
        ({"MJD-OBS": 51544.25}, datetime(2000, 1, 1, 6, 0, 0, 0, UTC), "2000-01-01", ()),
        (
            {"DATE-OBS": "junk", "DATE-BEG": "2020-05-06T00:00:00"},
            datetime(2020, 5, 6, tzinfo=UTC),
            "2020-05-06",
            (),
        ),
        ({"DATE-OBS": "2020-05-06"}, None, "2020-05-06", ("time-unreadable",)),
        ({"DATE-OBS": "06/05/99"}, None, "1999-05-06", ("time-unreadable",)),
        ({"DATE": "2020-05-06T07:08:09"}, None, None, ("date-missing",)),
        ({}, None, None, ("date-missing",)),
        (
            {"DATE-OBS": "2020-01-01T00:00:00", "TIMESYS": "TT"},
            datetime(2019, 12, 31, 23, 58, 50, 816000, UTC),
            "2019-12-31",
            (),
        ),
        ({"DATE-OBS": "2020-01-01T00:00:00", "TIMESYS": "LOCAL"}, None, "2020-01-01", ("time-doubtful",)),
    ],
)
def test_dates(hdu, header, timestamp, date, flags):
    identity = identify(GENERIC, PATH, [hdu(header, (4, 4))])
    # Nothing but times is in these headers, and that is said, too.
    said = tuple(flag for flag in identity.flags if flag not in ("kind-missing", "camera-missing"))
    assert (identity.timestamp, identity.date, said) == (timestamp, date, flags)


def test_fields_of_a_common_header(hdu):
    header = {
        "INSTRUME": " WFI ",
        "DETECTOR": "ccd50",
        "OBSTYPE": "SKYFLAT",
        "DATE-OBS": "2020-05-06T07:08:09",
    }
    identity = identify(GENERIC, PATH, [hdu(header, (4, 4))])
    assert (identity.instrument, identity.detector, identity.kind) == ("WFI", "ccd50", "flat")
    # No site is known, so no flat is called evening or morning.
    assert identity.flat_time is None
    assert identity.exposure is None
    assert identity.exposure_number is None


def test_a_bare_file_is_unknown_and_not_invented(hdu):
    identity = identify(GENERIC, PATH, [hdu()])
    assert (identity.instrument, identity.detector, identity.camera, identity.kind) == (
        "unknown",
        None,
        None,
        "image",
    )
    assert identity.flags == ("kind-missing", "date-missing", "no-image")


def test_keywords_of_the_first_image_extension_count_after_those_of_the_primary(hdu):
    hdus = [
        hdu({"INSTRUME": "WFI"}),
        hdu({}, index=1, name="TABLE", kind="bintable"),
        hdu({"INSTRUME": "other", "DATE-OBS": "2020-05-06T07:08:09"}, (4, 4), index=2, name="CCD1"),
        hdu({"DATE-OBS": "1999-05-06T07:08:09", "DETECTOR": "second"}, (4, 4), index=3, name="CCD2"),
    ]
    identity = identify(GENERIC, PATH, hdus)
    assert (identity.instrument, identity.date, identity.detector) == ("WFI", "2020-05-06", None)


@pytest.mark.parametrize("value", [None, object(), 1 + 2j, [], ""])
def test_values_that_are_none_count_as_absent(hdu, value):
    identity = identify(GENERIC, PATH, [hdu({"INSTRUME": value, "TELESCOP": "4m"}, (2, 2))])
    assert identity.instrument == "4m"
