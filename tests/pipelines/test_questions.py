"""How often a verb asks the catalog: a question for each batch, never one for each document."""

import shutil
from collections import Counter

import pytest

from pipelines import open_archive
from pipelines.calibration.masters.run import make_masters
from pipelines.calibration.quality.checks import check_frames
from pipelines.upkeep.check import check
from tests.crash.faults import ASKS, WRITES
from tests.crash.invariants import NONE
from tests.crash.nights import NIGHT, frame

FEW, MANY = 2, 7  # cameras, of four darks each


class Counting:
    """A backend of a catalog, or a collection of one, that counts what is asked of it."""

    def __init__(self, inner, asked):
        self._inner, self._asked = inner, asked

    def __getattr__(self, name):
        method = getattr(self._inner, name)
        if name == "collection":
            return lambda collection: Counting(method(collection), self._asked)
        if name in ASKS | WRITES:
            self._asked[f"{self._inner.name}.{name}"] += 1
        return method


def night(home, raw, cameras):
    """An archive of some darks of each camera, with their masters."""
    for camera in range(cameras):
        for number in range(1, 5):
            path = raw / f"Dragonfly{camera}" / NIGHT / f"T{camera}_{number}_dark.fits"
            path.parent.mkdir(parents=True, exist_ok=True)
            data = frame(number, seed=camera * 100 + number).replace(b"'T1      '", f"'T{camera}      '".encode())
            path.write_bytes(data)
    with open_archive(home) as archive:
        archive.ingest(raw, jobs=1, progress=False)
        made = make_masters(archive.session, date=NIGHT, jobs=1)
        assert [row["outcome"] for row in made if row["kind"] == "dark"] == ["made"] * cameras


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    made = {}
    for cameras in (FEW, MANY):
        folder = tmp_path_factory.mktemp(str(cameras))
        night(folder / "home", folder / "raw", cameras)
        made[cameras] = folder / "home"
    return made


VERBS = {
    "check --level exists": lambda archive: check(archive.session, level="exists", grace=NONE),
    "check": lambda archive: check(archive.session, grace=NONE),
    "frames --check": lambda archive: check_frames(archive.session, NIGHT),
    "frames --check again": lambda archive: check_frames(archive.session, NIGHT),
    "masters": lambda archive: make_masters(archive.session, date=NIGHT, jobs=1),
    "status": lambda archive: archive.status(),
    "night": lambda archive: archive.night(NIGHT),
    "sweep": lambda archive: archive.sweep(),
    "sweep --grace 0": lambda archive: archive.sweep(grace=NONE, dry_run=False),
}


@pytest.mark.parametrize("verb", VERBS)
def test_the_number_of_questions_does_not_grow_with_the_documents(homes, tmp_path, verb):
    counts = {}
    for cameras, home in homes.items():
        here = shutil.copytree(home, tmp_path / str(cameras))
        counts[cameras] = Counter()
        with open_archive(here) as archive:
            if "again" in verb:
                VERBS[verb](archive)
            archive.catalog._backend = Counting(archive.catalog._backend, counts[cameras])
            VERBS[verb](archive)
    assert counts[MANY] == counts[FEW], counts[MANY] - counts[FEW]
    assert counts[FEW].total() > 3
    assert counts[MANY].total() <= 60, counts[MANY]  # a second, 20 milliseconds away
