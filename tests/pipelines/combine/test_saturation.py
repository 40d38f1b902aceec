"""Saturation that no header states: where samples pile up, and where they only look as if they did."""

import numpy as np
import pytest

from pipelines.combine import DQ, NoiseModel, combine, pile_up, saturation_of

VIGNETTED = 1.25 - np.add.outer(np.linspace(-0.5, 0.5, 96) ** 2, np.linspace(-0.5, 0.5, 96) ** 2)


def lit(level, seed=0):
    rng = np.random.default_rng(seed)
    return np.rint(rng.normal(level * VIGNETTED, np.sqrt(level * VIGNETTED)))


@pytest.mark.parametrize(
    ("level", "top", "step", "dtype"),
    [(28_000, 30_000, 1, "u2"), (3_300, 4_071, 1, "u2"), (60_000, 65_520, 16, "u2"), (14_500, 16_383, 1, "i4"),
     (28_000, 30_000.5, 1, "f4"), (26_000, 31_000, 1, "u2")],
)  # fmt: skip
def test_clipped_frames_pile_up(level, top, step, dtype):
    frame = np.minimum(np.rint(lit(level) / step) * step, top).astype(dtype)
    assert pile_up(frame) == top


@pytest.mark.parametrize(
    "frame",
    [lit(20_000).astype("u2"), lit(500).astype("f4"), np.random.default_rng(1).normal(100, 0.4, (96, 96)).round(),
     np.full((96, 96), 100, "u2"), np.random.default_rng(1).normal(0, 1, (96, 96)), np.full((9, 9), np.nan)],
    ids=["flat", "float", "quiet bias", "constant", "continuous", "nothing"],
)  # fmt: skip
def test_others_do_not(frame):
    assert pile_up(frame) is None


def test_a_frame_that_is_full_everywhere_is_known_by_the_top_of_a_converter():
    assert [pile_up(np.full((9, 9), top, "u2")) for top in (4095, 16_383, 65_520, 65_535, 1000)] == [
        4095, 16_383, 65_520, 65_535, None,
    ]  # fmt: skip


def test_the_lower_of_what_is_stated_and_what_piles_up_counts_and_frames_below_it_have_none():
    frames = [lit(20_000).astype("u2"), np.minimum(lit(28_000), 30_000).astype("u2")]
    assert saturation_of(frames, stated=65_535) == (30_000, [False, True])
    assert saturation_of(frames, stated=24_000) == (24_000, [True, True])
    assert saturation_of(frames[:1], stated=None) == (None, [False])


def test_clipped_samples_are_left_out_and_said():
    """One of three flats is clipped in its middle: the mean there is that of the two others."""
    frames = [np.full((8, 8), value, "u2") for value in (20_000, 20_200, 30_000)]
    frames[2][:4] = 20_400
    made = combine(
        frames, method="mean", noise=NoiseModel(5.0), scale=[1.0, 1.0, 1.0], saturation=30_000, clipped_out=True
    )
    assert (made.value[:4] == 20_200).all()
    assert (made.value[4:] == 20_100).all()
    assert (made.count[4:] == 2).all()
    assert ((made.dq & DQ.SATURATED) != 0)[4:].all()
    assert not (made.dq & DQ.SATURATED)[:4].any()
    full = combine([np.full((8, 8), 30_000, "u2")] * 3, method="mean", saturation=30_000, clipped_out=True)
    assert np.isnan(full.value).all()
    assert ((full.dq & (DQ.SATURATED | DQ.NO_DATA)) == DQ.SATURATED | DQ.NO_DATA).all()
