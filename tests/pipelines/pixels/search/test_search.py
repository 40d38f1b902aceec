"""Searches over a campaign with pixels that did something: what is found, what is missed, what is made up."""

import json
from datetime import date, datetime
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.detectors.numbering import pixel_id
from pipelines.errors import UsageError
from pipelines.pixels.search import NoExposures, above, changed, telegraph
from pipelines.pixels.search import statistics as levels
from pipelines.pixels.search.stacks import blocks, over_blocks, read_block, slope_stacks
from tests.pipelines.command import darkroom
from tests.pipelines.pixels.conftest import same_found
from tests.pipelines.pixels.search.conftest import EXPOSURES, NINTS, WINDOW, write_slopes

PIXELS = WINDOW.nx * WINDOW.ny


def places(found):
    return {(row["y"] - WINDOW.y, row["x"] - WINDOW.x) for row in found.pixels}


def test_a_stack_is_every_value_in_order_of_time(slopes, truth):
    (stack,) = slope_stacks(slopes)
    assert stack.shape == truth.slopes.shape
    assert [moment.integration for moment in stack.moments] == [0, 1] * EXPOSURES
    values, errors, failures = read_block(slopes, stack, (slice(5, 40), slice(7, 30)))
    np.testing.assert_array_equal(values, truth.slopes[:, 5:40, 7:30])
    np.testing.assert_array_equal(errors, truth.errors[:, 5:40, 7:30])
    assert failures == {}


@given(st.integers(1, 3000), st.integers(1, 130), st.integers(1, 180), st.integers(100, 10**5))
def test_blocks_cover_every_pixel_once_and_keep_to_their_size(times, ny, nx, pixels):
    seen = np.zeros((ny, nx), int)
    for block in blocks((times, ny, nx), nbytes=pixels * times * 8):
        seen[block] += 1
        assert seen[block].size <= pixels
    assert (seen == 1).all()


def test_blocks_are_of_whole_chunks():
    for times in (60, 1660):  # a hundredth, and all, of a campaign of 332 exposures
        for rows, columns in blocks((times, 1024, 1032), nbytes=100 * 2**20):
            assert rows.start % 64 == columns.start % 86 == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_what_is_in_work_keeps_to_the_budget(slopes, workers):
    (stack,) = slope_stacks(slopes)
    sizes = [size for _, size in over_blocks(slopes, stack, _nbytes, workers=workers, budget=500_000)]
    assert max(sizes) * workers <= 500_000
    assert sum(sizes) == stack.nbytes


def _nbytes(values, errors):
    return values.nbytes + errors.nbytes


