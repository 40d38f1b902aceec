"""What follows the last HDU: said in the document and in the report, kept, and given back."""

import bz2
import gzip

import numpy as np
import pytest
from astropy.io import fits

TAILS = {
    "text": (b"written by hand", ["bytes-after-end"]),
    "zeros": (bytes(2880), ["bytes-after-end"]),
    "second file": (b"SIMPLE", ["bytes-after-end", "extension-unreadable"]),
    "damaged": (b"XTENSI0N", ["bytes-after-end", "extension-unreadable"]),
    "none": (b"", []),
}


def content(tmp_path, *, tail):
    card = {"IMAGETYP": "Dark Frame", "INSTRUME": "ST-7", "EXPTIME": 1.0, "DATE-OBS": "2024-02-20T09:30:00"}
    hdus = fits.HDUList([fits.PrimaryHDU(np.arange(64, dtype=np.int16).reshape(8, 8), fits.Header(card))])
    if tail.startswith(b"XTENSI0N"):
        hdus.append(fits.ImageHDU(np.ones((4, 4), np.int16)))
    hdus.writeto(tmp_path / "whole.fits")
    data = (tmp_path / "whole.fits").read_bytes()
    if tail == b"SIMPLE":
        return data + data
    if tail == b"XTENSI0N":
        return data.replace(b"XTENSION", tail)
    return data + tail


@pytest.mark.patient
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress], ids=["plain", "gzip", "bzip2"])
@pytest.mark.parametrize(("tail", "flags"), TAILS.values(), ids=TAILS)
def test_a_tail_is_said_and_kept(archive, raw, tmp_path, pack, tail, flags):
    data = pack(content(tmp_path, tail=tail))
    (raw / "dark.fits").write_bytes(data)
    report = archive.ingest(raw)
    (document,) = archive.headers.find()
    assert [flag for flag in document["qc"]["flags"] if flag in ("bytes-after-end", "extension-unreadable")] == flags
    assert all(flag in repr(report) for flag in flags)
    archive.export(document["_id"], tmp_path / "out.fits")
    assert (tmp_path / "out.fits").read_bytes() == data
    archive.identify(everything=True)
    assert archive.document(document["_id"])["qc"]["flags"] == document["qc"]["flags"]
