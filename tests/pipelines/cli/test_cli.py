"""The command as a user runs it: messages, exit codes, and a day of it in processes of their own."""

import json
import os
import re
import subprocess
import sys
from functools import partial

import pytest

from pipelines import open_archive
from tests.pipelines import command

NAME = "Dragonfly101/2024-02-20/T13080513_31_dark.fits"


@pytest.fixture
def darkroom(tmp_path):
    """Run the command in this process."""
    return partial(command.darkroom, env={"DARKROOM_HOME": str(tmp_path / "home")})


@pytest.fixture
def process(tmp_path):
    """Run the command in a process of its own."""
    env = {k: v for k, v in os.environ.items() if k not in ("CATALOG_URL", "ARRAYSTORE_URL")}
    env |= {"DARKROOM_HOME": str(tmp_path / "home"), "PYTHONWARNINGS": "error"}

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *map(str, words)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=env,
        )

    return run


@pytest.mark.patient
def test_from_files_to_answers_and_back(darkroom, process, tmp_path, raw, write_frame):
    for number in (31, 32, 33):
        path = write_frame(f"Dragonfly101/2024-02-20/T13080513_{number}_dark.fits", seed=number)
    done = process("ingest", raw)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 files: 3 new" in done.stdout
    groups = json.loads(process("darks", "2024-02-20", "--json").stdout)["rows"]
    assert [(g["serialno"], g["exptime"], g["count"]) for g in groups] == [("T13080513", 9.0, 3)]
    assert "T13080513" in darkroom("darks").stdout
    none = process("flats", "2024-02-20")
    assert (none.returncode, none.stdout) == (1, "")
    assert "there is no flat frame of 2024-02-20; there are: 3 dark" in none.stderr
    found = darkroom("query", '{"header.IMAGETYP": "dark"}', "--json", "--fields", "exposure_number").stdout
    assert sorted(row["exposure_number"] for row in json.loads(found)["rows"]) == [31, 32, 33]
    counted = darkroom("query", '[{"$group": {"_id": "$kind", "n": {"$sum": 1}}}]', "--json").stdout
    assert json.loads(counted)["rows"] == [{"_id": "dark", "n": 3}]
    assert "EXPTIME =                  9.0" in darkroom("header", NAME).stdout
    exported = process("export", NAME.replace("_31_", "_33_"), tmp_path / "out.fits", "--certificate")
    assert exported.stdout.count("sha256") == 2
    assert (tmp_path / "out.fits").read_bytes() == path.read_bytes()
    assert json.loads(darkroom("status", "--json").stdout)["documents"] == 3
    run = re.search(r"restore --run (\S+?)`", darkroom("delete", NAME, "--yes").stdout)[1]
    assert run in darkroom("trash", "list").stdout
    assert darkroom("restore", "--run", run).returncode == 0
    assert darkroom("delete", NAME, "--yes").returncode == 0
    assert "would remove 1 deleted" in darkroom("sweep", "--grace", "0", "--dry-run").stdout
    assert "removed 1 deleted document, 1 array, 4 records" in darkroom("sweep", "--grace", "0", "--yes").stdout
    assert str(raw) in darkroom("root", "list").stdout


def test_quarantine_is_exit_1_and_says_why(darkroom, raw, write_frame):
    write_frame()
    (raw / "junk.fits").write_bytes(b"not a FITS file at all")
    done = darkroom("ingest", raw)
    assert done.returncode == 1
    assert "1 new, 1 in quarantine" in done.stdout
    assert "not-fits" in done.stdout
    shown = darkroom("query", "{}", "--collection", "quarantine")
    assert "junk.fits" in shown.stdout
    report = json.loads(darkroom("ingest", raw, "--json").stdout)
    assert (report["unchanged"], report["refused"][0]["code"]) == (1, "not-fits")


