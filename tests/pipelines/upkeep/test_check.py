"""Check: each kind of damage is named for what it is, with its mend; a sound archive in use gives no finding."""

import itertools
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import bson
import numpy as np
import pytest

from pipelines import open_archive
from pipelines.documents.changes import Edit, change
from pipelines.documents.records import record_key
from pipelines.errors import UsageError
from pipelines.processes import interpreter
from pipelines.upkeep import census, walking
from pipelines.upkeep import check as check_module
from pipelines.upkeep.check import check
from pipelines.upkeep.findings import DAMAGE, KINDS, NOTE
from pipelines.upkeep.rebuild import rebuild
from tests.pipelines.command import darkroom

NAME = "Dragonfly101/2024-02-20/T1_{}_dark.fits"
A, B, C = (NAME.format(number) for number in (1, 2, 3))


@pytest.fixture
def three(archive, raw, write_frame):
    for number in (1, 2, 3):  # nothing to compress: shards of one length, whatever release of the codec wrote them
        pixels = np.random.default_rng(number).integers(0, 65536, (24, 32), dtype=np.uint16)
        write_frame(NAME.format(number), pixels=pixels)
    archive.ingest(raw)
    return archive


def run(archive, **options):
    options.setdefault("grace", timedelta(0))
    return check(archive.session, **options)


def codes(archive, **options):
    return sorted(finding.code for finding in run(archive, **options).findings)


def ref(archive, name=A):
    return archive.document(name)["arrays"]["sci"]


def folder(archive, name=A):
    return Path(archive.store.url.removeprefix("file://")) / ref(archive, name)["path"]


def shard(archive, name=A):
    return next(path for path in folder(archive, name).iterdir() if path.name.startswith("c"))


def record_file(archive, name=A, change=0):
    last = record_key(name, 1, change).rpartition("/")[2]
    return next((Path(archive.store.url.removeprefix("file://")) / "records").rglob(f"{last}~"))


def flip(path, offset=-3):
    data = bytearray(path.read_bytes())
    data[offset] ^= 255
    path.write_bytes(data)


# -- each kind of damage ------------------------------------------------------------------------------


def lose_object(archive):
    for path in folder(archive).iterdir():
        path.unlink()
    folder(archive).rmdir()


def lose_file(archive):
    shard(archive).unlink()


def add_file(archive):
    (folder(archive) / "stray").write_text("?")


def rename_file(archive):
    shard(archive).rename(folder(archive) / "c.7.7.7")


def truncate(archive):
    data = shard(archive).read_bytes()
    shard(archive).write_bytes(data[:-10])


def grow(archive):
    with shard(archive).open("ab") as file:
        file.write(b"more")


def change_bits(archive):
    flip(shard(archive))


def swap(archive):
    one, two = shard(archive, A), shard(archive, B)
    kept = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(kept)


def spoil_manifest(archive):
    flip(folder(archive) / "manifest.json", 20)


def edit(archive, path, value, name=A):
    archive.session.headers.update_one({"_id": name}, {"$set": {path: value}})


def edit_shape(archive):
    edit(archive, "arrays.sci.shape", [32, 24])


def edit_layout(archive):
    edit(archive, "arrays.sci.layout", "frame/99")


def edit_path(archive):
    edit(archive, "arrays.sci.path", "objects/00/../../etc")


def edit_shard(archive):
    edit(archive, "arrays.sci.shard", 0)


def edit_store(archive):
    edit(archive, "arrays.sci.store", "another")


def point_elsewhere(archive):
    """The reference of another document, digests and all: every array is there, and it is the wrong one."""
    edit(archive, "arrays.sci", ref(archive, B))
    edit(archive, "digests", [ref(archive, B)["digest"]])


def forget_digests(archive):
    edit(archive, "digests", [])


def edit_header(archive):
    edit(archive, "header.EXPTIME", 1.0)


def edit_digest_name(archive):
    edit(archive, "arrays.sci", {**ref(archive), "digest": "0" * 64, "path": f"objects/00/{'0' * 64}"})
    edit(archive, "digests", ["0" * 64])


def lose_record(archive):
    record_file(archive).unlink()


def spoil_record(archive):
    flip(record_file(archive))


