"""Tile-compressed images: decompressed as astropy does, by bands, and refused when they are damaged."""

import contextlib
import gzip
import io
import struct
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipelines.fits import FitsError, Limits, open_fits


def packed(array, method="RICE_1", tile=None, primary=None, **options):
    buffer = io.BytesIO()
    image = fits.CompImageHDU(array, name="SCI", compression_type=method, tile_shape=tile, **options)
    fits.HDUList([fits.PrimaryHDU(primary), image]).writeto(buffer)
    return buffer.getvalue()


def read_all(path, limits=None):
    with open_fits(path, limits=limits) as file:
        return [
            hdu.pixels.read(0, hdu.shape[max(0, len(hdu.shape) - 2)]) for hdu in file.hdus if hdu.pixels is not None
        ]


@pytest.mark.parametrize("method", ["RICE_1", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1", "NOCOMPRESS"])
def test_every_method_is_decompressed_by_bands(tmp_path, method):
    array = np.random.default_rng(0).integers(0, 200, (48, 40)).astype("i2")
    path = tmp_path / "a.fits.fz"
    path.write_bytes(packed(array, method, (16, 40) if method == "HCOMPRESS_1" else (1, 40)))
    with open_fits(path) as file:
        assert file.encoding == "tile"
        assert [hdu.kind for hdu in file.hdus] == ["primary", "compressed-image"]
        image = file.hdus[1]
        assert (image.name, image.shape, image.dtype, image.scale) == ("SCI", (48, 40), "int16", None)
        for start in range(0, 48, 7):
            kept = image.pixels.read(start, min(48, start + 7))
            assert kept.dtype.isnative
            np.testing.assert_array_equal(kept, array[start : start + 7])
        assert image.pixels.read(5, 5).shape == (0, 40)
        assert file.parts() == [{"residue": file.size}]
        assert file.residue().read(0, file.size).tobytes() == path.read_bytes()


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(60,), (20, 30), (3, 20, 30), (2, 3, 10, 30)])
def test_every_type_and_shape(tmp_path, dtype, shape):
    array = np.random.default_rng(1).integers(0, 100, shape).astype(dtype)
    path = tmp_path / "a.fits"
    path.write_bytes(packed(array, "GZIP_2", quantize_level=0))
    (kept,) = read_all(path)
    assert kept.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(kept, array)


def test_quantized_values_are_astropys(tmp_path):
    array = np.random.default_rng(2).normal(100, 5, (40, 30)).astype("f4")
    array[3, 4] = np.nan
    path = tmp_path / "a.fits"
    path.write_bytes(packed(array, quantize_level=4.0, quantize_method=1, dither_seed=7))
    (kept,) = read_all(path)
    np.testing.assert_array_equal(kept, fits.getdata(path, 1))


