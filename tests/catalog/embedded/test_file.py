"""The file: versions, foreign files, journals, forks, threads, kills, disks that fill."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pymongo import InsertOne

from catalog import CatalogTooNew, Damaged, DuplicateKey, InvalidURL, ReadOnly, StorageFull, Unreachable, connect
from catalog.embedded.file import FORMAT, CatalogFile
from catalog.embedded.filesystem import filesystem_type, is_network


def script(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def all_succeed(processes):
    for process in processes:
        process.communicate(timeout=55)
    return [process.returncode for process in processes] == [0] * len(processes)


def pragma(path, name):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]
    finally:
        connection.close()


def test_a_newer_catalog_is_refused(tmp_path):
    path = tmp_path / "catalog.db"
    connect(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={FORMAT + 1}")
    connection.close()
    with pytest.raises(CatalogTooNew, match="upgrade"):
        connect(path)
    with pytest.raises(CatalogTooNew):
        connect(path, readonly=True)


def test_other_files_are_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, " * 100)
    with pytest.raises(Damaged, match="not a database"):
        connect(text)
    assert text.read_text().startswith("not a database")
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(InvalidURL, match="no catalog"):
        connect(other)
    with pytest.raises(InvalidURL, match="is a folder"):
        connect(tmp_path)


def test_a_missing_catalog_is_not_made_for_reading(tmp_path):
    with pytest.raises(Unreachable, match="there is no catalog"):
        connect(tmp_path / "none.db", readonly=True)
    assert not (tmp_path / "none.db").exists()


def test_unknown_options_are_refused(tmp_path):
    with pytest.raises(InvalidURL, match="tls"):
        connect(tmp_path / "c.db", tls=True)
    with pytest.raises(InvalidURL, match="journal"):
        connect(tmp_path / "c.db", journal="memory")


def test_a_local_file_has_a_wal_and_waits_for_the_disk(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        catalog.headers.insert_one({"root": "r", "path": "p"})
        assert (tmp_path / "catalog.db-wal").exists()
        file = catalog._backend.file
        assert file.connection().execute("PRAGMA synchronous").fetchone() == (2,)
    # Folded into the file, and left empty: who may not write in the folder reads current answers only with it.
    assert (tmp_path / "catalog.db-wal").stat().st_size == 0


def test_a_network_file_has_none_and_is_changed_back(tmp_path, monkeypatch):
    path = tmp_path / "catalog.db"
    connect(path).close()
    monkeypatch.setattr("catalog.embedded.file.is_network", lambda path: True)
    with connect(path) as catalog:
        catalog.headers.insert_one({"_id": 1, "root": "r", "path": "p"})
        assert not (tmp_path / "catalog.db-wal").exists()
    assert pragma(path, "journal_mode") == "delete"
    monkeypatch.undo()
    with connect(path) as catalog:
        assert catalog.headers.count_documents({}) == 1
    assert pragma(path, "journal_mode") == "wal"


MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/export /home nfs4 rw 0 0
tmpfs /home/local tmpfs rw 0 0
//smb/x /mnt/my\\040share cifs rw 0 0
me@far: /mnt/far fuse.sshfs rw 0 0
overlay /over overlay rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/data/c.db", "ext4", False),
        ("/home/ada/c.db", "nfs4", True),
        ("/home", "nfs4", True),
        ("/homely/c.db", "ext4", False),
        ("/home/local/c.db", "tmpfs", False),
        ("/mnt/my share/c.db", "cifs", True),
        ("/mnt/far/c.db", "fuse.sshfs", True),
        ("/over/c.db", "overlay", False),
    ],
)
def test_network_file_systems_are_told(path, kind, network):
    assert filesystem_type(Path(path), mounts=MOUNTS) == kind
    assert is_network(Path(path), mounts=MOUNTS) is network


def test_a_full_disk_keeps_nothing_of_the_write_and_all_before(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        items = catalog["items"]
        items.insert_one({"_id": 0})
        connection = catalog._backend.file.connection()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 20}")
        with pytest.raises(StorageFull, match="free space"):
            items.bulk_write([InsertOne({"_id": number, "d": bytes(20_000)}) for number in range(1, 50)])
        assert items.distinct("_id") == [0]
        connection.execute("PRAGMA max_page_count=1000000")
        items.insert_one({"_id": 1, "d": bytes(20_000)})
        assert items.distinct("_id") == [0, 1]


def test_threads_share_a_catalog(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        counter = catalog["counter"]
        failures = []

        def work():
            try:
                for _ in range(25):
                    counter.update_one({"_id": "n"}, {"$inc": {"n": 1}}, upsert=True)
                    counter.find_one({"_id": "n"})
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert counter.find_one({"_id": "n"}) == {"_id": "n", "n": 100}


FORK = """
import os, sys
from catalog import connect
c = connect(sys.argv[1]); items = c['items']; items.insert_one({'_id': 'parent'})
child = os.fork()
if child == 0:
    items.insert_one({'_id': 'child'}); c.close(); os._exit(0)
