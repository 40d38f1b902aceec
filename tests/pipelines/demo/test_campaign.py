"""The simulated campaign: files that the MIRI profiles take, with the ramps the summary tells of."""

from pathlib import PurePosixPath

import numpy as np
import pytest
from astropy.io import fits

from pipelines.demo.simulate import simulate_campaign
from pipelines.fits import open_fits
from pipelines.instruments import choose, identify, profiles
from pipelines.instruments.splits import split


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    return simulate_campaign(tmp_path_factory.mktemp("miri"), exposures=4, nints=2, ngroups=10)


@pytest.fixture(scope="module")
def ramps(campaign):
    """SCI and REFOUT of every exposure."""
    found = {}
    for exposure in campaign.exposures:
        with open_fits(exposure.path) as file:
            if exposure.ground:
                parts = split("miri-ground", file.hdus[0].pixels, file.hdus[0].header)
                found[exposure.exposure] = (parts["sci"].read(0, 64), parts["refout"].read(0, 64))
            else:
                found[exposure.exposure] = tuple(hdu.pixels.read(0, 64) for hdu in file.hdus[1:3])
    return found


def test_the_profiles_take_the_files(campaign):
    known = profiles()
    for exposure in campaign.exposures:
        path = PurePosixPath(exposure.path)
        with open_fits(exposure.path) as file:
            profile = choose(path, file.hdus, profiles=known)
            identity = identify(profile, path, file.hdus)
        assert profile.name == ("miri_jpl" if exposure.ground else "miri")
        assert (identity.kind, identity.detector, identity.exposure) == (
            "uncal",
            "MIRIMAGE",
            exposure.exposure,
        )
        assert identity.timestamp == exposure.start
        assert identity.fields["window"] == {"x": 1, "y": 779, "nx": 72, "ny": 64}
        assert (identity.fields["nints"], identity.fields["ngroups"]) == (2, 10)
        assert identity.fields["subarray"] == campaign.subarray.name == "SUB64"
        assert identity.flags == (("end-missing",) if exposure.ground else ())
    assert sum(exposure.path.stat().st_size for exposure in campaign.exposures) == campaign.nbytes


def test_files_are_sound(campaign):
    for exposure in campaign.exposures:
        with fits.open(exposure.path) as hdus:
            hdus.verify("exception")
            names = [hdu.name for hdu in hdus]
            assert names == (["PRIMARY"] if exposure.ground else ["PRIMARY", "SCI", "REFOUT", "INT_TIMES"])
            if not exposure.ground:
                times = hdus["INT_TIMES"].data
                assert times["integration_number"].tolist() == [1, 2]
                assert times["int_start_MJD_UTC"][0] == pytest.approx(hdus[0].header["EXPSTART"])
                assert times["int_end_MJD_UTC"][1] == pytest.approx(hdus[0].header["EXPEND"])
                assert times["int_end_MJD_UTC"][0] == times["int_start_MJD_UTC"][1]


def test_ramps_rise_and_the_reference_output_does_not(campaign, ramps):
    for sci, refout in ramps.values():
        assert sci.shape == (2, 10, 64, 72)
        assert refout.shape == (2, 10, 64, 18)
        assert (sci.dtype, refout.dtype) == (np.uint16, np.uint16)
        means = sci.mean(axis=(0, 2, 3))
        assert (np.diff(means) > 0).all()
        assert refout.mean(axis=(0, 2, 3)) == pytest.approx(np.full(10, 9000), abs=1)


def test_hot_pixels_are_hot_and_one_turns_hot(campaign, ramps):
    since = [exposure.exposure for exposure in campaign.exposures].index(campaign.since)
    assert 1 < since < len(campaign.exposures)
    assert campaign.turned_hot not in campaign.hot
    for index, exposure in enumerate(campaign.exposures):
        rise = (ramps[exposure.exposure][0][:, 9].astype(int) - ramps[exposure.exposure][0][:, 0]).min(axis=0)
        hot = {(x, y) for x, y in campaign.hot} | ({campaign.turned_hot} if index >= since else set())
        found = {(int(column) + 1, int(row) + 779) for row, column in np.argwhere(rise > 800)}
        assert hot <= found
        # A cosmic ray in both integrations of a pixel is rare.
        assert len(found) <= len(hot) + 3


def test_cosmic_rays_step_the_ramps_that_are_counted(campaign, ramps):
    for exposure in campaign.exposures:
        steps = np.diff(ramps[exposure.exposure][0].astype(int), axis=1)
        quiet = steps - np.median(steps, axis=1, keepdims=True)
        stepped = int((quiet.max(axis=1) > 60).sum())
        assert 100 < exposure.hits < 2 * 64 * 72 * 0.03
        assert 0.85 * exposure.hits <= stepped <= 1.1 * exposure.hits


def test_the_same_seed_gives_the_same_files(campaign, tmp_path):
    again = simulate_campaign(tmp_path, exposures=4, nints=2, ngroups=10)
    for one, two in zip(campaign.exposures, again.exposures, strict=True):
        assert one.path.read_bytes() == two.path.read_bytes()
    other = simulate_campaign(tmp_path / "other", exposures=4, nints=2, ngroups=10, seed=2)
    assert other.hot != campaign.hot


@pytest.mark.parametrize("name", ["BRIGHTSKY", "MASK1140"])
def test_other_subarrays(tmp_path, name):
    campaign = simulate_campaign(tmp_path, exposures=2, nints=1, ngroups=2, subarray=name)
    for exposure in campaign.exposures:
        path = PurePosixPath(exposure.path)
        with open_fits(exposure.path) as file:
            identity = identify(choose(path, file.hdus, profiles=profiles()), path, file.hdus)
        assert identity.fields["subarray"] == name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"subarray": "SUB1"}, "no simulation of the subarray 'SUB1'"),
        ({"subarray": "ILLUM"}, "no simulation"),
        ({"exposures": 1}, "at least 2"),
        ({"ngroups": 1}, "of 2 groups"),
    ],
)
def test_what_cannot_be_simulated(tmp_path, arguments, says):
    with pytest.raises(ValueError, match=says):
        simulate_campaign(tmp_path / "x", **arguments)
    assert not (tmp_path / "x").exists()
