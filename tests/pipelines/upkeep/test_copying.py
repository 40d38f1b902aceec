"""An archive copied to another catalog and another store: whatever happens on the way, it ends equal or says not."""

import json
import os
import shutil
import signal
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

import arraystore.copying
import pipelines.upkeep.copying as module
from arraystore import StoreError, StoreUnreachable, open_store
from arraystore.backends.receiving import Receiver
from arraystore.testing.faults import FaultyBackend
from catalog import CatalogError, connect, patience
from pipelines import UsageError, open_archive
from pipelines.errors import IntegrityError, Refused
from pipelines.upkeep import likeness
from tests.catalog.lines import Line
from tests.conformance.backends import UnavailableError, mongoeco, with_database
from tests.crash.faults import FaultyCatalogBackend, struck
from tests.crash.nights import NIGHT, document_id, write_frame
from tests.crash.processes import DIED, finish, start
from tests.pipelines.command import darkroom
from tests.pipelines.test_questions import night


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An archive with darks, masters, a change, a deletion, a file in quarantine: every collection has something."""
    folder = tmp_path_factory.mktemp("copied")
    night(folder / "home", folder / "raw", 1)
    (folder / "raw/Dragonfly0" / NIGHT / "T0_9_dark.fits").write_bytes(b"SIMPLE  = no")
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", jobs=1, progress=False)
        archive.upkeep.change(name(1), {"campaign": "one"}, why="a test")
        archive.delete(name(4), why="a test", force=True)
        archive.session.catalog["notes"].insert_many([{"_id": 1}, {"_id": 2.5}, {"_id": "x"}, {"_id": {"a": 1}}])
        archive.session.catalog["notes"].create_index([("a", 1)], unique=False)
    return folder


@pytest.fixture
def home(made, tmp_path):
    shutil.copytree(made, tmp_path / "made")
    return tmp_path / "made/home"


def name(number):
    return f"Dragonfly0/{NIGHT}/T0_{number}_dark.fits"


def blobs(catalog, runs=()):
    """Every document of every collection, as its bytes; the runs of copies left out."""
    skipped = {"leases", "copies"}
    names = [one for one in catalog.collection_names() if one not in skipped]
    found = {one: list(catalog.blobs(one)) for one in names}
    own = (catalog["copies"].find_one() or {}).get("runs", [])
    found["runs"] = [blob for blob in found.get("runs", []) if not any(run.encode() in blob for run in own)]
    return {one: documents for one, documents in found.items() if documents}


def files(root):
    """Every file of a store, but its marker's spelling."""
    kept = (path for part in ("objects", "records") for path in (root / part).rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in kept}


def assert_equal(home, folder):
    """A copy has every byte of catalog and store, is clean, and leaves nothing of the work."""
    with connect(home / "catalog.db", readonly=True) as one, connect(folder / "catalog.db", readonly=True) as other:
        assert blobs(one) == blobs(other)
        assert other["copies"].find_one()["state"] == "finished"
    assert files(home / "store") == files(folder / "store")
    assert not [path for path in (folder / "store").glob("cop*/**") if path.is_file()]
    assert not list((folder / "store/.staging").glob("*"))


def copied(home, folder, **options):
    folder.mkdir(exist_ok=True)
    with open_archive(home, readonly=True) as archive:
        return archive.copy_to(folder / "catalog.db", store=folder / "store", progress=False, **options)


