"""Figures of the array store on a FULL MIRI exposure and on CCD frames, each beside its peer.

The exposure is simulated to have the scatter of the real one: a fixed pattern of some 1,000 DN
between neighbours, 32 DN a group, 6.2 DN of noise. Its three FITS files are those the pipeline
writes today, 1.0 GB. The real ground-test exposure is measured too where DARKROOM_MIRI_EXPOSURE
names it. Run it alone with ``python -m tests.benchmarks.bench_arrays``.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from arraystore import open_store
from tests.benchmarks.measure import Row, median_both, median_seconds, table

ROWS, COLUMNS, INTS, GROUPS = 1024, 1032, 5, 20
Y, X = 511, 299
LIFE = 100
MANY = int(os.environ.get("DARKROOM_BENCH_EXPOSURES", "10000"))

INGEST = """
import sys
from tests.benchmarks import bench_arrays as bench
from arraystore import open_store
import numcodecs, pcodec
if sys.argv[1]:
    store = open_store(sys.argv[1])
    for path in sys.argv[2:]:
        for hdu, kind in bench.images(path):
            store.put(hdu, kind=kind)
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""


@dataclass
class FitsImage:
    """Pixels of an image HDU, read in bands with pread: what an ingest hands to the store."""

    path: str
    offset: int
    stored: np.dtype
    dtype: np.dtype
    shape: tuple

    def read(self, start, stop):
        *planes, rows, columns = self.shape
        count = int(np.prod(planes, dtype=int))
        band = np.empty((count, stop - start, columns), self.stored)
        plane, row = rows * columns * self.stored.itemsize, columns * self.stored.itemsize
        with open(self.path, "rb") as file:
            for n in range(count):
                view = memoryview(band[n]).cast("B")
                os.preadv(file.fileno(), [view], self.offset + n * plane + start * row)
        if self.dtype.kind == "u" and self.dtype.itemsize > 1:  # BZERO is the sign bit
            band = band.view(f">u{self.dtype.itemsize}") ^ self.dtype.type(1 << 8 * self.dtype.itemsize - 1)
        return band.astype(self.dtype, copy=False).reshape(*planes, stop - start, columns)


def images(path):
    """Image HDUs of a file as sources, with their kinds."""
    kinds = {"uncal": {}, "ramp": {"GROUPDQ": "groupdq", "PIXELDQ": "dq"}, "rateints": {"DQ": "dq"}}
    stem = Path(path).stem
    found = []
    with fits.open(path) as hdus:
        for hdu in hdus[1:]:
            stored = {8: "u1", 16: ">i2", 32: ">i4", -32: ">f4"}[hdu._orig_bitpix]
            dtype = np.dtype({"u1": "u1", ">i2": "u2", ">i4": "u4", ">f4": "f4"}[stored])
            source = FitsImage(str(path), hdu.fileinfo()["datLoc"], np.dtype(stored), dtype, hdu.shape)
            kind = kinds[stem].get(hdu.name, "slope" if stem == "rateints" else "ramp")
            found.append((source, kind))
    return found


def raw_ramp(rng, nint=INTS, ngroup=GROUPS, columns=COLUMNS):
    """A raw cube with the fixed pattern, slopes and noise of the detector."""
    shape = (ROWS, columns)
    pattern = 10_000 + rng.normal(0, 520, shape)
    pattern += rng.normal(0, 860, (ROWS, 1)) + rng.normal(0, 230, (1, columns))
    slope = 32 * np.exp(rng.normal(0, 0.15, shape))
    ramp = np.empty((nint, ngroup, *shape), "u2")
    for group in range(ngroup):
        mean = (pattern + slope * (group + 1)).astype("f4")
        for integration in range(nint):
            ramp[integration, group] = mean + 6.17 * rng.standard_normal(shape, "f4")
    return ramp


