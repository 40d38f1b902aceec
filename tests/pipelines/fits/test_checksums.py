"""CHECKSUM and DATASUM: what they say, beside astropy's, of its own test files and of files damaged on purpose."""

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.fits import FitsError, open_fits

DATA = Path(fits.__file__).parent / "tests" / "data"
SAMPLES = [path for path in sorted(DATA.glob("*.fits")) if path.name != "memtest.fits"]  # which astropy cannot check


def by_astropy(path):
    """Whether astropy finds a checksum that is not that of its HDU."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with fits.open(path, checksum=True) as hdus:
            list(hdus)
    return any("verification failed" in str(one.message) for one in said)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_astropy_finds_the_same(path):
    try:
        with open_fits(path) as file:
            ours = "checksum-mismatch" in file.flags()
    except FitsError:
        pytest.skip("cannot be taken")
    assert ours == by_astropy(path)


def written(folder, pixels):
    hdus = fits.HDUList([fits.PrimaryHDU(pixels), fits.ImageHDU(pixels[::-1].copy()), fits.CompImageHDU(pixels)])
    hdus.writeto(folder / "a.fits", checksum=True, overwrite=True)
    return (folder / "a.fits").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return written(tmp_path_factory.mktemp("sums"), np.arange(3000, dtype=np.int16).reshape(50, 60))


def flags(folder, data):
    (folder / "b.fits").write_bytes(data)
    with open_fits(folder / "b.fits") as file:
        return file.flags()


def test_right_ones_are_not_flagged_packed_or_not(whole, tmp_path):
    assert flags(tmp_path, whole) == []
    assert flags(tmp_path, gzip.compress(whole)) == []
    assert flags(tmp_path, whole[:-100] if not any(whole[-100:]) else whole) == []  # padding that is missing is zeros


@settings(max_examples=40)
@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_one_changed_byte_of_the_data_is_found(whole, tmp_path_factory, place, change):
    damaged = bytearray(whole)
    damaged[2880 + int(place * 6000)] ^= change
    assert flags(tmp_path_factory.getbasetemp(), bytes(damaged)) == ["checksum-mismatch"]


def test_a_changed_card_is_found_by_the_sum_of_all(whole, tmp_path):
    assert b"BITPIX" in whole
    assert flags(tmp_path, whole.replace(b"array data type", b"array Data type", 1)) == ["checksum-mismatch"]


@pytest.mark.parametrize("said", [b"''", b"'none    '", b"'-5      '"])
def test_what_is_no_sum_states_nothing(tmp_path, said):
    card = b"DATASUM = " + said
    header = b"".join(text.ljust(80) for text in (b"SIMPLE  =  T", b"BITPIX  =  8", b"NAXIS   =  0", card, b"END"))
    assert flags(tmp_path, header.ljust(2880)) == []


def test_it_stands_in_the_document_and_in_the_report(archive, raw, whole):
    damaged = bytearray(whole)
    damaged[3000] ^= 1
    (raw / "a.fits").write_bytes(bytes(damaged))
    report = archive.ingest(raw, headers_only=True)
    assert "checksum-mismatch" not in repr(report)  # no data were read
    report = archive.ingest(raw)
    assert "checksum-mismatch: 1 file" in repr(report)
    (document,) = archive.headers.find()
    assert "checksum-mismatch" in document["qc"]["flags"]
    archive.identify(everything=True)
    assert "checksum-mismatch" in archive.document(document["_id"])["qc"]["flags"]
