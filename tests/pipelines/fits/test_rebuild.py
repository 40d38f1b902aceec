"""Files of every make: what they consist of, and that the parts give the file back."""

import bz2
import gzip

import numpy as np
import pytest
from astropy.io import fits

from pipelines.fits import open_fits, rebuild_file
from pipelines.fits.rebuild import write_file


def cards(*texts):
    block = b"".join(text.encode("latin-1").ljust(80) for text in texts)
    return block + b" " * (-len(block) % 2880)


PRIMARY = cards("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "EXTEND  = T", "END")
IMAGE = cards("SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 3", "NAXIS2  = 4", "END")
PIXELS = np.arange(12, dtype=">i2").tobytes()


def taken_apart(path):
    with open_fits(path) as file:
        residue = file.residue()
        kept = b"" if residue is None else residue.read(0, residue.shape[0]).tobytes()
        pixels = {
            hdu.index: hdu.pixels.read(0, hdu.shape[max(0, len(hdu.shape) - 2)])
            for hdu in file.hdus
            if hdu.pixels is not None
        }
        again = b"".join(rebuild_file(file.parts(), file.cards_blocks(), pixels.__getitem__, kept))
        return file, file.parts(), kept, again


def table(kind, heap=b""):
    rows = b"abcdefgh" * 5
    return (
        cards(
            f"XTENSION= '{kind}'",
            "BITPIX  = 8",
            "NAXIS   = 2",
            "NAXIS1  = 8",
            "NAXIS2  = 5",
            f"PCOUNT  = {len(heap)}",
            "GCOUNT  = 1",
            "TFIELDS = 1",
            "TFORM1  = '8A'",
            "EXTNAME = 'Rows'",
            "EXTVER  = 7",
            "END",
        )
        + rows
        + heap
    )


SHORT = PIXELS + bytes(2880 - 24)
CASES = {
    "primary alone": (PRIMARY, ["primary"], [{"cards": 0}]),
    "image": (IMAGE + SHORT, ["primary"], [{"cards": 0}, {"pixels": 0}, {"zeros": 2856}]),
    "final padding missing": (IMAGE + PIXELS, ["primary"], [{"cards": 0}, {"pixels": 0}]),
    "final padding cut": (IMAGE + SHORT[:100], ["primary"], [{"cards": 0}, {"pixels": 0}, {"zeros": 76}]),
    "padding of blanks": (
        IMAGE + PIXELS + b" " * 2856,
        ["primary"],
        [{"cards": 0}, {"pixels": 0}, {"residue": 2856}],
    ),
    "zeros at the end": (PRIMARY + bytes(7000), ["primary"], [{"cards": 0}, {"zeros": 7000}]),
    "padding and zeros": (
        IMAGE + SHORT + bytes(11),
        ["primary"],
        [{"cards": 0}, {"pixels": 0}, {"zeros": 2867}],
    ),
    "junk at the end": (
        IMAGE + SHORT + b"tail",
        ["primary"],
        [{"cards": 0}, {"pixels": 0}, {"zeros": 2856}, {"residue": 4}],
    ),
    "another file behind it": (
        PRIMARY + IMAGE + SHORT,
        ["primary"],
        [{"cards": 0}, {"residue": 5760}],
    ),
    "junk after END": (
        PRIMARY.replace(b"END".ljust(10), b"END  junk!"),
        ["primary"],
        [{"cards": 0}],
    ),
    "header not padded": (PRIMARY.rstrip(), ["primary"], [{"cards": 0}]),
    "header padded with NUL": (PRIMARY.rstrip() + bytes(2880 - len(PRIMARY.rstrip())), ["primary"], [{"cards": 0}]),
    "binary table": (
        PRIMARY + table("BINTABLE") + bytes(2840),
        ["primary", "bintable"],
        [{"cards": 0}, {"cards": 1}, {"residue": 40}, {"zeros": 2840}],
    ),
    "table with a heap": (
        PRIMARY
        + table("BINTABLE", b"heap")
        + bytes(2836)
        + IMAGE.replace(b"SIMPLE  = T      ", b"XTENSION= 'IMAGE'")
        + SHORT,
        ["primary", "bintable", "image"],
        None,
    ),
    "text table padded with blanks": (
        PRIMARY + table("TABLE") + b" " * 2840,
        ["primary", "table"],
        [{"cards": 0}, {"cards": 1}, {"residue": 2880}],
    ),
    "unknown extension": (
        PRIMARY + table("ASDF2") + bytes(2840),
        ["primary", "other"],
        [{"cards": 0}, {"cards": 1}, {"residue": 40}, {"zeros": 2840}],
    ),
    "not standard": (
        cards("SIMPLE  = F", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 9", "NAXIS2  = 9", "END") + b"anything",
        ["other"],
        [{"cards": 0}, {"residue": 8}],
    ),
    "random groups": (
        cards("SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 3", "NAXIS1  = 0", "NAXIS2  = 2", "NAXIS3  = 3")[:480]
        + cards("GROUPS  = T", "PCOUNT  = 1", "GCOUNT  = 4", "END")[: 2880 - 480]
        + b"x" * 56
        + bytes(2880 - 56),
        ["groups"],
        [{"cards": 0}, {"residue": 56}, {"zeros": 2824}],
    ),
    "an axis of none": (
        cards("SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 0", "NAXIS2  = 4", "END"),
        ["primary"],
        [{"cards": 0}],
    ),
    "image with a tail of parameters": (
        PRIMARY
        + cards(
            "XTENSION= 'IMAGE'",
            "BITPIX  = 16",
            "NAXIS   = 1",
            "NAXIS1  = 12",
            "PCOUNT  = 3",
            "GCOUNT  = 1",
            "END",
        )
        + PIXELS
        + b"123456"
        + bytes(2880 - 30),
        ["primary", "image"],
        [{"cards": 0}, {"cards": 1}, {"pixels": 1}, {"residue": 6}, {"zeros": 2850}],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_taken_apart_and_put_together(tmp_path, case):
    content, kinds, parts = CASES[case]
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    file, found, kept, again = taken_apart(path)
    assert again == content
    assert [hdu.kind for hdu in file.hdus] == kinds
    assert parts is None or found == parts
    assert len(kept) == sum(part.get("residue", 0) for part in found)


def test_names_and_versions_of_hdus(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(PRIMARY + table("BINTABLE") + bytes(2840))
    with open_fits(path) as file:
        assert [(hdu.index, hdu.name, hdu.ver) for hdu in file.hdus] == [(0, "PRIMARY", 1), (1, "Rows", 7)]


def test_an_image_beside_a_table_keeps_its_own_pixels(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(CASES["table with a heap"][0])
    with open_fits(path) as file:
        np.testing.assert_array_equal(file.hdus[2].pixels.read(0, 4), np.arange(12).reshape(4, 3))
        residue = file.residue()
        assert residue.read(38, 44).tobytes() == b"ghheap"


def test_checksums_are_cards_like_others(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.arange(6, dtype="f4")).writeto(path, checksum=True)
    with open_fits(path) as file:
        assert {"CHECKSUM", "DATASUM"} <= file.hdus[0].header.keys()
    assert taken_apart(path)[3] == path.read_bytes()


def test_of_duplicates_the_header_has_the_first(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(cards("SIMPLE  = T", "NAXIS   = 0", "OBSERVER= 'a'", "OBSERVER= 'b'", "END"))
    with open_fits(path) as file:
        assert file.hdus[0].header["OBSERVER"] == "a"
        assert [card[1] for card in file.hdus[0].cards if card[0] == "OBSERVER"] == ["a", "b"]


@pytest.mark.patient
@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
@pytest.mark.parametrize("members", [1, 2])
def test_a_compressed_file_is_read_and_kept_whole(tmp_path, encoding, pack, members):
    array = np.random.default_rng(3).integers(0, 5000, (300, 400), np.uint16)
    plain = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(array), fits.ImageHDU(array.astype("f8"), name="SCI")]).writeto(plain)
    content = plain.read_bytes()
    middle = len(content) // 2 if members == 2 else len(content)
    packed = pack(content[:middle]) + (pack(content[middle:]) if members == 2 else b"")
    path = tmp_path / "a.fits.packed"
    path.write_bytes(packed)
    with open_fits(path) as file:
        assert (file.encoding, file.size) == (encoding, len(packed))
        np.testing.assert_array_equal(file.hdus[0].pixels.read(10, 20), array[10:20])
        np.testing.assert_array_equal(file.hdus[1].pixels.read(0, 300), array)
    _, parts, kept, again = taken_apart(path)
    assert parts == [{"residue": len(packed)}]
    assert kept == again == packed


def test_bytes_after_a_compressed_stream_are_kept(tmp_path):
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(IMAGE + SHORT) + b"\0\0not gzip")
    assert taken_apart(path)[3] == path.read_bytes()


def test_the_real_miri_exposure_is_made_again(miri_exposure):
    _, parts, kept, again = taken_apart(miri_exposure)
    assert again == miri_exposure.read_bytes()
    assert (parts, kept) == ([{"cards": 0}, {"pixels": 0}], b"")
    with open_fits(miri_exposure) as file:
        (hdu,) = file.hdus
        assert (hdu.shape, hdu.dtype, hdu.scale) == ((250, 80, 72), "uint16", None)
        np.testing.assert_array_equal(hdu.pixels.read(16, 48), fits.getdata(miri_exposure)[:, 16:48])


def test_the_residue_may_be_given_as_an_array_read_by_bands(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(PRIMARY + np.random.default_rng(4).bytes(3_000_000))
    with open_fits(path) as file:
        again = b"".join(rebuild_file(file.parts(), file.cards_blocks(), {}.__getitem__, file.residue()))
    assert again == path.read_bytes()


def test_parts_that_do_not_belong_together_are_refused():
    zeros = np.zeros((4, 3), "i2")
    with pytest.raises(ValueError, match="the pixels of HDU 0"):
        list(rebuild_file([{"pixels": 0}], [IMAGE], lambda _: zeros.astype("u2")))
    with pytest.raises(ValueError, match="residue"):
        list(rebuild_file([{"residue": 5}], [], {}.__getitem__, b"1234"))
    with pytest.raises(ValueError, match="residue"):
        list(rebuild_file([{"residue": 3}], [], {}.__getitem__, b"1234"))
    with pytest.raises(ValueError, match="no part of kind"):
        list(rebuild_file([{"stars": 3}], [], {}.__getitem__))


class InBands:
    """An array that is read a few rows at a time."""

    def __init__(self, array, rows):
        self.array, self.rows = array, rows
        self.shape, self.dtype, self.nbytes = array.shape, array.dtype, array.nbytes

    def bands(self):
        axis = max(0, self.array.ndim - 2)
        for start in range(0, self.shape[axis], self.rows):
            rows = slice(start, min(start + self.rows, self.shape[axis]))
            yield rows, self.array[(slice(None),) * axis + (rows,)]

    def __getitem__(self, key):
        return self.array[key]


@pytest.mark.parametrize("shape", [(7,), (5, 6), (3, 5, 4), (2, 3, 7, 4)])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_bands_are_written_where_they_belong(tmp_path, monkeypatch, shape, dtype):
    monkeypatch.setattr("pipelines.fits.rebuild._WHOLE", 0)
    rng = np.random.default_rng(8)
    path = tmp_path / "a.fits"
    values = rng.integers(0, 200, shape).astype(dtype)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(values), fits.ImageHDU(values[::-1].copy())]).writeto(path)
    with open_fits(path) as file, open(tmp_path / "b.fits", "x+b") as out:
        pixels = {
            hdu.index: InBands(hdu.pixels.read(0, hdu.shape[max(0, len(shape) - 2)]), 2)
            for hdu in file.hdus
            if hdu.pixels is not None
        }
        assert write_file(out, file.parts(), file.cards_blocks(), pixels.__getitem__) == path.stat().st_size
    assert (tmp_path / "b.fits").read_bytes() == path.read_bytes()
