"""Backup and copy: a moment of the catalog, whole and verified, while others go on writing."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from catalog import Damaged, Misused, connect
from pipelines import open_archive
from pipelines.errors import IntegrityError, Refused, UsageError
from pipelines.processes import interpreter
from pipelines.session import Session
from pipelines.upkeep.backup import backup, copy
from tests.conformance.backends import with_database

NAME = "Dragonfly101/2024-02-20/T1_{}_dark.fits"


def dump(catalog):
    names = [name for name in catalog.collection_names() if name != "leases"]
    return {name: sorted(catalog[name].find(), key=lambda d: d["_id"]) for name in names}


@pytest.fixture
def full(archive, raw, write_frame):
    for number in range(5):
        write_frame(NAME.format(number), seed=number)
    archive.ingest(raw)
    archive.delete(NAME.format(0))
    return archive


def test_a_backup_is_a_catalog_like_any_other(full, tmp_path):
    report = backup(full.session, tmp_path / "saved.db")
    assert (report.documents["headers"], report.documents["trash"]) == (4, 1)
    assert report.nbytes == (tmp_path / "saved.db").stat().st_size
    assert [path.name for path in tmp_path.glob("*saved*")] == ["saved.db"]  # no journal, nothing half
    with open_archive(catalog=str(tmp_path / "saved.db"), store=full.store.url, readonly=True) as saved:
        assert dump(saved.catalog) == dump(full.catalog)
        assert saved.cube(NAME.format(1))[...].shape == (24, 32)


def test_an_existing_file_is_never_overwritten(full, tmp_path):
    (tmp_path / "saved.db").write_text("mine")
    with pytest.raises(UsageError, match="not overwritten"):
        backup(full.session, tmp_path / "saved.db")
    with pytest.raises(Misused, match="not overwritten"):
        full.catalog.back_up(tmp_path / "saved.db")
    with pytest.raises(UsageError, match="is not there"):
        backup(full.session, tmp_path / "nowhere/saved.db")
    assert (tmp_path / "saved.db").read_text() == "mine"


def test_a_readonly_archive_can_be_backed_up(full, tmp_path):
    with connect(tmp_path / "home/catalog.db", readonly=True) as reading:
        assert backup(Session(reading), tmp_path / "saved.db").documents["headers"] == 4


def test_a_damaged_catalog_gives_no_backup(full, tmp_path):
    full.close()
    path = tmp_path / "home/catalog.db"
    with connect(path, readonly=True) as reading:
        reading.headers.find_one()
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(size // 2)
            file.write(b"rot" * (size // 8))
        with pytest.raises(Damaged):
            backup(Session(reading), tmp_path / "saved.db")
    assert not list(tmp_path.glob("*saved*"))


def test_while_another_process_writes_the_backup_is_one_moment(tmp_path):
    """A writer keeps the sum of two accounts constant; every backup shows a constant sum."""
    script = textwrap.dedent(f"""
        from catalog import connect
        from pymongo import UpdateOne
        catalog = connect({str(tmp_path / "bank.db")!r})
        catalog["accounts"].insert_many([{{"_id": n, "v": 100}} for n in range(50)])
        print("ready", flush=True)
        turn = 0
        while True:
            a, b = turn % 50, (turn * 7 + 1) % 50
            if a != b:
                catalog["accounts"].bulk_write(
                    [UpdateOne({{"_id": a}}, {{"$inc": {{"v": -1}}}}), UpdateOne({{"_id": b}}, {{"$inc": {{"v": 1}}}})]
                )
            turn += 1
    """)
    command = [sys.executable, "-P", "-c", script]
    with subprocess.Popen(command, env=interpreter.environment(), stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout.readline() == b"ready\n"
            with connect(tmp_path / "bank.db") as catalog:
                seen = set()
                for number in range(10):
                    backup(Session(catalog), tmp_path / f"saved{number}.db")
                    with connect(tmp_path / f"saved{number}.db", readonly=True) as saved:
                        values = tuple(entry["v"] for entry in saved["accounts"].find().sort("_id", 1))
                    assert sum(values) == 5000
                    seen.add(values)
            assert len(seen) > 1  # it was writing
        finally:
            writer.kill()


def test_copy_takes_everything_and_verifies_it(full, tmp_path):
    with connect(tmp_path / "other.db") as target:
        before = dump(full.catalog)
        report = copy(source=full.catalog, target=target)
        found = dump(target)
        assert [run["verb"] for run in found["runs"] if run not in before["runs"]] == ["copy"]
        found["runs"] = [run for run in found["runs"] if run["verb"] != "copy"]
        assert {name: documents for name, documents in found.items() if documents} == {
            name: documents for name, documents in before.items() if documents
        }
        assert report.written == sum(map(len, before.values()))
        assert copy(source=full.catalog, target=target).written == 0  # again: nothing to do
        assert target.headers.index_information().keys() == full.headers.index_information().keys()


def test_copy_goes_on_after_a_kill(full, tmp_path):
    script = textwrap.dedent(f"""
        import os, signal
        from catalog import connect
        from pipelines.upkeep import backup
        backup.BATCH = 2
        def tell(done, total):
            if done >= 4:
                os.kill(os.getpid(), signal.SIGKILL)
        source, target = connect({str(tmp_path / "home/catalog.db")!r}), connect({str(tmp_path / "other.db")!r})
        backup.copy(source=source, target=target, progress=tell)
    """)
    done = subprocess.run([sys.executable, "-P", "-c", script], env=interpreter.environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    with connect(tmp_path / "other.db") as target:
        there = sum(map(len, dump(target).values()))
        assert there >= 4
        total = sum(map(len, dump(full.catalog).values()))
        assert copy(source=full.catalog, target=target).written == total - there
        assert target.headers.count_documents({}) == 4


def test_copy_refuses_a_catalog_with_documents_of_its_own(full, tmp_path):
    with connect(tmp_path / "other.db") as target:
        target.headers.insert_one({"_id": "mine"})
        with pytest.raises(Refused, match="mine in headers"):
            copy(source=full.catalog, target=target)
        assert target.headers.count_documents({}) == 1
    with pytest.raises(UsageError, match="onto itself"):
        copy(source=full.catalog, target=full.catalog)


def test_a_document_lost_on_the_way_is_seen(full, tmp_path, monkeypatch):
    import pipelines.upkeep.backup as module

    original = module._write

    def lossy(batch, target):
        written = original(batch, target)
        target.update_one({"_id": NAME.format(2)}, {"$set": {"header.EXPTIME": 1.0}})
        return written

    monkeypatch.setattr(module, "_write", lossy)
    with connect(tmp_path / "other.db") as target, pytest.raises(IntegrityError, match=r"T1_2_dark.fits in headers"):
        copy(source=full.catalog, target=target)


def test_copy_to_a_server_and_back(full, tmp_path):
    uri = os.environ.get("MONGODB_URI")
    if not uri:
        pytest.skip("MONGODB_URI does not name a MongoDB server")
    from pymongo import MongoClient

    name = f"darkroom_copy_{os.getpid()}"
    with connect(with_database(uri, name)) as server, connect(tmp_path / "back.db") as back:
        try:
            copy(source=full.catalog, target=server)
            with pytest.raises(UsageError, match="mongodump"):
                backup(Session(server), tmp_path / "saved.db")
            copy(source=server, target=back)
            assert dump(back)["headers"] == dump(full.catalog)["headers"]
        finally:
            with MongoClient(uri) as client:
                client.drop_database(name)


def test_sqlite_itself_finds_the_backup_sound(full, tmp_path):
    backup(full.session, tmp_path / "saved.db")
    connection = sqlite3.connect(tmp_path / "saved.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
