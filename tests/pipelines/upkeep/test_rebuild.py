"""Rebuild: a lost catalog comes back from the store, as it was; and says what does not."""

import random
import shutil
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from copy import deepcopy

import bson
import numpy as np
import pytest

from pipelines import open_archive
from pipelines.documents.changes import Edit, change
from pipelines.documents.lives import WHY_REVISED
from pipelines.documents.records import record_key
from pipelines.documents.schema import SCHEMA
from pipelines.documents.undoing import undo
from pipelines.errors import Refused, SchemaTooNew, UnknownDocument
from pipelines.processes import interpreter
from pipelines.upkeep.check import check
from pipelines.upkeep.rebuild import rebuild
from tests.pipelines.command import darkroom

NAME = "Dragonfly101/2024-02-20/T1_{}_dark.fits"


def dump(catalog):
    """Return all a rebuild promises, without what it says it cannot know."""
    kept = {}
    for name in ("headers", "masters", "trash", "history"):
        for entry in catalog[name].find():
            entry = deepcopy(entry)
            for document in (entry, entry.get("before", {})):
                for when_seen in ("mtime", "size"):
                    document.get("file", {}).pop(when_seen, None)
            if entry.get("why") == WHY_REVISED:  # by whom, and when to the second, stands in the ledger only
                for field in ("at", "user", "host", "pid"):
                    entry.pop(field, None)
            kept[name, entry["_id"]] = entry
    return kept


def again(archive, tmp_path, **options):
    with open_archive(catalog=str(tmp_path / "new.db"), store=archive.store.url) as new:
        report = rebuild(new.session, **options)
        return report, dump(new.catalog)


def fake_master(archive, name):
    """Make a master document as the masters' pipeline does: the record first, then the document."""
    ref = archive.store.put(np.full((8, 9), 3.5, "f4"), kind="frame").to_dict()
    from datetime import UTC, datetime

    document = {
        "_id": name,
        "kind": "master-dark",
        "obs": {"stacked": 3},
        "obs_from": {"stacked": "inputs"},
        "arrays": {"value": ref},
        "digests": [ref["digest"]],
        "parents": [NAME.format(0)],
        "ingest": {"run": "r", "at": datetime(2024, 2, 21, tzinfo=UTC), "revision": 1, "changes": 0},
        "schema": SCHEMA,
    }
    archive.store.put_records({record_key(name, 1, collection="masters"): bson.encode(document)})
    archive.session.masters.insert_one(document)
    return name


def edit(archive, name, collection="headers", **values):
    return change(
        [Edit(name, values)], catalog=archive.catalog, store=archive.store, why="a test", collection=collection
    )


@pytest.fixture
def lived(archive, raw, write_frame):
    """An archive with a past: revisions, changes, deletions, restorations, masters, an undone run."""
    for number in range(6):
        write_frame(NAME.format(number), seed=number)
    archive.ingest(raw)
    edit(archive, NAME.format(0), verdict="good")
    write_frame(NAME.format(0), seed=50)
    archive.ingest(raw)  # a revision of a changed document
    edit(archive, NAME.format(0), verdict="bad")
    archive.delete(NAME.format(1), why="shutter")
    archive.delete(NAME.format(2))
    archive.restore(NAME.format(2))
    archive.delete(NAME.format(3))
    write_frame(NAME.format(3), seed=51)
    archive.ingest(raw)  # ingested again beside its trash
    edit(archive, NAME.format(4), verdict="a", flat_time="evening")
    run = archive.history.find_one({"document": NAME.format(4)})["run"]
    undo(run, catalog=archive.catalog, store=archive.store, why="no")
    archive.delete(NAME.format(1))  # its second life
    edit(archive, fake_master(archive, "master/1"), "masters", state="certified")
    return archive


def test_everything_comes_back(lived, tmp_path):
    before = dump(lived.catalog)
    report, after = again(lived, tmp_path)
    assert after == before
    assert (report.headers, report.masters, report.trash, report.passed, report.lost) == (5, 1, 3, 0, [])
    assert report.exit_code == 0
    assert report.roots == {"raw": 5}
    assert "darkroom root add raw FOLDER" in repr(report)


def test_a_rebuilt_archive_is_clean_and_goes_on(lived, raw, tmp_path, write_frame):
    with open_archive(catalog=str(tmp_path / "new.db"), store=lived.store.url) as new:
        rebuild(new.session)
        new.roots.add("raw", raw)
        assert check(new.session, level="decode").clean
        assert new.ingest(raw).taken == 1  # what is in the trash is on the disk still
        edit(new, NAME.format(5), verdict="later")
        new.delete(NAME.format(2))
        assert check(new.session).clean


def test_a_catalog_in_use_is_refused(lived):
    before = dump(lived.catalog)
    with pytest.raises(Refused, match="--missing"):
        rebuild(lived.session)
    assert dump(lived.catalog) == before


def test_only_what_is_missing(lived):
    before = dump(lived.catalog)
    lived.session.headers.delete_one({"_id": NAME.format(5)})
    lived.session.masters.delete_many({})
    lived.history.delete_many({"document": "master/1"})
    report = rebuild(lived.session, missing=True)
    assert (report.headers, report.masters, report.passed) == (1, 1, 5)
    assert dump(lived.catalog) == before


