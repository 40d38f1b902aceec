"""The archive object: opening, naming, choosing arrays, read-only."""

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from arraystore import StoreError
from pipelines import open_archive
from pipelines.documents.schema import SCHEMA
from pipelines.errors import Refused, SchemaTooNew, UnknownDocument, UsageError
from pipelines.settings import resolve


def test_where_an_archive_is():
    env = {"CATALOG_URL": "mongodb://host/db", "ARRAYSTORE_URL": "memory://x", "CATALOG_USER": "u"}
    both = resolve(environ=env)
    assert (both.catalog, both.store, both.options) == ("mongodb://host/db", "memory://x", {"username": "u"})
    home = resolve("/srv/a", environ=env)
    assert (home.catalog, home.store) == ("/srv/a/catalog.db", "/srv/a/store")
    assert resolve(environ={"DARKROOM_HOME": "/srv/b"}).catalog == "/srv/b/catalog.db"
    assert resolve(environ={}).store == os.path.expanduser("~/darkroom/store")
    assert resolve(catalog="mongodb://h/d", environ={"CATALOG_URL": "other"}).catalog == "mongodb://h/d"
    assert "secret" not in repr(resolve(environ={**env, "CATALOG_USER": "ada", "CATALOG_PASSWORD": "secret"}))
    with pytest.raises(UsageError, match="CATALOG_USER is not"):
        resolve(environ={"CATALOG_URL": "mongodb://h/d", "CATALOG_PASSWORD": "secret"})


