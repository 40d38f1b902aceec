"""The rate of telegraph noise: that of pixels of known rate, and none where a level does not last."""

import numpy as np
import pytest

from pipelines.combine.telegraph import switching_rate


def switching(count, rate, *, pixels=200, step=10.0):
    """Switches and duty of pixels that change their level with a rate (1/s, up and down together), and the times."""
    rng = np.random.default_rng(1)
    states = np.empty((count, pixels), bool)
    states[0] = rng.random(pixels) < 0.5
    for n in range(1, count):
        states[n] = states[n - 1] ^ (rng.random(pixels) < 0.5 - 0.5 * np.exp(-rate * step))
    return (states[1:] != states[:-1]).sum(axis=0), states.mean(axis=0), step * np.arange(count)


@pytest.mark.parametrize("rate", [0.003, 0.02])
def test_the_rate_is_that_of_the_pixels(rate):
    assert np.nanmedian(switching_rate(*switching(1000, rate))) == pytest.approx(rate, rel=0.1)


def test_levels_that_do_not_last_and_unknown_or_few_times_give_no_rate():
    switches, duty, seconds = switching(400, 5.0)
    assert np.isnan(switching_rate(switches, duty, seconds)).mean() > 0.99
    switches, duty, seconds = switching(400, 0.01)
    assert np.isnan(switching_rate(switches, duty, 0 * seconds)).all()
    assert np.isnan(switching_rate(switches, duty, seconds[:6])).all()
    pauses = np.cumsum(np.where(np.arange(400) % 4 == 0, 10_000.0, 10.0))
    assert np.isnan(switching_rate(switches, duty, pauses)).all()
