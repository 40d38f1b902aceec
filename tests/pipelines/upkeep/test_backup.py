"""Backup and copy: a moment of the catalog, whole and verified, while others go on writing."""

import sqlite3
import subprocess
import sys
import textwrap

import pytest

from catalog import Damaged, Misused, connect
from pipelines import open_archive
from pipelines.errors import UsageError
from pipelines.processes import interpreter
from pipelines.session import Session
from pipelines.upkeep.backup import backup

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


def test_sqlite_itself_finds_the_backup_sound(full, tmp_path):
    backup(full.session, tmp_path / "saved.db")
    connection = sqlite3.connect(tmp_path / "saved.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
