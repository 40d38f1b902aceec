"""Leave-one-out: the same numbers as doing it one by one, and the right verdicts."""

import numpy as np
import pytest

from pipelines.calibration.masters.acceptance import CAP, judge_master, leave_one_out
from pipelines.calibration.masters.frames import Normalised
from pipelines.demo.cameras import cameras
from tests.pipelines.calibration.conftest import SHAPE, make, of

SIGMA = 10.0


class Rows:
    """An array that gives its rows."""

    def __init__(self, values):
        self.values = np.asarray(values, float)
        self.shape = self.values.shape

    def read(self, start, stop):
        return self.values[start:stop]


def stack(count, shape=(150, 90), *, seed=0, hits=0.0):
    rng = np.random.default_rng(seed)
    frames = rng.normal(1000, SIGMA, (count, *shape))
    frames[rng.random(frames.shape) < hits] += 2000
    return frames


def held(frames, **options):
    names = [f"f{n}" for n in range(len(frames))]
    return leave_one_out(
        [Rows(f) for f in frames], names=names, variance=lambda i, v: np.full_like(v, SIGMA**2), **options
    )


def excess(apart, master):
    """What noise does not explain, in variances of a frame."""
    expected = SIGMA**2 + master
    return 1 + ((np.minimum(apart**2, CAP * expected) - expected) / SIGMA**2).mean()


@pytest.mark.parametrize("count", [2, 3, 6, 20])
def test_noise_alone_is_predicted_as_noise(count):
    for one in held(stack(count, hits=0.01)):
        assert one.excess == pytest.approx(1, abs=0.05)
        assert abs(one.shift) < 0.4
        assert one.influence == pytest.approx((count - 1) ** -0.5, rel=0.05)


def test_one_pass_gives_what_leaving_out_one_by_one_gives():
    frames = stack(4, seed=3)
    frames[1] += 3
    current = frames.mean(axis=0) + 5
    found = held(frames, current=(Rows(current), Rows(np.full(current.shape, 20.0))))
    for i, one in enumerate(found):
        others = np.delete(frames, i, axis=0).mean(axis=0)
        middle = np.median(frames, axis=0)
        agree = (np.abs(frames - middle) <= 5 * SIGMA).all(axis=0)  # what is simple to say
        apart = (frames[i] - others)[agree]
        assert one.excess == pytest.approx(excess(apart, SIGMA**2 / 3), rel=1e-3)
        assert one.shift == pytest.approx(apart.mean(), abs=0.01)
        against = (frames[i] - current)[agree]
        assert one.current == pytest.approx(excess(against, 20), rel=1e-3)


def test_the_frame_that_leaks_is_named():
    frames = stack(3)
    frames[1] += np.linspace(0, 60, 90)
    found = judge_master(held(frames), against=None)
    assert found.verdict == "disagree"
    assert found.influential == "f1"
    assert "f1" in found.reason
    assert found.status == "proposed"  # a first master is never set aside


def test_a_master_that_predicts_worse_than_the_current_one_is_set_aside():
    frames = stack(3)
    frames[2] += np.linspace(0, 40, 90)
    current = (Rows(np.full(frames.shape[1:], 1000.0)), Rows(np.full(frames.shape[1:], SIGMA**2 / 30)))
    found = judge_master(held(frames, current=current), against="masters/current")
    # The leak is in the frames either way; only a master without it predicts the other two.
    assert found.excess > found.current_excess
    assert (found.verdict, found.status, found.influential) == ("worse", "set-aside", "f2")
    assert "masters/current" in found.reason


def test_a_master_as_good_as_the_current_one_is_accepted_though_it_has_fewer_frames():
    for seed in range(5):
        frames = stack(3, seed=seed)
        current = (Rows(np.full(frames.shape[1:], 1000.0)), Rows(np.full(frames.shape[1:], SIGMA**2 / 50)))
        assert judge_master(held(frames, current=current), against="c").verdict == "accepted"


def test_one_frame_is_untested_and_no_common_pixel_too():
    assert judge_master(held(stack(1)), against=None).verdict == "untested"
    nothing = np.full((2, 10, 10), np.nan)
    assert judge_master(held(nothing), against=None).verdict == "untested"


def test_the_sky_of_a_flat_is_no_difference_and_structure_is():
    frames = stack(4)
    tilted = frames.copy()
    tilted[0] += np.linspace(-40, 40, 90) + 7
    assert held(tilted)[0].excess > 3
    assert held(tilted, sky=True)[0].excess == pytest.approx(1, abs=0.1)
    tilted[0] += 40 * np.cos(np.linspace(0, 20, 90))
    assert held(tilted, sky=True)[0].excess > 3


def test_a_normalised_flat_is_its_frame_less_its_dark_over_its_level():
    frame, dark = Rows(np.full((8, 9), 3000.0)), Rows(np.full((8, 9), 1000.0))
    assert (Normalised(frame, dark, 4000.0).read(2, 5) == np.float32(0.5)).all()


def test_a_later_night_is_held_against_the_master_in_use_and_a_bad_one_is_set_aside(made, write_frame, tmp_path):
    first = of(made, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    sensor = cameras(1, SHAPE, seed=1)[0]
    level = sensor.bias + 9 * sensor.dark
    rng = np.random.default_rng(7)
    for number in range(1, 4):
        frame = level + rng.normal(0, first["noise"]["read_noise"], SHAPE) + (number == 2) * 60
        write_frame(
            f"Dragonfly101/2024-02-21/T13060400_{number}_dark.fits",
            pixels=np.clip(np.rint(frame), 0, 65535).astype(np.uint16),
            DATE=f"2024-02-22T01:0{number}:00",
            EXPTIME=9.0,
        )
    made.ingest(tmp_path / "raw", progress=False)
    (row,) = [r for r in make(made, night="2024-02-21") if r["kind"] == "dark"]
    assert row["status"] == "set-aside"
    assert "T13060400_2_dark" in row["reason"]
    assert first["_id"] in row["reason"]
    (again,) = [r for r in make(made, night="2024-02-21") if r["kind"] == "dark"]
    assert again["outcome"] == "none"
    # Without that frame the others make a master that is as good as the current one.
    from pipelines.calibration.masters.recall import recall
    from pipelines.calibration.masters.step import MasterOptions

    recall(made.session, ["Dragonfly101/2024-02-21/T13060400_2_dark.fits"], why="light")
    rows = [r for r in make(made, night="2024-02-21", options=MasterOptions(minimum=2)) if r["kind"] == "dark"]
    assert [r["status"] for r in rows] == ["verified"]
