"""Calibrating the real SUB64 exposure from the command line, and finding pixels in a campaign of FULL slopes."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from pipelines import open_archive
from pipelines.demo.campaign import simulate_campaign
from pipelines.detectors.subarrays import SUBARRAYS
from pipelines.jwst import crds
from pipelines.jwst.detector1 import with_metadata
from pipelines.jwst.uncal import write_uncal
from pipelines.pixels import search as finding
from pipelines.pixels.search.stacks import slope_stacks
from tests.benchmarks.measure import PEAK, Row, table
from tests.pipelines.jwst.conftest import write_references
from tests.pipelines.pixels.search.conftest import write_slopes

EXPOSURES, NINTS = 20, 3
SEARCHES = {
    "slopes above 5 sigma": lambda archive: finding.above(archive.session),
    "newly hot or quiet": lambda archive: finding.changed(archive.session, before="2024-01-10", after="2024-01-11"),
    "telegraph noise": lambda archive: finding.telegraph(archive.session),
}
PROCESS = """
import sys, time
from pipelines import open_archive
from tests.benchmarks.bench_calibrate import SEARCHES
with open_archive(sys.argv[1], readonly=True) as archive:
    started = time.perf_counter()
    SEARCHES[sys.argv[2]](archive)
    print(time.perf_counter() - started)
"""


PEER = """
import sys
from pathlib import Path
from jwst.pipeline import Detector1Pipeline
given = {path.stem: str(path) for path in Path(sys.argv[2]).glob("*.fits")}
steps = {
    name: {f"override_{kind}": given.get(kind, "N/A") for kind in step.reference_file_types}
    for name, step in Detector1Pipeline.step_defs.items()
}
Detector1Pipeline.call(
    sys.argv[1], steps=steps, save_results=True, save_calibrated_ramp=True, output_dir=sys.argv[3]
)
"""


def calibrating(folder: Path) -> Row:
    """Detector1 with a full set of small references, imports and ingest included; beside it the pipeline alone."""
    real = os.environ.get("DARKROOM_MIRI_EXPOSURE")
    if real:
        exposure, nints, ngroups = Path(real), 5, 50
    else:
        exposure = simulate_campaign(folder / "campaign", exposures=2, nints=5, ngroups=50).exposures[0].path
        nints, ngroups = 5, 50
    references = folder / "references"
    references.mkdir()
    write_references(references, SUBARRAYS["SUB64"], nints=nints, ngroups=ngroups, readpatt="FAST")
    home = folder / "home"
    with open_archive(home) as archive:
        archive.ingest(exposure)
        (document,) = archive.headers.find()
        uncal = write_uncal(archive.session, document, folder / "peer_uncal.fits")
    command = [sys.executable, "-m", "pipelines.cli", "--home", str(home), "detector1", document["_id"]]
    ours = _timed([*command, "--references", str(references)], {})
    with_metadata(uncal).replace(uncal)
    peer = _timed([sys.executable, "-c", PEER, str(uncal), str(references), str(folder)], crds.offline(folder))
    what = "darkroom detector1, SUB64 5 x 50" + ("" if real else ", simulated")
    return Row(what, ours, f"the pipeline alone: {peer}", "<= 15 s")


def _timed(command: list[str], environment: dict[str, str]) -> str:
    """Wall and processor time of a command."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{seconds:.1f} s ({busy:.1f} s of processor)"


def searching(folder: Path) -> list[Row]:
    """Each search over all slopes of a simulated campaign, in a fresh process."""
    rng = np.random.default_rng(1)
    window = SUBARRAYS["FULL"]
    sky = rng.gamma(4, 5, (window.ny, window.nx)).astype(np.float32)
    for number in range(EXPOSURES):
        sci = sky + rng.standard_normal((NINTS, *sky.shape), dtype=np.float32)
        err = 0.8 + rng.random(sci.shape, dtype=np.float32) / 10
        when = datetime(2024, 1, 1) + timedelta(days=number)
        write_slopes(folder / "slopes" / f"jw{number:02d}_rateints.fits", sci, err, when, window=window)
    rows = []
    with open_archive(folder / "slopes-home") as archive:
        archive.ingest(folder / "slopes")
        nbytes = sum(stack.nbytes for stack in slope_stacks(archive))
    for name in SEARCHES:
        said = subprocess.check_output(
            [sys.executable, "-c", PROCESS + PEAK, str(folder / "slopes-home"), name], text=True
        ).split()
        seconds, peak = float(said[0]), int(said[1]) / 1024
        figure = f"{seconds:.1f} s, {nbytes / 1e6 / seconds:.0f} MB/s, {peak:.0f} MB of memory"
        rows.append(Row(f"{name}: FULL, {EXPOSURES} exposures, {nbytes / 1e6:.0f} MB", figure, "-", "memory <= 700 MB"))
    return rows


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as place:
        rows = [calibrating(Path(place)), *searching(Path(place))]
    print(table("Calibrating, and finding pixels", rows))


if __name__ == "__main__":
    main()
