"""Splits: the same pixels in other arrays, in bands of any size, and together again exactly."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.instruments import ProfileError, splits
from pipelines.instruments.splits import join, split


class Frames:
    """Frames read in bands of rows, which remembers how much was read at once."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read_rows = 0
        self.largest = 0

    def read(self, start, stop):
        band = np.ascontiguousarray(self.array[..., start:stop, :])
        self.read_rows += stop - start
        self.largest = max(self.largest, band.nbytes)
        return band


def exposure(nint, ngroup, ny, nx, seed=0):
    return np.random.default_rng(seed).integers(0, 2**16, (nint * ngroup, ny + ny // 4, nx), dtype=np.uint16)


def expected_refout(frames, nint, ngroup, ny, nx):
    """The reference output, element by element: run k of ny values of the rows on top is column k."""
    out = np.empty((nint, ngroup, ny, nx // 4), frames.dtype)
    for frame in range(nint * ngroup):
        run = [int(value) for row in frames[frame, ny:] for value in row]
        for k in range(nx // 4):
            for y in range(ny):
                out[frame // ngroup, frame % ngroup, y, k] = run[k * ny + y]
    return out


shapes = st.tuples(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 6).map(lambda n: 4 * n),
    st.integers(1, 6).map(lambda n: 4 * n),
)


@given(shapes, st.integers(0, 100))
def test_ground_frames_are_split_as_their_reference_output_was_packed_and_joined_exactly(shape, seed):
    nint, ngroup, ny, nx = shape
    frames = exposure(*shape, seed)
    header = {"NINT": nint, "NGROUPS": ngroup}
    parts = split("miri-ground", Frames(frames), header)
    assert list(parts) == ["sci", "refout"]
    assert parts["sci"].shape == shape
    assert parts["refout"].shape == (nint, ngroup, ny, nx // 4)
    sci, refout = parts["sci"].read(0, ny), parts["refout"].read(0, ny)
    assert np.array_equal(sci, frames[:, :ny].reshape(shape))
    assert np.array_equal(refout, expected_refout(frames, *shape))
    again = join("miri-ground", {"sci": sci, "refout": refout}, header)
    assert again.dtype == frames.dtype
    assert np.array_equal(again, frames)


@given(st.lists(st.integers(0, 27), min_size=2, max_size=8), st.integers(1, 4000))
def test_bands_are_pieces_of_the_whole_whatever_the_budget(cuts, budget):
    shape = (2, 3, 24, 20)
    frames = exposure(*shape)
    parts = split("miri-ground", Frames(frames), {"NINT": 2, "NGROUP": 3})
    whole = expected_refout(frames, *shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "BUDGET", budget)
        for start, stop in pairwise(cuts):
            start, stop = min(start, stop), max(start, stop)
            assert np.array_equal(parts["refout"].read(start, stop), whole[:, :, start:stop])
            assert np.array_equal(parts["sci"].read(start, stop), frames[:, :24][:, start:stop].reshape(2, 3, -1, 20))


def test_a_band_that_is_changed_does_not_change_the_next(monkeypatch):
    frames = exposure(1, 1, 8, 8)
    part = split("miri-ground", Frames(frames), {"NINT": 1, "NGROUPS": 1})["refout"]
    first = part.read(0, 4)
    first[:] = 0
    assert np.array_equal(part.read(0, 8), expected_refout(frames, 1, 1, 8, 8))


def test_a_small_exposure_is_read_once_and_a_large_one_within_the_budget(monkeypatch):
    frames = exposure(2, 4, 128, 64)
    source = Frames(frames)
    part = split("miri-ground", source, {"NINT": 2, "NGROUPS": 4})["refout"]
    for start in range(0, 128, 32):
        part.read(start, start + 32)
    assert source.read_rows == 32
    budget = 16 * 1024
    monkeypatch.setattr(splits, "BUDGET", budget)
    source = Frames(frames)
    part = split("miri-ground", source, {"NINT": 2, "NGROUPS": 4})["refout"]
    for start in range(0, 128, 16):
        part.read(start, start + 16)
    assert source.largest <= budget


@pytest.mark.parametrize(
    ("header", "shape", "code"),
    [
        ({"NGROUPS": 2}, (4, 10, 8), "header-mismatch"),
        ({"NINT": 2}, (4, 10, 8), "header-mismatch"),
        ({"NINT": 0, "NGROUPS": 2}, (4, 10, 8), "header-mismatch"),
        ({"NINT": "2", "NGROUPS": 2}, (4, 10, 8), "header-mismatch"),
        ({"NINT": True, "NGROUPS": 4}, (4, 10, 8), "header-mismatch"),
        ({"NINT": 2, "NGROUPS": 3}, (4, 10, 8), "shape-mismatch"),
        ({"NINT": 2, "NGROUPS": 2}, (4, 11, 8), "shape-mismatch"),
        ({"NINT": 2, "NGROUPS": 2}, (4, 10, 7), "shape-mismatch"),
        ({"NINT": 2, "NGROUPS": 2}, (10, 8), "shape-mismatch"),
        ({"NINT": 2, "NGROUPS": 2}, (4, 0, 8), "shape-mismatch"),
    ],
)
def test_what_cannot_be_split_is_refused(header, shape, code):
    with pytest.raises(ProfileError) as caught:
        split("miri-ground", Frames(np.zeros(shape, np.uint16)), header)
    assert caught.value.code == code


def test_an_unknown_split_is_refused():
    with pytest.raises(ProfileError, match="known are miri-ground"):
        split("miri-air", Frames(np.zeros((1, 5, 4), np.uint16)), {})
    with pytest.raises(ProfileError, match="upgrade"):
        join("miri-air", {}, {})