def test_an_image_beside_it_keeps_its_pixels(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(packed(np.ones((4, 5), "i2"), primary=np.arange(6, dtype="i4")))
    first, second = read_all(path)
    np.testing.assert_array_equal(first, np.arange(6))
    np.testing.assert_array_equal(second, 1)


def test_a_gzipped_one_is_both(tmp_path):
    array = np.arange(600, dtype="i4").reshape(20, 30)
    path = tmp_path / "a.fits.fz.gz"
    path.write_bytes(gzip.compress(packed(array, "HCOMPRESS_1", (16, 30))))
    with open_fits(path) as file:
        assert file.encoding == "gzip"
        np.testing.assert_array_equal(file.hdus[1].pixels.read(3, 9), array[3:9])


def test_a_decompressor_that_crashes_costs_the_file_alone(tmp_path):
    # Two bytes of an HCOMPRESS stream that make cfitsio's decoder write outside its buffer.
    array = np.random.default_rng(4).poisson(100, (40, 30)).astype("i2")
    raw = bytearray(packed_plainly(array))
    raw[6568], raw[6604] = 0, 31
    path = tmp_path / "a.fits"
    path.write_bytes(raw)
    with pytest.raises(FitsError) as caught:
        read_all(path)
    assert caught.value.code == "bad-compression"


def packed_plainly(array):
    buffer = io.BytesIO()
    image = fits.CompImageHDU(array, compression_type="HCOMPRESS_1", tile_shape=(16, 30))
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(buffer)
    return buffer.getvalue()


def edited(raw, keyword, value):
    """Put another value on the card of a keyword in the second header."""
    at = raw.index(keyword.ljust(8).encode() + b"= ", 2880)
    card = f"{keyword:8}= {value}".ljust(80).encode()
    return raw[:at] + card + raw[at + 80 :]


@pytest.mark.parametrize(
    ("keyword", "value", "code"),
    [
        ("ZNAXIS1", 300_000_000, "too-large"),
        ("ZNAXIS1", -5, "bad-structure"),
        ("ZNAXIS2", 41, "bad-structure"),
        ("ZBITPIX", 12, "bad-structure"),
        ("ZBITPIX", "'16'", "bad-structure"),
        ("ZTILE1", 0, "bad-structure"),
        ("ZTILE1", 2.5, "bad-structure"),
        ("ZCMPTYPE", "'LZW'", "bad-compression"),
        ("ZCMPTYPE", 5, "bad-compression"),
        ("TFORM1", "'1J'", "bad-structure"),
        ("TFORM1", "'9PB'", "bad-structure"),
        ("TFORM1", 7, "bad-structure"),
        ("TTYPE1", "'OTHER'", "bad-structure"),
        ("TFIELDS", 0, "bad-structure"),
        ("ZVAL1", 0, "bad-structure"),
        ("ZVAL2", 1_000_000, "bad-structure"),
        ("ZNAME1", 3, "bad-structure"),
    ],
)
def test_a_table_that_cannot_be_believed_is_refused(tmp_path, keyword, value, code):
    path = tmp_path / "a.fits"
    path.write_bytes(edited(packed(np.zeros((40, 30), "i2")), keyword, value))
    with pytest.raises(FitsError) as caught:
        open_fits(path)
    assert caught.value.code == code


def test_a_tile_over_the_cap_is_refused(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(packed(np.zeros((400, 300), "i2"), tile=(400, 300)))
    assert read_all(path)[0].shape == (400, 300)
    with pytest.raises(FitsError, match=r"one tile.*Limits\(tile") as caught:
        open_fits(path, limits=Limits(tile=100_000))
    assert caught.value.code == "too-large"


@pytest.mark.parametrize("descriptor", [(1 << 30, 0), (10, 1 << 30), (-5, 0), (10, -7)])
def test_a_tile_outside_the_file_is_refused(tmp_path, descriptor):
    raw = bytearray(packed(np.arange(1200, dtype="i2").reshape(40, 30)))
    path = tmp_path / "a.fits"
    path.write_bytes(raw)
    with open_fits(path) as file:
        table = sum(len(block) for block in file.cards_blocks())
    raw[table : table + 8] = struct.pack(">ii", *descriptor)
    path.write_bytes(raw)
    with pytest.raises(FitsError, match="outside the data") as caught:
        read_all(path)
    assert caught.value.code == "bad-compression"


def test_a_tile_that_expands_a_thousandfold_is_refused(tmp_path):
    array = np.random.default_rng(5).integers(0, 1 << 15, (1, 9_000)).astype("i2")
    raw = bytearray(packed(array, "GZIP_1"))
    path = tmp_path / "a.fits"
    path.write_bytes(raw)
    with open_fits(path) as file:
        table = sum(len(block) for block in file.cards_blocks())
    count, offset = struct.unpack(">ii", raw[table : table + 8])
    bomb = gzip.compress(bytes(10_000_000))
    assert len(bomb) < count
    heap = table + 8
    raw[heap + offset : heap + offset + len(bomb)] = bomb
    raw[table : table + 8] = struct.pack(">ii", len(bomb), offset)
    path.write_bytes(raw)
    with pytest.raises(FitsError, match="expands to more") as caught:
        read_all(path)
    assert caught.value.code == "bad-compression"


GOOD = {
    method: packed(
        np.random.default_rng(6).integers(0, 50, (20, 30)).astype("i4"),
        method,
        (20, 30) if method == "HCOMPRESS_1" else (1, 30),
    )
    for method in ("RICE_1", "GZIP_1", "GZIP_2", "PLIO_1", "NOCOMPRESS")
}


@given(
    method=st.sampled_from(sorted(GOOD)),
    edits=st.lists(st.tuples(st.integers(2880, 1 << 16), st.integers(0, 255)), min_size=1, max_size=20),
)
def test_a_damaged_image_is_read_or_refused(tmp_path, method, edits):
    raw = bytearray(GOOD[method])
    for position, value in edits:
        raw[2880 + position % (len(raw) - 2880)] = value
    path = tmp_path / "a.fits"
    path.write_bytes(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(FitsError):
            read_all(path)
