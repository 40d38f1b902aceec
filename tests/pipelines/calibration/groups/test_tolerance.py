"""Nearly equal numbers: no chain, no order, no rounding."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipelines.calibration.groups.tolerance import alike, clusters
from pipelines.instruments import GroupKey


def key(**given):
    return GroupKey(name="k", paths=("k",), **given)


def test_small_steps_do_not_chain():
    drift = [n / 10 for n in range(100)]
    groups = clusters(drift, key(tolerance=0.1, spread=0.5))
    assert all(group[-1] - group[0] <= 0.5 + 1e-9 for group in groups)
    assert [value for group in groups for value in group] == drift
    assert len(groups) > 15


def test_a_run_is_cut_where_it_is_widest():
    assert clusters([0, 0.1, 0.2, 0.5, 0.6, 0.7], key(tolerance=0.4, spread=0.5)) == [[0, 0.1, 0.2], [0.5, 0.6, 0.7]]


def test_a_tolerance_is_met_exactly_though_floats_are_not():
    assert clusters([6.0, 6.01], key(tolerance=0.01)) == [[6.0, 6.01]]
    assert clusters([6.0, 6.0101], key(tolerance=0.01)) == [[6.0], [6.0101]]
    assert len(clusters([-10.1, -9.6], key(tolerance=0.5))) == 1


def test_a_relative_tolerance_grows_with_the_value():
    assert clusters([1.0, 1.05, 100.0, 105.0], key(tolerance=0.05, relative=True)) == [[1.0, 1.05], [100.0, 105.0]]


def test_by_default_a_group_spreads_twice_the_tolerance():
    assert clusters([0, 1, 2, 3], key(tolerance=1.0)) == [[0], [1, 2, 3]]


numbers = st.lists(st.floats(-100, 100).map(lambda v: round(v, 1)), max_size=30)


@given(numbers, st.sampled_from([0.1, 0.5, 2.0]), st.sampled_from([1, 2, 5]), st.randoms())
def test_clusters_cover_all_spread_little_and_ignore_order(values, tolerance, times, random):
    rule = key(tolerance=tolerance, spread=tolerance * times)
    found = clusters(values, rule)
    assert sorted(value for group in found for value in group) == sorted(set(values))
    for group in found:
        assert group[-1] - group[0] <= rule.widest + 1e-6
        assert all(b - a <= tolerance + 1e-6 for a, b in pairwise(group))
    mixed = list(values) * 2
    random.shuffle(mixed)
    assert clusters(mixed, rule) == found


def test_who_may_join_a_group():
    rule = key(tolerance=0.5, spread=1.0)
    assert alike(0.0, 0.5, 0.9, rule)
    assert alike(0.0, 0.5, 0.2, rule)
    assert not alike(0.0, 0.8, 1.2, rule)  # within the tolerance, beyond the spread
    assert not alike(0.0, 0.1, 0.7, rule)
