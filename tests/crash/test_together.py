"""Several processes at once: one night by four and eight, and ingest beside sweep, check, delete and restore."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from arraystore import open_store
from pipelines import open_archive
from pipelines.errors import Refused, UnknownDocument
from tests.crash.invariants import converged, known, swept_clean, whole
from tests.crash.nights import document_id, write_night
from tests.crash.processes import finish, start

FRAMES = 12
SKEW = timedelta(hours=1)


def at_once(moment):
    time.sleep(max(0.0, moment - time.time()))


def ingest_at(home, folder, moment):
    import pipelines.ingest.run

    pipelines.ingest.run.BATCH = 3
    at_once(moment)
    with open_archive(home) as archive:
        archive.ingest(folder, jobs=1, progress=False)


@pytest.mark.parametrize(("processes", "rounds"), [(4, 10), (8, 10)])
def test_one_night_by_several(tmp_path, processes, rounds):
    night = write_night(tmp_path / "raw", range(FRAMES))
    for number in range(rounds):
        home = tmp_path / str(number)
        moment = time.time() + 0.1
        crowd = [start(ingest_at, home, night.folder, moment) for _ in range(processes)]
        assert finish(*crowd) == [0] * processes
        with open_archive(home) as archive:
            assert whole(archive, night.truth) == FRAMES
            assert archive.history.count_documents({}) == 0  # nobody has revised anything
            assert {doc["ingest"]["revision"] for doc in archive.headers.find()} == {1}
            digests = {digest for doc in archive.headers.find() for digest in doc["digests"]}
            assert {found.digest for found in archive.store.objects()} == digests
            assert len({truth.pixels.tobytes() for truth in night.truth.values()}) == FRAMES - 1
            converged(archive, night)
            swept_clean(archive, home)


def sweeping(home, until):
    with open_archive(home) as archive:
        while time.time() < until:
            archive.sweep(grace=SKEW, dry_run=False)


def verifying(home, until):
    """What a check does: every document that is seen has its arrays, whatever else goes on."""
    with open_archive(home) as archive:
        while time.time() < until:
            for document in archive.headers.find():
                for ref in document["arrays"].values():
                    assert archive.store.verify(ref, "digests") == [], document["_id"]


def deleting(home, until):
    number = 0
    with open_archive(home) as archive:
        while time.time() < until:
            name = document_id(number % FRAMES)
            number += 1
            try:
                archive.delete(name)
                archive.restore(name)
            except (UnknownDocument, Refused):
                time.sleep(0.002)


@pytest.mark.parametrize("beside", [sweeping, verifying, deleting])
def test_ingest_beside_other_verbs(tmp_path, beside):
    night = write_night(tmp_path / "raw", range(FRAMES))
    for number in range(10):
        home = tmp_path / str(number)
        with open_archive(home):
            pass
        open_store(home / "store")
        moment = time.time() + 0.05
        crowd = [start(ingest_at, home, night.folder, moment) for _ in range(2)]
        crowd += [start(beside, home, moment + 0.4)]
        assert finish(*crowd) == [0, 0, 0]
        with open_archive(home) as archive:
            now = known(archive)
            assert now.live | now.trashed.keys() == night.truth.keys()
            whole(archive, night.truth)
            converged(archive, night)


def ageing(home, until):
    """Sweep without any grace whatever is not referenced: allowed only while no ingest runs."""
    with open_archive(home) as archive:
        while time.time() < until:
            archive.sweep(grace=timedelta(0), dry_run=False)


def test_sweeps_at_once_take_what_is_free_and_nothing_else(tmp_path):
    night = write_night(tmp_path / "raw", range(FRAMES))
    for number in range(5):
        home = tmp_path / str(number)
        with open_archive(home) as archive:
            archive.ingest(night.folder, jobs=1, progress=False)
            archive.delete([document_id(3), document_id(4)])
        until = time.time() + 0.3
        assert finish(*[start(ageing, home, until) for _ in range(3)]) == [0, 0, 0]
        with open_archive(home) as archive:
            assert whole(archive, night.truth) == FRAMES - 2
            swept_clean(archive, home)
