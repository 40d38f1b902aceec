"""Delete, restore, sweep: two steps, restorable, and nothing left at the end."""

from datetime import timedelta

import numpy as np
import pytest

from pipelines.errors import Refused, UnknownDocument

NONE = timedelta(0)
NAME = "Dragonfly101/2024-02-20/T13080513_31_dark.fits"


def test_deleted_documents_come_back_as_they_were(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    before = archive.headers.find_one()
    archive.delete(NAME, why="wrong cap")
    assert archive.headers.count_documents({}) == 0
    assert archive.catalog.trash.find_one()["why"] == "wrong cap"
    archive.sweep(grace=timedelta(days=1), dry_run=False)  # too young to go
    assert archive.restore(NAME) == [NAME]
    after = archive.headers.find_one()
    assert after["ingest"].pop("changes") == before["ingest"].pop("changes") + 2
    assert after == before
    assert archive.cube(NAME)[...].shape == (24, 32)
    assert archive.catalog.trash.count_documents({}) == 0


def test_after_delete_and_sweep_nothing_is_left(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    write_frame(seed=1)
    archive.ingest(raw)  # a revision, so that history refers to arrays too
    archive.delete(NAME)
    dry = archive.sweep(grace=NONE)
    assert (dry.dry_run, dry.trash, dry.objects, dry.records) == (True, 1, 2, 3)
    assert len(list(archive.store.objects())) == 2
    swept = archive.sweep(grace=NONE, dry_run=False)
    assert (swept.trash, swept.objects, swept.records) == (1, 2, 3)  # two revisions, one deletion
    assert swept.nbytes == dry.nbytes > 0
    for collection in (archive.headers, archive.history, archive.quarantine, archive.catalog.trash):
        assert collection.count_documents({}) == 0
    assert list(archive.store.objects()) == []
    assert [record.key for record in archive.store.records()] == ["runs/last"]


def test_sweep_keeps_what_another_document_needs(archive, raw, write_frame):
    write_frame("Dragonfly101/2024-02-20/T1_1_dark.fits")
    write_frame("Dragonfly102/2024-02-20/T2_1_dark.fits")
    archive.ingest(raw)
    archive.delete("Dragonfly101/2024-02-20/T1_1_dark.fits")
    swept = archive.sweep(grace=NONE, dry_run=False)
    assert (swept.trash, swept.objects, swept.records) == (1, 0, 2)
    truth = np.random.default_rng(0).normal(1000, 10, (24, 32)).astype(np.uint16)
    np.testing.assert_array_equal(archive.cube("Dragonfly102/2024-02-20/T2_1_dark.fits")[...], truth)


def test_sweep_keeps_the_pixels_of_remembered_revisions(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    write_frame(seed=1)
    archive.ingest(raw)
    assert archive.sweep(grace=NONE, dry_run=False).objects == 0
    old = archive.history.find_one()["before"]
    assert archive.cube(old)[...].shape == (24, 32)


def test_a_document_ingested_again_does_not_disturb_its_trash(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    archive.delete(NAME)
    archive.ingest(raw)
    assert archive.headers.find_one()["ingest"]["revision"] == 2
    with pytest.raises(Refused, match="ingested again"):
        archive.restore(NAME)
    swept = archive.sweep(grace=NONE, dry_run=False)
    assert (swept.trash, swept.objects, swept.records) == (1, 0, 2)  # the document, and that it was deleted
    assert archive.cube(NAME)[...].shape == (24, 32)
    archive.delete(NAME)
    archive.sweep(grace=NONE, dry_run=False)
    assert list(archive.store.objects()) == []


def test_all_or_nothing_when_a_name_is_unknown(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    with pytest.raises(UnknownDocument, match="nothing was deleted"):
        archive.delete([NAME, "no/such/one.fits"])
    with pytest.raises(UnknownDocument, match="not in the trash"):
        archive.restore(NAME)
    assert archive.headers.count_documents({}) == 1


def test_a_negative_grace_is_refused(archive):
    with pytest.raises(ValueError, match="negative"):
        archive.sweep(grace=timedelta(days=-1))
