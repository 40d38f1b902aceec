"""kill -9 at random moments, two processes at one night: nothing dangling, lost or wrong, and the next run mends."""

from __future__ import annotations

import random
import time

import pytest

from pipelines import open_archive
from tests.crash.invariants import converged, look, swept_clean, tells_the_truth
from tests.crash.nights import write_night
from tests.crash.processes import finish, start

FRAMES = 24


def ingest_night(home, folder):
    import pipelines.ingest.run

    pipelines.ingest.run.BATCH = 5  # several commits, so that kills fall between them
    with open_archive(home) as archive:
        archive.ingest(folder, jobs=1, progress=False)


def one_round(tmp_path, night, seed, span):
    """Kill both processes, each in its own moment; return how many documents were visible then."""
    rng = random.Random(seed)
    home = tmp_path / f"home{seed}"
    started = time.monotonic()
    pair = [start(ingest_night, home, night.folder) for _ in range(2)]
    for delay, process in sorted((rng.uniform(0.0, span), process) for process in pair):
        time.sleep(max(0.0, started + delay - time.monotonic()))
        process.kill()
    finish(*pair)
    seen = look(home, night)
    with open_archive(home) as archive:
        tells_the_truth(archive, home)
        converged(archive, night)
        swept_clean(archive, home)
    return seen


def rounds(tmp_path, numbers):
    night = write_night(tmp_path / "raw", range(FRAMES))
    span = undisturbed(tmp_path / "undisturbed", night)
    seen = [one_round(tmp_path, night, seed, span) for seed in numbers]
    assert len(set(seen)) > 1, f"the kills all fell in one place: {seen}"


def undisturbed(home, night):
    """Seconds that two processes take for the night, on this machine as it is now."""
    finish(start(ingest_night, home.with_name("warm"), night.folder))  # the first starts the fork server
    started = time.monotonic()
    finish(*[start(ingest_night, home, night.folder) for _ in range(2)])
    return time.monotonic() - started


def test_25_rounds_of_kill_9(tmp_path):
    rounds(tmp_path, range(25))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_500_rounds_of_kill_9(tmp_path):
    rounds(tmp_path, range(1000, 1500))
