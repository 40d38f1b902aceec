"""One bit flipped anywhere in the store: a check finds it, and a read gives the truth or raises."""

from __future__ import annotations

import random
from contextlib import suppress

import numpy as np
import pytest

from arraystore import StoreError
from pipelines import open_archive
from pipelines.errors import DarkroomError, UsageError
from pipelines.upkeep.check import check
from tests.crash.invariants import NONE
from tests.crash.nights import write_frame, write_night
from tests.pipelines.odd_fits import odd_file


def rotten_archive(tmp_path):
    """An archive of frames, odd files, a ramp; a revision and a deletion, so that there is a journal too."""
    night = write_night(tmp_path / "raw", range(4), broken=0)
    for number in (3, 9, 21):  # packed, tiled, tables
        name, data = odd_file(number)
        (night.folder / name).write_bytes(data)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
        write_frame(night.folder, 1, seed=55)
        archive.ingest(night.folder, jobs=1, progress=False)
        archive.delete(next(iter(night.truth)))
        archive.store.put(np.arange(2 * 5 * 70 * 80, dtype="u2").reshape(2, 5, 70, 80), kind="ramp")
    return tmp_path / "home"


@pytest.fixture
def rotten(tmp_path):
    return rotten_archive(tmp_path)


def rounds(home, tmp_path, numbers):
    with open_archive(home) as archive:
        truth = {
            doc["_id"]: archive.export(doc["_id"], tmp_path / "out", overwrite=True).exported
            for doc in archive.headers.find()
        }
        unreferenced = {o.digest for o in archive.store.objects()}
        for doc in [*archive.headers.find(), *(e["before"] for e in archive.history.find({"before": {"$exists": 1}}))]:
            unreferenced -= set(doc["digests"])
        for entry in archive.catalog.trash.find():
            unreferenced -= set(entry["digests"])
        assert check(archive.session, grace=NONE).clean
    files = sorted(
        path
        for path in (home / "store").rglob("*")
        if path.is_file() and path.parent.name not in unreferenced and path.name != "last~"
    )  # the name of the last run keeps nothing: one that cannot be read, or is of no run, makes a run list the store
    missed, wrong = [], []
    for number in numbers:
        rng = random.Random(number)
        path = rng.choice(files)
        good = path.read_bytes()
        bit = rng.randrange(8 * len(good))
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        where = f"bit {bit} of {path.relative_to(home)}"
        try:
            with open_archive(home) as archive:
                for name, digest in truth.items():
                    with suppress(StoreError, DarkroomError):
                        if archive.export(name, tmp_path / "out", overwrite=True).exported != digest:
                            wrong.append(where)
                if check(archive.session, grace=NONE).clean:
                    missed.append(where)
        except (StoreError, UsageError):
            pass  # the store cannot be opened, or is taken for another: its marker is what was hit
        finally:
            path.write_bytes(good)
    assert (missed, wrong) == ([], [])
    with open_archive(home) as archive:
        assert check(archive.session, grace=NONE).clean


def test_300_flipped_bits(rotten, tmp_path):
    rounds(rotten, tmp_path, range(300))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_10000_flipped_bits(rotten, tmp_path):
    rounds(rotten, tmp_path, range(10_000, 20_000))