def test_an_empty_folder_is_no_failure(darkroom, raw):
    done = darkroom("ingest", raw)
    assert done.returncode == 0
    assert "no FITS files under" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ingest", "/no/such/folder"], "is not there"),
        (["ingest"], "nothing to ingest"),
        (["query", "{broken"], "not JSON"),
        (["query", '{"$where": "1"}'], "refused without --allow-"),
        (["query", '[{"$out": "x"}]'], "refused without --allow-"),
        (["query", '[{"$nonsense": 1}]'], "$nonsense"),
        (["header", "no/such/name.fits"], "no document named"),
        (["export", "no/such/name.fits", "x.fits"], "no document named"),
        (["sweep", "--grace", "soon"], "not a duration"),
        (["root", "move", "nowhere", "/tmp"], "no root named"),
        (["--catalog", "mongodb://user:p@ss:w/rd@host/db", "status"], "percent-encode"),
        (["--catalog", "mongodb://localhost:1", "status"], "database"),
        (["--store", "ftp://x/y", "ingest", "."], "ftp"),
    ],
)
def test_usage_errors_are_exit_2_and_one_message(darkroom, raw, words, said):
    darkroom("ingest", raw)
    done = darkroom(*words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "ss:w/rd" not in done.stderr + done.stdout


def test_an_unreachable_database_is_exit_3_without_the_password(darkroom, monkeypatch):
    done = darkroom("--catalog", "mongodb://ann:s3cret@127.0.0.1:9/dfimages?serverSelectionTimeoutMS=300", "darks")
    assert done.returncode == 3
    assert "127.0.0.1:9" in done.stderr
    assert "s3cret" not in done.stderr
    monkeypatch.setenv("CATALOG_USER", "ann")
    monkeypatch.setenv("CATALOG_PASSWORD", "p@ss/w:rd")
    done = darkroom("--catalog", "mongodb://127.0.0.1:9/dfimages?serverSelectionTimeoutMS=300", "darks")
    assert done.returncode == 3
    assert "p@ss/w:rd" not in done.stderr


def test_asking_makes_no_archive(darkroom, tmp_path):
    for words in (["status"], ["darks"], ["query", "{}"], ["header", NAME], ["root", "list"]):
        done = darkroom(*words)
        assert done.returncode == 3
        assert "check --home, DARKROOM_HOME" in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_catalog_that_is_not_one_or_too_new_is_exit_3(darkroom, tmp_path, raw):
    import sqlite3

    home = tmp_path / "home"
    assert darkroom("ingest", raw).returncode == 0
    assert darkroom("status").returncode == 0
    with sqlite3.connect(home / "catalog.db") as base:
        base.execute("PRAGMA user_version = 9999")
    base.close()
    done = darkroom("status")
    assert done.returncode == 3
    assert "upgrade darkroom" in done.stderr
    (tmp_path / "text.db").write_text("hello, this is no catalog, only some text that is long enough to see\n" * 20)
    done = darkroom("--catalog", tmp_path / "text.db", "status")
    assert done.returncode in (3, 4)
    assert "text.db" in done.stderr


def test_damage_is_exit_4(darkroom, tmp_path, raw, write_frame):
    write_frame()
    assert darkroom("ingest", raw).returncode == 0
    shards = [p for p in (tmp_path / "home/store/objects").rglob("*") if p.is_file() and p.suffix != ".json"]
    (shard,) = shards
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 0xFF
    shard.chmod(0o644)
    shard.write_bytes(bytes(data))
    done = darkroom("export", NAME, tmp_path / "out.fits")
    assert done.returncode == 4
    assert not (tmp_path / "out.fits").exists()


def test_every_command_has_help_and_help_is_light(darkroom):
    heavy = ("astropy", "zarr", "numpy", "pymongo", "pandas", "mongomock_ng")
    script = (
        "import sys; sys.argv = ['darkroom', '--help']\n"
        "from pipelines.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    from typer.main import get_command

    from pipelines.cli import app

    command = get_command(app)
    assert len(command.commands) >= 11
    for name, sub in command.commands.items():
        assert sub.help, name


STATUS = """
import sys
from pipelines import open_archive
with open_archive(sys.argv[1], readonly=True) as archive:
    archive.status()
"""


@pytest.mark.parametrize(
    ("script", "heavy"),
    [
        ("import sys, pipelines.ingest.worker", ("pymongo", "numcodecs", "astropy", "zarr")),
        (STATUS, ("numpy", "numcodecs", "astropy", "zarr", "pandas")),
    ],
    ids=["worker", "status"],
)
def test_status_and_the_workers_of_headers_are_light(tmp_path, raw, write_frame, script, heavy):
    write_frame(NAME)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(raw, progress=False)
    script += f"\nprint([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "home"], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_wrong_home_is_no_archive_in_which_nothing_is_wrong(darkroom, tmp_path):
    for words in (
        ["check"],
        ["check", "--repair"],
        ["sweep", "--yes"],
        ["migrate"],
        ["delete", NAME],
        ["restore", NAME],
    ):
        done = darkroom(*words)
        assert (done.returncode, done.stdout) == (3, ""), words
        assert "there is no catalog at" in done.stderr
        assert "`darkroom rebuild` brings a lost catalog back" in done.stderr
    assert not (tmp_path / "home").exists()