def test_a_flash_is_above_its_history(slopes, truth):
    found = above(slopes, where={"date": {"$lt": "2024-03-21"}})  # before the sky changed
    flashed = {pixel: n for pixel, n in truth.flashes.items() if n < EXPOSURES * NINTS // 2}
    telling = places(found) - truth.telegraph
    assert set(flashed) <= telling
    assert len(telling - set(flashed)) < 1e-3 * PIXELS
    by_place = {(row["y"] - WINDOW.y, row["x"] - WINDOW.x): row for row in found.pixels}
    for pixel, moment in flashed.items():
        row = by_place[pixel]
        n, integration = divmod(moment, NINTS)
        assert (row["document"].rpartition("/")[2], row["integration"]) == (f"jw{n:02d}_rateints.fits", integration + 1)
        assert row["pixel_id"] == pixel_id(row["x"], row["y"])
    assert [row["largest"] for row in found.pixels] == sorted((r["largest"] for r in found.pixels), reverse=True)


def test_the_maps_are_those_of_plain_numpy_over_everything(slopes, truth):
    (each,) = above(slopes).maps
    expected = levels.outliers(truth.slopes, truth.errors, sigmas=5, least=8)
    np.testing.assert_array_equal(each.images["count"], expected.count)
    np.testing.assert_array_equal(each.images["median"], np.nanmedian(truth.slopes, axis=0))
    np.testing.assert_allclose(each.images["largest"], expected.largest, rtol=1e-5)
    cube = each.to_xarray()
    assert float(cube["median"].sel(x=3, y=800)) == np.nanmedian(truth.slopes[:, 800 - WINDOW.y, 2])


def test_pixels_that_turned_hot_or_quiet(slopes, truth):
    middle = truth.times[EXPOSURES // 2]
    before, after = truth.times[EXPOSURES // 2 - 1].date(), middle.date().isoformat()
    found = changed(slopes, before=before, after=after)
    by_change = {kind: set() for kind in ("hot", "quiet")}
    for row in found.pixels:
        by_change[row["change"]].add((row["y"] - WINDOW.y, row["x"] - WINDOW.x))
    assert len(truth.hot & by_change["hot"]) >= 0.95 * len(truth.hot)
    assert len(truth.quiet & by_change["quiet"]) >= 0.95 * len(truth.quiet)
    made_up = (by_change["hot"] - truth.hot) | (by_change["quiet"] - truth.quiet)
    assert len(made_up - truth.telegraph) < 5e-4 * PIXELS  # a telegraph pixel may well change its level
    assert found.judged == PIXELS
    assert not by_change["hot"] & truth.quiet


def test_telegraph_noise(slopes, truth):
    found = telegraph(slopes)
    assert len(truth.telegraph & places(found)) >= 0.9 * len(truth.telegraph)
    assert len(places(found) - truth.telegraph) < 5e-4 * PIXELS  # neither the flashes nor those that changed
    row = next(row for row in found.pixels if (row["y"] - WINDOW.y, row["x"] - WINDOW.x) in truth.telegraph)
    assert 11 < row["high"] - row["low"] < 20
    assert row["switches"] >= 3


def test_the_latest_calibration_and_the_slopes_of_each_integration_count(archive, truth, tmp_path):
    for folder, shift in (("first", 100), ("second", 0)):
        for n in range(3):
            part = slice(n * NINTS, (n + 1) * NINTS)
            path = tmp_path / folder / f"jw{n:02d}_rateints.fits"
            write_slopes(path, truth.slopes[part] + shift, truth.errors[part], truth.times[n])
        archive.ingest(tmp_path / folder)
    (stack,) = slope_stacks(archive)
    assert {doc["_id"].split("/")[-2] for doc in stack.documents} == {"second"}
    values, _, _ = read_block(archive.session, stack, (slice(0, WINDOW.ny), slice(0, WINDOW.nx)))
    np.testing.assert_array_equal(values, truth.slopes[: 3 * NINTS])
    (older,) = slope_stacks(archive.session, {"_id": {"$regex": "(^|/)first/"}})
    assert {doc["_id"].split("/")[-2] for doc in older.documents} == {"first"}


def test_what_cannot_be_read_is_told_and_missing(archive, truth, tmp_path):
    for n in range(EXPOSURES):
        part = slice(n * NINTS, (n + 1) * NINTS)
        write_slopes(
            tmp_path / "p" / f"jw{n:02d}_rateints.fits", truth.slopes[part], truth.errors[part], truth.times[n]
        )
    archive.ingest(tmp_path / "p")
    broken = archive.headers.find_one({"_id": {"$regex": "jw03"}})
    digest = broken["arrays"]["sci"]["digest"]
    (shard,) = (tmp_path / "home" / "store").glob(f"objects/*/{digest}/c.*")
    shard.unlink()
    found = above(archive.session)
    assert list(found.unreadable) == [broken["_id"]]
    assert "could not be read" in repr(found)
    (each,) = found.maps
    rest = truth.slopes.copy()
    rest[3 * NINTS : 4 * NINTS] = np.nan
    np.testing.assert_array_equal(each.images["median"], np.nanmedian(rest, axis=0))


def test_windows_are_searched_each_for_itself(slopes, truth, tmp_path, archive):
    other = type(WINDOW)("SUB128", 1, 889, 136, 128)
    rng = np.random.default_rng(3)
    for n in range(10):
        sci = rng.normal(10, 1, (1, 128, 136))
        sci[0, 5, 7] += 50 * (n == 4)
        path = tmp_path / "p" / f"jw9{n}_rateints.fits"
        write_slopes(path, sci, np.ones_like(sci), truth.times[n], window=other)
    archive.ingest(tmp_path / "p")
    (row,) = above(archive.session).pixels
    assert (row["subarray"], row["x"], row["y"]) == ("SUB128", 8, 894)


# -- senseless questions ----------------------------------------------------------------------------


def test_no_exposures(archive, slopes):
    with pytest.raises(NoExposures, match=r"no slopes answer to \{'detector': 'MIRIFULONG'\}"):
        above(slopes, where={"detector": "MIRIFULONG"})
    with pytest.raises(NoExposures, match="ingest rateints or rate products, or calibrate"):
        telegraph(archive.session)
    with pytest.raises(NoExposures, match="no window has slopes both until 2020-01-01 and from 2024-01-01"):
        changed(slopes, before="2020-01-01", after="2024-01-01")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("2024-05-01", "2024-03-01", "does not begin later"),
        ("2024-05-01", "2024-05-01", "does not begin later"),
        ("May", "2024-05-01", "'May' is not a valid date"),
    ],
)
def test_dates_that_are_none_or_the_wrong_way_round(slopes, before, after, message):
    with pytest.raises(UsageError, match=message):
        changed(slopes, before=before, after=after)


def test_what_is_too_little_to_judge_by_is_said_with_what_it_takes(slopes):
    found = telegraph(slopes, least=1000)
    there = found.maps[0].integrations
    assert (found.judged, len(found.pixels)) == (0, 0)
    assert f"could not be judged, which takes 1000 slopes; {there} are there at most" in repr(found)
    assert "which takes 1000 slopes" in found.plot().axes[-1].get_ylabel()


def test_dates_are_days_or_instants(slopes):
    as_text = changed(slopes, before="2024-03-11", after="2024-03-21").pixels
    as_dates = changed(slopes, before=date(2024, 3, 11), after=datetime(2024, 3, 21)).pixels
    assert as_text.rows == as_dates.rows


@pytest.mark.patient
def test_on_the_command_line(slopes, truth, tmp_path):
    home = slopes.store.url.removeprefix("file://").removesuffix("/store")
    command = partial(darkroom, "--home", home, "find")
    answer = json.loads(command("telegraph", "--json").stdout)
    assert answer["exposures"] == EXPOSURES
    assert {(p["y"] - WINDOW.y, p["x"] - WINDOW.x) for p in answer["pixels"]} == places(telegraph(slopes))
    picture = tmp_path / "map.png"
    said = command("changed", "2024-03-11", "2024-03-21", "--plot", picture, "--limit", "3").stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert " more; --limit 0 shows all" in said
    refused = command("above", "--where", "[]")
    assert refused.returncode == 2


def test_workers_of_a_scheduler_find_the_same(slopes, worker_threads):
    for scheduler in ("synchronous", worker_threads):
        with slopes.spread(scheduler) as spread:
            assert same_found(above(spread), above(slopes))
            assert same_found(telegraph(spread), telegraph(slopes))
