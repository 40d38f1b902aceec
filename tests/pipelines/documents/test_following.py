"""What happens in an archive is told as it happens: of every sort once, whoever does it, by stream or by the clock."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from catalog import connect
from pipelines import open_archive
from pipelines.documents.following import follow
from tests.catalog.scripted import Scripted
from tests.conformance.backends import with_database
from tests.crash.nights import document_id, write_frame
from tests.pipelines.command import darkroom


def told(events):
    return [(event.what, event.document, event.collection) for event in events]


def test_every_sort_of_event_is_told_once_and_at_once(archive, raw):
    write_frame(raw, 1)
    archive.ingest(raw, jobs=1, progress=False)
    home = archive.session.home

    def work():
        with open_archive(home) as other:
            write_frame(raw, 2)
            other.ingest(raw, jobs=1, progress=False)
            other.upkeep.change(document_id(1), {"campaign": "one"}, why="a test")
            other.delete(document_id(2), why="a test")

    timer = threading.Timer(0.3, work)
    timer.start()
    found = []
    for event in archive.follow(every=60.0, time_limit=60.0):  # of which none passes: the file tells of changes
        found.append(event)
        if event.what == "deleted":
            break
    timer.join()
    assert set(told(found)) >= {("changed", document_id(1), "headers"), ("deleted", document_id(2), "headers")}
    assert len(set(found)) == len(found)


def test_what_happened_before_is_told_where_it_is_asked_for(archive, raw):
    write_frame(raw, 1)
    archive.ingest(raw, jobs=1, progress=False)
    archive.upkeep.change(document_id(1), {"campaign": "one"}, why="a test")
    write_frame(raw, 2)
    archive.ingest(raw, jobs=1, progress=False)
    archive.delete(document_id(2), why="a test")
    since = datetime.now(UTC) - timedelta(hours=1)
    events = list(follow(archive.catalog, since=since, time_limit=0.0))
    assert told(events) == [
        ("ingested", document_id(1), "headers"),
        ("changed", document_id(1), "headers"),
        ("deleted", document_id(2), "headers"),
    ]
    assert all(since < event.at <= datetime.now(UTC) and event.run for event in events)
    assert list(follow(archive.catalog, time_limit=0.0)) == []


def test_one_whose_clock_is_behind_is_not_missed(archive, raw):
    write_frame(raw, 1)
    archive.ingest(raw, jobs=1, progress=False)
    one = archive.headers.find_one()
    events = follow(archive.catalog, every=0.01, time_limit=5.0)
    late = {**one, "_id": "late", "path": "late"}
    late["ingest"] = {**one["ingest"], "at": datetime.now(UTC) - timedelta(seconds=50)}
    threading.Timer(0.2, lambda: archive.session.headers.insert_one(late)).start()
    assert next(events).document == "late"


def test_the_command(archive, raw):
    write_frame(raw, 1)
    archive.ingest(raw, jobs=1, progress=False)
    result = darkroom("--home", archive.session.home, "follow", "--since", "1h", "--time-limit", "0", "--json")
    assert result.returncode == 0, result.stderr
    assert '"what": "ingested"' in result.stdout
    result = darkroom("--home", archive.session.home, "follow", "--since", "1h", "--time-limit", "0")
    assert f"ingested {document_id(1)} (headers, run" in result.stdout


def insert_later(url, name):
    def work():
        with connect(url) as other:
            at = datetime.now(UTC)
            other.headers.insert_one({"_id": name, "root": "r", "path": name, "ingest": {"at": at, "run": "x"}})

    threading.Timer(0.5, work).start()


def test_a_server_without_change_streams_is_asked_in_time():
    asked = []

    def answer(command):
        if "aggregate" in command:
            return {"ok": 0.0, "code": 40573, "errmsg": "The $changeStream stage is only supported on replica sets"}
        asked.append(command["find"])
        batch = []
        if command["find"] == "headers" and asked.count("headers") > 2:
            batch = [{"_id": "one", "ingest": {"at": datetime.now(UTC), "run": "x"}}]
        return {"cursor": {"id": 0, "ns": f"db.{command['find']}", "firstBatch": batch}, "ok": 1.0}

    with Scripted(answer) as server, connect(f"mongodb://127.0.0.1:{server.port}/db", readonly=True) as catalog:
        assert not catalog.waiter().streams
        assert next(follow(catalog, every=0.05, time_limit=20.0)).document == "one"


def test_a_replica_set_tells_of_changes_by_itself():
    uri = os.environ.get("MONGODB_URI")
    if not uri:
        pytest.skip("MONGODB_URI does not name a MongoDB server")
    from pymongo import MongoClient

    name = f"darkroom_follow_{os.getpid()}"
    with MongoClient(uri) as client:
        if "setName" not in client.admin.command("hello"):
            pytest.skip("the server of MONGODB_URI is no replica set")
        try:
            with connect(with_database(uri, name)) as catalog:
                assert catalog.waiter().streams
                insert_later(with_database(uri, name), "one")
                began = time.monotonic()
                assert next(follow(catalog, every=60.0, time_limit=60.0)).document == "one"
                assert time.monotonic() - began < 30  # of sixty seconds between two looks
        finally:
            client.drop_database(name)
