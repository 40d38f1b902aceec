"""Frames that cannot be combined, or only in part: a reason each, naming the frame, and no silent guess."""

import numpy as np
import pytest

from arraystore import Lost, StoreError, StoreUnreachable, open_store
from pipelines.combine import (
    DQ,
    FramesUnfit,
    FrameUnreadable,
    Median,
    MinMax,
    NoiseModel,
    SigmaClip,
    combine,
    method_named,
)

NOISE = NoiseModel(10.0)


def frames(count=3, shape=(130, 70), dtype="u2", seed=0):
    return np.random.default_rng(seed).normal(1000, 10, (count, *shape)).astype(dtype)


@pytest.mark.parametrize("method", ["noise-model", "median", "sigma-clip", "minmax", "winsorized", "mad-clip"])
def test_one_frame_is_itself(method):
    one = frames(1)
    made = combine(one, method=method, noise=NOISE)
    np.testing.assert_array_equal(made.value, one[0])
    assert (made.count == 1).all()
    assert (made.dq == DQ.NO_REJECTION_POWER).all()
    assert np.isinf(made.rejection_power).all()
    assert np.isnan(made.variance_scatter).all()
    np.testing.assert_allclose(made.variance_model, 100)


@pytest.mark.parametrize("method", ["noise-model", "median", "sigma-clip", "winsorized"])
def test_two_frames_are_averaged_and_differences_flagged(method):
    two = frames(2)
    two[0, 5, 5] = 9000
    made = combine(two, method=method, noise=NOISE)
    np.testing.assert_array_equal(made.value, two.astype(float).mean(axis=0).astype("f4"))
    assert (made.dq & DQ.NO_REJECTION_POWER).all()
    assert made.dq[5, 5] & DQ.DISAGREEMENT
    assert (made.dq & DQ.DISAGREEMENT).astype(bool).sum() <= 3


def test_all_saturated_is_flagged_and_the_noise_is_not_invented():
    made = combine(np.full((3, 40, 40), 65535, "u2"), saturation=65535)
    assert (made.dq & DQ.SATURATED).all()
    assert (made.value == 65535).all()
    assert made.method == Median()
    assert "saturation" in made.reason


def test_weights_go_with_the_method_that_was_asked_for():
    """Where the median steps in it is said that it took no weights."""
    made = combine(np.full((3, 40, 40), 7, "u2"), weights=[1, 2, 3])
    assert made.method == Median()
    assert "weights are not used" in made.reason


def test_no_frames():
    with pytest.raises(FramesUnfit, match="no frames"):
        combine([])


def test_mixed_shapes_name_the_frame():
    with pytest.raises(FramesUnfit, match=r"c\.fits has shape \(64, 32\), and a\.fits has \(32, 64\)"):
        combine([np.ones((32, 64))] * 2 + [np.ones((64, 32))], names=["a.fits", "b.fits", "c.fits"])


def test_mixed_types_name_the_frame():
    with pytest.raises(FramesUnfit, match=r"frame 2 of 2 is of type float32, and frame 1 of 2 of uint16.*scaled"):
        combine([np.ones((8, 8), "u2"), np.ones((8, 8), "f4")])
    combine([np.ones((8, 8), ">u2"), np.ones((8, 8), "<u2")], method="mean")


@pytest.mark.parametrize("wrong", [np.ones((2, 3, 4)), np.ones((3, 4), complex), np.ones((3, 4), bool), np.ones(4)])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(FramesUnfit, match="frame 1 of 2"):
        combine([wrong, wrong])


def test_what_is_no_array_is_refused():
    with pytest.raises(FramesUnfit, match="is a list"):
        combine([[[1, 2]], [[3, 4]]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "average"}, "no method 'average'.*noise-model"),
        ({"planes": ["sigma"]}, "no planes"),
        ({"masks": [None]}, "1 masks were given for 3 frames"),
        ({"masks": [None, None, np.zeros((2, 2))]}, "masks that of frame 3 of 3 has shape"),
        ({"weights": [1, 2]}, "2 weights"),
        ({"weights": [1, 0, 2]}, "weights that of frame 2 of 3 is 0.0"),
        ({"weights": "exposure"}, "inverse-variance"),
        ({"method": "mean", "weights": "inverse-variance"}, "need variances"),
        ({"method": "median", "weights": [1, 2, 3]}, "median takes no weights"),
        ({"scale": [1, np.nan, 1]}, "scale factors that of frame 2 of 3 is nan"),
        ({"scale": [1, -1, 1]}, "above 0"),
        ({"offsets": [0, 0, np.inf]}, "offsets that of frame 3 of 3"),
        ({"names": ["a"]}, "1 names"),
        ({"band_rows": 0}, "one row at least"),
    ],
)
def test_wrong_requests_say_what_to_do(options, message):
    with pytest.raises(FramesUnfit, match=message):
        combine(frames(), **options)


