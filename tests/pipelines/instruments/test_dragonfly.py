"""Dragonfly frames: what path and header say, and what is said when they contradict each other."""

from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest

from pipelines.instruments import ProfileError, choose, identify, plan_arrays, profiles

DRAGONFLY = profiles()["dragonfly"]
LIGHT = PurePosixPath("/media/raw/Dragonfly101/2023-12-30/T13080513_31_light.fits")
FLAT = PurePosixPath("/media/raw/Dragonfly101/2023-12-30/T13080513_3_flat.fits")


@pytest.fixture
def frame(hdu):
    def make(**changes):
        header = {
            "DATE": "2023-12-31T01:43:11",
            "IMAGETYP": "light",
            "SERIALNO": "T13080513",
            "EXPTIME": 600.0,
        }
        header.update({key: value for key, value in changes.items() if value is not None})
        for key in [key for key, value in changes.items() if value is None]:
            del header[key]
        return [hdu(header, (2536, 3358))]

    return make


def test_the_ancestors_light(frame):
    identity = identify(DRAGONFLY, LIGHT, frame())
    assert identity.instrument == "dragonfly"
    assert identity.camera == "T13080513"
    assert identity.detector is None
    assert identity.kind == "light"
    assert identity.date == "2023-12-30"
    assert identity.timestamp == datetime(2023, 12, 31, 1, 43, 11, tzinfo=UTC)
    assert identity.timestamp.tzinfo is UTC
    assert identity.exposure_number == 31
    assert identity.flat_time is None
    assert identity.exposure is None
    assert identity.fields == {"unit": "Dragonfly101"}
    assert identity.flags == ()


@pytest.mark.parametrize(
    ("date", "flat_time", "night"),
    [
        ("2023-12-31T01:00:00", "evening", "2023-12-30"),
        ("2023-12-31T13:20:00", "morning", "2023-12-30"),
        ("2023-12-31T01:00:00.250", "evening", "2023-12-30"),
        ("2023-12-31T01:00:00Z", "evening", "2023-12-30"),
        ("2023-12-31T06:20:00-07:00", "morning", "2023-12-30"),
    ],
)
def test_flats_are_marked_by_the_local_hour(frame, date, flat_time, night):
    identity = identify(DRAGONFLY, FLAT, frame(IMAGETYP="flat", DATE=date))
    assert (identity.flat_time, identity.date) == (flat_time, night)
    assert identity.fields == {"unit": "Dragonfly101", "flat_time_source": "clock"}
    assert identity.flags == ()


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("light", "light"),
        ("Light Frame", "light"),
        ("  FLAT  ", "flat"),
        ("Flat  Field", "flat"),
        ("Dark Frame", "dark"),
        ("zero", "bias"),
        ("Focus", "focus"),
    ],
)
def test_kinds_have_one_name_each(frame, word, kind):
    assert identify(DRAGONFLY, LIGHT, frame(IMAGETYP=word)).kind == kind


@pytest.mark.parametrize("date", [None, "", "2023-12-31", "garbage", 20231231, "2023-12-31T25:00:00"])
def test_without_a_readable_date_the_path_gives_the_night_and_nothing_is_faked(frame, date):
    identity = identify(DRAGONFLY, FLAT, frame(IMAGETYP="flat", DATE=date))
    assert identity.timestamp is None
    assert identity.flat_time is None
    assert "flat_time_source" not in identity.fields
    assert identity.date == "2023-12-30"
    seen = "date-missing" if date in (None, "") else "date-unreadable"
    assert identity.flags == (seen, "night-from-path")


def test_the_headers_night_wins_over_the_folders(frame):
    identity = identify(DRAGONFLY, LIGHT, frame(DATE="2023-12-31T20:00:00"))
    assert identity.date == "2023-12-31"
    assert identity.fields["path_night"] == "2023-12-30"
    assert identity.flags == ("night-conflict",)


def test_a_folder_that_is_no_day(frame):
    path = PurePosixPath("Dragonfly101/2023-02-31/T13080513_31_light.fits")
    assert identify(DRAGONFLY, path, frame()).flags == ("path-night-unreadable",)
    without = identify(DRAGONFLY, path, frame(DATE=None))
    assert without.date is None
    assert without.flags == ("date-missing", "path-night-unreadable")


def test_the_headers_camera_wins_over_the_names(frame):
    identity = identify(DRAGONFLY, LIGHT, frame(SERIALNO="83F010730"))
    assert identity.camera == "83F010730"
    assert identity.fields["path_camera"] == "T13080513"
    assert identity.flags == ("camera-conflict",)


def test_a_camera_without_a_serial_number_is_the_names(frame):
    identity = identify(DRAGONFLY, LIGHT, frame(SERIALNO=None))
    assert identity.camera == "T13080513"
    assert identity.flags == ("camera-from-path",)


