"""Migrate: documents of an older schema become this one's, in batches, resumed after a kill, agreed with by rebuild."""

import signal
import subprocess
import sys
import textwrap

import pytest

from pipelines import open_archive
from pipelines.documents import migrate
from pipelines.documents.migrate import STEPS, require_current, upgraded
from pipelines.documents.records import parse_key
from pipelines.documents.schema import SCHEMA
from pipelines.errors import SchemaTooNew, UsageError
from pipelines.processes import interpreter
from pipelines.upkeep.check import check


def downgrade(archive):
    """Put an archive back to schema 1, as the release before wrote it."""
    for name, above in (("headers", ""), ("trash", "before."), ("history", "before.")):
        archive.catalog[name].update_many(
            {f"{above}schema": SCHEMA}, {"$set": {f"{above}schema": 1}, "$unset": {f"{above}ingest.changes": ""}}
        )
    for name in ("trash", "history"):
        archive.catalog[name].update_many({}, {"$unset": {"collection": ""}})
    for record in list(archive.store.records("documents/")):
        name = parse_key(record.key)
        if not name.change:
            archive.store.put_records({f"{name.stem}/{name.revision}.bson": archive.store.get_record(record.key)})
        archive.store.delete_record(record.key)


@pytest.fixture
def old(archive, raw, write_frame):
    for number in range(7):
        write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
    archive.ingest(raw)
    write_frame("Dragonfly101/2024-02-20/T1_0_dark.fits", seed=99)
    archive.ingest(raw)
    archive.delete("Dragonfly101/2024-02-20/T1_1_dark.fits")
    archive.history.delete_many({"change": {"$exists": True}})  # schema 1 had no journal
    downgrade(archive)
    return archive


def test_there_is_a_step_from_every_schema_to_the_next():
    assert sorted(STEPS) == list(range(1, SCHEMA))


def test_every_document_is_migrated_wherever_it_is_kept(old):
    dry = migrate.migrate(catalog=old.catalog, store=old.store, dry_run=True)
    assert dry.documents == {"headers": 6, "masters": 0, "trash": 1, "history": 1, "records": 8, "unobserved": 0}
    assert "would migrate 6 headers, 1 trash, 1 history" in repr(dry)
    assert old.headers.count_documents({"schema": 1}) == 6
    done = migrate.migrate(catalog=old.catalog, store=old.store)
    assert done.documents == dry.documents
    for document in old.headers.find():
        assert (document["schema"], document["ingest"]["changes"]) == (SCHEMA, 0)
    (trashed,) = old.catalog.trash.find()
    assert (trashed["before"]["schema"], trashed["before"]["ingest"]["changes"]) == (SCHEMA, 1)
    assert old.history.find_one({"change": 1})["state"] == "deleted"  # now a change like any other
    assert {entry["collection"] for name in ("trash", "history") for entry in old.catalog[name].find()} == {"headers"}
    assert "nothing to migrate" in repr(migrate.migrate(catalog=old.catalog, store=old.store))
    assert old.runs.count_documents({"verb": "migrate"}) == 1


def test_an_older_archive_is_not_changed_before_it_is_migrated(old):
    with pytest.raises(UsageError, match="darkroom migrate"):
        require_current(old.catalog)
    migrate.migrate(catalog=old.catalog, store=old.store)
    require_current(old.catalog)


def test_a_document_of_a_later_release_is_refused_and_nothing_is_written(old):
    old.session.headers.update_one({"_id": "Dragonfly101/2024-02-20/T1_3_dark.fits"}, {"$set": {"schema": SCHEMA + 1}})
    with pytest.raises(SchemaTooNew, match=r"T1_3_dark.fits has schema 4.*upgrade darkroom") as caught:
        migrate.migrate(catalog=old.catalog, store=old.store)
    assert caught.value.exit_code == 3
    assert old.headers.count_documents({"schema": 1}) == 5
    with pytest.raises(SchemaTooNew):
        require_current(old.catalog)


def test_upgrading_a_current_document_changes_nothing():
    document = {"_id": "a", "ingest": {"revision": 1, "changes": 4}, "schema": SCHEMA}
    assert upgraded(document) == document


@pytest.mark.patient
@pytest.mark.parametrize("batches", [1, 3])
def test_killed_between_batches_it_goes_on(tmp_path, raw, write_frame, monkeypatch, batches):
    with open_archive(tmp_path / "home") as archive:
        for number in range(9):
            write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
        archive.ingest(raw)
        downgrade(archive)
    script = textwrap.dedent(f"""
        import os, signal
        from pipelines import open_archive
        from pipelines.documents import migrate
        migrate.BATCH = 2
        seen = []
        def tell(done, total):
            seen.append(done)
            if len(seen) == {batches}:
                os.kill(os.getpid(), signal.SIGKILL)
        archive = open_archive({str(tmp_path / "home")!r})
        migrate.migrate(catalog=archive.catalog, store=archive.store, progress=tell)
    """)
    done = subprocess.run([sys.executable, "-P", "-c", script], env=interpreter.environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    with open_archive(tmp_path / "home") as archive:
        assert archive.headers.count_documents({"schema": SCHEMA}) == 2 * batches
        migrate.migrate(catalog=archive.catalog, store=archive.store)
        assert archive.headers.count_documents({"schema": SCHEMA, "ingest.changes": 0}) == 9
        assert archive.headers.count_documents({}) == 9


def test_a_change_made_meanwhile_is_not_lost(old, monkeypatch):
    """Another process migrates and changes a document between the reading of a batch and its writing."""
    target = "Dragonfly101/2024-02-20/T1_4_dark.fits"
    original = migrate._write

    def slow(entry, field):
        if entry["_id"] == target and not field:
            old.session.headers.update_one(
                {"_id": target}, {"$set": {"schema": SCHEMA, "ingest.changes": 1, "verdict": "kept"}}
            )
        return original(entry, field)

    monkeypatch.setattr(migrate, "_write", slow)
    migrate.migrate(catalog=old.catalog, store=old.store)
    document = old.headers.find_one({"_id": target})
    assert (document["verdict"], document["ingest"]["changes"]) == ("kept", 1)


def test_a_check_of_an_older_archive_names_the_migration_and_nothing_else(old):
    report = check(old.session)
    assert {finding.code for finding in report.findings} == {"older-record"}
    assert {finding.hint for finding in report.findings} == {"darkroom migrate"}
    assert report.exit_code == 1
