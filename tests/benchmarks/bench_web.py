"""Figures of the page of a night with real-size frames, and of the web view of an archive of 100,000 documents.

The server is a process of its own, asked over HTTP from this one: on the two cores they share, what the asker takes is
in the figures. DOCUMENTS and REQUESTS make a shorter or a longer run: an hour at 20 requests a second is 72,000.
"""

import copy
import http.client
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
from astropy.io import fits

from pipelines import open_archive
from pipelines.pages import night_page
from tests.benchmarks.measure import Row, table

DOCUMENTS = int(os.environ.get("DOCUMENTS", "100000"))
REQUESTS = int(os.environ.get("REQUESTS", "4000"))
REAL = (2536, 3358)  # 8.5 Mpx, as of a KAF-8300
A_NIGHT = 200
PAGE_FRAMES, PAGE_BAD = 1500, 40
SECONDS, RATE = 30, 20


def write(path, pixels, **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"IMAGETYP": "dark", "EXPTIME": 60.0, "INSTRUME": "Cam", "FILTER": "G", "TEMPERAT": -10.0, "OBJECT": "M31"}
    header |= {"SITELONG": -105.529, "SITELAT": 32.903, **{f"KEY{i}": float(i) for i in range(20)}, **cards}
    fits.PrimaryHDU(pixels, fits.Header(header)).writeto(path)


