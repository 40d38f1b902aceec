"""Mutants of FITS files through the whole ingest: accepted and given back equal, or quarantined with a code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESIDENT = 1 << 30
SECONDS = 30  # for one file


def run(first: int, count: int, folder: Path) -> dict[str, object]:
    """Try mutants in a worker of its own, within limits; what it said at the end."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.mutants", str(first), str(count), str(folder)],
        capture_output=True,
        text=True,
        env=env,
        cwd=ROOT,
    )
    last = (done.stdout.strip().splitlines() or ["nothing was said"])[-1]
    assert done.returncode == 0, f"the worker ended with {done.returncode} after {last}:\n{done.stderr[-2000:]}"
    return dict(json.loads(last))


def judge(said: dict[str, object], count: int) -> None:
    """Every mutant has ended in one of two ways, quickly and small; and both ways occur."""
    assert said["wrong"] == []
    assert said["taken"] + said["refused"] == count
    assert min(said["taken"], said["refused"]) > count // 10
    assert "internal-error" not in said["codes"]
    assert "worker-died" not in said["codes"]
    assert len(said["codes"]) >= 5, said["codes"]
    assert said["resident"] < RESIDENT
    assert said["slowest"] < SECONDS


@pytest.mark.parametrize("part", range(2))
def test_1000_mutants(tmp_path, part):
    judge(run(500 * part, 500, tmp_path), 500)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_50000_mutants():
    for first in range(10_000, 60_000, 2500):
        with tempfile.TemporaryDirectory() as folder:
            judge(run(first, 2500, Path(folder)), 2500)
