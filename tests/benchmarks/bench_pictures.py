"""Figures of pictures and tables: a frame from the shell, a contact sheet, a group of 100 frames, the demo's groups.

All times are of the processor. Frames are of 8.5 Mpx; the contact sheet is drawn of DARKROOM_BENCH_SHEET (12) of them
and its figure is given for 200. The peer of a panel is what one would write with astropy: read the FITS file, means of
blocks with numpy, limits by its ZScaleInterval. Run it alone with ``python -m tests.benchmarks pictures``.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.visualization import ZScaleInterval

from pipelines import open_archive
from pipelines.demo.run import run as make_demo
from tests.benchmarks.measure import Row, table

FRAMES = int(os.environ.get("DARKROOM_BENCH_SHEET", "12"))
SHAPE = (2536, 3358)
NIGHT = "2024-02-21"
BLOCK = 23  # of a panel of 150 points


def write(folder):
    """Write frames of one night, stars on noise."""
    place = folder / "raw" / NIGHT
    place.mkdir(parents=True)
    rng = np.random.default_rng(1)
    noise = rng.normal(1000, 9, SHAPE).astype(np.uint16)
    for number in range(FRAMES):
        pixels = np.roll(noise, (7 * number, 13 * number), axis=(0, 1)).copy()
        rows, columns = rng.integers(0, SHAPE[0], 500), rng.integers(0, SHAPE[1], 500)
        pixels[rows, columns] += rng.integers(100, 60_000, 500).astype(np.uint16)
        hdu = fits.PrimaryHDU(pixels)
        hdu.header.update({"IMAGETYP": "Light", "EXPTIME": 60.0, "INSTRUME": "CAM", "SERIALNO": "7"})
        hdu.header["DATE-OBS"] = f"{NIGHT}T05:{number // 60:02d}:{number % 60:02d}"
        hdu.writeto(place / f"light_{number:03d}.fits")
    return folder / "raw"


def spent(*command):
    """CPU seconds of a command, and the lines it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "pipelines.cli", *map(str, command)], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout.splitlines()


def peer(files):
    """CPU seconds of a panel drawn with astropy and numpy."""
    started = time.process_time()
    for path in files:
        pixels = fits.getdata(path).astype(np.float32)
        high, wide = (side // BLOCK * BLOCK for side in SHAPE)
        small = pixels[:high, :wide].reshape(high // BLOCK, BLOCK, wide // BLOCK, BLOCK).mean(axis=(1, 3))
        black, white = ZScaleInterval().get_limits(small)
        np.clip((small - black) * (255 / (white - black)), 0, 255).astype(np.uint8)
    return (time.process_time() - started) / len(files)


def large(folder):
    """Rows: pictures of frames of 8.5 Mpx."""
    raw, home = write(folder), folder / "home"
    with open_archive(home) as archive:
        archive.ingest(raw, progress=False)
        name = archive.headers.find_one({})["_id"]
        archive.show(NIGHT).png()  # what is imported once
        started = time.process_time()
        archive.show(NIGHT).png()
        sheet = (time.process_time() - started) / FRAMES
    files = sorted(raw.rglob("*.fits"))
    peer(files[:1])
    theirs = peer(files)
    out = folder / "out.png"
    drawn = min(spent("--home", home, "show", name, "--out", out, "--overwrite")[0] for _ in range(3))
    begun = min(spent("--home", home, "root", "list")[0] for _ in range(3))
    return [
        Row("`show` of 8.5 Mpx from the shell", f"{drawn:.2f} s", f"`root list`: {begun:.2f} s", "<= 0.7 s"),
        Row(
            f"contact sheet of 200 frames of 8.5 Mpx ({FRAMES} drawn)", f"{200 * sheet:.1f} s on two threads",
            f"astropy and numpy: {200 * theirs:.1f} s", "<= 15 s of wall",
        ),
    ]  # fmt: skip


def tables(folder):
    """Rows: a group of 100 frames shown, and the lines of long tables."""
    raw = folder / "many"
    for number in range(201):
        place = raw / "CAM" / NIGHT
        place.mkdir(parents=True, exist_ok=True)
        hdu = fits.PrimaryHDU(np.random.default_rng(number).normal(500, 5, (40, 50)).astype(np.uint16))
        hdu.header.update(
            {"IMAGETYP": "dark", "EXPTIME": 60.0 if number < 100 else 30.0, "INSTRUME": "C", "SERIALNO": "7"}
        )
        hdu.header["DATE-OBS"] = f"{NIGHT}T{20 + number // 60:02d}:{number % 60:02d}:00"
        hdu.writeto(place / f"dark_{number:03d}.fits")
    with open_archive(folder / "home") as archive:
        archive.ingest(raw, progress=False)
        repr(archive.calibration.groups("dark"))
        started = time.process_time()
        groups = archive.calibration.groups("dark")
        asked = time.process_time() - started
        started = time.process_time()
        groups._repr_mimebundle_()
        shown = time.process_time() - started
    lines = spent("--home", folder / "home", "frames", NIGHT)[1]
    make_demo(folder / "demo", shape=(256, 320), say=lambda line: None)
    with open_archive(folder / "demo" / "archive") as archive:
        darks = archive.calibration.groups("dark").lines(80)
    widest = max(map(len, darks))
    return [
        Row("two groups of 100 frames: asked, shown", f"{asked * 1e3:.0f}, {shown * 1e3:.1f} ms", "-", "<= 150 ms"),
        Row("lines of `frames` of 201 frames", str(len(lines)), "-", "<= 240"),
        Row("lines of `groups dark` of the demo, the longest", f"{len(darks)}, {widest} characters", "-", "<= 60, 80"),
    ]  # fmt: skip


def main():
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        rows = []
        for make in (large, tables):
            folder = Path(name) / make.__name__
            folder.mkdir()
            rows += make(folder)
        print(table("Pictures", rows), flush=True)


if __name__ == "__main__":
    main()
