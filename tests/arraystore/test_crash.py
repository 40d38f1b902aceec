"""Crashes: whatever stops a writer, nothing visible is incomplete and a new run converges."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from datetime import timedelta

import numpy as np
import pytest

from arraystore import ArrayRef, StoreError, StoreFull, StoreUnreachable, open_store

WRITER = """
import json, sys, numpy as np
from arraystore import open_store
store = open_store(sys.argv[1], threads=2)
print("ready", flush=True)
for seed in range(int(sys.argv[2]), 10**6):
    rng = np.random.default_rng(seed % 6)
    ramp = rng.integers(0, 3000, (2, 5, 256, 256)).astype("u2")
    ref = store.put(ramp, kind="ramp")
    store.put_records({f"seed/{seed}": json.dumps(ref.to_dict()).encode()})
    print(json.dumps(ref.to_dict()), flush=True)
"""


def all_is_whole(store):
    """Verify every object to the last pixel, and every record."""
    count = 0
    for found in store.objects():
        ref = store.describe(found.digest)
        assert store.verify(ref, "decode") == []
        count += 1
    for record in store.records():
        ref = ArrayRef.from_dict(json.loads(store.get_record(record.key)))
        assert store.exists(ref), record.key
    return count


@pytest.mark.patient
@pytest.mark.parametrize("seed", range(6))
def test_writers_killed_at_any_moment_leave_nothing_half_done(folder, seed):
    rng = random.Random(seed)
    open_store(folder)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(n)], stdout=subprocess.PIPE) for n in range(2)
    ]
    said = []
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    time.sleep(rng.uniform(0.02, 0.5))
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        out, _ = writer.communicate()
        said += [json.loads(line) for line in out.splitlines() if line.endswith(b"}")]
    store = open_store(folder)
    all_is_whole(store)
    for ref in said:
        assert store.verify(ref, "digests") == []
    report = store.sweep(referenced=lambda d: True, grace=timedelta(0), dry_run=False)
    assert report.objects == ()
    assert not any((folder / ".staging").glob("*"))
    again = store.put(np.random.default_rng(0).integers(0, 3000, (2, 5, 256, 256)).astype("u2"), kind="ramp")
    assert store.verify(again, "decode") == []


class Faults:
    """Makes the k-th of the system calls that change a store fail, once."""

    CALLS = ("fsync", "rename", "replace", "write", "mkdir", "open", "utime", "link")

    def __init__(self, monkeypatch, folder):
        self.count = 0
        self.at = -1
        self.error = errno.ENOSPC
        self.folder = str(folder)
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self._failing(name, getattr(os, name)))

    def _failing(self, name, call):
        def run(first, *rest, **options):
            reading = name == "open" and not rest[0] & (os.O_WRONLY | os.O_RDWR)
            ours = isinstance(first, int) or str(first).startswith(self.folder)
            if ours and not reading:
                self.count += 1
                if self.count == self.at:
                    raise OSError(self.error, os.strerror(self.error), str(first))
            return call(first, *rest, **options)

        return run


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("action", ["put", "put again", "records"])
def test_every_system_call_fails_once(folder, monkeypatch, ramp, action, error):
    """For k = 1, 2, 3 ... until nothing fails: a clear error, nothing half done, and the next try works."""
    expected = StoreUnreachable if error == errno.EIO else StoreFull
    faults = Faults(monkeypatch, folder)
    faults.error = error
    for k in range(1, 200):
        faults.at = -1
        here = folder / str(k)
        store = open_store(here)
        if action == "put again":
            store.put(ramp, kind="ramp")

        def act(store=store):
            if action != "records":
                return store.put(ramp, kind="ramp")
            return store.put_records({"a/b": b"one", "c": b"two"})

        faults.count, faults.at = 0, k
        caught = None
        try:
            act()
        except StoreError as failure:
            caught = failure
        faults.at = -1
        if caught is None:
            break
        assert type(caught) is expected, caught
        assert caught.__cause__.errno == error
        assert not any((here / ".staging").glob("*"))
        for found in store.objects():
            assert store.verify(store.describe(found.digest), "decode") == []
        for record in store.records():
            assert store.get_record(record.key) in (b"one", b"two")
        ref = act()
        if ref is not None:
            assert store.verify(ref, "decode") == []
            assert [found.digest for found in store.objects()] == [ref.digest]
        else:
            assert sorted(record.key for record in store.records()) == ["a/b", "c"]
    assert 5 < k < 199


def test_a_full_disk_says_so_and_leaves_nothing(folder):
    """The kernel itself refuses to let the shard grow."""
    code = """
import resource, signal, sys, numpy as np
from arraystore import open_store, StoreFull
store = open_store(sys.argv[1])
small = store.put(np.arange(100, dtype="u2"), kind="array")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
noise = np.random.default_rng(0).integers(0, 65536, (2000, 1000)).astype("u2")
try:
    store.put(noise, kind="frame")
except StoreFull as error:
    print("full:", error)
assert [o.digest for o in store.objects()] == [small.digest]
store.put(noise[:100, :100], kind="frame")
"""
    out = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert "free some space" in out.stdout
    assert os.listdir(folder / ".staging") == []


@pytest.mark.patient
def test_memory_does_not_grow_with_the_array(folder):
    """1 GB of pixels from a source, within 150 MB of what the imports take."""
    code = """
import sys, numpy as np
from arraystore import open_store
import numcodecs, pcodec
def peak_memory():  # not getrusage: what it says of a new process counts the one that started it
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
class Ramp:
    shape, dtype = (5, 20, 2560, 2064), np.dtype("u2")
    def read(self, start, stop):
        rng = np.random.default_rng(start)
        base = rng.integers(0, 9000, (1, 1, stop - start, 2064)).astype("u2")
        return base + np.arange(100, dtype="u2").reshape(5, 20, 1, 1)
before = peak_memory()
store = open_store(sys.argv[1], threads=2)
ref = store.put(Ramp(), kind="ramp")
assert ref.nbytes > 1e9
peak = peak_memory()
assert store.verify(ref, "decode") == []
after = peak_memory()
print((peak - before) / 1024, (after - before) / 1024)
"""
    out = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    put, verify = map(float, out.stdout.split())
    assert put < 150
    assert verify < 200


def test_descriptors_are_not_leaked(files, ramp):
    def opened():
        return len(os.listdir("/proc/self/fd"))

    ref = files.put(ramp, kind="ramp")
    before = opened()
    for n in range(20):
        files.put(ramp + n % 3, kind="ramp")
        files.open(ref)[0, 0]
        with pytest.raises(ValueError, match="kind"):
            files.put(ramp, kind="none")
    assert opened() == before
    assert before < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
