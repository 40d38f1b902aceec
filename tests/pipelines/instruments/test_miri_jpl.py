"""MIRI ground tests: the header in flight keywords, and the real exposure value for value."""

import os
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from pipelines.detectors import SUBARRAYS, refout_ids, science_ids
from pipelines.fits import open_fits
from pipelines.instruments import ProfileError, choose, identify, plan_arrays, profiles
from pipelines.instruments.splits import join, split

JPL = profiles()["miri_jpl"]
PATH = PurePosixPath("/jpl8/MIRI_5582_89_S_20180308-010230_SCE1.fits")

# The 47 cards of the real exposure, without its comments.
HEADER = {
    "SIMPLE": True, "BITPIX": 16, "NAXIS": 3, "NAXIS1": 72, "NAXIS2": 80, "NAXIS3": 250, "EXTEND": True,
    "ROWSTART": 779, "COLSTART": 1, "BSCALE": 1.0, "BZERO": 32768, "DATE": "2018-03-08T01:03:00",
    "ORIGIN": "JPL",
    "FILENAME": "MIRI_5582_89_S_20180308-010230_SCE1.fits", "FILETYPE": "raw", "ROOTNAME": "JWST55820089",
    "TELESCOP": "JWST", "INSTRUME": "MIRI", "OBSERVER": "MIRI-JPL", "DATE_OBS": "2018-03-08",
    "TIME_OBS": "01:02:30", "DATE_END": "yyyy-mm-dd", "TIME_END": "hh:mm:ss", "OBS_ID": 5582, "EXP_ID": 89,
    "INT_ID": 1, "READ_ID": 1, "SCA_ID": 20, "COMPRESS": 0, "DATAMODE": 0, "DETECTOR": "IC", "NSAMPLE": 1,
    "NFRAME": 1, "NGROUPS": 50, "NINT": 5, "TSAMPLE": 10, "TFRAME": 0.085, "TGROUP": 0.085, "INTTIME": 4.256,
    "EXPTIME": 21.28, "WALLTIME": 21.28, "FRMRSTS": 0, "INITLRST": 0, "RSTWIDTH": 4,
}  # fmt: skip


@pytest.fixture
def ground(hdu):
    def make(shape=(250, 80, 72), **changes):
        header = {key: value for key, value in (HEADER | changes).items() if value is not None}
        return [hdu(header, shape)]

    return make


def test_the_real_header_in_flight_keywords(ground):
    assert choose(PATH, ground(), profiles=profiles()) is JPL
    identity = identify(JPL, PATH, ground())
    assert (identity.instrument, identity.detector, identity.kind) == ("MIRI", "MIRIMAGE", "uncal")
    assert identity.exposure == "MIRI_5582_89_S_20180308-010230_SCE1"
    assert identity.timestamp == datetime(2018, 3, 8, 1, 2, 30, tzinfo=UTC)
    assert identity.date == "2018-03-08"
    converted = identity.fields.pop("converted")
    assert identity.fields == {
        "nints": 5,
        "ngroups": 50,
        "readpatt": "FAST",
        "subarray": "SUB64",
        "window": {"x": 1, "y": 779, "nx": 72, "ny": 64},
        "campaign": "jpl8",
    }
    assert converted == {
        "COLSTART": 1,
        "SUBSTRT1": 1,
        "SUBSTRT2": 779,
        "SUBSIZE1": 72,
        "SUBSIZE2": 64,
        "SUBARRAY": "SUB64",
        "DETECTOR": "MIRIMAGE",
        "DET_JPL": "IC",
        "SCA_ID": 493,
        "SCAIDJPL": 20,
        "READPATT": "FAST",
        "GROUPGAP": 0,
        "NGROUPS": 50,
        "NINTS": 5,
        "NFRAMES": 1,
        "NSAMPLES": 1,
        "EFFINTTM": 4.256,
        "EFFEXPTM": 21.28,
        "DURATION": 21.28,
        "OBS_ID": "5582",
        "DATE-OBS": "2018-03-08",
        "TIME-OBS": "01:02:30",
        "DATE-END": None,
        "TIME-END": None,
    }
    assert identity.flags == ("end-missing",)


def test_a_real_end_is_kept(ground):
    identity = identify(JPL, PATH, ground(DATE_END="2018-03-08", TIME_END="01:02:51"))
    assert identity.fields["converted"]["DATE-END"] == "2018-03-08"
    assert identity.fields["converted"]["TIME-END"] == "01:02:51"
    assert identity.flags == ()


def test_a_filler_start_is_no_date(ground):
    identity = identify(JPL, PATH, ground(DATE_OBS="yyyy-mm-dd", TIME_OBS="hh:mm:ss"))
    assert (identity.date, identity.timestamp) == (None, None)
    assert identity.fields["converted"]["DATE-OBS"] is None
    assert "date-unreadable" in identity.flags


@pytest.mark.parametrize("name", [name for name in SUBARRAYS if name != "ILLUM"])
def test_colstart_counts_five_outputs_a_step_and_is_mended(ground, name):
    window = SUBARRAYS[name]
    colstart = (window.x - 1) // 4 * 5 + 1
    assert int(0.2 * colstart + 0.8) == (window.x + 3) // 4
    shape = (250, *window.raw_shape)
    identity = identify(JPL, PATH, ground(shape, COLSTART=colstart, ROWSTART=window.y))
    converted = identity.fields["converted"]
    assert (converted["SUBSTRT1"], converted["SUBSTRT2"]) == (window.x, window.y)
    assert (converted["SUBSIZE1"], converted["SUBSIZE2"]) == (window.nx, window.ny)
    assert identity.fields["subarray"] == converted["SUBARRAY"] == name
    assert identity.flags == ("end-missing",)


