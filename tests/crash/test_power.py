"""The power goes at any moment of any verb: what was promised is on disk, and the next try ends as a clean run."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from catalog import connect
from pipelines import open_archive
from tests.crash.invariants import converged, swept_clean, tells_the_truth, whole
from tests.crash.power import Recording, recorded
from tests.crash.verbs import VERBS, Scene
from tests.crash.vfs import library

ORDER = tuple(VERBS)
pytestmark = pytest.mark.skipif(library() is None, reason="the sqlite3 of this Python cannot be watched")


@cache
def recording_of(verb: str, folder: Path) -> tuple[Scene, Recording]:
    """Do a verb once, recorded."""
    made = VERBS[verb].scene(folder / verb.replace(" ", "-"))
    with open_archive(made.home) as archive:
        assert archive.store.id  # made
    with recorded(made.home / "store", made.home / "catalog.db") as recording, open_archive(made.home) as archive:
        VERBS[verb].act(archive, made)
    return made, recording


def one_loss(folder: Path, seed: int) -> None:
    """Lose the power once; `folder` keeps the recordings for the next seed."""
    rng = random.Random(seed)
    verb = ORDER[seed % len(ORDER)]
    made, recording = recording_of(verb, folder)
    home = folder / f"lost{seed}" / "home"
    home.mkdir(parents=True)
    moment = recording.moment(rng)
    recording.lost_at(moment, rng, home)
    here = replace(made, home=home)
    with open_archive(home) as archive:
        left = whole(archive, here.allowed)
        if moment == len(recording.operations):  # it had ended: what it did is on disk
            assert left == VERBS[verb].left
        tells_the_truth(archive, home)
        VERBS[verb].act(archive, here)  # again
        assert whole(archive, here.allowed) == VERBS[verb].left
        converged(archive, here.night, here.allowed)
        swept_clean(archive, home)
    shutil.rmtree(home.parent)


def test_22_power_losses(tmp_path):
    for seed in range(2 * len(ORDER)):
        one_loss(tmp_path, seed)


def test_what_sqlite_writes_is_recorded(tmp_path):
    """All of it: the files made of the recording, with nothing lost, are those on the disk."""
    (tmp_path / "store").mkdir()
    with recorded(tmp_path / "store", tmp_path / "catalog.db") as recording:
        with connect(tmp_path / "catalog.db") as catalog:
            catalog["a"].insert_many([{"_id": number, "text": "x" * 3000} for number in range(200)])
            catalog["a"].delete_many({"_id": {"$gt": 5}})
        kinds = {type(done).__name__ for done in recording.operations}
    assert kinds == {"Name", "Part", "Forced", "Size"} or kinds == {"Name", "Part", "Forced"}

    class Sure(random.Random):
        def random(self):
            return 0.6  # more luck than it takes, and nothing torn

    (tmp_path / "again").mkdir()
    lucky = Sure()
    lucky.choice = lambda given: given[-1]
    recording.lost_at(len(recording.operations), lucky, tmp_path / "again")
    assert (tmp_path / "again/catalog.db").read_bytes() == (tmp_path / "catalog.db").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_1000_power_losses(tmp_path):
    for seed in range(1000, 2000):
        one_loss(tmp_path, seed)
