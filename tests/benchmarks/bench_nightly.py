"""The nightly run: frames a second beside ``cp`` and sync, headers alone, and a night that is known already.

``python -m tests.benchmarks.bench_nightly``; ``FRAMES`` and ``HEADERS`` in the environment change the sizes.
"""

import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from pipelines import open_archive
from pipelines.ingest.run import IngestOptions
from pipelines.nightly.run import Schedule, nightly
from tests.benchmarks.bench_headers import PIXELS, header
from tests.benchmarks.measure import Row, table

FRAMES = int(os.environ.get("FRAMES", "200"))
HEADERS = int(os.environ.get("HEADERS", "100000"))
KNOWN = 1_500
SHAPE = (2536, 3358)


def place(folder, number):
    """Where a frame of one of 48 cameras lies."""
    unit, exposure = number % 48, number // 48
    night = f"2024-{1 + exposure // 1400:02d}-{1 + exposure // 50 % 28:02d}"
    kind = ("dark", "flat", "light")[number % 3]
    path = Path(folder) / f"Dragonfly{unit:03d}" / night / f"83F{unit:06d}_{exposure}_{kind}.fits"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_frames(folder, count):
    """Write frames of real size: sky of a level of its own, read noise, big-endian with BZERO."""
    rng = np.random.default_rng(1)
    noise = [rng.normal(0, 12, SHAPE).astype(np.int16) for _ in range(4)]
    padding = bytes(-PIXELS % 2880)
    for number in range(count):
        pixels = np.roll(noise[number % 4], number * 97) + np.int16(-32768 + 1000 + number)
        place(folder, number).write_bytes(header(number) + pixels.astype(">i2").tobytes() + padding)


def write_headers(folder, count):
    """Write frames as sparse files: only their headers take room."""
    for number in range(count):
        path = place(folder, number)
        path.write_bytes(header(number))
        os.truncate(path, 2880 + PIXELS + -PIXELS % 2880)


def run(home, raw, **options):
    """Take everything; return the report, wall seconds, processor seconds of this process and its workers."""
    with open_archive(home) as archive:
        before, started = cpu(), time.perf_counter()
        report = nightly(archive.session, [raw], options=IngestOptions(**options), schedule=Schedule(settle=0))
        return report, time.perf_counter() - started, cpu() - before


def cpu():
    """Processor seconds of this process and of the children it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def resident():
    """Peak resident memory of this process, MB."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def copy(raw, target):
    """Seconds that ``cp`` and a sync of every file take."""
    os.sync()
    started = time.perf_counter()
    shutil.copytree(raw, target)
    for path in Path(target).rglob("*.fits"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    shutil.rmtree(target)
    return seconds


def frames(folder):
    """A night of full frames."""
    raw = folder / "frames"
    write_frames(raw, FRAMES)
    copied = copy(raw, folder / "copy")
    report, seconds, busy = run(folder / "home", raw)
    if sum(night.new for night in report.nights) != FRAMES:
        raise AssertionError(report)
    shutil.rmtree(raw)
    shutil.rmtree(folder / "home")
    return Row(
        f"{FRAMES} frames of 3358 x 2536, fsynced",
        f"{FRAMES / seconds:.1f} a second, {busy / FRAMES * 1000:.0f} ms of processor each",
        f"cp + sync {FRAMES / copied:.1f} a second",
        ">= 8 a second",
    )


def headers(folder):
    """Headers alone, the same again, and a part of them again."""
    raw = folder / "headers"
    write_headers(raw, HEADERS)
    start = resident()
    report, seconds, busy = run(folder / "home", raw, headers_only=True)
    if sum(night.new for night in report.nights) != HEADERS:
        raise AssertionError(report)
    rows = [
        Row(
            f"{HEADERS:,} headers catalogued",
            f"{seconds:.0f} s, {HEADERS / seconds:.0f} a second, {busy / HEADERS * 1000:.2f} ms of processor each",
            "-",
            "<= 120 s for 100,000",
        ),
        Row("memory of the parent above its start", f"{resident() - start:.0f} MB", "-", "flat"),
    ]
    shutil.rmtree(raw)
    write_headers(raw, KNOWN)
    for path in raw.rglob("*.fits"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    run(folder / "home", raw, headers_only=True)  # the times are new, the bytes are not
    _, again, _ = run(folder / "home", raw, headers_only=True)
    shutil.rmtree(folder / "home")
    return [*rows, Row(f"{KNOWN:,} files, nothing changed", f"{again:.2f} s", "-", "<= 3 s")]


def main():
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder:
        print(table("The nightly run", [*headers(Path(folder)), frames(Path(folder))]))


if __name__ == "__main__":
    main()
