"""Arrays of an earlier release and of this tree, in one run: the same script in a process of each, in turns.

The earlier one is a work tree whose place DARKROOM_BENCH_BEFORE names, as ``git worktree add ../before RELEASE`` makes
it. Times are the least of the runs, CPU time first: other work on the machine makes both longer, never shorter.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

from tests.benchmarks.bench_arrays import ROWS, copied, mb, raw_ramp, write_exposure
from tests.benchmarks.measure import Row, table

RUNS = int(os.environ.get("DARKROOM_BENCH_RUNS", "3"))
ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, os, resource, shutil, sys, time
from pathlib import Path
import numpy as np
from astropy.io import fits
from arraystore import open_store
from tests.benchmarks.bench_arrays import images

root, answers = Path(sys.argv[1]), {}

def busy():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)  # of the workers of an ingest too

def timed(name, action, *, runs=1):
    best = (9e9, 9e9)
    for _ in range(runs):
        wall, cpu = time.perf_counter(), busy()
        value = action()
        best = min(best, (busy() - cpu, time.perf_counter() - wall))
    answers[name] = best
    return value

def exposure():
    shutil.rmtree(root / "store", ignore_errors=True)
    store = open_store(root / "store")
    refs = {}
    for stem in ("uncal", "ramp", "rateints"):
        for number, (source, kind) in enumerate(images(root / f"{stem}.fits")):
            refs[stem, number] = store.put(source, kind=kind)
    return store, refs

open_store("memory://warm").put(np.arange(9).reshape(3, 3), kind="frame")
store, refs = timed("exposure", exposure)
answers["exposure bytes"] = sum(ref.stored for ref in refs.values())
answers["memory"] = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
cube = store.open(refs["uncal", 0])
timed("whole raw cube", lambda: np.asarray(cube), runs=3)
timed("group image", lambda: cube[2, 7], runs=3)
timed("cut-out", lambda: cube[:, :, 100:132, 300:332], runs=9)
timed("pixel", lambda: cube[:, :, 511, 299], runs=99)
for path in sorted(root.glob("*.npy")):
    array = np.load(path)
    kind = "ramp" if array.ndim == 4 else "frame"
    store = open_store(root / "one")
    def put():
        shutil.rmtree(root / "one")
        return open_store(root / "one").put(array, kind=kind)
    ref = timed(path.stem, put, runs=3)
    answers[f"{path.stem} bytes"] = ref.stored
    shutil.rmtree(root / "one")
from pipelines import open_archive
with open_archive(root / "home") as archive:
    timed("ingest", lambda: archive.ingest([root / "ramp.fits"], jobs=1, progress=False))
    (document,) = archive.headers.find({}, {"_id": 1})
    timed("export", lambda: archive.export(document["_id"], root / "out.fits"))
(root / "out.fits").unlink()
shutil.rmtree(root / "home")
print(json.dumps(answers))
"""


def inputs(folder):
    """A FULL exposure, a cube of zeros, raw cubes whose slopes agree and differ, and frames, in files."""
    write_exposure(folder)
    rng = np.random.default_rng(7)
    np.save(folder / "zeros.npy", np.zeros((5, 20, ROWS, 1032), "f4"))
    np.save(folder / "slopes that agree.npy", raw_ramp(rng)[:, :, :256])
    shape = (256, 1032)
    pattern, slope = 5000 + rng.normal(0, 520, shape), np.abs(rng.normal(0, 600, shape))
    ramp = [pattern + slope * group + 6.17 * rng.standard_normal((5, *shape)) for group in range(1, 21)]
    np.save(folder / "slopes of any size.npy", np.clip(np.stack(ramp, axis=1), 0, 65535).astype("u2"))
    y, x = np.mgrid[:2536, :3358]
    hot = rng.exponential(200, y.shape) * (rng.random(y.shape) < 0.01)
    np.save(folder / "CCD dark.npy", (1000 + 25 * rng.standard_normal(y.shape) + hot).astype("u2"))
    flat = rng.poisson(25_000 - 1e-3 * ((y - 1268) ** 2 + (x - 1679) ** 2)).astype("u2")
    np.save(folder / "CCD flat.npy", flat)
    return {path.stem: np.load(path, mmap_mode="r").nbytes for path in folder.glob("*.npy")}


def measured(folder, before):
    """What each tree answers: the least of its times."""
    answers = {}
    for _ in range(RUNS):
        for name, tree in (("before", before), ("now", ROOT)):
            environment = os.environ | {"PYTHONPATH": str(tree), "DARKROOM_HOME": str(folder / "home")}
            command = [sys.executable, "-W", "ignore", "-c", SCRIPT, folder]
            done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            for what, value in json.loads(done.stdout.splitlines()[-1]).items():
                known = answers.setdefault(name, {}).get(what, value)
                answers[name][what] = min(known, value)
    return answers["before"], answers["now"]


def rows(folder, before):
    """Rows: what each takes."""
    sizes = inputs(folder)
    old, new = measured(folder, before)
    copy = copied([folder / f"{stem}.fits" for stem in ("uncal", "ramp", "rateints")], folder)
    astropy = min(_seconds(lambda: fits.getdata(folder / "uncal.fits", "SCI")) for _ in range(3))
    aims = {
        "exposure": f"<= 4.2 s CPU, <= 4x cp + sync ({copy:.2f} s)",
        "whole raw cube": f"<= 1.2x astropy ({1e3 * astropy:.0f} ms)",
        "CCD dark": "<= 100 ms CPU, <= 5 % more bytes",
        "CCD flat": "<= 130 ms CPU, <= 3 % more bytes",
        "slopes that agree": "2.7 times smaller",
        "slopes of any size": ">= 2.1 times smaller",
        "export": "no slower",
    }
    made = []
    for what, (cpu, wall) in ((what, value) for what, value in new.items() if isinstance(value, list)):
        texts = []
        for answers in (new, old):
            cpu, wall = answers[what]
            text = f"{_ms(cpu)} CPU, {_ms(wall)}"
            if nbytes := answers.get(f"{what} bytes"):
                text += f", {mb(nbytes)}" + (f" ({sizes[what] / nbytes:.2f} times smaller)" if what in sizes else "")
            texts.append(text)
        made.append(Row(what, *texts, aims.get(what, "-")))
    made.append(Row("memory of the exposure", f"{new['memory']:.0f} MB", f"{old['memory']:.0f} MB", "<= 400 MB"))
    return made


def _seconds(action):
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _ms(seconds):
    return (
        f"{seconds:.2f} s"
        if seconds >= 1
        else f"{1e3 * seconds:.2f} ms"
        if seconds < 0.01
        else f"{1e3 * seconds:.0f} ms"
    )


def main():
    """Measure and print."""
    before = os.environ.get("DARKROOM_BENCH_BEFORE")
    if not before:
        print("DARKROOM_BENCH_BEFORE names no work tree of an earlier release: nothing is compared")
        return
    place = tempfile.mkdtemp(prefix="darkroom-bench-", dir=os.environ.get("DARKROOM_BENCH_FOLDER"))
    try:
        title = "Arrays: this tree beside an earlier release"
        print(table(title, rows(Path(place), Path(before).resolve())), flush=True)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