def test_a_number_for_a_serial_number_is_a_name(frame):
    path = PurePosixPath("Dragonfly101/2023-12-30/11604_31_light.fits")
    identity = identify(DRAGONFLY, path, frame(SERIALNO=11604))
    assert (identity.camera, identity.flags) == ("11604", ())


def test_kind_by_header_and_by_name(frame):
    conflict = identify(DRAGONFLY, FLAT, frame(IMAGETYP="dark"))
    assert (conflict.kind, conflict.flat_time, conflict.flags) == ("dark", None, ("kind-conflict",))
    assert conflict.fields["path_kind"] == "flat"
    by_name = identify(DRAGONFLY, FLAT, frame(IMAGETYP=None))
    assert (by_name.kind, by_name.flat_time, by_name.flags) == ("flat", "evening", ("kind-from-path",))


@pytest.mark.parametrize(
    ("name", "number", "flags"),
    [
        ("T13080513_0031_light.fits", 31, ()),
        ("T13080513_light.fits", None, ("exposure_number-missing",)),
        ("T13080513_99999999999999999999_light.fits", None, ("exposure_number-unreadable",)),
        ("T13080513_9223372036854775808_light.fits", None, ("exposure_number-unreadable",)),
        ("T13080513_9223372036854775807_light.fits", 2**63 - 1, ()),
        ("T13080513_7_light.FIT", 7, ()),
        ("T13080513_7_light.fits.gz", 7, ()),
        ("T13080513_7_light.fits.fz", 7, ()),
    ],
)
def test_the_exposure_number_stands_in_the_name(frame, name, number, flags):
    identity = identify(DRAGONFLY, LIGHT.with_name(name), frame())
    assert (identity.exposure_number, identity.flags) == (number, flags)


@pytest.mark.parametrize(
    "path",
    [
        "T13080513_31_light.fits",
        "2023-12-30/T13080513_31_light.fits",
        "Dragonfly101/20231230/T13080513_31_light.fits",
        "Dragonfly101/2023-12-30/T13080513_31_light.dat",
        "Dragonfly101/2023-12-30/T13080513_31_light_copy1.fits",
        "Dragonfly101/2023-12-30/light.fits",
        "Dragonfly101/2023-12-30/sub/T13080513_31_light.fits",
        "Dragonfly101/2023-12-30/T13080513_31_light.fits\n",
    ],
)
def test_another_name_is_not_dragonflys(frame, path):
    assert choose(PurePosixPath(path), frame(), profiles=profiles()).name == "generic"
    with pytest.raises(ProfileError, match=r"does not have the form of .*\{unit\}/\{night\}") as caught:
        identify(DRAGONFLY, PurePosixPath(path), frame())
    assert caught.value.code == "name-mismatch"
    assert "generic" in caught.value.hint


def test_claims(frame, hdu):
    known = profiles()
    assert choose(LIGHT, frame(), profiles=known).name == "dragonfly"
    # The path alone suffices for a unit of the array, so that a damaged header costs no frame ...
    assert choose(LIGHT, [hdu({}, (10, 10))], profiles=known).name == "dragonfly"
    # ... and a unit by another name needs the header of one of its cameras.
    elsewhere = PurePosixPath("/data/north7/2023-12-30/T13080513_31_light.fits")
    assert choose(elsewhere, frame(), profiles=known).name == "dragonfly"
    assert choose(elsewhere, [hdu({}, (10, 10))], profiles=known).name == "generic"


def test_arrays(frame, hdu):
    [plan] = plan_arrays(DRAGONFLY, frame())
    assert (plan.hdu, plan.names, plan.kinds, plan.split) == (0, ("sci",), ("frame",), None)
    compressed = [hdu(), hdu({}, (2536, 3358), index=1, name="COMPRESSED_IMAGE", kind="compressed-image")]
    [plan] = plan_arrays(DRAGONFLY, compressed)
    assert (plan.hdu, plan.names, plan.kinds) == (1, ("sci",), ("frame",))


def test_a_compressed_frame_has_its_header_in_the_extension(frame, hdu):
    packed = [hdu(), hdu(frame()[0].header, (2536, 3358), index=1, kind="compressed-image")]
    seen, plain = identify(DRAGONFLY, LIGHT, packed), identify(DRAGONFLY, LIGHT, frame())
    where = {"obs", "obs_from"}  # which say that it is in HDU 1
    assert {f: getattr(seen, f) for f in seen.__slots__ if f not in where} == {
        f: getattr(plain, f) for f in plain.__slots__ if f not in where
    }
    assert seen.obs["exptime"] == plain.obs["exptime"]
    assert (seen.obs_from["exptime"], plain.obs_from["exptime"]) == ("EXPTIME@1", "EXPTIME@0")
