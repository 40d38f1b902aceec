"""Records: small named files, whole, checked, under any name a document may have."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arraystore import ArrayDamaged, InvalidKey, Lost, open_store
from arraystore.records import record_path


def keys(store, prefix=""):
    return sorted(record.key for record in store.records(prefix))


def test_records_come_back_and_are_replaced(store):
    store.put_records({"documents/a.fits": b"one", "documents/b.fits": b"", "journal/1": b"\0\xff\n"})
    store.put_records({"documents/a.fits": b"two"})
    store.put_records({})
    assert store.get_record("documents/a.fits") == b"two"
    assert store.get_record("documents/b.fits") == b""
    assert store.get_record("journal/1") == b"\0\xff\n"
    assert keys(store) == ["documents/a.fits", "documents/b.fits", "journal/1"]
    assert keys(store, "documents/") == ["documents/a.fits", "documents/b.fits"]
    assert keys(store, "documents/a") == ["documents/a.fits"]
    assert keys(store, "d") == ["documents/a.fits", "documents/b.fits"]
    assert keys(store, "none/") == []
    found = {record.key: record for record in store.records()}
    assert found["documents/a.fits"].nbytes == len(b"two") + 74
    assert abs(found["documents/a.fits"].modified - time.time()) < 60
    store.delete_record("documents/a.fits")
    for gone in ("documents/a.fits", "documents", "never"):
        with pytest.raises(Lost):
            store.get_record(gone)
        with pytest.raises(Lost):
            store.delete_record(gone)


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda key: not any(part in ("", ".", "..") for part in key.split("/"))
)


@given(records=st.dictionaries(KEYS, st.binary(max_size=50), min_size=1, max_size=5))
def test_any_name_is_kept(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("records")
    store = open_store(folder / "store")
    store.put_records(records)
    assert {key: store.get_record(key) for key in keys(store)} == records
    for key in records:
        store.delete_record(key)
    assert keys(store) == []


@given(first=KEYS, second=KEYS)
def test_two_names_are_never_one_path(first, second):
    assert (record_path(first) == record_path(second)) == (first == second)
    for key in (first, second):
        path = record_path(key)
        assert path.startswith("records/")
        assert path.isascii()
        assert all(0 < len(part) < 255 and part not in (".", "..") for part in path.split("/"))


def test_a_name_may_be_both_record_and_folder_and_very_long(store):
    long = "x" * 900
    records = {
        "a": b"1",
        "a/b": b"2",
        "a~/b": b"3",
        "a+/b": b"4",
        long: b"5",
        f"{long}/y": b"6",
        "é" * 300: b"7",
    }
    store.put_records(records)
    assert {key: store.get_record(key) for key in keys(store)} == records


@pytest.mark.parametrize("key", ["", "/", "a//b", "/etc/passwd", "../x", "a/../../x", "a/.", "x" * 1025, "\ud800", 3])
def test_a_name_that_cannot_be_is_refused(store, key):
    for use in (lambda: store.put_records({key: b"x"}), lambda: store.get_record(key)):
        with pytest.raises(InvalidKey):
            use()
    assert keys(store) == []


def test_a_bad_name_among_good_ones_writes_none(store):
    with pytest.raises(InvalidKey):
        store.put_records({"good": b"1", "../bad": b"2"})
    assert keys(store) == []


def test_every_flipped_bit_is_found(files, folder):
    files.put_records({"a": b"a document"})
    path = folder / record_path("a")
    good = path.read_bytes()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        with pytest.raises(ArrayDamaged, match="'a'"):
            files.get_record("a")
    for n in range(len(good)):
        path.write_bytes(good[:n])
        with pytest.raises(ArrayDamaged):
            files.get_record("a")


def test_many_records_are_one_batch(files, folder, monkeypatch):
    """Every file and every folder is synced before the call returns."""
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd))[1])
    files.put_records({f"night/{n}": b"x" for n in range(20)})
    assert sum("/.staging/" in path for path in synced) == 20
    assert f"{folder}/records/night" in synced
    assert f"{folder}/records" in synced


def test_a_record_is_added_once(store):
    assert store.add_record("journal/1", b"one")
    assert store.add_record("journal/1", b"one")
    assert not store.add_record("journal/1", b"two")
    assert store.get_record("journal/1") == b"one"
