"""Every value that a pixel's life shows is the FITS file's: raw, corrected, flags, reference output, slopes."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.detectors import SUBARRAYS
from pipelines.detectors.numbering import pixel_id
from pipelines.pixels import pixel

CACHE = {}


def data(path, name):
    """The pixels of an HDU as astropy reads them; of a ground test the science or reference part."""
    if (path, name) not in CACHE:
        with fits.open(path) as hdus:
            if len(hdus) == 1:
                frames, header = hdus[0].data, hdus[0].header
                ny, nx = frames.shape[1] // 5 * 4, frames.shape[2]
                shape = (header["NINT"], header["NGROUPS"])
                sci = frames[:, :ny].reshape(*shape, ny, nx)
                ref = frames[:, ny:].reshape(*shape, nx // 4, ny).swapaxes(2, 3)
                values = sci if name == "SCI" else ref
            else:
                values = hdus[name].data
            CACHE[path, name] = np.array(values)
    return CACHE[path, name]


def same(ours, theirs):
    np.testing.assert_array_equal(ours, theirs)
    return True


def expected_ramps(files, dy, dx):
    raw = data(files["uncal"], "SCI")[..., dy, dx]
    values = {"raw": raw, "refout": data(files["uncal"], "REFOUT")[..., dy, dx // 4]}
    if "ramp" in files:
        values["corrected"] = data(files["ramp"], "SCI")[..., dy, dx]
        values["groupdq"] = data(files["ramp"], "GROUPDQ")[..., dy, dx]
        values["pixeldq"] = data(files["ramp"], "PIXELDQ")[dy, dx]
    return values


@pytest.mark.patient
@settings(max_examples=40)
@given(x=st.integers(1, 72), y=st.integers(779, 842))
def test_any_pixel_in_every_exposure(campaign, x, y):
    selection = pixel(campaign.archive, "MIRIMAGE", x=x, y=y)
    seen = {}
    for one in selection.read():
        window = one.observed.first["window"]
        files = campaign.products(one.observed.exposure)
        expected = expected_ramps(files, y - window["y"], x - window["x"])
        assert same(one.raw[..., 0], expected["raw"])
        assert same(one.refout[..., 0], expected["refout"])
        assert (one.raw.dtype, one.integrations.tolist()) == (np.uint16, list(range(1, one.raw.shape[0] + 1)))
        if one.observed.version not in (None, "1.17.1"):
            assert same(one.corrected[..., 0], expected["corrected"])
            assert same(one.groupdq[..., 0], expected["groupdq"])
            assert one.pixeldq[0] == expected["pixeldq"]
        seen.setdefault(one.observed.exposure, []).append(one.observed.version)
    assert {name: sorted(map(str, versions)) for name, versions in seen.items()} == {
        **{name: ["3.0.0"] for name in campaign.files if name.startswith("jw09999")},
        campaign.truth.exposures[2].exposure: ["1.17.1", "3.0.0"],
        **{name: ["1.12.5"] for name in campaign.files if name.startswith("jw08888")},
        campaign.truth.exposures[0].exposure: ["None"],
        **{name: ["None"] for name in campaign.files if name.startswith("MIRI_8888")},
    }
    slopes = selection.read_slopes()
    for one in slopes:
        window = one.observed.first["window"]
        if one.observed.version == "1.17.1":
            continue
        for values, name in ((one.slope, "SCI"), (one.error, "ERR"), (one.dq, "DQ")):
            path = campaign.products(one.observed.exposure)["rateints"]
            assert same(values[:, 0], data(path, name)[:, y - window["y"], x - window["x"]])
    assert len(slopes) == 7
    assert list(selection.unread) == []


@pytest.mark.parametrize("how", ["box", "list", "ids"])
def test_boxes_and_lists_are_the_same_pixels_many_times(campaign, how):
    rng = np.random.default_rng(5)
    if how == "box":
        question = {"box": (60, 830, 90, 850)}  # reaches out of SUB64, and stays in MASKLYOT
        places = [(x, y) for y in range(830, 851) for x in range(60, 91)]
    else:
        places = [(int(x), int(y)) for x, y in zip(rng.integers(1, 150, 25), rng.integers(779, 900, 25), strict=True)]
        question = {"pixels": places} if how == "list" else {"pixel_id": [pixel_id(x, y) for x, y in places]}
    selection = pixel(campaign.archive, "MIRIMAGE", **question)
    ramps = selection.ramps()
    assert list(zip(ramps.x.values.tolist(), ramps.y.values.tolist(), strict=True)) == places
    for n, one in enumerate(selection.read()):
        window = one.observed.first["window"]
        covered = [i for i, (x, y) in enumerate(places) if SUBARRAYS[one.observed.first["subarray"]].covers(x, y)]
        assert one.pixels.tolist() == covered
        absent = sorted(set(range(len(places))) - set(covered))
        assert np.isnan(ramps.raw[n].values[..., absent]).all()
        dy = np.array([places[i][1] for i in covered], int) - window["y"]
        dx = np.array([places[i][0] for i in covered], int) - window["x"]
        expected = expected_ramps(campaign.products(one.observed.exposure), dy, dx)
        assert same(one.raw, expected["raw"])
        assert same(one.refout, expected["refout"])
        if one.observed.version not in (None, "1.17.1"):
            assert same(one.corrected, expected["corrected"])
            assert same(one.groupdq, expected["groupdq"])
            assert same(one.pixeldq, expected["pixeldq"])


def test_the_grid_and_the_rows_hold_the_values_read_and_cut_nothing(campaign):
    x, y = campaign.truth.turned_hot
    selection = pixel(campaign.archive, "MIRIMAGE", x=x, y=y)
    ramps, rows = selection.ramps(), selection.to_pandas()
    assert dict(ramps.sizes) == {"exposure": 9, "integration": 3, "group": 8}
    assert len(rows) == sum(one.integrations.size * one.ngroups for one in selection.read())
    for n, one in enumerate(selection.read()):
        nint, ngroup = one.raw.shape[:2]
        assert (int(ramps.nints[n]), int(ramps.ngroups[n])) == (nint, ngroup)
        assert same(ramps.raw[n].values[:nint, :ngroup], one.raw[..., 0])
        assert np.isnan(ramps.raw[n].values[nint:]).all()
        assert np.isnan(ramps.raw[n].values[:, ngroup:]).all()
        assert (ramps["flags"][n].values[:, ngroup:] == "").all()
        calibration = one.observed.calibration
        mine = rows.exposure == one.observed.exposure
        mine &= rows.calibration.isna() if calibration is None else (rows.calibration == calibration).fillna(False)
        mine = rows[mine.astype(bool)]
        assert same(mine.raw.to_numpy(np.uint16), one.raw[..., 0].ravel())
        assert mine.group.tolist() == list(range(1, ngroup + 1)) * nint
        assert (mine.pixel_id == pixel_id(x, y)).all()
        if one.corrected is None:
            assert mine.corrected.isna().all()
            assert mine.groupdq.isna().all()
        else:
            assert same(mine.corrected.to_numpy(), one.corrected[..., 0].ravel())
            assert same(ramps.corrected[n].values[:nint, :ngroup], one.corrected[..., 0])
    named = ramps["flags"].str.contains("JUMP_DET").values
    assert same(named, (ramps.groupdq.values & 4) != 0)


def test_parquet_holds_the_rows(campaign, tmp_path):
    import pandas as pd

    selection = pixel(campaign.archive, "MIRIMAGE", box=(10, 800, 12, 801))
    path = tmp_path / "pixels.parquet"
    assert selection.to_parquet(path) == len(selection.to_pandas())
    pd.testing.assert_frame_equal(pd.read_parquet(path), selection.to_pandas(), check_dtype=False)


def test_the_names_of_flags_are_those_of_the_release_that_set_them(campaign):
    """UNRELIABLE_RESET until 1.10, FLUX_ESTIMATED after; a document keeps the release."""
    document = campaign.archive.headers.find_one({"kind": "ramp", "subarray": "MASKLYOT"})
    assert document["dq_version"] == document["calibration"]["version"] == "1.12.5"
    ramps = pixel(campaign.archive, "MIRIMAGE", x=5, y=800, version="3.0.0").ramps()
    names = dict(zip(ramps.attrs["flag_meanings"].split(), ramps.attrs["flag_masks"], strict=True))
    assert (names["JUMP_DET"], names["REFERENCE_PIXEL"]) == (4, 2**31)
    reference = pixel(campaign.archive, "MIRIMAGE", x=1, y=800, version="3.0.0").to_pandas()
    assert reference["flags"].str.contains("REFERENCE_PIXEL").all()  # PIXELDQ counts as GROUPDQ does