def change_a(archive, **values):
    edits = [Edit(A, values or {"verdict": "good"})]
    return change(edits, catalog=archive.catalog, store=archive.store, why="a test")


def lose_change(archive):
    change_a(archive)
    record_file(archive, change=1).unlink()


def cut_change_short(archive):
    before = archive.document(A)
    change_a(archive)
    archive.session.headers.replace_one({"_id": A}, before)
    archive.history.delete_many({})


def cut_delete_short(archive):
    before = archive.document(A)
    archive.delete(A)
    archive.session.headers.insert_one(before)


def cut_restore_short(archive):
    archive.delete(A)
    (trashed,) = archive.catalog.trash.find()
    archive.restore(A)
    archive.catalog.trash.insert_one(trashed)


def lose_document(archive):
    archive.session.headers.delete_one({"_id": A})


def lose_revision(archive):
    document = archive.document(A)
    document["ingest"]["revision"] = 2
    archive.store.put_records({record_key(A, 2): bson.encode(document)})


def orphan(archive):
    import numpy as np

    archive.store.put(np.arange(12, dtype="u2").reshape(3, 4), kind="frame")


def leave_staging(archive):
    place = Path(archive.store.url.removeprefix("file://")) / ".staging" / ("0" * 32)
    place.mkdir(parents=True)
    (place / "half").write_text("half")


def duplicate(archive):
    document = archive.document(A)
    document |= {"_id": "copy", "path": "copy"}
    archive.store.put_records({record_key("copy", 1): bson.encode(document)})
    archive.session.headers.insert_one(document)


GAMUT = {
    lose_object: ["dangling"],
    lose_file: ["lost"],
    add_file: ["extra"],
    rename_file: ["renamed"],
    truncate: ["truncated"],
    grow: ["grown"],
    change_bits: ["changed"],
    swap: ["swapped", "swapped"],
    spoil_manifest: ["changed"],
    edit_shape: ["bad-reference", "record-differs"],
    edit_layout: ["record-differs", "too-new"],
    edit_path: ["bad-reference", "record-differs"],
    edit_shard: ["bad-reference", "record-differs"],
    edit_store: ["record-differs", "wrong-store"],
    point_elsewhere: ["bad-reference", "orphaned", "record-differs"],
    forget_digests: ["bad-reference", "orphaned", "record-differs"],
    edit_header: ["record-differs"],
    edit_digest_name: ["dangling", "orphaned", "record-differs"],
    lose_record: ["record-missing"],
    spoil_record: ["record-damaged"],
    lose_change: ["record-missing"],
    cut_change_short: ["unfinished-change"],
    cut_delete_short: ["half-deleted"],
    cut_restore_short: ["half-deleted"],
    lose_document: ["document-missing", "orphaned"],
    lose_revision: ["document-missing"],
    orphan: ["orphaned"],
    leave_staging: ["staging"],
    duplicate: ["duplicated"],
}


@pytest.mark.patient
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("harm", GAMUT, ids=lambda harm: harm.__name__)
def test_each_kind_of_damage_is_named_for_what_it_is(three, harm):
    assert codes(three) == []
    harm(three)
    report = run(three)
    assert sorted(finding.code for finding in report.findings) == GAMUT[harm]
    gravities = {finding.gravity for finding in report.findings}
    assert report.exit_code == (4 if DAMAGE in gravities else 0 if gravities <= {NOTE} else 1)
    for finding in report.findings:
        assert finding.hint
        assert finding.what in json.dumps(report.to_dict())
        assert finding.message in repr(report)
    if harm not in (orphan, leave_staging):
        concerned = {name for finding in report.findings for name in finding.documents}
        assert A in concerned or harm is forget_digests
    assert codes(three, max_age=timedelta(hours=1)) == GAMUT[harm]  # what is wrong is looked at every time


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "harm", [lose_record, spoil_record, lose_change, cut_change_short, cut_delete_short, cut_restore_short]
)
def test_what_can_be_mended_without_loss_is(three, harm, tmp_path):
    harm(three)
    report = run(three, repair=True)
    assert report.repaired >= 1
    assert codes(three) == []
    assert (three.headers.find_one({"_id": A}) is None) == (harm is cut_delete_short)
    assert (three.catalog.trash.find_one({}) is not None) == (harm is cut_delete_short)
    if harm is cut_change_short:
        assert three.document(A)["verdict"] == "good"
    with open_archive(catalog=str(tmp_path / "new.db"), store=three.store.url) as new:
        rebuild(new.session)
        assert list(new.headers.find().sort("_id", 1)) == list(three.headers.find().sort("_id", 1))


