"""Read noise and gain from differences of pairs: right where they can be had, and a reason where not."""

import os
from pathlib import Path

import numpy as np
import pytest

from pipelines.combine import FramesUnfit, NoiseModel, combine, measure_noise


def darks(count, *, read_noise=9.0, gain=0.4, hot=0.004, seed=0, shape=(512, 900), hits=0.0, drift=0.0):
    """Frames uint16: bias 1000, hot pixels to 5,000 ADU that have the noise of their electrons."""
    rng = np.random.default_rng(seed)
    signal = rng.uniform(50, 5000, shape) * (rng.random(shape) < hot)
    frames = []
    for n in range(count):
        frame = 1000 + n * drift + signal + rng.normal(0, 1, shape) * np.sqrt(read_noise**2 + signal / gain)
        frame += np.where(rng.random(shape) < hits, rng.uniform(80, 2000, shape), 0)
        frames.append(np.clip(np.rint(frame), 0, 65535).astype("u2"))
    return frames


@pytest.mark.parametrize("read_noise", [1.0, 3.3, 9.0, 40.0])
def test_read_noise_of_darks_with_hits_and_a_drifting_bias(read_noise):
    noise = measure_noise(darks(3, read_noise=read_noise, hits=0.01, drift=3.0))
    # Rounding to whole numbers adds a twelfth.
    assert noise.read_noise == pytest.approx((read_noise**2 + 1 / 12) ** 0.5, rel=0.02)
    assert noise.n_pairs == 3


def test_gain_of_darks_comes_from_their_hot_pixels():
    noise = measure_noise(darks(6, hits=0.002))
    assert noise.gain == pytest.approx(0.4, rel=0.1)
    assert noise.level == pytest.approx(1000, abs=2)
    assert "photon transfer" in noise.method
    assert noise.reason is None


def test_no_gain_without_levels():
    noise = measure_noise(darks(3, hot=0.0))
    assert noise.gain is None
    assert noise.reason.startswith("no gain:")
    assert noise.variance(np.array([0.0, 60000.0])).tolist() == [noise.read_noise**2] * 2


@pytest.mark.parametrize("fade", [1.0, 0.7])
def test_gain_of_flats_also_where_the_light_changes(fade):
    rng = np.random.default_rng(2)
    y, x = np.mgrid[-1:1:512j, -1:1:900j]
    shape = 1 - 0.3 * (x**2 + y**2)
    frames = []
    for n in range(4):
        electrons = 30000 * fade**n * shape * 0.4
        frames.append(np.rint(1000 + rng.normal(electrons, np.sqrt(electrons)) / 0.4 + rng.normal(0, 9, shape.shape)))
    noise = measure_noise([f.astype("u2") for f in frames])
    assert noise.n_pairs == (4 if fade == 1 else 3)
    if fade == 1:
        assert noise.gain == pytest.approx(0.4, rel=0.1)
        middle = 1000 + 30000 * 0.8
        assert noise.variance(np.array([middle]))[0] == pytest.approx(81 + (middle - 1000) / 0.4, rel=0.1)


def test_pairs_can_be_named():
    frames = darks(2) + darks(2, seed=1)
    frames[2:] = [f + np.uint16(5000) for f in frames[2:]]  # another exposure time
    noise = measure_noise(frames, pairs=[(0, 1), (2, 3)])
    assert noise.n_pairs == 2
    assert noise.read_noise == pytest.approx(9, rel=0.02)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([np.ones((40, 40), "u2")], "one frame"),
        ([np.full((40, 40), 7, "u2")] * 3, "equal"),
        ([np.full((40, 40), 65535, "u2")] * 3, "valid and below saturation"),
        ([np.full((40, 40), np.nan, "f4")] * 3, "valid and below saturation"),
        ([np.random.default_rng(0).normal(9, 1, (3, 5)).astype("f4")] * 2, "only 15 pixels"),
    ],
)
def test_not_measurable_is_an_outcome_and_the_median_steps_in(frames, reason):
    noise = measure_noise(frames)
    assert noise.read_noise is None
    assert reason in noise.reason
    made = combine(frames)
    assert made.asked == "noise-model"
    assert made.method.name == ("median" if len(frames) > 2 else "mean")
    assert reason in made.reason
    assert made.provenance()["reason"] == made.reason


def test_saturated_pixels_are_left_out_by_the_level_given():
    frames = darks(2)
    for frame in frames:
        frame[:, :500] = 4000
    assert measure_noise(frames, saturation=4000).read_noise == pytest.approx(9, rel=0.02)


def test_masked_samples_say_nothing():
    frames = darks(3)
    masks = [np.zeros(frame.shape, "u1") for frame in frames]
    rng = np.random.default_rng(7)
    for frame, mask in zip(frames, masks, strict=True):
        frame[:, 200:] = rng.integers(0, 60000, (512, 700))
        mask[:, 200:] = 1
    for noise in (
        measure_noise(frames, masks=masks),
        measure_noise([np.ma.array(f, mask=m) for f, m in zip(frames, masks, strict=True)]),
        combine(frames, masks=masks).noise,
    ):
        assert noise.read_noise == pytest.approx(9, rel=0.03)


