"""Figures of a whole campaign of MIRI ground tests, 332 exposures of every window, beside the MIRI Pixel Database.

How its exposures are spread over the windows is not published: `MIX` is an assumption, with most of the bytes in full
frames of 5 integrations of 20 groups, as in the database's own plan. Each is simulated with a twentieth of its bytes
(one integration of 5 groups), and of every window one in DARKROOM_BENCH_THIN (1), two at least; raw and corrected
ramps, flags and slopes are ingested as files. What is told is multiplied up again, and says so. Run it alone with
``python -m tests.benchmarks.bench_campaign``.
"""

import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from pipelines import open_archive
from pipelines.demo.simulate import simulate_calibration, simulate_campaign
from tests.benchmarks.bench_arrays import ms
from tests.benchmarks.measure import Row, table

MIX = {"FULL": 182, "BRIGHTSKY": 30, "SUB256": 30, "SUB128": 30, "SUB64": 30, "SLITLESSPRISM": 15, "MASKLYOT": 15}
THIN = int(os.environ.get("DARKROOM_BENCH_THIN", "1"))
NINTS, NGROUPS = 1, 5
TWENTIETH = 20
FULL_BYTES, FULL_HOURS, PLAN = 27e9, 3.8, 332
"""Of the database: bytes and hours of one full-frame exposure, and how many were planned."""


def exposures(folder):
    """Write the files of the campaign; how many exposures of each window there are."""
    counts = {window: max(2, n // THIN) for window, n in MIX.items()}
    for number, (window, count) in enumerate(counts.items()):
        sizes = {"nints": NINTS, "ngroups": NGROUPS, "subarray": window, "program": 4000 + number}
        made = simulate_campaign(folder / window / "raw", exposures=count, **sizes)
        for exposure in made.exposures:
            if exposure.ground:  # one that comes before them
                exposure.path.unlink()
            else:
                simulate_calibration(exposure.path, folder / window / "cal")
    return counts


def campaign(folder):
    """Rows: to take the campaign, to keep it, and to ask it."""
    (folder / "files").mkdir()
    counts = exposures(folder / "files")
    with open_archive(folder / "home") as archive:
        started = _used()
        report = archive.ingest(folder / "files", jobs=1, progress=False)
        seconds = _used() - started
        assert not report.refused
        times = []
        for x in range(20, 60, 5):  # a pixel that FULL and the windows at the edge hold
            started = time.process_time()
            read = archive.pixel("MIRIMAGE", x=x, y=800).read()
            times.append(time.process_time() - started)
        asked = statistics.median(times[2:])
    scale = TWENTIETH * MIX["FULL"] / counts["FULL"]  # full frames have nearly all of the bytes
    measured = f"{sum(counts.values())} exposures, {report.nbytes / 1e9:.2f} GB of FITS"
    database = f"FULL alone: {MIX['FULL'] * FULL_BYTES / 1e9:,.0f} GB"
    held = f"one pixel in the {len(read)} exposures of these that hold it, CPU time"
    return [
        Row(f"{PLAN} exposures ingested, CPU time, {measured} x {scale:.0f}", f"{seconds * scale / 3600:.1f} h",
            f"FULL alone: {MIX['FULL'] * FULL_HOURS:,.0f} h", "-"),
        Row("FITS of that size", f"{report.nbytes * scale / 1e9:,.0f} GB", "-", "-"),
        Row("on disk", f"{report.stored * scale / 1e9:,.0f} GB", database, "-"),
        Row(held, ms(asked), "63-111 ms in one exposure of SUB256 and BRIGHTSKY", "-"),
    ]  # fmt: skip


def _used():
    """CPU seconds of this process and of the workers that it waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def main():
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        print(table("A campaign of 332 exposures", campaign(Path(folder))), flush=True)


if __name__ == "__main__":
    main()
