"""Every FITS file among astropy's own test data: into an archive and back, byte for byte."""

import hashlib
from pathlib import Path

import astropy
import pytest

from pipelines.ingest.walk import is_fits_name

FILES = sorted(path for path in Path(astropy.__file__).parent.rglob("*") if path.is_file() and is_fits_name(path.name))


@pytest.mark.skipif(len(FILES) < 40, reason="this astropy was installed without its test data")
def test_every_file_comes_back_byte_for_byte(archive, tmp_path):
    report = archive.ingest(FILES)
    # Beside these, some files are there twice under names that end alike.
    assert {Path(r.file).name for r in report.refused if r.code != "id-conflict"} <= {"idcompspec.fits", "lzw.fits.Z"}
    assert report.new + len(report.refused) == len(FILES)
    out = tmp_path / "out.fits"
    exported = 0
    for document in archive.headers.find():
        original = archive.roots.folder(document["root"]) / document["path"]
        proof = archive.export(document["_id"], out, overwrite=True)
        assert proof.exported == hashlib.sha256(original.read_bytes()).hexdigest()
        exported += 1
    assert exported == report.new >= 40
