"""Figures of copying a catalog: into a file with 100,000 documents, into a server with 5,000, beside writing alone.

The server is ``MONGODB_URI``, with 100,000 documents, or else the wire-protocol server of the tests with 5,000:
that one is a program in Python, whose own speed is what is measured then, as its peer shows.
"""

import os
import resource
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient

from catalog import connect
from pipelines.session import Session
from pipelines.upkeep import likeness
from pipelines.upkeep.copying import copy_to
from tests.benchmarks.bench_catalog import documents
from tests.benchmarks.measure import Row, table
from tests.conformance.backends import UnavailableError, mongoeco, with_database

DOCUMENTS = 100_000
WIRE_DOCUMENTS = 5_000
WIRE_PEER = 1_000
AT_ONCE = 250
WIRE_AT_ONCE = 25  # while it writes it answers nobody, and a client takes a server that is silent for long for lost


def measured(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of CPU in this process."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    action()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def fill(catalog, count):
    """Write documents as they come, some hundreds at a time."""
    waiting = []
    for document in documents(count):
        waiting.append(document)
        if len(waiting) == AT_ONCE:
            catalog.headers.insert_many(waiting)
            waiting = []
    if waiting:
        catalog.headers.insert_many(waiting)


def rewrite(source, target, count):
    """Write the first documents of a catalog into another and look at nothing: what a copy cannot do without."""
    at_once = AT_ONCE if target.backend == "embedded" else likeness.DOCUMENTS
    waiting = []
    for document in source.headers.find().limit(count):
        waiting.append(document)
        if len(waiting) == at_once:
            target.headers.insert_many(waiting)
            waiting = []
    if waiting:
        target.headers.insert_many(waiting)


def into_a_file(folder):
    with connect(folder / "source.db") as source:
        fill(source, DOCUMENTS)
        with connect(folder / "peer.db") as peer:
            wall, cpu = measured(lambda: rewrite(source, peer, DOCUMENTS))
    with connect(folder / "source.db", readonly=True) as source:
        ours, ours_cpu = measured(lambda: copy_to(Session(source), folder / "target.db"))
        again, again_cpu = measured(lambda: copy_to(Session(source), folder / "target.db"))
        pages, pages_cpu = measured(lambda: source.back_up(folder / "pages.db"))
    size = (folder / "source.db").stat().st_size / 1e6
    return [
        Row(
            f"{DOCUMENTS:,} documents, {size:.0f} MB, from file to file: written, then compared byte for byte",
            f"{ours:.1f} s, {ours_cpu:.1f} s of CPU",
            f"find and insert_many, nothing compared: {wall:.1f} s, {cpu:.1f} s of CPU",
            "-",
        ),
        Row("the same once more: compared, nothing written", f"{again:.1f} s, {again_cpu:.1f} s of CPU", "-", "-"),
        Row("`darkroom backup` of the same file", f"{pages:.1f} s, {pages_cpu:.1f} s of CPU", "-", "-"),
    ]


@contextmanager
def server():
    """A server: its name, the URL of an empty database, and how many documents it is given."""
    if uri := os.environ.get("MONGODB_URI"):
        url = with_database(uri, f"darkroom_bench_{uuid.uuid4().hex[:8]}")
        try:
            with MongoClient(url) as client:
                version = client.server_info()["version"]
            yield f"MongoDB {version}", url, DOCUMENTS, DOCUMENTS
        finally:
            with MongoClient(url) as client:
                client.drop_database(client.get_default_database().name)
    else:
        with mongoeco(Path()) as catalog:
            url = catalog.url.replace("conformance", "copied") + "?directConnection=true"
            likeness.DOCUMENTS = WIRE_AT_ONCE
            yield "the wire-protocol server, in Python", url, WIRE_DOCUMENTS, WIRE_PEER


def into_a_server(folder):
    with server() as (name, url, count, peers):
        with connect(folder / "some.db") as source:
            fill(source, count)
            with connect(url.replace("copied", "peer")) as peer:
                wall, _ = measured(lambda: rewrite(source, peer, peers))
        with connect(folder / "some.db", readonly=True) as source:
            ours, cpu = measured(lambda: copy_to(Session(source), url))
    return [
        Row(
            f"{count:,} documents into {name}: written, then compared",
            f"{ours:.1f} s, {count / ours:.0f} documents a second; {cpu:.1f} s of CPU here",
            f"insert_many alone of {peers:,}: {peers / wall:.0f} documents a second",
            "100,000 <= 60 s on a real server" if "MONGODB_URI" in os.environ else "as fast as that server",
        )
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = into_a_file(Path(folder))
        print(table("Copying a catalog", rows), flush=True)
        try:
            print(table("Copying a catalog to a server", into_a_server(Path(folder))), flush=True)
        except UnavailableError as reason:
            print(f"no server: {reason}\n")
