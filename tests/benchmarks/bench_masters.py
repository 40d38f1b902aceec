"""Figures of making masters: a night, how its cost grows, memory, and ccdproc on the same group.

A camera's group is three darks of 2536 x 3358, 51 MB. The night measured is two cameras of five exposure
times; a whole one of 25 cameras and ten times is 25 of these. Run it alone with
``python -m tests.benchmarks.bench_masters``; ``DARKROOM_BENCH_FRAME=ROWSxCOLUMNS`` makes it smaller.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.measure import Row, table

SHAPE = tuple(map(int, os.environ.get("DARKROOM_BENCH_FRAME", "2536x3358").split("x")))
NIGHT = "2024-02-20"
TIMES = (6.0, 8.0, 9.0, 10.0, 14.0)
CAMERAS = 2

MAKE = """
import sys, time
from pipelines import open_archive
from pipelines.calibration.masters.run import make_masters
with open_archive(sys.argv[1]) as archive:
    archive.store  # opened before the clock starts
    import pipelines.combine
    before = int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0])
    started, used = time.perf_counter(), time.process_time()
    rows = make_masters(archive.session, date=sys.argv[2], kinds=("dark",), jobs=int(sys.argv[3]))
    wall, used = time.perf_counter() - started, time.process_time() - used
assert all(row["outcome"] == sys.argv[4] for row in rows), rows
peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
print(len(rows), wall, used, (peak - before) / 1024)
"""

CCDPROC = """
import sys, time, warnings
warnings.simplefilter("ignore")
import astropy.units as u
from ccdproc import combine
started, used = time.perf_counter(), time.process_time()
made = combine(
    sys.argv[1:], unit=u.adu, method="average", sigma_clip=True, sigma_clip_low_thresh=3, sigma_clip_high_thresh=3
)
made.write(sys.argv[1] + ".master", format="fits")
print(time.perf_counter() - started, time.process_time() - used)
print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024)
"""


def frame(rng):
    """A dark: level and read noise, and one pixel in a hundred hit."""
    pixels = rng.normal(1000, 10, SHAPE).astype(np.float32)
    hits = rng.integers(0, pixels.size, pixels.size // 100)
    pixels.flat[hits] += rng.uniform(80, 2000, len(hits)).astype(np.float32)
    return np.clip(np.rint(pixels), 0, 65535).astype(np.uint16)


def write_night(folder, *, cameras, times):
    """Write the darks of a night."""
    from pipelines.demo.frames import frame_file

    rng = np.random.default_rng(1)
    keys = ("TARGET", "RA", "DEC", "ALTITUDE", "AZIMUTH", "FWHM", "FWHMRMS", "NOBJ")
    for camera in range(cameras):
        place = Path(folder) / f"Dragonfly{101 + camera}" / NIGHT
        place.mkdir(parents=True)
        number = 0
        for exptime in times:
            for _ in range(3):
                number += 1
                values = dict.fromkeys(keys, 0) | {"TARGET": "dark", "RA": "", "DEC": "", "TEMPERAT": -10.0}
                values |= {"DATE": f"{NIGHT}T23:{number:02d}:00", "EXPTIME": exptime, "IMAGETYP": "dark"}
                values["SERIALNO"] = f"T1308{camera:04d}"
                file = frame_file(frame(rng), values, unit=101 + camera)
                (place / f"T1308{camera:04d}_{number}_dark.fits").write_bytes(file)


def ingest(home, files):
    """Ingest the files of a night."""
    subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "--home", str(home), "ingest", str(files)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def make(home, *, jobs, outcome="made"):
    """Make all darks: masters, wall s, CPU s, MB above imports."""
    command = [sys.executable, "-c", MAKE, str(home), NIGHT, str(jobs), outcome]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    count, wall, used, peak = done.stdout.split()
    return int(count), float(wall), float(used), float(peak)


def bandwidth():
    """Bytes a second that this memory copies, one thread."""
    source = np.ones(2**27, np.uint8)
    target = np.empty_like(source)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - started)
    return 2 * source.nbytes / statistics.median(times)


def peer(files):
    """ccdproc's sigma-clipped average of one group: wall s, CPU s, MB."""
    command = [sys.executable, "-c", CCDPROC, *map(str, files)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return tuple(map(float, done.stdout.split()))


def growth(folder, rows):
    """Cost a master in nights of one, two and four times as many groups."""
    costs = []
    for times in (1, 2, 4):
        files, home = folder / f"raw{times}", folder / f"home{times}"
        write_night(files, cameras=1, times=[5.0 + n for n in range(times)])
        ingest(home, files)
        shutil.rmtree(files)
        count, wall, used, peak = make(home, jobs=2)
        costs.append((wall / count, used / count, peak))
        shutil.rmtree(home)
    walls = ", ".join(f"{wall:.2f}" for wall, _, _ in costs)
    used = ", ".join(f"{cpu:.2f}" for _, cpu, _ in costs)
    rows.append(Row("a master in nights of 1, 2, 4 groups, s", f"{walls} ({used} of processor)", "-", "flat"))
    rows.append(Row("memory above imports, the same nights", ", ".join(f"{p:.0f} MB" for *_, p in costs), "-", "flat"))


def main():
    """Print the table."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        growth(folder, rows)
        files, home = folder / "raw", folder / "home"
        write_night(files, cameras=CAMERAS, times=TIMES)
        group = sorted((files / "Dragonfly101" / NIGHT).glob("*"), key=lambda p: int(p.name.split("_")[1]))[:3]
        theirs, cpu, memory = peer(group)
        ingest(home, files)
        count, wall, used, peak = make(home, jobs=2)
        _, again, *_ = make(home, jobs=2, outcome="unchanged")
    pixels = count * 3 * SHAPE[0] * SHAPE[1]
    speed = bandwidth()
    rows.append(Row(
        f"{count} master darks of 3, all planes kept, judged",
        f"{wall / count:.2f} s each ({used / count:.2f} s of processor), {count / wall:.1f} a second",
        f"ccdproc sigma clip: {theirs:.2f} s ({cpu:.2f} s of processor), one plane and its scatter",
        "-",
    ))  # fmt: skip
    rows.append(Row("pixels a second", f"{pixels / wall / 1e6:.0f} M, {2 * pixels / wall / 1e9:.2f} GB/s of samples",
                    f"memory copies {speed / 1e9:.1f} GB/s", "-"))  # fmt: skip
    rows.append(Row("memory above imports", f"{peak:.0f} MB, two masters at a time", f"{memory:.0f} MB in all", "-"))
    rows.append(Row("the same night again", f"{again:.2f} s", "-", "nothing is done"))
    rows.append(Row("25 cameras x 10 times x 3, at that rate", f"{250 * wall / count / 60:.1f} min",
                    f"ccdproc, one core: {250 * theirs / 60:.1f} min", "-"))  # fmt: skip
    print(table(f"Masters, darks of {SHAPE[0]} x {SHAPE[1]}", rows))


if __name__ == "__main__":
    main()
