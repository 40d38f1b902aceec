"""Damage: every change to a stored file is found and named; a read tells the truth or raises."""

from __future__ import annotations

import json
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from arraystore import ArrayDamaged, ArrayRef, Lost, StoreError, open_store
from arraystore.format.layouts import layout_named
from arraystore.format.manifests import parse_manifest
from arraystore.format.shards import tail_bytes, tail_size

LEVELS = ("exists", "sizes", "digests", "decode")


@pytest.fixture
def ref(files, ramp):
    return files.put(ramp, kind="ramp")


@pytest.fixture
def place(folder, ref):
    return folder / ref.path


def codes(store, ref, level="digests"):
    return sorted((f.name, f.code) for f in store.verify(ref, level))


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_sound_object_has_no_findings(store, ramp):
    ref = store.put(ramp, kind="ramp")
    assert [store.verify(ref, level) for level in LEVELS] == [[], [], [], []]
    with pytest.raises(ValueError, match="exists, sizes"):
        store.verify(ref, "all")


@pytest.mark.patient
def test_every_flipped_bit_is_found_and_no_read_is_wrong(files, place, ref, ramp):
    """One bit at a time, all over every file: each is found, each read is true or raises."""
    rng = np.random.default_rng(11)
    for path in sorted(place.iterdir()):
        good = path.read_bytes()
        bits = {0, 8 * len(good) - 1, *rng.integers(0, 8 * len(good), 120).tolist()}
        if path.name.startswith("c."):  # the index too, every byte of its last entries
            bits |= {8 * (len(good) - n) + n % 8 for n in range(1, 60)}
        for bit in bits:
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << bit % 8
            path.write_bytes(bad)
            assert codes(files, ref) == [(path.name, "changed")], bit
            cube = files.open(ref)
            for y in range(0, 70, 16):
                for x in range(0, 103, 24):
                    try:
                        values = cube[:, :, y, x]
                    except ArrayDamaged:
                        continue
                    assert np.array_equal(values, ramp[:, :, y, x])
        path.write_bytes(good)
    assert codes(files, ref) == []


@pytest.mark.parametrize("kind", ["frame", "dq", "bytes", "array"])
def test_flips_in_other_kinds(files, folder, kind):
    rng = np.random.default_rng(2)
    array = rng.integers(0, 50, 30_000).astype("u1")
    array = array if kind in ("bytes", "array") else array.reshape(150, 200)
    ref = files.put(array, kind=kind)
    path = next((folder / ref.path).glob("c.*"))
    good = path.read_bytes()
    for bit in rng.integers(0, 8 * len(good), 60).tolist():
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        assert codes(files, ref) == [(path.name, "changed")]
        with pytest.raises(ArrayDamaged):
            files.open(ref)[...]


def test_flips_in_an_array_without_axes(files, folder):
    ref = files.put(np.float64(3.25), kind="array")
    path = folder / ref.path / "c"
    good = path.read_bytes()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        assert codes(files, ref) == [("c", "changed")]
        with pytest.raises(ArrayDamaged):
            files.open(ref)[...]


@pytest.mark.parametrize("name", ["c.0.0.0.0", "zarr.json", "manifest.json"])
def test_a_lost_file(files, place, ref, name):
    (place / name).unlink()
    for level in LEVELS:
        assert codes(files, ref, level) == [(name, "lost")]
    assert not files.exists(ref)
    if name.startswith("c"):
        with pytest.raises(Lost, match="ingest"):
            files.open(ref)[0, 0]


def test_a_lost_object(files, place, ref):
    shutil.rmtree(place)
    for level in LEVELS:
        assert codes(files, ref, level) == [("", "lost")]
    with pytest.raises(Lost):
        files.open(ref)[0, 0]


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -5])
def test_a_truncated_file(files, place, ref, keep):
    for name in ("c.0.0.0.0", "zarr.json"):
        good = (place / name).read_bytes()
        rewrite(place / name, good[:keep])
        assert codes(files, ref, "exists") == []
        assert codes(files, ref, "sizes") == codes(files, ref) == [(name, "truncated")]
        if name.startswith("c"):
            with pytest.raises(ArrayDamaged):
                files.open(ref)[0, 0]
        rewrite(place / name, good)
    good = (place / "manifest.json").read_bytes()
    rewrite(place / "manifest.json", good[:keep])
    assert codes(files, ref, "sizes") == [("manifest.json", "changed")]


def test_a_file_that_has_grown(files, place, ref, ramp):
    with (place / "c.0.0.0.0").open("ab") as file:
        file.write(b"more")
    assert codes(files, ref, "sizes") == [("c.0.0.0.0", "grown")]
    assert np.array_equal(files.open(ref)[...], ramp)  # nothing refers to the end of the file


