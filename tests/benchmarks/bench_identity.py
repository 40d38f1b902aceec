"""Cataloguing, identifying again and grouping: ``python -m tests.benchmarks.bench_identity``.

Beside release 0.2 where ``DARKROOM_RELEASE`` names a checkout of it. CPU time of the process and its children, once
each; ``DARKROOM_BENCH_FILES`` says how many files [20000].
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import bson
import numpy as np
from astropy.io import fits

from tests.benchmarks.measure import Row, table

FILES = int(os.environ.get("DARKROOM_BENCH_FILES", "20000"))
RELEASE = os.environ.get("DARKROOM_RELEASE")
FRAMES, CAMERAS = 2_000, 50

CATALOGUE = """
import json, resource, sys
from pipelines import open_archive
def cpu():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)
with open_archive(sys.argv[2]) as archive:
    began = cpu()
    report = archive.ingest(sys.argv[1], headers_only=True, progress=False)
    print(json.dumps({"seconds": cpu() - began, "files": report.new}))
"""

AGAIN = """
import json, sys, time
from pathlib import Path
from pipelines import open_archive
found = {}
with open_archive(sys.argv[1]) as archive:
    for name in ("nothing", "all"):
        if name == "all":  # a site moves every night
            Path(sys.argv[1], "darkroom.toml").write_text("[site]\\nlongitude = 150.0\\nlatitude = -31.0\\n")
        began = time.process_time()
        report = archive.identify(everything=True, progress=False)
        found[name] = [time.process_time() - began, report.documents, report.changed]
print(json.dumps(found))
"""


def cards(number, start):
    """A header of 40 cards as camera software writes it."""
    kind = ("bias", "dark", "flat", "light")[number % 4]
    seconds = {"bias": 0.0, "dark": 60.0, "flat": 3.0, "light": 60.0}[kind]
    taken = start + number * timedelta(seconds=40)
    header = {
        "IMAGETYP": f"{kind.capitalize()} Frame",
        "EXPTIME": seconds,
        "EXPOSURE": seconds,
        "SET-TEMP": -10.0,
        "DATE-OBS": taken.isoformat(),
        "CCD-TEMP": -10.0 + number % 5 / 20,
        "XBINNING": 1,
        "YBINNING": 1,
        "GAIN": 100,
        "OFFSET": 50,
        "EGAIN": 1.5,
        "XPIXSZ": 3.76,
        "READOUTM": "Default",
        "FILTER": "R",
        "INSTRUME": "Camera",
        "SERIALNO": f"SN{number % CAMERAS:05d}",
        "OBJECT": "M 31",
        "SWCREATE": "a program",
    }
    return header | {f"PARAM{n}": n * 10 for n in range(40 - len(header) - 8)}


def write(folder, count):
    """Write small frames, 500 in a folder."""
    start = datetime(2024, 2, 20)
    pixels = np.zeros((4, 4), np.uint16)
    for number in range(count):
        pixels[0, 0], pixels[0, 1] = number % 65536, number // 65536
        place = Path(folder, f"n{number // 500:04d}")
        place.mkdir(exist_ok=True)
        header = fits.Header(cards(number, start))
        fits.PrimaryHDU(pixels, header).writeto(place / f"f{number:06d}.fits")


def run(script, *arguments, where=None):
    """What a script prints, as JSON, by this project or a checkout of another release."""
    environment = {**os.environ, "PYTHONPATH": where or str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd="/", stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def size_of_obs(archive):
    """By how much the observation fields make a document larger: a fraction, over 200 documents."""
    documents = archive.headers.find().limit(200).to_list()
    whole = sum(len(bson.encode(document)) for document in documents)
    without = sum(
        len(bson.encode({name: value for name, value in document.items() if name not in ("obs", "obs_from")}))
        for document in documents
    )
    return whole / without - 1


def grouping(folder):
    """CPU seconds to group the darks of 2,000 frames of 50 cameras, first and again; and `size_of_obs` of them."""
    from pipelines import open_archive
    from pipelines.calibration.groups.groups import groups

    raw = Path(folder, "night")
    raw.mkdir()
    start, rng = datetime(2024, 2, 20), np.random.default_rng(1)
    for number in range(FRAMES):
        header = fits.Header(cards(4 * number + 1, start) | {"SERIALNO": f"SN{number % CAMERAS:05d}"})
        header["DATE-OBS"] = (start + number * timedelta(seconds=20)).isoformat()
        fits.PrimaryHDU(rng.integers(0, 999, (4, 4)).astype(np.uint16), header).writeto(raw / f"f{number}.fits")
    times = []
    with open_archive(Path(folder, "night-home")) as archive:
        archive.ingest(raw, progress=False)
        for _ in range(2):
            began = time.process_time()
            found = groups(archive.headers, "dark")
            times.append(time.process_time() - began)
        times.append(size_of_obs(archive))
    if (len(found), {row["status"] for row in found}) != (CAMERAS, {"ready"}):
        raise AssertionError(f"{len(found)} groups of {CAMERAS} cameras")
    return times


def main():
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        raw, home = Path(folder, "raw"), Path(folder, "home")
        raw.mkdir()
        write(raw, FILES)
        ours = run(CATALOGUE, raw, home)
        theirs = run(CATALOGUE, raw, Path(folder, "before"), where=RELEASE) if RELEASE else None
        if ours["files"] != FILES or (theirs and theirs["files"] != FILES):
            raise AssertionError(f"not all files were catalogued: {ours}, {theirs}")
        again = run(AGAIN, home)
        first, second, obs = grouping(folder)
    scale, catalogued = 100_000 / FILES, ours["seconds"]
    peer = f"release 0.2: {theirs['seconds'] * scale:.0f} s" if theirs else "-"
    ratio = f" ({catalogued / theirs['seconds']:.2f}x)" if theirs else ""
    (nothing, _, unchanged), (every, _, changed) = again["nothing"], again["all"]
    rows = [
        Row("100,000 headers catalogued", f"{catalogued * scale:.0f} s{ratio}", peer, "<= 1.2x"),
        Row(f"identify again, {unchanged} change", f"{nothing * scale:.0f} s", "-", "<= 60 s"),
        Row(
            f"identify again, {changed / FILES:.0%} change",
            f"{every * scale:.0f} s ({every / catalogued:.2f}x cataloguing)",
            f"cataloguing: {catalogued * scale:.0f} s",
            "<= 2x",
        ),
        Row("observation fields, of a document", f"+{obs:.1%}", "the document without", "<= 25 %"),
        Row(
            f"group {FRAMES:,} frames of {CAMERAS} cameras: first, again",
            f"{first * 1000:.0f}, {second * 1000:.0f} ms",
            "-",
            "<= 300 ms",
        ),
    ]
    print(table(f"Identity: CPU time, measured with {FILES:,} files of 40 cards", rows))


if __name__ == "__main__":
    main()
