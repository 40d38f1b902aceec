"""Figures of calibrating lights: CPU time of a frame, memory by number of frames and of jobs, and ccdproc beside it.

Lights of 2536 x 3358 pixels (8.5 Mpx), with a dark of their exposure time and a flat, to FITS with value, variance
and mask. Run it alone with ``python -m tests.benchmarks.bench_lights``; ``DARKROOM_BENCH_FRAME=ROWSxCOLUMNS`` makes
it smaller, ``DARKROOM_BENCH_LIGHTS`` is the number of frames.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipelines import MasterOptions, open_archive
from tests.benchmarks.measure import Row, table

SHAPE = tuple(map(int, os.environ.get("DARKROOM_BENCH_FRAME", "2536x3358").split("x")))
LIGHTS = int(os.environ.get("DARKROOM_BENCH_LIGHTS", "8"))
NIGHT = "2024-02-20"
AIM = 6.0  # frames a second on two cores

OURS = """
import os, sys, time
from pipelines import open_archive
home, out, count, jobs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with open_archive(home, readonly=True) as archive:
    names = [doc["_id"] for doc in archive.headers.find({"kind": "light"}, {"_id": 1}).sort("_id", 1)][:count]
    archive.store
    wall, used = time.perf_counter(), time.process_time()
    answer = archive.calibration.calibrate(names, out=out, jobs=jobs, progress=False)
    wall, used = time.perf_counter() - wall, time.process_time() - used
assert [row["outcome"] for row in answer] == ["written"] * count, answer
print(wall, used)
print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024)
"""

CCDPROC = """
import sys, time, warnings
warnings.simplefilter("ignore")
import astropy.units as u
import ccdproc
from astropy.nddata import CCDData, StdDevUncertainty
dark, flat, out, *lights = sys.argv[1:]

def master(path, unit):
    found = CCDData.read(path, unit=unit)
    found.uncertainty = found.uncertainty.represent_as(StdDevUncertainty)
    return found

dark, flat = master(dark, "adu"), master(flat, u.dimensionless_unscaled)
wall, used = time.perf_counter(), time.process_time()
for path in lights:
    frame = CCDData.read(path, unit="adu")
    frame = ccdproc.create_deviation(frame, gain=1.5 * u.electron / u.adu, readnoise=6 * u.electron)
    frame = ccdproc.subtract_dark(frame, dark, dark_exposure=60 * u.s, data_exposure=60 * u.s)
    frame = ccdproc.flat_correct(frame, flat, norm_value=1)
    frame = ccdproc.gain_correct(frame, 1.5 * u.electron / u.adu)
    frame.write(out + "/" + path.rpartition("/")[2], overwrite=True)
print((time.perf_counter() - wall) / len(lights), (time.process_time() - used) / len(lights))
print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024)
"""


def write_night(folder: Path, lights: int) -> None:
    """Write biases, darks and flats, three of each, and lights."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((SHAPE[0] + 9 + lights, SHAPE[1]), np.float32)
    plan = (("bias", 3, 0, 1000), ("dark", 3, 60, 1010), ("flat", 3, 4, 21000), ("light", lights, 60, 1400))
    minute = 0
    for kind, count, seconds, level in plan:
        for n in range(count):
            shift = minute  # noise that is drawn once and moved: frames are quick to make, and no two are equal
            sigma = float(np.hypot(4, np.sqrt(max(level - 1000, 0) / 1.5)))
            pixels = np.rint(level + sigma * noise[shift : shift + SHAPE[0]]).astype(np.uint16)
            hdu = fits.PrimaryHDU(pixels)
            hdu.header.update({"IMAGETYP": kind, "EXPTIME": float(seconds), "INSTRUME": "CCD7", "SERIALNO": "K42"})
            hdu.header.update({"DATE-OBS": f"{NIGHT}T{13 + minute // 60}:{minute % 60:02d}:00", "CCD-TEMP": -20.0})
            hdu.header.update({"FILTER": "R", "EGAIN": 1.5, "RDNOISE": 6.0})
            hdu.writeto(folder / f"{kind}_{n:03d}.fits")
            minute += 1


def run(script: str, *words: object) -> tuple[float, float, float]:
    """Run a script: wall time and CPU time, seconds, and peak memory, MB."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True
    )
    wall, used, peak = map(float, done.stdout.split())
    return wall, used, peak


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw, home = folder / "raw" / NIGHT, folder / "home"
        raw.mkdir(parents=True)
        write_night(raw, LIGHTS)
        with open_archive(home) as archive:
            archive.ingest(folder / "raw", progress=False)
            made = archive.calibration.make_masters(NIGHT, options=MasterOptions(minimum=3), progress=False)
            names = {row["kind"]: row["master"] for row in made}
            assert {row["status"] for row in made} == {"verified"}, made
            for kind in ("dark", "flat"):
                archive.calibration.export(names[kind], folder / f"{kind}.fits")
        few = max(2, LIGHTS // 4)
        *_, small = run(OURS, home, folder / "few", few, 2)
        *_, lone = run(OURS, home, folder / "lone", few, 1)
        wall, used, peak = run(OURS, home, folder / "all", LIGHTS, 2)
        lights = sorted(raw.glob("light_*.fits"))[:2]
        (folder / "peer").mkdir()
        _, theirs, memory = run(CCDPROC, folder / "dark.fits", folder / "flat.fits", folder / "peer", *lights)
    each = used / LIGHTS
    rows = [
        Row(
            f"a light of {SHAPE[0] * SHAPE[1] / 1e6:.1f} Mpx to FITS, CPU time ({LIGHTS} lights, masters read once)",
            f"{each:.2f} s: {2 / each:.1f} frames/s on two free cores; measured {LIGHTS / wall:.1f} frames/s",
            f"ccdproc: {theirs:.2f} s, {theirs / each:.1f}x",
            f">= {AIM:g} frames/s, >= 5x",
        ),
        Row(f"peak memory, {few} and {LIGHTS} lights, two at a time", f"{small:.0f} and {peak:.0f} MB", "-", "flat"),
        Row("peak memory, one at a time", f"{lone:.0f} MB", f"ccdproc: {memory:.0f} MB", "-"),
    ]
    print(table("Calibrating lights", rows))


if __name__ == "__main__":
    main()
