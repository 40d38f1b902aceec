"""Nightly runs: which files, one run at a time, stopped anywhere and gone on with, and what is said of it."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.documents.lease import Lease, held
from pipelines.errors import UsageError
from pipelines.ingest.run import IngestOptions
from pipelines.nightly.nights import wanted
from pipelines.nightly.run import Schedule, last_finished, nightly, since_last

NOW = Schedule(settle=0)


def run(archive, tmp_path, raw, *, schedule=NOW, **options):
    return nightly(archive.session, [raw], schedule=schedule, **options)


def name(night, number):
    return f"Dragonfly101/{night}/T1_{number}_dark.fits"


def stamp(path, *, days):
    """Return a file an old modification time, as a copy that keeps times has it."""
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


# -- which files -------------------------------------------------------------------------------------


def test_a_night_is_taken_by_the_night_of_its_path(archive, tmp_path, raw, write_frame):
    for number, night in enumerate(("2024-02-19", "2024-02-20", "2024-02-21")):
        write_frame(name(night, number), seed=number)
    report = run(archive, tmp_path, raw, wanted=wanted("2024-02-20"))
    assert [(night.night, night.new) for night in report.nights] == [("2024-02-20", 1)]
    report = run(archive, tmp_path, raw, wanted=wanted(None, "2024-02-19:2024-02-20"))
    assert [(night.night, night.new, night.unchanged) for night in report.nights] == [
        ("2024-02-19", 1, 0),
        ("2024-02-20", 0, 1),
    ]
    assert run(archive, tmp_path, raw).nights[-1].new == 1
    assert archive.headers.count_documents({}) == 3


def test_a_file_whose_path_names_no_night_is_offered_by_its_time(archive, tmp_path, raw, write_frame):
    path = write_frame("flat/plain.fits", folder=raw)
    for hour, offered in ((11, 0), (13, 1), (13 + 47, 0)):
        then = datetime(2024, 2, 20, tzinfo=UTC) + timedelta(hours=hour)
        os.utime(path, (then.timestamp(), then.timestamp()))
        report = run(archive, tmp_path, raw, wanted=wanted("2024-02-20"))
        assert sum(night.new + night.unchanged for night in report.nights) == offered, hour
    assert archive.headers.count_documents({}) == 1


def test_a_late_file_of_an_old_night_is_found(archive, tmp_path, raw, write_frame):
    first = write_frame(name("2024-02-20", 1))
    stamp(first, days=100)
    assert run(archive, tmp_path, raw, wanted=since_last(archive.session, [raw])).nights[0].new == 1
    archive.runs.update_many({}, {"$set": {"started": datetime.now(UTC) - timedelta(days=3)}})
    late = write_frame(name("2024-02-19", 2), seed=2)
    stamp(late, days=100)  # copied with its old time: only the file system knows that it is new
    want = since_last(archive.session, [raw])
    assert datetime.now(UTC) - want.since > timedelta(days=3.9)
    assert {night.night: night.new for night in run(archive, tmp_path, raw, wanted=want).nights}["2024-02-19"] == 1


def test_only_what_changed_since_the_last_run_is_looked_at(tmp_path, raw, write_frame):
    from pipelines.documents.roots import Roots
    from pipelines.ingest.walk import candidates
    from pipelines.instruments import profiles
    from pipelines.nightly.nights import Wanted, by_night

    write_frame(name("2024-02-20", 1))
    with open_archive(tmp_path / "home") as archive:
        found = candidates([raw], roots=Roots(archive.catalog.roots))
    future = Wanted(since=datetime.now(UTC) + timedelta(hours=1))
    assert by_night(found, want=future, profiles=profiles()) == {}


@pytest.mark.parametrize("folder", ["2024-02-20", "20240220", "night_2024_02_20/raw/dark", "cam/2024-02-20/bias"])
def test_the_night_of_a_folder_is_believed_whatever_the_camera(archive, tmp_path, raw, folder, write_frame):
    """Files copied years later are those of the night their folder names, and of no other."""
    path = write_frame(f"{folder}/a.fits", folder=raw, **{"DATE-OBS": "2024-02-21T03:00:00"})
    stamp(path, days=100)
    assert run(archive, tmp_path, raw, wanted=wanted("2024-02-21")).nights == []
    report = run(archive, tmp_path, raw, wanted=wanted("2024-02-20"))
    assert [(night.night, night.new) for night in report.nights] == [("2024-02-20", 1)]


def test_the_overlap_counts_from_the_last_run_that_left_nothing(archive, tmp_path, raw, write_frame):
    write_frame(name("2024-02-20", 1))
    assert last_finished(archive.session, [raw]) is None
    run(archive, tmp_path, raw, wanted=wanted("2024-02-20"))
    assert last_finished(archive.session, [raw]) is None  # it looked at one night
    run(archive, tmp_path, raw, interrupted=lambda: "told to")
    assert last_finished(archive.session, [raw]) is None  # it was stopped
    run(archive, tmp_path, raw)
    began = archive.runs.find_one({"verb": "nightly", "status": "finished", "arguments.nights": None})["started"]
    assert last_finished(archive.session, [raw]) == began - timedelta(days=1)
    assert last_finished(archive.session, [tmp_path]) is None  # of another folder


def test_a_file_being_written_is_left_and_not_quarantined(archive, tmp_path, raw, write_frame):
    path = write_frame(name("2024-02-20", 1))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    report = run(archive, tmp_path, raw, schedule=Schedule(settle=60))
    assert (report.unsettled, report.nights, report.exit_code) == ([str(path)], [], 0)
    assert archive.quarantine.count_documents({}) == archive.headers.count_documents({}) == 0
    path.write_bytes(whole)
    assert run(archive, tmp_path, raw).nights[0].new == 1


def test_a_time_in_the_future_does_not_keep_a_file_out(archive, tmp_path, raw, write_frame):
    path = write_frame(name("2024-02-20", 1))
    stamp(path, days=-300)
    time.sleep(0.3)
    assert run(archive, tmp_path, raw, schedule=Schedule(settle=0.2)).nights[0].new == 1


def test_a_file_that_changes_while_it_is_read_is_left(archive, tmp_path, raw, write_frame, monkeypatch):
    from pipelines.ingest import file as take

    path = write_frame(name("2024-02-20", 1))
    store_arrays = take.store_arrays

    def meanwhile(*arguments):
        stamp(path, days=1)
        return store_arrays(*arguments)

    monkeypatch.setattr(take, "store_arrays", meanwhile)
    report = run(archive, tmp_path, raw)
    assert (report.unsettled, report.exit_code) == ([str(path)], 0)
    assert archive.quarantine.count_documents({}) == 0
    monkeypatch.undo()
    assert run(archive, tmp_path, raw).nights[0].new == 1


@pytest.mark.parametrize("text", ["2024-2-20", "2024-02-31", "today", "2024-02-20T00", "", "$where", "../../etc"])
def test_what_is_no_night_is_refused(text):
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        wanted(text)


def test_what_are_no_nights_are_refused():
    for text in ("2024-02-20", "2024-02-21:2024-02-20", "0002-01-01:9998-01-01"):
        with pytest.raises(UsageError):
            wanted(None, text)
    with pytest.raises(UsageError, match="one of"):
        wanted("2024-02-20", "2024-02-20:2024-02-21")


# -- one run at a time -------------------------------------------------------------------------------


def test_a_night_that_another_run_holds_is_left_to_it(archive, tmp_path, raw, write_frame):
    write_frame(name("2024-02-19", 1))
    write_frame(name("2024-02-20", 2), seed=2)
    with held(archive.catalog["leases"], "nightly/2024-02-20", run="other") as lease:
        assert isinstance(lease, Lease)
        report = run(archive, tmp_path, raw)
    assert [(night.night, night.new, night.left) for night in report.nights] == [
        ("2024-02-19", 1, 0),
        ("2024-02-20", 0, 1),
    ]
    assert f"process {os.getpid()}" in report.nights[1].holder
    assert (report.exit_code, report.complete) == (0, False)
    assert run(archive, tmp_path, raw).nights[1].new == 1
    assert archive.catalog["leases"].count_documents({}) == 0


HOLDER = """
import sys, time
from pipelines import open_archive
from pipelines.documents.lease import acquire
with open_archive(sys.argv[1]) as archive:
    acquire(archive.catalog["leases"], "nightly/2024-02-20", run="other", length=3600)
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lease_of_a_killed_process_of_this_machine_is_free_at_once(tmp_path, raw, write_frame):
    write_frame(name("2024-02-20", 1))
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "home"], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with open_archive(tmp_path / "home") as archive:
        assert run(archive, tmp_path, raw).nights[0].holder
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
        assert run(archive, tmp_path, raw).nights[0].new == 1


