"""Every method against the obvious implementation, and the properties that a combination must have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.combine import (
    DQ,
    METHODS,
    PLANES,
    FractionClip,
    Median,
    MinMax,
    NoiseClip,
    NoiseModel,
    SigmaClip,
    combine,
)
from pipelines.combine.power import power_factor, trim_factor
from tests.pipelines.combine.truth import combined

NOISE = NoiseModel(read_noise=7.0, gain=0.5, level=980.0)
WAYS = [make() for make in METHODS.values()] + [MinMax(2, 1), SigmaClip(2.0, None, "mean"), SigmaClip(1.5, 2)]


@st.composite
def stacks(draw, most=9, dtypes=("u2", "f4", "f8")):
    """A few noisy frames with hits, of few rows and odd widths; floats with NaN."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, most))
    shape = (count, draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    frames = rng.normal(1000, 7, shape)
    frames += np.where(rng.random(shape) < 0.1, rng.uniform(50, 2000, shape), 0)
    if dtype.kind == "f":
        frames[rng.random(shape) < 0.1] = np.nan
        return frames.astype(dtype)
    return np.rint(frames).astype(dtype)


def same(one, other):
    """Whether two results are equal, bit for bit."""
    assert one.method == other.method
    for name in PLANES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("method", WAYS, ids=str)
@settings(max_examples=25)
@given(frames=stacks())
def test_methods_agree_with_the_obvious_implementation(method, frames):
    made = combine(frames, method=method, noise=NOISE)
    value, scatter, count = combined(frames, method, variance_at=lambda v: NOISE.variance(np.array([v]))[0])
    np.testing.assert_array_equal(made.count, count)
    np.testing.assert_allclose(made.value, value, rtol=2e-7)
    if not isinstance(method, Median | MinMax):
        np.testing.assert_allclose(made.variance_scatter, scatter, rtol=1e-6, atol=1e-9)
    assert np.array_equal((made.dq & DQ.NO_DATA) != 0, np.isnan(value))


@pytest.mark.parametrize("center", ["median", "mean"])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_sigma_clip_is_bit_identical_to_astropy(center, dtype):
    from astropy.stats import sigma_clip

    rng = np.random.default_rng(4)
    frames = rng.normal(1000, 12, (20, 120, 300))
    frames[rng.random(frames.shape) < 0.01] += 900
    frames = frames.astype(dtype)
    clipped = sigma_clip(frames, sigma=3, maxiters=5, cenfunc=center, axis=0)
    made = combine(frames, method=SigmaClip(center=center))
    np.testing.assert_array_equal(made.count, 20 - clipped.mask.sum(axis=0))
    mean = np.ma.mean(clipped.astype(np.float64), axis=0).filled(np.nan)
    if dtype == "u2":
        np.testing.assert_array_equal(made.value, mean.astype(np.float32))
    else:  # sums of floats run in ascending order here, in the order of frames there
        np.testing.assert_allclose(made.value, mean, rtol=6e-8)


def test_median_is_numpys():
    frames = np.random.default_rng(5).integers(0, 65536, (8, 50, 60)).astype("u2")
    np.testing.assert_array_equal(combine(frames, method="median").value, np.median(frames, axis=0).astype("f4"))
    np.testing.assert_array_equal(
        combine(frames[:7], method="median").value, np.median(frames[:7], axis=0).astype("f4")
    )


COMPANY = {
    "plain": lambda n, shape: {},
    "scaled": lambda n, shape: {"scale": 1 + 0.25 * np.arange(n), "offsets": [10.0 * k for k in range(n)]},
    "weighted": lambda n, shape: {"weights": list(range(1, n + 1))},
    "variances": lambda n, shape: {"variances": [np.full(shape, 40.0 + k) for k in range(n)]},
    "inverse": lambda n, shape: {"variances": [40.0 + k for k in range(n)], "weights": "inverse-variance"},
}


@pytest.mark.parametrize("company", COMPANY)
@settings(max_examples=40)
@given(frames=stacks(), method=st.sampled_from(WAYS), rows=st.integers(1, 9), workers=st.integers(1, 3))
def test_the_result_does_not_depend_on_the_bands(company, frames, method, rows, workers):
    more = COMPANY[company](len(frames), frames.shape[1:])
    if isinstance(method, Median):
        more.pop("weights", None)
    one = combine(frames, method=method, noise=NOISE, workers=1, **more)
    same(one, combine(frames, method=method, noise=NOISE, band_rows=rows, workers=workers, **more))


def test_the_result_does_not_depend_on_the_blocks_of_a_large_frame():
    rng = np.random.default_rng(8)
    frames = rng.normal(1000, 7, (6, 40, 3001)).astype("f4")
    frames[rng.random(frames.shape) < 0.02] = np.nan
    one = combine(frames, noise=NOISE)
    for rows in (1, 7, 40):
        same(one, combine(frames, noise=NOISE, band_rows=rows))


@settings(max_examples=80)
@given(frames=stacks(), method=st.sampled_from(WAYS), data=st.data())
def test_the_order_of_frames_does_not_matter(frames, method, data):
    order = data.draw(st.permutations(range(len(frames))))
    same(combine(frames, method=method, noise=NOISE), combine(frames[order], method=method, noise=NOISE))


@settings(max_examples=80)
@given(frames=stacks(), method=st.sampled_from(WAYS), data=st.data())
def test_a_masked_frame_is_a_frame_left_out(frames, method, data):
    out = data.draw(st.integers(0, len(frames) - 1))
    masks = [np.full(frames.shape[1:], n == out) for n in range(len(frames))]
    made = combine(frames, method=method, noise=NOISE, masks=masks)
    if len(frames) == 1:
        assert np.isnan(made.value).all()
        assert (made.dq & DQ.NO_DATA).all()
    else:
        same(made, combine(np.delete(frames, out, axis=0), method=method, noise=NOISE))


@settings(max_examples=40)
@given(frames=stacks(), method=st.sampled_from(WAYS), seed=st.integers(0, 99))
def test_masked_samples_count_for_nothing(frames, method, seed):
    bad = np.random.default_rng(seed).random(frames.shape) < 0.3
    made = combine(frames, method=method, noise=NOISE, masks=list(bad))
    value, _, count = combined(frames, method, bad=bad, variance_at=lambda v: NOISE.variance(np.array([v]))[0])
    np.testing.assert_array_equal(made.count, count)
    np.testing.assert_allclose(made.value, value, rtol=2e-7)
    same(made, combine([np.ma.array(f, mask=b) for f, b in zip(frames, bad, strict=True)], method=method, noise=NOISE))


@settings(max_examples=80)
@given(frames=stacks(dtypes=("u2",)), method=st.sampled_from([w for w in WAYS if not isinstance(w, FractionClip)]))
def test_other_units_give_the_same_picture(frames, method):
    """y = 4 x + 512: sums of whole numbers are exact, so all but roundings of thresholds is."""
    moved = NoiseModel(NOISE.read_noise * 4, NOISE.gain / 4, NOISE.level * 4 + 512)
    one = combine(frames, method=method, noise=NOISE)
    other = combine(frames.astype("u4") * 4 + 512, method=method, noise=moved)
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_array_equal(one.dq, other.dq)
    np.testing.assert_allclose(one.value * 4.0 + 512, other.value, rtol=2e-7)
    for name in ("variance_model", "variance_scatter"):
        np.testing.assert_allclose(getattr(one, name) * 16.0, getattr(other, name), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one.rejection_power * 4.0, other.rejection_power, rtol=1e-5, atol=1e-5)


@settings(max_examples=60)
@given(
    frames=stacks(dtypes=("u2",)), method=st.sampled_from(WAYS), dtype=st.sampled_from(["f4", "f8", "i4", "i8", ">u2"])
)
def test_the_type_of_the_frames_does_not_matter(frames, method, dtype):
    same(combine(frames, method=method, noise=NOISE), combine(frames.astype(dtype), method=method, noise=NOISE))


@settings(max_examples=40)
@given(frames=stacks(), method=st.sampled_from([w for w in WAYS if not isinstance(w, Median)]))
def test_equal_weights_are_no_weights(frames, method):
    one = combine(frames, method=method, noise=NOISE)
    other = combine(frames, method=method, noise=NOISE, weights=[3.0] * len(frames))
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_allclose(one.value, other.value, rtol=2e-7)
    np.testing.assert_array_equal(one.dq, other.dq)
    if not isinstance(method, MinMax):
        np.testing.assert_allclose(one.variance_scatter, other.variance_scatter, rtol=1e-5, atol=1e-8)


def test_a_rejected_sample_keeps_no_weight():
    """What ccdproc 2.5 gets wrong: eleven 1.0 and a clipped 100 are 1.0."""
    frames = np.ones((12, 2, 2))
    frames[3] = 100
    made = combine(frames, method=SigmaClip(), weights=np.arange(1, 13))
    assert (made.value == 1).all()
    assert (made.count == 11).all()


def test_weights_by_inverse_variance_are_the_best():
    variances = [4.0, 16.0, 64.0]
    rng = np.random.default_rng(3)
    frames = [rng.normal(100, v**0.5, (200, 300)).astype("f4") for v in variances]
    made = combine(frames, method="mean", variances=variances, weights="inverse-variance")
    ideal = 1 / sum(1 / v for v in variances)
    np.testing.assert_allclose(made.variance_model, ideal, rtol=1e-6)
    assert made.value.var() == pytest.approx(ideal, rel=0.02)
    assert made.variance_scatter.mean() == pytest.approx(ideal, rel=0.5)


def test_given_variances_judge_and_are_handed_on():
    """The variance that a hit brought itself does not excuse it."""
    frames = np.full((3, 4, 4), 1000.0)
    frames[1, 2, 2] = 9000
    variances = np.full((3, 4, 4), 100.0)
    variances[1, 2, 2] = 1e8
    made = combine(frames, variances=list(variances))
    assert made.value[2, 2] == 1000
    np.testing.assert_allclose(made.variance_model[2, 2], 50)
    np.testing.assert_allclose(made.variance_model[0, 0], 100 / 3, rtol=1e-6)
    assert made.method == NoiseClip()
    assert made.noise is None


def test_scaled_frames_bring_scaled_noise():
    """Flats of unequal light over a dark: each sample is judged by its own noise."""
    rng = np.random.default_rng(6)
    noise = NoiseModel(read_noise=10.0, gain=0.5, level=0.0)
    light = np.array([4000.0, 8000.0, 16000.0, 32000.0])
    dark = rng.uniform(900, 1100, (100, 300))
    frames = [rng.normal(dark + s, np.sqrt(100 + (s + dark) / 0.5)) for s in light]
    frames[0][5, 5] += 4000
    made = combine(frames, noise=noise, offsets=[dark] * 4, scale=1 / light)
    assert made.value.mean() == pytest.approx(1, abs=2e-3)
    assert made.count[5, 5] == 3
    assert (made.count == 4).mean() > 0.999
    assert made.value.var() == pytest.approx(made.variance_model.mean(), rel=0.03)
    assert made.variance_scatter.mean() == pytest.approx(made.variance_model.mean(), rel=0.05)


@pytest.mark.parametrize("method", ["mean", "median", "minmax", "noise-model"])
@pytest.mark.parametrize("count", [3, 4, 6, 9])
def test_both_variances_are_the_variance_of_the_value(method, count):
    """By model and by scatter: the scatter that the values have over many pixels."""
    rng = np.random.default_rng(count)
    frames = rng.normal(1000, 10, (count, 400, 500)).astype("f4")
    made = combine(frames, method=method, noise=NoiseModel(10.0))
    true = made.value.astype(float).var()
    assert made.variance_model.mean() == pytest.approx(true, rel=0.02)
    if method != "minmax":  # Tukey and McLaughlin's is for more samples than a handful
        assert np.nanmean(made.variance_scatter) == pytest.approx(true, rel=0.02)


def test_scatter_keeps_its_digits_on_a_high_level():
    """Two passes: E[x^2] - E[x]^2 would be lost in float64 at this level, and negative in float32."""
    frames = 1e9 + np.random.default_rng(0).normal(0, 1, (5, 30, 30))
    made = combine(frames, method="mean")
    np.testing.assert_allclose(made.variance_scatter, frames.var(axis=0, ddof=1) / 5, rtol=1e-5)
    assert (made.variance_scatter > 0).all()


def test_flags():
    frames = np.full((4, 1, 8), 1000, "u2")
    frames[:, 0, 1] = 65535  # saturated in all
    frames[0, 0, 2] = 65535  # and in one, which is rejected
    frames[:, 0, 3] = 1000, 2000, 3000, 4000  # no majority
    frames[:, 0, 4] = 1000, 1003, 5000, 6000  # two and two: hits only add
    masks = np.zeros((4, 1, 8))
    masks[:, 0, 5] = 1
    masks[1:, 0, 6] = 1
    masks[2:, 0, 7] = 1
    frames[0, 0, 7] = 1100
    made = combine(frames, noise=NoiseModel(10.0), masks=list(masks), saturation=65000)
    flags = [DQ(int(bits)) for bits in made.dq[0]]
    assert flags == [
        DQ(0),
        DQ.SATURATED,
        DQ(0),
        DQ.DISAGREEMENT,
        DQ.DISAGREEMENT,
        DQ.NO_DATA | DQ.NO_REJECTION_POWER,
        DQ.NO_REJECTION_POWER,
        DQ.NO_REJECTION_POWER | DQ.DISAGREEMENT,
    ]
    assert made.value[0, 4] == 1001.5
    assert made.value[0, 2] == 1000
    assert list(made.count[0]) == [4, 4, 3, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("method", [NoiseClip(), SigmaClip(), SigmaClip(center="mean"), METHODS["mad-clip"]()], ids=str)
@pytest.mark.parametrize("count", [2, 3, 7, 8, 10, 11, 20])
def test_rejection_power_is_what_is_lost(method, count):
    """An outlier a little above it goes, one a little below stays; where it is infinite nothing goes."""
    from statistics import NormalDist

    clean = [NormalDist().inv_cdf((rank + 0.625) / (count - 0.75)) for rank in range(count - 1)]
    power = power_factor(method, count)
    for outlier, goes in ((power * 1.02, True), (power * 0.98, False)) if np.isfinite(power) else ((1e6, False),):
        frames = np.array([*clean, outlier])[:, np.newaxis, np.newaxis] * 10 + 1000
        made = combine(frames, method=method, noise=NoiseModel(10.0))
        assert (frames.max() > made.value + 0 and made.count[0, 0] < count) == goes or method.name == "mad-clip"
    if method == SigmaClip(center="mean"):
        assert np.isfinite(power) == (count >= 11)
    if method == SigmaClip():
        assert np.isfinite(power) == (count >= 8)
    if method == NoiseClip():
        assert np.isfinite(power) == (count >= 3)


def test_trimming_costs_what_is_known_of_normal_samples():
    """Variances of the median of 3, 5 and 9 normal samples (Sarhan & Greenberg 1956), times n."""
    for count, known in ((3, 1.3461), (5, 1.4342), (9, 1.4949)):
        assert trim_factor(count, count // 2, count // 2) == pytest.approx(known, rel=0.01)


def test_only_the_planes_asked_for_are_made():
    made = combine(np.ones((3, 4, 4), "f4"), method="mean", planes=["count"])
    assert list(made.planes) == ["value", "count"]
    assert made.dq is None
    assert made.provenance()["method"] == {"name": "mean"}


def test_progress_ends_at_all_rows():
    told = []
    combine(
        np.ones((3, 10, 4), "f4"), method="mean", band_rows=3, progress=lambda done, all_: told.append((done, all_))
    )
    assert told[-1] == (10, 10)
    assert len(told) == 4


@pytest.mark.parametrize("module", ["", ".methods", ".power"])
def test_examples_in_docstrings(module):
    import doctest
    import importlib

    found = doctest.testmod(importlib.import_module(f"pipelines.combine{module}"))
    assert found.attempted
    assert not found.failed
