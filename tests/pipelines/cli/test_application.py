"""What every command has: looks, addresses, silence, near misses, errors for machines."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest


def test_short_help_and_chapters(darkroom):
    for words in ("-h", "darks -h", "masters -h", "masters make -h"):
        assert darkroom(words).exit_code == 0
    shown = darkroom("-h").output
    assert [line for line in shown.splitlines() if line in ("Begin:", "Every night:", "JWST:")]
    assert "..." not in shown.partition("Options:")[2]


def test_the_looks_of_a_table(darkroom):
    plain = darkroom("darks 2024-02-20").output
    found = json.loads(darkroom("darks 2024-02-20 --json").output)
    assert found["format"] == 1
    rows = list(csv.DictReader(io.StringIO(darkroom("darks 2024-02-20 --csv").output)))
    assert len(rows) == len(found["rows"]) == len(plain.splitlines()) - 2
    assert json.loads(rows[0]["darks"]) == found["rows"][0]["darks"]
    assert found["rows"][0]["darks"][2] in darkroom("darks 2024-02-20 --wide").output
    assert darkroom("darks --json --csv").exit_code == 2


def test_the_home_may_stand_before_or_after_the_command(darkroom, demo, tmp_path):
    before = darkroom(f"--home {demo / 'archive'} darks")
    after = darkroom(f"darks --home {demo / 'archive'}")
    assert before.output == after.output
    assert darkroom(f"darks --home {tmp_path / 'none'}").exit_code == 3


def test_an_archive_that_nobody_named_does_not_begin_in_silence(darkroom, tmp_path, write_frame, monkeypatch):
    frame = write_frame()
    monkeypatch.delenv("DARKROOM_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    done = darkroom(f"ingest {frame}")
    assert f"a new one begins in {tmp_path / 'somebody' / 'darkroom'}; DARKROOM_HOME or --home" in done.errors
    assert darkroom(f"ingest {frame}").errors == ""
    assert darkroom(f"ingest {frame} --home {tmp_path / 'home'}").errors == ""


def test_quiet_is_silent_on_a_good_night_and_speaks_on_a_bad_one(darkroom, demo, tmp_path, write_frame):
    frame = write_frame()
    home = f"--home {tmp_path / 'home'}"
    done = darkroom(f"ingest {frame.parent} --quiet {home}")
    assert (done.exit_code, done.output) == (0, "")
    (frame.parent / "junk.fits").write_bytes(b"no FITS")
    done = darkroom(f"ingest {frame.parent} --quiet {home}")
    assert done.exit_code == 1
    assert "junk.fits" in done.output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("header Dragonfly101/2024-02-20/T13060400_1_flatt.fits", "Dragonfly101/2024-02-20/T13060400_1_flat.fits"),
        ("header Dragonfly110/2024-02-20/T13060400_1_flat.fits", "Dragonfly101/2024-02-20/T13060400_1_flat.fits"),
        ("groups Darkss", "dark"),
        ("trends --camera T1306040", "T13060400"),
        ("masters list --camera T1306040", "T13060400"),
        ("masters list --kind drak", "dark"),
        ("masters list --status verifid", "verified"),
        ("frames 2024-02-20 --kind flatt", "flat"),
        ("""query '{"header.IMAGETPY": "dark"}'""", "IMAGETYP"),
        ("query {} --collection quarantin", "quarantine"),
        ("darks --jsonn", "--json"),
        ("nigthly x", "nightly"),
    ],
)
def test_a_near_miss_is_named(darkroom, line, said):
    done = darkroom(line)
    assert (done.exit_code, done.output) == (2, "")
    assert said in done.errors
    assert done.errors.count("darkroom: ") == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("query {broken --json", 2),
        ("darks --json --nonsense", 2),
        ("groups Darkss --json", 2),
        ("status --json --home /nowhere", 3),
    ],
)
def test_errors_are_json_under_json(darkroom, line, code):
    done = darkroom(line)
    assert (done.exit_code, done.output) == (code, "")
    told = json.loads(done.errors)
    assert (told["format"], told["error"]["exit_code"]) == (1, code)
    assert told["error"]["reason"]


@pytest.mark.patient
def test_a_reader_that_has_seen_enough_breaks_nothing(demo):
    command = f"{sys.executable} -m pipelines.cli --home {demo / 'archive'} frames 2024-02-20 | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("Frames")


def test_the_number_of_documents_is_said(darkroom):
    assert darkroom("query").output.startswith("the first 20 of 2")
    one = darkroom("""query '{"_id": "Dragonfly101/2024-02-20/T13060400_1_flat.fits"}'""").output
    assert one.startswith("1 document of headers")


def test_completion_knows_the_commands(demo):
    env = os.environ | {"_DARKROOM_COMPLETE": "complete_bash", "COMP_WORDS": "darkroom qu", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-m", "pipelines.cli"], capture_output=True, text=True, env=env)
    assert set(done.stdout.split()) == {"quarantine", "query"}
