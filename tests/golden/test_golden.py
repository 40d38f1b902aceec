"""What earlier releases wrote is read, checked, migrated, rebuilt and exported by this one, byte for byte."""

import hashlib
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from bson import json_util

from pipelines import open_archive
from pipelines.documents.migrate import migrate
from pipelines.documents.observations import obs_of
from pipelines.documents.schema import SCHEMA
from pipelines.documents.undoing import undo
from pipelines.upkeep.backup import backup
from pipelines.upkeep.check import check
from pipelines.upkeep.copying import copy_to
from pipelines.upkeep.rebuild import rebuild

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/archive.tar.xz"))


@pytest.fixture(params=RELEASES, ids=lambda folder: folder.name)
def golden(request, tmp_path):
    """Unpack a golden archive; return it open, and what must be found in it."""
    with tarfile.open(request.param / "archive.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    expected = json_util.loads((request.param / "expected.json").read_text())
    with open_archive(tmp_path / "archive") as archive:
        yield archive, expected


def require_everything(archive, expected, tmp_path):
    """Hold every document, header, pixel and exported byte against what the release wrote down."""
    assert {doc["_id"]: doc["file"]["sha256"] for doc in archive.headers.find()} == expected["sha256"]
    assert {doc["_id"]: doc["header"] for doc in archive.headers.find()} == expected["headers"]
    pixels = {
        f"{doc['_id']} {name}": hashlib.sha256(archive.store.open(ref)[...].tobytes()).hexdigest()
        for doc in archive.headers.find()
        for name, ref in doc["arrays"].items()
    }
    assert pixels == expected["pixels"]
    masters = {
        f"{doc['_id']} {name}": hashlib.sha256(archive.store.open(ref)[...].tobytes()).hexdigest()
        for doc in archive.masters.find()
        for name, ref in doc["arrays"].items()
    }
    assert masters == expected.get("masters", {})  # 0.1.0 made none
    for name, sha256 in expected["sha256"].items():
        out = tmp_path / "out.fits"
        archive.export(name, out, overwrite=True)
        assert hashlib.sha256(out.read_bytes()).hexdigest() == sha256
        out.unlink()
    assert sorted(entry["_id"] for entry in archive.catalog.trash.find()) == expected["trash"]
    assert {entry["_id"] for entry in archive.history.find()} >= set(expected["history"])


def test_there_is_a_golden_archive_and_each_is_small():
    assert RELEASES
    for folder in RELEASES:
        assert sum(path.stat().st_size for path in folder.iterdir()) < 300_000


def test_it_is_read_and_exported_as_it_is(golden, tmp_path):
    archive, expected = golden
    require_everything(archive, expected, tmp_path)
    assert sorted(entry["code"] for entry in archive.quarantine.find()) == expected["quarantine"]


def test_it_is_read_without_a_write(golden, tmp_path):
    archive, expected = golden
    archive.close()
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "archive").rglob("*")}
    with open_archive(tmp_path / "archive", readonly=True) as reading:
        require_everything(reading, expected, tmp_path)
        check(reading.session)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "archive").rglob("*")}
    assert {p: t for p, t in after.items() if p.name not in ("archive", "catalog.db-shm", "catalog.db-wal")} == {
        p: t for p, t in files.items() if p.name not in ("archive", "catalog.db-shm", "catalog.db-wal")
    }


def test_it_is_migrated_and_clean(golden, tmp_path):
    archive, expected = golden
    migrate(catalog=archive.catalog, store=archive.store)
    require_everything(archive, expected, tmp_path)
    assert archive.headers.count_documents({"schema": SCHEMA}) == len(expected["sha256"])
    report = check(archive.session, level="decode", grace=timedelta(0))
    assert {finding.code for finding in report.findings} <= {"same-pixels", "duplicated"}
    assert migrate(catalog=archive.catalog, store=archive.store).documents["headers"] == 0


def test_its_observation_fields_are_filled_without_a_file_and_can_be_taken_back(golden, tmp_path):
    archive, _ = golden
    unmigrated = {doc["_id"]: obs_of(doc) for doc in archive.headers.find()}
    migrate(catalog=archive.catalog, store=archive.store)
    filled = {doc["_id"]: doc for doc in archive.headers.find()}
    # Identified when it is read, a document says what migration then writes into it.
    assert {name: doc["obs"] for name, doc in filled.items()} == unmigrated
    dark = next(doc for doc in filled.values() if doc["kind"] == "dark")
    assert dark["obs"]["exptime"] == dark["header"]["EXPTIME"]
    assert dark["obs"]["camera"] == dark["camera"]
    assert dark["obs_from"]["exptime"] == "EXPTIME@0"
    for master in archive.masters.find():  # what its frames share, whatever release made it
        frames = [filled[item["id"]]["obs"] for item in master.get("inputs") or () if item["id"] in filled]
        assert master["obs"]["camera"] == master["camera"]
        assert all(frame["exptime"] == master["obs"]["exptime"] for frame in frames if master["kind"] == "dark")
    run = archive.runs.find_one({"verb": "migrate"})["_id"]
    undo(run, catalog=archive.catalog, store=archive.store, why="looking at it as it was")
    assert archive.headers.count_documents({"obs": {"$exists": True}}) == 0


def test_migrated_it_is_rebuilt_as_it_was(golden, tmp_path):
    archive, expected = golden
    migrate(catalog=archive.catalog, store=archive.store)
    with open_archive(catalog=str(tmp_path / "new.db"), store=archive.store.url) as new:
        assert rebuild(new.session).lost == []
        require_everything(new, expected, tmp_path)
        for name in ("headers", "trash"):
            assert {e["_id"]: e for e in new.catalog[name].find()} == {
                e["_id"]: e for e in archive.catalog[name].find()
            }


def test_its_catalog_lost_every_file_comes_back(golden, tmp_path):
    """Never migrated, and only the store is left: deletions of schema 1 stood in the catalog alone."""
    archive, expected = golden
    archive.close()
    for file in (tmp_path / "archive").glob("catalog.db*"):
        file.unlink()
    with open_archive(tmp_path / "archive") as again:
        assert rebuild(again.session).lost == []
        for name, sha256 in expected["sha256"].items():
            assert again.document(name)["file"]["sha256"] == sha256
        assert check(again.session).clean


def test_it_is_backed_up_and_copied(golden, tmp_path):
    archive, expected = golden
    backup(archive.session, tmp_path / "saved.db")
    copy_to(archive.session, tmp_path / "copied.db")
    with open_archive(catalog=str(tmp_path / "copied.db"), store=archive.store.url) as copied:
        require_everything(copied, expected, tmp_path)


def test_migrated_it_is_changed_like_any_other(golden, tmp_path):
    archive, expected = golden
    migrate(catalog=archive.catalog, store=archive.store)
    name = min(expected["sha256"])
    migrated = archive.document(name)
    changes = migrated["ingest"]["changes"]
    archive.delete(name, force=True)
    archive.restore(name)
    assert archive.document(name)["ingest"]["changes"] == changes + 2
    trashed = expected["trash"][0].rpartition("@")[0]
    archive.restore(trashed)
    archive.sweep(grace=timedelta(0), dry_run=False)
    assert check(archive.session, grace=timedelta(0)).clean
