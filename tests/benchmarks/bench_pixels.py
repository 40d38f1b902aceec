"""Figures of a pixel's life: raw, corrected and flags over 100 FULL-frame MIRI exposures, and over a campaign.

The exposures are one simulated ramp of the detector, each with its own pattern, start and 10 to 30
groups, stored through the store as an ingest stores them. Peers ask the same of FITS files and of HDF5;
there are fewer of those files (they are big), and their times are scaled to 100. Run it alone with
``python -m tests.benchmarks.bench_pixels``.
"""

import copy
import os
import statistics
import subprocess
import sys
import time
from datetime import timedelta

import numpy as np
from astropy.io import fits

from pipelines import open_archive
from pipelines.demo.simulate import simulate_calibration, simulate_campaign
from pipelines.pixels import pixel
from tests.benchmarks.bench_arrays import forget

LIVES = int(os.environ.get("DARKROOM_BENCH_LIVES", "100"))
PEERS = 20
CAMPAIGN = 332
X, Y = 300, 512

COLD = """
import sys, time
from pipelines import open_archive
from pipelines.pixels import pixel
import xarray
with open_archive(sys.argv[1], readonly=True) as archive:
    archive.store, archive.headers.find_one({}, {"_id": 1})
    started = time.perf_counter()
    ramps = pixel(archive, "MIRIMAGE", x=int(sys.argv[2]), y=int(sys.argv[3])).ramps()
    print(time.perf_counter() - started, ramps.sizes["exposure"])
"""


def full_exposures(folder, count):
    """An archive of `count` FULL exposures, raw and calibrated; and the number of groups of each."""
    rng = np.random.default_rng(3)
    campaign = simulate_campaign(folder / "raw", exposures=2, nints=1, ngroups=30, subarray="FULL")
    path = campaign.exposures[1].path
    products = simulate_calibration(path, folder / "cal" / "v3")
    archive = open_archive(folder / "home")
    archive.ingest([path, products[0]], progress=False)
    first = {d["kind"]: d for d in archive.headers.find({})}
    with fits.open(path) as hdus, fits.open(products[0]) as ramp:
        raw, refout = hdus["SCI"].data, hdus["REFOUT"].data
        flags, pixeldq = ramp["GROUPDQ"].data, ramp["PIXELDQ"].data.astype(np.uint32)
    groups = rng.integers(10, 31, count)
    pattern = rng.integers(0, 60, raw.shape[-2:]).astype(np.uint16)
    for n in range(1, count):
        one = np.ascontiguousarray(raw[:, : groups[n]] + np.roll(pattern, n, axis=1))
        cal = one.astype(np.float32)
        cal += np.float32(1.2e-6) * cal * cal
        arrays = {
            "uncal": {"sci": (one, "ramp"), "refout": (refout[:, : groups[n]] + np.uint16(n), "ramp")},
            "ramp": {
                "sci": (cal, "ramp"),
                "groupdq": (np.roll(flags[:, : groups[n]], n, axis=2), "groupdq"),
                "pixeldq": (np.roll(pixeldq, n, axis=0), "dq"),
            },
        }
        for kind, parts in arrays.items():
            refs = {name: archive.store.put(np.ascontiguousarray(a), kind=k) for name, (a, k) in parts.items()}
            archive.headers.insert_one(another(first[kind], n, refs))
    for product in products:
        product.unlink()
    groups[0] = 30
    return archive, groups, path


def another(document, n, refs):
    """A document like this one for exposure `n`."""
    made = copy.deepcopy(document)
    name = made["exposure"].replace("_00001_", f"_{n + 1:05d}_")
    for key in ("_id", "path"):
        made[key] = made[key].replace(made["exposure"], name)
    made["exposure"] = name
    made["timestamp"] += timedelta(hours=n)
    made["arrays"] = {key: ref.to_dict() for key, ref in refs.items()}
    made["digests"] = sorted(ref.digest for ref in refs.values())
    made["pixels_digest"] = made["file"]["sha256"] = refs["sci"].digest
    return made


def warm_seconds(archive, places, **more):
    times = []
    for x, y in places:
        started = time.perf_counter()
        ramps = pixel(archive, "MIRIMAGE", x=x, y=y, **more).ramps()
        times.append(time.perf_counter() - started)
    return statistics.median(times), ramps


def cold_seconds(folder):
    """A new process that holds the archive open, and no file of it in memory: seconds of the question."""
    times = []
    for x in (301, 477, 650):
        forget(folder / "home")
        out = subprocess.run(
            [sys.executable, "-c", COLD, folder / "home", str(x), "700"], stdout=subprocess.PIPE, text=True, check=True
        )
        times.append(float(out.stdout.split()[0]))
    return statistics.median(times)