def answers(archive):
    """A list of questions, of every kind that is asked."""
    status = archive.status().to_dict()
    asked = {
        "find": list(archive.headers.find({"kind": "dark"}).sort("_id", 1)),
        "aggregate": list(archive.headers.aggregate([{"$group": {"_id": "$camera", "n": {"$sum": 1}}}])),
        "distinct": archive.headers.distinct("obs.exptime"),
        "groups": list(archive.calibration.groups("dark")),
        "dark groups": list(archive.dark_groups(NIGHT)),
        "night": list(archive.night(NIGHT)),
        "masters": list(archive.masters.find().sort("_id", 1)),
        "why": archive.why(name(1)).to_dict(),
        "history": list(archive.upkeep.history(name(1))),
        "trash": list(archive.trash()),
        "quarantine": list(archive.upkeep.quarantined()),
        "status": {key: status[key] for key in ("documents", "nights", "objects", "nbytes") if key in status},
        "cube": archive.cube(name(2))[...].tolist(),
        "pixel": archive.pixel("T0", x=3, y=4).to_pandas().to_dict(),
    }
    return json.loads(json.dumps(asked, default=str))


def test_the_same_questions_have_the_same_answers(home, tmp_path):
    report = copied(home, tmp_path / "new")
    assert (report.state, report.exit_code, report.removed, report.damaged) == ("finished", 0, 0, [])
    assert report.documents["headers"] == 3
    assert report.documents["trash"] == report.documents["quarantine"] == 1
    assert report.objects > 4
    assert report.passes == 2
    assert_equal(home, tmp_path / "new")
    with open_archive(tmp_path / "new") as new, open_archive(home) as old:
        assert answers(new) == answers(old)
        assert new.upkeep.check(level="decode", progress=False).exit_code == 0
        assert "a_1" in new.catalog["notes"].index_information()
        assert new.runs.count_documents({"verb": "copy", "status": "finished"}) == 1
        assert old.runs.count_documents({"verb": "copy"}) == 0


def test_a_finished_copy_copied_again_is_compared_and_left(home, tmp_path):
    copied(home, tmp_path / "new")
    report = copied(home, tmp_path / "new")
    assert (report.state, report.written, report.arrays_written) == ("finished", 0, 0)
    with open_archive(tmp_path / "new") as new:
        new.upkeep.change(name(2), {"campaign": "mine"}, why="a test")
    with pytest.raises(Refused, match=r"one of the two has changed since: .*Nothing was written"):
        copied(home, tmp_path / "new")
    with connect(tmp_path / "new/catalog.db", readonly=True) as new:
        assert new.headers.find_one(name(2))["campaign"] == "mine"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The URL of a database on a server: MongoDB's, or the one that speaks its protocol."""
    name = f"darkroom_copying_{os.getpid()}"
    if uri := os.environ.get("MONGODB_URI"):
        from pymongo import MongoClient

        yield with_database(uri, name)
        with MongoClient(uri) as client:
            client.drop_database(name)
        return
    try:
        with mongoeco(tmp_path_factory.mktemp("wire")) as catalog:
            yield catalog.url.replace("conformance", name) + "?directConnection=true"
    except UnavailableError as reason:
        pytest.skip(str(reason))


@pytest.mark.patient
def test_to_a_server_and_back_over_a_line_that_breaks(home, tmp_path, server, monkeypatch):
    """Delayed, cut, reset, replies lost: it ends equal, the questions have the same answers, and what is done there
    comes back."""
    monkeypatch.setattr(patience, "FIRST", 0.05)
    address = urlsplit(server)
    line = Line(address.port or 27017) if address.hostname in ("localhost", "127.0.0.1") else None
    url = server if line is None else server.replace(address.netloc, f"127.0.0.1:{line.port}")
    url += ("&" if "?" in url else "?") + "retryWrites=false&retryReads=false&directConnection=true"
    url = url.replace("?directConnection=true&", "?")
    struck = []

    def strike(done, total):
        struck.append(done)
        if line is None:
            return
        line.delay = 0.001
        if len(struck) % 9 == 1:
            line.lose = 1
        if len(struck) % 9 == 4:
            line.reset()
        if len(struck) == 14:
            line.cut(0.3)

    with open_archive(home, readonly=True) as archive:
        report = module.copy_to(archive.session, url, store_to=tmp_path / "store", progress=strike)
    assert report.state == "finished"
    with open_archive(home) as old, open_archive(catalog=server, store=str(tmp_path / "store")) as new:
        assert blobs(new.catalog) == blobs(old.catalog)
        assert answers(new) == answers(old)
        assert new.upkeep.check(progress=False).exit_code == 0
        new.upkeep.change(name(2), {"campaign": "there"}, why="a test")
        new.delete(name(3), why="a test", force=True)
        new.restore(name(3))
        back = new.copy_to(tmp_path / "back.db", store=tmp_path / "back", progress=False)
        assert back.state == "finished"
    with open_archive(catalog=str(tmp_path / "back.db"), store=str(tmp_path / "back")) as last:
        assert last.headers.find_one(name(2))["campaign"] == "there"
        assert last.upkeep.check(progress=False).exit_code == 0
        assert last.catalog["copies"].find_one()["source"].startswith("mongodb://")
    if line is not None:
        assert line.lost
        line.close()


