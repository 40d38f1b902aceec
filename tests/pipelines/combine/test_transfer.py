"""Photon transfer: gain, read noise, full well and linearity of a detector whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.combine.transfer import fit_curve, pair_point, unstable

GAIN, READ, FULL = 1.5, 4.0, 20_000  # e- per unit, units, units


def exposure(seconds, rng, *, shape=(96, 128), bend=0.0, telegraph=0.0):
    level = 1500.0 * seconds * (1 - bend * seconds / 16)
    units = np.minimum(rng.poisson(level * GAIN, shape) / GAIN, FULL) + rng.normal(300, READ, shape)
    jumping = np.random.default_rng(9).random(shape) < telegraph
    units += 60 * READ * (jumping & (rng.random(shape) < 0.5))
    return np.rint(units).astype(np.uint16)


def points(times, **options):
    rng = np.random.default_rng(2)
    dark = np.where(unstable(exposure(0, rng, **options) for _ in range(12)), np.nan, 300.0)
    return [
        pair_point(exposure(t, rng, **options), exposure(t, rng, **options), dark, step=1, exptime=t)
        for t in times
        for _ in range(2)
    ]


TIMES = (0.5, 1, 2, 4, 7, 10, 12, 15, 17)


@pytest.mark.parametrize("telegraph", [0.0, 0.01])
def test_gain_noise_full_well_and_linearity(telegraph):
    curve = fit_curve(points(TIMES, telegraph=telegraph), points([0.0], telegraph=telegraph))
    assert curve.gain == pytest.approx(GAIN, rel=0.02)
    assert abs(curve.gain - GAIN) < 4 * curve.gain_error + 0.005 * GAIN
    assert curve.read_noise == pytest.approx(np.hypot(READ, 12**-0.5), rel=0.02)
    assert curve.full_well == pytest.approx(18_000, rel=0.01)  # the last time below it
    assert curve.linearity < 0.005
    assert [point.used for point in curve.points] == [point.level < 0.7 * curve.full_well for point in curve.points]


def test_a_bent_response_is_no_line():
    assert fit_curve(points(TIMES[:-2], bend=0.1), points([0.0])).linearity > 0.01


def test_without_darks_the_curve_tells_the_read_noise_and_says_so():
    curve = fit_curve(points((0.01, 0.02, 0.05, 0.1, 2)), [])
    assert curve.read_noise == pytest.approx(READ, rel=0.15)
    assert any("by the curve" in reason for reason in curve.reasons)
    assert any("no full well" in reason for reason in curve.reasons)


def test_what_cannot_be_told_has_a_reason():
    flat = exposure(2, np.random.default_rng(1))
    assert pair_point(flat, flat, 300.0, step=1) == "they are equal"
    assert "factor of" in pair_point(flat, exposure(4, np.random.default_rng(1)), 300.0, step=1)
    assert "valid" in pair_point(np.full((9, 9), np.nan), np.full((9, 9), np.nan), 0.0, step=0)
    assert fit_curve([], []).reasons == ("no flats",)
    changing = points([1, 4, 8, 12])
    brighter = replace(changing[4], level=changing[4].level * 1.03)
    curve = fit_curve([*changing[:4], brighter, *changing[5:]], [])
    assert any("not constant" in reason for reason in curve.reasons)
