"""Putting and opening: what goes in comes out, equal pixels are stored once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from arraystore import (
    ArrayRef,
    InvalidArray,
    InvalidRef,
    InvalidStoreURL,
    Lost,
    NotAStore,
    Scale,
    StoreReadOnly,
    StoreTooNew,
    StoreUnreachable,
    open_store,
)


def test_a_ramp_comes_back_from_its_document_alone(store, ramp):
    ref = store.put(ramp, kind="ramp")
    document = json.loads(json.dumps(ref.to_dict()))
    cube = store.open(document)
    assert (cube.shape, cube.dtype, cube.kind, cube.nbytes) == (ramp.shape, ramp.dtype, "ramp", ramp.nbytes)
    assert cube.dims == ("integration", "group", "y", "x")
    np.testing.assert_array_equal(cube[:, :, 41, 77], ramp[:, :, 41, 77])
    np.testing.assert_array_equal(cube[1, 3], ramp[1, 3])
    np.testing.assert_array_equal(np.asarray(cube), ramp)
    assert cube[1, 2, 3, 4] == ramp[1, 2, 3, 4]
    assert np.isscalar(cube[1, 2, 3, 4])


def test_open_reads_nothing(store, ramp, monkeypatch):
    ref = store.put(ramp, kind="ramp")

    def refuse(*_):
        raise AssertionError("read")

    for name in ("reader", "read", "stat", "walk"):
        monkeypatch.setattr(type(store._backend), name, refuse)
    assert store.open(ref).shape == ramp.shape
    with pytest.raises(AssertionError):
        store.open(ref)[0]


def test_the_reference_survives_bson(store, ramp):
    bson = pytest.importorskip("bson")
    ref = store.put(ramp, kind="ramp", scale=Scale(2.0, 5.0, 7, "float64"))
    assert ArrayRef.from_dict(bson.decode(bson.encode(ref.to_dict()))) == ref
    assert len(bson.encode(ref.to_dict())) < 700


def test_equal_pixels_are_stored_once_whatever_their_memory(store, ramp):
    refs = [
        store.put(ramp, kind="ramp"),
        store.put(ramp.astype(">u2"), kind="ramp"),
        store.put(np.asfortranarray(ramp), kind="ramp"),
        store.put(np.concatenate([ramp, ramp], axis=3)[..., :103], kind="ramp"),
    ]
    assert len(set(refs)) == 1
    assert [found.digest for found in store.objects()] == [refs[0].digest]


def test_kinds_with_one_layout_share_an_object_and_others_do_not(store):
    image = np.arange(70 * 90, dtype="f4").reshape(70, 90)
    slope, plane, frame = (store.put(image, kind=kind) for kind in ("slope", "plane", "frame"))
    assert slope.digest == plane.digest != frame.digest
    assert slope.pixels == frame.pixels
    assert (slope.kind, plane.kind) == ("slope", "plane")


def test_type_and_shape_are_part_of_what_pixels_are(store):
    zeros = [np.zeros(s, t) for s, t in [((4, 6), "u2"), ((6, 4), "u2"), ((4, 6), "i2"), ((24,), "u2")]]
    assert len({store.put(z, kind="array").pixels for z in zeros}) == 4


def test_pixels_of_zero_bytes_take_no_shard(store):
    ref = store.put(np.zeros((2, 4, 64, 72), "f4"), kind="ramp")
    assert ref.shard == 0
    assert ref.stored < 3000
    assert not np.asarray(store.open(ref)).any()
    minus = store.put(np.full((2, 4, 64, 72), -0.0, "f4"), kind="ramp")
    assert minus.shard > 0
    assert np.signbit(np.asarray(store.open(minus))).all()


def test_a_store_is_found_again_by_path_and_url(tmp_path, ramp):
    first = open_store(tmp_path / "a b%20c")
    ref = first.put(ramp, kind="ramp")
    for url in (first.url, str(tmp_path / "a b%20c")):
        again = open_store(url, readonly=True, create=False)
        assert again.id == first.id == ref.store
        assert np.array_equal(again.open(ref)[0, 0], ramp[0, 0])


def test_memory_stores_are_shared_by_name(ramp):
    ref = open_store("memory://shared-by-name").put(ramp, kind="ramp")
    assert np.array_equal(open_store("memory://shared-by-name").open(ref)[0], ramp[0])
    with pytest.raises(StoreUnreachable):
        open_store("memory://never-made", create=False)


def test_a_read_only_store_refuses_every_write(files, folder, ramp):
    from datetime import timedelta

    ref = files.put(ramp, kind="ramp")
    files.put_records({"a": b"1"})
    closed = open_store(folder, readonly=True)
    before = sorted(p for p in folder.rglob("*"))
    for write in (
        lambda: closed.put(ramp, kind="ramp"),
        lambda: closed.put_records({"a": b"2"}),
        lambda: closed.delete_record("a"),
        lambda: closed.sweep(referenced=lambda d: False, grace=timedelta(0), dry_run=False),
    ):
        with pytest.raises(StoreReadOnly, match="readonly=False"):
            write()
    assert sorted(p for p in folder.rglob("*")) == before
    assert closed.sweep(referenced=lambda d: False, grace=timedelta(0)).objects == (ref.digest,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_says_so(folder, ramp):
    open_store(folder)
    folder.chmod(0o500)
    try:
        with pytest.raises(StoreReadOnly, match="mode"):
            open_store(folder).put(ramp, kind="ramp")
    finally:
        folder.chmod(0o700)


def test_what_is_no_store_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(NotAStore, match=r"notes\.txt"):
        open_store(tmp_path)
    with pytest.raises(NotAStore, match="not a folder"):
        open_store(tmp_path / "notes.txt")
    with pytest.raises(StoreUnreachable):
        open_store(tmp_path / "gone", create=False)
    with pytest.raises(StoreUnreachable):
        open_store(tmp_path / "gone", readonly=True)
    for url in ("s4://bucket/x", "file://host/x", "memory://", "http://user:secret@host/x"):
        with pytest.raises(InvalidStoreURL) as caught:
            open_store(url)
        assert "secret" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_later_format_is_refused(files, folder, ramp):
    ref = files.put(ramp, kind="ramp")
    with pytest.raises(StoreTooNew, match="upgrade"):
        files.open(ref.to_dict() | {"layout": "ramp/99"})
    marker = folder / "arraystore.json"
    marker.write_text(json.dumps({"format": 99, "store": "x"}))
    with pytest.raises(StoreTooNew, match="upgrade"):
        open_store(folder)
    marker.write_text("{")
    with pytest.raises(NotAStore):
        open_store(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "../../../etc/passwd"},
        {"digest": "A" * 64},
        {"path": "objects/../../etc"},
        {"path": "/etc/passwd"},
        {"shape": [2**31, 2**31, 4, 4]},
        {"shape": [-1, 6, 70, 103]},
        {"shape": [70, 103]},
        {"nbytes": 1},
        {"dtype": "object"},
        {"dtype": "float32"},
        {"layout": "../x"},
        {"layout": "nothing/1"},
        {"shard": -1},
        {"shard": "many"},
        {"scale": {"slope": "x"}},
        {"scale": {"slope": 1, "zero": 0, "blank": None, "dtype": "object"}},
        {"shape": None},
    ],
)
def test_a_reference_that_cannot_be_is_refused(store, ramp, change):
    document = store.put(ramp, kind="ramp").to_dict() | change
    with pytest.raises((InvalidRef, InvalidArray)):
        store.open(document)


def test_what_is_no_reference_is_refused(store):
    for nothing in ({}, {"digest": "x"}, None, 3, "abc", []):
        with pytest.raises(InvalidRef):
            store.open(nothing)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"], dtype=object),
        np.array(["text"]),
        np.array([b"bytes"]),
        np.zeros(3, [("a", "i4")]),
        np.array(["2024-01-01"], dtype="M8[D]"),
        np.zeros(3, "V8"),
        np.ma.masked_array([1, 2], [True, False]),
        np.zeros((1,) * 9),
        [1, 2, 3],
        None,
    ],
    ids=lambda a: str(getattr(a, "dtype", type(a).__name__)),
)
def test_what_cannot_be_stored_is_refused(store, array):
    with pytest.raises(InvalidArray):
        store.put(array, kind="array")
    assert store.usage()["objects"] == 0


def test_longdouble_is_refused_where_it_is_longer(store):
    if np.dtype("longdouble").itemsize > 8:
        with pytest.raises(InvalidArray):
            store.put(np.zeros(3, "longdouble"), kind="array")


class Huge:
    """A source that says it is huge, and must never be asked for pixels."""

    def __init__(self, shape):
        self.shape = shape
        self.dtype = np.dtype("u2")

    def read(self, start, stop):
        raise AssertionError("read")


@pytest.mark.parametrize("shape", [(2**31, 2**31), (2**45,), (4, 2**31), (10**6, 64, 10**4)])
def test_what_is_too_large_is_refused_before_it_is_read(store, shape):
    with pytest.raises(InvalidArray, match="cap"):
        store.put(Huge(shape), kind="array")


@pytest.mark.parametrize(("kind", "shape"), [("ramp", (4, 4)), ("frame", (2, 4, 4)), ("bytes", (2, 2)), ("x", (2,))])
def test_a_kind_says_how_many_axes_it_has(store, kind, shape):
    with pytest.raises(InvalidArray, match=kind):
        store.put(np.zeros(shape, "u1"), kind=kind)


def test_a_source_that_lies_is_refused(store):
    class Liar:
        shape = (64, 10)
        dtype = np.dtype("u2")

        def read(self, start, stop):
            return np.zeros((stop - start, 11), "u2")

    with pytest.raises(InvalidArray, match="expected"):
        store.put(Liar(), kind="frame")
    assert list(store.objects()) == []


def test_a_source_that_fails_publishes_nothing(files, folder):
    class Failing:
        shape = (4096, 1000)
        dtype = np.dtype("u2")

        def read(self, start, stop):
            if start > 2000:
                raise OSError("the tape broke")
            return np.ones((stop - start, 1000), "u2")

    with pytest.raises(OSError, match="tape"):
        files.put(Failing(), kind="frame")
    assert list(files.objects()) == []
    assert list((folder / ".staging").iterdir()) == []


def test_a_source_is_read_once_and_in_bands(store):
    class Counting:
        shape = (3, 5, 200, 50)
        dtype = np.dtype(">i4")
        asked: list = []

        def read(self, start, stop):
            self.asked.append((start, stop))
            rows = np.arange(start, stop, dtype=">i4")[:, None] * np.ones((3, 5, 1, 50), ">i4")
            return rows.astype(">i4")

    source = Counting()
    ref = store.put(source, kind="ramp")
    assert source.asked[0][0] == 0
    assert source.asked[-1][1] == 200
    assert [a[1] for a in source.asked[:-1]] == [a[0] for a in source.asked[1:]]
    assert np.array_equal(store.open(ref)[2, 4, :, 7], np.arange(200))


def test_progress_counts_every_byte(store, ramp):
    done = []
    store.put(ramp, kind="ramp", progress=done.append)
    assert sum(done) == ramp.nbytes


def test_describe_gives_the_reference_again(store, ramp):
    ref = store.put(ramp, kind="ramp")
    assert store.describe(ref.digest) == ref
    with pytest.raises(Lost):
        store.describe("0" * 64)
    with pytest.raises(InvalidRef):
        store.describe("../" * 10)


def test_usage_counts(store, ramp):
    assert store.usage() == {"objects": 0, "records": 0, "nbytes": 0}
    ref = store.put(ramp, kind="ramp")
    store.put_records({"a/b": b"12345"})
    usage = store.usage()
    assert (usage["objects"], usage["records"]) == (1, 1)
    assert usage["nbytes"] == ref.stored + len(b"12345") + 74
    assert next(iter(store.objects())).nbytes == ref.stored


def test_exists(store, ramp):
    ref = store.put(ramp, kind="ramp")
    assert store.exists(ref)
    assert not store.exists(ref.to_dict() | {"digest": "0" * 64, "path": "objects/00/" + "0" * 64})


def test_import_is_light_and_quick():
    code = (
        "import sys; import arraystore; heavy = {'numpy', 'zarr', 'numcodecs', 'pcodec', 'dask', 'xarray', "
        "'astropy', 'pymongo', 'asyncio'}; print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_reading_and_writing_need_no_zarr():
    code = (
        "import sys, numpy as np; from arraystore import open_store; s = open_store('memory://x');"
        "r = s.put(np.ones((2, 3, 64, 72), 'u2'), kind='ramp'); s.open(r)[0]; s.verify(r, 'decode');"
        "print(sorted({'zarr', 'asyncio', 'dask'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_is_there():
    import arraystore

    for name in arraystore.__all__:
        assert getattr(arraystore, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = arraystore.nothing
