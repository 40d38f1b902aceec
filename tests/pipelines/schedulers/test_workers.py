"""Work on the workers of a scheduler: the archive is the one that this process makes, to the byte, whoever dies."""

import gzip
import os
import shutil
import signal
import sys

import bson
import pytest

from pipelines import open_archive
from pipelines.errors import DarkroomError, MissingExtra, UsageError
from pipelines.ingest import spread
from pipelines.ingest.report import IngestReport
from pipelines.schedulers import connecting
from pipelines.schedulers.connecting import without_keys
from pipelines.schedulers.workers import Done, SchedulerGone, SharedStore, Unlike
from tests.crash.nights import NIGHT, frame
from tests.pipelines.command import darkroom

distributed = pytest.importorskip("distributed")

CAMERAS, DARKS = 1, 7
TIMES = {"at", "run", "seconds", "started", "finished", "born", "pid", "host", "deleted_at"}
"""What differs between two runs of one verb."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Darks of a camera; one file is no FITS, and one is packed."""
    folder = tmp_path_factory.mktemp("raw")
    for camera in range(CAMERAS):
        for number in range(1, DARKS + 1):
            path = folder / f"Dragonfly{camera}" / NIGHT / f"T{camera}_{number}_dark.fits"
            path.parent.mkdir(parents=True, exist_ok=True)
            data = frame(number, seed=camera * 100 + number).replace(b"'T1      '", f"'T{camera}      '".encode())
            path.write_bytes(data)
    (path.parent / "T9_9_dark.fits").write_bytes(b"not FITS at all")
    packed = path.parent / "T0_8_dark.fits.gz"
    packed.write_bytes(gzip.compress(frame(8, seed=77).replace(b"'T1      '", b"'T0      '")))
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An archive without documents, to be copied: copies have stores of one identity."""
    home = tmp_path_factory.mktemp("empty") / "home"
    with open_archive(home) as archive:
        assert archive.store.id
    return home


@pytest.fixture(scope="module")
def processes():
    """Two worker processes of this machine, that are begun again when they die."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def home(empty, tmp_path):
    return shutil.copytree(empty, tmp_path / "home")


