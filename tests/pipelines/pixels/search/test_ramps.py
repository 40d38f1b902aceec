"""Telegraph noise in ramps: levels where many groups jump, noise by readout pattern, hits of particles passed over."""

import json

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import open_archive
from pipelines.errors import UsageError
from pipelines.pixels.search import NoExposures, ramp_telegraph
from pipelines.pixels.search.ramps import judge
from tests.pipelines.command import darkroom
from tests.pipelines.pixels.conftest import same_found

X, Y, SHAPE = 101, 201, (24, 32)
NOISE = {"RAPID": 6.0, "SHALLOW4": 3.0}
JUMPING, HIT = (7, 9), (15, 20)  # row and column in the window, from 0


def ramps(rng, nints, ngroups, shape, noise, light=12.0):
    """Ramps with noise of each group, another reset level in each integration, and a last frame that is special."""
    signal = light * np.arange(ngroups)[None, :, None, None] + rng.normal(0, 50, (nints, 1, *shape))
    made = 10_000 + signal + rng.normal(0, noise, (nints, ngroups, *shape))
    made[:, -1] -= 25
    return made


def telegraph(rng, nints, ngroups, share):
    """States 0 and 1 of a pixel that changes from one group to the next with a probability."""
    first = rng.integers(0, 2, (nints, 1))
    return np.concatenate([first, first + np.cumsum(rng.random((nints, ngroups - 1)) < share, axis=1)], axis=1) % 2


@given(st.integers(0, 2**32), st.sampled_from([0.1, 0.4]))
@settings(max_examples=8)
def test_levels_are_found_within_the_noise_where_up_to_two_fifths_of_the_groups_jump(seed, share):
    rng, noise, step = np.random.default_rng(seed), 3.0, 40.0
    made = ramps(rng, 6, 40, (12, 12), noise)
    places = [(y, x) for y in range(0, 12, 3) for x in range(0, 12, 3)]
    high = 0.0
    for y, x in places:
        state = telegraph(rng, 6, 40, share)
        made[:, :, y, x] += step * state
        high += state.mean() / len(places)
    found = judge([np.diff(made.astype(np.float32), axis=1)], least=12)
    mask = (found["separation"] > 5) & (found["alternating"] >= 0.75) & (found["jumps"] >= 4)
    true = np.zeros_like(mask)
    true[tuple(np.transpose(places))] = True
    assert (mask & true).sum() >= 15
    assert not (mask & ~true).any()
    assert np.abs(found["amplitude"][mask] - step).max() < noise
    assert np.median(found["noise"][~true]) == pytest.approx(noise, rel=0.05)
    assert np.median(found["noise"][mask]) == pytest.approx(noise, rel=0.2)
    assert float(found["duty"][mask].mean()) == pytest.approx(high, abs=0.15)


def test_what_is_missing_is_no_jump():
    rng = np.random.default_rng(0)
    made = ramps(rng, 2, 20, (4, 4), 3.0)
    made[0, 5:9, 1, 1] = np.nan
    made[:, :, 2, 2] = np.nan
    found = judge([np.diff(made.astype(np.float32), axis=1)], least=12)
    assert found["of"][1, 1] == 2 * 19 - 5
    assert found["of"][2, 2] == 0
    assert np.isnan(found["noise"][2, 2])
    with pytest.raises(ValueError, match="no ramps"):
        judge([], least=12)


@pytest.fixture(scope="module")
def patterns(tmp_path_factory):
    """Three exposures of each of two readout patterns; one pixel jumps, one was hit by particles."""
    folder, rng = tmp_path_factory.mktemp("patterns"), np.random.default_rng(6)
    for number, (pattern, noise) in enumerate((p, n) for p, n in NOISE.items() for _ in range(3)):
        made = ramps(rng, 3, 16, SHAPE, noise)
        made[:, :, *JUMPING] += (200 if pattern == "RAPID" else 120) * telegraph(rng, 3, 16, 0.3)
        made[:, :, *HIT] += np.cumsum(np.where(rng.random((3, 16)) < 0.2, 300, 0), axis=1)
        header = fits.Header()
        cards = {
            "TELESCOP": "JWST", "INSTRUME": "NIRCAM", "DETECTOR": "NRCB1", "SUBARRAY": "SUB32", "SUBSTRT1": X,
            "SUBSTRT2": Y, "SUBSIZE1": SHAPE[1], "SUBSIZE2": SHAPE[0], "NINTS": 3, "NGROUPS": 16, "NFRAMES": 1,
            "READPATT": pattern, "DATAMODL": "Level1bModel", "EXPSTART": 60000.0 + number,
            "DATE-OBS": f"2023-03-0{1 + number}", "TIME-OBS": "01:00:00.0",
        }  # fmt: skip
        header.update(cards)
        hdus = [fits.PrimaryHDU(header=header), fits.ImageHDU(np.rint(made).astype(np.uint16), name="SCI")]
        (folder / "files").mkdir(exist_ok=True)
        fits.HDUList(hdus).writeto(folder / "files" / f"jw01_{number:05d}_nrcb1_uncal.fits")
    with open_archive(folder / "home") as archive:
        assert not archive.ingest(folder / "files", jobs=1, progress=False).refused
        yield archive, folder / "home"


def test_each_readout_pattern_has_a_catalogue_of_its_own(patterns):
    found = patterns[0].pixels.find_ramp_telegraph(progress=False)
    assert {row["subarray"]: round(row["amplitude"], -1) for row in found.pixels} == {
        "SUB32 RAPID": 200,
        "SUB32 SHALLOW4": 120,
    }
    assert {(row["y"] - Y, row["x"] - X) for row in found.pixels} == {JUMPING}  # particles only lift a ramp
    for row in found.pixels:
        pattern = row["subarray"].split()[1]
        assert abs(row["amplitude"] - (200 if pattern == "RAPID" else 120)) < NOISE[pattern]
    assert len(found.maps) == 2
    for each in found.maps:
        noise = each.to_xarray()["noise"]
        assert float(noise.median()) == pytest.approx(NOISE[each.subarray.split()[1]], rel=0.05)
        assert noise.sizes == {"y": SHAPE[0], "x": SHAPE[1]}
    assert found.pixels.title == "Telegraph noise in raw ramps"


def test_questions_and_the_command(patterns):
    archive, home = patterns
    only = ramp_telegraph(archive.session, where={"readpatt": "RAPID"})
    assert [each.subarray for each in only.maps] == ["SUB32 RAPID"]
    with pytest.raises(NoExposures, match="no ramps answer"):
        ramp_telegraph(archive.session, where={"detector": "NRS1"})
    with pytest.raises(NoExposures):
        ramp_telegraph(archive.session, product="ramp")
    with pytest.raises(UsageError, match="product is"):
        ramp_telegraph(archive.session, product="rate")
    shown = json.loads(darkroom("--home", home, "find", "telegraph", "--ramps", "--json").stdout)
    assert len(shown["pixels"]) == 2


def test_workers_of_a_scheduler_find_the_same(patterns, worker_threads):
    archive, _ = patterns
    here = archive.pixels.find_ramp_telegraph(progress=False)
    assert same_found(archive.pixels.find_ramp_telegraph(scheduler=worker_threads, progress=False), here)
