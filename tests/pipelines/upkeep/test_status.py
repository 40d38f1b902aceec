"""The state of an archive on one screen: counts with their date, the last run and check, what needs attention."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import UsageError
from pipelines.documents import runs as ledger
from pipelines.upkeep import status as status_module
from pipelines.upkeep.prometheus import exposition
from pipelines.upkeep.status import Status

GOOD, BAD = (f"Dragonfly101/2024-02-20/T13080513_{n}_dark.fits" for n in (31, 32))


@pytest.fixture
def broken(archive, raw, write_frame):
    """An archive with a good file, and one in quarantine."""
    write_frame(GOOD)
    path = write_frame(BAD, seed=2)
    path.write_bytes(path.read_bytes()[:4000])
    archive.ingest(raw)
    return path


def test_a_status_says_what_is_there_and_what_needs_attention(archive, broken):
    found = archive.status()
    assert (found.documents, found.nights, found.first, found.quarantined) == (1, 1, "2024-02-20", 1)
    assert [(row["code"], row["files"], row["acknowledged"]) for row in found.quarantine] == [("truncated", 1, 0)]
    assert [run["verb"] for run in found.runs] == ["ingest"]
    said = "\n".join(found.attention)
    assert "1 file in quarantine since" in said
    assert "never checked" in said
    assert len(repr(found).splitlines()) <= 24
    archive.upkeep.check(level="exists")
    found = archive.status()
    assert (found.check["level"], found.check["findings"]) == ("exists", 0)
    assert not [line for line in found.attention if "check" in line]


def test_a_count_that_was_kept_is_told_with_its_date(archive, broken, raw, write_frame):
    first = archive.status()
    write_frame("Dragonfly101/2024-02-20/T13080513_33_dark.fits", seed=3)
    archive.ingest(raw)
    kept = archive.status(count=False)
    assert (kept.documents, kept.objects, kept.counted) == (2, first.objects, first.counted)
    assert f"counted {first.counted:%Y-%m-%d %H:%M:%S}" in repr(kept)
    assert archive.status().objects == first.objects + 1


def test_a_run_that_was_cut_short_needs_attention(archive, broken):
    run = ledger.start(archive.runs, verb="nightly", arguments={})
    ledger.finish(archive.runs, run, status="stopped", result={"error": "disk full"})
    assert [line for line in archive.status().attention if line.startswith("the last nightly was stopped")]
    (row,) = archive.upkeep.runs(verb="nightly")
    assert (row["run"], row["status"], row["result"]) == (run, "stopped", "disk full")
    assert [row["verb"] for row in archive.upkeep.runs(limit=2)] == ["nightly", "ingest"]
    with pytest.raises(UsageError, match="is it nightly"):
        archive.upkeep.runs(verb="nightli")


def test_an_acknowledged_file_is_listed_and_no_longer_reported(archive, raw, broken):
    name = f"raw:{BAD}"
    assert archive.ingest(raw).exit_code == 1
    assert archive.upkeep.acknowledge(name, why="the disk was full") == [name]
    (row,) = archive.upkeep.quarantined()
    assert (row["file"], row["acknowledged"]) == (name, "the disk was full")
    report = archive.ingest(raw)
    assert (report.exit_code, report.acknowledged, report.files, report.refused) == (0, 1, 2, [])
    assert "1 in quarantine and acknowledged" in repr(report)
    assert archive.upkeep.quarantined()[0]["acknowledged"] == "the disk was full"
    assert not [line for line in archive.status().attention if "quarantine" in line]
    assert not [row for row in archive.night("2024-02-20") if row["code"] == "quarantined"]
    (run,) = archive.upkeep.runs(verb="acknowledge")
    assert run["what"]["why"] == "the disk was full"


def test_an_acknowledgement_ends_when_the_file_changes(archive, raw, broken):
    archive.upkeep.acknowledge(f"raw:{BAD}", why="the disk was full")
    os.utime(broken, (1e9, 1e9))
    report = archive.ingest(raw)
    assert (report.exit_code, report.acknowledged) == (1, 0)
    assert archive.upkeep.quarantined()[0]["acknowledged"] is None


@pytest.mark.parametrize(
    ("names", "why", "said"),
    [([], "x", "nothing was named"), (["raw:" + BAD[:-1]], "x", BAD), (["raw:" + BAD], " ", "say why")],
)
def test_what_cannot_be_acknowledged_is_said(archive, broken, names, why, said):
    with pytest.raises(UsageError, match=said):
        archive.upkeep.acknowledge(names, why=why)
    assert archive.upkeep.quarantined()[0]["acknowledged"] is None


def test_prometheus_reads_the_same_figures(archive, broken, raw):
    parser = pytest.importorskip("prometheus_client.parser")
    archive.upkeep.check(progress=False)
    found = archive.status()
    text = archive.upkeep.prometheus(found)
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["darkroom_documents", (("kind", "dark"),)] == found.documents == 1
    assert samples["darkroom_quarantined_files", (("code", "truncated"),)] == 1
    assert samples["darkroom_store_bytes", ()] == found.nbytes
    assert samples["darkroom_store_counted_timestamp_seconds", ()] == found.counted.timestamp()
    assert samples["darkroom_check_timestamp_seconds", ()] == found.check["at"].timestamp()
    assert samples["darkroom_check_findings", ()] == 0
    assert samples["darkroom_attention", ()] == len(found.attention)
    assert all(family.documentation for family in parser.text_string_to_metric_families(text))


@given(st.text(max_size=20))
def test_any_word_is_a_label(word):
    parser = pytest.importorskip("prometheus_client.parser")
    counts = dict.fromkeys(("documents", "nights", "quarantined", "trashed", "pending"), 1)
    unknown = dict.fromkeys(("objects", "nbytes", "fits_nbytes"))
    status = Status(**counts, **unknown, kinds={word: 7}, catalog="", store="", roots={})
    families = {family.name: family for family in parser.text_string_to_metric_families(exposition(status))}
    (sample,) = families["darkroom_documents"].samples
    assert (sample.labels, sample.value) == ({"kind": word}, 7)
    assert "darkroom_store_bytes" not in families


def test_a_large_store_that_was_never_counted_is_not_counted_unasked(archive, broken, monkeypatch):
    monkeypatch.setattr(status_module, "COUNTED", 0)
    found = archive.status(count=False)
    assert (found.objects, found.nbytes, found.counted) == (None, None, None)
    assert "arrays      never counted: darkroom status --count" in repr(found)
    assert archive.status(count=True).objects == 1
    assert archive.status(count=False).objects == 1
