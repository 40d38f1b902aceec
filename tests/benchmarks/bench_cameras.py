"""Figures of a CCD's pixel in many frames, and of a NIRCam pixel beside a MIRI one.

All times are of the processor, files in memory. Frames of 3358 x 2536 pixels, as Dragonfly's, have noise of their own;
their number is DARKROOM_BENCH_FRAMES (1000), and times are given for 1,000. The peer opens the same frames as FITS
files and slices one pixel out of each. Run it alone with ``python -m tests.benchmarks.bench_cameras``.
"""

import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipelines import open_archive
from tests.benchmarks.bench_arrays import ms
from tests.benchmarks.measure import Row, table

FRAMES = int(os.environ.get("DARKROOM_BENCH_FRAMES", "1000"))
PEERS = 50
EXPOSURES, GROUPS = 8, 10
SHAPE = (2536, 3358)


def ccd(folder):
    """Rows: one pixel in the frames of a camera, and its peer."""
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 40, SHAPE).astype(np.uint16)
    (folder / "peers").mkdir()
    places = [(int(x), int(y)) for x, y in zip(rng.integers(1, SHAPE[1], 7), rng.integers(1, SHAPE[0], 7), strict=True)]
    with open_archive(folder / "home") as archive:
        first = folder / "first.fits"
        hdu = fits.PrimaryHDU(noise)
        hdu.header.update({"IMAGETYP": "dark", "SERIALNO": "B1", "INSTRUME": "CCD", "EXPTIME": 60.0, "CCD-TEMP": -20.0})
        hdu.header["DATE-OBS"] = "2024-01-01T20:00:00"
        hdu.writeto(first)
        archive.ingest(first, jobs=1, progress=False)
        document = archive.headers.find_one({})
        for n in range(1, FRAMES):
            pixels = 900 + n % 50 + np.roll(noise, (7 * n, 13 * n), axis=(0, 1))
            if n <= PEERS:
                fits.PrimaryHDU(pixels.astype(np.uint16)).writeto(folder / "peers" / f"{n}.fits")
            ref = archive.store.put(pixels.astype(np.uint16), kind="frame")
            made = document | {"_id": f"first/{n}.fits", "path": f"{n}.fits", "arrays": {"sci": ref.to_dict()}}
            made |= {"digests": [ref.digest], "pixels_digest": ref.digest}
            made["timestamp"] = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=n)
            archive.session.headers.insert_one(made)
        camera = document["obs"]["camera"]
        read, tables, nbytes = [], [], []
        for x, y in places:
            before, started = _read_bytes(), time.process_time()
            found = archive.pixel(camera, x=x, y=y).read()
            read.append(time.process_time() - started)
            nbytes.append(_read_bytes() - before)
            assert len(found.frames) == FRAMES
            started = time.process_time()
            archive.pixel(camera, x=x, y=y).history()
            tables.append(time.process_time() - started)
    peer = _fitsio(folder / "peers", places)
    scale = 1000 / FRAMES
    told = f"fitsio {ms(peer * 1000)}"
    what = f"a pixel in 1,000 frames of 8.5 Mpx ({FRAMES} measured), warm"
    return [
        Row(what, ms(statistics.median(read[1:]) * scale), told, "<= 400 ms"),
        Row("the same as a Dataset, with its masters", ms(statistics.median(tables[1:]) * scale), "-", "-"),
        Row("bytes it reads", f"{statistics.median(nbytes) * scale / 1e6:.0f} MB of {17_031.8:,.0f} MB", "-", "-"),
    ]  # fmt: skip


def _fitsio(folder, places):
    """CPU seconds for one frame: open the file and slice a pixel, warm."""
    import fitsio

    files = sorted(folder.glob("*.fits"))
    times = []
    for x, y in places:
        started = time.process_time()
        for path in files:
            with fitsio.FITS(path) as file:
                file[0][y - 1 : y, x - 1 : x]
        times.append((time.process_time() - started) / len(files))
    return statistics.median(times[1:])


def _read_bytes():
    """Bytes that this process asked the system for."""
    return int(Path("/proc/self/io").read_text().split()[1])


def near_infrared(folder):
    """Row: a pixel in raw exposures of a NIRCam detector, and in as many of a MIRI detector."""
    seconds = {}
    with open_archive(folder / "home") as archive:
        for detector, instrument, shape in (("MIRIMAGE", "MIRI", (1024, 1032)), ("NRCA1", "NIRCAM", (2048, 2048))):
            rng = np.random.default_rng(2)
            step = rng.integers(5, 60, shape).astype(np.uint16)
            for n in range(EXPOSURES):
                ramp = np.stack([np.roll(step, 11 * n + g, axis=0) * np.uint16(g + 1) for g in range(GROUPS)])[None]
                header = fits.Header()
                cards = {
                    "TELESCOP": "JWST", "INSTRUME": instrument, "DETECTOR": detector, "SUBARRAY": "FULL", "SUBSTRT1": 1,
                    "SUBSTRT2": 1, "SUBSIZE1": shape[1], "SUBSIZE2": shape[0], "NINTS": 1, "NGROUPS": GROUPS,
                    "NFRAMES": 1, "TGROUP": 10.7, "READPATT": "FASTR1", "DATAMODL": "Level1bModel",
                    "DATE-OBS": f"2023-01-{n + 1:02d}", "TIME-OBS": "00:00:00.0",
                }  # fmt: skip
                header.update(cards)
                path = folder / f"jw01_{n:05d}_{detector.lower()}_uncal.fits"
                fits.HDUList([fits.PrimaryHDU(header=header), fits.ImageHDU(ramp, name="SCI")]).writeto(path)
                archive.ingest(path, jobs=1, progress=False)
                path.unlink()
            times = []
            for x, y in zip(
                rng.integers(5, shape[1] - 4, 9).tolist(), rng.integers(5, shape[0] - 4, 9).tolist(), strict=True
            ):
                started = time.process_time()
                archive.pixel(detector, x=x, y=y).read()
                times.append(time.process_time() - started)
            seconds[instrument] = statistics.median(times[2:])
    what = f"a NIRCam pixel (2048 x 2048) in {EXPOSURES} raw exposures of {GROUPS} groups"
    ratio = seconds["NIRCAM"] / seconds["MIRI"]
    return [Row(what, ms(seconds["NIRCAM"]), f"MIRI's: {ms(seconds['MIRI'])}, ratio {ratio:.2f}", "<= 1.3x")]


def main():
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for make in (near_infrared, ccd):
            (folder / make.__name__).mkdir()
            rows += make(folder / make.__name__)
        print(table("A pixel of other detectors", rows), flush=True)


if __name__ == "__main__":
    main()
