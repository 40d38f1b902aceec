"""Figures of the embedded catalog with 100,000 header documents, beside plain mongomock.

mongomock keeps its documents in memory and is measured with a tenth of them: its cursors and its
grouping grow faster than linearly, with all of them one question takes minutes.
"""

import random
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pymongo import ReplaceOne

from catalog import connect, header_document, pack_cards
from pipelines.calibration.groups.questions import dark_groups_pipeline, flat_times_pipeline
from tests.benchmarks.measure import Row, median_seconds, process, table

DOCUMENTS = 100_000
A_NIGHT = 200
PEER_DOCUMENTS = 10_000
SECONDS = (6, 8, 9, 10, 14)  # exposure times of darks

COLD = """
import sys
from pipelines import open_archive
with open_archive(sys.argv[1]) as archive:
    assert len(archive.dark_groups(sys.argv[2])) > 0
"""
WHOLE = """
import sys
from catalog import connect
with connect(sys.argv[1]) as catalog:
    groups = list(catalog.headers.aggregate([
        {"$group": {"_id": {"serialno": "$header.SERIALNO", "exptime": "$header.EXPTIME"},
                    "n": {"$sum": 1}, "ids": {"$push": "$_id"}}}]))
    assert sum(group["n"] for group in groups) == int(sys.argv[3])
"""


def documents(count):
    """Documents as an ingest of Dragonfly frames makes them: 33 cards, 200 frames a night."""
    rng = random.Random(7)
    for number in range(count):
        night = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number // A_NIGHT)
        date, camera, frame = night.date().isoformat(), number % 8, number % A_NIGHT // 8
        kind = ("dark", "flat", "light", "dark", "light")[frame % 5]
        serial = f"T1310{camera:04d}"
        name = f"Dragonfly{100 + camera}/{date}/{serial}_{frame}_{kind}.fits"
        cards = [
            ("SIMPLE", True, "conforms to FITS standard"), ("BITPIX", 16, "array data type"), ("NAXIS", 2, ""),
            ("NAXIS1", 3358, ""), ("NAXIS2", 2536, ""), ("EXTEND", True, ""), ("BSCALE", 1, ""), ("BZERO", 32768, ""),
            ("DATE", f"{date}T03:{frame % 60:02d}:11", "UTC"), ("EXPTIME", float(SECONDS[frame // 3 % 5]), "s"),
            ("IMAGETYP", kind, ""), ("SERIALNO", serial, ""), ("FILTER", "G", ""), ("TARGET", "UW2291", ""),
            ("TEMPERAT", round(rng.gauss(-10, 0.1), 2), "C"),
            *((f"KEY{i:05d}", round(rng.random(), 6), "a number of the telescope") for i in range(18)),
        ]  # fmt: skip
        text = "".join(f"{k:8}= {v!s:>20} / {c}"[:80].ljust(80) for k, v, c in cards) + "END"
        yield {
            "_id": name,
            "root": "raw",
            "path": name,
            "date": date,
            "timestamp": night + timedelta(hours=27, seconds=frame),
            "instrument": "dragonfly",
            "kind": kind,
            "profile": "dragonfly",
            "exposure_number": frame,
            **({"flat_time": "evening" if frame < 12 else "morning"} if kind == "flat" else {}),
            "camera": serial,
            "header": header_document(cards).header,
            "cards": pack_cards([text.ljust(2880).encode()]),
            "hdus": [{"name": "PRIMARY", "ver": 1, "kind": "primary", "shape": [2536, 3358], "dtype": "uint16"}],
            "arrays": {},
            "digests": [],
            "pixels_digest": None,
            "file": {
                "size": 17_036_640,
                "mtime": night,
                "sha256": f"{number:064x}",
                "encoding": None,
                "parts": [],
            },
            "qc": {"flags": [], "cards": {}},
            "ingest": {"run": "r", "at": night, "version": "0", "revision": 1, "arrays": "kept"},
            "schema": 3,
        }


def upsert(collection, found):
    """Upsert documents by thousands; microseconds a document, without the time to make them."""
    spent = []
    batch = []
    for document in found:
        batch.append(ReplaceOne({"_id": document["_id"]}, document, upsert=True))
        if len(batch) == 1000:
            started = time.perf_counter()
            collection.bulk_write(batch, ordered=False)
            spent.append((time.perf_counter() - started) / len(batch))
            batch = []
    return statistics.median(spent) * 1e6


def questions(collection, date):
    """Median milliseconds of the two grouping questions and of the distinct nights."""
    return [
        median_seconds(lambda p=pipeline: list(collection.aggregate(p))) * 1e3
        for pipeline in (dark_groups_pipeline(date), flat_times_pipeline(date))
    ] + [median_seconds(lambda: collection.distinct("date")) * 1e3]


def mongomock_figures():
    """The same for mongomock, with a tenth of the documents."""
    import mongomock

    collection = mongomock.MongoClient()["db"]["headers"]
    found = list(documents(PEER_DOCUMENTS))
    started = time.perf_counter()
    collection.insert_many(found)
    inserted = (time.perf_counter() - started) / len(found) * 1e6
    date = found[len(found) // 2]["date"]
    pipelines = (dark_groups_pipeline(date), flat_times_pipeline(date))
    asked = [median_seconds(lambda p=p: list(collection.aggregate(p)), runs=3) * 1e3 for p in pipelines]
    return inserted, *asked, median_seconds(lambda: collection.distinct("date"), runs=3) * 1e3


def main():
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        place = home / "catalog.db"
        with connect(place) as catalog:
            upserted = upsert(catalog.headers, documents(DOCUMENTS))
            date = "2020-09-01"
            darks, flats, nights = questions(catalog.headers, date)
        cold, _ = process(COLD, home, date)
        group, peak = process(WHOLE, place, date, DOCUMENTS, runs=2)
        helped, _ = process("from pipelines.cli import app; app(['--help'], standalone_mode=False)")
        size = place.stat().st_size / 1e6
    inserted, peer_darks, peer_flats, peer_nights = mongomock_figures()
    note = "mongomock, 10,000 in memory: "
    rows = [
        Row("bulk upsert, µs a document", f"{upserted:.0f}", f"{note}{inserted:.0f} (insert)", "≤ 250"),
        Row(
            "darks of one night by serial and exposure",
            f"{darks:.1f} ms",
            f"{note}{peer_darks:.0f} ms",
            "≤ 10 ms",
        ),
        Row("flats of one night, two stages", f"{flats:.1f} ms", f"{note}{peer_flats:.0f} ms", "≤ 10 ms"),
        Row("distinct nights", f"{nights:.1f} ms", f"{note}{peer_nights:.0f} ms", "≤ 50 ms"),
        Row("cold process to first answer", f"{cold:.2f} s", "-", "≤ 0.5 s"),
        Row("group the whole collection: time, peak memory", f"{group:.1f} s, {peak:.0f} MB", "-", "≤ 300 MB"),
        Row("catalog on disk", f"{size:.0f} MB", "-", "-"),
        Row("darkroom --help", f"{helped:.2f} s", "-", "≤ 0.4 s"),
    ]
    print(table("Embedded catalog, 100,000 header documents", rows))


if __name__ == "__main__":
    main()
