"""Growth: one archive of 10,000, 100,000 and, where it is asked for, 1,000,000 documents, and what each question costs.

The archive is made here and grows. One simulated night is ingested twice, whole and by its headers; every other night
is that night again under another date, with names, times and digests of its own, written by the bulk writes of
ingest into the catalog with all its indexes, and with its record in the store. The first tenth of the documents (at
most 100,000) have an array each, small and unlike any other; the others are headers whose arrays are to come. Cards,
as bytes, are those of the first night. While it is made nothing is forced to disk.

``DARKROOM_SCALE=1000000`` grows to that many (some 20 minutes and 10 GB), ``DARKROOM_SCALE_HOME=FOLDER`` grows it there
and keeps it. ``python -m tests.benchmarks.bench_scale FOLDER...`` measures archives that were made so.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import bson
import numpy as np
from pymongo import InsertOne

from pipelines import open_archive
from pipelines.calibration.groups.questions import dark_groups_pipeline, flat_times_pipeline
from pipelines.demo.simulate import simulate_night
from pipelines.documents.records import record_key
from pipelines.documents.schema import pixels_digest
from tests.benchmarks.measure import PEAK

STOPS = (10_000, 100_000, 1_000_000)
ARRAYS = 100_000
SHAPE = (24, 32)
FIRST = date(2000, 1, 1)
BATCH = 1000
ONE = timedelta(days=1)
LIMIT = 30  # seconds that a check is given
MORE = "2031-01-{:02d}"  # nights of which one is ingested at each stop

APART = """
import sys, time
from datetime import timedelta
from pipelines import open_archive
home, limit = sys.argv[1], float(sys.argv[2])
with open_archive(home) as archive:
    began, spent = time.perf_counter(), time.process_time()
    {verb}
    print(time.perf_counter() - began, time.process_time() - spent)
