"""Indexes are read once, as long as their file is what it was; a file that changed is looked at anew."""

from __future__ import annotations

import os

import numpy as np
import pytest

from arraystore import ArrayDamaged, open_store
from arraystore import indexes as remembered


@pytest.fixture
def reads(monkeypatch):
    """Lengths of what is read of files."""
    lengths, pread = [], os.pread

    def counted(descriptor, length, offset):
        lengths.append(length)
        return pread(descriptor, length, offset)

    monkeypatch.setattr("os.pread", counted)
    return lengths


@pytest.fixture
def stored(tmp_path):
    array = np.random.default_rng(5).integers(0, 900, (2, 3, 70, 90)).astype("u2")
    store = open_store(tmp_path)
    return store, array, store.put(array, kind="ramp").to_dict()


def shard_of(store, document):
    (path,) = (store._backend.root / document["path"]).glob("c.*")
    path.chmod(0o644)
    return path


def test_an_index_is_read_once_for_all_cubes_of_a_store(stored, reads):
    store, array, document = stored
    for _ in range(3):
        assert np.array_equal(store.open(document)[..., 9, 5], array[..., 9, 5])
    assert len(reads) == 1 + 3  # the index, and three times the chunk
    assert np.array_equal(store.read_many([document], np.s_[..., 50, 80])[0], array[..., 50, 80])
    assert len(reads) == 5


def test_a_shard_that_was_replaced_is_not_read_by_the_old_index(stored, tmp_path):
    store, array, document = stored
    assert np.array_equal(store.open(document)[..., 9, 5], array[..., 9, 5])
    other = store.put(array[:, ::-1].copy(), kind="ramp").to_dict()
    os.replace(shard_of(store, other), shard_of(store, document))
    with pytest.raises(ArrayDamaged):
        store.open(document)[..., 9, 5]


def test_an_index_that_was_damaged_since_is_met(stored):
    store, array, document = stored
    assert np.array_equal(store.open(document)[..., 9, 5], array[..., 9, 5])
    shard = shard_of(store, document)
    data = bytearray(shard.read_bytes())
    data[-9] ^= 1
    shard.write_bytes(data)
    os.utime(shard, ns=(1, 1))  # a clock may be too coarse for what a test does
    with pytest.raises(ArrayDamaged):
        store.open(document)[..., 9, 5]


def test_verifying_believes_nothing_that_is_remembered(stored):
    store, array, document = stored
    assert np.array_equal(store.open(document)[..., 9, 5], array[..., 9, 5])
    shard = shard_of(store, document)
    before, data = shard.stat(), bytearray(shard.read_bytes())
    data[-9] ^= 1
    shard.write_bytes(data)
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [fault.code for fault in store.verify(document, "decode")] == ["changed"]


def test_memory_for_indexes_is_bounded(stored, monkeypatch, reads):
    store, array, document = stored
    monkeypatch.setattr(remembered, "_MOST", 400)
    documents = [store.put(array + np.uint16(n), kind="ramp").to_dict() for n in range(5)]
    for document in documents * 2:
        store.open(document)[..., 9, 5]
    assert store._indexes._nbytes <= 400
    assert sum(index.table.nbytes for index in store._indexes._kept.values()) == store._indexes._nbytes
