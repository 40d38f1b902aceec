"""Export: the original file, byte for byte, or an error and no file."""

import bz2
import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipelines.errors import IntegrityError, UsageError


def odd_files(folder: Path) -> dict[str, bytes]:
    """FITS files that differ in everything a reader may lose."""
    rng = np.random.default_rng(5)
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("name", "8A", array=["a", "bc"]),
            fits.Column("v", "PJ()", array=np.array([[1], [2, 3]], dtype=object)),
        ]
    )
    scaled = fits.ImageHDU(rng.integers(-99, 99, (6, 5)).astype(np.int16), name="SCALED")
    plain = fits.PrimaryHDU(rng.integers(0, 60000, (8, 9)).astype(np.uint16))
    plain.header["COMMENT"] = "one"
    plain.header["HISTORY"] = "two"
    plain.header["HIERARCH ESO DET CHIP1"] = 4
    plain.header["LONG"] = "x" * 200
    made = {
        "simple": [plain],
        "tables": [plain, table],
        "floats": [fits.PrimaryHDU(), fits.ImageHDU(rng.normal(size=(3, 4)).astype(">f8"), name="F8")],
        "scaled": [fits.PrimaryHDU(), scaled],
        "unsigned": [fits.PrimaryHDU(rng.integers(0, 2**32, (4, 4)).astype(np.uint32))],
        "zeros": [fits.PrimaryHDU(np.zeros((5, 7), np.float32))],
        "empty": [fits.PrimaryHDU()],
    }
    files = {}
    for name, hdus in made.items():
        path = folder / f"{name}.fits"
        fits.HDUList(hdus).writeto(path)
        files[name] = path.read_bytes()
    header_end = files["scaled"].find(b"BITPIX", 2880)
    at = files["scaled"].find(b"XTENSION")
    block = bytearray(files["scaled"])
    cards = block[at : at + 2880]
    blank = cards.find(b"END" + b" " * 77)
    cards[blank : blank + 240] = (
        b"BSCALE  =                  0.5".ljust(80) + b"BZERO   =                 10.0".ljust(80) + b"END".ljust(80)
    )
    block[at : at + 2880] = cards
    files["scaled"] = bytes(block)
    assert header_end > 0
    files["trailing"] = files["simple"] + b"something after the end"
    files["dirty-padding"] = files["simple"][:-10] + b"\x01" * 10
    nan = np.array([np.nan, -0.0, np.inf, 1.5], ">f4").view(">u4")
    nan[0] |= 0x1234  # a NaN with a payload
    files["nan"] = files["zeros"].replace(b"\0" * 16, nan.tobytes(), 1)
    return files


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    found = odd_files(folder)
    packed = folder / "packed.fits"
    fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(np.arange(900, dtype=np.int16).reshape(30, 30), name="SCI")]
    ).writeto(packed)
    found["packed.fits.fz"] = packed.read_bytes()
    found["simple.fits.gz"] = gzip.compress(found["simple"])
    found["simple.fits.bz2"] = bz2.compress(found["simple"])
    return {name if "." in name else f"{name}.fits": data for name, data in found.items()}


@pytest.mark.patient
def test_every_odd_file_comes_back_byte_for_byte(archive, raw, tmp_path, files):
    for name, data in files.items():
        (raw / name).write_bytes(data)
    report = archive.ingest(raw)
    assert report.refused == []
    out = tmp_path / "out.fits"
    for name, data in files.items():
        document = archive.headers.find_one({"path": name})
        proof = archive.export(document["_id"], out, overwrite=True)
        assert out.read_bytes() == data, name
        assert proof.ingested == proof.exported == hashlib.sha256(data).hexdigest()
        assert proof.nbytes == len(data)


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")  # bytes after the end
def test_pixels_are_what_astropy_reads(archive, raw, files):
    for name, data in files.items():
        (raw / name).write_bytes(data)
    archive.ingest(raw)
    compared = 0
    for document in archive.headers.find():
        with fits.open(raw / document["path"]) as hdus:
            for entry, hdu in zip(document["hdus"], hdus, strict=True):
                for array in entry.get("arrays", []):
                    ours = archive.cube(document, array)[...]
                    np.testing.assert_array_equal(ours, hdu.data)
                    compared += 1
    assert compared >= 11


def test_a_damaged_array_writes_no_file(archive, raw, tmp_path, write_frame):
    write_frame()
    archive.ingest(raw)
    document = archive.headers.find_one()
    archive.session.headers.update_one({"_id": document["_id"]}, {"$set": {"file.sha256": "0" * 64}})
    out = tmp_path / "out.fits"
    with pytest.raises(IntegrityError, match="nothing was written"):
        archive.export(document["_id"], out)
    assert list(tmp_path.glob("*out.fits*")) == []


def test_headers_alone_cannot_be_exported(archive, raw, tmp_path, write_frame):
    write_frame()
    archive.ingest(raw, headers_only=True)
    name = archive.headers.find_one()["_id"]
    with pytest.raises(UsageError, match="only the headers"):
        archive.export(name, tmp_path / "out.fits")
    with pytest.raises(UsageError, match="not there"):
        archive.export(name, tmp_path / "no/out.fits")


def test_a_place_that_cannot_be_written_is_said(archive, raw, write_frame, tmp_path):
    write_frame()
    archive.ingest(raw)
    name = archive.headers.find_one()["_id"]
    (tmp_path / "taken.fits").mkdir()
    (tmp_path / "taken.fits" / name.rpartition("/")[2]).mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*; make room, or write elsewhere"):
        archive.export(name, tmp_path / "taken.fits", overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
