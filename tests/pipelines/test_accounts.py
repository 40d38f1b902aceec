"""Several accounts and one archive: readers who may not write, and a group that shares it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pytest

from catalog import Unreachable
from pipelines import open_archive
from tests.crash.nights import document_id, write_frame
from tests.crash.processes import finish, start

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("useradd") is None, reason="only root can make accounts (useradd)"
)
GROUP, WRITERS, READER = "darkroomers", ("darkroom-a", "darkroom-b"), "darkroom-r"


@pytest.fixture(scope="module")
def accounts():
    subprocess.run(["groupadd", "-f", GROUP], check=True)
    made = []
    for name in (*WRITERS, READER):
        groups = ["-G", GROUP] if name in WRITERS else []
        done = subprocess.run(["useradd", "-M", "-s", "/bin/false", *groups, name], check=False)
        made += [name] if done.returncode == 0 else []
    yield
    for name in made:
        subprocess.run(["userdel", name], check=False, capture_output=True)
    subprocess.run(["groupdel", GROUP], check=False, capture_output=True)


@pytest.fixture
def place(accounts):
    folder = Path(tempfile.mkdtemp(prefix="darkroom-accounts-", dir="/tmp"))  # where others may go
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def acting_as(name, umask, function, *arguments):
    """Become an account, for good, and do something; run in a process of its own."""
    rehearse()
    account = pwd.getpwnam(name)
    os.initgroups(name, account.pw_gid)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    os.umask(umask)
    os.environ["HOME"] = "/tmp"
    function(*arguments)


def rehearse():
    """Import all there is to import: the interpreter of this machine may be where the account cannot read."""
    with tempfile.TemporaryDirectory() as folder:
        home, raw = Path(folder, "home"), Path(folder, "raw")
        write_frame(raw, 1)
        taking(home, raw)
        deleting(home)
        counting(home, 1)
        with pytest.raises(Unreachable):
            open_archive(Path(folder, "none"), readonly=True)


def as_account(name, function, *arguments, umask=0o022):
    return start(acting_as, name, umask, function, *arguments)


def taking(home, raw):
    with open_archive(home) as archive:
        archive.roots.all() or archive.roots.add("raw", raw)
        report = archive.ingest(raw, jobs=1, progress=False)
        assert report.refused == []
        assert report.new == 1, report


def deleting(home):
    with open_archive(home) as archive:
        archive.delete(document_id(1))
        archive.restore(document_id(1))


def counting(home, expected):
    with open_archive(home, readonly=True) as archive:
        assert archive.headers.count_documents({}) == expected
        document = archive.document(document_id(1))
        assert archive.cube(document)[...].shape == (24, 32)


def watching(home, said):
    """Read without end while the owner writes; every answer is whole, and never an older one."""
    last, calls = 0, 0
    with open_archive(home, readonly=True) as archive:
        while last < 8 and calls < 200_000:
            count = archive.headers.count_documents({})
            assert count >= last, (count, last)
            assert len(archive.headers.distinct("_id")) >= count
            last, calls = count, calls + 1
            Path(said).touch()
    assert last == 8, (last, calls)


def test_a_reader_who_may_not_write_reads_right_and_current_answers(place):
    home, raw, said = place / "home", place / "raw", place / "said"
    said.mkdir()
    said.chmod(0o777)
    write_frame(raw, 1)
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    assert finish(as_account(READER, counting, home, 1)) == [0]
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before
    watcher = as_account(READER, watching, home, said / "reading")
    deadline = time.monotonic() + 60
    while not (said / "reading").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    for number in range(2, 9):  # each opens the catalog, and closes it: the last connection but the reader's
        write_frame(raw, number)
        with open_archive(home) as archive:
            archive.ingest(raw, jobs=1, progress=False)
    assert finish(watcher) == [0]
    assert finish(as_account(READER, counting, home, 8)) == [0]


def refused(home):
    with pytest.raises(Unreachable, match="darkroom status"):
        open_archive(home, readonly=True)


def test_a_catalog_its_owner_has_not_opened_yet_is_refused_and_not_misread(place):
    home, raw = place / "home", place / "raw"
    write_frame(raw, 1)
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
    for ending in ("-wal", "-shm"):  # as an earlier release left it
        (home / f"catalog.db{ending}").unlink()
    assert finish(as_account(READER, refused, home)) == [0]
    with open_archive(home, readonly=True) as archive:
        assert archive.headers.count_documents({}) == 1
    assert finish(as_account(READER, counting, home, 1)) == [0]


def test_two_accounts_of_a_group_share_an_archive(place):
    home, raw = place / "home", place / "raw"
    home.mkdir()
    raw.mkdir()
    shutil.chown(home, group=grp.getgrnam(GROUP).gr_gid)
    home.chmod(0o2775)
    raw.chmod(0o777)
    write_frame(raw, 1)
    assert finish(as_account(WRITERS[0], taking, home, raw, umask=0o002)) == [0]
    write_frame(raw, 2, seed=1)  # the same pixels: refreshed by one who does not own them
    assert finish(as_account(WRITERS[1], taking, home, raw, umask=0o002)) == [0]
    write_frame(raw, 3)
    assert finish(as_account(WRITERS[0], taking, home, raw, umask=0o002)) == [0]
    assert finish(as_account(WRITERS[1], deleting, home, umask=0o002)) == [0]
    assert finish(as_account(READER, counting, home, 3)) == [0]
    with open_archive(home) as archive:
        assert archive.upkeep.check(grace=timedelta(0), progress=False).clean
    shards = [path for path in (home / "store/objects").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o222 for path in shards if path.name != "manifest.json"} == {0}
    assert (home / "catalog.db").stat().st_mode & 0o777 == 0o664
