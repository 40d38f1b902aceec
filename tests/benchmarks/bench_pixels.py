"""Figures of a pixel's life: raw, corrected and flags over 100 FULL-frame MIRI exposures, and over a campaign.

The exposures are one simulated ramp of the detector, each with its own pattern, start and 10 to 30 groups, stored
through the store as an ingest stores them; rows of which no pixel is asked are zero. Peers ask the same of FITS files
and of HDF5; there are fewer of those files (they are big), and their times are scaled to 100. Run it alone with
``python -m tests.benchmarks pixels``.
"""

import copy
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipelines import open_archive
from pipelines.demo.simulate import simulate_calibration, simulate_campaign
from pipelines.pixels import pixel
from pipelines.pixels.rates import update_rates
from tests.benchmarks.bench_arrays import both, forget, ms
from tests.benchmarks.measure import Row, table

LIVES = int(os.environ.get("DARKROOM_BENCH_LIVES", "100"))
PEERS = 10
CAMPAIGN = 332
MASKS = 4  # flags of pixels follow from the reference files, which many exposures share
X, Y = 300, 512
ASKED = slice(480, 576)  # rows that hold pixels; the others are zero, which no question of a pixel meets

COLD = """
import sys, time
from pipelines import open_archive
from pipelines.pixels import pixel
with open_archive(sys.argv[1], readonly=True) as archive:
    archive.store, archive.headers.find_one({}, {"_id": 1})
    started = time.perf_counter()
    ramps = pixel(archive, "MIRIMAGE", x=int(sys.argv[2]), y=int(sys.argv[3])).read()
    print(time.perf_counter() - started, len(ramps))
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
        raw, refout = hdus["SCI"].data[..., ASKED, :], hdus["REFOUT"].data[..., ASKED, :]
        flags, pixeldq = ramp["GROUPDQ"].data[..., ASKED, :], ramp["PIXELDQ"].data.astype(np.uint32)
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
                "pixeldq": (np.roll(pixeldq, n % MASKS, axis=0), "dq"),
            },
        }
        for kind, parts in arrays.items():
            refs = {name: archive.store.put(framed(a), kind=k) for name, (a, k) in parts.items()}
            archive.session.headers.insert_one(another(first[kind], n, refs))
    for product in products:
        product.unlink()
    groups[0] = 30
    return archive, groups, path


def framed(rows):
    """The whole frame that these rows are of."""
    if rows.shape[-2] == 1024:
        return np.ascontiguousarray(rows)
    frame = np.zeros((*rows.shape[:-2], 1024, rows.shape[-1]), rows.dtype)
    frame[..., ASKED, :] = rows
    return frame


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
        started, busy = time.perf_counter(), time.process_time()
        ramps = pixel(archive, "MIRIMAGE", x=x, y=y, **more).ramps()
        times.append((time.perf_counter() - started, time.process_time() - busy))
    return times, ramps


def cold_seconds(folder):
    """A new process that holds the archive open, and no file of it in memory: seconds of the question."""
    times = []
    for x in (301, 477, 650):
        forget(folder / "home")
        out = subprocess.run(
            [sys.executable, "-c", COLD, folder / "home", str(x), "500"], stdout=subprocess.PIPE, text=True, check=True
        )
        times.append(float(out.stdout.split()[0]))
    return statistics.median(times)


# -- peers: the same question asked of files ------------------------------------------------------------


def write_peers(folder, archive, count):
    """FITS files and HDF5 files of the first exposures: uncal SCI, REFOUT, ramp SCI, GROUPDQ, PIXELDQ."""
    import h5py

    files = []
    for n, one in enumerate(pixel(archive, "MIRIMAGE", x=X, y=Y)._found.observed[:count]):
        raw, ramp = one.raw[0], one.products[0]
        arrays = {"RAW": archive.cube(raw, "sci")[...], "REFOUT": archive.cube(raw, "refout")[...]}
        arrays |= {name: archive.cube(ramp, name.lower())[...] for name in ("SCI", "GROUPDQ", "PIXELDQ")}
        hdus = [fits.ImageHDU(arrays["RAW"], name="SCI"), fits.ImageHDU(arrays["REFOUT"], name="REFOUT")]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(folder / f"{n}_uncal.fits")
        hdus = [fits.ImageHDU(arrays[name], name=name) for name in ("SCI", "GROUPDQ", "PIXELDQ")]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(folder / f"{n}_ramp.fits")
        with h5py.File(folder / f"{n}.h5", "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, chunks=tile(array.shape), compression="gzip", compression_opts=1)
        files.append(n)
    return files


def tile(shape):
    return (*shape[:-2], 32, 43)


def ask_astropy(folder, files):
    for n in files:
        with fits.open(folder / f"{n}_uncal.fits") as hdus:
            hdus["SCI"].section[:, :, Y - 1, X - 1]
            hdus["REFOUT"].section[:, :, Y - 1, X // 4]
        with fits.open(folder / f"{n}_ramp.fits") as hdus:
            hdus["SCI"].section[:, :, Y - 1, X - 1]
            hdus["GROUPDQ"].section[:, :, Y - 1, X - 1]
            hdus["PIXELDQ"].section[Y - 1, X - 1]


def ask_fitsio(folder, files, *, refout=True):
    import fitsio

    for n in files:
        with fitsio.FITS(folder / f"{n}_uncal.fits") as file:
            file["SCI"][:, :, Y - 1 : Y, X - 1 : X]
            if refout:
                file["REFOUT"][:, :, Y - 1 : Y, X // 4 : X // 4 + 1]
        with fitsio.FITS(folder / f"{n}_ramp.fits") as file:
            file["SCI"][:, :, Y - 1 : Y, X - 1 : X]
            file["GROUPDQ"][:, :, Y - 1 : Y, X - 1 : X]
            file["PIXELDQ"][Y - 1 : Y, X - 1 : X]


def ask_fitsio_without_refout(folder, files):
    ask_fitsio(folder, files, refout=False)


def ask_h5py(folder, files):
    import h5py

    for n in files:
        with h5py.File(folder / f"{n}.h5") as file:
            file["RAW"][:, :, Y - 1, X - 1], file["REFOUT"][:, :, Y - 1, X // 4], file["SCI"][:, :, Y - 1, X - 1]
            file["GROUPDQ"][:, :, Y - 1, X - 1], file["PIXELDQ"][Y - 1, X - 1]


def timed(ask, folder, files, *, cold):
    times = []
    for _ in range(3 if cold else 7):
        if cold:
            forget(folder)
        started, busy = time.perf_counter(), time.process_time()
        ask(folder, files)
        times.append((time.perf_counter() - started, time.process_time() - busy))
    return [statistics.median(some) * LIVES / len(files) for some in zip(*times, strict=True)]


def lives(folder):
    """Rows: one pixel in 100 FULL exposures, and their peers."""
    archive, groups, _ = full_exposures(folder, LIVES)
    with archive:
        rng = np.random.default_rng(1)
        places = [(int(rng.integers(5, 1024)), int(rng.integers(ASKED.start + 1, ASKED.stop))) for _ in range(15)]
        read = [warm_read(archive, place) for place in places]
        warm, ramps = warm_seconds(archive, places)
        assert ramps.sizes["exposure"] == LIVES
        assert int(ramps.ngroups.sum()) == int(groups.sum())
        (folder / "peers").mkdir()
        files = write_peers(folder / "peers", archive, PEERS)
    asks = (ask_astropy, ask_fitsio, ask_fitsio_without_refout, ask_h5py)
    peers = {ask.__name__[4:].replace("_", " "): ask for ask in asks}
    told = {
        cold: ", ".join(f"{name} {both(timed(ask, folder / 'peers', files, cold=cold))}" for name, ask in peers.items())
        for cold in (False, True)
    }
    again = cold_pages(folder, places)
    arrays = [statistics.median(times[2:]) for times in zip(*read, strict=True)]
    dataset = [statistics.median(times) for times in zip(*warm, strict=True)]
    share = f"{dataset[1] / arrays[1]:.2f}x of the arrays, CPU time"
    return [
        Row("raw, reference output, corrected, DQ as arrays, warm", both(arrays), told[False], "no slower than fitsio"),
        Row(
            "the same as a labelled Dataset",
            both(dataset),
            share,
            "<= 1.3x",
        ),
        Row("files in no cache", ms(again), told[True], ">= 8x faster than fitsio"),
        Row("first question of a new process, files in no cache", ms(cold_seconds(folder)), "-", "<= 100 ms"),
    ]


def warm_read(archive, place):
    started, busy = time.perf_counter(), time.process_time()
    pixel(archive, "MIRIMAGE", x=place[0], y=place[1]).read()
    return time.perf_counter() - started, time.process_time() - busy


def cold_pages(folder, places):
    times = []
    with open_archive(folder / "home", readonly=True) as archive:
        warm_read(archive, (9, 9))
        for place in places[:3]:
            forget(folder / "home")
            times.append(warm_read(archive, place)[0])
    return statistics.median(times)


# -- a campaign, and the real exposure ------------------------------------------------------------------


def campaign(folder):
    """Rows: a campaign of 332 exposures, and a third of it: linear, and memory flat."""
    truth = simulate_campaign(folder / "raw", exposures=2, nints=5, ngroups=20)
    path = truth.exposures[1].path
    products = simulate_calibration(path, folder / "cal" / "v3")
    archive = open_archive(folder / "home")
    with archive, fits.open(path) as hdus, fits.open(products[0]) as ramp, fits.open(products[1]) as rates:
        archive.ingest([path, *products[:2]], progress=False)
        first = {d["kind"]: d for d in archive.headers.find({})}
        raw, sci, slope = hdus["SCI"].data, ramp["SCI"].data.astype("f4"), rates["SCI"].data.astype("f4")
        for n in range(1, CAMPAIGN):
            added = {
                "uncal": {"sci": (raw + np.uint16(n), "ramp")},
                "ramp": {"sci": (sci + np.float32(n), "ramp")},
                "rateints": {"sci": (slope + np.float32(n), "slope"), "err": (slope * np.float32(n), "slope")},
            }
            for kind, arrays in added.items():
                made = {name: archive.store.put(array, kind=k).to_dict() for name, (array, k) in arrays.items()}
                refs = dict(first[kind]["arrays"]) | made
                archive.session.headers.insert_one(another(first[kind], n, {k: Plain(v) for k, v in refs.items()}))
        places = [(x, 800) for x in range(10, 50, 5)]
        third = {"where": {"exposure": {"$lt": f"jw09999001001_02101_{CAMPAIGN // 3 + 1:05d}"}}}
        some = statistics.median(read_seconds(archive, place, **third) for place in places)
        every = statistics.median(read_seconds(archive, place) for place in places)
        before = statistics.median(history_seconds(archive, place) for place in places)
        update_rates(archive.session)
        after = statistics.median(history_seconds(archive, place) for place in places)
    return [
        Row(
            f"one pixel in {CAMPAIGN} exposures; in {CAMPAIGN // 3}",
            f"{ms(every)}; {ms(some)}",
            "-",
            "<= 300 ms, linear",
        ),
        Row(
            f"slopes of {CAMPAIGN * 5} integrations, with and without the rate history",
            f"{ms(after)}; {ms(before)}",
            "-",
            "-",
        ),
    ]


class Plain:
    """A reference that is a dict already."""

    def __init__(self, ref):
        self.ref = ref
        self.digest = ref["digest"]

    def to_dict(self):
        return dict(self.ref)


def read_seconds(archive, place, **more):
    started = time.perf_counter()
    pixel(archive, "MIRIMAGE", x=place[0], y=place[1], **more).read()
    return time.perf_counter() - started


def history_seconds(archive, place):
    started = time.perf_counter()
    pixel(archive, "MIRIMAGE", x=place[0], y=place[1]).read_slopes()
    return time.perf_counter() - started


def subarray(folder):
    """Rows: a SUB64 exposure of 5 x 50, raw, ramp and slopes, as the peer's figures are of; the real one if named."""
    real = os.environ.get("DARKROOM_MIRI_EXPOSURE")
    truth = simulate_campaign(folder / "raw", exposures=2, nints=5, ngroups=50)
    products = simulate_calibration(truth.exposures[1].path, folder / "cal" / "v3")
    raw = Path(real) if real else truth.exposures[1].path
    times, deletes, stored = [], [], 0
    for n in range(5):
        with open_archive(folder / f"home{n}") as archive:
            archive.status()
            started = time.perf_counter()
            report = archive.ingest([raw, *products[:2]], jobs=1, progress=False)
            times.append(time.perf_counter() - started)
            stored = report.stored
            ids = [d["_id"] for d in archive.headers.find({}, {"_id": 1})]
            started = time.perf_counter()
            archive.delete(ids)
            deletes.append(time.perf_counter() - started)
    peer = "MIRI Pixel Database"
    return [
        Row(f"SUB64, 5 x 50, {'real' if real else 'simulated'} raw, ramp, slopes: ingest", ms(statistics.median(times)),
            f"{peer}: 37-56 s", "<= 500 ms"),
        Row("the same on disk", f"{stored / 1e6:.2f} MB", f"{peer}: 353 MB", "<= 4.5 MB"),
        Row("the same deleted", ms(statistics.median(deletes)), f"{peer}: 5-7 s", "<= 50 ms"),
    ]  # fmt: skip


def main():
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder)
        (small / "sub").mkdir()
        print(table("One exposure", subarray(small / "sub")), flush=True)
        (small / "campaign").mkdir()
        print(table("A campaign of SUB64 exposures", campaign(small / "campaign")), flush=True)
        (small / "full").mkdir()
        title = f"One pixel in {LIVES} FULL exposures of 10-30 groups"
        print(table(title, lives(small / "full")), flush=True)


if __name__ == "__main__":
    main()
