"""Figures of combining: what is rejected, and how fast, beside astropy and ccdproc on the same frames.

Each timing is the first call in a fresh process, after its imports; the best of a few processes. Run it
alone with ``python -m tests.benchmarks.bench_combine``.
"""

import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from arraystore import open_store
from pipelines.combine import combine
from tests.benchmarks.measure import PEAK, Row, table
from tests.benchmarks.rejection import simulated, verdict

SHAPE = (2536, 3358)
FRAMES = 20
PIXELS = SHAPE[0] * SHAPE[1]
TABLE_SHAPE = (1000, 1000)

OURS = """
import json, sys, time
import numpy as np
from arraystore import open_store
from pipelines.combine import combine, measure_noise
store = open_store(sys.argv[1])
cubes = [store.open(ref) for ref in json.loads(open(sys.argv[2]).read())[: int(sys.argv[3])]]
started = time.perf_counter()
made = combine(cubes, method=sys.argv[4])
print(time.perf_counter() - started)
if len(sys.argv) > 5:
    np.save(sys.argv[5], made.value)
"""

CCDPROC = """
import sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
import ccdproc
options = {"clip": {"method": "average", "sigma_clip": True, "sigma_clip_low_thresh": 3, "sigma_clip_high_thresh": 3,
           "sigma_clip_func": np.ma.median, "sigma_clip_dev_func": np.ma.std}, "median": {"method": "median"},
           "mean": {"method": "average"}}
started = time.perf_counter()
ccdproc.combine(sys.argv[2:], unit="adu", **options[sys.argv[1]])
print(time.perf_counter() - started)
"""

ASTROPY = """
import sys, time
import numpy as np
from astropy.io import fits
from astropy.stats import sigma_clip
started = time.perf_counter()
stack = np.stack([fits.getdata(path) for path in sys.argv[2:]])
clipped = sigma_clip(stack, sigma=3, maxiters=5, axis=0)
mean = np.ma.mean(clipped.astype(np.float64), axis=0)
print(time.perf_counter() - started)
np.save(sys.argv[1], mean.filled(np.nan).astype(np.float32))
"""


def run(script, *arguments, runs=1):
    """Best time (s) that a script prints, and its largest peak memory (MB)."""
    times, peaks = [], []
    for _ in range(runs):
        command = [sys.executable, "-c", script + PEAK, *map(str, arguments)]
        lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        times.append(float(lines[-2]))
        peaks.append(int(lines[-1]) / 1024)
    return min(times), max(peaks)


def write_frames(folder):
    """Darks of a camera with hot pixels and hits, in a store and as FITS files."""
    import json

    from astropy.io import fits

    rng = np.random.default_rng(3)
    hot = (rng.exponential(200, SHAPE) * (rng.random(SHAPE) < 0.01)).astype(np.float32)
    level = 1000 + 2 * rng.standard_normal(SHAPE, dtype=np.float32) + hot
    sigma = np.sqrt(100 + hot / np.float32(0.4))
    store = open_store(folder / "store")
    refs, paths = [], []
    for n in range(FRAMES):
        frame = level + sigma * rng.standard_normal(SHAPE, dtype=np.float32)
        frame.flat[rng.integers(0, frame.size, 4000)] += rng.gamma(2, 600, 4000).astype(np.float32)
        counts = np.clip(np.rint(frame), 0, 65535).astype(np.uint16)
        refs.append(store.put(counts, kind="frame").to_dict())
        paths.append(folder / f"dark{n:02d}.fits")
        fits.PrimaryHDU(counts).writeto(paths[-1])
    (folder / "refs.json").write_text(json.dumps(refs))
    return paths


