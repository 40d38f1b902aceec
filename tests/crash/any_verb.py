"""kill -9 of any verb at a random moment, those that measure and combine among them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from pipelines import open_archive
from pipelines.archive import Archive
from pipelines.calibration.masters.run import make_masters
from pipelines.calibration.quality.checks import check_frames
from pipelines.upkeep.check import check
from tests.crash.invariants import NONE, undamaged, whole
from tests.crash.nights import NIGHT, write_night
from tests.crash.processes import finish, start

LONGEST = 0.8  # seconds after which the kill comes at the latest


def _check(archive: Archive) -> None:
    check_frames(archive.session, NIGHT)


def _masters(archive: Archive) -> None:
    make_masters(archive.session, date=NIGHT, kinds=("dark",), jobs=1)


def _look(archive: Archive) -> None:
    check(archive.session, grace=NONE)


def _delete(archive: Archive) -> None:
    archive.delete(sorted(document["_id"] for document in archive.headers.find({}, {"_id": 1}))[:3])


ACTS: tuple[Callable[[Archive], None], ...] = (_check, _masters, _look, _delete)


def act(home: Path, number: int) -> None:
    """Do a verb, in a process that is to be killed."""
    with open_archive(home) as archive:
        ACTS[number](archive)


def one_kill(folder: Path, seed: int) -> None:
    """Kill one verb, and do it again: nothing is lost, nothing is damaged, and it ends."""
    rng = random.Random(seed)
    number = seed % len(ACTS)
    night = write_night(folder / "raw", range(1, 9), broken=0, twins=False, shape=(96, 128))
    with open_archive(folder / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
    process = start(act, folder / "home", number)
    time.sleep(rng.uniform(0.0, LONGEST))
    process.kill()
    finish(process)
    with open_archive(folder / "home") as archive:
        undamaged(archive)
        whole(archive, night.truth)
        live = archive.headers.count_documents({})
        assert live + archive.catalog.trash.count_documents({}) == len(night.truth)
        ACTS[number](archive)
        whole(archive, night.truth)
        assert archive.session.runs.count_documents({"status": "running"}) == 0
        assert check(archive.session, grace=NONE).exit_code != 4
        if number == 0:
            checked = archive.headers.count_documents({"qc.verdict": {"$in": ["good", "doubtful", "bad"]}})
            assert checked == len(night.truth)
