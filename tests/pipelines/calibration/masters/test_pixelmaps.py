"""Maps of bad pixels: what is planted is found, by each rule of merging."""

import numpy as np
import pytest

from arraystore import open_store
from pipelines.calibration.masters.bits import MasterDQ, bad_pixels
from pipelines.calibration.masters.pixelmaps import MOST, hot_pixels, map_pixels, merged, too_many
from pipelines.calibration.masters.step import MapRules

SHAPE = (60, 80)


def dark(store, *, hot=(), noisy=(), seed=0, count=3):
    rng = np.random.default_rng(seed)
    samples = rng.normal(1000, 10, (count, *SHAPE))
    for place in hot:
        samples[:, place[0], place[1]] += 500
    for place in noisy:
        samples[:, place[0], place[1]] += rng.normal(0, 200, count)
    planes = {
        "value": samples.mean(axis=0),
        "variance_model": np.full(SHAPE, 100 / count),
        "variance_scatter": samples.var(axis=0, ddof=1) / count,
        "count": np.full(SHAPE, count),
    }
    return {"arrays": {name: store.put(plane.astype("f4"), kind="master").to_dict() for name, plane in planes.items()}}


def flat(store, dead=()):
    value = np.ones(SHAPE, "f4")
    for place in dead:
        value[place] = 0.2
    return {"arrays": {"value": store.put(value, kind="master").to_dict()}}


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store")


def found(result, flag):
    return set(map(tuple, np.argwhere((result.dq & np.uint16(flag)) != 0).tolist()))


@pytest.mark.parametrize(
    ("merge", "fraction", "expected"),
    [("or", 0.5, {(1, 1), (2, 2), (3, 3)}), ("fraction", 0.5, {(1, 1), (2, 2)}), ("and", 0.5, {(1, 1)})],
)
def test_hot_in_one_in_two_and_in_all_of_three_darks(store, merge, fraction, expected):
    places = [((1, 1), (2, 2), (3, 3)), ((1, 1), (2, 2)), ((1, 1),)]
    darks = [dark(store, hot=hot, seed=seed) for seed, hot in enumerate(places)]
    result = map_pixels(darks, [], store=store, rules=MapRules(merge=merge, fraction=fraction))
    assert found(result, MasterDQ.HOT) == expected
    assert result.votes[1, 1] == 3
    assert result.counts["hot"] == len(expected)


def test_unstable_pixels_are_found_over_all_darks_and_quiet_ones_are_not(store):
    noisy = [(5, 6), (40, 70)]
    darks = [dark(store, noisy=noisy, seed=seed) for seed in range(5)]
    result = map_pixels(darks, [], store=store, rules=MapRules())
    assert found(result, MasterDQ.UNSTABLE) == set(noisy)


def test_dead_pixels_come_from_flats(store):
    result = map_pixels([dark(store)], [flat(store, dead=[(7, 8)])], store=store, rules=MapRules())
    assert found(result, MasterDQ.DEAD) == {(7, 8)}
    assert bad_pixels(result.dq)[7, 8]


def test_a_column_that_is_mostly_bad_is_bad_as_a_whole(store):
    column = [(y, 33) for y in range(0, 60, 2)]
    result = map_pixels([dark(store, hot=column)], [], store=store, rules=MapRules())
    assert found(result, MasterDQ.BAD_COLUMN) == {(y, 33) for y in range(60)}
    assert result.counts["bad_column"] == 1


def test_a_pixel_without_a_value_is_not_hot():
    value = np.random.default_rng(1).normal(0, 1, SHAPE)
    value[3, 4], value[5, 6] = np.nan, 100
    assert np.argwhere(hot_pixels(value, 10.0)).tolist() == [[5, 6]]


@pytest.mark.parametrize("voters", [1, 2, 3, 7])
def test_and_is_within_fraction_is_within_or(voters):
    votes = np.arange(voters + 1, dtype=np.uint8)
    every, some, either = (merged(votes, voters, MapRules(merge=m)) for m in ("and", "fraction", "or"))
    assert (every <= some).all()
    assert (some <= either).all()
    assert either.sum() == voters
    assert every.sum() == 1


def test_pixels_of_a_faint_colour_are_not_dead_and_a_dead_one_among_them_is(store):
    value = np.ones(SHAPE, "f4")
    value[::2, ::2] = 0.3  # red under a blue sky
    value[10, 10] = 0.1
    flat_of_colours = {"arrays": {"value": store.put(value, kind="master").to_dict()}}
    result = map_pixels([dark(store)], [flat_of_colours], store=store, rules=MapRules())
    assert found(result, MasterDQ.DEAD) == {(10, 10)}


def test_a_map_that_marks_half_the_sensor_asks_for_a_look():
    counts = {"hot": 3000, "dead": 0, "unstable": 10, "bad": 3005}
    assert "50% of the pixels are bad (3000 hot, 10 unstable), 20% is the limit" in too_many(counts, 6000)
    assert too_many(counts, int(3005 / MOST) + 1) is None
