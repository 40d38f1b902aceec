"""500 valid and odd files, and every file of the demo: into an archive and back, byte for byte."""

import hashlib
from pathlib import Path

import pytest

from pipelines import open_archive
from pipelines.demo.simulate import simulate_night
from tests.pipelines.odd_fits import odd_file


def come_back(archive, raw: Path, digests: dict[str, str]) -> None:
    """Ingest a folder, and assert that every file is given back as it was."""
    report = archive.ingest(raw, jobs=1)
    assert report.refused == []
    documents = {document["path"]: document for document in archive.headers.find()}
    assert documents.keys() == digests.keys()
    out = raw.parent / "out.fits"
    for path, digest in digests.items():
        proof = archive.export(documents[path]["_id"], out, overwrite=True)
        assert proof.exported == proof.ingested == digest, path
        assert hashlib.sha256(out.read_bytes()).hexdigest() == digest, path


@pytest.mark.patient
@pytest.mark.parametrize("part", range(5))
def test_500_odd_files(tmp_path, raw, part):
    digests = {}
    for number in range(100 * part, 100 * part + 100):
        name, data = odd_file(number)
        raw.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    with open_archive(catalog=str(tmp_path / "catalog.db"), store=f"memory://odd{part}") as archive:
        come_back(archive, raw, digests)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_20000_odd_files(tmp_path, raw):
    for part in range(10, 210):
        test_500_odd_files(tmp_path / str(part), (tmp_path / str(part) / "raw"), part)


def test_every_file_of_a_simulated_night(archive, tmp_path):
    night = simulate_night(tmp_path / "night", units=3, shape=(48, 64), lights=2)
    files = sorted(path for path in night.folder.rglob("*.fits") if path.is_file())
    root = archive.ingest(night.folder, jobs=1)
    assert root.refused == []
    out = tmp_path / "out.fits"
    for document in archive.headers.find():
        original = archive.roots.folder(document["root"]) / document["path"]
        assert (
            archive.export(document["_id"], out, overwrite=True).exported
            == hashlib.sha256(original.read_bytes()).hexdigest()
        )
    assert archive.headers.count_documents({}) == len(files) == len(night.frames)