# -- cut short -----------------------------------------------------------------------


def with_faults(fault):
    """Let one operation of the targets, catalog and store counted together, go wrong; return what puts it back."""
    opened, received = module.connect, arraystore.copying.receive

    def connecting(*arguments, **options):
        catalog = opened(*arguments, **options)
        catalog._backend = FaultyCatalogBackend(catalog._backend, fault)
        return catalog

    def receiving(*arguments, **options):
        receiver = received(*arguments, **options)
        return Receiver(FaultyBackend(receiver.backend, fault), receiver.complete)

    module.connect, arraystore.copying.receive = connecting, receiving

    def put_back():
        module.connect, arraystore.copying.receive = opened, received

    return put_back


def copy_and_die(home, folder, sort, k):
    with_faults(struck(sort, k))
    copied(home, folder)


@pytest.mark.parametrize(("sort", "step"), [("dies before", 2.0), ("dies within", 1.2)])
def test_a_copy_killed_at_any_point_goes_on(home, tmp_path, sort, step):
    """At its first operation, then at a later one of what is left, until nothing is left to be killed."""
    k, deaths = 1, 0
    while True:
        (code,) = finish(start(copy_and_die, home, tmp_path / "new", sort, k))
        assert code in (0, DIED), code
        if code == 0:
            break
        deaths, k = deaths + 1, max(k + 1, int(k * step))
    assert deaths > 1
    shutil.rmtree(tmp_path / "new/store/.staging", ignore_errors=True)  # of those that were killed: sweep's to remove
    assert_equal(home, tmp_path / "new")


@pytest.mark.parametrize("sort", ["fails", "is unanswered", "tears"])
@pytest.mark.parametrize("step", [41, pytest.param(1, marks=pytest.mark.slow)])
def test_a_line_that_fails_once_anywhere_loses_nothing_and_doubles_nothing(home, tmp_path, sort, step):
    for k in range(1, 2000, step):
        fault = struck(sort, k)
        put_back = with_faults(fault)
        folder = tmp_path / str(k)
        try:
            with suppress(StoreError, CatalogError):
                copied(home, folder)
        finally:
            put_back()
        assert copied(home, folder).state == "finished"
        assert_equal(home, folder)
        shutil.rmtree(folder)
        if not fault.struck:
            break
    assert k > 50


def kill_at_progress(home, folder, number):
    with open_archive(home, readonly=True) as archive:
        told = []

        def tell(done, total):
            told.append(done)
            if len(told) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        module.copy_to(archive.session, folder / "catalog.db", store_to=folder / "store", progress=tell)


def test_what_was_proved_is_not_copied_again(home, tmp_path, monkeypatch):
    (tmp_path / "new").mkdir()
    monkeypatch.setattr("arraystore.proving._MOST", 1)
    put_back = with_faults(struck("fails", 60, persistent=True))
    try:
        with pytest.raises((StoreError, CatalogError)):
            copied(home, tmp_path / "new")
    finally:
        put_back()
    there = {path.name for path in (tmp_path / "new/store/objects").glob("*/*")}
    assert there
    with connect(tmp_path / "new/catalog.db") as target:
        target["leases"].drop()  # of this process, which lives and could not give it back
    written = []
    send = arraystore.copying.StoreCopy._send
    monkeypatch.setattr(
        arraystore.copying.StoreCopy,
        "_send",
        lambda self, digest, *rest: written.append(digest) or send(self, digest, *rest),
    )
    copied(home, tmp_path / "new")
    assert not there & set(written)
    assert_equal(home, tmp_path / "new")


