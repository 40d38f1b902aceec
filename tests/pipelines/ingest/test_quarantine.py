"""Quarantine: a file is never in neither place; it is taken again when mended, struck out when it is no more."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines import open_archive
from pipelines.cli import app
from pipelines.errors import Refused, UsageError
from pipelines.ingest.quarantine import listed
from pipelines.ingest.retry import forget, retry

GOOD, BAD = "Dragonfly101/2024-02-20/T1_1_dark.fits", "Dragonfly101/2024-02-20/T1_2_dark.fits"


@pytest.fixture
def broken(archive, raw, write_frame):
    """An archive with one good file, and one in quarantine; gives the bad file and what it should be."""
    write_frame(GOOD)
    path = write_frame(BAD, seed=2)
    whole = path.read_bytes()
    path.write_bytes(whole[:4000])
    archive.ingest(raw)
    return path, whole


def again(archive, tmp_path, names=(), **options):
    return retry(archive.session, names, **options)


def test_a_list_says_what_and_why_and_what_would_mend_it(archive, broken):
    (row,) = listed(archive.session)
    assert (row["file"], row["code"], row["size"]) == (f"raw:{BAD}", "truncated", 4000)
    assert row["hint"]
    assert list(listed(archive.session, code="not-fits")) == []


def test_retry_takes_what_has_changed(archive, tmp_path, broken):
    path, whole = broken
    assert again(archive, tmp_path) is None
    assert [r.code for r in again(archive, tmp_path, everything=True).refused] == ["truncated"]
    path.write_bytes(whole)
    assert again(archive, tmp_path).new == 1
    assert archive.quarantine.count_documents({}) == 0
    assert archive.headers.find_one({"_id": BAD}) is not None


def test_retry_and_forget_know_the_names_they_are_given(archive, tmp_path, broken):
    with pytest.raises(UsageError, match="not in quarantine"):
        again(archive, tmp_path, ["raw:nothing.fits"])
    with pytest.raises(UsageError, match="not in quarantine"):
        forget(archive.session, ["raw:nothing.fits"])


def test_forget_strikes_out_only_what_is_no_more(archive, broken):
    path, _ = broken
    assert forget(archive.session, []) == []
    path.unlink()
    assert forget(archive.session, [], why="sent again under another name") == [f"raw:{BAD}"]
    assert archive.quarantine.count_documents({}) == 0
    run = archive.runs.find_one({"verb": "forget"})
    assert run["arguments"]["why"] == "sent again under another name"
    assert run["user"]
    assert run["result"]["forgotten"][0]["code"] == "truncated"


def test_force_needs_names_and_is_written_down(archive, broken, raw):
    with pytest.raises(UsageError, match="names"):
        forget(archive.session, [], force=True)
    assert forget(archive.session, [f"raw:{BAD}"], force=True) == [f"raw:{BAD}"]
    assert archive.runs.find_one({"verb": "forget"})["arguments"]["force"] is True
    assert len(archive.ingest(raw).refused) == 1  # never in neither place for long


def test_a_disk_that_is_not_mounted_is_no_reason_to_forget(archive, broken, raw, tmp_path):
    shutil.move(raw, tmp_path / "away")
    with pytest.raises(Refused, match="mount it"):
        forget(archive.session, [])
    assert archive.quarantine.count_documents({}) == 1


def test_a_name_that_is_not_utf8_is_found_and_not_forgotten(archive, raw, tmp_path):
    raw.joinpath("x").mkdir()
    bad = os.fsencode(raw) + b"/x/caf\xe9.fits"
    with open(bad, "wb") as file:
        file.write(b"no")
    archive.ingest(raw)
    assert forget(archive.session, []) == []
    assert [r.code for r in again(archive, tmp_path, everything=True).refused] == ["bad-name"]
    os.unlink(bad)
    assert len(forget(archive.session, [])) == 1


def test_a_file_that_is_again_what_was_taken_leaves_the_quarantine(archive, raw, write_frame):
    path = write_frame(GOOD)
    archive.ingest(raw)
    whole, info = path.read_bytes(), path.stat()
    path.write_bytes(whole[:4000])
    assert len(archive.ingest(raw).refused) == 1
    path.write_bytes(whole)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert archive.ingest(raw).unchanged == 1
    assert archive.quarantine.count_documents({}) == 0


@pytest.mark.usefixtures("broken")
def test_the_commands(tmp_path):
    home = ["--home", str(tmp_path / "home"), "quarantine"]
    runner = CliRunner()
    assert "truncated" in runner.invoke(app, [*home, "list"]).output
    assert runner.invoke(app, [*home, "retry"]).exit_code == 0
    assert runner.invoke(app, [*home, "retry", "--all"]).exit_code == 1
    forgotten = runner.invoke(app, [*home, "forget", f"raw:{BAD}", "--force", "--why", "x", "--yes"])
    assert forgotten.output == "1 entries forgotten\n"
    assert runner.invoke(app, [*home, "forget"]).output.startswith("nothing to forget: ")


KINDS = ("whole", "cut", "text", "empty", "folder", "pipe", "link", "broken link", "link outside", "twin", "not utf8")


@pytest.mark.patient
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), max_size=8), st.booleans())
@settings(max_examples=20)
def test_every_file_is_in_the_archive_or_in_quarantine(tmp_path_factory, kinds, headers_only):
    tmp_path = tmp_path_factory.mktemp("any")
    raw = tmp_path / "raw"
    written = [build(tmp_path, raw, kind, number) for number, (kind, _) in enumerate(kinds)]
    raw.mkdir(exist_ok=True)
    with open_archive(tmp_path / "home") as archive:
        report = archive.ingest(raw, headers_only=headers_only)
        everywhere(archive, written)
        assert report.files == sum(map(len, written))
        for (_, mended), paths in zip(kinds, written, strict=True):
            for path in paths if mended else ():
                if path.is_file():
                    path.write_bytes(whole_file(paths[0].name))
        archive.ingest(raw)
        everywhere(archive, written)


def everywhere(archive, written):
    places = {(d["root"], d["path"]) for d in archive.headers.find({}, {"root": 1, "path": 1})}
    shelf = {(d["root"], d["path"]) for d in archive.quarantine.find({}, {"root": 1, "path": 1})}
    assert not places & shelf or all(archive.quarantine.find_one({"path": path}) for _, path in places & shelf)
    for path in (path for paths in written for path in paths):
        relative = os.fsencode(path).rpartition(b"/raw/")[2].decode("utf-8", "backslashreplace")
        assert ("raw", relative) in places | shelf, relative


def build(tmp_path, raw, kind, number):
    """Put one thing among the files; return the paths an ingest must account for."""
    path = raw / f"Dragonfly10{number}/2024-02-20/T{number}_{number}_dark.fits"
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = whole_file(path.name)
    outside = tmp_path / f"outside{number}.fits"
    match kind:
        case "folder":
            path.mkdir()
            return []
        case "pipe":
            os.mkfifo(path)
        case "link":
            (path.parent / "real.fits").write_bytes(whole)
            path.symlink_to(path.parent / "real.fits")
            return [path, path.parent / "real.fits"]
        case "broken link":
            path.symlink_to(tmp_path / "nowhere.fits")
        case "link outside":
            outside.write_bytes(whole)
            path.symlink_to(outside)
        case "twin":
            other = raw / f"copy/Dragonfly10{number}/2024-02-20" / path.name
            other.parent.mkdir(parents=True, exist_ok=True)
            for place in (path, other):
                place.write_bytes(whole)
            return [path, other]
        case "not utf8":
            strange = Path(os.fsdecode(os.fsencode(path.parent) + b"/caf\xe9.fits"))
            strange.write_bytes(whole)
            return [strange]
        case _:
            path.write_bytes({"whole": whole, "cut": whole[:3000], "text": b"no\n", "empty": b""}[kind])
    return [path]


def whole_file(name):
    cards = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 4", "IMAGETYP= 'dark'", "SERIALNO= 'T'")
    date = "DATE    = '2024-02-21T01:43:11'"
    head = "".join(card.ljust(80) for card in (*cards, date, f"NAME    = '{name[:20]}'", "END"))
    return head.ljust(2880).encode("ascii", "replace") + b"abcd".ljust(2880, b"\0")
