"""Quick look: the picture beside a big ramp is that ramp's, is proved like the ramp, and is plain Zarr."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from arraystore import ArrayDamaged, Lost, Scale, open_store
from arraystore.format.layouts import layout_for

zarr = pytest.importorskip("zarr")


@pytest.fixture(scope="module")
def big():
    """135 MB, of which most is cheap to compress."""
    ramp = np.zeros((2, 32, 1024, 1032), "u2")
    ramp[0, -1] = np.random.default_rng(1).integers(0, 65536, (1024, 1032))
    ramp[1, 3, 7] = 9
    return ramp


@pytest.fixture(scope="module")
def kept(big, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quicklook") / "store"
    store = open_store(folder)
    return folder, store, store.put(big, kind="ramp")


def test_only_big_ramps_have_one():
    assert layout_for("ramp", (2, 32, 1024, 1032), "uint16").quicklook.shape == (1024, 1032)
    assert "quicklook" in layout_for("ramp", (64, 1024, 1032), "uint16").document()
    for kind, shape, dtype in [
        ("ramp", (2, 16, 1024, 1032), "uint16"),
        ("groupdq", (5, 20, 1024, 1032), "uint8"),
        ("slope", (99, 1024, 1032), "float32"),
        ("ramp", (2, 0, 1024, 10**6), "uint16"),
    ]:
        assert layout_for(kind, shape, dtype).quicklook is None
        assert "quicklook" not in layout_for(kind, shape, dtype).document()


def test_it_is_the_last_group_of_the_first_integration(kept, big, ramp, store):
    _, files, ref = kept
    assert np.array_equal(files.open(ref.to_dict()).quicklook(), big[0, -1])
    scaled = files.put(big, kind="ramp", scale=Scale(2.0, 1.0, None, "float32"))
    assert np.array_equal(files.open(scaled).quicklook(), big[0, -1].astype("f4") * 2 + 1)
    assert np.array_equal(store.open(store.put(ramp, kind="ramp")).quicklook(), ramp[0, -1])
    assert np.array_equal(store.open(store.put(ramp[1], kind="ramp")).quicklook(), ramp[1, -1])
    with pytest.raises(ValueError, match="ramp"):
        store.open(store.put(ramp[0, 0], kind="frame")).quicklook()


def test_a_big_ramp_of_zeros_has_a_picture_of_zeros(tmp_path):
    store = open_store(tmp_path / "store")
    ref = store.put(np.zeros((64, 1024, 1032), "u2"), kind="ramp")
    assert ref.shard == 0
    assert not store.open(ref).quicklook().any()
    assert store.verify(ref, "decode") == []


def test_stock_zarr_reads_it(kept, big):
    folder, _, ref = kept
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3")
        array = zarr.open_array(folder / ref.path / "quicklook", mode="r", zarr_format=3)
        assert np.array_equal(array[...], big[0, -1])


def test_it_is_counted_and_proved(kept):
    folder, store, ref = kept
    names = {
        path.relative_to(folder / ref.path).as_posix() for path in (folder / ref.path).rglob("*") if path.is_file()
    }
    assert names == {"zarr.json", "c.0.0.0.0", "manifest.json", "quicklook/zarr.json", "quicklook/c.0.0"}
    assert ref.stored == sum((folder / ref.path / name).stat().st_size for name in names)
    assert next(store.objects()).nbytes == ref.stored
    assert store.verify(ref, "decode") == []
    assert store.describe(ref.digest) == ref


@pytest.mark.parametrize("name", ["c.0.0", "zarr.json"])
def test_damage_to_it_is_found_and_never_read(kept, big, name):
    folder, store, ref = kept
    path = folder / ref.path / "quicklook" / name
    good = path.read_bytes()
    try:
        for bit in np.random.default_rng(3).integers(0, 8 * len(good), 25).tolist():
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << bit % 8
            path.write_bytes(bad)
            found = store.verify(ref, "digests")
            assert [(f.name, f.code) for f in found] == [(f"quicklook/{name}", "changed")]
            if name == "c.0.0":
                try:
                    picture = store.open(ref).quicklook()
                except ArrayDamaged:
                    continue
                assert np.array_equal(picture, big[0, -1])
        path.unlink()
        assert ("quicklook/" + name, "lost") in [(f.name, f.code) for f in store.verify(ref, "sizes")]
        if name == "c.0.0":
            with pytest.raises(Lost):
                store.open(ref).quicklook()
            assert np.array_equal(store.open(ref)[0, -1], big[0, -1])
    finally:
        path.write_bytes(good)


def test_a_quick_look_on_a_bucket(s3_url, big):
    store = open_store(s3_url)
    ref = store.put(big, kind="ramp")
    assert np.array_equal(store.open(ref).quicklook(), big[0, -1])
    assert store.verify(ref, "digests") == []
