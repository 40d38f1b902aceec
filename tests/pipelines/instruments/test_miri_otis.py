"""MIRI ground tests of the whole telescope: after the description of the format, for no file was at hand."""

from pathlib import PurePosixPath

import numpy as np
import pytest
from astropy.io import fits

from pipelines.instruments import ProfileError, choose, identify, profiles
from pipelines.jwst.uncal import write_uncal

OTIS = profiles()["miri_otis"]
PATH = PurePosixPath("/otis/CRYO_2/MIRI_2017_SCE1.fits")
HEADER = {
    "INSTRUME": "MIRI", "TELESCOP": "JWST", "DETECTOR": "MIRIMAGE", "SCA_ID": 493, "COLCORNR": 1, "ROWCORNR": 245,
    "ROWSTART": 245, "NREFIMG": 56, "NINT": 2, "NGROUP": 3, "NFRAME": 1, "READOUT": "FAST",
    "DATE-OBS": "2017-08-01T10:00:00",
}  # fmt: skip


@pytest.fixture
def otis(hdu):
    def make(shape=(6, 280, 288), **changes):
        return [hdu({key: value for key, value in (HEADER | changes).items() if value is not None}, shape)]

    return make


def test_the_window_is_the_corner_and_what_the_reference_rows_leave(otis):
    assert choose(PATH, otis(), profiles=profiles()) is OTIS
    identity = identify(OTIS, PATH, otis())
    assert (identity.instrument, identity.detector, identity.kind) == ("MIRI", "MIRIMAGE", "uncal")
    fields = identity.fields
    assert fields["subarray"] == "MASK1140"  # by its place: MASK1065 and MASK1550 are of the same size
    assert fields["window"] == {"x": 1, "y": 245, "nx": 288, "ny": 224}
    assert (fields["nints"], fields["ngroups"], fields["readpatt"], fields["campaign"]) == (2, 3, "FAST", "CRYO_2")
    converted = fields["converted"]
    assert (converted["SUBSTRT1"], converted["SUBSTRT2"], converted["NINTS"], converted["NGROUPS"]) == (1, 245, 2, 3)
    assert identity.flags == ("untested-format",)
    assert identity.date == "2017-08-01"


def test_the_obsolete_illum_and_a_place_without_a_name(otis):
    illum = otis((6, 1280, 668), COLCORNR=360, ROWCORNR=1, NREFIMG=256)
    assert identify(OTIS, PATH, illum).fields["subarray"] == "ILLUM"
    identity = identify(OTIS, PATH, otis(COLCORNR=5))
    assert identity.fields["subarray"] == "GENERIC"
    assert "subarray-unknown" in identity.flags


def test_a_detector_by_its_number_or_not_at_all(otis):
    identity = identify(OTIS, PATH, otis(DETECTOR="SCA494", SCA_ID=494))
    assert identity.fields["converted"]["DETECTOR"] == "MIRIFULONG"
    identity = identify(OTIS, PATH, otis(DETECTOR="X", SCA_ID=None))
    assert identity.fields["converted"]["DETECTOR"] is None
    assert "detector-unknown" in identity.flags


@pytest.mark.parametrize(("change", "code"), [({"NREFIMG": 64}, "shape-mismatch"), ({"NINT": 3}, "shape-mismatch")])
def test_what_does_not_fit_is_refused(otis, change, code):
    with pytest.raises(ProfileError) as caught:
        identify(OTIS, PATH, otis(**change))
    assert caught.value.code == code


def test_from_the_file_to_a_flight_file_and_back(archive, tmp_path):
    rng = np.random.default_rng(1)
    sci = rng.integers(0, 65536, (2, 3, 8, 12), dtype=np.uint16)
    refout = rng.integers(0, 65536, (2, 3, 8, 3), dtype=np.uint16)
    frames = np.concatenate([sci.reshape(6, 8, 12), refout.reshape(6, 8, 3).transpose(0, 2, 1).reshape(6, 2, 12)], 1)
    hdu = fits.PrimaryHDU(frames)
    hdu.header.update(HEADER | {"NREFIMG": 2, "COLCORNR": 9, "ROWCORNR": 21})
    path = tmp_path / "CRYO_2" / "exposure.fits"
    path.parent.mkdir()
    hdu.writeto(path)
    assert archive.ingest(path).new == 1
    document = archive.headers.find_one({"campaign": "CRYO_2"})
    assert document["profile"] == "miri_otis"
    with fits.open(write_uncal(archive.session, document, tmp_path / "exposure_uncal.fits")) as hdus:
        np.testing.assert_array_equal(hdus["SCI"].data, sci)
        np.testing.assert_array_equal(hdus["REFOUT"].data, refout)
        header = hdus[0].header
        assert (header["SUBSTRT1"], header["SUBSTRT2"], header["NREFIMG"]) == (9, 21, 2)
        assert "READOUT" not in header
    archive.export(document["_id"], tmp_path / "again.fits")
    assert (tmp_path / "again.fits").read_bytes() == path.read_bytes()
