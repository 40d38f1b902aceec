"""A stock zarr-python reads every array this store writes, bit for bit, knowing nothing of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from arraystore import KINDS, open_store

zarr = pytest.importorskip("zarr")


def bits(array):
    array = np.asarray(array)
    return (
        array.shape,
        array.dtype.newbyteorder("=").name,
        array.astype(array.dtype.newbyteorder("<")).tobytes(),
    )


def stock(folder, ref):
    """The array as zarr alone reads it, its axes put back in natural order by their names."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3")
        array = zarr.open_array(folder / ref.path, mode="r", zarr_format=3)
        values = np.asarray(array[...])
    names = array.metadata.dimension_names
    natural = array.attrs["darkroom"]["axes"]
    return values.transpose([names.index(name) for name in natural]) if natural else values


EXAMPLES = [
    ("ramp", (2, 6, 70, 103), "u2"),
    ("ramp", (6, 70, 103), "i4"),
    ("ramp", (2, 6, 70, 103), "f4"),
    ("ramp", (2, 300, 20, 30), "u2"),
    ("ramp", (700, 3, 20, 30), "f8"),
    ("groupdq", (2, 6, 70, 103), "u1"),
    ("slope", (3, 130, 100), "f4"),
    ("plane", (130, 100), "f4"),
    ("dq", (3, 130, 200), "u4"),
    ("dq", (130, 200), "u4"),
    ("frame", (200, 1500), "u2"),
    ("frame", (200, 1500), "i2"),
    ("master", (200, 1500), "f4"),
    ("master", (3, 200, 150), "f8"),
    ("bytes", (2_500_000,), "u1"),
    ("array", (), "f8"),
    ("array", (5,), "?"),
    ("array", (0, 4), "f4"),
    ("array", (4, 0), "u2"),
    ("array", (0,), "u2"),
    ("array", (9, 8, 7), "c8"),
    ("array", (9, 8, 7), "c16"),
    ("array", (9, 8, 7), "f2"),
    ("array", (2, 2, 3, 70, 5), "i8"),
    ("array", (100,), "u8"),
    ("array", (100, 3), "i1"),
    ("rates", (7, 70, 103), "f4"),
    ("rates-dq", (7, 70, 103), "u4"),
]


@pytest.mark.parametrize(("kind", "shape", "dtype"), EXAMPLES, ids=lambda v: str(v))
def test_stock_zarr_reads_every_kind(files, folder, kind, shape, dtype):
    rng = np.random.default_rng(3)
    array = rng.normal(100, 60, shape).astype(dtype)
    ref = files.put(array, kind=kind)
    assert bits(stock(folder, ref)) == bits(array)
    assert bits(files.open(ref)[...]) == bits(array)


def test_every_kind_is_among_the_examples():
    assert {kind for kind, _, _ in EXAMPLES} == set(KINDS)


def test_an_array_of_zero_bytes_is_read_without_its_shard(files, folder):
    array = np.zeros((2, 6, 70, 103), "f4")
    ref = files.put(array, kind="ramp")
    assert sorted(p.name for p in (folder / ref.path).iterdir()) == ["manifest.json", "zarr.json"]
    assert bits(stock(folder, ref)) == bits(array)


def test_one_shard_file_an_array(files, folder, ramp):
    ref = files.put(ramp, kind="ramp")
    names = sorted(p.name for p in (folder / ref.path).iterdir())
    assert names == ["c.0.0.0.0", "manifest.json", "zarr.json"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = zarr.open_array(folder / ref.path, mode="r")
    assert array.shards == tuple(-(-n // c) * c for n, c in zip(array.shape, array.chunks, strict=True))
    assert array.metadata.dimension_names == ("y", "x", "integration", "group")


# Every bit pattern counts: NaN payloads, infinities, minus zero, wrap-around integers.
SHAPES = npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=7)
DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    npst.complex_number_dtypes(endianness="?", sizes=(64, 128)),
)


@st.composite
def arrays(draw):
    dtype, shape = draw(DTYPES), draw(SHAPES)
    count = int(np.prod(shape))
    if dtype.kind == "b":
        array = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 2, shape).astype(dtype)
    else:
        nbytes = count * dtype.itemsize
        seed = draw(st.integers(0, 2**32 - 1))
        raw = draw(st.sampled_from([b"\0", b"\xff", b"\x80\0", b"\0\x80", b"\x7f\xc0\0\1", None]))
        rng = np.random.default_rng(seed)
        data = rng.bytes(nbytes) if raw is None else (raw * (nbytes // len(raw) + 1))[:nbytes]
        array = np.frombuffer(data, dtype).reshape(shape)
    if draw(st.booleans()):
        array = np.asfortranarray(array)
    if array.ndim and draw(st.booleans()):
        array = array[::-1]
    return array


@settings(max_examples=150)
@given(array=arrays(), data=st.data())
def test_any_array_round_trips_bit_for_bit(tmp_path_factory, array, data):
    kind = data.draw(st.sampled_from([k for k, v in KINDS.items() if array.ndim in v.ndims]))
    folder = tmp_path_factory.getbasetemp() / "round-trip"
    store = open_store(folder)
    ref = store.put(array, kind=kind)
    cube = store.open(ref.to_dict())
    assert bits(cube[...]) == bits(array)
    assert cube[...].dtype.isnative
    assert store.verify(ref, "decode") == []
    assert bits(stock(folder, ref)) == bits(array)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("kind", ["ramp", "array"])
def test_every_float_bit_pattern_survives(store, kind, dtype):
    size = np.dtype(dtype).itemsize
    rng = np.random.default_rng(5)
    special = {"f2": [0x7C01, 0x7E00, 0x8000, 0xFE01], "f4": [0x7F800001, 0x7FC12345, 0x80000000, 0xFFFFFFFF]}
    patterns = special.get(dtype, [0x7FF0000000000001, 0x7FF8DEADBEEF0000, 1 << 63, (1 << 64) - 1])
    array = np.frombuffer(rng.bytes(2 * 3 * 40 * 50 * size), f"u{size}").copy()
    array[rng.integers(0, array.size, 500)] = patterns * 125
    array = array.reshape(2, 3, 40, 50).view(dtype)
    assert bits(store.open(store.put(array, kind=kind))[...]) == bits(array)


def test_every_uint16_step_survives(store):
    """Differences that wrap around in both directions."""
    rng = np.random.default_rng(6)
    array = rng.choice(np.array([0, 1, 32767, 32768, 65534, 65535], "u2"), (2, 50, 40, 50))
    assert bits(store.open(store.put(array, kind="ramp"))[...]) == bits(array)
