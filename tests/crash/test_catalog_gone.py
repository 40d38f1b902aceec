"""The catalog goes away in the midst of a run: a clear error, exit code 3, arrays intact, a rebuild restores all."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catalog import CatalogError
from pipelines import open_archive
from pipelines.upkeep.check import check
from pipelines.upkeep.rebuild import rebuild
from tests.crash.invariants import NONE, converged, whole
from tests.crash.nights import write_night
from tests.crash.processes import finish, start

FRAMES = 16
SERVER = Path(__file__).parents[1] / "conformance/mongoeco_server.py"


@pytest.fixture
def night(tmp_path):
    return write_night(tmp_path / "raw", range(FRAMES))


def command(*arguments, **environment):
    """Run the command as a user does."""
    code = "from pipelines.cli import main; main()"
    env = {**os.environ, **{key: str(value) for key, value in environment.items()}}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, env=env, timeout=60
    )


def ingest_until(home, folder, what, at):
    """Ingest in small commits; when the catalog holds `at` documents something happens to it. Exits as the command."""
    import pipelines.ingest.run
    from catalog import Collection
    from pipelines.cli import exit_code

    pipelines.ingest.run.BATCH = 4
    real = Collection.bulk_write
    done = []

    def bulk_write(self, *arguments, **options):
        if self.name == "headers" and len(done) == at:
            what(home)
        done.append(self.name == "headers")
        return real(self, *arguments, **options)

    Collection.bulk_write = bulk_write
    try:
        with open_archive(home) as archive:
            archive.ingest(folder, jobs=1, progress=False)
    except Exception as error:
        code = exit_code(error)
        os._exit(99 if code is None or len(str(error)) < 20 else code)


def removed(home):
    for path in home.glob("catalog.db*"):
        path.unlink()


def replaced(home):
    removed(home)
    (home / "catalog.db").write_bytes(b"this was a catalog\n" * 400)


def emptied(home):
    for path in [home / "catalog.db", *home.glob("catalog.db-wal")]:
        os.truncate(path, 0)


def full(home):
    size = sum(path.stat().st_size for path in home.glob("catalog.db-wal"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, resource.RLIM_INFINITY))


def torn(home):
    """The middle of the file is overwritten, as by a bad disk."""
    with open(home / "catalog.db", "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(1 << 17))


@pytest.mark.parametrize("what", [removed, replaced, emptied, full, torn])
@pytest.mark.parametrize("at", [0, 2])
def test_an_embedded_catalog_that_goes_away(tmp_path, night, what, at):
    home = tmp_path / "home"
    with open_archive(home) as archive:
        archive.roots.add("raw", night.folder)
    (code,) = finish(start(ingest_until, home, night.folder, what, at))
    assert code in (0, 3, 4), code  # 0: sqlite goes on with the file it holds open
    if what is full:
        assert code == 3
    store_is_whole(home)
    try:
        with open_archive(home) as archive:
            sound = check(archive.session, grace=NONE).exit_code < 4
    except CatalogError as error:
        sound = False
        if "rebuild" not in str(error) and "name another file" not in str(error):
            raise
    if not sound:
        removed(home)
    with open_archive(home) as archive:
        archive.roots.add("raw", night.folder)
        before = len({key.split(".")[0] for key in (record.key for record in archive.store.records("documents/"))})
        rebuild(archive.session, missing=True)
        assert whole(archive, night.truth) == before
        converged(archive, night)


def store_is_whole(home):
    """Assert that every object in the store is, catalog or not."""
    from arraystore import open_store

    store = open_store(home / "store")
    for found in store.objects():
        assert store.verify(store.describe(found.digest), "decode") == []


def test_a_catalog_that_may_only_be_read(tmp_path, night):
    home = tmp_path / "home"
    with open_archive(home) as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
    said = command("--home", home, "ingest", "/nowhere/at/all")
    assert said.returncode == 2
    (home / "catalog.db").rename(home / "elsewhere")
    (home / "catalog.db").mkdir()
    said = command("--home", home, "ingest", night.folder)
    assert (said.returncode, "is a folder" in said.stderr) == (2, True)
    assert "Traceback" not in said.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user who may not write")
def test_a_folder_that_another_user_may_only_read(night):
    import shutil
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="darkroom-"))  # where another user may go, unlike tmp_path
    try:
        place.chmod(0o755)
        with open_archive(place / "home") as archive:
            archive.ingest(night.folder, jobs=1, progress=False)
        shutil.copytree(place / "home", place / "rehearsal")
        (code,) = finish(start(as_nobody, place / "home", place / "rehearsal"))
        assert code == 3
        with open_archive(place / "home") as archive:
            assert whole(archive, night.truth) == FRAMES
    finally:
        shutil.rmtree(place)


def as_nobody(home, rehearsal):
    from pipelines.cli import exit_code

    def act(place):
        with open_archive(place) as archive:
            archive.delete(archive.headers.find_one()["_id"])

    act(rehearsal)  # imports all there is to import, which the other user may not be able to read
    os.setresuid(65534, 65534, 65534)
    try:
        act(home)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        os._exit(code)


@pytest.fixture
def server():
    python = os.environ.get("DARKROOM_MONGOECO_PYTHON")
    if not python:
        pytest.skip("DARKROOM_MONGOECO_PYTHON does not name a Python that has mongoeco")
    started = []

    def run():
        process = subprocess.Popen(
            [python, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        return process, f"mongodb://127.0.0.1:{int(process.stdout.readline())}/gone?serverSelectionTimeoutMS=300"

    yield run
    for process in started:
        process.kill()
        process.communicate()


def ingest_over_wire(url, store, folder):
    import pipelines.ingest.run
    from pipelines.cli import exit_code

    pipelines.ingest.run.BATCH = 2
    try:
        with open_archive(catalog=url, store=store) as archive:
            archive.ingest(folder, jobs=1, progress=False, patience=1.0)
    except Exception as error:
        os._exit(exit_code(error) or 98)


def test_a_server_killed_in_the_midst_and_its_database_lost(tmp_path, night, server):
    seen = set()
    for number, delay in enumerate((0.02, 0.1, 0.2)):
        store = str(tmp_path / str(number) / "store")
        process, url = server()
        run = start(ingest_over_wire, url, store, night.folder)
        run.join(delay)
        process.kill()
        (code,) = finish(run)
        seen.add(code)
        _, url = server()  # it comes back with nothing
        with open_archive(catalog=url, store=store) as archive:
            archive.roots.add("raw", night.folder)
            kept = len(list(archive.store.records("documents/")))
            assert rebuild(archive.session).headers == kept
            assert whole(archive, night.truth) == kept
            converged(archive, night)
            ids = [doc["_id"] for doc in archive.headers.find({}, {"_id": 1})][:2]
            archive.delete(ids)
            before = {doc["_id"]: doc for doc in archive.headers.find()}
        _, url = server()  # and once more, dropped
        with open_archive(catalog=url, store=store) as archive:
            assert rebuild(archive.session).trash == 2
            assert {doc["_id"]: doc for doc in archive.headers.find()} == before
    assert 3 in seen
    assert seen <= {0, 3}


def test_a_server_that_is_not_there(tmp_path, night):
    began = time.monotonic()
    url = "mongodb://127.0.0.1:9/gone?serverSelectionTimeoutMS=300"
    said = command("--catalog", url, "--store", tmp_path / "store", "ingest", night.folder)
    assert said.returncode == 3
    assert "check that the server runs" in said.stderr
    assert time.monotonic() - began < 20
