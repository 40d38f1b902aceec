"""Files that were not written to their end: known to check and sweep, removed by whoever writes the file next."""

import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from pipelines.processes import partial
from pipelines.processes.partial import leftovers, partial_name
from pipelines.upkeep.check import check

NONE = timedelta(0)


@pytest.fixture
def ended():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left(folder, name, pid, *, age=2 * partial.OLD):
    path = folder / f".{name}.{pid}.part"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_only_what_the_dead_left_long_ago(tmp_path, ended):
    dead = left(tmp_path, "a.fits", ended)
    left(tmp_path, "a.fits", os.getpid())  # at work
    left(tmp_path, "b.fits", ended, age=60)  # perhaps of another machine
    left(tmp_path, "c.fits", "x1")  # another program's
    (tmp_path / f".d.fits.{ended}.part").symlink_to(dead)
    below = left(tmp_path / "below", "e.fits", ended)
    assert list(leftovers(tmp_path)) == [dead]
    assert list(leftovers(tmp_path, deep=True)) == [dead, below]
    assert list(leftovers(tmp_path / "nowhere")) == []


def test_the_next_to_write_a_file_removes_what_was_left_of_it(tmp_path, ended):
    mine, other = left(tmp_path, "a.fits", ended), left(tmp_path, "b.fits", ended)
    assert partial_name(tmp_path / "a.fits") == tmp_path / f".a.fits.{os.getpid()}.part"
    assert (mine.exists(), other.exists()) == (False, True)


def test_an_archive_names_them_and_sweeps_them(archive, raw, write_frame, ended):
    write_frame("Dragonfly101/2024-02-20/T1_1_dark.fits")
    archive.ingest(raw)
    home = archive.session.home
    found = {left(home, "backup.db", ended), left(home / "products/jw1/key", "jw1_rate.fits", ended)}
    at_work = left(home / "products", "jw2_rate.fits", os.getpid())
    said = {finding.what for finding in check(archive.session, grace=NONE).findings if finding.code == "staging"}
    assert said == set(map(str, found))
    assert archive.sweep(grace=timedelta(days=1)).staging == 0
    assert archive.sweep(grace=NONE).staging == 2
    assert all(path.exists() for path in found)
    swept = archive.sweep(grace=NONE, dry_run=False)
    assert (swept.staging, swept.nbytes) == (2, 8)
    assert not any(path.exists() for path in found)
    assert at_work.exists()
    assert check(archive.session, grace=NONE).findings == ()