def write_exposure(folder):
    """The three files of one FULL exposure."""
    rng = np.random.default_rng(1)
    raw = raw_ramp(rng)
    refout = (20_000 + 12 * rng.standard_normal((INTS, GROUPS, ROWS, 258), "f4")).astype("u2")
    cal = raw.astype("f4")
    cal += np.float32(1.2e-6) * cal * cal
    cal -= rng.normal(3, 1, (GROUPS, ROWS, COLUMNS)).astype("f4")
    groupdq = np.zeros(raw.shape, "u1")
    for _ in range(40_000):
        i, g, y, x = (int(rng.integers(n)) for n in raw.shape)
        groupdq[i, g, y, x] = 4
    bad = (rng.random((ROWS, COLUMNS)) < 0.001).astype("u4")
    groupdq |= bad.astype("u1")
    rate = ((raw[:, -1].astype("f4") - raw[:, 0]) / (GROUPS - 1)).astype("f4")
    rate += rng.normal(0, 0.2, rate.shape).astype("f4")  # a fit of a slope gives no even fractions
    rates = {"SCI": rate, "ERR": np.sqrt(np.abs(rate) + 1)}
    rates |= {"VAR_POISSON": np.abs(rate) / 9, "VAR_RNOISE": rate**2 / 99}
    files = {
        "uncal": {"SCI": raw, "REFOUT": refout},
        "ramp": {"SCI": cal, "PIXELDQ": bad, "GROUPDQ": groupdq, "REFOUT": refout.astype("f4")},
        "rateints": {**rates, "DQ": np.repeat(bad[None], INTS, axis=0)},
    }
    for stem, arrays in files.items():
        hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(array, name=name) for name, array in arrays.items())]
        fits.HDUList(hdus).writeto(folder / f"{stem}.fits")
    return [folder / f"{stem}.fits" for stem in files]


