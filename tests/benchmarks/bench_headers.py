"""Reading 10,000 headers of 33 cards, beside astropy: ``python -m tests.benchmarks.bench_headers``.

The frames are of 3358 x 2536 pixels, as sparse files: only their headers take room.
"""

import math
import statistics
import tempfile
import time
from pathlib import Path

from astropy.io import fits

from pipelines.fits import open_fits
from tests.benchmarks.measure import Row, table

FILES = 10_000
RUNS = 5
PEER_RUNS = 3
PIXELS = 3358 * 2536 * 2


def header(number):
    """A header of 33 cards as a camera of the array writes it, one block long."""
    cards = [
        ("SIMPLE", True, "file does conform to FITS standard"),
        ("BITPIX", 16, "number of bits per data pixel"),
        ("NAXIS", 2, "number of data axes"),
        ("NAXIS1", 3358, "length of data axis 1"),
        ("NAXIS2", 2536, "length of data axis 2"),
        ("EXTEND", True, "FITS dataset may contain extensions"),
        ("BZERO", 32768, "offset data range to that of unsigned short"),
        ("BSCALE", 1, "default scaling factor"),
        ("IMAGETYP", ("dark", "flat", "light")[number % 3], "type of image"),
        ("EXPTIME", (6.0, 9.5, 600.0)[number % 3], "exposure time in seconds"),
        ("DATE", f"2024-02-{1 + number % 28:02d}T0{number % 10}:{number % 60:02d}:11", "UTC"),
        ("SERIALNO", f"83F{number % 48:06d}", "serial number of the camera"),
        ("TARGET", f"field {number % 200}", "name of the target"),
        ("FILTER", "SloanG", "filter in the beam"),
        ("TEMPERAT", -10.0 + number % 17 / 10, "degrees Celsius"),
        ("RA", 360.0 * math.sin(number) ** 2, "degrees"),
        ("DEC", 90.0 * math.sin(number + 1), "degrees"),
        ("ALT", 45.0 + 30 * math.cos(number), "degrees"),
        ("AZ", 180.0 + 179 * math.cos(number * 2), "degrees"),
        ("FOCUS", 20_000 + number % 600, "steps"),
        ("NAME", f"unit {number % 48}", "name of the unit"),
        ("ISGOOD", number % 7 > 0, "by the quick look"),
    ]
    cards += [(f"PARAM{n}", n * 1000 + number % (n + 2), "a setting") for n in range(33 - len(cards))]
    block = fits.Header(cards).tostring().encode()
    if len(cards) != 33 or len(block) != 2880:
        raise AssertionError(f"{len(cards)} cards in {len(block)} bytes")
    return block


def write_files(folder):
    """Write the files, and give their paths."""
    paths = []
    for number in range(FILES):
        path = Path(folder) / f"{number}.fits"
        with path.open("wb") as file:
            file.write(header(number))
            file.truncate(2880 + -(-PIXELS // 2880) * 2880)
        paths.append(str(path))
    return paths


def ours(path):
    """Read the header as this project does, sizes checked and every HDU looked for."""
    with open_fits(path) as file:
        return file.hdus[0].header


def peer(path):
    """Read the header as its ancestors did."""
    return dict(fits.getheader(path))


def seconds(read, paths):
    """Wall and CPU time of reading all, once."""
    wall, cpu = time.perf_counter(), time.process_time()
    for path in paths:
        read(path)
    return time.perf_counter() - wall, time.process_time() - cpu


def main():
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_files(folder)
        differ = sum(ours(path) != peer(path) for path in paths[:: FILES // 1000])
        if differ:
            raise AssertionError(f"{differ} of 1,000 headers are not astropy's")
        mine = [seconds(ours, paths) for _ in range(RUNS)]
        theirs = [seconds(peer, paths) for _ in range(PEER_RUNS)]
    rows = []
    for index, clock in enumerate(("wall", "CPU")):
        fast, slow = (statistics.median(run[index] for run in runs) for runs in (mine, theirs))
        rows.append(
            Row(
                f"{FILES:,} headers of 33 cards, {clock}",
                f"{fast:.2f} s ({slow / fast:.1f}x faster)",
                f"dict(fits.getheader(f)): {slow:.2f} s",
                ">= 4x",
            )
        )
    print(table("Reading headers", rows))


if __name__ == "__main__":
    main()