def test_an_unfinished_copy_is_not_opened(home, tmp_path):
    (tmp_path / "new").mkdir()
    (code,) = finish(start(kill_at_progress, home, tmp_path / "new", 12))
    assert code == -signal.SIGKILL
    with pytest.raises(StoreUnreachable, match="unfinished copy: run the same"):
        open_store(tmp_path / "new/store")
    (code,) = finish(start(kill_at_progress, home, tmp_path / "new", 30))
    assert code == -signal.SIGKILL
    with pytest.raises(Refused, match=r"unfinished copy of .*run the same"):
        open_archive(tmp_path / "new")
    result = darkroom("--home", home, "copy", "--to", tmp_path / "new/catalog.db", "--store-to", tmp_path / "new/store")
    assert result.returncode == 0, result.stderr
    assert_equal(home, tmp_path / "new")


# -- the archive is used meanwhile ------------------------------------------------------


def test_what_changes_meanwhile_is_caught_up(home, tmp_path):
    raw = tmp_path / "more"
    write_frame(raw, 21)

    def change(done, total, once=[]):  # noqa: B006 - once
        if done == total and not once:
            once.append(done)
            with open_archive(home) as archive:
                archive.ingest(raw, jobs=1, progress=False)
                archive.delete(name(3), why="meanwhile", force=True)
                archive.upkeep.change(name(1), {"campaign": "two"}, why="meanwhile")

    (tmp_path / "new").mkdir()
    with open_archive(home, readonly=True) as archive:
        report = module.copy_to(
            archive.session, tmp_path / "new/catalog.db", store_to=tmp_path / "new/store", progress=change
        )
    assert (report.state, report.passes) == ("finished", 3)
    assert_equal(home, tmp_path / "new")
    with open_archive(tmp_path / "new") as new:
        assert new.headers.find_one(document_id(21)) is not None
        assert new.upkeep.check(progress=False).exit_code == 0


