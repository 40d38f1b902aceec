"""Chunk codecs: what is tried, and that it pays."""

from __future__ import annotations

import numpy as np
import pytest

from arraystore import ArrayDamaged
from arraystore.format.codecs import Effort, _compress
from arraystore.format.layouts import layout_for
from arraystore.writing import _chunks


def ramps(spread, dtype="uint16", *, noise=6.17, seed=4):
    """Samples of the tiles of a detector, (tile, sample): each pixel rises by its own slope, 5 times 20 groups."""
    rng = np.random.default_rng(seed)
    start = 5000 + rng.normal(0, 520, (4, 384, 1, 1))
    slope = np.abs(rng.normal(0, spread, start.shape)) if spread else np.full(start.shape, 32.0)
    values = start + slope * np.arange(1, 21) + noise * rng.standard_normal((4, 384, 5, 20))
    return values.clip(0, 65535).reshape(4, -1).astype(dtype)


def smaller(chunks):
    """How many times smaller the codec of ramps makes these chunks, and that they come back."""
    codec = layout_for("ramp", (5, 20, 1024, 1032), chunks.dtype.name).codec
    encode = codec.encoder(chunks[0])
    stored = [encode(chunk) for chunk in chunks]
    for data, chunk in zip(stored, chunks, strict=True):
        back = codec.decode(data, chunk.dtype, chunk.size, chunk.size)
        assert back.tobytes() == chunk.tobytes()
    return chunks.nbytes / sum(map(len, stored))


@pytest.mark.parametrize("spread", [0, 100, 600, 1500])
def test_a_raw_ramp_is_small_whatever_the_spread_of_its_slopes(spread):
    assert smaller(ramps(spread)) > (2.6 if spread == 0 else 2.1)


def test_chunks_of_one_band_are_stored_by_the_differences_that_suit_each():
    mixed = np.concatenate([ramps(0)[:2], ramps(600)[:2]])
    alone = 2 / (1 / smaller(mixed[:2]) + 1 / smaller(mixed[2:]))
    assert smaller(mixed) > 0.97 * alone


def frame(name):
    """A frame of 256 x 1680 counts."""
    rng = np.random.default_rng(6)
    y, x = np.mgrid[:256, :1680]
    level = {
        "dark": 1000.0,
        "flat": 25_000 - 1e-3 * ((8 * y - 1024) ** 2 + (2 * x - 1680) ** 2),  # level in the middle, steep at the edges
        "bayer": np.where((x % 2) ^ (y % 2), 900, 2500) + x / 4,
        "gradient": 3 * x + y,
    }[name]
    return (level + (0 if name == "gradient" else np.sqrt(level) * rng.standard_normal(x.shape))).astype("u2")


@pytest.mark.parametrize("name", ["dark", "flat", "bayer", "gradient"])
def test_a_frame_is_nearly_as_small_as_by_the_best_differences_of_each_chunk(name):
    """The second opinion is pcodec with every order for every chunk."""
    layout = layout_for("frame", (256, 1680), "uint16")
    chunks = [chunk for _, chunk in _chunks(frame(name), layout, 0)]
    encode = layout.codec.encoder(chunks[len(chunks) // 2])
    stored = sum(len(encode(chunk)) for chunk in chunks)
    best = sum(min(len(_compress(Effort(6, order), "classic")(chunk)) for order in (0, 1)) for chunk in chunks)
    assert stored <= 1.03 * best  # a slower way is taken for 3 % only


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint64", "int16"])
def test_second_differences_are_lossless_for_every_type(dtype):
    chunks = ramps(600, dtype)
    if chunks.dtype.kind == "f":
        chunks[:, :4] = np.nan, -0.0, np.inf, -np.inf
    smaller(chunks)


@pytest.mark.parametrize("size", [1, 7, 31, 33, 500])
def test_short_chunks_are_lossless(size):
    smaller(np.ascontiguousarray(ramps(600)[:, :size]))


@pytest.mark.parametrize(("kind", "dtype"), [("ramp", "u2"), ("ramp", "f4"), ("groupdq", "u1"), ("frame", "f8")])
@pytest.mark.parametrize("first", [1, 255, 256, 257, 3839, 3840])
def test_the_first_values_of_a_chunk_are_decoded_alone(kind, dtype, first):
    chunk = np.random.default_rng(3).integers(0, 200, 3840).astype(dtype)
    codec = layout_for(kind, (2, 5, 1024, 1032)[-2 if kind == "frame" else 0 :], chunk.dtype.name).codec
    back = codec.decode(codec.encoder(chunk)(chunk), chunk.dtype, chunk.size, first)
    assert back.shape == chunk.shape
    assert np.array_equal(back[:first], chunk[:first])


def test_a_chunk_of_another_length_is_damaged():
    chunk = np.arange(1000, dtype="u2")
    codec = layout_for("ramp", (2, 5, 1024, 1032), "uint16").codec
    data = codec.encoder(chunk)(chunk)
    for size in (256, 999, 1001):
        with pytest.raises(ArrayDamaged):
            codec.decode(data, chunk.dtype, size, size)