@pytest.mark.parametrize(
    ("changes", "subarray", "flags"),
    [
        ({"ROWSTART": 100}, "GENERIC", ("end-missing",)),
        ({"COLSTART": 2}, "SUB64", ("colstart-uneven", "end-missing")),
        ({"ROWSTART": 1000}, "GENERIC", ("end-missing", "subarray-outside")),
        ({"DETECTOR": "LW"}, "SUB64", ("detector-unknown", "end-missing")),
        ({"DETECTOR": None}, "SUB64", ("detector-missing", "detector-unknown", "end-missing")),
    ],
)
def test_oddities_are_flagged(ground, changes, subarray, flags):
    identity = identify(JPL, PATH, ground(**changes))
    assert (identity.fields["subarray"], identity.flags) == (subarray, flags)


def test_an_unknown_detector_is_not_called_by_the_name_of_another(ground):
    identity = identify(JPL, PATH, ground(DETECTOR="LW"))
    assert identity.detector == "LW"
    assert identity.fields["converted"]["DETECTOR"] is None
    assert identity.fields["converted"]["SCA_ID"] is None
    assert identity.fields["converted"]["DET_JPL"] == "LW"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"NINT": None}, "header-mismatch"),
        ({"ROWSTART": None}, "header-mismatch"),
        ({"COLSTART": "one"}, "header-mismatch"),
        ({"NGROUPS": None}, "header-mismatch"),
        ({"NINT": 4}, "shape-mismatch"),
        ({"shape": (249, 80, 72)}, "shape-mismatch"),
        ({"shape": (250, 81, 72)}, "shape-mismatch"),
        ({"shape": (80, 72)}, "shape-mismatch"),
    ],
)
def test_what_is_no_ground_test_is_refused(ground, changes, code):
    with pytest.raises(ProfileError) as caught:
        identify(JPL, PATH, ground(**changes))
    assert caught.value.code == code
    assert caught.value.hint


def test_older_headers_say_ngroup(ground):
    assert identify(JPL, PATH, ground(NGROUPS=None, NGROUP=50)).fields["ngroups"] == 50


def test_arrays(ground):
    [plan] = plan_arrays(JPL, ground())
    assert (plan.hdu, plan.names, plan.kinds, plan.split) == (
        0,
        ("sci", "refout"),
        ("ramp", "ramp"),
        "miri-ground",
    )


class Frames:
    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def read(self, start, stop):
        return self.array[..., start:stop, :]


@pytest.fixture(scope="module")
def real():
    """Header and frames of the real exposure, read by astropy."""
    path = os.environ.get("DARKROOM_MIRI_EXPOSURE")
    if not path:
        pytest.skip("DARKROOM_MIRI_EXPOSURE does not name the real ground-test exposure")
    from astropy.io import fits

    with fits.open(Path(path)) as hdus:
        return dict(hdus[0].header.items()), np.array(hdus[0].data)


def test_the_real_exposure_by_our_reader_in_bands(real):
    header, frames = real
    path = Path(os.environ["DARKROOM_MIRI_EXPOSURE"])
    with open_fits(path) as file:
        assert choose(PurePosixPath(path), file.hdus, profiles=profiles()) is JPL
        identity = identify(JPL, PurePosixPath(path), file.hdus)
        [plan] = plan_arrays(JPL, file.hdus)
        hdu = file.hdus[plan.hdu]
        parts = split(plan.split, hdu.pixels, hdu.header)
        bands = {
            name: np.concatenate([part.read(row, row + 16) for row in range(0, 64, 16)], axis=2)
            for name, part in parts.items()
        }
    assert identity.exposure == "MIRI_5582_89_S_20180308-010230_SCE1"
    assert identity.flags == ("end-missing",)
    assert np.array_equal(join(plan.split, bands, header), frames)


def test_the_real_exposure_is_split_and_joined_bit_for_bit(real, hdu):
    header, frames = real
    identity = identify(JPL, PATH, [hdu(header, frames.shape)])
    assert identity.fields["subarray"] == "SUB64"
    window = SUBARRAYS["SUB64"]
    assert identity.fields["window"] == {"x": window.x, "y": window.y, "nx": window.nx, "ny": window.ny}
    parts = {name: part.read(0, 64) for name, part in split("miri-ground", Frames(frames), header).items()}
    sci, refout = parts["sci"], parts["refout"]

    # 5 integrations x 50 groups x 64 x 72, 23,040 ramps and 1,152,000 groups; ids from 802897.
    assert sci.shape == (5, 50, 64, 72)
    assert sci.dtype == np.uint16
    assert sci.shape[0] * sci.shape[2] * sci.shape[3] == 23_040
    assert sci.size == 1_152_000
    assert science_ids(window)[0, 0] == 802_897
    assert refout_ids(window)[0, 0] == 1_057_547

    # Independently: frame by frame, and the reference output as one long run a frame.
    for frame, raw in enumerate(frames):
        integration, group = divmod(frame, 50)
        assert np.array_equal(sci[integration, group], raw[:64])
        runs = raw[64:].flatten()
        assert all(np.array_equal(refout[integration, group, :, k], runs[k * 64 : k * 64 + 64]) for k in range(18))

    again = join("miri-ground", parts, header)
    assert again.dtype == frames.dtype
    assert again.tobytes() == frames.tobytes()