@pytest.mark.parametrize("harm", [edit_shape, point_elsewhere, edit_header, forget_digests, edit_digest_name])
def test_an_edited_document_is_put_back_by_the_command_named(three, harm):
    before = three.document(A)
    harm(three)
    assert any(f.hint.endswith(f"rebuild --document {A}") for f in run(three).findings)
    rebuild(three.session, documents=[A])
    assert three.document(A) == before
    assert codes(three) == []


def test_a_lost_document_is_brought_back_by_the_command_named(three):
    before = three.document(A)
    lose_document(three)
    assert any("rebuild --missing" in finding.hint for finding in run(three).findings)
    rebuild(three.session, missing=True)
    assert three.document(A) == before


HARMED_ARRAYS = [lose_object, lose_file, rename_file, truncate, grow, change_bits, swap, spoil_manifest]


@pytest.mark.parametrize("harm", HARMED_ARRAYS)
def test_a_damaged_array_is_made_again_from_its_original(three, harm):
    pixels, before = three.cube(A)[...], list(three.headers.find())
    harm(three)
    report = run(three, repair=True)
    assert report.repaired == len(GAMUT[harm])
    assert codes(three, level="decode") == []
    assert (three.cube(A)[...] == pixels).all()
    assert list(three.headers.find()) == before


@pytest.mark.parametrize("harm", [lose_object, change_bits])
@pytest.mark.parametrize("state", ["gone", "other bytes", "root unknown"])
def test_without_its_original_nothing_of_a_damaged_array_is_touched(three, raw, harm, state, write_frame):
    harm(three)
    for name in (A, B):
        if state == "gone":
            (raw / name).unlink()
        elif state == "other bytes":
            write_frame(name, seed=77)
    if state == "root unknown":
        three.catalog.roots.delete_many({})
    place = Path(three.store.url.removeprefix("file://")) / "objects"
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert codes(three, repair=True) == GAMUT[harm]
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_levels_see_as_deep_as_they_say(three):
    change_bits(three)
    assert codes(three, level="exists") == codes(three, level="sizes") == []
    assert codes(three, level="digests") == codes(three, level="decode") == ["changed"]
    truncate(three)
    assert codes(three, level="exists") == []
    assert codes(three, level="sizes") == ["truncated"]
    with pytest.raises(UsageError, match="no level"):
        run(three, level="deep")


def test_least_recently_verified_first_and_on_from_there(three):
    first = run(three, time_limit=timedelta(0))
    assert (first.verified, first.left, first.stopped) == (0, 6, "time")
    whole = run(three)
    assert (whole.verified, whole.left, whole.stopped) == (6, 0, "")
    digest = ref(three)["digest"]
    old = datetime(2024, 1, 1, tzinfo=UTC)
    three.catalog["checks"].update_one({"_id": f"objects/{digest}"}, {"$set": {"at": old}})
    again = run(three, max_age=timedelta(days=1))
    assert (again.verified, again.fresh) == (1, 5)
    assert three.catalog["checks"].find_one({"_id": f"objects/{digest}"})["at"] > old
    assert run(three, max_age=timedelta(days=1), level="decode").verified == 6  # deeper than they were
    three.delete(A)
    three.sweep(grace=timedelta(0), dry_run=False)
    run(three)
    assert three.catalog["checks"].count_documents({}) == 4  # what is gone is forgotten


def test_progress_is_told(three):
    told = []
    run(three, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 6) for n in range(1, 7)]


def test_documents_are_never_changed(three):
    before = list(three.headers.find())
    run(three)
    assert list(three.headers.find()) == before


