"""Every operation of making masters, and of migrating, goes wrong once: the next try ends as one clean run does."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from arraystore import ArrayStore
from pipelines import open_archive
from pipelines.archive import Archive
from pipelines.calibration.masters.run import make_masters
from pipelines.documents.migrate import migrate
from pipelines.documents.records import parse_key
from pipelines.documents.schema import SCHEMA
from pipelines.upkeep.check import check
from tests.crash.faults import SORTS, numbers, strike
from tests.crash.invariants import NONE, rebuilt
from tests.crash.nights import NIGHT, write_frame, write_night
from tests.crash.verbs import Scene, delete, ingest, revised

OF_A_RUN = ("run", "at", "seconds", "pid", "why")  # what no two runs have the same
DEEP = ("fails", "tears")  # what is left after these is what is left after all


def masters(archive: Archive) -> None:
    """Make the dark of the night."""
    make_masters(archive.session, date=NIGHT, kinds=("dark",), jobs=1)


def upgrade(archive: Archive) -> None:
    """Migrate whatever is older."""
    migrate(catalog=archive.catalog, store=archive.store)


def darks(folder: Path) -> Path:
    """An archive of five darks whose master was made of four of them: the next one takes its place."""
    night = write_night(folder / "raw", range(1, 5), broken=0, twins=False)
    with open_archive(folder / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
        masters(archive)
        write_frame(night.folder, 5)
        archive.ingest(night.folder, jobs=1, progress=False)
    return folder / "home"


def older(folder: Path) -> Path:
    """An archive with a past and a trash as the first release wrote it: schema 1, records in folders, no journal."""
    return older_scene(folder).home


def older_scene(folder: Path) -> Scene:
    """That archive, with its night."""
    made = revised(folder)
    with open_archive(made.home) as archive:
        ingest(archive, made)
        delete(archive, made)
        archive.history.delete_many({"change": {"$exists": True}})
        for name, above in (("headers", ""), ("trash", "before."), ("history", "before.")):
            archive.catalog[name].update_many(
                {}, {"$set": {f"{above}schema": 1}, "$unset": {f"{above}ingest.changes": "", "collection": ""}}
            )
        for record in list(archive.store.records("documents/")):
            key = parse_key(record.key)
            if not key.change:
                archive.store.put_records({f"{key.stem}/{key.revision}.bson": archive.store.get_record(record.key)})
            archive.store.delete_record(record.key)
    return made


def state(archive: Archive) -> dict[str, Any]:
    """What is in use, in the trash and remembered, but for who did it and when.

    Not the masters another has taken the place of: a frame that could not be read costs the master that frame,
    is said in it, and the next run makes the master of all of them.
    """
    asked = {
        "headers": {},
        "masters": {"superseded_by": {"$exists": False}},
        "trash": {},
        "history": {"collection": {"$ne": "masters"}},
    }
    return {
        name: {doc["_id"]: timeless(doc) for doc in archive.catalog[name].find(query)} for name, query in asked.items()
    }


def timeless(value: Any) -> Any:
    """A document without what differs between two runs that did the same."""
    if isinstance(value, Mapping):
        return {key: timeless(item) for key, item in value.items() if key not in OF_A_RUN}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def masters_are_whole(archive: Archive) -> None:
    """Assert that a master that is to be seen has its arrays, to the last byte."""
    for master in archive.masters.find():
        for ref in master["arrays"].values():
            assert archive.store.verify(ref, "digests") == [], master["_id"]


def go_wrong(tmp_path, scene, act, sort, *, every):
    home = scene(tmp_path / "scene")
    clean = Path(shutil.copytree(home, tmp_path / "clean"))
    with open_archive(clean) as archive:
        act(archive)
        expected = state(archive)
        assert len(expected["masters"]) == 1 or archive.headers.count_documents({"schema": SCHEMA}) > 0
    chosen = numbers(Path(shutil.copytree(home, tmp_path / "counted")), sort, act, every=every)
    for k in chosen:
        here = Path(shutil.copytree(home, tmp_path / str(k)))
        strike(here, sort, k, act)
        with open_archive(here) as archive:
            masters_are_whole(archive)
            act(archive)  # again, with nothing in its way
            assert state(archive) == expected
            if sort in DEEP:
                rebuilt(archive, here)
                assert check(archive.session, grace=NONE).clean
        shutil.rmtree(here)
    assert chosen.stop > 6 or sort in ("tears", "dies within")


BOTH = pytest.mark.parametrize(("scene", "act"), [(darks, masters), (older, upgrade)], ids=["masters", "migrate"])


@pytest.mark.parametrize("sort", SORTS)
@BOTH
def test_every_operation_goes_wrong_once(tmp_path, scene, act, sort):
    """A fifth of them in each way: all, over the five."""
    go_wrong(tmp_path, scene, act, sort, every=False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("sort", SORTS)
@BOTH
def test_every_operation_goes_wrong_in_every_way(tmp_path, scene, act, sort):
    go_wrong(tmp_path, scene, act, sort, every=True)


@pytest.mark.parametrize("moment", ["put_records", "delete_record"])
def test_another_migration_is_faster_in_the_midst_of_this_one(tmp_path, monkeypatch, moment):
    """Whatever it had listed or read is gone under its old name by then: neither fails, and nothing is lost."""
    home = older(tmp_path / "scene")
    real = getattr(ArrayStore, moment)

    def after_the_other(self, *arguments):
        monkeypatch.setattr(ArrayStore, moment, real)
        with open_archive(home) as other:
            upgrade(other)
            expected.update(state(other))
        return real(self, *arguments)

    expected: dict[str, Any] = {}
    with open_archive(home) as archive:
        monkeypatch.setattr(ArrayStore, moment, after_the_other)
        upgrade(archive)
        assert expected
        assert state(archive) == expected
        assert check(archive.session, grace=NONE).clean
        rebuilt(archive, home)
