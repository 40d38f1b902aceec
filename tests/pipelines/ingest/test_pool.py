"""Workers: a file that hangs, swells or kills costs itself alone; signals to the group cost nothing."""

import gzip
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import bson
import numpy as np
import pytest
from astropy.io import fits

from arraystore import open_store
from pipelines.documents.roots import Located
from pipelines.ingest.file import Task
from pipelines.ingest.pool import AHEAD, take_all
from pipelines.ingest.run import IngestOptions, ingest
from pipelines.ingest.walk import Candidate
from pipelines.ingest.worker import needs_worker
from pipelines.processes import interpreter
from pipelines.processes.limits import Bounds

UNRULY = """
    import os, signal, time
    from pipelines.instruments import Claim, Clock, Derived, Profile, Take

    def derive(path, hdus):
        if "_13_" in path.name:
            time.sleep(3600)
        if "_14_" in path.name:
            held = [bytearray(1 << 24) for _ in range(1 << 12)]
        if "_15_" in path.name:
            os.kill(os.getpid(), signal.SIGSEGV)
        return Derived()

    PROFILE = Profile(
        name="unruly",
        title="a profile that hangs, swells and dies",
        claims=(Claim(path=r"Dragonfly[^/]*/[^/]+/[^/]+", header=(("IMAGETYP", ".+"), ("SERIALNO", ".+"))),),
        instrument=Take(constant="unruly"),
        kind=Take(keywords=("IMAGETYP",)),
        clock=Clock(keywords=(("DATE",),)),
        derive=derive,
    )
"""


def take(archive, tmp_path, raw, **options):
    return ingest(archive.session, [raw], options=IngestOptions(**options))


@pytest.mark.patient
def test_a_file_that_hangs_or_swells_or_kills_costs_itself(archive, tmp_path, raw, write_frame, third_party_profile):
    third_party_profile(UNRULY, name="unruly")
    for number in range(10, 22):
        write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
    bounds = Bounds(memory=384 << 20, seconds=8)
    started = time.monotonic()
    report = take(archive, tmp_path, raw, jobs=2, profile="unruly", bounds=bounds)
    assert time.monotonic() - started < 60
    assert report.new == 9
    codes = {r.file[-14:-10]: r.code for r in report.refused}
    assert codes == {"1_13": "worker-timeout", "1_14": "worker-memory", "1_15": "worker-died"}
    assert "signal 11" in next(r.message for r in report.refused if r.code == "worker-died")
    assert all(r.hint for r in report.refused)
    assert archive.quarantine.count_documents({}) == 3


def test_what_a_file_may_cost():
    bounds = Bounds()
    assert bounds.memory_for(0) == bounds.memory_for(1 << 29) == 1 << 30
    assert bounds.memory_for(5 << 30) == 5 << 30
    assert bounds.seconds_for(0) == bounds.seconds_for(-1) == 30
    assert bounds.seconds_for(600 << 20) == 630


PEAK = """
import resource, sys
from pipelines.processes.limits import Fence
fence = Fence()
fence.allow(300 << 20)
held = []
try:
    while True:
        held.append(bytearray(1 << 20))
except MemoryError:
    held.clear()
print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) >> 10)
"""


def test_the_fence_bounds_resident_memory():
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert 200 < int(done.stdout) < 300 + 150  # and what libraries take


def frame(folder, number, run="run"):
    path = folder / f"{number}.fits"
    fits.PrimaryHDU(np.full((4, 5), number, np.int16)).writeto(path)
    place = Located("raw", path.name)
    return Task(Candidate(place, str(path), path.stat().st_size, 0), headers_only=True, run=run)


@pytest.mark.patient
def test_tasks_are_asked_for_as_they_are_needed_and_none_is_lost(tmp_path):
    asked = []

    def tasks():
        for number in range(3 * AHEAD):
            asked.append(number)
            yield frame(tmp_path, number)

    outcomes = take_all(tasks(), store_url=None, jobs=1)
    first = next(outcomes)
    assert len(asked) <= AHEAD + 1
    files = [first.task.file] + [outcome.task.file for outcome in outcomes]
    assert sorted(files) == sorted(str(tmp_path / f"{number}.fits") for number in range(3 * AHEAD))


@pytest.mark.patient
def test_an_iterator_given_up_leaves_no_process(tmp_path):
    tasks = [frame(tmp_path, number) for number in range(10)]
    before = set(children_of(os.getpid()))  # other tests of this process may have left servers running
    outcomes = take_all(iter(tasks), store_url=None, jobs=2)
    next(outcomes)
    children = set(children_of(os.getpid())) - before
    assert len(children) >= 2
    outcomes.close()
    assert not [pid for pid in children if alive(pid)]


