"""Sweeping and sharing: what is referenced or young is never lost, whoever else is at work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest

from arraystore import Lost, open_store

HOUR = timedelta(hours=1)


def images(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(1, 60000, (40, 50)).astype("u2") for _ in range(count)]


def age(store, digest, seconds):
    """Make an object as old as that."""
    backend = store._backend
    if hasattr(backend, "contents"):
        path = f"objects/{digest[:2]}/{digest}/manifest.json"
        backend.contents.times[path] -= seconds
    else:
        manifest = backend.folder(digest) / "manifest.json"
        os.utime(manifest, (time.time() - seconds,) * 2)


def test_only_old_and_unreferenced_objects_go(local):
    refs = [local.put(image, kind="frame") for image in images(4)]
    wanted = {refs[0].digest, refs[1].digest}
    for ref in (refs[0], refs[2]):
        age(local, ref.digest, 7200)
    dry = local.sweep(referenced=wanted.__contains__, grace=HOUR)
    assert dry.objects == (refs[2].digest,)
    assert dry.dry_run
    assert dry.nbytes == refs[2].stored
    assert all(local.exists(ref) for ref in refs)
    done = local.sweep(referenced=wanted.__contains__, grace=HOUR, dry_run=False)
    assert (done.objects, done.nbytes, done.dry_run) == (dry.objects, dry.nbytes, False)
    assert [local.exists(ref) for ref in refs] == [True, True, False, True]
    assert local.sweep(referenced=wanted.__contains__, grace=HOUR, dry_run=False).objects == ()
    with pytest.raises(ValueError, match="negative"):
        local.sweep(referenced=wanted.__contains__, grace=-HOUR)


def test_nothing_is_left_on_disk(files, folder):
    for image in images(3):
        files.put(image, kind="frame")
    files.put_records({"a/b/c": b"1"})
    files.delete_record("a/b/c")
    files.sweep(referenced=lambda d: False, grace=timedelta(0), dry_run=False)
    assert [p for p in folder.rglob("*") if p.is_file()] == [folder / "arraystore.json"]
    assert files.usage() == {"objects": 0, "records": 0, "nbytes": 0}


def test_putting_again_makes_an_object_young(local):
    (image,) = images(1)
    ref = local.put(image, kind="frame")
    age(local, ref.digest, 7200)
    assert local.put(image, kind="frame") == ref
    assert local.sweep(referenced=lambda d: False, grace=HOUR, dry_run=False).objects == ()


def test_an_object_put_while_it_is_being_swept_stays(local):
    """The last question is asked with the object out of reach; a put in between is seen."""
    (image,) = images(1)
    ref = local.put(image, kind="frame")
    age(local, ref.digest, 7200)
    asked = []

    def referenced(digest):
        asked.append(digest)
        if len(asked) == 2:
            assert local.put(image, kind="frame") == ref
            assert np.array_equal(local.open(ref)[...], image)
        return False

    report = local.sweep(referenced=referenced, grace=HOUR, dry_run=False)
    assert len(asked) == 2
    assert np.array_equal(local.open(ref)[...], image)
    assert local.verify(ref, "decode") == []
    assert [o.digest for o in local.objects()] == [ref.digest]
    del report


def test_an_object_referenced_while_it_is_being_swept_is_put_back(local):
    (image,) = images(1)
    ref = local.put(image, kind="frame")
    age(local, ref.digest, 7200)
    asked = []

    def referenced(digest):
        asked.append(digest)
        if len(asked) == 2:
            assert np.array_equal(local.open(ref)[...], image)  # readable even now
        return len(asked) == 2

    assert local.sweep(referenced=referenced, grace=HOUR, dry_run=False).objects == ()
    assert local.verify(ref, "decode") == []


def test_a_question_that_fails_loses_nothing(local):
    (image,) = images(1)
    ref = local.put(image, kind="frame")
    age(local, ref.digest, 7200)
    asked = []

    def referenced(digest):
        asked.append(digest)
        if len(asked) == 2:
            raise ConnectionError("the database went away")
        return False

    with pytest.raises(ConnectionError):
        local.sweep(referenced=referenced, grace=HOUR, dry_run=False)
    assert local.verify(ref, "decode") == []


@pytest.mark.parametrize("wanted", [True, False])
def test_what_a_killed_sweep_left_aside_is_readable_and_decided_by_the_next(files, folder, wanted):
    (image,) = images(1)
    ref = files.put(image, kind="frame")
    (folder / ".aside").mkdir()
    (folder / ref.path).rename(folder / ".aside" / ref.digest)
    age_path = folder / ".aside" / ref.digest / "manifest.json"
    os.utime(age_path, (time.time() - 7200,) * 2)
    assert np.array_equal(files.open(ref)[...], image)
    assert [o.digest for o in files.objects()] == [ref.digest]
    files.sweep(referenced=lambda d: wanted, grace=HOUR, dry_run=False)
    if wanted:
        assert files.verify(ref, "decode") == []
        assert np.array_equal(files.open(ref)[...], image)
    else:
        with pytest.raises(Lost):
            files.open(ref)[...]
        assert os.listdir(folder / ".aside") == []


def test_what_a_killed_sweep_left_aside_comes_back_when_it_is_put(files, folder):
    (image,) = images(1)
    ref = files.put(image, kind="frame")
    (folder / ".aside").mkdir()
    (folder / ref.path).rename(folder / ".aside" / ref.digest)
    assert files.put(image, kind="frame") == ref
    assert files.verify(ref, "decode") == []
    assert os.listdir(folder / ".aside") == []


def test_staging_goes_when_it_is_old_and_its_writer_is_gone(files, folder):
    staging = files._backend.stage()
    with staging.create("c.0") as file:
        file.write(b"x" * 1000)
    old = time.time() - 7200
    for path in (staging.folder / "c.0", staging.folder):
        os.utime(path, (old, old))
    dead = folder / ".staging" / "dead"
    dead.mkdir()
    (dead / "c.0").write_bytes(b"y" * 500)
    assert files.sweep(referenced=lambda d: False, grace=HOUR, dry_run=False).staging == ()
    for path in (dead / "c.0", dead):
        os.utime(path, (old, old))
    assert len(files.sweep(referenced=lambda d: False, grace=HOUR).staging) == 2
    report = files.sweep(referenced=lambda d: False, grace=HOUR, dry_run=False)
    assert report.staging == (".staging/dead",)
    assert os.listdir(folder / ".staging") == [staging.folder.name]
    staging.discard()


@pytest.mark.patient
def test_sweeps_and_puts_at_once_lose_nothing(files):
    """Puts that refer at once to what they put, beside sweeps with hardly any grace."""
    pictures = images(6, seed=3)
    referenced: set[str] = set()
    grace = timedelta(seconds=0.15)
    stop = threading.Event()
    failures: list[str] = []

    def sweeping():
        while not stop.is_set():
            files.sweep(referenced=lambda d: d in referenced, grace=grace, dry_run=False)

    def putting(worker):
        rng = np.random.default_rng(worker)
        while not stop.is_set():
            n = int(rng.integers(len(pictures)))
            started = time.perf_counter()
            ref = files.put(pictures[n], kind="frame")
            took = time.perf_counter() - started
            try:
                if took < 0.05 and not np.array_equal(files.open(ref)[...], pictures[n]):
                    failures.append("wrong pixels")
            except Lost as error:
                failures.append(f"lost after {time.perf_counter() - started:.3f} s: {error}")
            time.sleep(float(rng.uniform(0, 0.3)))

    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(sweeping),
            pool.submit(sweeping),
            pool.submit(putting, 1),
            pool.submit(putting, 2),
        ]
        time.sleep(3)
        stop.set()
        for job in jobs:
            job.result()
    assert failures == []


PUTTER = """
import json, sys, time, numpy as np
from arraystore import open_store
store = open_store(sys.argv[1])
arrays = [np.random.default_rng(n).integers(0, 900, (2, 4, 128, 128)).astype("u2") for n in range(5)]
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([store.put(a, kind="ramp").to_dict() for a in arrays]), flush=True)
"""


@pytest.mark.patient
def test_processes_that_put_the_same_arrays_agree(folder):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", PUTTER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [json.loads(worker.communicate()[0]) for worker in workers]
    assert all(worker.returncode == 0 for worker in workers)
    assert all(answer == answers[0] for answer in answers)
    store = open_store(folder)
    assert len(list(store.objects())) == 5
    assert os.listdir(folder / ".staging") == []
    assert all(store.verify(ref, "decode") == [] for ref in answers[0])


@pytest.mark.patient
def test_processes_that_make_the_store_agree_on_its_identity(tmp_path):
    code = "import sys; from arraystore import open_store; print(open_store(sys.argv[1]).id)"
    for n in range(3):
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(tmp_path / f"new{n}" / "store")],
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(5)
        ]
        assert len({worker.communicate()[0] for worker in workers}) == 1


def test_a_store_can_be_moved(tmp_path, ramp):
    ref = open_store(tmp_path / "a").put(ramp, kind="ramp")
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert np.array_equal(open_store(tmp_path / "b").open(ref)[0], ramp[0])
