"""The verbs under fault: what each needs to find, what it does, and what must be true when it is done at last."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import bson

from pipelines import open_archive
from pipelines.archive import Archive
from pipelines.documents import changes, undoing
from pipelines.documents.edits import Edit, difference
from pipelines.documents.records import record_key
from pipelines.upkeep.check import check
from pipelines.upkeep.rebuild import rebuild
from tests.crash.invariants import NONE
from tests.crash.nights import Night, Truth, document_id, write_frame, write_night

Allowed = Mapping[str, tuple[Truth, ...]]


@dataclass(frozen=True, slots=True)
class Scene:
    """An archive and its night, ready for a verb.

    Attributes
    ----------
    home : Path
        The archive.
    night : Night
        The files as they are now.
    allowed : Mapping
        What each document may hold: the files as they are and as they were.
    """

    home: Path
    night: Night
    allowed: Allowed


def scene(folder: Path, *, frames: int = 3) -> Scene:
    """An archive of nothing, and a night."""
    night = write_night(folder / "raw", range(1, frames + 1))
    with open_archive(folder / "home"):
        pass
    return Scene(folder / "home", night, {name: (truth,) for name, truth in night.truth.items()})


def taken(folder: Path) -> Scene:
    """An archive that has taken its night."""
    made = scene(folder)
    with open_archive(made.home) as archive:
        archive.ingest(made.night.folder, jobs=1, progress=False)
    return made


def revised(folder: Path) -> Scene:
    """An archive whose night has been taken, and two of whose files have changed since."""
    made = taken(folder)
    truth, allowed = dict(made.night.truth), dict(made.allowed)
    for number in (1, 2):
        name = document_id(number)
        truth[name] = write_frame(made.night.folder, number, seed=100 + number)
        allowed[name] = (*allowed[name], truth[name])
    return Scene(made.home, replace(made.night, truth=truth), allowed)


def deleted(folder: Path) -> Scene:
    """An archive two of whose documents are in the trash, with a past."""
    made = settled(folder)
    with open_archive(made.home) as archive:
        delete(archive, made)
    return made


def settled(folder: Path) -> Scene:
    """An archive that has taken a night and its revisions: it remembers documents."""
    made = revised(folder)
    with open_archive(made.home) as archive:
        ingest(archive, made)
    return made


def headers_only(folder: Path) -> Scene:
    """An archive that knows the headers alone."""
    made = scene(folder)
    with open_archive(made.home) as archive:
        archive.ingest(made.night.folder, jobs=1, progress=False, headers_only=True)
    return made


def dirty(folder: Path) -> Scene:
    """An archive with everything a sweep may meet: history, trash, an array nobody refers to."""
    made = revised(folder)
    with open_archive(made.home) as archive:
        ingest(archive, made)
        archive.delete(document_id(3))
        archive.store.put(made.night.truth[document_id(3)].pixels + 7, kind="frame")
    return made


def ingest(archive: Archive, made: Scene) -> None:
    """Take the night."""
    archive.ingest(made.night.folder, jobs=1, progress=False)


def delete(archive: Archive, made: Scene) -> None:
    """Delete what is there of two documents."""
    there = [doc["_id"] for doc in archive.headers.find({"_id": {"$in": [document_id(1), document_id(2)]}})]
    archive.delete(there)


def restore(archive: Archive, made: Scene) -> None:
    """Restore what is in the trash and not in use."""
    there = {doc["_id"] for doc in archive.headers.find({}, {"_id": 1})}
    waiting = {entry["document"] for entry in archive.catalog.trash.find()} - there
    archive.restore(sorted(waiting))


def change(archive: Archive, made: Scene) -> None:
    """Mend two documents, one of them twice."""
    edits = [Edit(document_id(n), {"qc.verdict": "good", "flat_time": "evening"}) for n in (1, 2)]
    changes.change(edits, catalog=archive.catalog, store=archive.store, why="looked at")
    edits = [Edit(document_id(1), {"qc.verdict": "bad"}, ("flat_time",))]
    changes.change(edits, catalog=archive.catalog, store=archive.store, why="looked at again")


def changed(folder: Path) -> Scene:
    """An archive one of whose runs has changed two documents."""
    made = settled(folder)
    with open_archive(made.home) as archive:
        change(archive, made)
    return made


def undo(archive: Archive, made: Scene) -> None:
    """Take the last change back, unless that has been done."""
    document = archive.document(document_id(1))
    if document["qc"].get("verdict") == "bad":
        entry = archive.history.find_one({"why": "looked at again"})
        assert entry is not None
        undoing.undo(entry["run"], catalog=archive.catalog, store=archive.store, why="no")


def sweep(archive: Archive, made: Scene) -> None:
    """Sweep, with no grace."""
    archive.sweep(grace=NONE, dry_run=False)


def catalog_lost(folder: Path) -> Scene:
    """An archive with a past, whose catalog is gone."""
    made = changed(folder)
    for path in made.home.glob("catalog.db*"):
        path.unlink()
    return made


def rebuild_all(archive: Archive, made: Scene) -> None:
    """Rebuild what is not there yet, and say again where the files are."""
    archive.roots.add("raw", made.night.folder)
    rebuild(archive.session, missing=True)


def interrupted(folder: Path) -> Scene:
    """An archive with a change and a deletion that were written down and not carried out."""
    made = changed(folder)
    with open_archive(made.home) as archive:
        for number, state in ((1, None), (2, "deleted")):
            document = archive.document(document_id(number))
            entry = changes.new_state(document, "deleted", why="cut short", run="none") | {"state": state}
            if state is None:
                entry |= difference(document, Edit(document_id(number), {"qc.verdict": "seen"}))
            archive.store.add_record(
                record_key(entry["document"], entry["revision"], entry["change"]), bson.encode(entry)
            )
    return made


def mend(archive: Archive, made: Scene) -> None:
    """Check, and mend what can be."""
    check(archive.session, grace=NONE, repair=True)


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, the scene it is tried in, and what it may leave in ``headers`` at the end: how many documents."""

    scene: Callable[[Path], Scene]
    act: Callable[[Archive, Scene], None]
    left: int


VERBS = {
    "ingest": Verb(scene, ingest, 3),
    "ingest of revisions": Verb(revised, ingest, 3),
    "ingest of arrays later": Verb(headers_only, ingest, 3),
    "ingest after a delete": Verb(deleted, ingest, 3),
    "delete": Verb(settled, delete, 1),
    "restore": Verb(deleted, restore, 3),
    "change": Verb(settled, change, 3),
    "undo": Verb(changed, undo, 3),
    "sweep": Verb(dirty, sweep, 2),
    "rebuild": Verb(catalog_lost, rebuild_all, 3),
    "mend": Verb(interrupted, mend, 2),
}


def copied(made: Scene, folder: Path) -> Scene:
    """The same scene over a copy of the archive."""
    home = folder / "home"
    shutil.copytree(made.home, home)
    return replace(made, home=home)
