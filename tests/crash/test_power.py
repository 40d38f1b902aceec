"""The power goes at any moment of any verb: what was promised is on disk, and the next try ends as a clean run."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from pipelines import open_archive
from tests.crash.invariants import converged, swept_clean, tells_the_truth, whole
from tests.crash.power import Recording, recorded
from tests.crash.verbs import VERBS, Scene

ORDER = tuple(VERBS)


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
    recording.lost_at(recording.moment(rng), rng, home)
    here = replace(made, home=home)
    with open_archive(home) as archive:
        whole(archive, here.allowed)
        tells_the_truth(archive, home)
        VERBS[verb].act(archive, here)  # again
        assert whole(archive, here.allowed) == VERBS[verb].left
        converged(archive, here.night, here.allowed)
        swept_clean(archive, home)
    shutil.rmtree(home.parent)


def test_11_power_losses(tmp_path):
    for seed in range(len(ORDER)):
        one_loss(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_1000_power_losses(tmp_path):
    for seed in range(1000, 2000):
        one_loss(tmp_path, seed)
