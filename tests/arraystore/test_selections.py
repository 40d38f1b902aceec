"""Slicing: a cube gives what a numpy array of the same values gives."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from arraystore import Scale, open_store
from arraystore.selections import parse

SHAPES = {
    "ramp": (3, 7, 41, 67),
    "groupdq": (2, 4, 50, 90),
    "slope": (3, 140, 100),
    "frame": (150, 1100),
    "bytes": (2**20 + 17,),
    "array": (3, 2, 70, 5),
}


@pytest.fixture(scope="module")
def cubes():
    store = open_store("memory://selections")
    rng = np.random.default_rng(1)
    arrays = {}
    for kind, shape in SHAPES.items():
        dtype = {"slope": "f4", "groupdq": "u1", "bytes": "u1"}.get(kind, "u2")
        array = rng.integers(0, 200, shape).astype(dtype)
        arrays[kind] = array, store.open(store.put(array, kind=kind))
    return arrays


@pytest.mark.parametrize("kind", SHAPES)
@given(data=st.data())
def test_any_basic_index_gives_what_numpy_gives(cubes, kind, data):
    array, cube = cubes[kind]
    key = data.draw(npst.basic_indices(array.shape, allow_newaxis=False, allow_ellipsis=True))
    expected = array[key]
    got = cube[key]
    assert type(got) is type(expected)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("key", [None, [1, 2], np.array([0, 1]), True, "a", 1.0, (0, None), (np.array([True]),)])
def test_what_is_no_basic_index_is_refused(cubes, key):
    with pytest.raises(IndexError, match="asarray"):
        cubes["ramp"][1][key]


@pytest.mark.parametrize("key", [3, -4, (0, 0, 0, 67), (0,) * 5, (Ellipsis, Ellipsis)])
def test_out_of_range_is_an_index_error(cubes, key):
    with pytest.raises(IndexError):
        cubes["ramp"][1][key]


def test_a_zero_step_is_a_value_error(cubes):
    with pytest.raises(ValueError, match="zero"):
        cubes["ramp"][1][::0]


def test_numpy_integers_index(cubes):
    array, cube = cubes["ramp"]
    assert np.array_equal(cube[np.int64(1), np.uint8(3)], array[1, 3])


@given(st.integers(1, 60), st.slices(60), st.integers(1, 20))
def test_an_axis_falls_into_chunks_without_gap_or_overlap(length, item, size):
    (axis,) = parse(item, (length,))
    parts = [axis.within(low, low + size) for low in range(0, length, size)]
    assert sum(stop - start for start, stop in parts) == axis.size
    for low, (start, stop) in zip(range(0, length, size), parts, strict=True):
        values = [axis.start + n * axis.step for n in range(start, stop)]
        assert all(low <= value < low + size for value in values)


def test_bands_give_every_row_once(cubes):
    for kind, (array, cube) in cubes.items():
        for rows in (None, 70_000 if array.ndim == 1 else 7):
            axis = max(0, array.ndim - 2)
            got = [(part, values) for part, values in cube.bands(rows)]
            assert [p.start for p, _ in got] == [0, *(p.stop for p, _ in got[:-1])], kind
            assert np.array_equal(np.concatenate([v for _, v in got], axis=axis), array), kind


@given(
    dtype=st.sampled_from(["u1", "i2", "u2", "i4"]),
    slope=st.sampled_from([1.0, 0.5, -3.25, 1e-3]),
    zero=st.sampled_from([0.0, 32768.0, -1.5]),
    blank=st.sampled_from([None, 7]),
)
def test_scaled_values_are_those_of_astropy(tmp_path_factory, dtype, slope, zero, blank):
    fits = pytest.importorskip("astropy.io.fits")
    raw = np.arange(-60, 60).astype(dtype).reshape(10, 12)
    header = fits.Header()
    path = tmp_path_factory.mktemp("scaled") / "a.fits"
    fits.PrimaryHDU(raw, header).writeto(path)
    with fits.open(path, mode="update", memmap=False, do_not_scale_image_data=True) as hdus:
        bzero = hdus[0].header.get("BZERO")
        hdus[0].header["BSCALE"], hdus[0].header["BZERO"] = slope, zero
        if blank is not None:
            hdus[0].header["BLANK"] = blank
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        stored = np.array(hdus[0].data)
    with fits.open(path) as hdus:
        expected = np.array(hdus[0].data)
    if expected.dtype.kind != "f" or bzero is not None:
        return  # astropy keeps integers there: no scale would be given
    store = open_store("memory://scaled")
    stored = stored.astype(stored.dtype.newbyteorder("="))
    scale = Scale(slope, zero, blank, expected.dtype.name)
    cube = store.open(store.put(stored, kind="frame", scale=scale).to_dict())
    assert cube.dtype == expected.dtype.newbyteorder("=")
    assert np.array_equal(cube[...], expected, equal_nan=True)
    assert np.array_equal(cube[3, ::2], expected[3, ::2], equal_nan=True)
    assert np.array_equal(cube.stored[...], stored)
    assert cube.stored.dtype == stored.dtype


def test_a_scaled_cube_is_read_anew_each_time():
    store = open_store("memory://scaled-zero")
    cube = store.open(store.put(np.zeros((4, 4), "i2"), kind="frame", scale=Scale(2.0, 1.0)))
    cube[...][:] = 9
    assert np.array_equal(cube[...], np.ones((4, 4), "f4"))
    assert cube[1, 1] == np.float32(1)


def test_a_scale_is_for_numbers(store):
    with pytest.raises(ValueError, match="numbers"):
        store.put(np.zeros((4, 4), "?"), kind="frame", scale=Scale(2.0))
    # Rare and allowed: BSCALE and BZERO of a floating-point image (FITS 4.0, section 4.4.2.5).
    stored = np.array([[1.5, np.nan], [-0.0, np.inf]], "f4")
    cube = store.open(store.put(stored, kind="frame", scale=Scale(2.0, 1.0)))
    assert np.array_equal(cube[...], stored * 2 + 1, equal_nan=True)
    assert np.array_equal(cube.stored[...].view("u4"), stored.view("u4"))


def test_xarray_and_dask_give_the_same_values(cubes):
    pytest.importorskip("xarray")
    pytest.importorskip("dask.array")
    array, cube = cubes["ramp"]
    named = cube.to_xarray()
    assert named.dims == ("integration", "group", "y", "x")
    assert np.array_equal(named.isel(y=3, x=4).values, array[:, :, 3, 4])
    assert int(named.sel(x=66).x) == 66
    lazy = cube.to_dask()
    assert lazy.shape == array.shape
    assert lazy.dtype == array.dtype
    assert np.array_equal(lazy[1, 2].compute(scheduler="synchronous"), array[1, 2])
    assert int(lazy.max().compute(scheduler="threads")) == array.max()


def test_a_cube_is_an_array_to_numpy(cubes):
    array, cube = cubes["frame"]
    assert np.array_equal(np.asarray(cube), array)
    assert np.asarray(cube, dtype="f8").dtype == np.float64
    assert len(cube) == 150
    assert cube.size == array.size
    with pytest.raises(ValueError, match="copy"):
        np.array(cube, copy=False)
    assert repr(cube).startswith("<Cube frame (y 150, x 1100) uint16 ")
    assert sum(1 for _ in cube) == 150


def test_a_cube_goes_to_another_process_without_what_a_notebook_shows(tmp_path):
    store = open_store(tmp_path / "store")
    pixels = np.arange(600, dtype="u2").reshape(20, 30)
    cube = store.open(store.put(pixels, kind="frame", scale=Scale(slope=0.5, zero=3.0, dtype="float32")))
    for sent in (cube, cube.stored, cube.previewed(lambda _: "a picture")):
        there = pickle.loads(pickle.dumps(sent))
        np.testing.assert_array_equal(there[...], sent[...])
        assert (there.dtype, there.ref) == (sent.dtype, sent.ref)
        assert "a picture" not in there._repr_html_()