def plain(value):
    """A document, or a part of it, without what differs between two runs."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key not in TIMES}
    return [plain(each) for each in value] if isinstance(value, list) else value


def everything(home):
    """All that an archive holds: files of arrays by path, records and documents without times and runs."""
    with open_archive(home, readonly=True) as archive:
        held = {
            name: [plain(dict(one)) for one in archive.catalog[name].find({}).sort("_id", 1)]
            for name in ("headers", "masters", "trash", "quarantine")
        }
        held["history"] = sorted(repr(plain(dict(one))) for one in archive.catalog.history.find({}, {"_id": 0}))
        records = {
            record.key: plain(bson.decode(archive.store.get_record(record.key)))
            for record in archive.store.records("")
            if not record.key.startswith("runs/")
        }
    objects = home / "store" / "objects"
    files = {path.relative_to(objects): path.read_bytes() for path in objects.rglob("*") if path.is_file()}
    return {**held, "records": records, "files": files}


def work_of_a_night(home, raw, scheduler, interrupted=None):
    """Ingest, masters, identification and a check; what they say of themselves."""
    with open_archive(home) as archive:
        report = archive.ingest(raw, scheduler=scheduler, interrupted=interrupted, progress=False)
        masters = archive.calibration.make_masters(NIGHT, scheduler=scheduler, progress=False)
        identified = archive.identify(everything=True, profile="generic", scheduler=scheduler, progress=False)
        checked = archive.upkeep.check(scheduler=scheduler, progress=False)
        noise = archive.calibration.noise_map("T0", scheduler=scheduler)
    return {
        "ingest": {**report.to_dict(), "refused": sorted(map(repr, report.refused))},
        "masters": [plain({key: row[key] for key in row if key != "s"}) for row in masters],
        "identified": (identified.documents, identified.changed, identified.fields, identified.refused),
        "check": {**checked.to_dict(), "seconds": 0},
        "noise": (noise.noise.tobytes(), noise.unstable.tobytes(), noise.samples.tobytes(), tuple(noise.noisiest)),
    }


@pytest.fixture(scope="module")
def here(empty, raw, tmp_path_factory):
    """The same work done by this process, without a scheduler."""
    home = shutil.copytree(empty, tmp_path_factory.mktemp("here") / "home")
    return work_of_a_night(home, raw, None), everything(home)


def alike(said):
    return plain({**said, "ingest": {key: v for key, v in said["ingest"].items() if key not in TIMES}})


def test_a_night_by_processes_of_which_one_is_killed_is_the_night_made_here(processes, home, raw, here, monkeypatch):
    monkeypatch.setattr(spread, "FILES", 2)  # pieces enough that some are left for others
    pids, asked = sorted(processes.run(os.getpid).values()), []

    def kill_one():
        asked.append(1)
        if len(asked) == 4:
            os.kill(pids[0], signal.SIGKILL)
        return ""

    said = work_of_a_night(home, raw, processes, kill_one)
    assert sorted(processes.run(os.getpid).values()) != pids
    assert alike(said) == alike(here[0])
    assert said["ingest"]["new"] == CAMERAS * DARKS + 1
    made = everything(home)
    for part, held in here[1].items():
        assert made[part] == held, part


def test_pieces_done_one_after_another_make_the_same_archive(home, raw, here):
    said = work_of_a_night(home, raw, "synchronous")
    assert alike(said) == alike(here[0])
    assert everything(home) == here[1]


def test_what_is_damaged_is_found_and_said_alike(home, raw):
    with open_archive(home) as archive:
        archive.ingest(raw, progress=False)
        for place in ("objects", "records/documents"):
            files = (path for path in (home / "store" / place).rglob("*") if path.is_file())
            victim = max(files, key=lambda path: path.stat().st_size)
            victim.chmod(0o644)
            victim.write_bytes(victim.read_bytes()[:-3] + b"xyz")
        found = [archive.upkeep.check(scheduler=who, progress=False) for who in (None, "synchronous")]
    assert {finding.code for finding in found[0].findings} >= {"record-damaged"}
    assert len(found[0].findings) == 2
    assert found[0].findings == found[1].findings
    assert found[0].exit_code == found[1].exit_code


def test_workers_of_another_release_are_refused_by_name(processes, home, raw, monkeypatch):
    monkeypatch.setattr(connecting, "__version__", "99.0")
    with open_archive(home) as archive, pytest.raises(Unlike, match=r"the worker tcp://\S+ has darkroom .* 99\.0"):
        archive.ingest(raw, scheduler=processes)
    with open_archive(home) as archive:
        assert archive.runs.count_documents({}) == 0  # refused before anything was begun


def test_workers_without_our_profiles_are_refused(processes, home, raw, tmp_path, monkeypatch):
    (tmp_path / "lab.toml").write_text('name = "lab"\n[[claims]]\nheader = {INSTRUME = "LAB"}\n')
    monkeypatch.setenv("DARKROOM_PROFILES", str(tmp_path / "lab.toml"))
    with open_archive(home) as archive, pytest.raises(Unlike, match=r"profiles.*\(lab\): set DARKROOM_PROFILES"):
        archive.ingest(raw, scheduler=processes)


def test_workers_that_see_another_store_are_refused(processes, home, tmp_path):
    with open_archive(home) as archive, open_archive(tmp_path / "other") as other:
        assert archive.store.id  # its own
        archive.session.store_url = other.store.url
        with pytest.raises(Unlike, match="another array store there: mount the same folder"):
            archive.upkeep.check(scheduler=processes)


def test_files_that_a_worker_does_not_see_end_the_run_and_are_not_quarantined(home, raw, monkeypatch):
    def blind(shared, piece):
        return spread._Unseen("tcp://far:1", [piece.tasks[0].file])

    monkeypatch.setattr(spread, "_take_some", blind)
    with open_archive(home) as archive:
        with pytest.raises(Unlike, match=r"tcp://far:1 does not see \S+\.fits: mount its folder there"):
            archive.ingest(raw, scheduler="synchronous")
        assert archive.quarantine.count_documents({}) == 0
        assert archive.ingest(raw, progress=False).new == CAMERAS * DARKS + 1  # and the next run goes on


def test_a_piece_that_ends_its_workers_costs_one_file_or_one_master(home, raw, monkeypatch):
    """What such a piece holds is taken by a process of this machine, which knows the file that kills."""
    from pipelines.schedulers.workers import Workers

    def lost(self, work, pieces):
        for number, piece in enumerate(pieces):
            yield Done(number, piece, None, "ended every worker that had it: tcp://far:1")

    monkeypatch.setattr(Workers, "each", lost)
    with open_archive(home) as archive:
        report = archive.ingest(raw, scheduler="synchronous", progress=False)
        assert (report.new, len(report.refused)) == (CAMERAS * DARKS + 1, 1)
        assert archive.upkeep.check(scheduler="synchronous").clean  # verified here
        with pytest.raises(DarkroomError, match=r"measuring \S+ and those after it ended every worker"):
            archive.calibration.make_masters(NIGHT, scheduler="synchronous", progress=False)


def test_a_scheduler_that_goes_away_is_named_and_the_next_run_goes_on(home, raw, monkeypatch):
    monkeypatch.setattr(spread, "FILES", 1)
    quiet = {"processes": False, "dashboard_address": "127.0.0.1:0", "silence_logs": "CRITICAL"}
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, **quiet) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        open_archive(home) as archive,
    ):
        asked = []

        def end():
            asked.append(1)
            if len(asked) == 6:
                cluster.close()
            return ""

        with pytest.raises(SchedulerGone, match="went away: what was committed stays; run it again"):
            archive.ingest(raw, scheduler=client, interrupted=end, progress=False)
        (run,) = archive.runs.find({"verb": "ingest"})
        assert run["status"] == "stopped"
        again = archive.ingest(raw, progress=False)
        assert isinstance(again, IngestReport)
        assert again.new + again.unchanged == CAMERAS * DARKS + 1
        assert archive.upkeep.check(progress=False).clean


def test_what_is_no_scheduler_is_refused(home, raw, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(connecting, "TIMEOUT", 0.2)
    with open_archive(home) as archive:
        with pytest.raises(UsageError, match=r"'dusk' is no scheduler; there are 'processes', 'synchronous', 'tcp:"):
            archive.ingest(raw, scheduler="dusk")
        with pytest.raises(SchedulerGone, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
            archive.ingest(raw, scheduler="tcp://127.0.0.1:9")
        assert not [record for record in caplog.records if record.name.startswith("distributed")]  # told once, by us
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(MissingExtra, match=r"pip install 'darkroom-archive\[dask\]'"):
            archive.ingest(raw, scheduler="processes")
    memory = open_archive(tmp_path / "memory", store="memory://of-this-process")
    with memory as archive, pytest.raises(UsageError, match="in the memory of this process, which no worker sees"):
        archive.ingest(raw, scheduler="processes")


def test_the_keys_of_a_bucket_go_nowhere_and_are_shown_nowhere():
    url = "s3://nights/raw?endpoint=http://127.0.0.1:9000&access_key_id=AKIA&secret_access_key=hidden&session_token=t"
    assert without_keys(url) == "s3://nights/raw?endpoint=http://127.0.0.1:9000"
    assert without_keys("/data/store") == "/data/store"
    assert "hidden" not in repr(SharedStore(url, "id"))


def test_the_command_takes_a_scheduler(home, raw):
    where = ("--home", home)
    assert darkroom(*where, "ingest", raw, "--scheduler", "synchronous").returncode == 1  # one file is no FITS
    wrong = darkroom(*where, "frames", NIGHT, "--scheduler", "processes")
    assert wrong.returncode == 2
    assert "--check" in wrong.stderr
    assert darkroom(*where, "ingest", raw, "--scheduler", "dusk").returncode == 2
