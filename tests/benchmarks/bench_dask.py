"""Work on a Dask cluster of this machine: two workers beside one, and what a piece of work costs besides itself."""

import tempfile
import time
from pathlib import Path

import distributed

from pipelines import open_archive
from pipelines.demo.simulate import simulate_night
from pipelines.documents.roots import Located
from pipelines.ingest.file import Task
from pipelines.ingest.spread import PIECES, take_spread
from pipelines.ingest.walk import Candidate
from pipelines.processes.limits import Bounds
from tests.benchmarks.measure import Row, table

SHAPE = (951, 1259)  # a seventh of the pixels that the cameras have
FRAMES = 10_000
TRIFLES = 500


def nothing(shared, piece):
    """The smallest work: what it takes is the price of a piece."""
    return piece


def answered(shared, piece):
    """Answer for every file of a piece as if all had been the same as before; no file is read."""
    return [("same", -1, -1, b"", "", "", "")] * len(piece.tasks)


class Answering:
    """The workers of a scheduler, which answer without reading: the graph is cut, sent and answered."""

    def __init__(self, workers):
        self.threads = workers.threads
        self._workers = workers

    def each(self, work, pieces):
        """Have each piece answered."""
        yield from self._workers.each(answered, pieces)


def cluster(workers):
    """A cluster of so many processes of one thread each."""
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
        env={"DARKROOM_THREADS": "1"},
    )


def night_of(home, files, client, night):
    """Wall seconds of the ingest and of the masters of a night."""
    with open_archive(home) as archive:
        began = time.perf_counter()
        report = archive.ingest(files, scheduler=client, progress=False)
        taken = time.perf_counter() - began
        assert report.new == report.files, report
        began = time.perf_counter()
        made = archive.calibration.make_masters(night, scheduler=client, progress=False)
        assert any(row["outcome"] == "made" for row in made)
        return taken, time.perf_counter() - began


def price(home, client):
    """Seconds of a piece that does nothing, and of a graph of the ingest of 10,000 frames."""
    with open_archive(home) as archive, archive.session.spread(client) as session:
        workers = session.workers
        list(workers.each(nothing, range(10)))
        began = time.perf_counter()
        assert len(list(workers.each(nothing, range(TRIFLES)))) == TRIFLES
        each = (time.perf_counter() - began) / TRIFLES
        names = [f"Dragonfly101/2024-02-20/T1_{number}_dark.fits" for number in range(FRAMES)]
        tasks = [Task(Candidate(Located("raw", name), f"/raw/{name}", 17_000_000, 0)) for name in names]
        began = time.perf_counter()
        cut = take_spread(tasks, found=tasks, workers=Answering(workers), store_url="a store", bounds=Bounds())
        assert len(list(cut)) == FRAMES
        return each, time.perf_counter() - began


def main():
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="darkroom-dask-") as name:
        folder = Path(name)
        truth = simulate_night(folder / "fits", shape=SHAPE, units=4, lights=1)
        spent = {}
        for workers in (1, 2):
            with cluster(workers) as there, distributed.Client(there, set_as_default=False) as client:
                spent[workers] = night_of(folder / f"home{workers}", folder / "fits", client, truth.night)
                if workers == 1:
                    each, graph = price(folder / "home1", client)
    (one_in, one_made), (two_in, two_made) = spent[1], spent[2]
    share = each / (one_in / PIECES)
    ingested = f"ingest, {len(truth.frames)} files, {truth.nbytes / 1e6:.0f} MB"
    rows = [
        Row(ingested, f"{two_in:.1f} s", f"{one_in:.1f} s, {one_in / two_in:.2f}x", ">= 1.7x"),
        Row("masters of it", f"{two_made:.1f} s", f"{one_made:.1f} s, {one_made / two_made:.2f}x", ">= 1.7x"),
        Row("a piece that does nothing", f"{each * 1e3:.1f} ms", f"{share:.2%} of a piece of that ingest", "< 2 %"),
        Row(f"graph of the ingest of {FRAMES:,} frames", f"{graph:.2f} s", "", "< 2 s"),
    ]
    print(table("A night by two workers of a Dask cluster on this machine (wall time; peer: one worker)", rows))
