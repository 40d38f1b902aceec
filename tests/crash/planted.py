"""Plant faults in Darkroom one at a time, and count how many rounds of the suites it takes to catch each.

    python -m tests.crash.planted [--seeds 10] [--fault NAME]

Exit code 0 when every fault is caught within so many seeds, and the rounds find nothing where none is planted.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import arraystore.backends.staging as staging
import arraystore.reading as reading
import arraystore.store as stores
import arraystore.verifying as verifying
import pipelines.documents.strangers as strangers
import pipelines.ingest.known as known
import pipelines.upkeep.sweep as sweeping
from arraystore import ArrayStore, StoreError
from arraystore.backends.files import FileBackend
from arraystore.format.shards import ShardIndex
from catalog import CatalogError
from catalog.embedded.file import CatalogFile
from pipelines import open_archive
from pipelines.documents.changes import change
from pipelines.documents.edits import Edit
from pipelines.errors import DarkroomError
from pipelines.upkeep.check import check
from pipelines.upkeep.rebuild import rebuild
from tests.crash.invariants import NONE, whole
from tests.crash.nights import document_id, write_frame, write_night
from tests.crash.test_power import one_loss, recording_of


class Caught(AssertionError):
    """A round found what it is there to find."""


def _taken(folder: Path, numbers: range = range(1, 4)) -> Any:
    night = write_night(folder / "raw", numbers, broken=0, twins=False)
    with open_archive(folder / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
    return night


# -- rounds: each makes an archive, does something to it by a seed, and asserts ------------------------


def power(folder: Path, seed: int) -> None:
    """The power goes."""
    recording_of.cache_clear()
    one_loss(folder, seed)


def bit(folder: Path, seed: int) -> None:
    """A bit flips in a shard: a check says so, and a read is true or refused."""
    night = _taken(folder)
    rng = random.Random(seed)
    shards = sorted(p for p in (folder / "home/store/objects").rglob("c*") if p.is_file())
    path = rng.choice(shards)
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.chmod(0o644)
    path.write_bytes(data)
    with open_archive(folder / "home") as archive:
        for name, truth in night.truth.items():
            with suppress(StoreError):
                np.testing.assert_array_equal(archive.cube(name)[...], truth.pixels)
        assert not check(archive.session, grace=NONE).clean


def swapped(folder: Path, seed: int) -> None:
    """Two sound shards are exchanged: a read gives the truth or raises."""
    night = _taken(folder)
    rng = random.Random(seed)
    with open_archive(folder / "home") as archive:
        frames = {name: archive.headers.find_one({"_id": name})["arrays"]["sci"] for name in night.truth}
    one, other = rng.sample(sorted(frames), 2)
    places = [next((folder / "home/store" / frames[name]["path"]).glob("c*")) for name in (one, other)]
    first, second = (place.read_bytes() for place in places)
    size = max(len(first), len(second))
    for place, data, length in zip(places, (second, first), (len(first), len(second)), strict=True):
        place.chmod(0o644)
        place.write_bytes(data[-length:].rjust(length, b"\0") if size else data)
    with open_archive(folder / "home") as archive:
        for name in (one, other):
            with suppress(StoreError):
                np.testing.assert_array_equal(archive.cube(name)[...], night.truth[name].pixels)


def lost(folder: Path, seed: int) -> None:
    """The catalog is lost and begun anew, and swept."""
    night = _taken(folder)
    for path in (folder / "home").glob("catalog.db*"):
        path.unlink()
    truth = dict(night.truth)
    truth[document_id(10 + seed)] = write_frame(night.folder, 10 + seed)
    shutil.copytree(night.folder, folder / "kept")
    for number in range(1, 4):
        (night.folder / document_id(number)).unlink()
    with open_archive(folder / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
        with suppress(DarkroomError):
            archive.sweep(grace=NONE, dry_run=False)
        rebuild(archive.session, missing=True)
        assert whole(archive, truth) == len(truth)


def stale(folder: Path, seed: int) -> None:
    """A backup of the catalog is put in place, and a document is changed again: both changes are there."""
    _taken(folder)
    names = [document_id(1 + seed % 3)]
    with open_archive(folder / "home") as archive:
        archive.upkeep.backup(folder / "backup.db")
        edit = [Edit(name, {"qc.note": "first"}) for name in names]
        change(edit, catalog=archive.catalog, store=archive.store, why="first")
    for path in (folder / "home").glob("catalog.db*"):
        path.unlink()
    shutil.copy(folder / "backup.db", folder / "home/catalog.db")
    with open_archive(folder / "home") as archive:
        edit = [Edit(name, {"qc.other": "second"}) for name in names]
        change(edit, catalog=archive.catalog, store=archive.store, why="second")
        for name in names:
            qc = archive.document(name)["qc"]
            assert (qc.get("note"), qc.get("other")) == ("first", "second")


def young(folder: Path, seed: int) -> None:
    """A sweep with a grace runs between an array and its document."""
    _taken(folder)
    with open_archive(folder / "home") as archive:
        ref = archive.store.put(np.full((4, 5), seed, np.int16), kind="frame")
        archive.sweep(grace=timedelta(hours=1), dry_run=False)
        assert archive.store.exists(ref)


def rewritten(folder: Path, seed: int) -> None:
    """A file is written anew, of the same size: the next run has its new pixels."""
    night = _taken(folder)
    truth = dict(night.truth)
    number = 1 + seed % 3
    truth[document_id(number)] = write_frame(night.folder, number, seed=100 + seed)
    with open_archive(folder / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
        kept = archive.document(document_id(number))["file"]["sha256"]
        assert kept == truth[document_id(number)].sha256


def recorded_all(folder: Path, seed: int) -> None:
    """What is visible has the record that a lost catalog is rebuilt from."""
    night = _taken(folder)
    with open_archive(folder / "home") as archive:
        try:
            whole(archive, night.truth)
        except StoreError as error:
            raise Caught(str(error)) from error


def deleted(folder: Path, seed: int) -> None:
    """A deletion is on record in the store before the catalog shows it."""
    _taken(folder)
    name = document_id(1 + seed % 3)
    with open_archive(folder / "home") as archive:
        archive.delete(name)
    for path in (folder / "home").glob("catalog.db*"):
        path.unlink()
    with open_archive(folder / "home") as archive:
        rebuild(archive.session)
        assert archive.headers.find_one({"_id": name}) is None
        assert archive.catalog.trash.find_one({"document": name}) is not None


# -- faults --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault, and the round that must find it.

    Attributes
    ----------
    name : str
        What is wrong.
    where, attribute
        What is replaced.
    fault : object
        By what.
    round : callable
        Asserts; given an empty folder and a seed.
    """

    name: str
    where: Any
    attribute: str
    fault: Any
    round: Callable[[Path, int], None]


