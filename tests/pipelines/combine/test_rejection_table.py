"""What each method leaves of the hits, and what it costs: the table that the default was chosen by.

1 % of all samples are hit by 8 to 200 sigma. A pixel is still bad where it is off by more than five
times the noise of an ideal mean; the noise is that of the pixels without a hit.
"""

import numpy as np
import pytest

from pipelines.combine import DQ, NoiseModel, combine, measure_noise
from tests.benchmarks.rejection import SIGMA, simulated, verdict

SHAPE = (600, 1000)
# frames: false rejects, hit pixels still bad
PROMISED = {3: (5e-4, 0.015), 6: (5e-4, 0.001), 20: (5e-4, 0.0)}


@pytest.mark.patient
@pytest.mark.parametrize("count", PROMISED)
def test_noise_model_rejection_keeps_its_promise(count):
    frames, hit = simulated(count, SHAPE, seed=count)
    made = combine(frames)
    assert made.method.name == "noise-model"
    result = verdict(made.value, made.count, hit)
    assert result.noise <= 1.01
    assert result.false_rejects <= PROMISED[count][0]
    assert result.still_bad <= PROMISED[count][1]


def test_three_frames_are_too_few_for_the_others():
    """Clipping by scatter keeps the hits, the median costs noise, MAD throws good samples away."""
    frames, hit = simulated(3, SHAPE, seed=3)
    made = {name: combine(frames, method=name) for name in ("sigma-clip", "median", "mad-clip")}
    results = {name: verdict(one.value, one.count, hit) for name, one in made.items()}
    assert results["sigma-clip"].still_bad > 0.99
    assert np.isinf(made["sigma-clip"].rejection_power).all()
    assert results["median"].noise == pytest.approx(1.16, abs=0.01)
    assert results["mad-clip"].false_rejects == pytest.approx(0.11, abs=0.01)


@pytest.mark.patient
@pytest.mark.parametrize("count", [3, 6, 20])
def test_what_is_left_is_flagged_or_below_the_stated_power(count):
    """Of pixels hit once none is off unseen: every hit was above the power, and where few agree it is said."""
    frames, hit = simulated(count, SHAPE, seed=50 + count)
    made = combine(frames)
    power = float(np.median(made.rejection_power))
    assert power == pytest.approx({3: 4.6, 6: 4.26, 20: 4.09}[count] * SIGMA, rel=0.02)
    single = hit.sum(axis=0) == 1
    off = np.abs(made.value - 1000) > 5 * SIGMA / count**0.5
    torn = (made.dq & DQ.DISAGREEMENT) != 0
    assert (off & single & ~torn).sum() <= 1e-4 * single.sum()


def test_the_noise_is_measured_under_hits():
    frames, _ = simulated(3, SHAPE, seed=9)
    noise = measure_noise(frames)
    assert noise.read_noise == pytest.approx(SIGMA, rel=0.005)
    assert combine(frames, noise=NoiseModel(SIGMA)).value.std() > 0
