"""Keeping an archive: moved stores and roots, a lost catalog and a sweep, read-only use, history, the commands."""

import json
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest

from arraystore import StoreError
from catalog import CatalogError
from pipelines import open_archive
from pipelines.documents.changes import Edit, change
from pipelines.documents.history import history, instant
from pipelines.documents.migrate import migrate
from pipelines.documents.undoing import undo
from pipelines.errors import DarkroomError, Refused, UnknownDocument, UsageError
from pipelines.session import Session
from pipelines.upkeep.check import check
from pipelines.upkeep.copying import copy_to
from pipelines.upkeep.rebuild import rebuild
from tests.pipelines import command

pytestmark = pytest.mark.usefixtures("alone")

NONE = timedelta(0)
A, B = (f"Dragonfly101/2024-02-20/T1_{number}_dark.fits" for number in (1, 2))


@pytest.fixture
def two(archive, raw, write_frame):
    for seed, name in enumerate((A, B)):
        write_frame(name, seed=seed)
    archive.ingest(raw)
    return archive


def darkroom(tmp_path, *arguments):
    return command.darkroom("--home", tmp_path / "home", *arguments)


# -- move -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree], ids=["moved", "copied"])
def test_a_store_that_moved_is_the_same_store(two, raw, tmp_path, how, write_frame):
    pixels = two.cube(A)[...]
    two.close()
    how(tmp_path / "home/store", tmp_path / "elsewhere")
    with open_archive(catalog=str(tmp_path / "home/catalog.db"), store=str(tmp_path / "elsewhere")) as moved:
        assert (moved.cube(A)[...] == pixels).all()
        assert check(moved.session, level="decode", grace=NONE).clean
        write_frame(A, seed=9)
        assert moved.ingest(raw).revised == 1


def test_another_store_is_refused_before_anything_is_done(two, tmp_path):
    with open_archive(tmp_path / "another") as other:
        other_store = other.store
    with pytest.raises(UsageError, match="open the archive with its own store"):
        check(Session(two.catalog, store=other_store))
    with pytest.raises(UsageError, match="open the archive with its own store"):
        migrate(catalog=two.catalog, store=other_store)
    from pipelines.upkeep.sweep import sweep

    with pytest.raises(UsageError, match="its own store"):
        sweep(Session(two.catalog, store=other_store), grace=NONE, dry_run=False)


def test_a_root_that_moved_and_its_files_are_known_again(two, raw, tmp_path):
    shutil.move(raw, tmp_path / "new-disk")
    two.roots.move("raw", tmp_path / "new-disk")
    report = two.ingest(tmp_path / "new-disk")
    assert (report.unchanged, report.taken, report.refused) == (2, 0, [])
    with pytest.raises(UsageError, match="is not a folder"):
        two.roots.move("raw", tmp_path / "nowhere")


# -- a lost catalog and a sweep --------------------------------------------------------------------


@pytest.mark.patient
def test_a_sweep_after_the_catalog_was_lost_takes_nothing(two, raw, tmp_path, write_frame):
    """As it would happen: the catalog is gone, the nightly ingest begins a new one, then the sweep comes."""
    two.close()
    (tmp_path / "home/catalog.db").unlink()
    shutil.rmtree(raw)
    write_frame("Dragonfly101/2024-02-21/T1_1_dark.fits", seed=7)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(raw)
        objects = list(archive.store.objects())
        for dry_run in (True, False):
            with pytest.raises(Refused, match="rebuild --missing"):
                archive.sweep(grace=NONE, dry_run=dry_run)
        assert list(archive.store.objects()) == objects
        rebuild(archive.session, missing=True)
        assert archive.sweep(grace=NONE, dry_run=False).objects == 0
        assert archive.headers.count_documents({}) == 3


def test_an_ingest_cut_short_is_no_garbage(two, raw):
    """What the store has of a document stays until the file is taken again, or is forgotten by name."""
    two.session.headers.delete_many({"_id": A})
    with pytest.raises(Refused, match=A):
        two.sweep(grace=NONE)
    two.ingest(raw)
    two.delete([A, B])
    assert two.sweep(grace=NONE, dry_run=False).records == 2 + 2


# -- read-only --------------------------------------------------------------------------------------


