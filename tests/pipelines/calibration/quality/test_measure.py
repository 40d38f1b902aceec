"""Measurements: those numpy makes of the whole frame, whatever the type and the bands."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from arraystore import open_store
from pipelines.calibration.quality.measure import distance, measure
from pipelines.errors import UsageError


class InBands:
    """An array that is read in bands of some rows."""

    def __init__(self, values, rows=7):
        self.values, self.rows, self.reads = values, rows, 0
        self.shape, self.dtype = values.shape, values.dtype

    def bands(self, rows=None):
        self.reads += 1
        for start in range(0, len(self.values), rows or self.rows):
            stop = min(start + (rows or self.rows), len(self.values))
            yield slice(start, stop), self.values[start:stop]


def dark(seed=0, shape=(120, 160), level=1000.0, noise=10.0):
    return np.random.default_rng(seed).normal(level, noise, shape)


def hot_by_definition(values, least):
    """Pixels above the fainter of the two that are two away in their row; beyond an edge it is mirrored."""
    found, columns = 0, values.shape[1]
    for row in values if columns > 2 else ():
        for x, value in enumerate(row):
            left, right = abs(x - 2), x + 2 if x + 2 < columns else 2 * (columns - 1) - x - 2
            found += value - min(row[left], row[right]) > least
    return found


@settings(max_examples=40)
@given(
    st.sampled_from(["uint16", "int16", "uint8", "int32", "float32", "float64"]).flatmap(
        lambda dtype: arrays.arrays(
            dtype, st.tuples(st.integers(1, 20), st.integers(2, 20)), elements=st.integers(0, 120)
        )
    ),
    st.integers(1, 25),
    st.integers(0, 120),
)
def test_level_counts_and_saturation_are_those_of_the_whole_frame(values, rows, saturation):
    stats = measure(InBands(values, rows), saturation=saturation, hot_sigma=3.0)
    assert stats.level == np.median(values.astype(float))
    assert stats.saturated == np.mean(values >= saturation)
    around = hot_by_definition(values.astype(float), 3 * stats.noise)
    assert stats.hot == (around if stats.noise else 0)
    assert stats.undefined == 0


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64", "int32"])
def test_noise_is_that_of_a_pixel_and_a_gradient_adds_none(dtype):
    slope = np.linspace(0, 300, 160)
    for noise in (0.7, 6.0, 40.0) if dtype.endswith("t16") else (6.0, 40.0):
        frame = np.rint(dark(shape=(300, 160), noise=noise) + slope).astype(dtype)
        stats = measure(InBands(frame), saturation=None, hot_sigma=10)
        assert stats.noise == pytest.approx(np.hypot(noise, 1 / 12**0.5), rel=0.08)
        assert stats.saturated is None


def test_a_frame_is_read_once_and_bands_do_not_matter():
    frame = dark(shape=(1100, 640)).astype(np.uint16)
    answers = set()
    for rows in (1, 64, 333, 2000):
        source = InBands(frame, rows)
        answers.add(measure(source, saturation=65535, hot_sigma=10))
        assert source.reads == 1
    assert len(answers) == 1


def test_a_stored_frame_is_measured_as_the_array_is():
    store = open_store("memory://measure")
    frame = dark(shape=(2100, 1040)).astype(np.uint16)
    cube = store.open(store.put(frame, kind="frame"))
    assert measure(cube, saturation=65535, hot_sigma=10) == measure(InBands(frame), saturation=65535, hot_sigma=10)


def test_shape_of_a_frame():
    ramp = np.linspace(-50, 50, 160)
    tilted = measure(InBands(dark() + ramp), saturation=None, hot_sigma=10)
    assert tilted.gradient == pytest.approx(100, rel=0.1)
    assert tilted.asymmetry == pytest.approx(np.sqrt(np.mean((2 * ramp) ** 2)), rel=0.1)
    flat = measure(InBands(dark()), saturation=None, hot_sigma=10)
    assert flat.gradient < 3
    assert flat.structure < 5 * flat.structure_sigma
    bowl = dark() + 200 * (1 - (np.linspace(-1, 1, 160) ** 2 + np.linspace(-1, 1, 120)[:, None] ** 2) / 2)
    assert measure(InBands(bowl), saturation=None, hot_sigma=10).gradient < 3  # vignetting is no gradient
    corner = dark()
    corner[:30, :40] += 30
    assert measure(InBands(corner), saturation=None, hot_sigma=10).structure == pytest.approx(30, rel=0.35)
    assert measure(InBands(dark(shape=(9, 9))), saturation=None, hot_sigma=10).gradient is None


def test_hot_pixels_are_counted_and_move_nothing_else():
    frame = dark().astype(np.uint16)
    hot = frame.copy()
    hot.flat[::1000] = 9000
    before, after = (measure(InBands(values), saturation=65535, hot_sigma=10) for values in (frame, hot))
    assert (before.hot, after.hot) == (0, 20)
    assert after.level == pytest.approx(before.level, abs=1)
    assert after.noise == pytest.approx(before.noise, rel=0.01)


def test_pixels_that_are_not_numbers_are_left_out_and_counted():
    frame = dark(shape=(160, 160)).astype(np.float32)
    frame[:40, :40] = np.nan
    frame[100, 100] = np.inf
    stats = measure(InBands(frame), saturation=None, hot_sigma=10)
    assert stats.undefined == 1601
    assert stats.level == pytest.approx(1000, abs=1)
    assert stats.noise == pytest.approx(10, rel=0.05)
    assert stats.structure < 10
    with pytest.raises(UsageError, match="not one pixel"):
        measure(InBands(np.full((9, 9), np.nan)), saturation=None, hot_sigma=10)


def test_all_pixels_alike_have_no_noise_and_none_is_hot():
    stats = measure(InBands(np.full((90, 90), 65535, np.uint16)), saturation=65535, hot_sigma=10)
    assert (stats.level, stats.noise, stats.saturated, stats.hot) == (65535.0, 0.0, 1.0, 0)


@pytest.mark.parametrize("shape", [(3,), (2, 8, 8), (0, 5)])
def test_what_is_no_picture_is_said(shape):
    with pytest.raises(UsageError, match="no picture"):
        measure(InBands(np.zeros(shape)), saturation=None, hot_sigma=10)


def test_distance_from_a_master():
    master = dark(1, noise=1.0).astype(np.float32)
    frame = (master + dark(2, level=0.0)).astype(np.float32)
    frame[:12] += 500  # a tenth
    stats = measure(InBands(frame), saturation=None, hot_sigma=10)
    away = distance(InBands(frame), stats, master=InBands(master), variance=None, scale=1.0, sigma=6.0)
    assert away == pytest.approx(0.1, abs=0.001)
    wide = InBands(np.full(frame.shape, 1e6, np.float32))
    assert distance(InBands(frame), stats, master=InBands(master), variance=wide, scale=1.0, sigma=6.0) == 0
    half = InBands(master / 2)
    assert distance(InBands(frame), stats, master=half, variance=None, scale=2.0, sigma=6.0) == away
    blind = master.copy()
    blind[:12] = np.nan
    assert distance(InBands(frame), stats, master=InBands(blind), variance=None, scale=1.0, sigma=6.0) == 0
    with pytest.raises(UsageError, match="cannot be compared"):
        distance(InBands(frame), stats, master=InBands(master[1:]), variance=None, scale=1.0, sigma=6.0)
    with pytest.raises(UsageError, match="no pixel is a number"):
        distance(InBands(frame), stats, master=InBands(master * np.nan), variance=None, scale=1.0, sigma=6.0)


@pytest.mark.skipif("DARKROOM_REAL_FRAMES" not in os.environ, reason="DARKROOM_REAL_FRAMES names no real frames")
@pytest.mark.parametrize("which", ["imx541/dark/*.fits", "int/2022-09-23/bias_*.fit"])
def test_real_darks_and_biases_leak_no_light(which):
    """Quiet CMOS darks, whose block medians are whole numbers, and biases with the shape of their amplifier."""
    from astropy.io import fits

    from pipelines.calibration.quality.criteria import Peers, judge
    from pipelines.instruments import FrameLimits

    found = []
    for path in sorted(Path(os.environ["DARKROOM_REAL_FRAMES"]).glob(which)):
        with fits.open(path) as file:
            pixels = next(hdu.data for hdu in file if hdu.data is not None)
        found.append(measure(InBands(pixels.astype("u2")), saturation=None, hot_sigma=10))
    peers = Peers(levels=[one.level for one in found], structures=[one.structure for one in found])
    for one in found:
        checks = judge({"kind": "dark", "header": {}}, one, peers, FrameLimits())
        assert next(check for check in checks if check.check == "leak").verdict == "good"


def test_a_colour_sensor_has_the_noise_and_the_shape_of_its_pixels_and_a_vignetted_middle_is_not_hot():
    """Red gets a third of the light: neighbours differ by far more than noise, and its own next pixel does not."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:128, :128]
    light = 2_000 * (1.2 - (x / 128 - 0.5) ** 2 - (y / 128 - 0.5) ** 2)
    light[::2, ::2] *= 0.3
    frame = rng.normal(light, 50)
    frame[20, 30] += 900
    stats = measure(InBands(frame.round().astype("u2")), saturation=None, hot_sigma=10, colour=True)
    # Beside photon noise the light itself falls by some units from pixel to pixel.
    assert stats.noise == pytest.approx(50, rel=0.4)
    assert stats.hot == 1
    assert stats.gradient < 0.02 * stats.level
    assert measure(InBands(frame.round().astype("u2")), saturation=None, hot_sigma=10).noise > 200
