"""Every FITS file astropy tests itself with: same cards, same pixels, and the same bytes when made again."""

import hashlib
import warnings
from pathlib import Path

import astropy
import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits.card import Undefined

from catalog import Unparsable
from pipelines.fits import FitsError, open_fits, rebuild_file

ROOT = Path(astropy.__file__).parent
PATTERNS = ("*.fits", "*.fit", "*.fz", "*.fits.gz", "*.fits.bz2", "*.fits.Z")
FILES = sorted(path for pattern in PATTERNS for path in ROOT.rglob(f"data/{pattern}"))
FILES = sorted({*FILES, *(path for pattern in PATTERNS for path in ROOT.rglob(f"data/*/{pattern}"))})

# Not FITS, though their names say so.
REFUSED = {"lzw.fits.Z": "bad-compression", "idcompspec.fits": "not-fits"}
READ = [path for path in FILES if path.name not in REFUSED]


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def whole(hdu):
    return hdu.pixels.read(0, hdu.shape[max(0, len(hdu.shape) - 2)])


def values(hdu):
    """Return the pixels of an HDU as values, its scale applied."""
    kept = whole(hdu)
    if hdu.scale is None:
        return kept
    slope, zero, blank, dtype = hdu.scale
    scaled = kept.astype(dtype)
    if slope != 1:
        scaled *= slope
    if zero != 0:
        scaled += zero
    if blank is not None:
        scaled[kept == blank] = np.nan
    return scaled


def test_astropy_brings_files_of_every_kind():
    kinds = set()
    for path in READ:
        with open_fits(path) as file:
            kinds |= {hdu.kind for hdu in file.hdus} | {file.encoding}
    assert len(READ) >= 50
    assert kinds >= {"primary", "image", "bintable", "table", "compressed-image", "groups", "gzip", "tile", None}


@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_a_file_is_made_again_byte_for_byte(path):
    with open_fits(path) as file:
        residue = file.residue()
        pixels = {hdu.index: whole(hdu) for hdu in file.hdus if hdu.pixels is not None}
        kept = b"" if residue is None else residue.read(0, residue.shape[0]).tobytes()
        digest = hashlib.sha256()
        for piece in rebuild_file(file.parts(), file.cards_blocks(), pixels.__getitem__, kept):
            digest.update(piece)
        assert digest.hexdigest() == file.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_its_cards_are_astropys(path):
    with open_fits(path) as file, fits.open(path, disable_image_compression=True) as theirs:
        assert len(file.hdus) == len(theirs)
        for ours, hdu, block in zip(file.hdus, theirs, file.cards_blocks(), strict=True):
            assert ours.ver == hdu.ver
            assert ours.name == hdu.name or (ours.name == "PRIMARY" and not hdu.name)
            expected = fits.Header.fromstring(block).cards
            assert len(ours.cards) == len(expected)
            for mine, card in zip(ours.cards, expected, strict=True):
                assert_same_card(mine, card)


def assert_same_card(mine, card):
    try:
        keyword, value, comment = card.keyword, card.value, card.comment
    except fits.VerifyError:
        assert isinstance(mine[1], Unparsable)
        return
    value = None if isinstance(value, Undefined) else value
    assert (keyword, repr(value), comment) == (mine[0], repr(mine[1]), mine[2])


@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_its_pixels_are_astropys(path):
    with open_fits(path) as file, fits.open(path, memmap=False) as theirs:
        for ours, hdu in zip(file.hdus, theirs, strict=True):
            if not hdu.is_image or isinstance(hdu, fits.GroupsHDU):
                assert ours.pixels is None
                continue
            data = hdu.data
            if data is None or data.size == 0:
                assert ours.pixels is None
                continue
            assert np.dtype(ours.dtype) == ours.pixels.dtype == whole(ours).dtype
            mine = values(ours)
            assert mine.dtype == data.dtype.newbyteorder("=")
            np.testing.assert_array_equal(mine, data)


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_what_is_not_fits_is_refused(name, code):
    (path,) = (path for path in FILES if path.name == name)
    with pytest.raises(FitsError) as caught:
        open_fits(path)
    assert caught.value.code == code
    assert str(path) in str(caught.value)
