"""Statistics along time: against plain Python one pixel at a time, and by what they find in simulated noise."""

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipelines.pixels.search import statistics as levels

slopes = hnp.arrays(
    np.float32,
    st.tuples(st.integers(4, 16), st.integers(1, 2), st.integers(1, 3)),
    elements=st.one_of(st.floats(-100, 100, width=32), st.just(np.nan)),
)


def errors_like(values, error=0.5):
    return np.where(np.isfinite(values), np.float32(error), np.float32(np.nan))


def each_pixel(values):
    for i, j in itertools.product(*map(range, values.shape[1:])):
        yield (i, j), [float(v) for v in values[:, i, j] if np.isfinite(v)]


@given(slopes)
def test_outliers_are_those_of_plain_python(values):
    found = levels.outliers(values, errors_like(values), sigmas=3, least=4)
    for at, known in each_pixel(values):
        if len(known) < 4:
            assert found.count[at] == 0
            assert np.isnan(found.largest[at])
            continue
        middle = statistics.median(known)
        mad = statistics.median(abs(v - middle) for v in known)
        sigma = max(1.4826 * mad * len(known) / (len(known) - 0.8), 0.5)
        assert found.median[at] == pytest.approx(middle, rel=1e-5, abs=1e-5)
        assert found.sigma[at] == pytest.approx(sigma, rel=1e-4, abs=1e-4)
        strays = [(v - middle) / sigma for v in known]
        assert found.largest[at] == pytest.approx(max(strays), rel=1e-3, abs=1e-3)
        if all(abs(stray - 3) > 1e-3 for stray in strays):
            assert found.count[at] == sum(stray > 3 for stray in strays)


@given(slopes)
def test_the_split_is_the_best_of_all_splits(values):
    found = levels.two_levels(values, errors_like(values), occupancy=0.1, least=4)
    for at, known in each_pixel(values):
        ordered, n = sorted(known), len(known)
        if n < 4:
            assert np.isnan(found.separation[at])
            continue

        def between(k, ordered=ordered, n=n):
            return k * (n - k) * (statistics.fmean(ordered[:k]) - statistics.fmean(ordered[k:])) ** 2

        best = max(between(k) for k in range(2, n - 1))
        low, high, duty = (float(getattr(found, name)[at]) for name in ("low", "high", "duty"))
        above = round(duty * n)
        assert 2 <= above <= n - 2
        assert above * (n - above) * (high - low) ** 2 == pytest.approx(best, rel=1e-6, abs=1e-6)
        edge = ordered[n - above - 1]
        states = [v > edge for v in known]
        assert found.switches[at] == sum(a != b for a, b in itertools.pairwise(states))


def test_noise_alone_is_rarely_taken_for_anything():
    rng = np.random.default_rng(1)
    values = rng.normal(20, 1, (24, 100, 200)).astype(np.float32)
    errors = np.full_like(values, 0.8)  # quoted errors are too small, as they are in life
    outliers = levels.outliers(values, errors, sigmas=5, least=8)
    assert (outliers.count > 0).mean() < 1e-3
    two = levels.two_levels(values, errors, occupancy=0.1, least=12)
    assert ((two.separation > 5) & (two.switches > 1)).mean() < 1e-4
    shift = levels.shift(values[:12], errors[:12], values[12:], errors[12:], least=3)
    significance = (shift.after - shift.before) / shift.sigma
    assert 0.8 < significance.std() < 1.05  # in units of its own error
    assert (abs(significance) > 5).mean() < 1e-4


def test_a_pixel_with_too_few_slopes_is_not_judged():
    values = np.full((10, 1, 2), np.nan, np.float32)
    values[:5, 0, 1] = [1, 2, 1, 2, 900]
    errors = errors_like(values)
    outliers = levels.outliers(values, errors, sigmas=5, least=8)
    assert np.isnan(outliers.largest).all()
    assert not outliers.count.any()
    assert np.isnan(levels.two_levels(values, errors, occupancy=0.1, least=8).separation).all()
    shift = levels.shift(values[:3], errors[:3], values[3:], errors[3:], least=3)
    assert np.isnan(shift.after).all()


def test_a_few_values_that_agree_do_not_make_a_pixel_quiet():
    values = np.full((12, 1, 1), 5, np.float32)
    values[7] = 6
    found = levels.outliers(values, errors_like(values, 1.0), sigmas=5, least=8)
    assert (found.sigma[0, 0], found.count[0, 0]) == (1.0, 0)
