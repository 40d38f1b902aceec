"""Chunk codecs on pixels of each sort: how many times smaller, and MB/s of CPU time in and out.

What a layout uses is the first column. The others are what stock zarr and numcodecs could read as well: pcodec at other
levels and orders (6 and 4: order 1 of ramps, 0 of frames), blosc, and differences of the bits, split into planes of
bytes, by zstd. Real pixels are those that
DARKROOM_MIRI_EXPOSURE and DARKROOM_REAL_FRAMES name.
"""

import os
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from numcodecs import blosc, zstd
from pcodec import ChunkConfig, DeltaSpec, ModeSpec, PagingSpec, standalone

from arraystore.format.layouts import layout_for
from arraystore.writing import _chunks
from tests.benchmarks import bench_arrays

CHUNKS, RUNS = 40, 3


def simulated():
    """Ramps of 16 rows of a full frame."""
    rng = np.random.default_rng(1)
    raw = bench_arrays.raw_ramp(rng)[:, :, :16]
    cal = raw.astype("f4")
    cal += np.float32(1.2e-6) * cal * cal
    cal -= rng.normal(3, 1, cal.shape[1:]).astype("f4")
    pattern, slope = 5000 + rng.normal(0, 520, raw.shape[2:]), np.abs(rng.normal(0, 600, raw.shape[2:]))
    spread = [pattern + slope * n + 6.17 * rng.standard_normal((5, *raw.shape[2:])) for n in range(1, 21)]
    return {
        "simulated raw ramp": raw,
        "simulated raw ramp, slopes spread by 600 DN": np.clip(np.stack(spread, axis=1), 0, 65535).astype("u2"),
        "simulated calibrated ramp": cal,
    }


def real():
    """Pixels of real detectors, where they are named."""
    found = {}
    if place := os.environ.get("DARKROOM_MIRI_EXPOSURE"):
        found["real MIRI raw ramp, SUB64"] = np.asarray(fits.getdata(place))[:, :64].reshape(5, 50, 64, 72)
    folder = Path(os.environ.get("DARKROOM_REAL_FRAMES") or "/nowhere")
    for title, pattern, number in [
        ("real CCD bias (EEV10)", "int/*/*.fit*", 0),
        ("real CCD flat (EEV10)", "int/*/*.fit*", -1),
        ("real CCD dark (ST-7)", "st7/darks/**/*.fit*", 0),
        ("real CMOS dark (IMX541)", "imx541/dark/*.fits", 0),
        ("real CMOS flat (IMX541)", "imx541/flat/*.fits", -1),
    ]:
        if paths := sorted(folder.glob(pattern)):
            with fits.open(paths[number]) as hdus:
                images = [hdu.data for hdu in hdus if hdu.data is not None and hdu.data.ndim == 2]
                found[title] = images[0].astype("u2")
    return found


def pcodec(level, order):
    """Encode and decode by pcodec, at a level, with differences of an order."""
    config = ChunkConfig(
        compression_level=level,
        delta_spec=DeltaSpec.auto() if order is None else DeltaSpec.try_consecutive(order),
        mode_spec=ModeSpec.classic(),
        paging_spec=PagingSpec.equal_pages_up_to(262144),
    )
    return (
        lambda chunk: [bytes(standalone.simple_compress(chunk, config))],
        lambda parts, chunk: standalone.simple_decompress_into(parts[0], np.empty_like(chunk)),
    )


def planes(offset):
    """Differences of the bits, an offset that keeps their high bytes quiet, and each plane of bytes by zstd 1."""

    def encode(chunk):
        bits = chunk.view(f"u{chunk.itemsize}")
        differences = np.diff(bits, prepend=bits.dtype.type(0))
        differences[1:] += bits.dtype.type(offset)
        return [
            zstd.compress(plane, 1) for plane in np.ascontiguousarray(differences.view("u1").reshape(bits.size, -1).T)
        ]

    def decode(parts, chunk):
        split = np.empty((len(parts), chunk.size), "u1")
        for part, plane in zip(parts, split, strict=True):
            zstd.decompress(part, plane)
        differences = np.ascontiguousarray(split.T).reshape(-1).view(f"u{chunk.itemsize}")
        differences[1:] -= differences.dtype.type(offset)
        return np.cumsum(differences, dtype=differences.dtype)

    return encode, decode


def blosc_by(name, level, shuffle):
    """Encode and decode by blosc."""
    return (
        lambda chunk: [blosc.compress(chunk, name.encode(), level, shuffle)],
        lambda parts, chunk: blosc.decompress(parts[0]),
    )


def ways(layout, sample):
    """The columns: each a way to encode and to decode."""
    used, ramp = layout.codec.encoder(sample), layout.name.startswith("ramp")
    order = 1 if ramp else 0
    return {
        "as stored": ((lambda chunk: [used(chunk)]), pcodec(8, order)[1]),
        "pcodec 8, order 0": pcodec(8, 0),
        "order 1": pcodec(8, 1),
        "order 2": pcodec(8, 2),
        "its own choice": pcodec(8, None),
        "pcodec 6": pcodec(6, order),
        "pcodec 4": pcodec(4, order),
        "differences, planes, zstd 1": planes(128 if ramp and sample.itemsize == 2 else 0),
        "blosc: shuffle, zstd 1": blosc_by("zstd", 1, 1),
        "bitshuffle, zstd 1": blosc_by("zstd", 1, 2),
        "bitshuffle, lz4": blosc_by("lz4", 5, 2),
    }


def measured(encode, decode, chunks):
    """Times smaller, and MB/s of CPU time in and out: the best of the runs."""
    nbytes = sum(chunk.nbytes for chunk in chunks)
    inward, outward = [], []
    for _ in range(RUNS):
        started = time.process_time()
        stored = [encode(chunk) for chunk in chunks]
        inward.append(time.process_time() - started)
        started = time.process_time()
        for parts, chunk in zip(stored, chunks, strict=True):
            decode(parts, chunk)
        outward.append(time.process_time() - started)
    ratio = nbytes / sum(len(part) for parts in stored for part in parts)
    return f"{ratio:.2f}, {nbytes / min(inward) / 1e6:.0f} / {nbytes / min(outward) / 1e6:.0f}"


def main():
    """Measure and print."""
    blosc.use_threads = False
    warnings.simplefilter("ignore")
    lines = []
    for title, array in (simulated() | real()).items():
        full = (*array.shape[:2], 1024, 1032) if array.ndim == 4 and array.shape[-1] == 1032 else array.shape
        layout = layout_for("ramp" if array.ndim == 4 else "frame", full, array.dtype.name)
        chunks = [chunk for _, chunk in _chunks(np.ascontiguousarray(array), layout, 0)][:CHUNKS]
        columns = ways(layout, chunks[len(chunks) // 2])
        if not lines:
            lines = [f"| pixels | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
        lines.append(f"| {title} | {' | '.join(measured(*way, chunks) for way in columns.values())} |")
    print("### Codecs of chunks: times smaller, MB/s in / out\n")
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
