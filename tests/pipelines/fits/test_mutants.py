"""Small files of every kind, damaged at random: made again exactly, or refused; nothing else ever happens."""

import bz2
import gzip
import io
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from catalog import header_document
from pipelines.fits import FitsError, open_fits, rebuild_file

SCALED = fits.Header({"BSCALE": 2.0, "BZERO": 10.0, "BLANK": -1, "OBJECT": "O'Brien", "LONGTEXT": "long " * 30})


def written(*hdus):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList(list(hdus)).writeto(buffer, checksum=True)
    return buffer.getvalue()


def groups():
    header = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 3, "NAXIS1": 0, "NAXIS2": 3, "NAXIS3": 2})
    header.update({"GROUPS": True, "PCOUNT": 2, "GCOUNT": 4, "PTYPE1": "U", "PTYPE2": "V"})
    return header.tostring().encode() + np.arange(4 * (2 + 6), dtype=">f4").tobytes().ljust(2880, b"\0")


def table():
    return fits.BinTableHDU.from_columns(
        [fits.Column("A", "J", array=np.arange(5)), fits.Column("B", "PE()", array=np.ones((5, 3), "f4"))]
    )


def originals():
    image = np.arange(600, dtype="i2").reshape(20, 30)
    plain = written(fits.PrimaryHDU(image), fits.ImageHDU(image.astype("u4"), name="SCI", ver=2), table())
    packed = fits.CompImageHDU(image, compression_type="GZIP_1")
    return {
        "plain": plain,
        "scaled": written(fits.PrimaryHDU(image, SCALED)),
        "empty": written(fits.PrimaryHDU()),
        "groups": groups(),
        "tiles": written(fits.PrimaryHDU(), packed),
        "gzip": gzip.compress(plain, mtime=0),
        "bzip2": bz2.compress(plain),
        "tail": plain + b"something more",
    }


ORIGINALS = originals()


def made_again(path):
    """Take a file apart as an ingest does, and return the bytes its parts give."""
    with open_fits(path) as file:
        pixels = {}
        for hdu in file.hdus:
            header_document(hdu.cards)
            if hdu.pixels is not None:
                axis = max(0, len(hdu.shape) - 2)
                pixels[hdu.index] = hdu.pixels.read(0, hdu.shape[axis])
                assert pixels[hdu.index].shape == hdu.shape
        residue = file.residue()
        parts = file.parts()
        return b"".join(rebuild_file(parts, file.cards_blocks(), pixels.__getitem__, residue or b""))


def check(path, content):
    path.write_bytes(content)
    try:
        again = made_again(path)
    except FitsError as error:
        return error.code
    assert again == content
    return "read"


@pytest.mark.parametrize("name", ORIGINALS)
def test_undamaged_it_is_made_again(tmp_path, name):
    assert check(tmp_path / "a.fits", ORIGINALS[name]) == "read"


names = st.sampled_from(sorted(ORIGINALS))


@given(name=names, flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=12))
def test_flipped_bits(tmp_path, name, flips):
    content = bytearray(ORIGINALS[name])
    for where, bit in flips:
        content[int(where * len(content))] ^= 1 << bit
    check(tmp_path / "a.fits", bytes(content))


@given(name=names, where=st.floats(0, 1))
def test_cut_anywhere(tmp_path, name, where):
    content = ORIGINALS[name]
    check(tmp_path / "a.fits", content[: int(where * len(content))])


texts = st.binary(max_size=70) | st.sampled_from(
    [b"0", b"-1", b"1", b"T", b"8", b"16", b"-32", b"999", b"1E5", b"'x'", b"", b"9" * 30, b"2147483648", b"64"]
)
SIZING = ["SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "GROUPS", "BSCALE"]
OTHERS = ["BZERO", "BLANK", "END", "ZIMAGE", "ZNAXIS1", "ZTILE1", "TFORM1", "THEAP", "CONTINUE", "HIERARCH"]
vital = st.sampled_from([*SIZING, *OTHERS, "COMMENT", "EXTNAME"])


@given(
    name=st.sampled_from(["plain", "scaled", "groups", "tiles", "empty", "tail"]),
    edits=st.lists(st.tuples(st.integers(0, 200), vital, texts), min_size=1, max_size=4),
)
def test_other_cards(tmp_path, name, edits):
    content = bytearray(ORIGINALS[name])
    for number, keyword, value in edits:
        at = number * 80 % len(content) // 80 * 80
        card = (keyword.ljust(8).encode() + b"= " + value).ljust(80)
        content[at : at + 80] = card[: len(content) - at]
    check(tmp_path / "a.fits", bytes(content))


@given(name=names, where=st.floats(0, 1), junk=st.binary(min_size=1, max_size=3000), over=st.booleans())
def test_bytes_put_in_or_over(tmp_path, name, where, junk, over):
    content = ORIGINALS[name]
    at = int(where * len(content))
    check(tmp_path / "a.fits", content[:at] + junk + content[at + len(junk) * over :])


@given(content=st.binary(max_size=200))
def test_any_bytes_after_a_beginning(tmp_path, content):
    for start in (b"", b"SIMPLE  =", b"\x1f\x8b\x08", b"BZh9"):
        check(tmp_path / "a.fits", start + content)