def test_compressed_files_are_given_to_a_process_of_their_own(tmp_path, write_frame):
    plain = write_frame()
    packed = tmp_path / "packed.fits"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    tiled = tmp_path / "tiled.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((64, 64), np.int16))]).writeto(tiled)
    assert [needs_worker(str(path)) for path in (plain, packed, tiled, tmp_path / "none")] == [False, True, True, False]
    seen = []
    place = Located("raw", "x")
    for path in (plain, tiled):
        task = Task(Candidate(place, str(path), path.stat().st_size, 0), headers_only=True)
        outcomes = take_all(iter([task]), store_url=None, jobs=0)
        seen.append(next(outcomes).state)
        outcomes.close()
    assert seen == ["taken", "taken"]


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as listing:
            return [int(child) for child in listing.read().split()]
    except FileNotFoundError:
        pytest.skip("this kernel does not list children")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.patient
def test_a_signal_to_the_whole_group_is_no_fault_of_a_file(tmp_path):
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from pipelines.documents.roots import Located
        from pipelines.ingest.file import Task
        from pipelines.ingest.walk import Candidate
        from pipelines.ingest.pool import take_all

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        tasks = [
            Task(Candidate(Located("raw", p.name), str(p), p.stat().st_size, 0), headers_only=True)
            for p in sorted(Path(sys.argv[1]).glob("*.fits"))
        ]
        states = []
        for number, outcome in enumerate(take_all(iter(tasks), store_url=None, jobs=2)):
            if number == 5:
                os.killpg(0, signal.SIGTERM)
                os.killpg(0, signal.SIGINT)
            states.append(outcome.state)
        print(*states)
        """
    )
    for number in range(200):
        frame(tmp_path, number)
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True, start_new_session=True
    )
    assert done.stdout.split() == ["taken"] * 200


@pytest.mark.patient
def test_a_parent_that_is_killed_leaves_no_worker(tmp_path):
    script = (
        "import sys, time\nfrom pipelines.ingest.pool import _Worker\nfrom pipelines.processes.limits import Bounds\n"
        "w = _Worker(None, Bounds())\nprint(w._process.pid, flush=True)\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_the_commit_thread_is_gone_after_an_ingest(archive, tmp_path, raw, write_frame):
    for number in range(3):
        write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
    before = set(threading.enumerate())
    take(archive, tmp_path, raw)
    assert not [t for t in set(threading.enumerate()) - before if t.name.startswith(("darkroom", "arraystore"))]


def test_compressed_files_for_a_store_in_memory_are_tried_in_a_worker(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.ingest.pool.LOOK", 0.0)  # the clock is looked at before a quick worker can answer
    packed = tmp_path / "p.fits.gz"
    packed.write_bytes(gzip.compress((tmp_path / frame(tmp_path, 7).file).read_bytes()))
    task = Task(Candidate(Located("raw", "p.fits.gz"), str(packed), packed.stat().st_size, 0), run="run")
    url = "memory://pool-trial"
    (late,) = take_all([task], store_url=url, jobs=0, bounds=Bounds(seconds=0.0))
    assert (late.state, late.code) == ("refused", "worker-timeout")
    (taken,) = take_all([task], store_url=url, jobs=0)
    ref = next(ref for ref in bson.decode(taken.document)["arrays"].values() if ref["shape"] == [4, 5])
    assert (np.asarray(open_store(url).open(ref)) == 7).all()


def test_no_secret_reaches_a_child(monkeypatch):
    secrets = {
        "CATALOG_PASSWORD": "x", "CATALOG_URL": "mongodb://u:x@h/db", "MONGODB_URI": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_SESSION_TOKEN": "x", "GITHUB_TOKEN": "x", "PGPASSWORD": "x", "HTTPS_PROXY": "http://u:x@proxy:1",
    }  # fmt: skip
    for name, value in {**secrets, "CRDS_PATH": "/crds", "DARKROOM_HOME": "/home"}.items():
        monkeypatch.setenv(name, value)
    for store in (None, "/folder", "memory://x"):
        left = interpreter.environment(store=store)
        assert not secrets.keys() & left.keys()
        assert (left["CRDS_PATH"], left["DARKROOM_HOME"]) == ("/crds", "/home")
    bucket = interpreter.environment(store="s3://bucket/prefix")
    assert secrets.keys() & bucket.keys() == {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
