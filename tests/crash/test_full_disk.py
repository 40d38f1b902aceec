"""The disk is full, over quota or failing from the k-th write on: nothing is half published, space makes it go on."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from arraystore import StoreError, StoreFull, StoreUnreachable
from catalog import CatalogError, StorageFull
from pipelines import open_archive
from pipelines.cli import app
from pipelines.upkeep import doubles
from pipelines.upkeep.check import check
from tests.crash.invariants import NONE, converged, swept_clean, whole
from tests.crash.nights import document_id, write_night
from tests.crash.processes import finish, start

CALLS = ("write", "fsync", "mkdir", "rename", "replace", "link", "open", "utime")
SPACE = (errno.ENOSPC, errno.EDQUOT)


class Disk:
    """The store's system calls that write: from the k-th on they fail, until there is space again."""

    def __init__(self, monkeypatch, folder):
        self.count, self.at, self.error, self.folder = 0, 0, errno.ENOSPC, str(folder)
        for name in CALLS:
            monkeypatch.setattr(os, name, self._failing(name, getattr(os, name)))

    def _failing(self, name, call):
        def run(first, *rest, **options):
            reading = name == "open" and not rest[0] & (os.O_WRONLY | os.O_RDWR)
            if (isinstance(first, int) or str(first).startswith(self.folder)) and not reading:
                self.count += 1
                if 0 < self.at <= self.count:
                    raise OSError(self.error, os.strerror(self.error), str(first))
            return call(first, *rest, **options)

        return run


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_every_write_of_the_store(tmp_path, monkeypatch, error):
    night = write_night(tmp_path / "raw", [1, 2], broken=0, twins=False)
    with open_archive(tmp_path / "ready") as archive:
        archive.roots.add("raw", night.folder)
        assert archive.store.id
    disk = Disk(monkeypatch, tmp_path / "home")
    disk.error = error
    for k in range(1, 200):
        home = tmp_path / "home"
        shutil.copytree(tmp_path / "ready", home)
        failed = None
        with open_archive(home) as archive:
            disk.count, disk.at = 0, k
            try:
                archive.ingest(night.folder, jobs=1, progress=False)
            except StoreError as caught:
                failed = caught
            disk.at = 0
            whole(archive, night.truth)
            if failed is not None:
                assert isinstance(failed, StoreFull if error in SPACE else StoreUnreachable), failed
                assert archive.quarantine.count_documents({}) == 0  # the files are not to blame
                for found in archive.store.objects():
                    assert archive.store.verify(archive.store.describe(found.digest), "decode") == []
            converged(archive, night)
            swept_clean(archive, home)
        shutil.rmtree(home)
        if failed is None:
            break
    assert 10 < k < 199


def ingest_in(home, folder, limit):
    """Ingest where no file may grow beyond a limit, as on a disk that is full; exits as the command would."""
    from pipelines.cli import exit_code

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        with open_archive(home) as archive:
            archive.ingest(folder, jobs=1, progress=False)
    except (StoreFull, StorageFull, StoreError, CatalogError) as error:
        clear = "space" in str(error) or "the disk failed" in str(error)
        os._exit(exit_code(error) if clear else 97)


def test_the_kernel_itself_refuses(tmp_path):
    """Catalog and store, whichever grows first: an exit of 3, and the rest when there is space."""
    night = write_night(tmp_path / "raw", [1, 2, 3], broken=0, shape=(64, 96))
    codes = set()
    for limit in range(1 << 12, 1 << 20, 60_000):
        home = tmp_path / str(limit)
        (code,) = finish(start(ingest_in, home, night.folder, limit))
        codes.add(code)
        with open_archive(home) as archive:
            whole(archive, night.truth)
            converged(archive, night)
        if code == 0:
            break
    assert codes == {0, 3}


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MB of its own, where one may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system may not be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(place, *, left=0):
    """Fill a disk, but for some bytes."""
    with open(place / "filler", "wb", buffering=0) as filler, suppress(OSError):
        while (free := shutil.disk_usage(place).free - left) > 0:
            filler.write(bytes(min(free, 1 << 16)))


@pytest.mark.parametrize("left", [0, 20_000])
def test_on_a_full_disk_everything_is_read_and_a_sweep_makes_room(small_disk, tmp_path, monkeypatch, left):
    monkeypatch.setattr(doubles, "PATIENCE", 0.0)
    night = write_night(tmp_path / "raw", range(1, 9), broken=0, twins=False, shape=(128, 160))
    home = small_disk / "home"
    with open_archive(home) as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
        archive.delete([document_id(number) for number in range(1, 6)])
    fill(small_disk, left=left)
    with open_archive(home, readonly=True) as archive:
        assert archive.headers.count_documents({}) == 3
        assert (archive.cube(document_id(6))[...] == night.truth[document_id(6)].pixels).all()
    said = CliRunner().invoke(app, ["--home", str(home), "query", "{}"])
    assert said.exit_code == 0, said.output
    failed = CliRunner().invoke(app, ["--home", str(home), "delete", document_id(6), "--yes"])
    if left == 0:
        assert (failed.exit_code, isinstance(failed.exception, CatalogError | StoreError)) != (0, False)
        assert "full" in str(failed.exception) or "No space" in str(failed.exception)
    fill(small_disk, left=left)
    with open_archive(home) as archive:
        dry = archive.sweep(grace=NONE)
        swept = archive.sweep(grace=NONE, dry_run=False)
        assert (dry.objects, swept.objects, swept.trash) == (5, 5, 5) or left > 0
        assert swept.objects >= 5
    assert not (home / "catalog.db.reserve").exists() or (home / "catalog.db.reserve").stat().st_size > 0
    (small_disk / "filler").unlink()
    with open_archive(home) as archive:
        archive.sweep(grace=NONE, dry_run=False)
        check(archive.session, grace=NONE, repair=True)  # the deletion that had no room for its end is ended
        assert check(archive.session, grace=NONE).clean
    assert (home / "catalog.db.reserve").stat().st_blocks * 512 >= 1 << 20  # made again


def test_a_small_disk_that_is_filled_and_emptied(small_disk, tmp_path):
    """A real full disk: ten passes, each ends in a clear error and then goes on."""
    place = small_disk
    night = write_night(tmp_path / "raw", range(12), broken=0, shape=(256, 320))
    home = place / "home"
    failures = []
    for number in range(10):
        with open(place / "filler", "wb") as filler:
            filler.write(bytes(shutil.disk_usage(place).free - 250_000 - 60_000 * number))
        try:
            with open_archive(home) as archive:
                archive.ingest(night.folder, jobs=1, progress=False)
        except (StoreFull, StorageFull) as error:
            failures.append("space" in str(error))
        (place / "filler").unlink()
        with open_archive(home) as archive:
            whole(archive, night.truth)
        if number < 9:
            os.utime(night.folder / document_id(number))
    assert all(failures)
    assert len(failures) >= 3
    with open_archive(home) as archive:
        converged(archive, night)
