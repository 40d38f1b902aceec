"""Thirteen kinds of files, small on disk and large in memory or time: each is refused at once, and costs little."""

import bz2
import gzip
import json
import os
import subprocess
import sys

import pytest

BLOCK = 2880

PROBE = """
import json, sys, time
from arraystore import open_store
from pipelines.instruments import profiles
from pipelines.documents.roots import Located
from pipelines.ingest.file import Task, take
from pipelines.ingest.walk import Candidate
known, store = profiles(), open_store("memory://bombs")
task = Task(Candidate(Located("raw", "bomb.fits"), sys.argv[1], 0, 0))
started = time.perf_counter()
outcome = take(task, store=store, profiles=known)
seconds = time.perf_counter() - started
# Not getrusage: what it says of a new process counts the one that started it.
peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps([outcome.state, outcome.code, bool(outcome.hint), seconds, peak]))
"""


def cards(*texts, end=True):
    block = b"".join(text.encode("latin-1").ljust(80) for text in (*texts, *(("END",) if end else ())))
    return block + b" " * (-len(block) % BLOCK)


def header(*texts, naxis=0, bits=8, end=True):
    return cards("SIMPLE  = T", f"BITPIX  = {bits}", f"NAXIS   = {naxis}", *texts, end=end)


def zeros(write, count):
    for _ in range(count >> 24):
        write(bytes(1 << 24))


def tiles():
    table = cards(
        *("XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 1", "PCOUNT  = 0"),
        *("GCOUNT  = 1", "TFIELDS = 1", "TTYPE1  = 'COMPRESSED_DATA'", "TFORM1  = '1PB(0)'", "ZIMAGE  = T"),
        *("ZCMPTYPE= 'RICE_1'", "ZBITPIX = 16", "ZNAXIS  = 2", "ZNAXIS1 = 300000", "ZNAXIS2 = 300000"),
    )
    return header() + table + bytes(BLOCK)


def tile_compressed(path):
    path.write_bytes(tiles())


def gzip_of_zeros(path):
    with gzip.open(path, "wb", 6) as file:
        file.write(header("NAXIS1  = 1073741824", naxis=1))
        zeros(file.write, 1 << 30)


def bzip2_of_zeros(path):
    with bz2.open(path, "wb") as file:
        file.write(header("NAXIS1  = 268435456", naxis=1))
        zeros(file.write, 1 << 28)


def gzip_tail(path):
    """A whole small file, and a quarter of a gigabyte after it."""
    with gzip.open(path, "wb", 6) as file:
        file.write(header())
        zeros(file.write, 1 << 28)


def tiles_in_gzip(path):
    path.write_bytes(gzip.compress(tiles()))


def gzip_in_gzip(path):
    inner = gzip.compress(header("NAXIS1  = 1073741824", naxis=1) + bytes(1 << 24))
    path.write_bytes(gzip.compress(inner))


def endless_header(path):
    with path.open("wb") as file:
        file.write(header(end=False)[:240])
        for _ in range(80):
            file.write(b"COMMENT all work and no play".ljust(80) * 12_500)


def endless_string(path):
    """One value that is continued for 80 megabytes."""
    with path.open("wb") as file:
        file.write(header(end=False)[:240] + b"A       = 'x&'".ljust(80))
        for _ in range(80):
            file.write(b"CONTINUE  'more and more and more&'".ljust(80) * 12_500)


def giant_axes(path):
    path.write_bytes(header("NAXIS1  = 100000", "NAXIS2  = 100000", "NAXIS3  = 1000", naxis=3))


def axes_beyond_counting(path):
    path.write_bytes(header(*(f"NAXIS{n:<3}= 99999999" for n in range(1, 1000)), naxis=999))


def negative_axis(path):
    path.write_bytes(header("NAXIS1  = -5", naxis=1) + bytes(BLOCK))


def many_headers(path):
    """A hundred thousand empty extensions."""
    path.write_bytes(header() + cards("XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 0") * 100_000)


def truncated(path):
    path.write_bytes(header("NAXIS1  = 100000", "NAXIS2  = 100000", naxis=2) + bytes(BLOCK))


BOMBS = {
    tile_compressed: "too-large",
    gzip_of_zeros: "too-large",
    bzip2_of_zeros: "too-large",
    gzip_tail: "too-large",
    tiles_in_gzip: "too-large",
    gzip_in_gzip: "not-fits",
    endless_header: "header-too-large",
    endless_string: "header-too-large",
    giant_axes: "truncated",
    axes_beyond_counting: "bad-structure",
    negative_axis: "bad-structure",
    truncated: "truncated",
    many_headers: "header-too-large",
}


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_a_bomb_is_refused_at_once_and_in_little_memory(tmp_path, bomb):
    path = tmp_path / "bomb.fits"
    bomb(path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    answers = []
    for _ in range(3):  # the best of three: the machine may be busy
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(path)], env=environment, capture_output=True, check=True, timeout=60
        )
        answers.append(json.loads(done.stdout))
        if answers[-1][3] < 0.9:
            break
    state, code, hint, seconds, megabytes = min(answers, key=lambda answer: answer[3])
    assert (state, code, hint) == ("refused", BOMBS[bomb], True)
    assert seconds < 1
    assert megabytes < 200