def test_every_verb_of_a_readonly_archive_works_or_refuses(two, raw, tmp_path, write_frame):
    two.delete(B)
    two.close()
    before = {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    write_frame(A, seed=5)
    with open_archive(tmp_path / "home", readonly=True) as archive:
        given = {"catalog": archive.catalog, "store": archive.store}
        refuse = {
            "ingest": lambda: archive.ingest(raw),
            "delete": lambda: archive.delete(A),
            "restore": lambda: archive.restore(B),
            "sweep": lambda: archive.sweep(),
            "mend": lambda: check(archive.session, repair=True),
            "change": lambda: change([Edit(A, {"x": 1})], **given, why="no"),
            "undo": lambda: undo("a run", **given, why="no"),
            "rebuild": lambda: rebuild(archive.session, missing=True),
            "root": lambda: archive.roots.add("more", tmp_path),
            "write": lambda: archive.headers.delete_many({}),
            "put": lambda: archive.store.put_records({"a": b""}),
        }
        for verb in refuse.values():
            with pytest.raises((DarkroomError, CatalogError, StoreError), match=r"read-only|reading|read only|a run"):
                verb()
        assert archive.cube(A)[...].shape == (24, 32)
        assert archive.document(A)["_id"] == A
        assert len(archive.dark_groups()) == 1
        assert archive.status().documents == 1
        assert check(archive.session).clean
        assert len(history(B, catalog=archive.catalog)) == 2
        archive.export(A, tmp_path / "out.fits")
        archive.catalog.back_up(tmp_path / "saved.db")
        copy_to(archive.session, tmp_path / "copied.db")
        assert migrate(**given, dry_run=True).documents["headers"] == 0
    after = {path: path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert {p.name for p in after.keys() - before.keys()} <= {"catalog.db-shm", "catalog.db-wal"}
    assert {path: after[path] for path in before if "-" not in path.name} == {
        path: data for path, data in before.items() if "-" not in path.name
    }


# -- history ----------------------------------------------------------------------------------------


def test_the_history_of_a_document(two, raw, write_frame):
    change([Edit(A, {"verdict": "bad"})], catalog=two.catalog, store=two.store, why="stripes")
    write_frame(A, seed=5)
    two.ingest(raw)
    change([Edit(A, {"flat_time": "evening"})], catalog=two.catalog, store=two.store, why="consensus")
    two.delete(A, why="by mistake")
    told = history(A, catalog=two.catalog)
    assert [(row["revision"], row["change"], row["what"]) for row in told] == [
        (1, 0, "ingested"),
        (1, 1, "verdict: (none) → bad"),
        (2, 0, "ingested with new bytes"),
        (2, 1, "flat_time: (none) → evening"),
        (2, 2, "deleted"),
    ]
    assert [row["why"] for row in told] == ["", "stripes", "", "consensus", "by mistake"]
    assert "in the trash" in told.title
    two.restore(A)
    assert history(A, catalog=two.catalog)[-1]["what"] == "restored"
    with pytest.raises(UnknownDocument, match="nothing is known"):
        history("nowhere", catalog=two.catalog)
    with pytest.raises(UsageError, match="headers and masters"):
        history(A, catalog=two.catalog, collection="runs")


def test_times_are_read_as_people_write_them():
    assert instant("2024-02-20") == datetime(2024, 2, 20, tzinfo=UTC)
    assert instant("2024-02-20T03:15:00-07:00") == datetime(2024, 2, 20, 10, 15, tzinfo=UTC)
    with pytest.raises(UsageError, match="not a valid date"):
        instant("yesterday")


# -- the commands -----------------------------------------------------------------------------------


@pytest.mark.patient
def test_history_by_command(two, tmp_path):
    then = datetime.now(UTC)
    time.sleep(0.01)  # times are kept to the millisecond
    change([Edit(A, {"verdict": "bad"})], catalog=two.catalog, store=two.store, why="stripes")
    told = darkroom(tmp_path, "history", A)
    assert told.returncode == 0
    assert "verdict: (none) → bad" in told.stdout
    assert json.loads(darkroom(tmp_path, "history", A, "--json").stdout)["rows"][1]["why"] == "stripes"
    now = json.loads(darkroom(tmp_path, "history", A, "--as-of", datetime.now(UTC).isoformat()).stdout)
    before = json.loads(darkroom(tmp_path, "history", A, "--as-of", then.isoformat()).stdout)
    assert (now["verdict"], "verdict" in before) == ("bad", False)
    assert darkroom(tmp_path, "history", A, "--as-of", "1999-01-01").returncode == 2
    assert darkroom(tmp_path, "history", "nowhere").returncode == 2


@pytest.mark.patient
def test_lost_rebuilt_backed_up_and_copied_by_command(two, tmp_path):
    assert darkroom(tmp_path, "backup", tmp_path / "saved.db").returncode == 0
    assert darkroom(tmp_path, "backup", tmp_path / "saved.db").returncode == 2
    assert (
        json.loads(darkroom(tmp_path, "copy", "--to", tmp_path / "c.db", "--json").stdout)["documents"]["headers"] == 2
    )
    assert darkroom(tmp_path, "rebuild").returncode == 1
    into = darkroom(tmp_path, "rebuild", "--into", tmp_path / "new.db", "--json")
    assert (into.returncode, json.loads(into.stdout)["headers"]) == (0, 2)
    two.close()
    (tmp_path / "home/catalog.db").unlink()
    back = darkroom(tmp_path, "rebuild")
    assert (back.returncode, "rebuilt 2 documents" in back.stdout) == (0, True)
    assert darkroom(tmp_path, "check").returncode == 0
    assert "nothing to migrate" in darkroom(tmp_path, "migrate").stdout


@pytest.mark.patient
def test_deleted_and_restored_by_command(two, tmp_path):
    dry = darkroom(tmp_path, "delete", A, "--dry-run", "--json")
    assert json.loads(dry.stdout)["documents"] == [A]
    assert darkroom(tmp_path, "delete", A, "--why", "by mistake", "--yes").returncode == 0
    assert two.headers.count_documents({}) == 1
    (run,) = two.catalog.trash.distinct("run")
    assert darkroom(tmp_path, "restore", "--run", run).stdout == f"1 document restored: {A}\n"
    assert darkroom(tmp_path, "restore").returncode == 2
    assert darkroom(tmp_path, "delete", "nowhere").returncode == 2