def test_one_document_is_put_back_to_what_the_store_keeps(lived):
    before = dump(lived.catalog)
    lived.session.headers.update_one({"_id": NAME.format(0)}, {"$set": {"verdict": "forged"}})
    lived.session.headers.update_one({"_id": NAME.format(5)}, {"$set": {"verdict": "mine"}})
    rebuild(lived.session, documents=[NAME.format(0)])
    assert lived.document(NAME.format(5))["verdict"] == "mine"
    rebuild(lived.session, documents=[NAME.format(5)])
    assert dump(lived.catalog) == before
    with pytest.raises(UnknownDocument, match="keeps nothing of nowhere"):
        rebuild(lived.session, documents=["nowhere"])


def test_a_deletion_cut_short_is_ended(lived, monkeypatch, tmp_path):
    """The record of the deletion is written; then the process dies."""
    monkeypatch.setattr("pipelines.documents.changes.carry_out", lambda entry, *, catalog: True)
    lived.delete(NAME.format(5))
    assert lived.headers.find_one({"_id": NAME.format(5)}) is not None
    _report, after = again(lived, tmp_path)
    assert ("headers", NAME.format(5)) not in after
    assert ("trash", f"{NAME.format(5)}@1") in after


@pytest.mark.parametrize("seed", range(6))
def test_any_past_comes_back(archive, raw, write_frame, tmp_path, seed):
    """A random past, and what the catalog says of it, told by the store alone."""
    rng = random.Random(seed)
    names = [NAME.format(number) for number in range(4)]
    for step in range(25):
        name = rng.choice(names)
        act = rng.choice(
            ["file", "file", "ingest", "ingest", "headers", "change", "unset", "delete", "restore", "undo"]
        )
        live = archive.headers.find_one({"_id": name}, {"_id": 1})
        if act == "file":
            write_frame(name, seed=rng.randrange(100))
        elif act in ("ingest", "headers"):
            archive.ingest(raw, headers_only=act == "headers", jobs=1)
        elif act == "change" and live:
            edit(archive, name, **{rng.choice(["verdict", "qc.seen"]): step})
        elif act == "unset" and live:
            edits = [Edit(name, unset=("verdict",))]
            change(edits, catalog=archive.catalog, store=archive.store, why="unset")
        elif act == "delete" and live:
            archive.delete(name)
        elif act == "restore" and not live and archive.catalog.trash.find_one({"document": name}):
            archive.restore(name)
        elif act == "undo":
            runs = sorted(entry["run"] for entry in archive.history.find({"document": name, "state": None}))
            with suppress(Refused, UnknownDocument):
                undo(rng.choice(runs), catalog=archive.catalog, store=archive.store, why="undo") if runs else None
    report, after = again(archive, tmp_path)
    assert after == dump(archive.catalog)
    assert report.lost == []
    assert check(archive.session).clean


def test_lost_and_damaged_records_are_named_and_the_rest_comes_back(lived, tmp_path):
    lived.store.delete_record(record_key(NAME.format(4), 1))
    path = next((tmp_path / "home/store/records").rglob(f"{record_key(NAME.format(5), 1).split('/')[2]}~"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    report, after = again(lived, tmp_path)
    assert len(report.lost) == 2
    assert report.exit_code == 4
    assert ("headers", NAME.format(0)) in after
    assert "LOST" in repr(report)


def test_a_record_of_a_later_release_is_an_error(lived, tmp_path):
    key = record_key(NAME.format(5), 1)
    record = bson.decode(lived.store.get_record(key))
    lived.store.put_records({key: bson.encode({**record, "schema": 99})})
    with pytest.raises(SchemaTooNew, match="upgrade darkroom"):
        again(lived, tmp_path)


@pytest.mark.patient
@pytest.mark.parametrize("after", [1, 4])
def test_killed_in_between_it_goes_on(lived, tmp_path, after):
    before = dump(lived.catalog)
    script = textwrap.dedent(f"""
        import os, signal
        from pipelines import open_archive
        from pipelines.upkeep import rebuild as module
        module.BATCH = 1
        def tell(done, total):
            if done == {after}:
                os.kill(os.getpid(), signal.SIGKILL)
        new = open_archive(catalog={str(tmp_path / "new.db")!r}, store={lived.store.url!r})
        module.rebuild(new.session, progress=tell)
    """)
    done = subprocess.run([sys.executable, "-P", "-c", script], env=interpreter.environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(Refused, match="--missing"):
        again(lived, tmp_path)
    _, kept = again(lived, tmp_path, missing=True)
    assert kept == before


def test_the_file_of_the_catalog_is_gone(lived, tmp_path):
    """As it happens: the file is deleted, and the command brings it back."""
    before = dump(lived.catalog)
    lived.close()
    for file in (tmp_path / "home").glob("catalog.db*"):
        file.unlink()
    with open_archive(tmp_path / "home") as archive:
        rebuild(archive.session)
        assert dump(archive.catalog) == before
    shutil.rmtree(tmp_path / "home")


def test_a_place_without_a_store_is_refused_and_nothing_is_made_there(tmp_path):
    done = darkroom("--home", tmp_path / "away", "rebuild")
    assert done.returncode == 3
    assert "there is no array store at" in done.stderr
    assert not (tmp_path / "away").exists()
