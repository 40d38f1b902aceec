"""Layouts and identities: frozen, since what was written must be readable for ever."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from arraystore import open_store
from arraystore.format.digests import leaf_digests, object_digest, pixel_digest
from arraystore.format.layouts import CURRENT, KINDS, layout_for, layout_named
from arraystore.writing import band_rows


@pytest.mark.parametrize(
    ("kind", "shape", "dtype", "chunk", "order"),
    [
        ("ramp", (5, 20, 1024, 1032), "uint16", (16, 24, 5, 20), (2, 3, 0, 1)),
        ("ramp", (5, 20, 1024, 258), "uint16", (16, 24, 5, 20), (2, 3, 0, 1)),
        ("ramp", (5, 50, 64, 72), "uint16", (16, 24, 5, 50), (2, 3, 0, 1)),
        ("ramp", (1000, 5, 64, 72), "float32", (16, 24, 50, 5), (2, 3, 0, 1)),
        ("ramp", (1, 1000, 64, 72), "float32", (16, 24, 1, 250), (2, 3, 0, 1)),
        ("ramp", (20, 1024, 1032), "uint16", (16, 24, 20), (1, 2, 0)),
        ("groupdq", (5, 20, 1024, 1032), "uint8", (32, 43, 5, 20), (2, 3, 0, 1)),
        ("slope", (5, 1024, 1032), "float32", (5, 64, 86), (0, 1, 2)),
        ("dq", (1024, 1032), "uint32", (128, 129), (0, 1)),
        ("frame", (2536, 3358), "uint16", (64, 840), (0, 1)),
        ("bytes", (10**7,), "uint8", (2**20,), (0,)),
        ("array", (3, 4), "float64", (3, 4), (0, 1)),
    ],
)
def test_the_chunks_of_version_1(kind, shape, dtype, chunk, order):
    layout = layout_for(kind, shape, dtype)
    assert layout.name == f"{KINDS[kind].layout}/1"
    assert (layout.chunk, layout.order) == (chunk, order)


def test_the_identity_of_version_1():
    """Golden: a change of any of these loses every array ever written."""
    found = {
        name: hashlib.sha256(
            json.dumps(
                [
                    layout_named(name, shape, dtype).document()
                    for shape in [(100,), (100, 90), (3, 100, 90), (3, 4, 100, 90)]
                    for dtype in ("uint8", "uint16", "float32", "bool", "complex64")
                    if any(k.layout == name[:-2] and len(shape) in k.ndims for k in KINDS.values())
                ],
                sort_keys=True,
            ).encode()
        ).hexdigest()[:16]
        for name in CURRENT.values()
    }
    assert found == GOLDEN


GOLDEN: dict[str, str] = {
    "array/1": "c38014f7bd3f6525",
    "bytes/1": "b139fae0a509a6af",
    "flags-ramp/1": "809f0b15b75c4073",
    "flags/1": "dbdb4a8063b73553",
    "frame/1": "4c895cdac0fb89cb",
    "plane/1": "5b7c088b4031d902",
    "ramp/1": "06ee441dcac251ab",
}


def test_the_digests_of_version_1():
    ramp = np.arange(2 * 3 * 40 * 5, dtype="<u2").reshape(2, 3, 40, 5)
    pixels = pixel_digest(ramp.shape, "uint16", leaf_digests(ramp))
    leaves = [hashlib.sha256(ramp[..., k : k + 32, :].tobytes()).digest() for k in (0, 32)]
    head = b'pixels 1\n{"dtype":"uint16","shape":[2,3,40,5]}\n'
    assert pixels == hashlib.sha256(head + b"".join(leaves)).hexdigest()
    assert (
        object_digest(pixels, {"b": 1, "a": [2]})
        == hashlib.sha256(b"object 1\n" + pixels.encode() + b'\n{"a":[2],"b":1}').hexdigest()
    )


def golden(kind, shape, dtype):
    """Pixels that depend on nothing but this line."""
    values = np.arange(int(np.prod(shape)), dtype="u8") * 2654435761 % 2**32 // 2**23
    return values.reshape(shape).astype(dtype)


STORES = sorted((Path(__file__).parents[1] / "golden").glob("store-*"))
"""Each written once, by the release that brought its kinds, and kept beside the tests."""


def references(place):
    return json.loads(place.with_name(place.name.replace("store", "refs") + ".json").read_text())


def test_every_kind_is_kept_in_a_store_once_written():
    assert {document["kind"] for place in STORES for document in references(place)} == set(KINDS)


@pytest.mark.parametrize("place", STORES, ids=lambda place: place.name)
def test_a_store_once_written_is_read(place, tmp_path):
    """Every kind, by its references alone."""
    shutil.copytree(place, tmp_path / "store")
    store = open_store(tmp_path / "store", readonly=True)
    for document in references(place):
        array = golden(document["kind"], document["shape"], document["dtype"])
        assert np.array_equal(store.open(document)[...], array)
        assert store.verify(document, "decode") == []
    assert store.get_record("documents/night/a.fits") == b"a document"


@given(
    array=npst.arrays(
        st.sampled_from(["<u2", "<f4", "u1"]),
        npst.array_shapes(min_dims=2, max_dims=4, max_side=70),
        fill=st.just(0),
    ),
    bands=st.integers(1, 3),
)
def test_the_pixel_digest_does_not_depend_on_the_bands(array, bands):
    whole = leaf_digests(array)
    rows = 32 * bands
    parts = [d for k in range(0, array.shape[-2], rows) for d in leaf_digests(array[..., k : k + rows, :])]
    assert parts == whole
    assert leaf_digests(np.asfortranarray(array)) == whole


@given(
    shape=npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=3000),
    kind=st.sampled_from(sorted(KINDS)),
)
def test_a_layout_covers_any_shape(shape, kind):
    if len(shape) not in KINDS[kind].ndims:
        return
    layout = layout_for(kind, shape, "uint16")
    assert len(layout.chunk) == len(shape)
    assert sorted(layout.order) == list(range(len(shape)))
    for n, chunk, cells in zip(layout.stored_shape, layout.chunk, layout.grid, strict=True):
        assert chunk >= 1
        assert (cells - 1) * chunk < max(n, 1) <= cells * chunk
    if layout.shape and 0 not in shape:
        rows = band_rows(layout) if layout.nbytes < 2**30 else 0
        axis = layout.chunk[layout.order.index(layout.row_axis)]
        assert rows % axis == 0 or rows == 0
        assert rows % 32 == 0


@pytest.mark.skipif("DARKROOM_MIRI_EXPOSURE" not in os.environ, reason="DARKROOM_MIRI_EXPOSURE is not set")
def test_the_real_exposure_is_small(store):
    from astropy.io import fits

    with fits.open(os.environ["DARKROOM_MIRI_EXPOSURE"]) as hdus:
        cube = np.asarray(hdus[0].data)[:, :64].reshape(5, 50, 64, 72)
    ref = store.put(cube, kind="ramp")
    assert np.array_equal(store.open(ref)[...], cube)
    assert ref.nbytes / ref.stored > 1.9 * 1.44  # RICE_1 makes it 1.44 times smaller