def test_what_goes_on_changing_is_named_and_the_copy_is_not_finished(home, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PASSES", 3)
    turns = iter(range(100))

    def change(done, total):
        if done == total:
            with connect(home / "catalog.db") as catalog:
                catalog["notes"].update_one({"_id": "x"}, {"$set": {"turn": next(turns)}})

    (tmp_path / "new").mkdir()
    with open_archive(home, readonly=True) as archive:
        report = module.copy_to(archive.session, tmp_path / "new/catalog.db", progress=change)
    assert (report.state, report.exit_code, report.changing) == ("unfinished", 1, ["x in notes"])
    assert "x in notes" in repr(report)
    with pytest.raises(Refused, match="unfinished copy"):
        open_archive(catalog=str(tmp_path / "new/catalog.db"))


def test_an_id_that_takes_the_place_of_another_is_caught_up(home, tmp_path):
    """The unique values of one that goes are had by one that comes before it in the order."""

    def change(done, total, once=[]):  # noqa: B006 - once
        if done == total and not once:
            once.append(done)
            with connect(home / "catalog.db") as catalog:
                old = catalog.headers.find_one_and_delete({"_id": name(3)})
                catalog.headers.insert_one({**old, "_id": "A comes first"})

    (tmp_path / "new").mkdir()
    with open_archive(home, readonly=True) as archive:
        module.copy_to(archive.session, tmp_path / "new/catalog.db", progress=change)
    with connect(home / "catalog.db") as one, connect(tmp_path / "new/catalog.db") as other:
        assert blobs(one) == blobs(other)


# -- refused -----------------------------------------------------------------------------


def test_targets_that_are_not_empty_are_left_alone(home, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    with connect(folder / "catalog.db") as target:
        target.headers.insert_one({"_id": "mine"})
    with pytest.raises(Refused, match="not empty: it holds mine in headers"):
        copied(home, folder)
    with connect(folder / "catalog.db") as target:
        assert blobs(target).keys() == {"headers"}
    assert not (folder / "store").exists()
    (folder / "catalog.db").unlink()
    (folder / "store").mkdir()
    (folder / "store/notes.txt").write_text("mine")
    with pytest.raises(Refused, match=r"notes\.txt.*Nothing was written"):
        copied(home, folder)
    (folder / "store/notes.txt").unlink()
    other = open_store(folder / "store").id
    with pytest.raises(Refused, match=f"another store \\({other}\\)"):
        copied(home, folder)
    assert sorted(path.name for path in (folder / "store").iterdir()) == ["arraystore.json"]


def test_the_copy_of_another_archive_is_left_alone(home, tmp_path):
    folder = tmp_path / "new"
    put_back = with_faults(struck("fails", 90, persistent=True))
    try:
        with pytest.raises((StoreError, CatalogError)):
            copied(home, folder)
    finally:
        put_back()
    with open_archive(tmp_path / "other") as other:
        assert other.store.id
        with pytest.raises(Refused, match=r"another store, file:.*made/home/store"):
            other.copy_to(store=folder / "store", progress=False)
        with connect(folder / "catalog.db") as target:
            module.copies.begin(connect(home / "catalog.db"), target, store="")
        with pytest.raises(Refused, match=r"is a copy of .*made/home/catalog.db, not of"):
            other.copy_to(folder / "catalog.db", progress=False)
    with connect(folder / "catalog.db") as target:
        target["copies"].update_one({}, {"$set": {"format": 9, "version": "9.1"}})
    with pytest.raises(Refused, match=r"darkroom 9\.1 began, and this is .*go on with that release"):
        copied(home, folder)
    note = json.loads((folder / "store/copying.json").read_bytes())
    (folder / "store/copying.json").chmod(0o644)
    (folder / "store/copying.json").write_text(json.dumps({**note, "format": 9}))
    with open_archive(home) as archive, pytest.raises(StoreError, match="a later release began"):
        archive.copy_to(store=folder / "store", progress=False)


def test_what_is_no_target(home, tmp_path):
    with open_archive(home, readonly=True) as archive:
        with pytest.raises(UsageError, match="nothing to copy to"):
            archive.copy_to(progress=False)
        with pytest.raises(UsageError, match="onto itself"):
            archive.copy_to(home / "../home/catalog.db", progress=False)
        with pytest.raises(Refused, match="onto itself"):
            archive.copy_to(store=home / "store", progress=False)
        with pytest.raises(UsageError, match="is a folder"):
            archive.copy_to(tmp_path, progress=False)
        with pytest.raises(UsageError, match="is not there; make it"):
            archive.copy_to(tmp_path / "no/where/catalog.db", progress=False)
        with pytest.raises(StoreError, match="gone when this process ends"):
            archive.copy_to(store="memory://x", progress=False)
        with pytest.raises(CatalogError) as caught:
            archive.copy_to("mongodb://ada:s3cret@127.0.0.1:9/db?serverSelectionTimeoutMS=50", progress=False)
    assert "s3cret" not in str(caught.value)


def test_another_copy_at_work_is_waited_for_by_nobody(home, tmp_path):
    from pipelines.documents.lease import held

    (tmp_path / "new").mkdir()
    with (
        connect(tmp_path / "new/catalog.db") as target,
        held(target["leases"], "copy", run="other"),
        pytest.raises(Refused, match=r"another copy .* is under way"),
    ):
        copied(home, tmp_path / "new")
    assert copied(home, tmp_path / "new").state == "finished"


# -- damage, dry runs, the command ----------------------------------------------------------


def test_damage_of_the_source_is_named_and_the_rest_is_copied(home, tmp_path):
    shard = next((home / "store/objects").glob("*/*/c.0.0"))
    shard.chmod(0o644)
    data = bytearray(shard.read_bytes())
    data[3] ^= 1
    shard.write_bytes(data)
    record = next(path for path in (home / "store/records/documents").rglob("*~"))
    record.chmod(0o644)
    record.write_bytes(record.read_bytes()[:-1])
    report = copied(home, tmp_path / "new")
    assert (report.state, report.exit_code, len(report.damaged)) == ("finished", 4, 2)
    assert any(shard.parent.name in text for text in report.damaged)
    assert "darkroom check" in repr(report)
    assert len(files(home / "store")) - len(files(tmp_path / "new/store")) == 1 + len(list(shard.parent.glob("*")))


def test_a_target_that_does_not_keep_what_is_written_is_seen(home, tmp_path, monkeypatch):
    original = arraystore.copying.StoreCopy._send

    def rotting(self, digest, manifest, data):
        wrong = original(self, digest, manifest, data)
        shard = next((tmp_path / "new/store/objects" / digest[:2] / digest).glob("zarr.json"))
        shard.chmod(0o644)
        shard.write_bytes(b"rot" + shard.read_bytes()[3:])
        return wrong

    monkeypatch.setattr(arraystore.copying.StoreCopy, "_send", rotting)
    with pytest.raises(StoreError, match="is not what was written there"):
        copied(home, tmp_path / "new")
    monkeypatch.undo()
    copied(home, tmp_path / "new")
    assert_equal(home, tmp_path / "new")


def test_a_document_lost_on_the_way_is_written_in_the_next_pass(home, tmp_path, monkeypatch):
    original, lost = likeness._write, []

    def lossy(target, collection, requests):
        original(target, collection, requests)
        if collection == "headers" and not lost:
            lost.append(target.headers.delete_one({"_id": name(2)}).deleted_count)
            target.headers.update_one({"_id": name(1)}, {"$set": {"header.EXPTIME": 1.0}})

    monkeypatch.setattr(likeness, "_write", lossy)
    report = copied(home, tmp_path / "new")
    assert (report.state, report.passes, lost) == ("finished", 3, [1])
    assert_equal(home, tmp_path / "new")


def test_a_dry_run_writes_nothing(home, tmp_path):
    (tmp_path / "new").mkdir()
    report = copied(home, tmp_path / "new", dry_run=True)
    assert (report.state, report.documents["headers"]) == ("planned", 3)
    assert report.arrays_written == report.objects + report.records > 8
    assert not list((tmp_path / "new").iterdir())
    copied(home, tmp_path / "new")
    assert copied(home, tmp_path / "new", dry_run=True).arrays_written == 0


def test_the_command(home, tmp_path):
    result = darkroom("--home", home, "copy", "--to", tmp_path / "new.db", "--store-to", tmp_path / "store", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["state"] == "finished"
    assert darkroom("--catalog", tmp_path / "new.db", "--store", tmp_path / "store", "check").returncode == 0
    result = darkroom("--home", home, "copy", "--to", tmp_path / "new2.db", "--dry-run")
    assert "to write" in result.stdout
    assert not (tmp_path / "new2.db").exists()
    result = darkroom("--home", home, "copy")
    assert (result.returncode, "--store-to" in result.stderr) == (2, True)


def test_documents_out_of_order_are_refused(home, tmp_path):
    class Shuffled:
        def __init__(self, inner):
            self._inner = inner
            self.url = inner.url

        def blobs(self, collection):
            return reversed(list(self._inner.blobs(collection)))

    with connect(home / "catalog.db") as source, connect(tmp_path / "new.db") as target:
        with pytest.raises(IntegrityError, match="order"):
            list(likeness.differences(source, Shuffled(source), "headers"))
        assert sum(mine is not None for mine, _ in likeness.differences(source, target, "headers")) == 3