def test_an_extra_file(files, place, ref):
    (place / "c.0.0.0.1").write_bytes(b"x")
    assert codes(files, ref, "sizes") == codes(files, ref) == [("c.0.0.0.1", "extra")]


def test_a_renamed_file(files, place, ref):
    (place / "c.0.0.0.0").rename(place / "c.0.0.0.1")
    assert codes(files, ref) == [("c.0.0.0.0", "renamed")]
    (finding,) = files.verify(ref)
    assert "c.0.0.0.1" in finding.message
    with pytest.raises(Lost):
        files.open(ref)[0, 0]


def test_swapped_shards(files, folder, place, ref, ramp):
    """Two arrays of one shape and size on disk: each shard is sound, and in the wrong place."""
    other = files.put(ramp[::-1].copy(), kind="ramp")
    one, two = place / "c.0.0.0.0", folder / other.path / "c.0.0.0.0"
    saved = one.read_bytes()
    rewrite(one, two.read_bytes())
    rewrite(two, saved)
    for victim in (ref, other):
        with pytest.raises(ArrayDamaged):
            files.open(victim)[0, 0]
    wrong = one.stat().st_size != ref.shard
    (finding,) = files.verify(ref)
    assert finding.code in ({"truncated", "grown"} if wrong else {"swapped"})


def test_swapped_shards_of_equal_length(files, folder):
    """Incompressible bytes: the shards have the same length, and only their contents tell."""
    rng = np.random.default_rng(4)
    arrays = [rng.integers(0, 256, 5000).astype("u1") for _ in range(2)]
    refs = [files.put(array, kind="bytes") for array in arrays]
    assert refs[0].shard == refs[1].shard
    shutil.copy(folder / refs[1].path / "c.0", folder / refs[0].path / "c.0")
    (finding,) = files.verify(refs[0])
    assert (finding.name, finding.code) == ("c.0", "swapped")
    assert refs[1].digest in finding.message
    with pytest.raises(ArrayDamaged, match="another array"):
        files.open(refs[0])[...]
    assert files.verify(refs[1]) == []


def test_swapped_objects(files, folder, place, ref, ramp):
    other = files.put(ramp[::-1].copy(), kind="ramp")
    away = folder / "away"
    place.rename(away)
    (folder / other.path).rename(place)
    away.rename(folder / other.path)
    for victim, found in ((ref, other), (other, ref)):
        (finding,) = files.verify(victim, "sizes")
        assert (finding.name, finding.code) == ("", "swapped")
        assert found.digest in finding.message
        with pytest.raises(ArrayDamaged):
            files.open(victim)[0, 0]


def test_a_reference_that_was_edited(files, ref, ramp):
    other = files.put(ramp[::-1].copy(), kind="ramp")
    document = ref.to_dict()
    for change in ({"pixels": other.pixels}, {"shard": ref.shard + 4}, {"shard": 17}):
        edited = document | change
        if "pixels" in change:
            assert codes(files, edited) == [("manifest.json", "changed")]
            with pytest.raises(ArrayDamaged, match="another array"):
                files.open(edited)[0, 0]
        else:  # the manifest knows better
            assert np.array_equal(files.open(edited)[0, 0], ramp[0, 0])
    shape = document | {"shape": [2, 6, 103, 70]}
    assert codes(files, shape) == [("manifest.json", "changed")]
    with pytest.raises(ArrayDamaged):
        files.open(shape)[...]
    taller = document | {"shape": [2, 6, 35, 206]}
    with pytest.raises(StoreError):
        files.open(taller)[...]


def test_a_manifest_of_the_right_form_and_wrong_contents(files, place, ref):
    """A manifest that was rewritten, its own checksum and all, does not have the digest."""
    from arraystore.format.manifests import Manifest

    manifest = parse_manifest((place / "manifest.json").read_bytes())
    forged = Manifest(manifest.digest, "0" * 64, manifest.layout, manifest.shard, manifest.files)
    rewrite(place / "manifest.json", forged.to_bytes())
    assert codes(files, ref) == [("manifest.json", "changed")]
    forged = Manifest(manifest.digest, manifest.pixels, manifest.layout | {"x": 1}, manifest.shard, manifest.files)
    rewrite(place / "manifest.json", forged.to_bytes())
    assert codes(files, ref) == [("manifest.json", "changed")]


def test_metadata_that_was_replaced_together_with_its_record(files, place, ref):
    from arraystore.format.manifests import FileRecord, Manifest

    manifest = parse_manifest((place / "manifest.json").read_bytes())
    metadata = json.loads((place / "zarr.json").read_bytes())
    metadata["fill_value"] = 1
    data = json.dumps(metadata).encode()
    rewrite(place / "zarr.json", data)
    files_ = manifest.files | {"zarr.json": FileRecord.of(data)}
    forged = Manifest(manifest.digest, manifest.pixels, manifest.layout, manifest.shard, files_)
    rewrite(place / "manifest.json", forged.to_bytes())
    assert codes(files, ref) == [("zarr.json", "changed")]