def test_wrong_parameters_of_methods():
    for make in (
        lambda: MinMax(-1, 0),
        lambda: SigmaClip(center="mode"),
        lambda: SigmaClip(iterations=0),
        lambda: method_named("percentile", {"low": 80, "high": 20}),
        lambda: method_named("minmax", {"lowest": 1}),
    ):
        with pytest.raises(FramesUnfit):
            make()


def test_odd_floats_are_masked():
    """NaN of any payload, infinities of both signs; -0.0 is 0.0."""
    odd = frames(4, dtype="f4")
    odd[:, :5, :5] = 0.0
    odd[1, :5, :5] = -0.0
    odd[0, 10, 10] = np.inf
    odd[1, 10, 10] = -np.inf
    odd[2].view("u4")[10, 10] = 0xFFC12345
    odd[:, 11, 11] = np.nan
    made = combine(odd, noise=NOISE)
    assert made.count[10, 10] == 1
    assert made.value[10, 10] == odd[3, 10, 10]
    assert np.isnan(made.value[11, 11])
    assert made.count[11, 11] == 0
    assert not np.signbit(made.value[:5, :5]).any()
    made = combine(odd, method="mean", scale=[1, 2, 1, 1])
    assert made.count[10, 10] == 1


def test_variances_that_are_no_numbers_mask_their_samples():
    variances = np.full((3, 130, 70), 100.0)
    variances[0, 1, 1] = np.nan
    variances[1, 2, 2] = 0
    made = combine(frames(), variances=list(variances))
    assert made.count[1, 1] == made.count[2, 2] == 2


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_a_frame_lost_or_damaged_midway_is_named(tmp_path, harm):
    store = open_store(tmp_path / "store")
    stack = frames(3, (400, 300))
    refs = [store.put(frame, kind="frame") for frame in stack]
    cubes = [store.open(ref) for ref in refs]
    np.testing.assert_array_equal(combine(cubes, method="median").value, np.median(stack, axis=0))
    files = [path for path in (tmp_path / "store" / refs[1].path).rglob("*") if path.is_file()]
    shard = max(files, key=lambda path: path.stat().st_size)
    if harm == "lost":
        shard.unlink()
    else:
        data = bytearray(shard.read_bytes())
        data[len(data) // 3] ^= 1
        shard.chmod(0o644)
        shard.write_bytes(bytes(data))
    with pytest.raises(FrameUnreadable, match=r"night/b\.fits cannot be combined") as caught:
        combine(
            [store.open(ref) for ref in refs], names=["a.fits", "night/b.fits", "c.fits"], band_rows=64, noise=NOISE
        )
    assert caught.value.frame == 1
    assert caught.value.name == "night/b.fits"
    assert caught.value.exit_code == 4
    assert isinstance(caught.value.__cause__, StoreError)


class Source:
    """Rows that come from elsewhere, until they do not."""

    shape, dtype = (300, 40), np.dtype("u2")

    def __init__(self, error=None, rows=None):
        self.error, self.rows = error, rows

    def read(self, start, stop):
        if self.error and stop > 200:
            raise self.error
        return np.full(((self.rows or stop - start), 40), 1000, "u2")


def test_sources_of_rows_are_frames():
    made = combine([Source(), Source(), np.full((300, 40), 1003, "u2")], noise=NOISE)
    assert (made.value == 1001).all()


def test_errors_of_reading():
    with pytest.raises(FrameUnreadable, match="frame 2 of 2"):
        combine([Source(), Source(Lost("it is gone."))], noise=NOISE, band_rows=64)
    with pytest.raises(FrameUnreadable, match="gives rows of shape"):
        combine([Source(), Source(rows=3)], noise=NOISE, band_rows=64)
    with pytest.raises(StoreUnreachable) as caught:
        combine([Source(), Source(StoreUnreachable("no line"))], noise=NOISE, band_rows=64)
    assert any("frame 2 of 2" in note for note in caught.value.__notes__)


def test_empty_frames_give_empty_planes():
    assert combine(np.ones((3, 0, 5)), method="mean").value.shape == (0, 5)
    assert combine(np.ones((3, 5, 0)), method="mean").value.shape == (5, 0)


def test_more_frames_than_a_network_sorts():
    many = frames(130, (6, 11), "f4")
    made = combine(many, method="median")
    np.testing.assert_allclose(made.value, np.median(many, axis=0), rtol=1e-7)
    assert made.count.dtype == np.uint8
    assert combine(np.concatenate([many, many]), method="mean").count.dtype == np.uint16