"""
"""A verb in a process of its own, whose peak memory is measured."""
VERBS = {
    "sweep, dry run": "archive.sweep(dry_run=True)",
    "check --time-limit": "archive.upkeep.check(time_limit=timedelta(seconds=limit), progress=False)",
    "status": "archive.status(count=False)",
}


@contextmanager
def unforced():
    """Leave it to the system when it writes to disk: an archive that can be made again needs no more."""
    kept = os.fsync, os.fdatasync
    os.fsync = os.fdatasync = lambda _: None
    try:
        yield
    finally:
        os.fsync, os.fdatasync = kept


def moved(value, days, dates):
    """A document, or a part of one, of another night: so many days away, with these dates in place of those."""
    if isinstance(value, dict):
        return {key: moved(each, days, dates) for key, each in value.items()}
    if isinstance(value, list):
        return [moved(each, days, dates) for each in value]
    if isinstance(value, str):
        for old, new in dates if "-" in value else ():
            value = value.replace(old, new)
        return value
    return value + timedelta(days=days) if hasattr(value, "tzinfo") else value


class Templates:
    """The documents of one night as the product made them, with and without arrays."""

    def __init__(self, folder):
        files = folder / "night" / "fits"
        truth = simulate_night(files, shape=SHAPE)
        self.night, self.files = truth.night, files
        self.made = []
        for name, headers_only in (("whole", False), ("headers", True)):
            with open_archive(folder / "night" / name) as archive:
                archive.ingest(files, headers_only=headers_only, jobs=1, progress=False)
                self.made.append(list(archive.headers.find({"date": self.night, "path_night": None}).sort("_id", 1)))
        self.whole, self.headers = self.made
        assert len(self.whole) == len(self.headers)

    def documents(self, number):
        """Yield the documents from `number` on, each with its number and whether it has an array."""
        while True:
            night, which = divmod(number, len(self.whole))
            here, there = date.fromisoformat(self.night), FIRST + timedelta(days=night)
            dates = [((here + ONE * more).isoformat(), (there + ONE * more).isoformat()) for more in (1, 0)]
            source = self.whole if number < ARRAYS else self.headers
            yield number, moved(source[which], (there - here).days, dates)
            number += 1


def grow(archive, templates, upto):
    """Add documents until there are so many; return CPU seconds per document by part."""
    spent = {"arrays": 0.0, "records": 0.0, "documents": 0.0}
    at = archive.headers.estimated_document_count()
    found = templates.documents(at)
    store = archive.session.store
    while at < upto:
        some = [next(found) for _ in range(min(BATCH, upto - at))]
        began = time.process_time()
        if at < ARRAYS:
            with store.batch() as batch:
                for number, document in some:
                    pixels = np.full((8, 8), number, "u4")
                    ref = batch.put(pixels, kind="frame")
                    document["arrays"] = {"sci": ref.to_dict()}
                    document["digests"] = [ref.digest]
                    document["pixels_digest"] = pixels_digest({"sci": ref})
                    document["file"]["sha256"] = f"{number:064x}"
        spent["arrays"] += time.process_time() - began
        began = time.process_time()
        records = {record_key(each["_id"], 1): bson.encode(each) for _, each in some}
        store.put_records(records)
        spent["records"] += time.process_time() - began
        began = time.process_time()
        archive.session.headers.bulk_write([InsertOne(each) for _, each in some], ordered=False)
        spent["documents"] += time.process_time() - began
        at += len(some)
        if at % 50_000 == 0:
            print(f"  {at} documents", file=sys.stderr, flush=True)
    return spent


def median_cpu(action, runs=5):
    """Median CPU time of an action, milliseconds, after one run that does not count."""
    action()
    times = []
    for _ in range(runs):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return statistics.median(times) * 1e3


def apart(verb, home):
    """Wall and CPU seconds of a verb in a new process, and its peak memory in MB."""
    command = [sys.executable, "-c", APART.format(verb=verb) + PEAK, str(home), str(LIMIT)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return float(told[0]), float(told[1]), int(told[2]) / 1024


def measured(home, number, scratch):
    """What the archive in a folder costs: figures by name, of the night in its middle."""
    figures = {}
    with open_archive(home) as archive:
        headers = archive.session.headers
        count = figures["documents"] = headers.estimated_document_count()
        night = (FIRST + timedelta(days=count // 2 // 227)).isoformat()
        frames = list(headers.find({"date": night}, {"camera": 1}))
        one = frames[0]["_id"]
        asked = {
            "a document by its name": lambda: headers.find_one({"_id": one}),
            "a night by camera": lambda: list(headers.find({"obs.camera": frames[0]["camera"], "date": night})),
            "count of a night's darks": lambda: headers.count_documents({"date": night, "kind": "dark"}),
            "groups of darks of a night": lambda: list(headers.aggregate(dark_groups_pipeline(night))),
            "flat times of a night": lambda: list(headers.aggregate(flat_times_pipeline(night))),
            "the next 200 names": lambda: (
                headers.find({"_id": {"$gt": one}}, {"_id": 1}).sort("_id", 1).limit(200).to_list()
            ),
            "distinct nights": lambda: headers.distinct("date"),
            "distinct nights with flats": lambda: headers.distinct("date", {"kind": "flat"}),
            "darkroom night": lambda: archive.night(night),
            "darkroom status": lambda: archive.status(count=False),
        }
        for name, action in asked.items():
            figures[f"{name} (ms CPU)"] = median_cpu(action)
        files = scratch / f"more{number}"
        fresh = next(day_of for day in range(1, 32) if not headers.find_one({"date": (day_of := MORE.format(day))}))
        simulate_night(files, night=fresh, shape=SHAPE, seed=number + 2)
        began = time.process_time()
        report = archive.ingest(files, jobs=1, progress=False)
        figures["ingest of a file, without the reading (ms CPU)"] = (time.process_time() - began) / report.files * 1e3
    for name, verb in VERBS.items():
        wall, spent, peak = apart(verb, home)
        figures[f"{name} (s wall)"], figures[f"{name} (s CPU)"], figures[f"{name} (MB peak)"] = wall, spent, peak
    return figures


def shown(columns):
    """Return the figures of several archives as a table, with the growth from the first to the last."""
    names = list(columns[0])
    lines = ["| | " + " | ".join(f"{column['documents']:,}" for column in columns) + " | last / first |"]
    lines.append("| --- " * (len(columns) + 2) + "|")
    for name in names[1:]:
        values = [column[name] for column in columns]
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ""
        lines.append(f"| {name} | " + " | ".join(f"{value:.3g}" for value in values) + f" | {ratio} |")
    return "\n".join(lines)


def main():
    """Grow an archive and measure it at each stop."""
    limit = int(os.environ.get("DARKROOM_SCALE", "100000"))
    kept = os.environ.get("DARKROOM_SCALE_HOME")
    columns = []
    with tempfile.TemporaryDirectory(prefix="darkroom-scale-") as scratch:
        home = Path(kept or f"{scratch}/archive")
        templates = Templates(Path(scratch))
        for number, upto in enumerate(stop for stop in STOPS if stop <= limit):
            with unforced(), open_archive(home) as archive:
                if not archive.headers.find_one({}, {"_id": 1}):
                    archive.ingest(templates.files, progress=False)  # a root, and the mark of a run in the store
                spent = grow(archive, templates, upto)
            print(f"made {upto}: CPU seconds {', '.join(f'{key} {value:.0f}' for key, value in spent.items())}")
            columns.append(measured(home, number, Path(scratch)))
    print(f"### Growth of one embedded archive\n\n{shown(columns)}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="darkroom-scale-") as scratch:
        archives = [measured(Path(home), number, Path(scratch)) for number, home in enumerate(sys.argv[1:])]
    print(shown(archives))
