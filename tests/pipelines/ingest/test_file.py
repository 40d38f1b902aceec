"""Taking one file: the digest of a large one is made beside its arrays, and is that of the file all the same."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.fits import FitsError, FitsFile
from pipelines.ingest import file as taking


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "raw" / "picture.fits"
    path.parent.mkdir()
    fits.writeto(path, np.arange(4000, dtype="u2").reshape(40, 100))
    return path


@pytest.mark.parametrize("least", [0, 2**40])
def test_the_digest_is_that_of_the_file(least, picture, tmp_path, monkeypatch):
    monkeypatch.setattr(taking, "WORTH_A_THREAD", least)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest([picture], jobs=0, progress=False)
        (document,) = archive.headers.find({})
        assert document["file"]["sha256"] == hashlib.sha256(picture.read_bytes()).hexdigest()
        assert archive.ingest([picture], jobs=0, progress=False).stored == 0


def test_a_digest_that_fails_beside_the_arrays_refuses_the_file(picture, tmp_path, monkeypatch):
    def cut_short(file):
        raise FitsError("truncated", "it was cut short", "copy it again")

    monkeypatch.setattr(taking, "WORTH_A_THREAD", 0)
    monkeypatch.setattr(FitsFile, "sha256", cut_short)
    with open_archive(tmp_path / "home") as archive:
        report = archive.ingest([picture], jobs=0, progress=False)
        assert archive.headers.count_documents({}) == 0
        assert [found["code"] for found in archive.quarantine.find({})] == ["truncated"], report