def test_interrupted_it_keeps_what_it_verified(three):
    def press(done, total):
        if done == 2:
            raise KeyboardInterrupt

    report = run(three, progress=press)
    assert (report.stopped, report.verified) == ("interrupted", 2)
    assert three.catalog["checks"].count_documents({}) == 2
    assert run(three, max_age=timedelta(days=1)).fresh == 2


def test_a_time_limit_shorter_than_the_listing_is_kept_and_said(three, monkeypatch):
    monkeypatch.setattr(census, "LOOK", 2)
    report = run(three, time_limit=timedelta(0))
    assert (report.stopped, report.verified, report.exit_code) == ("time", 0, 1)
    assert [finding.code for finding in report.findings] == ["not-listed"]
    assert "nothing was verified" in repr(report)


@pytest.fixture
def large(monkeypatch):
    """Archives of any size count as large: with a time limit they are walked through, a document at a time."""
    monkeypatch.setattr(walking, "LISTED", 0)
    monkeypatch.setattr(walking, "TOGETHER", 1)


SEEN_WALKING = [lose_object, truncate, change_bits, edit_header, lose_record, spoil_record, edit_digest_name]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("harm", SEEN_WALKING)
def test_a_large_archive_is_walked_through_and_what_is_wrong_with_documents_is_found(three, harm):
    hour = timedelta(hours=1)
    sound = run(three, time_limit=hour)
    assert ([one.code for one in sound.findings], sound.exit_code, sound.left) == (["not-looked-for"], 0, 0)
    assert (sound.documents, sound.objects, sound.verified) == (3, 3, 9)
    harm(three)
    expected = sorted({*GAMUT[harm], "not-looked-for"} - {"orphaned"})
    assert sorted({one.code for one in run(three, time_limit=hour).findings}) == expected


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("moments", [3, 4, 9])
def test_a_walk_goes_on_where_the_last_one_stopped(three, monkeypatch, moments):
    """Whatever time each check has, as long as it is enough for one document, every document has its turn."""
    change_bits(three)
    found = set()
    for _ in range(9):
        clock = itertools.count()
        monkeypatch.setattr(check_module, "time", SimpleNamespace(monotonic=lambda clock=clock: next(clock)))
        report = run(three, time_limit=timedelta(seconds=moments + 2))
        found |= {one.code for one in report.findings}
        assert (report.left > 0) == (report.stopped == "time")
        if not report.left:
            break
    assert "changed" in found
    assert report.left == 0


def test_a_readonly_archive_is_checked_and_nothing_written(three, tmp_path):
    with open_archive(tmp_path / "home", readonly=True) as reading:
        assert codes(reading) == []
        change_bits(three)
        assert codes(reading) == ["changed"]
        with pytest.raises(UsageError, match="read-only"):
            run(reading, repair=True)
    assert three.catalog["checks"].count_documents({}) == 0


def test_young_orphans_are_work_under_way(three):
    orphan(three)
    leave_staging(three)
    lose_document(three)
    assert codes(three, grace=timedelta(hours=1)) == []
    for path in (Path(three.store.url.removeprefix("file://"))).rglob("*"):
        os.utime(path, (0, 0))
    assert codes(three, grace=timedelta(hours=1)) == ["document-missing", "orphaned", "orphaned", "staging"]


@pytest.mark.patient
def test_nothing_is_found_wrong_while_an_ingest_runs_beside(tmp_path, write_frame):
    """A real process ingests, revises, deletes and restores; checks beside it find nothing."""
    home, raw = tmp_path / "home", tmp_path / "raw"
    for number in range(120):
        write_frame(NAME.format(number), seed=number)
    script = f"""
import sys
from pipelines import open_archive
with open_archive({str(home)!r}) as archive:
    print("open", flush=True)
    for number in range(6):
        archive.ingest({str(raw)!r}, jobs=1)
        ids = [doc["_id"] for doc in archive.headers.find({{}}, {{"_id": 1}}).limit(10)]
        archive.delete(ids)
        archive.restore(ids[:5])
"""
    command = [sys.executable, "-P", "-c", script]
    with subprocess.Popen(command, env=interpreter.environment(), stdout=subprocess.PIPE) as worker:
        assert worker.stdout.readline() == b"open\n"
        rounds = 0
        with open_archive(home) as archive:
            while worker.poll() is None:
                report = run(archive, grace=timedelta(hours=1))
                assert [f for f in report.findings if f.gravity != NOTE] == []
                rounds += 1
            assert worker.returncode == 0
            assert rounds >= 2
            assert run(archive, level="decode").clean


