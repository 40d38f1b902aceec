"""Pixels of every type and shape: kept exactly, read by bands, scaled as astropy scales them."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipelines.fits import FitsError, open_fits
from pipelines.fits.pixels import encode

DTYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def write(path, array, **cards):
    header = fits.Header(cards)
    fits.PrimaryHDU(array, header).writeto(path, overwrite=True)
    return path


def bands(source, step):
    axis = max(0, len(source.shape) - 2)
    starts = range(0, source.shape[axis], step)
    return np.concatenate([source.read(start, min(start + step, source.shape[axis])) for start in starts], axis=axis)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_is_kept_exactly(tmp_path, dtype):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        array = np.array([[0.0, -0.0, np.inf, -np.inf], [1e-40, 1.5, -2.5, np.nan]], kind)
        array.view(f"u{kind.itemsize}")[1, 3] |= 12345  # a NaN with a payload
    else:
        info = np.iinfo(kind)
        array = np.array([[info.min, info.min + 1, 0, 1], [info.max, info.max - 1, 7, 100]], kind)
    with open_fits(write(tmp_path / "a.fits", array)) as file:
        (hdu,) = file.hdus
        kept = hdu.pixels.read(0, 2)
        assert (hdu.dtype, hdu.shape, hdu.scale) == (kind.name, (2, 4), None)
        assert kept.dtype == kind
        assert kept.dtype.isnative
        assert kept.tobytes() == array.tobytes()
        assert encode(kept, kind) == (tmp_path / "a.fits").read_bytes()[2880 : 2880 + array.nbytes]


@given(
    array=arrays.arrays(
        st.sampled_from(DTYPES),
        arrays.array_shapes(min_dims=1, max_dims=4, max_side=7),
        elements={"allow_nan": False},
    ),
    step=st.integers(1, 8),
)
def test_bands_join_to_the_whole(tmp_path, array, step):
    with open_fits(write(tmp_path / "a.fits", array)) as file:
        np.testing.assert_array_equal(bands(file.hdus[0].pixels, step), array)


@pytest.mark.parametrize("shape", [(3, 2000, 40), (40, 1, 9), (2, 3, 300, 2), (5000, 3, 2)])
def test_bands_of_few_large_and_many_small_planes(tmp_path, shape):
    array = np.random.default_rng(1).integers(0, 1 << 16, shape, np.uint16)
    with open_fits(write(tmp_path / "a.fits", array)) as file:
        for step in (1, 7, shape[-2]):
            np.testing.assert_array_equal(bands(file.hdus[0].pixels, step), array)


def test_rows_that_are_not_there_are_an_index_error(tmp_path):
    with open_fits(write(tmp_path / "a.fits", np.zeros((4, 5), "i2"))) as file:
        assert file.hdus[0].pixels.read(2, 2).shape == (0, 5)
        for start, stop in ((-1, 2), (0, 5), (3, 2)):
            with pytest.raises(IndexError):
                file.hdus[0].pixels.read(start, stop)


SCALES = [
    {"BSCALE": 2.5},
    {"BZERO": -7.25},
    {"BSCALE": 0.1, "BZERO": 1000},
    {"BSCALE": 2, "BZERO": 32768},
    {"BLANK": 3},
    {"BLANK": -5, "BSCALE": 0.5, "BZERO": 10.0},
    {"BLANK": 99_999_999},
    {"BLANK": "three"},
]


@pytest.mark.parametrize("bitpix", [8, 16, 32, 64, -32, -64])
@pytest.mark.parametrize("cards", SCALES, ids=str)
def test_scaled_values_are_astropys(tmp_path, bitpix, cards):
    dtype = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}[bitpix]
    array = np.arange(-6 if bitpix != 8 else 0, 18 if bitpix != 8 else 24).reshape(4, 6).astype(dtype)
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(array).writeto(path)
    raw = bytearray(path.read_bytes())
    end = raw.index(b"END     ")
    for number, (key, value) in enumerate([*cards.items(), ("END", None)]):
        text = "END" if key == "END" else str(fits.Card(key, value))
        raw[end + 80 * number : end + 80 * number + 80] = text.ljust(80).encode()
    path.write_bytes(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = fits.getdata(path)
    with open_fits(path) as file:
        (hdu,) = file.hdus
        kept = hdu.pixels.read(0, 4)
    np.testing.assert_array_equal(kept, array)
    if hdu.scale is None:
        np.testing.assert_array_equal(kept, expected)
        return
    slope, zero, blank, scaled = hdu.scale
    values = kept.astype(scaled)
    values = values if slope == 1 else values * np.dtype(scaled).type(slope)
    values = values if zero == 0 else values + np.dtype(scaled).type(zero)
    if blank is not None:
        values[kept == blank] = np.nan
    assert values.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(values, expected)


def test_a_blank_of_zero_has_no_value(tmp_path):
    # FITS 4.0 section 5.3 makes no exception for 0; astropy does.
    with open_fits(write(tmp_path / "a.fits", np.arange(4, dtype="i2"), BLANK=0)) as file:
        assert file.hdus[0].scale == (1.0, 0.0, 0, "float32")


@pytest.mark.parametrize("value", ["'1.5'", "NaN", "T", "(1.0, 2.0)"])
def test_a_scale_that_is_no_number_is_refused(tmp_path, value):
    path = write(tmp_path / "a.fits", np.zeros((2, 2), "i2"), TESTKEY=1)
    old = str(fits.Card("TESTKEY", 1)).encode()
    path.write_bytes(path.read_bytes().replace(old, f"BSCALE  = {value}".encode().ljust(80)))
    with pytest.raises(FitsError, match="BSCALE") as caught:
        open_fits(path)
    assert caught.value.code == "bad-structure"


def test_threads_may_read_one_image_together(tmp_path):
    array = np.random.default_rng(2).integers(0, 1000, (4, 512, 64), np.int32)
    with open_fits(write(tmp_path / "a.fits", array)) as file, ThreadPoolExecutor(8) as pool:
        pixels = file.hdus[0].pixels
        read = list(pool.map(lambda start: pixels.read(start, start + 8), range(0, 512, 8)))
    np.testing.assert_array_equal(np.concatenate(read, axis=1), array)


def test_a_closed_file_cannot_be_read(tmp_path):
    with open_fits(write(tmp_path / "a.fits", np.zeros((4, 5), "i2"))) as file:
        pixels = file.hdus[0].pixels
    with pytest.raises(FitsError, match="closed"):
        pixels.read(0, 1)


def test_a_file_cut_while_it_is_open_is_noticed(tmp_path):
    path = write(tmp_path / "a.fits", np.zeros((400, 50), "i2"))
    with open_fits(path) as file:
        with path.open("r+b") as writer:
            writer.truncate(10_000)
        with pytest.raises(FitsError) as caught:
            file.hdus[0].pixels.read(0, 400)
        assert caught.value.code == "truncated"
        with pytest.raises(FitsError):
            file.sha256()
