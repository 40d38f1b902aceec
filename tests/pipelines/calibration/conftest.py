"""A small night of two cameras: ingested once, made into masters once, copied for each test that changes it."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import open_archive
from pipelines.calibration.masters.run import make_masters
from pipelines.demo.simulate import simulate_night

NIGHT = "2024-02-20"
SHAPE = (128, 160)


def make(archive, night=NIGHT, **options):
    """Make the masters of a night: a dict of rows by what they are."""
    return make_masters(archive.session, date=night, **options)


def of(archive, **query):
    """The one master that a query finds."""
    (found,) = archive.masters.find(query)
    return found


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """A night's files and their archive: (truth, home)."""
    folder = tmp_path_factory.mktemp("masters")
    truth = simulate_night(folder / "raw", night=NIGHT, units=2, shape=SHAPE, lights=1, clock_error=timedelta(0))
    with open_archive(folder / "home") as archive:
        archive.ingest(truth.folder, progress=False)
    return truth, folder / "home"


@pytest.fixture(scope="session")
def finished(simulated, tmp_path_factory):
    """The same archive with its masters made, and the table of making them: (truth, home, table)."""
    truth, home = simulated
    place = Path(shutil.copytree(home, tmp_path_factory.mktemp("made") / "home"))
    with open_archive(place) as archive:
        table = make(archive)
    return truth, place, table


@pytest.fixture
def night(simulated, tmp_path):
    """An archive of the night without masters."""
    with open_archive(shutil.copytree(simulated[1], tmp_path / "night")) as archive:
        yield archive


@pytest.fixture
def made(finished, tmp_path):
    """An archive of the night with its masters."""
    with open_archive(shutil.copytree(finished[1], tmp_path / "made")) as archive:
        yield archive


@pytest.fixture
def made_readonly(finished):
    """The archive with its masters, not to be changed."""
    with open_archive(finished[1], readonly=True) as archive:
        yield archive
