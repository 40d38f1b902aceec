"""The log: nothing unless asked for; then what was decided about every file, and why, on the screen and in a file."""

import json
import logging
import os
import re
import subprocess
import sys
from datetime import datetime

import pytest

from pipelines import open_archive
from pipelines.documents.lease import held
from tests.pipelines import command

NIGHT = "2024-02-20"


def darkroom(*words, code=0):
    """Run the command; return its output and its lines of log."""
    done = command.darkroom(*words)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr.splitlines()


@pytest.fixture
def night(write_frame, tmp_path):
    """Files of one night, of which each comes to another end, and the folder of its archive."""
    raw, home = tmp_path / "raw", tmp_path / "home"

    def frame(number, **cards):
        return write_frame(f"Dragonfly101/{NIGHT}/T1_{number}_dark.fits", folder=raw, seed=number, **cards)

    kept = frame(1)
    frame(2)
    with open_archive(home) as archive:
        archive.ingest(raw)
    changed = frame(2, EXPTIME=12.0)
    new, broken = frame(3), frame(5)
    broken.write_bytes(b"SIMPLE  = not FITS")
    beside = kept.with_name("readme.txt")
    beside.write_text("night log")
    other = write_frame("Dragonfly101/2024-02-21/T1_6_dark.fits", folder=raw, seed=6)
    return home, raw, {
        kept: "unchanged",
        changed: "taken",
        new: "taken",
        broken: "quarantined",
        other: "not asked for",
        beside: "passed over",
    }  # fmt: skip


def test_nightly_tells_for_every_file_what_was_decided_and_why(night):
    home, raw, ends = night
    _, lines = darkroom("--home", home, "nightly", raw, "--date", NIGHT, "--settle", "0", "-vv", code=1)
    for file, end in ends.items():
        told = [line for line in lines if f": {file}: " in line]
        assert told, (file, lines)
        assert any(f": {end}: {file}: " in line for line in told), told
        assert all(line.partition(f"{file}: ")[2].strip() for line in told), "a reason"


def test_the_reasons_are_the_true_ones(night):
    home, raw, ends = night
    _, lines = darkroom("--home", home, "nightly", raw, "--date", NIGHT, "-v")
    reasons = {
        "unchanged": "size and time are those of",
        "taken": "by profile dragonfly: kind dark, camera T1, date 2024-02-20",
        "quarantined": "END",
    }
    # Just written, the files count as just changed: that is the reason of each of them.
    early = [line for line in lines if "left for the next run: " in line and "changed less than 60 s ago" in line]
    assert len(early) == len([end for end in ends.values() if end not in ("not asked for", "passed over")])
    assert any("not asked for: 1 file of other nights" in line for line in lines)
    _, lines = darkroom("--home", home, "nightly", raw, "--date", NIGHT, "--settle", "0", "-v", code=1)
    for end in reasons:
        assert any(f"{end}: {raw}" in line and reasons[end] in line for line in lines), (end, lines)
    assert any("lease nightly/2024-02-20: taken" in line for line in lines)
    assert any("nightly begins" in line for line in lines)


def test_a_night_of_another_run_is_left_with_its_holder_named(night):
    home, raw, ends = night
    with open_archive(home) as archive, held(archive.catalog["leases"], f"nightly/{NIGHT}", run="other"):
        _, lines = darkroom("--home", home, "nightly", raw, "--date", NIGHT, "--settle", "0", "-v")
    left = [line for line in lines if "left for the next run: " in line and "is at work on the night" in line]
    assert len(left) == len([end for end in ends.values() if end not in ("not asked for", "passed over")])
    assert all(f"process {os.getpid()}" in line for line in left)


def test_nothing_is_said_unless_asked_for_and_a_file_is_added_to(night, tmp_path):
    home, raw, _ = night
    log = tmp_path / "night.log"
    log.write_text("before\n")
    _, lines = darkroom("--home", home, "ingest", raw, "--log-file", log, code=1)
    assert lines == []
    first, *others = log.read_text().splitlines()
    assert first == "before"
    assert any(" unchanged: " in line for line in others)
    assert not any("DEBUG" in line for line in others)


def test_before_the_command_as_after_it(night, tmp_path):
    home, raw, _ = night
    log = tmp_path / "night.log"
    _, screen = darkroom("-v", "--home", home, "ingest", raw, "--log-file", log, code=1)
    assert log.read_text().splitlines() == screen
    assert any(" unchanged: " in line for line in screen)


def test_a_name_cannot_write_lines_of_its_own(write_frame, tmp_path):
    file = write_frame(
        "evil\n2024-01-01T00:00:00Z INFO  pipelines: taken: all is well\x1b[2J.fits", folder=tmp_path / "raw"
    )
    _, lines = darkroom("--home", tmp_path / "home", "ingest", file.parent, "-v")
    assert not any(line.startswith("2024-01-01") for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_a_log_file_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path):
    _, lines = darkroom("--home", tmp_path / "home", "ingest", tmp_path, "--log-file", tmp_path, code=2)
    assert "cannot be written" in lines[-1]
    assert not (tmp_path / "home").exists()


def test_masters_tell_of_every_group_what_became_of_it(night, caplog):
    with caplog.at_level(logging.INFO, "pipelines"), open_archive(night[0]) as archive:
        rows = archive.calibration.make_masters(NIGHT, progress=False)
    assert rows
    for row in rows:
        assert any(
            f"{row['camera']}" in message and row["reason"] in message and "not made: " in message
            for message in caplog.messages
        )


def test_importing_configures_nothing():
    code = (
        "import logging, pipelines, catalog, arraystore, pipelines.nightly.run, pipelines.ingest.run, pipelines.cli\n"
        "names = ['', *(n for n in logging.root.manager.loggerDict if n.split('.')[0] in "
        "('pipelines', 'catalog', 'arraystore'))]\n"
        "assert not any(logging.getLogger(n).handlers or (n and logging.getLogger(n).level) for n in names), names\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_line_is_an_object_in_json_where_that_is_asked_for(night, tmp_path):
    home, raw, ends = night
    odd = raw / "Dragonfly101" / NIGHT / "T1_\u2028_dark\x1b[31m.fits"
    odd.write_bytes(b"no FITS")
    file = tmp_path / "log"
    where = ("--home", home, "nightly", raw, "--date", NIGHT, "--settle", "0")
    _, shown = darkroom(*where, "-vv", "--log-file", file, "--log-format", "json", code=1)
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert [json.loads(line) for line in shown] == kept
    assert all(list(line) == ["time", "level", "logger", "message"] for line in kept)
    assert all(datetime.fromisoformat(line["time"]).tzinfo is not None for line in kept)
    for named in ends:
        assert any(str(named) in line["message"] for line in kept)
    _, text = darkroom(*where, "-v", "--log-format", "text", code=1)
    assert re.match(r"\d{4}-\d\d-\d\dT\S+Z INFO ", text[0])
    assert darkroom(*where, "--log-format", "xml", code=2)[1]


def test_no_password_of_a_server_is_in_a_line(tmp_path):
    file = tmp_path / "log"
    url = "mongodb://reader:hidden-word@127.0.0.1:9/darkroom?serverSelectionTimeoutMS=50"
    darkroom("--catalog", url, "status", "-vv", "--log-file", file, "--log-format", "json", code=3)
    assert "hidden-word" not in file.read_text()
