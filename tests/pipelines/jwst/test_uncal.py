"""Ground tests as flight files: every value of the real exposure, and its header in both languages."""

import numpy as np
import pytest
from astropy.io import fits

from pipelines.demo.campaign import simulate_campaign
from pipelines.errors import UsageError
from pipelines.jwst.uncal import write_uncal


def test_the_real_exposure_value_for_value(archive, miri_exposure, tmp_path):
    archive.ingest(miri_exposure)
    (document,) = archive.headers.find()
    out = write_uncal(archive.session, document, tmp_path / "real_uncal.fits")
    raw, original = fits.getdata(miri_exposure), fits.getheader(miri_exposure)
    with fits.open(out) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "REFOUT"]
        np.testing.assert_array_equal(hdus["SCI"].data.reshape(250, 64, 72), raw[:, :64])
        expected = raw[:, 64:].reshape(250, 18, 64).transpose(0, 2, 1).reshape(5, 50, 64, 18)
        np.testing.assert_array_equal(hdus["REFOUT"].data, expected)
        header = hdus[0].header
        said = {key: header[key] for key in ("SUBARRAY", "SUBSTRT1", "SUBSTRT2", "NINTS", "NGROUPS", "DETECTOR")}
        assert said == {
            "SUBARRAY": "SUB64",
            "SUBSTRT1": 1,
            "SUBSTRT2": 779,
            "NINTS": 5,
            "NGROUPS": 50,
            "DETECTOR": "MIRIMAGE",
        }
        assert (header["DATE-OBS"], header["OBS_ID"], header["DET_JPL"]) == ("2018-03-08", "5582", "IC")
        assert (header["FILENAME"], header["ORIGFILE"]) == ("real_uncal.fits", original["FILENAME"])
        assert not {"COMPRESS", "DATE_OBS", "DATE_END", "DATE-END", "NINT"} & set(header)
        for key in ("TFRAME", "OBSERVER", "RSTWIDTH", "ROWSTART"):  # what no flight keyword replaces stays
            assert header.cards[key].image.rstrip() == original.cards[key].image.rstrip()
    # The document keeps the original header whole.
    assert {key: document["header"][key] for key in ("NINT", "DATE_END", "COMPRESS")} == {
        "NINT": 5,
        "DATE_END": "yyyy-mm-dd",
        "COMPRESS": 0,
    }


def test_a_simulated_one_and_what_is_none(archive, tmp_path):
    campaign = simulate_campaign(tmp_path / "campaign", exposures=2, nints=3, ngroups=4)
    archive.ingest(campaign.folder)
    ground = archive.headers.find_one({"profile": "miri_jpl"})
    assert ground["campaign"] == "ground"
    with fits.open(write_uncal(archive.session, ground, tmp_path / "x_uncal.fits")) as hdus:
        np.testing.assert_array_equal(hdus["SCI"].data, archive.cube(ground, "sci")[...])
        np.testing.assert_array_equal(hdus["REFOUT"].data, archive.cube(ground, "refout")[...])
    flight = archive.headers.find_one({"profile": "miri"})
    with pytest.raises(UsageError, match="no ground-test exposure"):
        write_uncal(archive.session, flight, tmp_path / "y_uncal.fits")
    archive.delete(ground["_id"])
    archive.ingest(campaign.exposures[0].path, headers_only=True)
    bare = archive.headers.find_one({"profile": "miri_jpl"})
    with pytest.raises(UsageError, match="only the headers"):
        write_uncal(archive.session, bare, tmp_path / "z_uncal.fits")