def compressed(array, method):
    """How many times smaller FITS tile compression makes an array, without loss."""
    planes = array.reshape(-1, *array.shape[-2:])
    tile = (1, *planes.shape[1:])
    hdu = fits.CompImageHDU(planes, compression_type=method, tile_shape=tile, quantize_level=0.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.fits"
        started = time.perf_counter()
        hdu.writeto(path)
        seconds = time.perf_counter() - started
        return array.nbytes / path.stat().st_size, seconds


def forget(*folders):
    """Drop the files below these folders from the page cache."""
    os.sync()
    for folder in folders:
        for path in [folder] if folder.is_file() else folder.rglob("*"):
            if path.is_file():
                descriptor = os.open(path, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)


def disk_bytes():
    """Bytes this process has had read from the disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("read_bytes")).split()[1])


def cold(action, *places):
    """Seconds and bytes from disk of an action whose files are in no cache."""
    results = []
    for _ in range(3):
        forget(*places)
        before, started = disk_bytes(), time.perf_counter()
        action()
        results.append((time.perf_counter() - started, disk_bytes() - before))
    return statistics.median(r[0] for r in results), statistics.median(r[1] for r in results)


def ms(seconds):
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"


def both(times):
    """Wall time, and CPU time."""
    wall, busy = times
    return f"{ms(wall)} ({ms(busy)} of CPU time)"


def mb(nbytes):
    return f"{nbytes / 1e6:.2f} MB" if nbytes < 1e7 else f"{nbytes / 1e6:.0f} MB"


def copied(paths, folder):
    """Seconds that ``cp`` and ``sync`` take."""
    times = []
    for n in range(3):
        target = folder / f"copy{n}"
        target.mkdir()
        started = time.perf_counter()
        subprocess.run(["cp", *paths, target], check=True)
        subprocess.run(["sync", "-d", *(target / p.name for p in paths)], check=True)
        times.append(time.perf_counter() - started)
        shutil.rmtree(target)
    return statistics.median(times)


def own_peak(*arguments):
    """Peak memory (MB) of an ingest in a process of its own: what wait4 says counts its parent's too."""
    out = subprocess.run([sys.executable, "-c", INGEST, *map(str, arguments)], stdout=subprocess.PIPE, check=True)
    return int(out.stdout) / 1024


def taken(paths, folder):
    """Store every array of the files, each run in a new store: references, seconds, seconds of processor."""
    times, busy, refs = [], [], {}
    for _ in range(3):
        shutil.rmtree(folder / "store", ignore_errors=True)
        store = open_store(folder / "store")
        started, before = time.perf_counter(), time.process_time()
        for path in paths:
            for number, (source, kind) in enumerate(images(path)):
                refs[path.stem, number] = store.put(source, kind=kind)
        times.append(time.perf_counter() - started)
        busy.append(time.process_time() - before)
    return store, refs, statistics.median(times), statistics.median(busy)


def write_rows(folder, paths):
    store, refs, seconds, busy = taken(paths, folder)
    copy = copied(paths, folder)
    nbytes, stored = sum(p.stat().st_size for p in paths), sum(ref.stored for ref in refs.values())
    uncal = fits.getdata(paths[0], "SCI")
    part = np.ascontiguousarray(uncal[0])
    rice, rice_seconds = compressed(part, "RICE_1")
    gzip, _ = compressed(np.ascontiguousarray(fits.getdata(paths[1], "SCI")[0, ::5].astype("f4")), "GZIP_2")
    raw, cal = refs["uncal", 0], refs["ramp", 0]
    ratio, cal_ratio = raw.nbytes / raw.stored, cal.nbytes / cal.stored
    started = time.perf_counter()
    np.save(folder / "peer.npy", uncal)
    saved = time.perf_counter() - started
    api = zarr_write(folder, uncal)
    one = median_both(lambda: (shutil.rmtree(folder / "one", ignore_errors=True),
                               open_store(folder / "one").put(uncal, kind="ramp")), runs=3)  # fmt: skip
    base, peak = own_peak(""), own_peak(folder / "two", *paths)
    return store, refs, [
        Row("FULL exposure, size", mb(stored), f"{mb(nbytes)} of FITS", "<= 400 MB"),
        Row("raw cube, times smaller", f"{ratio:.2f}", f"RICE_1 {rice:.2f}: {ratio / rice:.2f}x", ">= 1.9x RICE_1"),
        *real_rows(folder),
        Row("calibrated ramp, times smaller", f"{cal_ratio:.2f}", f"GZIP_2 {gzip:.2f}: {cal_ratio / gzip:.2f}x",
            ">= 1.3x GZIP_2"),
        Row("exposure to disk, fsynced", f"{ms(seconds)} ({busy:.1f} s of CPU time)",
            f"cp + sync {ms(copy)}: {seconds / copy:.1f}x", "<= 4x"),
        Row("raw cube to disk", both(one),
            f"np.save {ms(saved)}, RICE_1 {ms(rice_seconds * INTS)}, zarr API {ms(api)}", "-"),
        Row("memory above imports", f"{peak - base:.0f} MB", f"largest array {mb(cal.nbytes)}", "<= 200 MB"),
    ]  # fmt: skip


def real_rows(folder):
    place = os.environ.get("DARKROOM_MIRI_EXPOSURE")
    if not place:
        return []
    cube = np.asarray(fits.getdata(place))[:, :64].reshape(5, 50, 64, 72)
    ref = open_store(folder / "real").put(cube, kind="ramp")
    rice, _ = compressed(np.ascontiguousarray(cube), "RICE_1")
    ratio = ref.nbytes / ref.stored
    return [Row("real raw cube", f"{ratio:.2f}", f"RICE_1 {rice:.2f}: {ratio / rice:.2f}x", ">= 1.9x RICE_1")]


def zarr_write(folder, array):
    """Seconds of zarr-python's own way to one shard of the same chunks, with its default codec."""
    import zarr

    started = time.perf_counter()
    peer = zarr.create_array(
        folder / "peer.zarr", shape=(ROWS, COLUMNS, INTS, GROUPS), dtype="u2",
        chunks=(16, 24, INTS, GROUPS), shards=(ROWS, COLUMNS, INTS, GROUPS), overwrite=True,
    )  # fmt: skip
    peer[...] = np.ascontiguousarray(array.transpose(2, 3, 0, 1))
    return time.perf_counter() - started


def read_rows(store, refs, paths, folder):
    import zarr

    document = refs["uncal", 0].to_dict()
    cube = store.open(document)
    with fits.open(paths[0]) as hdus:
        offset = hdus["SCI"].fileinfo()["datLoc"]
    _, few = cold(lambda: store.open(document)[:, :, Y, X], folder / "store")
    _, many = cold(lambda: np.array(np.memmap(paths[0], ">i2", "r", offset, cube.shape)[:, :, Y, X]), paths[0])
    with fits.open(paths[0]) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        section = hdus["SCI"].section
        mapped = np.memmap(paths[0], ">i2", "r", offset, cube.shape)
        stock = zarr.open_array(folder / "store" / refs["uncal", 0].path, mode="r")
        pixel = median_seconds(lambda: store.open(document)[:, :, Y, X], runs=101)
        fits_pixel = median_seconds(lambda: section[:, :, Y, X], runs=21)
        zarr_pixel = median_seconds(lambda: stock[Y, X], runs=21)
        box = np.s_[:, :, 100:132, 300:332]
        cut, fits_cut = median_seconds(lambda: cube[box]), median_seconds(lambda: section[box], runs=5)
        image = median_both(lambda: cube[2, 7], runs=5)
        fits_image = median_seconds(lambda: section[2, 7], runs=9)
        quick = median_seconds(cube.quicklook, runs=21)
        fits_last = median_seconds(lambda: section[0, -1], runs=21)
        full = median_both(lambda: np.asarray(cube), runs=5)
        given = np.zeros(cube.shape, cube.dtype)
        into = median_both(lambda: cube.read_into(given), runs=5)
        zarr_full = median_seconds(lambda: stock[...], runs=1)
        assert np.array_equal(cube[2, 7], section[2, 7])
        assert np.array_equal(mapped[:, :, Y, X].astype("i4") + 32768, cube[:, :, Y, X])
    fits_full = median_both(lambda: fits.getdata(paths[0], "SCI"), runs=5)
    return [
        Row("pixel, all groups, warm", ms(pixel), f".section {ms(fits_pixel)}, zarr API {ms(zarr_pixel)}",
            "<= 0.5 ms, 5x .section"),
        Row("pixel, read cold", mb(few), f"memory-mapped FITS {mb(many)}: {many / max(few, 1):.0f}x",
            "<= 0.15 MB, 100x"),
        Row("cut-out 32 x 32, all groups", ms(cut), f".section {ms(fits_cut)}", "-"),
        Row("group image", both(image), f".section {ms(fits_image)}", "<= 400 ms"),
        Row("group image that has a preview", ms(quick), f".section {ms(fits_last)}: {quick / fits_last:.1f}x",
            "<= 2x .section"),
        Row("whole raw cube", both(full),
            f"astropy {both(fits_full)}: {full[0] / fits_full[0]:.1f}x, zarr API {ms(zarr_full)}", "<= 1.2x"),
        Row("the same into the caller's array", both(into), f"astropy: {into[0] / fits_full[0]:.1f}x", "<= 1.2x"),
    ]  # fmt: skip


def life_rows(folder):
    """One pixel in a hundred exposures of 10 to 30 groups, opened from their documents."""
    rng = np.random.default_rng(2)
    ramp = raw_ramp(rng, 1, 30)
    store = open_store(folder / "life")
    documents = [
        store.put(ramp[:, : int(rng.integers(10, 31))] + np.uint16(n), kind="ramp").to_dict() for n in range(LIFE)
    ]

    def read():
        return store.read_many(documents, np.s_[:, :, Y, X])

    def zarr_read():
        return [zarr.open_array(folder / "life" / document["path"], mode="r")[Y, X] for document in documents]

    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm, zarr_warm = median_seconds(read, runs=21), median_seconds(zarr_read, runs=3)
        seconds, nbytes = cold(read, folder / "life")
        zarr_cold, zarr_bytes = cold(zarr_read, folder / "life")
    return [
        Row("pixel in 100 exposures, warm", ms(warm), f"zarr API {ms(zarr_warm)}", "<= 20 ms"),
        Row("pixel in 100 exposures, cold", f"{ms(seconds)}, {mb(nbytes)}",
            f"zarr API {ms(zarr_cold)}, {mb(zarr_bytes)}", "<= 30 ms"),
    ]  # fmt: skip


def bucket_rows(folder):
    """A pixel over a line with 20 ms of latency, from an S3 server on this machine."""
    from tests.arraystore.servers import Line, s3_server

    ramp = raw_ramp(np.random.default_rng(5), 1, 10)
    with s3_server() as url:
        line = Line(url)
        keys = "access_key_id=a&secret_access_key=b&region=us-east-1"
        store = open_store(f"s3://pixels/bench?endpoint={line.url}&{keys}")
        documents = [store.put(ramp[..., n * 64 : n * 64 + 64, :], kind="ramp").to_dict() for n in range(16)]
        whole = store.put(ramp, kind="ramp").to_dict()
        line.latency = 0.02
        line.received = line.requests = 0
        one = median_seconds(lambda: store.open(whole)[:, :, Y, X], runs=5)
        nbytes, requests = line.received // 6, line.requests // 6
        many = median_seconds(lambda: store.read_many(documents, np.s_[:, :, 5, X]), runs=5)
        image = median_seconds(lambda: store.open(whole)[0, 3], runs=3)
        line.close()
    return [
        Row("pixel, all groups", f"{ms(one)}, {requests} requests, {mb(nbytes)}",
            f"whole object {mb(whole['stored'])}", "<= 0.15 MB"),
        Row("pixel in 16 exposures", ms(many), f"one after the other {ms(16 * one)}", "-"),
        Row("group image of 21 MB", ms(image), "-", "-"),
    ]  # fmt: skip


def frame_rows(folder):
    rng = np.random.default_rng(3)
    shape = (2536, 3358)
    y, x = np.mgrid[: shape[0], : shape[1]]
    hot = rng.exponential(200, shape) * (rng.random(shape) < 0.01)
    frames = {
        "dark": (1000 + 25 * rng.standard_normal(shape) + hot).astype("u2"),
        "flat": rng.poisson(25_000 - 1e-3 * ((y - 1268) ** 2 + (x - 1679) ** 2)).astype("u2"),
    }
    rows = []
    for name, frame in frames.items():
        store = open_store(folder / name)
        ref = store.put(frame, kind="frame")
        rice, rice_seconds = compressed(frame, "RICE_1")
        path = folder / f"{name}.fits"
        fits.PrimaryHDU(frame).writeto(path)
        others = iter([frame ^ np.uint16(n) for n in range(1, 8)])
        put = median_both(lambda store=store, others=others: store.put(next(others), kind="frame"), runs=5)
        back = median_both(lambda store=store, ref=ref: np.asarray(store.open(ref)))
        peer = median_seconds(lambda path=path: fits.getdata(path))
        ratio = ref.nbytes / ref.stored
        aim = ">= 2.1, > RICE_1" if name == "dark" else ">= 1.4, > RICE_1"
        rows += [
            Row(f"CCD {name}, times smaller", f"{ratio:.2f}", f"RICE_1 {rice:.2f}", aim),
            Row(f"CCD {name} to disk", both(put), f"RICE_1 {ms(rice_seconds)}",
                f"<= {100 if name == 'dark' else 130} ms of CPU time"),
            Row(f"CCD {name} back", both(back), f"astropy, uncompressed {ms(peer)}", "<= 40 ms"),
        ]  # fmt: skip
    return rows


def growth_rows(folder):
    """Cost of put and open in a store that has few arrays, and many."""
    store = open_store(folder / "many", threads=1)
    ramp = np.random.default_rng(4).integers(0, 4000, (1, 5, 64, 72)).astype("u2")
    put, opened = [], []
    for n in range(MANY):
        ramp[0, 0, 0, :2] = n % 60_000, n // 60_000
        started = time.perf_counter()
        document = store.put(ramp, kind="ramp").to_dict()
        put.append(time.perf_counter() - started)
        started = time.perf_counter()
        store.open(document)[:, :, 3, 4]
        opened.append(time.perf_counter() - started)
    few, many = slice(5, 105), slice(-100, None)
    return [
        Row(f"put, {MANY} exposures stored", ms(statistics.median(put[many])),
            f"with 100 {ms(statistics.median(put[few]))}", "flat"),
        Row(f"open + pixel, {MANY} exposures stored", ms(statistics.median(opened[many])),
            f"with 100 {ms(statistics.median(opened[few]))}", "flat"),
    ]  # fmt: skip


def main():
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-", dir=os.environ.get("DARKROOM_BENCH_FOLDER")) as name:
        folder = Path(name)
        paths = write_exposure(folder)
        store, refs, rows = write_rows(folder, paths)
        rows += read_rows(store, refs, paths, folder)
        print(table("Arrays: one FULL MIRI exposure", rows), flush=True)
        shutil.rmtree(folder / "store")
        print(table("Arrays: a pixel's life", life_rows(folder)), flush=True)
        print(table("Arrays: in a bucket, 20 ms away", bucket_rows(folder)), flush=True)
        print(table("Arrays: CCD frames 2536 x 3358", frame_rows(folder)), flush=True)
        print(table("Arrays: growth", growth_rows(folder)), flush=True)


if __name__ == "__main__":
    main()