def test_near_misses_are_named(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    with pytest.raises(UnknownDocument, match=r"is it Dragonfly101/2024-02-20/T13080513_31_dark\.fits"):
        archive.document("T13080513_31_dark.fits")
    with pytest.raises(UnknownDocument, match="darkroom query"):
        archive.document("no(such")


def test_a_file_with_several_arrays_wants_a_name(archive, raw):
    rng = np.random.default_rng(0)
    hdus = [fits.PrimaryHDU()] + [fits.ImageHDU(rng.normal(size=(4, 5)), name=name) for name in ("ALPHA", "BETA")]
    fits.HDUList(hdus).writeto(raw / "two.fits")
    archive.ingest(raw)
    document = archive.headers.find_one()
    with pytest.raises(UsageError, match="has the arrays alpha, beta"):
        archive.cube(document)
    with pytest.raises(UsageError, match="no array 'gamma'"):
        archive.cube(document, "gamma")
    np.testing.assert_array_equal(archive.cube(document["_id"], "beta")[...], hdus[2].data)
    assert archive.header(document["_id"], 2)["EXTNAME"] == "BETA"
    with pytest.raises(UsageError, match="HDUs 0 to 2"):
        archive.header(document["_id"], 3)


def test_read_only_refuses_every_change(tmp_path, raw, write_frame):
    write_frame()
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(raw)
    with open_archive(tmp_path / "home", readonly=True) as archive:
        assert archive.cube(archive.headers.find_one())[...].shape == (24, 32)
        for change in (lambda: archive.ingest(raw), lambda: archive.delete("x"), lambda: archive.sweep()):
            with pytest.raises(UsageError, match="read-only"):
                change()


def test_importing_is_cheap_and_touches_nothing():
    heavy = {
        "astropy",
        "zarr",
        "pandas",
        "xarray",
        "dask",
        "matplotlib",
        "jwst",
        "rich",
        "mongomock",
        "mongomock_ng",
    }
    script = "import sys, catalog, arraystore, pipelines; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())


def test_public_names_are_those_declared():
    import arraystore
    import catalog
    import pipelines
    import pipelines.fits
    import pipelines.instruments

    for module in (catalog, arraystore, pipelines, pipelines.fits, pipelines.instruments):
        assert len(set(module.__all__)) == len(module.__all__)
        for name in module.__all__:
            assert getattr(module, name) is not None, (module.__name__, name)
        with pytest.raises(AttributeError):
            module.no_such_name  # noqa: B018


@pytest.mark.parametrize("name", [{"$gt": ""}, None, 3, ["x"], {"$where": "1"}])
def test_a_name_is_text_and_nothing_else(archive, raw, write_frame, name):
    write_frame()
    archive.ingest(raw)
    with pytest.raises(UnknownDocument, match="is text"):
        archive.document(name)


def test_the_wrong_store_is_refused_before_anything_is_written(archive, tmp_path, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    with open_archive(tmp_path / "another") as another:
        another.store.put(np.zeros((2, 2)), kind="frame")
    catalog, other = str(tmp_path / "home" / "catalog.db"), tmp_path / "another" / "store"
    with open_archive(catalog=catalog, store=str(other)) as wrong:
        with pytest.raises(UsageError, match="open the archive with its own store"):
            wrong.ingest(raw)
        with pytest.raises(UsageError, match="open the archive with its own store"):
            wrong.cube(archive.headers.find_one())
        assert len(list(other.glob("objects/*/*"))) == 1


def test_a_store_that_is_not_there_is_not_begun_anew(archive, tmp_path, raw, write_frame):
    """A disk that is not mounted: the catalog knows that it has a store."""
    write_frame()
    archive.ingest(raw)
    (tmp_path / "empty").mkdir()
    for place in ("gone", "empty"):
        catalog, store = str(tmp_path / "home" / "catalog.db"), str(tmp_path / place)
        with (
            open_archive(catalog=catalog, store=store) as unmounted,
            pytest.raises(StoreError, match="mount its disk"),
        ):
            unmounted.ingest(raw)
    assert not (tmp_path / "gone").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_documents_of_an_older_schema_are_read_and_not_changed(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    archive.session.headers.update_one({}, {"$set": {"schema": 1}})
    name = archive.headers.find_one()["_id"]
    assert archive.cube(name)[...].shape == (24, 32)
    for change in (
        lambda: archive.ingest(raw),
        lambda: archive.delete(name),
        lambda: archive.calibration.make_masters("2024-02-20"),
        lambda: archive.upkeep.change(name, {"x": 1}, why="test"),
    ):
        with pytest.raises(UsageError, match="darkroom migrate"):
            change()
    archive.session.headers.update_one({}, {"$set": {"schema": SCHEMA + 1}})
    with pytest.raises(SchemaTooNew):
        archive.ingest(raw)


@pytest.mark.patient
def test_from_a_night_to_a_certified_master_in_lines_of_a_notebook(archive, tmp_path):
    """The facades, on a simulated night: each line is a verb of its own module, tested there."""
    from pipelines.demo.night import simulate_night

    simulate_night(tmp_path / "raw", units=3, shape=(64, 96), lights=1)
    archive.ingest(tmp_path / "raw", progress=False)
    calibration = archive.calibration
    assert len(calibration.groups("dark", "2024-02-20")) > 0
    assert {row["verdict"] for row in calibration.clock("2024-02-20")} <= {"right", "wrong", "unknown"}
    fixed = calibration.fix_flats("2024-02-20")
    assert all(archive.document(name)["flat_time_source"] == "consensus" for name in fixed)
    assert {row["verdict"] for row in calibration.check_frames("2024-02-20", kinds=("dark",), progress=False)} >= {
        "good"
    }
    plan = calibration.plan("2024-02-20", kinds=("dark",))
    made = archive.make_master_darks("2024-02-20", progress=False)
    assert len(made) == len(plan) > 0
    masters = [row["master"] for row in made if row["outcome"] == "made"]
    assert masters
    done = calibration.certify(masters[0], why="looked at it")
    master = archive.masters.find_one({"_id": done.master})
    assert master["status"] == "certified"
    frame = master["inputs"][0]["id"] if "id" in master["inputs"][0] else master["parents"][0]
    assert calibration.best(frame)["_id"] == done.master
    assert done.master in repr(archive.why(frame)) or archive.why(frame).reason
    assert "value" in master["arrays"]
    assert archive.cube(master, "value")[...].ndim == 2
    with pytest.raises(Refused, match="masters were made"):
        archive.delete(frame)
    recalled = calibration.recall(frame, why="light leak")
    assert archive.masters.find_one({"_id": done.master})["status"] != "certified" or recalled
    assert archive.upkeep.undo(done.run, why="was too early") == [done.master]
    assert archive.upkeep.check(progress=False).exit_code in (0, 1)
    assert len(archive.upkeep.history(frame)) >= 2
    with pytest.warns(DeprecationWarning, match=r"now archive\.upkeep\.history"):
        assert archive.upkeep.story(frame) == archive.upkeep.history(frame)
    assert isinstance(archive.night("2024-02-20").rows, tuple)