def command(home, *arguments):
    return [sys.executable, "-m", "pipelines.cli", "--home", str(home), *map(str, arguments)]


@pytest.mark.patient
def test_two_processes_share_a_night(tmp_path, raw, write_frame):
    for number in range(60):
        write_frame(name("2024-02-20", number), seed=number)
    words = ("nightly", "--settle", "0", "--wait", "60s", "--json", raw)
    running = [
        subprocess.Popen(command(tmp_path / "home", *words), stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    reports = [json.loads(process.communicate()[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sorted((r["nights"][0]["new"], r["nights"][0]["unchanged"]) for r in reports) == [(0, 60), (60, 0)]
    with open_archive(tmp_path / "home") as archive:
        assert archive.headers.count_documents({}) == 60
        assert archive.quarantine.count_documents({}) == 0


# -- stopped, and gone on with -----------------------------------------------------------------------


def test_time_that_is_up_keeps_what_was_done_and_the_next_run_goes_on(archive, tmp_path, raw, write_frame):
    for number in range(6):
        write_frame(name("2024-02-20", number), seed=number)
    for number in range(2):
        write_frame(name("2024-02-21", number), seed=number)
    asked = iter([""] * 5 + ["told to"] * 100)
    report = run(archive, tmp_path, raw, interrupted=lambda: next(asked))
    taken = archive.headers.count_documents({})
    assert (taken, report.nights[0].left, report.nights[1].left) == (4, 2, 2)
    assert (report.exit_code, report.stopped) == (1, "told to")
    assert archive.runs.find_one({"_id": report.run})["status"] == "stopped"
    assert sum(night.new for night in run(archive, tmp_path, raw).nights) == 4
    report = run(archive, tmp_path, raw, schedule=Schedule(settle=0, limit=0))
    assert "time is up" in report.stopped
    assert (report.exit_code, report.nights[0].left) == (1, 6)


@pytest.mark.patient
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_command_at_a_safe_boundary(tmp_path, raw, write_frame, number):
    pixels = [np.random.default_rng(n).normal(1000, 10, (512, 640)).astype(np.uint16) for n in range(4)]
    for n in range(250):
        write_frame(name("2024-02-20", n), pixels=pixels[n % 4] + np.uint16(n))
    home = tmp_path / "home"
    words = ("nightly", "--settle", "0", "--json", "--jobs", "2", raw)
    process = subprocess.Popen(command(home, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not list((home / "store/objects").glob("*/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    report = json.loads(out)
    assert (process.returncode, err) == (1, "")
    assert f"interrupted by {number.name}" in report["stopped"]
    assert report["left"] > 0
    with open_archive(home, readonly=True) as archive:
        assert archive.headers.count_documents({}) == report["new"] == 250 - report["left"]
        assert archive.quarantine.count_documents({}) == 0
        assert archive.catalog["leases"].count_documents({}) == 0


@pytest.mark.patient
def test_a_killed_run_is_gone_on_with(tmp_path, raw, write_frame):
    for number in range(120):
        write_frame(name("2024-02-20", number), seed=number)
    home = tmp_path / "home"
    words = ("nightly", "--settle", "0", "--json", "--jobs", "2", raw)
    for delay in (0.5, 0.8, 1.1):
        process = subprocess.Popen(command(home, *words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(delay)
        process.kill()
        assert process.communicate()[1] == ""  # nor do its workers, left alone, have anything to say
    done = subprocess.run(command(home, *words), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["nights"][0]["holder"] == ""
    with open_archive(home, readonly=True) as archive:
        assert archive.headers.count_documents({}) == 120
        assert archive.quarantine.count_documents({}) == 0
        assert archive.status().objects == 120


# -- what is said of it ------------------------------------------------------------------------------


def test_the_ledger_says_who_what_and_how_long(archive, tmp_path, raw, write_frame):
    write_frame(name("2024-02-20", 1))
    (raw / "bad.fits").write_bytes(b"no")
    report = run(archive, tmp_path, raw, options=IngestOptions(jobs=None))
    entry = archive.runs.find_one({"_id": report.run})
    assert (entry["verb"], entry["status"]) == ("nightly", "finished")
    assert {"user", "host", "pid", "version", "started", "finished"} <= entry.keys()
    assert entry["arguments"]["paths"] == [str(raw)]
    assert (entry["result"]["new"], entry["result"]["refused"]) == (1, 1)
    assert entry["result"]["seconds"] > 0
    inner = archive.runs.find_one({"arguments.nightly": report.run, "arguments.night": "2024-02-20"})
    assert inner["result"]["new"] == 1


def test_the_summary_is_for_people(archive, tmp_path, raw, write_frame):
    write_frame(name("2024-02-20", 1))
    (raw / "bad.fits").write_bytes(b"no")
    report = run(archive, tmp_path, raw)
    assert report.exit_code == 1
    text = repr(report)
    assert "2024-02-20: 1 new" in text
    assert "not-fits" in text
    assert repr(run(archive, tmp_path, raw, wanted=wanted("2023-01-01"))).startswith("no files of these nights")


def test_what_was_not_understood_or_passed_over_is_said_with_the_night(archive, tmp_path, raw, write_frame):
    path = write_frame("cam/2024-02-20/one.fits", folder=raw)
    with fits.open(path, mode="update", memmap=False) as opened:
        del opened[0].header["SERIALNO"]
    path.with_name("._one.fits").write_bytes(b"Mac OS X")
    report = run(archive, tmp_path, raw)
    assert report.exit_code == 0
    assert report.to_dict()["passed"] == 1
    assert report.to_dict()["nights"][0]["doubts"]["camera-missing"] == 1
    assert "camera-missing: 1 file: nothing names a camera" in repr(report)
    assert "passed over: 1 file whose name begins with ._" in repr(report)


def test_a_catalog_or_store_that_cannot_be_used_is_exit_3(tmp_path, raw, write_frame):
    write_frame(name("2024-02-20", 1))
    words = [sys.executable, "-m", "pipelines.cli", "--home", str(tmp_path / "home")]
    away = "mongodb://127.0.0.1:9/x?serverSelectionTimeoutMS=300"
    done = subprocess.run([*words, "--catalog", away, "nightly", raw], capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr.startswith("darkroom: ")
    assert "Traceback" not in done.stderr


def test_a_catalog_that_goes_away_in_the_middle_leaves_the_arrays_and_a_clear_error(tmp_path, raw, write_frame):
    from catalog import Unreachable
    from catalog.collection import Collection

    for number in range(5):
        write_frame(name("2024-02-20", number), seed=number)
    with open_archive(tmp_path / "home") as archive, pytest.MonkeyPatch.context() as patch:

        def gone(*_arguments, **_options):
            raise Unreachable("the server does not answer; start it")

        patch.setattr(Collection, "bulk_write", gone)
        with pytest.raises(Unreachable):
            run(archive, tmp_path, raw)
    with open_archive(tmp_path / "home") as archive:
        assert archive.headers.count_documents({}) == 0
        objects = archive.status().objects
        assert objects == 5
        assert run(archive, tmp_path, raw).nights[0].new == 5
        assert archive.status().objects == 5


def test_the_ledger_tells_a_killed_run_from_one_at_work(archive, tmp_path, raw, write_frame):
    write_frame(name("2024-02-20", 1))
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    run(archive, tmp_path, raw)
    entry = archive.runs.find_one({"verb": "nightly"}) | {"status": "running"}
    others = {"killed": {"pid": int(done.stdout)}, "here": {}, "elsewhere": {"host": "another"}}
    archive.runs.insert_many([{**entry, "_id": key, **changes} for key, changes in others.items()])
    run(archive, tmp_path, raw)
    states = {key: archive.runs.find_one({"_id": key})["status"] for key in others}
    assert states == {"killed": "killed", "here": "running", "elsewhere": "running"}
