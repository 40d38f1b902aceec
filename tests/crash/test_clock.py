"""Clocks: nights on the days they change, on the leap day, around noon; and clocks that are an hour wrong."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

import pipelines.documents.changes as changes
from pipelines import open_archive
from pipelines.documents.edits import Edit
from pipelines.instruments.nights import night_of
from pipelines.upkeep.check import check
from tests.crash.invariants import NONE, whole
from tests.crash.nights import document_id, write_night

DENVER = "America/Denver"
HOUR = 3600.0

#: Local noon begins a night: 19:00 UTC in winter, 18:00 UTC in summer, whatever the hour did in between.
NIGHTS = [
    ("2024-02-28T18:59:59", "2024-02-27"),
    ("2024-02-28T19:00:00", "2024-02-28"),
    ("2024-02-29T07:00:00", "2024-02-28"),
    ("2024-02-29T18:59:59", "2024-02-28"),
    ("2024-02-29T19:00:00", "2024-02-29"),
    ("2024-03-01T18:59:59", "2024-02-29"),
    ("2024-03-01T19:00:00", "2024-03-01"),
    ("2023-03-01T18:59:59", "2023-02-28"),
    ("2024-03-09T19:00:00", "2024-03-09"),  # the clock goes forward in this night, at 09:00 UTC
    ("2024-03-10T08:59:59", "2024-03-09"),
    ("2024-03-10T09:00:00", "2024-03-09"),
    ("2024-03-10T17:59:59", "2024-03-09"),
    ("2024-03-10T18:00:00", "2024-03-10"),
    ("2024-11-02T18:00:00", "2024-11-02"),  # and back in this one, at 08:00 UTC
    ("2024-11-03T07:59:59", "2024-11-02"),
    ("2024-11-03T08:00:00", "2024-11-02"),
    ("2024-11-03T08:30:00", "2024-11-02"),
    ("2024-11-03T18:59:59", "2024-11-02"),
    ("2024-11-03T19:00:00", "2024-11-03"),
    ("2024-12-31T18:59:59", "2024-12-30"),
    ("2024-12-31T19:00:00", "2024-12-31"),
    ("2025-01-01T18:59:59", "2024-12-31"),
]


@pytest.mark.parametrize(("instant", "night"), NIGHTS)
def test_the_night_of_an_instant(instant, night):
    taken = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert str(night_of(taken, DENVER)) == night


def taken(tmp_path):
    night = write_night(tmp_path / "raw", range(4))
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
    return night, tmp_path / "home"


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_a_sweep_whose_clock_is_an_hour_wrong(tmp_path, monkeypatch, skew):
    """What an ingest is about to refer to is two hours safe from a sweep with that grace, whatever its clock says."""
    night, home = taken(tmp_path)
    real = time.time
    with open_archive(home) as archive:
        archive.delete(document_id(1))
        loose = archive.store.put(night.truth[document_id(1)].pixels + 9, kind="frame")  # not referred to yet
        monkeypatch.setattr(time, "time", lambda: real() + skew)
        swept = archive.sweep(grace=timedelta(hours=2), dry_run=False)
        assert (swept.objects, swept.records, swept.trash) == (0, 0, 0)
        monkeypatch.undo()
        assert archive.store.exists(loose)
        assert archive.restore(document_id(1)) == [document_id(1)]
        assert whole(archive, night.truth) == 4


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_an_array_whose_writer_had_the_wrong_time(tmp_path, skew):
    night, home = taken(tmp_path)
    with open_archive(home) as archive:
        loose = archive.store.put(night.truth[document_id(1)].pixels + 9, kind="frame")
        moment = time.time() + skew
        os.utime(home / "store" / loose.path / "manifest.json", (moment, moment))
        archive.sweep(grace=timedelta(hours=2), dry_run=False)
        assert archive.store.exists(loose)
        assert whole(archive, night.truth) == 4


def test_a_change_made_by_a_clock_that_runs_behind(tmp_path, monkeypatch):
    """It is never taken for one of an earlier life of the document, and keeps its place in the order."""
    night, home = taken(tmp_path)

    class Behind(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=1)

    name = document_id(1)
    with open_archive(home) as archive:
        for value, clock in ((1, datetime), (2, Behind), (3, datetime)):
            monkeypatch.setattr(changes, "datetime", clock)
            edits = [Edit(name, {"qc.verdict": value})]
            assert changes.change(edits, catalog=archive.catalog, store=archive.store, why="clock") == [name]
        document = archive.document(name)
        assert (document["qc"]["verdict"], document["ingest"]["changes"]) == (3, 3)
        assert check(archive.session, grace=NONE).clean
        assert whole(archive, night.truth) == 4
