"""Ctrl-C and SIGTERM, real signals, in verbs that take long: they end soon, say so, and what was done is kept."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pipelines import open_archive
from tests.crash.nights import NIGHT, write_night

SLOWLY = """
import sys, time
import {module} as module
owner = getattr(module, {owner!r}) if {owner!r} else module
real = getattr(owner, {name!r})
def slowly(*arguments, **options):
    done = real(*arguments, **options)
    print("at work", file=sys.stderr, flush=True)
    time.sleep(0.3)
    return done
setattr(owner, {name!r}, slowly)
from pipelines.cli import main
main()
"""
VERBS = {
    "masters": ("pipelines.calibration.masters.run", "", "make", ["masters", "make", NIGHT]),
    "frames": ("pipelines.calibration.quality.checks", "", "_measure", ["frames", NIGHT, "--check", "--jobs", "1"]),
    "check": ("pipelines.upkeep.verifications", "Verifications", "verify", ["check"]),
}


@pytest.mark.parametrize(("verb", "number"), [("masters", "SIGINT"), ("frames", "SIGTERM"), ("check", "SIGINT")])
def test_it_stops_says_so_and_keeps_what_was_done(tmp_path, verb, number):
    night = write_night(tmp_path / "raw", range(1, 9), broken=0, twins=False)
    home = tmp_path / "home"
    with open_archive(home) as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
    module, owner, name, words = VERBS[verb]
    program = SLOWLY.format(module=module, owner=owner, name=name)
    command = [sys.executable, "-c", program, "--home", str(home), *words]
    # What a shell starts in the background has Ctrl-C ignored, and so would its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    for _ in range(1 if verb == "masters" else 3):
        while "at work" not in (line := process.stderr.readline()):
            assert line, "it ended by itself"
    told = time.monotonic()
    os.kill(process.pid, getattr(signal, number))
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - told < 10
    assert process.returncode == 130, err
    assert "interrupted" in out + err
    with open_archive(home) as archive:
        assert archive.quarantine.count_documents({}) == 0
        assert archive.session.runs.count_documents({"status": "running"}) == 0
        kept = archive.headers.count_documents({"stats": {"$exists": True}})
        assert 0 < kept < 8 or verb != "frames"
        if verb == "check":
            assert 0 < archive.catalog["checks"].count_documents({}) < 16
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "--home", str(home), *words], capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr  # 1: the frames are noise, and no master is good


def test_archives_that_are_not_closed_cost_no_descriptors(tmp_path):
    """Opened, asked and forgotten, twenty times."""
    night = write_night(tmp_path / "raw", [1], broken=0, twins=False)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
    counts = []
    for _ in range(20):
        archive = open_archive(tmp_path / "home", readonly=True)
        assert archive.headers.count_documents({}) == 1
        del archive
        counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[-1] <= counts[4], counts