def speed_rows(folder):
    paths = write_frames(folder)
    ours = (folder / "store", folder / "refs.json")
    clip, clip_peak = run(OURS, *ours, FRAMES, "sigma-clip", folder / "clip.npy", runs=5)
    median, median_peak = run(OURS, *ours, FRAMES, "median", runs=5)
    noise, noise_peak = run(OURS, *ours, FRAMES, "noise-model", runs=5)
    three, three_peak = run(OURS, *ours, 3, "noise-model", runs=7)
    peer_clip, peer_clip_peak = run(CCDPROC, "clip", *paths)
    peer_median, peer_median_peak = run(CCDPROC, "median", *paths)
    peer_three, peer_three_peak = run(CCDPROC, "clip", *paths[:3])
    astropy, astropy_peak = run(ASTROPY, folder / "astropy.npy", *paths)
    differ = int((np.load(folder / "clip.npy") != np.load(folder / "astropy.npy")).sum())
    rate = FRAMES * PIXELS / noise
    return [
        Row(f"{FRAMES} frames, sigma-clipped mean", f"{clip:.2f} s, {clip_peak:.0f} MB",
            f"ccdproc {peer_clip:.1f} s, {peer_clip_peak:.0f} MB: {peer_clip / clip:.1f}x, "
            f"{peer_clip_peak / clip_peak:.0f}x; astropy {astropy:.1f} s, {astropy_peak:.0f} MB",
            "<= 1.7 s, 250 MB; 5x, 10x ccdproc"),
        Row("- pixels that differ from astropy's", f"{differ}", "-", "0"),
        Row(f"{FRAMES} frames, median", f"{median:.2f} s, {median_peak:.0f} MB",
            f"ccdproc {peer_median:.1f} s, {peer_median_peak:.0f} MB: {peer_median / median:.1f}x, "
            f"{peer_median_peak / median_peak:.0f}x", "<= 1.5 s; 5x, 10x ccdproc"),
        Row(f"{FRAMES} frames, noise model, measured too", f"{noise:.2f} s, {noise_peak:.0f} MB", "-", "<= 3 s"),
        Row("3 frames, noise model, measured too", f"{three:.2f} s, {three_peak:.0f} MB",
            f"ccdproc clip (rejects nothing) {peer_three:.1f} s, {peer_three_peak:.0f} MB", "<= 0.3 s"),
        Row("samples combined, each second", f"{rate / 1e6:.0f} M, {2 * rate / 1e9:.2f} GB",
            f"copying memory, all cores {bandwidth() / 1e9:.1f} GB", "-"),
    ]  # fmt: skip


def bandwidth():
    """Bytes a second that all cores together copy, from and to memory."""
    from concurrent.futures import ThreadPoolExecutor

    workers = os.cpu_count() or 1
    pairs = [(np.ones(1 << 25), np.zeros(1 << 25)) for _ in range(workers)]
    best = 0.0
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(5):
            started = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pairs))
            best = max(best, 2 * workers * pairs[0][0].nbytes / (time.perf_counter() - started))
    return best


def ccdproc_clip(frames):
    import ccdproc
    from astropy.nddata import CCDData

    combiner = ccdproc.Combiner([CCDData(frame, unit="adu") for frame in frames])
    combiner.sigma_clipping(low_thresh=3, high_thresh=3, func=np.ma.mean, dev_func=np.ma.std)
    made = combiner.average_combine()
    masks = np.ma.getmaskarray(combiner.data_arr) if hasattr(combiner, "data_arr") else combiner._data_arr_mask
    return np.asarray(made.data), len(frames) - np.asarray(masks).sum(axis=0)


def astropy_clip(frames, **options):
    from astropy.stats import sigma_clip

    clipped = sigma_clip(frames, sigma=3, maxiters=5, axis=0, **options)
    return np.ma.mean(clipped, axis=0).filled(np.nan), len(frames) - np.ma.getmaskarray(clipped).sum(axis=0)


def ours(name):
    def made(frames):
        result = combine(frames, method=name, planes=["count"])
        return result.value, None if name in ("median", "minmax") else result.count

    return made


WAYS = {
    "**noise model**": ours("noise-model"),
    "sigma clip": ours("sigma-clip"),
    "median": ours("median"),
    "min-max": ours("minmax"),
    "MAD clip": ours("mad-clip"),
    "percentile clip": ours("percentile"),
    "winsorized": ours("winsorized"),
    "astropy sigma_clip": astropy_clip,
    "astropy sigma_clip, mad_std": lambda frames: astropy_clip(frames, stdfunc="mad_std"),
    "ccdproc sigma_clipping": ccdproc_clip,
}


def rejection_table():
    """1 % of samples hit by 8-200 sigma: what each way makes of them."""
    lines = [
        "### Combining: 1 % of samples hit by 8 to 200 sigma", "",
        "| frames | method | noise / ideal mean | good samples rejected | hit pixels still bad |",
        "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for count in (3, 6, 20):
        frames, hit = simulated(count, TABLE_SHAPE, seed=count)
        for name, way in WAYS.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value, used = way(frames)
            result = verdict(value, used, hit)
            rejected = "-" if used is None else f"{100 * result.false_rejects:.3f} %"
            lines.append(f"| {count} | {name} | {result.noise:.2f} | {rejected} | {100 * result.still_bad:.2f} % |")
    lines += ["", "Aims of the noise model: noise <= 1.01, rejected <= 0.05 %, still bad <= 1.5 %, 0.1 %, 0 %."]
    return "\n".join(lines) + "\n"


def main():
    """Measure and print."""
    print(rejection_table(), flush=True)
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-", dir=os.environ.get("DARKROOM_BENCH_FOLDER")) as name:
        print(
            table(f"Combining: frames {SHAPE[0]} x {SHAPE[1]} uint16 from the archive", speed_rows(Path(name))),
            flush=True,
        )


if __name__ == "__main__":
    main()
