"""Telegraph noise: two levels and a rate, where there are two and they last; else nothing."""

import numpy as np
import pytest

from pipelines.combine.telegraph import two_levels

NOISE = 3.0


def telegraph(count, rates, *, seed=1, step=10.0, apart=40.0):
    """Samples of pixels that change their level with these rates (1/s, both directions together)."""
    rng = np.random.default_rng(seed)
    stays = 0.5 + 0.5 * np.exp(-np.array(rates) * step)
    states = np.empty((count, len(rates)), bool)
    states[0] = rng.random(len(rates)) < 0.5
    for n in range(1, count):
        states[n] = np.where(rng.random(len(rates)) < stays, states[n - 1], ~states[n - 1])
    return 100 + apart * states + rng.normal(0, NOISE, states.shape), step * np.arange(count)


def test_levels_share_and_rate_are_those_of_the_pixels():
    samples, times = telegraph(2000, [0.01] * 20)
    found = two_levels(samples, np.full(20, NOISE), times)
    np.testing.assert_allclose(found.low, 100, atol=1)
    np.testing.assert_allclose(found.high, 140, atol=1)
    assert np.median(found.rate) == pytest.approx(0.01, rel=0.1)
    assert np.abs(found.share - 0.5).max() < 0.2


def test_a_pixel_that_forgets_its_level_has_levels_and_no_rate():
    samples, times = telegraph(400, [5.0])
    found = two_levels(samples, np.array([NOISE]), times)
    assert np.isfinite(found.low[0])
    assert np.isnan(found.rate[0])


@pytest.mark.parametrize("apart", [0.0, 6.0])
def test_one_level_is_not_two(apart):
    samples, times = telegraph(200, [0.01] * 50, apart=apart)
    assert np.isnan(two_levels(samples, np.full(50, NOISE), times).low).all()


def test_noise_of_many_levels_few_samples_and_unknown_times():
    rng = np.random.default_rng(3)
    many = rng.normal(0, 30, (100, 4))
    assert np.isnan(two_levels(many, np.full(4, NOISE), np.arange(100.0)).low).all()
    assert np.isnan(two_levels(many[:5], np.full(4, NOISE), np.arange(5.0)).low).all()
    samples, _ = telegraph(100, [0.01])
    samples[7] = np.nan
    found = two_levels(samples, np.array([NOISE]), np.full(100, np.nan))
    assert np.isfinite(found.high[0])
    assert np.isnan(found.rate[0])
