"""Cubes: values that go into an array of the caller's are those of numpy, wherever that array lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arraystore import ArrayDamaged, Scale, open_store


@pytest.fixture(scope="module")
def arrays():
    """A store in memory, and of each shape an array and its cube."""
    store = open_store("memory://test_cubes", threads=2)
    rng = np.random.default_rng(1)
    made = []
    for kind, shape, dtype in [
        ("ramp", (2, 5, 70, 103), "u2"),
        ("ramp", (300, 17, 30), "f4"),  # several chunks along time
        ("groupdq", (2, 3, 70, 103), "u1"),
        ("slope", (2, 70, 90), "f4"),
        ("frame", (70, 1100), "u2"),
        ("bytes", (5000,), "u1"),
        ("ramp", (1, 4, 40, 50), "zero"),
    ]:
        array = np.zeros(shape, "u2") if dtype == "zero" else rng.normal(200, 30, shape).astype(dtype)
        made.append((array, store.open(store.put(array, kind=kind))))
    return made


def selection(length):
    return st.one_of(st.slices(length), st.integers(-length, length - 1))


@given(data=st.data())
def test_what_is_read_into_an_array_is_what_numpy_selects(arrays, data):
    array, cube = data.draw(st.sampled_from(arrays))
    key = data.draw(st.one_of(st.just(...), st.tuples(*map(selection, array.shape))))
    wanted = np.asarray(array[key])
    assert np.array_equal(np.asarray(cube[key]), wanted)
    order = data.draw(st.sampled_from("CF"))
    dtype = wanted.dtype.newbyteorder(data.draw(st.sampled_from("<>")))
    around = np.full([n + 2 for n in wanted.shape], 77, dtype, order)
    out = around[(slice(1, -1),) * wanted.ndim] if wanted.ndim else around
    assert cube.read_into(out, key) is out
    assert np.array_equal(out, wanted)
    out[...] = 77
    assert (around == 77).all()  # nothing was written beside it


@pytest.mark.parametrize("rows", [1, 16, 50])
def test_large_selections_are_the_same_by_several_threads(rows, tmp_path):
    array = np.random.default_rng(2).integers(0, 4000, (4, 20, 100, 260)).astype("u2")
    store = open_store(tmp_path, threads=3)
    cube = store.open(store.put(array, kind="ramp"))
    out = np.zeros(array.shape, "u2")
    cube.read_into(out)
    assert np.array_equal(out, array)
    assert np.array_equal(cube[..., 7 : 7 + rows, 3:250:2], array[..., 7 : 7 + rows, 3:250:2])


def test_scaled_values_are_read_into_an_array_of_their_type():
    store = open_store("memory://test_cubes_scale")
    array = np.arange(12, dtype="i2").reshape(3, 4)
    cube = store.open(store.put(array, kind="frame", scale=Scale(2.0, 1.0, None, "float64")))
    out = np.zeros((3, 4))
    cube.read_into(out)
    assert np.array_equal(out, array * 2.0 + 1)
    raw = np.zeros((3, 4), "i2")
    cube.stored.read_into(raw)
    assert np.array_equal(raw, array)


def test_an_array_that_does_not_fit_is_refused_untouched(arrays):
    _, cube = arrays[0]
    locked = np.zeros(cube.shape, "u2")
    locked.flags.writeable = False
    for out in (np.zeros(cube.shape, "i2"), np.zeros((5, 70, 103), "u2"), locked):
        with pytest.raises(ValueError, match="array for"):
            cube.read_into(out)
        assert not out.any()


def test_damage_is_met_by_several_threads_too(tmp_path):
    array = np.random.default_rng(2).integers(0, 4000, (4, 20, 64, 260)).astype("u2")
    store = open_store(tmp_path, threads=3)
    ref = store.put(array, kind="ramp")
    (shard,) = (tmp_path / ref.path).glob("c.*")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(data)
    with pytest.raises(ArrayDamaged):
        store.open(ref).read_into(np.empty(array.shape, "u2"))