def test_the_same_frames_give_the_same_noise_again():
    frames = darks(5)
    assert measure_noise(frames) == measure_noise(frames, workers=1)
    assert NoiseModel(**measure_noise(frames).to_dict()) == measure_noise(frames)


@pytest.mark.parametrize("wrong", [{"read_noise": 0.0}, {"read_noise": np.nan}, {"read_noise": 1.0, "gain": -1.0}])
def test_a_noise_that_rejects_everything_is_refused(wrong):
    with pytest.raises(FramesUnfit, match="give one above 0"):
        NoiseModel(**wrong)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_leaking_frame_of_three_does_not_inflate_the_read_noise(place):
    frames = darks(3, read_noise=3.0)
    leak = np.linspace(0, 60, 900)
    frames[place] = np.rint(frames[place] + leak).astype("u2")
    assert measure_noise(frames).read_noise == pytest.approx((9 + 1 / 12) ** 0.5, rel=0.02)


def test_a_cloudy_minority_has_no_part_in_the_noise():
    rng = np.random.default_rng(5)
    cloud = 1 + 0.2 * np.sin(np.linspace(0, 6, 900)) * np.cos(np.linspace(0, 7, 512))[:, np.newaxis]
    frames = [rng.normal(20000, 140, (512, 900)) * (cloud if n in (1, 3) else 1) for n in range(5)]
    assert measure_noise(frames).read_noise == pytest.approx(140, rel=0.01)


@pytest.mark.parametrize(("bits", "noise"), [(12, 0.2), (12, 0.45), (14, 0.3), (12, 2.0)])
def test_left_shifted_values_have_the_noise_of_their_step(bits, noise):
    step = 2 ** (16 - bits)
    rng = np.random.default_rng(3)
    pattern = rng.uniform(20, 40, (400, 500))
    frames = [(np.rint(pattern + rng.normal(0, noise, pattern.shape)) * step).astype("u2") for _ in range(3)]
    truth = [np.std([np.rint(p + rng.normal(0, noise, 4000)) for p in rng.uniform(20, 40, 400)], axis=1) ** 2]
    measured = measure_noise(frames).read_noise / step
    assert measured == pytest.approx(np.sqrt(max(np.mean(truth), 1 / 12)), rel=0.06)
    assert measure_noise([f.astype("f4") for f in frames]).read_noise / step == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize("gain", [None, 2.0])
def test_hot_pixels_keep_their_samples(gain):
    """Also where no gain can be measured: few of them, with telegraph noise and a dark current that drifts."""
    rng = np.random.default_rng(11)
    hot = np.where(rng.random((400, 500)) < 0.0005, rng.uniform(500, 4000, (400, 500)), 0)
    frames = []
    for n in range(3):
        electrons = rng.poisson(hot * (1 + 0.05 * n) * 2.0)
        frames.append(np.rint(300 + electrons / 2.0 + rng.normal(0, 5, hot.shape)).astype("u2"))
    model = measure_noise(frames, gain=gain)
    made = combine(frames, noise=model)
    assert (made.count[hot > 0] < 3).mean() <= 0.01
    if gain is not None and model.gain == gain:
        assert "as stated" in model.remark


@pytest.mark.skipif("DARKROOM_REAL_FRAMES" not in os.environ, reason="DARKROOM_REAL_FRAMES names no real frames")
def test_hot_pixels_of_a_real_ccd_lose_a_sample_only_where_they_have_changed():
    """Three darks of 30 s of an SBIG ST-7, one of them 15 days after the others."""
    from astropy.io import fits

    read = [
        fits.getdata(path, header=True) for path in sorted(Path(os.environ["DARKROOM_REAL_FRAMES"]).glob("st7/*/*"))
    ]
    frames = [np.asarray(data).astype("u2") for data, header in read if header.get("EXPTIME") == 30]
    assert len(frames) == 3
    made = combine(frames, noise=measure_noise(frames, gain=2.55))  # as their headers state
    signal = np.array([frame - np.median(frame) for frame in frames])
    middle = np.median(signal, axis=0)
    hot = middle > 300
    lost = hot & (made.count < 3)
    assert 40 <= hot.sum() <= 50
    assert lost.sum() <= 2  # 15 without the stated gain and the scatter of hot pixels
    assert ((np.abs(signal - middle) > 0.5 * middle).any(axis=0))[lost].all()


def test_what_the_header_states_is_compared_and_said():
    noise = measure_noise(darks(6), gain=0.8, read_noise=9.0)
    assert noise.gain == pytest.approx(0.4, rel=0.1)
    assert "where 0.8 is stated" in noise.remark
    assert "read noise 9.0" in noise.remark
    alone = measure_noise(darks(1), gain=0.4, read_noise=9.0)
    assert (alone.read_noise, alone.gain) == (9.0, 0.4)
    assert "none could be measured" in alone.remark
