"""Clocks: nights on the days they change, on the leap day, around noon; and clocks that are an hour wrong."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

import pipelines.documents.changes as changes
from pipelines import open_archive
from pipelines.documents import lease, runs, strangers
from pipelines.documents.edits import Edit
from pipelines.ingest import document
from pipelines.instruments.nights import night_of
from pipelines.upkeep import horizon, verifications
from pipelines.upkeep import sweep as sweeping
from pipelines.upkeep.check import check
from tests.crash.invariants import NONE, rebuilt, whole
from tests.crash.nights import document_id, write_frame, write_night

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


# -- clocks that jump ----------------------------------------------------------------------------------


@pytest.fixture
def jump(monkeypatch):
    """Put the clock of this process forward or back; the last one counts."""
    real, real_time, now = datetime, time.time, {"skew": timedelta(0)}

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return real.now(tz) + now["skew"]

    def put(skew):
        now["skew"] = skew

    monkeypatch.setattr(time, "time", lambda: real_time() + now["skew"].total_seconds())
    for module in (changes, runs, horizon, sweeping, strangers, document, lease, verifications):
        monkeypatch.setattr(module, "datetime", Clock)
    return put


def sweep(archive, grace=timedelta(days=14)):
    swept = archive.sweep(grace=grace, dry_run=False)
    return swept, (swept.trash, swept.objects, swept.records)


MONTH = timedelta(days=30)


def test_a_clock_put_forward_a_month_makes_nothing_old(tmp_path, jump):
    """What the gap made old waits for the next sweep, a day later: by then the clock is right, or it was."""
    night, home = taken(tmp_path)
    with open_archive(home) as archive:
        archive.delete(document_id(1))
        loose = archive.store.put(night.truth[document_id(1)].pixels + 9, kind="frame")
        jump(MONTH)
        dry = archive.sweep()
        assert (dry.trash, dry.objects) == (0, 0)
        assert "for 30 days" in repr(dry)
        assert "sweep again a day later" in dry.to_dict()["held_back"]
        assert sweep(archive)[1] == (0, 0, 0)
        jump(timedelta(0))
        assert archive.restore(document_id(1)) == [document_id(1)]
        assert archive.store.exists(loose)
        assert whole(archive, night.truth) == 4


def test_a_month_in_which_nothing_was_done_costs_a_day(tmp_path, jump):
    _, home = taken(tmp_path)
    with open_archive(home) as archive:
        archive.delete(document_id(1))
        jump(MONTH)
        assert sweep(archive)[1] == (0, 0, 0)
        jump(MONTH + timedelta(hours=25))
        swept, counts = sweep(archive)
        assert counts[0] == 1
        assert (swept.documents, swept.held_back) == ((document_id(1),), "")


def test_a_clock_that_is_right_holds_nothing_back(tmp_path, jump):
    _, home = taken(tmp_path)
    with open_archive(home) as archive:
        archive.delete(document_id(1))
        for day in range(1, 16):
            jump(timedelta(days=day))
            swept, counts = sweep(archive)
            assert swept.held_back == ""
            assert counts[0] == (day == 14)


def test_what_was_deleted_by_a_clock_put_back_is_not_old(tmp_path, jump):
    night, home = taken(tmp_path)
    with open_archive(home) as archive:
        jump(-MONTH)
        archive.delete(document_id(1))
        jump(timedelta(0))
        assert sweep(archive)[1] == (0, 0, 0)
        assert archive.restore(document_id(1)) == [document_id(1)]
        assert whole(archive, night.truth) == 4
        jump(-MONTH)
        archive.delete(document_id(2))
        assert archive.sweep(grace=NONE, dry_run=False).documents == (document_id(2),)  # asked for, and no clock in it


def test_nothing_goes_that_a_run_at_work_may_have_put(tmp_path, jump):
    """Its clock was a month behind and is put right while it works; to its arrays no document refers yet."""
    night, home = taken(tmp_path)
    with open_archive(home) as archive:
        jump(-MONTH)
        run = runs.start(archive.session.runs, verb="ingest", arguments={})
        loose = archive.store.put(night.truth[document_id(1)].pixels + 9, kind="frame")
        moment = time.time()
        os.utime(home / "store" / loose.path / "manifest.json", (moment, moment))
        jump(timedelta(0))
        swept, counts = sweep(archive, timedelta(hours=1))
        assert counts == (0, 0, 0)
        assert "is at work" in swept.held_back
        assert archive.store.exists(loose)
        runs.finish(archive.session.runs, run, status="finished", result={})
        assert sweep(archive, timedelta(hours=1))[1] == (0, 1, 0)


@pytest.mark.parametrize("skew", [-MONTH, MONTH])
def test_ingest_and_changes_by_a_clock_that_jumps(tmp_path, jump, skew):
    """A file that changes while the clock is wrong is ingested, keeps its past, and comes back from the store."""
    night, home = taken(tmp_path)
    name = document_id(2)
    truth = {key: (value,) for key, value in night.truth.items()}
    with open_archive(home) as archive:
        jump(skew)
        truth[name] += (write_frame(night.folder, 2, seed=77),)
        assert archive.ingest(night.folder, jobs=1, progress=False).revised == 1
        archive.delete(document_id(1))
        jump(timedelta(0))
        edits = [Edit(name, {"qc.verdict": "good"})]
        assert changes.change(edits, catalog=archive.catalog, store=archive.store, why="seen") == [name]
        assert sweep(archive)[1] == (0, 0, 0)
        archive.restore(document_id(1))
        assert whole(archive, truth) == 4
        assert archive.document(name)["file"]["sha256"] == truth[name][1].sha256
        assert check(archive.session, grace=NONE).clean
        rebuilt(archive, home)


def test_what_was_verified_in_the_future_is_verified_again(tmp_path, jump):
    _, home = taken(tmp_path)
    with open_archive(home) as archive:
        jump(MONTH)
        check(archive.session)
        jump(timedelta(0))
        assert check(archive.session, max_age=timedelta(days=1)).fresh == 0
        assert check(archive.session, max_age=timedelta(days=1)).verified == 0


@pytest.mark.parametrize("skew", [-MONTH, MONTH])
def test_a_lease_whose_holder_has_another_clock(tmp_path, jump, skew):
    """Behind, it is not taken over at once from one that renews it; ahead, two may work, and commit the same."""
    night, home = taken(tmp_path)
    with open_archive(home) as archive:
        jump(skew)
        mine = lease.acquire(archive.catalog["leases"], "night", run="a", length=30.0)
        jump(timedelta(0))
        other = lease.acquire(archive.catalog["leases"], "night", run="b", length=30.0)
        assert isinstance(other, lease.Lease if skew < timedelta(0) else lease.Holder)
        if isinstance(other, lease.Lease):
            other.release()
        mine.release()
        assert archive.ingest(night.folder, jobs=1, progress=False).unchanged == 4


def test_a_nightly_run_whose_clock_was_put_back_takes_what_is_there(tmp_path, jump):
    """Every time of its files lies in the future: they would not be settled for a month."""
    night = write_night(tmp_path / "raw", range(3), broken=0)
    with open_archive(tmp_path / "home") as archive:
        jump(-MONTH)
        report = archive.nightly(night.folder, jobs=1, progress=False)
        assert (report.unsettled, whole(archive, night.truth)) == ([], 3)