assert os.waitpid(child, 0)[1] == 0
items.insert_one({'_id': 'after'})
print(sorted(items.distinct('_id')))
c.close()
"""


def test_a_fork_gets_connections_of_its_own(tmp_path):
    process = script(FORK, tmp_path / "catalog.db")
    assert process.communicate(timeout=30)[0].strip() == "['after', 'child', 'parent']"
    assert pragma(tmp_path / "catalog.db", "integrity_check") == "ok"


INCREMENT = """
import sys
from catalog import connect
from pymongo import UpdateOne
c = connect(sys.argv[1])['items']
for n in range(150):
    c.update_one({'_id': 'all'}, {'$inc': {'n': 1}}, upsert=True)
    c.bulk_write([UpdateOne({'_id': n, 'k': 'x'}, {'$inc': {'n': 1}}, upsert=True)])
"""


@pytest.mark.patient
@pytest.mark.parametrize("journal", ["wal", "truncate"])
def test_processes_add_up(tmp_path, journal):
    path = tmp_path / "catalog.db"
    code = INCREMENT.replace("connect(sys.argv[1])", f"connect(sys.argv[1], journal={journal!r})")
    processes = [script(code, path) for _ in range(3)]
    assert all_succeed(processes)
    with connect(path, journal=journal) as catalog:
        assert catalog["items"].find_one({"_id": "all"})["n"] == 450
        assert catalog["items"].count_documents({"n": 3, "k": "x"}) == 150


MAKE = """
import sys
from catalog import connect
connect(sys.argv[1]).headers.insert_one({'root': 'r', 'path': sys.argv[2]})
"""


@pytest.mark.patient
def test_processes_may_make_a_catalog_at_once(tmp_path):
    processes = [script(MAKE, tmp_path / "catalog.db", number) for number in range(5)]
    assert all_succeed(processes)
    with connect(tmp_path / "catalog.db") as catalog:
        assert catalog.headers.distinct("path") == ["0", "1", "2", "3", "4"]


BATCHES = """
import sys
from catalog import connect
from pymongo import ReplaceOne
c = connect(sys.argv[1]).headers
batch = c.estimated_document_count() // 20
while True:
    documents = [{'_id': f'{batch}-{n}', 'root': 'r', 'path': f'{batch}-{n}', 'date': str(batch)} for n in range(20)]
    c.bulk_write([ReplaceOne({'_id': document['_id']}, document, upsert=True) for document in documents])
    print(batch, flush=True)
    batch += 1