@pytest.mark.patient
def test_killed_at_any_moment_what_it_verified_is_kept(tmp_path, write_frame):
    for number in range(30):
        write_frame(NAME.format(number), seed=number)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "raw", jobs=1)
    script = f"""
import os, signal
from datetime import timedelta
from pipelines import open_archive
from pipelines.upkeep import verifications
from pipelines.upkeep.check import check
verifications.BATCH = 5
def tell(done, total):
    if done == 17:
        os.kill(os.getpid(), signal.SIGKILL)
with open_archive({str(tmp_path / "home")!r}) as archive:
    check(archive.session, progress=tell)
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], env=interpreter.environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    with open_archive(tmp_path / "home") as archive:
        report = run(archive, max_age=timedelta(days=1))
        assert (report.fresh, report.verified) == (15, 45)


def test_the_command_says_it_with_its_exit_code(three, tmp_path):
    command = partial(darkroom, "--home", tmp_path / "home")
    clean = command("check", "--level", "decode")
    assert (clean.returncode, clean.stderr) == (0, "")
    assert clean.stdout.startswith("clean: 3 documents, 3 arrays; 6 verified (decode)")
    lose_record(three)
    assert command("check").returncode == 1
    mended = command("check", "--repair")
    assert (mended.returncode, "1 repaired" in mended.stdout) == (0, True)
    change_bits(three)
    bad = command("check", "--json", "--time-limit", "1h", "--max-age", "0")
    assert bad.returncode == 4
    (found,) = json.loads(bad.stdout)["findings"]
    assert (found["code"], found["documents"]) == ("changed", [A])
    assert command("check", "--level", "deep").returncode == 2


def test_every_code_is_documented():
    for code, (gravity, meaning, mend) in KINDS.items():
        assert code == code.lower()
        assert gravity in ("damage", "unfinished", "note")
        assert meaning
        assert mend


def test_a_lost_catalog_is_damage_however_young_the_store_is(three):
    """Dropped, or begun anew at a wrong address: that nothing is damaged in an empty catalog proves nothing."""
    for name in ("headers", "runs", "pairing"):
        three.catalog[name].delete_many({})
    report = run(three, grace=timedelta(days=1))
    assert [finding.code for finding in report.findings] == ["catalog-lost"]
    assert (report.exit_code, report.findings[0].hint) == (4, "darkroom rebuild")
    rebuild(three.session)
    assert run(three, grace=timedelta(days=1)).clean


def test_what_is_too_young_to_judge_is_counted(three):
    three.session.headers.delete_one({"_id": A})
    report = run(three, grace=timedelta(days=1))
    assert (report.clean, report.young) == (True, 2)  # its array and its record
    assert "2 arrays and records that nothing refers to are too young to judge" in repr(report)
    assert (run(three).young, run(three).clean) == (0, False)


def test_what_could_not_be_mended_says_why(three, raw):
    truncate(three)
    (raw / A).unlink()
    (finding,) = run(three, repair=True).findings
    assert finding.message.endswith(
        "not repaired: no original file is where it was and has the SHA-256 it was ingested with"
    )


def test_two_runs_that_took_the_same_bytes_at_once_are_no_damage(three):
    """The record of one lies in the store, the document of the other in the catalog: a note, and nothing is lost."""
    key = record_key(A, 1)
    kept = bson.decode(three.store.get_record(key))
    kept["ingest"] |= {"run": "20240221T000000Z-other", "at": datetime(2024, 2, 21, tzinfo=UTC)}
    three.store.put_records({key: bson.encode(kept)})
    report = run(three)
    assert [(finding.code, finding.gravity) for finding in report.findings] == [("ingested-twice", NOTE)]
    assert "20240221T000000Z-other" in report.findings[0].message
    assert report.exit_code == 0
    kept["ingest"]["changes"] = 7
    three.store.put_records({key: bson.encode(kept)})
    assert "record-differs" in codes(three)