def _close_only(descriptor: int) -> None:
    os.close(descriptor)


def _overwrite(self: FileBackend, path: str, data: bytes) -> bool:
    self.write({path: data})
    return True


def _any_pixels(parse: Any) -> Any:
    def lenient(cls: type, tail: bytes, **given: Any) -> ShardIndex:
        return parse(tail, **{**given, "pixels": tail[:32].hex()})

    return classmethod(lenient)


def _as_it_is(data: bytes) -> memoryview:
    return memoryview(data)[:-4]


def _nothing(*_: Any, **__: Any) -> Any:
    return []


def _every_second(put: Any) -> Any:
    def some(self: ArrayStore, records: Any) -> None:
        put(self, dict(list(records.items())[::2]))

    return some


def _carelessly(set_up: Any) -> Any:
    def careless(self: CatalogFile, connection: sqlite3.Connection) -> None:
        set_up(self, connection)
        connection.execute("PRAGMA synchronous=OFF")

    return careless


FAULTS = (
    Planted("a file is not forced to disk", staging, "_sync_and_close", _close_only, power),
    Planted("a folder is not forced to disk after a rename", staging, "sync_folder", _nothing, power),
    Planted("the catalog is not forced to disk", CatalogFile, "_set_up", _carelessly(CatalogFile._set_up), power),
    Planted("digests of files are not compared", verifying, "_digests", _nothing, bit),
    Planted("the checksum of a chunk is not compared", reading, "unsealed", _as_it_is, bit),
    Planted("a shard is not compared with its pixels", ShardIndex, "parse", _any_pixels(ShardIndex.parse), swapped),
    Planted("the ledger is believed", sweeping, "strangers", _nothing, lost),
    Planted("a record is overwritten", FileBackend, "create", _overwrite, stale),
    Planted("the grace of a sweep is passed over", sweeping, "datetime", None, young),
    Planted("a known file is not looked at again", known.Known, "is_of", lambda *_, **__: True, rewritten),
    Planted(
        "a record is left out", stores.ArrayStore, "put_records", _every_second(ArrayStore.put_records), recorded_all
    ),
    Planted("a deletion is not recorded", stores.ArrayStore, "add_record", lambda *_: True, deleted),
)
"""Twelve; of the ninth the fault is made where it is planted."""


def _patched(one: Planted) -> Any:
    if one.attribute == "datetime":  # the store's sweep is told of no grace
        real = stores.ArrayStore.sweep
        return mock.patch.object(
            stores.ArrayStore,
            "sweep",
            lambda self, *, grace, **how: real(self, grace=NONE, **how),
        )
    return mock.patch.object(one.where, one.attribute, one.fault)


def found(one: Planted, seed: int, *, planted: bool) -> bool:
    """Run a round, with the fault or without; tell whether it found anything."""
    folder = Path(tempfile.mkdtemp(prefix="darkroom-planted-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    patience, strangers.PATIENCE = strangers.PATIENCE, 0.0
    try:
        if not planted:
            one.round(folder, seed)
            return False
        with _patched(one):
            one.round(folder, seed)
        return False
    except (AssertionError, CatalogError, StoreError, DarkroomError, IndexError):
        if not planted:
            raise
        return True
    finally:
        strangers.PATIENCE = patience
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Plant and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--fault", help="only those whose name has this in it")
    given = parser.parse_args()
    missed = 0
    for one in FAULTS:
        if given.fault and given.fault not in one.name:
            continue
        found(one, 0, planted=False)
        caught = next((seed for seed in range(given.seeds) if found(one, seed, planted=True)), None)
        missed += caught is None
        told = f"caught at seed {caught}" if caught is not None else f"NOT CAUGHT by {given.seeds} seeds"
        print(f"{one.name:50} {told:28} ({one.round.__name__})", flush=True)
    print(f"{missed} of {len(FAULTS)} faults not caught" if missed else "every fault is caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
