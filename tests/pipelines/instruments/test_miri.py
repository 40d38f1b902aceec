"""JWST/MIRI uncalibrated exposures: recognised, placed on the detector, and checked against their header."""

from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest

from pipelines.detectors import SUBARRAYS
from pipelines.instruments import ProfileError, choose, identify, plan_arrays, profiles

MIRI = profiles()["miri"]
PATH = PurePosixPath("/data/jw01234001001_02101_00001_mirimage_uncal.fits")


@pytest.fixture
def uncal(hdu):
    def make(subarray="SUB64", nints=2, ngroups=5, *, shape=None, refout=None, **changes):
        window = SUBARRAYS[subarray]
        header = {
            "TELESCOP": "JWST",
            "INSTRUME": "MIRI",
            "DATAMODL": "Level1bModel",
            "DETECTOR": "MIRIMAGE",
            "READPATT": "FASTR1",
            "DATE-OBS": "2024-01-01",
            "TIME-OBS": "00:00:05.250",
            "TIMESYS": "UTC",
            "NINTS": nints,
            "NGROUPS": ngroups,
            "SUBARRAY": subarray,
            "SUBSTRT1": window.x,
            "SUBSTRT2": window.y,
            "SUBSIZE1": window.nx,
            "SUBSIZE2": window.ny,
        }
        header.update({key.replace("_", "-"): value for key, value in changes.items()})
        shape = shape or (nints, ngroups, window.ny, window.nx)
        return [
            hdu({key: value for key, value in header.items() if value is not None}),
            hdu({}, shape, index=1, name="SCI"),
            hdu({}, refout or (*shape[:-1], shape[-1] // 4), index=2, name="REFOUT"),
            hdu({}, (), index=3, name="INT_TIMES", kind="bintable"),
            hdu({}, (), index=4, name="ASDF", kind="bintable"),
        ]

    return make


def test_an_exposure(uncal):
    identity = identify(MIRI, PATH, uncal())
    assert (identity.instrument, identity.detector, identity.camera) == ("MIRI", "MIRIMAGE", None)
    assert (identity.kind, identity.exposure) == ("uncal", "jw01234001001_02101_00001_mirimage")
    assert identity.timestamp == datetime(2024, 1, 1, 0, 0, 5, 250000, UTC)
    # A spacecraft has days, not nights: just after midnight it is the new one.
    assert identity.date == "2024-01-01"
    assert identity.fields == {
        "nints": 2,
        "ngroups": 5,
        "readpatt": "FASTR1",
        "subarray": "SUB64",
        "window": {"x": 1, "y": 779, "nx": 72, "ny": 64},
    }
    assert identity.flags == ()


@pytest.mark.parametrize(
    ("changes", "name", "profile"),
    [
        ({}, "x.fits", "miri"),
        ({"DATAMODL": None, "FILETYPE": "UNCALIBRATED"}, "x.fits", "miri"),
        ({"DATAMODL": None, "FILETYPE": "raw"}, "x.fits", "miri"),
        ({"DATAMODL": None}, "x_uncal.fits", "miri"),
        ({"DATAMODL": None}, "x_uncal.fits.gz", "miri"),
        ({"DATAMODL": None}, "x.fits", "generic"),
        ({"DATAMODL": "ImageModel", "FILETYPE": "CALIBRATED"}, "x_rate.fits", "miri"),
        ({"DATAMODL": "ImageModel", "FILETYPE": "CALIBRATED"}, "x_cal.fits", "generic"),
        ({"DATAMODL": "RampModel", "FILETYPE": "CALIBRATED"}, "x.fits", "miri"),
        ({"INSTRUME": "NIRCAM"}, "x_uncal.fits", "nircam"),
        ({"TELESCOP": None}, "x_uncal.fits", "generic"),
        # A converted ground test says where it came from and is an uncalibrated exposure like others.
        ({"ORIGIN": "JPL"}, "x_pipe.fits", "miri"),
    ],
)
def test_what_is_recognised(uncal, changes, name, profile):
    assert choose(PATH.with_name(name), uncal(**changes), profiles=profiles()).name == profile


@pytest.mark.parametrize(
    ("name", "exposure"),
    [
        ("jw1_mirimage_uncal.fits", "jw1_mirimage"),
        ("jw1_mirimage_uncal.fits.gz", "jw1_mirimage"),
        ("jw1-seg001_mirimage_uncal.FITS", "jw1_mirimage"),
        ("MIRI_5582.v2_pipe.fits", "MIRI_5582.v2"),
        ("MIRI_5582_pipe_ramp.fits", "MIRI_5582"),
        ("plain.fits", "plain"),
        ("uncal.fits", "uncal"),
    ],
)
def test_products_of_an_exposure_share_its_name(uncal, name, exposure):
    assert identify(MIRI, PATH.with_name(name), uncal()).exposure == exposure


@pytest.mark.parametrize("name", SUBARRAYS)
def test_every_subarray_is_known_by_its_place(uncal, name):
    window = SUBARRAYS[name]
    identity = identify(MIRI, PATH, uncal(name, SUBARRAY=None))
    assert identity.fields["subarray"] == name
    assert identity.fields["window"] == {"x": window.x, "y": window.y, "nx": window.nx, "ny": window.ny}
    assert identity.flags == ()


@pytest.mark.parametrize(
    ("changes", "subarray", "flags"),
    [
        ({"SUBARRAY": "SUB64_IP", "SUBSTRT2": 100}, "SUB64_IP", ()),
        ({"SUBSTRT2": 100}, "GENERIC", ("subarray-conflict",)),
        ({"SUBARRAY": "FULL"}, "SUB64", ("subarray-conflict",)),
        ({"SUBARRAY": None, "SUBSTRT2": 100}, "GENERIC", ()),
        ({"SUBSTRT1": None}, "SUB64", ("subarray-missing",)),
        ({"SUBARRAY": None, "SUBSTRT1": "1"}, "GENERIC", ("subarray-missing",)),
        ({"SUBSTRT1": 1000}, "SUB64", ("subarray-outside",)),
        ({"NINTS": 3}, "SUB64", ("nints-conflict",)),
        ({"NINTS": 30, "EXSEGTOT": 15, "EXSEGNUM": 2, "INTSTART": 3, "INTEND": 4}, "SUB64", ()),
        ({"NINTS": 2, "EXSEGTOT": 15, "EXSEGNUM": 2, "INTSTART": 3, "INTEND": 4}, "SUB64", ("nints-of-segment",)),
        ({"NINTS": 3, "EXSEGTOT": 1}, "SUB64", ("nints-conflict",)),
        ({"NGROUPS": 3}, "SUB64", ("ngroups-conflict",)),
        ({"SUBSIZE1": 64}, "SUB64", ("columns-conflict",)),
        ({"SUBSIZE2": 63}, "SUB64", ("rows-conflict",)),
        ({"DETECTOR": "NRCA1"}, "SUB64", ("detector-conflict", "detector-unknown")),
        ({"DETECTOR": "MIRIFULONG"}, "SUB64", ("detector-conflict",)),
        ({"DETECTOR": None}, "SUB64", ("detector-missing",)),
        ({"refout": (2, 5, 64, 17)}, "SUB64", ("refout-shape",)),
        ({"TIME_OBS": None}, "SUB64", ("time-unreadable",)),
        ({"DATE_OBS": None}, "SUB64", ("date-missing",)),
    ],
)
def test_a_header_that_contradicts_its_arrays_is_flagged_and_the_arrays_count(uncal, changes, subarray, flags):
    identity = identify(MIRI, PATH, uncal(**changes))
    assert (identity.fields["subarray"], identity.flags) == (subarray, flags)
    assert (identity.fields["nints"], identity.fields["ngroups"]) == (2, 5)
    placed = not {"subarray-missing", "subarray-outside"} & set(flags)
    assert (identity.fields["window"] is not None) is placed


def test_the_start_may_stand_in_other_keywords(uncal):
    changes = {"DATE_OBS": None, "TIME_OBS": None}
    begun = identify(MIRI, PATH, uncal(**changes, DATE_BEG="2024-03-04T05:06:07.008"))
    assert begun.timestamp == datetime(2024, 3, 4, 5, 6, 7, 8000, UTC)
    started = identify(MIRI, PATH, uncal(**changes, EXPSTART=51544.5))
    assert started.timestamp == datetime(2000, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("shape", [(5, 64, 72), (64, 72)])
def test_without_ramps_it_is_refused(uncal, shape):
    with pytest.raises(ProfileError, match="has no ramps") as caught:
        identify(MIRI, PATH, uncal(shape=shape, refout=(1, 1, 1, 1)))
    assert caught.value.code == "shape-mismatch"


def test_forced_on_another_file_it_is_refused(hdu):
    with pytest.raises(ProfileError, match="has no ramps"):
        identify(MIRI, PATH, [hdu({}, (64, 72))])


def test_arrays(uncal, hdu):
    plans = plan_arrays(MIRI, uncal())
    assert [(plan.hdu, plan.names, plan.kinds, plan.split) for plan in plans] == [
        (1, ("sci",), ("ramp",), None),
        (2, ("refout",), ("ramp",), None),
    ]
    odd = [
        *uncal(),
        hdu({}, (64, 72), index=5, name="PIXELDQ"),
        hdu({}, (2, 5, 64, 72), index=6, name="SCI", ver=2),
    ]
    assert [plan.names for plan in plan_arrays(MIRI, odd)] == [
        ("sci",),
        ("refout",),
        ("pixeldq",),
        ("sci_2",),
    ]