"""


@pytest.mark.patient
@pytest.mark.parametrize("journal", ["wal", "truncate"])
def test_kill_9_loses_nothing_acknowledged_and_keeps_no_half_batch(tmp_path, journal):
    path = tmp_path / "catalog.db"
    code = BATCHES.replace("connect(sys.argv[1])", f"connect(sys.argv[1], journal={journal!r})")
    for wait in (0.05, 0.11, 0.23):
        process = script(code, path)
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in process.communicate(timeout=20)[0].split()]
        with connect(path, journal=journal) as catalog:
            headers = catalog.headers
            dates = headers.distinct("date")
            assert {str(batch) for batch in acknowledged} <= set(dates)
            for date in dates:
                assert headers.count_documents({"date": date}) == 20
                assert sum(1 for _ in headers.find({"path": {"$in": [f"{date}-{n}" for n in range(20)]}})) == 20
            assert headers.estimated_document_count() == 20 * len(dates)
        assert pragma(path, "integrity_check") == "ok"


def test_a_busy_file_is_unreachable_for_now(tmp_path):
    path = tmp_path / "catalog.db"
    connect(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with connect(path, timeoutMS=100) as catalog:
        assert catalog.headers.count_documents({}) == 0
        with pytest.raises(Unreachable, match="try again"):
            catalog.headers.insert_one({"root": "r", "path": "p"})
        holder.execute("ROLLBACK")
        catalog.headers.insert_one({"root": "r", "path": "p"})
    holder.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_read(tmp_path):
    path = tmp_path / "catalog.db"
    with connect(path) as catalog:
        catalog.headers.insert_one({"_id": 1, "root": "r", "path": "p"})
    os.chmod(path, 0o444)
    os.chmod(tmp_path, 0o555)
    try:
        with connect(path, readonly=True) as reader:
            assert reader.headers.count_documents({}) == 1
        with pytest.raises((ReadOnly, Unreachable)):
            connect(path).headers.insert_one({})
    finally:
        os.chmod(tmp_path, 0o755)


def test_transactions_nest_and_roll_back_whole(tmp_path):
    file = CatalogFile(tmp_path / "c.db", readonly=False)

    def fail_within():
        with file.transaction() as outer:
            outer.execute("INSERT INTO collections (name) VALUES ('x')")
            with file.transaction() as inner:
                assert inner is outer
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail_within()
    assert file.connection().execute("SELECT count(*) FROM collections").fetchone() == (0,)
    file.close()


def test_connections_of_ended_threads_are_closed(tmp_path):
    with connect(tmp_path / "c.db") as catalog:
        for _ in range(20):
            thread = threading.Thread(target=catalog.headers.count_documents, args=({},))
            thread.start()
            thread.join()
        assert len(catalog._backend.file._open) <= 2


def test_an_index_made_by_another_process_is_known_here(tmp_path):
    with connect(tmp_path / "c.db") as here, connect(tmp_path / "c.db") as there:
        here["items"].create_index([("a", 1), ("b", 1)])
        assert "a_1_b_1" in there["items"].index_information()
        here["items"].create_index([("b", 1), ("a", 1)])  # no new path, so no new table
        assert there["items"].create_index([("b", 1), ("a", 1)]) == "b_1_a_1"
        there["items"].drop_index("b_1_a_1")
        assert "b_1_a_1" not in here["items"].index_information()
        there["items"].insert_one({"_id": 1, "a": 1})
        here["items"].drop()
        assert there["items"].find_one({"a": 1}) is None


def test_what_a_rolled_back_transaction_made_is_forgotten(tmp_path):
    with connect(tmp_path / "c.db") as catalog:
        items = catalog["items"]
        items.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 1}])
        with pytest.raises(DuplicateKey, match="a_1"):
            items.create_index("a", unique=True)
        assert items.index_information().keys() == {"_id_"}
        items.insert_one({"_id": 3, "a": 1})
        assert items.count_documents({"a": 1}) == 3


def test_making_a_catalog_never_looks_like_a_foreign_file(tmp_path):
    """One creates while others look: each sees nothing yet or the whole catalog, at any moment."""
    errors = []

    def open_at_once(path, barrier):
        barrier.wait()
        try:
            CatalogFile(path, readonly=False).close()
        except Exception as error:
            errors.append(error)

    for number in range(100):
        barrier = threading.Barrier(4)
        path = tmp_path / f"{number}.db"
        threads = [threading.Thread(target=open_at_once, args=(path, barrier)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []


OPEN_AND_CLOSE = """
import sys
from catalog import connect
with connect(sys.argv[1]) as catalog:
    print(catalog['items'].count_documents({}))
"""


def test_a_second_connection_that_closes_takes_no_lock_from_the_first(tmp_path):
    """Closed by this process, and then by another: neither takes the WAL away from under the one that is open."""
    path = tmp_path / "catalog.db"
    with connect(path) as first:
        first["items"].insert_one({"_id": 1})
        with connect(path) as second:
            assert second["items"].count_documents({}) == 1
        wal = (tmp_path / "catalog.db-wal").stat().st_ino
        process = script(OPEN_AND_CLOSE, path)
        assert process.communicate(timeout=55)[0] == "1\n"
        assert (tmp_path / "catalog.db-wal").stat().st_ino == wal
        first["items"].insert_one({"_id": 2})
        process = script(OPEN_AND_CLOSE, path)
        assert process.communicate(timeout=55)[0] == "2\n"