def test_pixels_that_decode_to_others_are_found(files, folder, ramp):
    """A shard, checksums and manifest that agree, of other pixels: decoding tells."""
    from arraystore.format.manifests import Manifest

    ref = files.put(ramp, kind="ramp")
    other = files.put(ramp[::-1].copy(), kind="ramp")
    mine, theirs = folder / ref.path, folder / other.path
    shutil.copy(theirs / "c.0.0.0.0", mine / "c.0.0.0.0")
    m, t = (parse_manifest((p / "manifest.json").read_bytes()) for p in (mine, theirs))
    forged = Manifest(m.digest, m.pixels, m.layout, t.shard, t.files)
    rewrite(mine / "manifest.json", forged.to_bytes())
    document = ref.to_dict() | {"shard": t.shard}
    assert codes(files, document, "digests") == []
    assert codes(files, document, "decode") == [("c.0.0.0.0", "undecodable")]


def test_putting_again_heals_what_is_visibly_lost(files, place, ref, ramp):
    for name in ("c.0.0.0.0", "zarr.json", "manifest.json"):
        (place / name).unlink()
        assert files.put(ramp, kind="ramp") == ref
        assert files.verify(ref, "decode") == []
    rewrite(place / "c.0.0.0.0", (place / "c.0.0.0.0").read_bytes()[:-100])
    assert files.put(ramp, kind="ramp") == ref
    assert files.verify(ref, "decode") == []
    rewrite(place / "manifest.json", b"{}")
    assert files.put(ramp, kind="ramp") == ref
    shutil.rmtree(place)
    place.mkdir()
    assert files.put(ramp, kind="ramp") == ref
    assert files.verify(ref, "decode") == []


@pytest.mark.parametrize("shape", [(2, 6, 70, 103), ()])
def test_pixels_written_again_by_another_encoder_are_read_by_the_old_reference(folder, shape, monkeypatch):
    """The same digest, other bytes on disk: what an upgrade of a codec does."""
    from arraystore.format.codecs import Effort, Pcodec

    rng = np.random.default_rng(8)
    array = rng.normal(1000, 9, shape).astype("f4")
    kind = "ramp" if shape else "array"
    store = open_store(folder)
    old = store.put(array, kind=kind)
    shutil.rmtree(folder / old.path)
    weaker = Pcodec((Effort(2, 0),))
    monkeypatch.setattr(Pcodec, "encoder", lambda self, sample, encoder=Pcodec.encoder: encoder(weaker, sample))
    new = store.put(array, kind=kind)
    assert new.digest == old.digest
    assert np.array_equal(store.open(old)[...], array)
    assert np.array_equal(store.open(new)[...], array)
    assert store.verify(old, "decode") == []


def test_a_link_in_place_of_a_file_is_not_followed(files, place, ref, tmp_path):
    (tmp_path / "elsewhere").write_bytes((place / "c.0.0.0.0").read_bytes())
    (place / "c.0.0.0.0").unlink()
    os.symlink(tmp_path / "elsewhere", place / "c.0.0.0.0")
    with pytest.raises(StoreError):
        files.open(ref)[0, 0]


@pytest.mark.parametrize("claim", [3 << 30, 1 << 62])
def test_a_chunk_that_claims_more_than_its_layout_allows_is_not_read(files, place, ref, claim):
    """A sparse shard with a sound index: what it claims of a chunk costs no memory."""
    (shard,) = place.glob("c.*")
    data = shard.read_bytes()
    chunks = layout_named(ref.layout, ref.shape, ref.dtype).chunks
    table = np.frombuffer(data[-16 * chunks - 4 : -4], "<u8").reshape(-1, 2).copy()
    table[:] = (0, claim)
    shard.chmod(0o644)
    with shard.open("r+b") as file:
        file.truncate(min(claim, 1 << 33) + 36 + 16 * chunks)
        file.seek(-tail_size(chunks), os.SEEK_END)
        file.write(tail_bytes(table, ref.pixels))
    claimed = ArrayRef.from_dict({**ref.to_dict(), "shard": shard.stat().st_size})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArrayDamaged, match=r"claims .* bytes|points outside"):
        files.open(claimed)[(0,) * len(ref.shape)]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_a_pipe_or_a_device_in_place_of_a_file_is_refused(files, place, ref):
    (shard,) = place.glob("c.*")
    shard.unlink()
    os.mkfifo(shard)
    with pytest.raises(StoreError):
        files.open(ref)[0]
    assert files.verify(ref, "digests") != []
