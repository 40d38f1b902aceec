"""A server that does not answer for a while: ingest waits, and nothing is counted, or written, twice."""

import os
import signal
import subprocess
import threading
import time
import uuid

import pytest

from catalog import Unreachable, patience
from catalog.patience import Patience
from pipelines import Schedule, open_archive
from tests.catalog.lines import Line
from tests.crash.faults import FaultyCatalogBackend, struck
from tests.crash.nights import write_frame, write_night


@pytest.mark.parametrize("sort", ["fails", "is unanswered"])
def test_every_question_goes_unanswered_once(tmp_path, monkeypatch, sort):
    """Revisions among new files: the report says of each what it says of an undisturbed run."""
    monkeypatch.setattr(patience, "FIRST", 0.0)
    for k in range(1, 100):
        folder = tmp_path / str(k)
        night = write_night(folder / "raw", [1, 2], broken=1, twins=False)
        with open_archive(folder / "home") as archive:
            archive.ingest(night.folder, jobs=1, progress=False)
            for number in (2, 3):
                write_frame(night.folder, number, seed=50 + number)
            fault = struck(sort, k)
            archive.catalog._backend = FaultyCatalogBackend(archive.catalog._backend, fault)
            archive.catalog._patience = Patience(5.0)
            report = archive.ingest(night.folder, jobs=1, progress=False)
            assert (report.new, report.revised, report.unchanged) == (1, 1, 1), k
            assert archive.headers.count_documents({}) == 3
            assert archive.session.history.count_documents({}) == 1
            assert archive.session.runs.count_documents({"status": "finished"}) == 2
        if not fault.struck:
            break
    assert 10 < k < 99


def test_patience_ends(monkeypatch):
    monkeypatch.setattr(patience, "FIRST", 0.01)
    asked = []

    def question():
        asked.append(time.monotonic())
        raise Unreachable("nobody there")

    with pytest.raises(Unreachable, match="nobody there"):
        Patience(0.2).ask(question)
    assert len(asked) > 2
    assert asked[-1] - asked[0] < 0.25


@pytest.fixture(scope="module")
def server():
    """A server of the wire protocol, in a process of its own."""
    python = os.environ.get("DARKROOM_MONGOECO_PYTHON")
    if not python:
        pytest.skip("no wire-protocol server: DARKROOM_MONGOECO_PYTHON is not set")
    command = [python, "tests/conformance/mongoeco_server.py"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.port = int(process.stdout.readline())
    yield process
    process.send_signal(signal.SIGCONT)
    process.stdin.close()
    process.wait()
    process.stdout.close()


def url_of(port, *options):
    asked = "&".join(["retryWrites=false", *options])
    return f"mongodb://127.0.0.1:{port}/t{uuid.uuid4().hex[:8]}?{asked}"


def nightly(tmp_path, url, folder, *, disturbed):
    """Take a night that is disturbed once it has begun, in a thread of its own."""
    trouble = threading.Thread(target=disturbed)

    def begun():
        if trouble.ident is None:
            trouble.start()
        return ""

    with open_archive(tmp_path / "home", catalog=url, store=str(tmp_path / "store")) as archive:
        report = archive.nightly(folder, schedule=Schedule(settle=0), progress=False, jobs=1, interrupted=begun)
        trouble.join()
        return report, archive.headers.count_documents({})


@pytest.mark.patient
def test_a_line_that_is_cut_for_seconds_while_a_night_is_taken(tmp_path, server):
    line = Line(server.port)
    try:
        night = write_night(tmp_path / "raw", range(1, 41), broken=0, twins=False)
        report, count = nightly(tmp_path, url_of(line.port), night.folder, disturbed=lambda: line.cut(1.0))
        assert (report.stopped, count) == ("", 40)
    finally:
        line.close()


@pytest.mark.patient
def test_a_server_that_is_frozen_while_a_night_is_taken(tmp_path, server):
    """It answers nothing and closes nothing, and does late what it was asked meanwhile; nothing is there twice."""
    quick = ("socketTimeoutMS=400", "connectTimeoutMS=400", "serverSelectionTimeoutMS=400")
    night = write_night(tmp_path / "raw", range(1, 41), broken=0, twins=False)

    def frozen():
        server.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        server.send_signal(signal.SIGCONT)

    report, count = nightly(tmp_path, url_of(server.port, *quick), night.folder, disturbed=frozen)
    assert (report.stopped, count) == ("", 40)


@pytest.mark.patient
def test_a_server_that_stays_frozen_ends_the_run_when_patience_does(tmp_path, server):
    quick = ("socketTimeoutMS=400", "connectTimeoutMS=400", "serverSelectionTimeoutMS=400")
    url = url_of(server.port, *quick)
    night = write_night(tmp_path / "raw", range(1, 4), broken=0, twins=False)
    with open_archive(tmp_path / "home", catalog=url, store=str(tmp_path / "store")) as archive:
        archive.ingest(night.folder, progress=False, jobs=1)
        write_frame(night.folder, 1, seed=9)
        server.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
                archive.ingest(night.folder, progress=False, jobs=1, patience=1.0)
        finally:
            server.send_signal(signal.SIGCONT)
        assert archive.ingest(night.folder, progress=False, jobs=1).revised == 1