def clones(one, count, *, night, cameras, kinds, a_night=A_NIGHT):
    """Documents like one, whose pixels they share: of many nights, cameras and kinds."""
    for number in range(count):
        day = night + timedelta(days=number // a_night)
        camera, kind = f"C{number % cameras:02d}", kinds[number // cameras % len(kinds)]
        document = copy.copy(one)
        name = f"{day:%Y-%m-%d}/{camera}_{number:06d}_{kind}.fits"
        document |= {"_id": f"{one['root']}/{name}", "path": name, "date": f"{day:%Y-%m-%d}", "kind": kind}
        begun = day + timedelta(hours=27, seconds=90 * (number % a_night // cameras))
        document |= {"timestamp": begun, "camera": camera, "obs": {**one["obs"], "camera": camera, "mid": begun}}
        document |= {"header": {**one["header"], "SERIALNO": camera, "IMAGETYP": kind, "EXPTIME": float(number % 7)}}
        yield document | {"pixels_digest": f"{number:064d}"}


def put(collection, documents):
    while some := list(itertools.islice(documents, 2000)):
        collection.insert_many(some)


def the_page(folder):
    """The page of a night of 1,500 frames of 8.5 Mpx of 15 cameras; 40 were judged bad, and have pictures."""
    rng = np.random.default_rng(3)
    for number in range(8):
        write(folder / f"raw/{number}.fits", rng.normal(1000, 10, REAL).astype(np.uint16), SERIALNO=f"S{number}")
    with open_archive(folder / "home") as archive:
        archive.ingest([folder / "raw"], progress=False)
        headers = archive.session.headers
        some = list(headers.find({}))
        kinds = ("light", "light", "dark", "flat", "bias")
        night = datetime(2024, 2, 20, tzinfo=UTC)
        documents = list(clones(some[0], PAGE_FRAMES, night=night, cameras=15, kinds=kinds, a_night=PAGE_FRAMES))
        check = {"check": "level", "verdict": "bad", "value": 9e9, "limit": 1.0, "reason": "far too bright"}
        for number, document in enumerate(documents):
            bad = number % (PAGE_FRAMES // PAGE_BAD) == 0
            document["arrays"] = some[number % len(some)]["arrays"]
            document["qc"] = {"flags": [], "verdict": "bad" if bad else "good", "checks": [check] if bad else []}
        put(headers, iter(documents))
        started, worked = time.perf_counter(), time.process_time()
        page = night_page(archive, "2024-02-20")
        took, worked = time.perf_counter() - started, time.process_time() - worked
    pictures = page.html.count("<img ")
    assert pictures >= PAGE_BAD
    size = len(page.html.encode()) / 1e6
    return Row(f"page of a night of {PAGE_FRAMES:,} frames of 8.5 Mpx, {pictures} of them as pictures",
               f"{took:.1f} s ({worked:.1f} s CPU), {size:.2f} MB", "-", "20 s, 5 MB")  # fmt: skip


def fill(folder):
    rng = np.random.default_rng(1)
    write(folder / "raw/big.fits", rng.normal(1000, 10, REAL).astype(np.uint16), SERIALNO="BIG")
    for number in range(100):
        begin = f"2021-03-{1 + number // 10:02d}T05:{number % 10:02d}:00"
        pixels = rng.normal(1000, 10, (1024, 1024)).astype(np.uint16)
        write(folder / f"raw/follow{number}.fits", pixels, SERIALNO="FOLLOW", **{"DATE-OBS": begin})
    with open_archive(folder / "home") as archive:
        archive.ingest([folder / "raw"], progress=False)
        headers = archive.session.headers
        one = headers.find_one({"_id": {"$regex": "follow0.fits$"}})
        kinds = ("light", "light", "dark", "flat", "light")
        put(headers, clones(one, DOCUMENTS, night=datetime(2020, 1, 1, tzinfo=UTC), cameras=20, kinds=kinds))


class Asker:
    """Asks the server, and keeps how long it took."""

    def __init__(self, address):
        self.place = urlsplit(address).netloc
        self.local = threading.local()
        self.away = 0

    def seconds(self, path):
        started = time.perf_counter()
        try:
            status = self.status(path)
        except (http.client.RemoteDisconnected, ConnectionResetError):  # idle for long, it was closed
            self.local.connection = None
            status = self.status(path)
        if status == 503:  # more is asked than can be done: the figure says so
            self.away += 1
        elif status != 200:
            raise AssertionError(f"{path}: {status}")
        return time.perf_counter() - started

    def status(self, path):
        if getattr(self.local, "connection", None) is None:
            self.local.connection = http.client.HTTPConnection(self.place, timeout=60)
        self.local.connection.request("GET", path)
        answer = self.local.connection.getresponse()
        answer.read()
        return answer.status


def p95(times):
    return f"p95 {1000 * float(np.percentile(times, 95)):.0f} ms (median {1000 * float(np.median(times)):.0f})"


def looks(names, rng):
    """What people look at: lists, searches, frames with their pictures, windows of them."""
    night = f"{datetime(2020, 1, 1) + timedelta(days=rng.randrange(max(1, DOCUMENTS // A_NIGHT))):%Y-%m-%d}"
    camera, follow = f"C{rng.randrange(20):02d}", f"{rng.choice(names)}"
    x0, y0 = rng.randrange(0, 900), rng.randrange(0, 900)
    return rng.choice(
        [
            f"/nights?page={rng.randrange(1, 20)}",
            f"/search?night={night}",
            "/search?" + urlencode({"night": night, "word": "EXPTIME", "is": "above", "value": "3"}),
            f"/search?camera={camera}&kind=dark&format=json",
            f"/frame/{follow}",
            f"/frame/{follow}?format=json",
            f"/picture/{follow}?x0={x0}&y0={y0}&x1={x0 + 100}&y1={y0 + 100}",
            "/masters",
            "/static/web.js",
        ]
    )


def at_a_rate(ask, paths):
    """Ask at 20 requests a second whether or not the ones before were answered; waiting for a free asker counts."""

    def one(path, planned):
        ask.seconds(path)
        return time.perf_counter() - planned

    with ThreadPoolExecutor(32) as askers:
        begun, some = time.perf_counter(), []
        for number, path in enumerate(paths):
            planned = begun + number / RATE
            time.sleep(max(0.0, planned - time.perf_counter()))
            some.append(askers.submit(one, path, planned))
        return [done.result() for done in some]


def resident(pid):
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def peer_picture(path):
    """The same by astropy, ZScale and Pillow, from the FITS file."""
    from astropy.visualization import ZScaleInterval
    from PIL import Image

    times = []
    for _ in range(5):
        started = time.perf_counter()
        pixels = fits.getdata(path).astype(np.float32)
        small = pixels[: 2536 // 5 * 5, : 3358 // 5 * 5].reshape(2536 // 5, 5, 3358 // 5, 5).mean(axis=(1, 3))
        black, white = ZScaleInterval().get_limits(small)
        points = np.clip((small - black) / (white - black) * 255, 0, 255).astype(np.uint8)[::-1]
        Image.fromarray(points).save(path.with_suffix(".png"))
        times.append(time.perf_counter() - started)
    return times


def peer_pixel(paths):
    times = []
    for number in range(5):
        started = time.perf_counter()
        for path in paths:
            with fits.open(path) as file:
                assert file[0].section[100 + number, 200] >= 0
                assert file[0].header["EXPTIME"]
        times.append(time.perf_counter() - started)
    return times


def main():
    with tempfile.TemporaryDirectory() as place:
        rows = [the_page(Path(place))]
    print(f"{rows[0].what}: {rows[0].ours}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fill(folder)
        command = [sys.executable, "-m", "pipelines.cli", "--home", str(folder / "home"), "serve", "--port=0", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
            try:
                rows += ask_all(Asker(json.loads(serving.stdout.readline())["address"]), folder, serving.pid)
            finally:
                serving.terminate()
    print(table(f"The web view, {DOCUMENTS:,} documents in the embedded catalog", rows))


def ask_all(ask, folder, pid):
    rng = random.Random(5)
    with open_archive(folder / "home", readonly=True) as archive:
        names = sorted(archive.headers.distinct("_id", {"obs.camera": {"$regex": "FOLLOW"}}))
        (camera,) = archive.headers.distinct("obs.camera", {"_id": names[0]})
        big = archive.headers.find_one({"_id": {"$regex": "big.fits$"}})["_id"]
    for name in names:  # each picture is made once, and then kept
        ask.seconds(f"/frame/{name}")
    mixed = at_a_rate(ask, [looks(names, rng) for _ in range(SECONDS * RATE)])
    away = f"; {ask.away} were told to come back" if ask.away else ""
    pixels = [ask.seconds("/pixel?" + urlencode({"camera": camera, "x": 10 + n, "y": 20 + n})) for n in range(30)]
    pictures = [ask.seconds(f"/picture/{big}?size={790 + n}") for n in range(20)]
    files = [folder / f"raw/follow{n}.fits" for n in range(100)]
    kept = [resident(pid)]
    for _ in range(4):
        for _ in range(REQUESTS // 4):
            ask.seconds(looks(names, rng))
        kept.append(resident(pid))
    memory = ", ".join(f"{one:.0f}" for one in kept)
    return [
        Row(f"{RATE} requests a second for {SECONDS} s: lists, searches, frames, windows",
            p95(mixed) + away, "-", "p95 200 ms"),
        Row("history of a pixel in 100 exposures", p95(pixels),
            f"astropy, 100 files: {p95(peer_pixel(files))}", "p95 400 ms"),
        Row("picture of 8.5 Mpx, never made before", p95(pictures),
            f"astropy, ZScale, Pillow: {p95(peer_picture(folder / 'raw/big.fits'))}", "300 ms"),
        Row(f"memory of the server, MB, before and after each quarter of {REQUESTS:,} requests", memory, "-", "flat"),
    ]  # fmt: skip
