"""One selection of many cubes: the same values in the same order, however slow the place is."""

from __future__ import annotations

import time
import uuid

import numpy as np
import pytest

from arraystore import Lost, open_store
from arraystore.store import ArrayStore
from arraystore.testing.faults import Fault, FaultyBackend


def exposures(store, count):
    rng = np.random.default_rng(4)
    ramps = [rng.integers(0, 900, (1, int(rng.integers(2, 7)), 40, 50)).astype("u2") for _ in range(count)]
    return ramps, [store.put(ramp, kind="ramp").to_dict() for ramp in ramps]


def test_one_pixel_of_each(store):
    ramps, refs = exposures(store, 12)
    found = store.read_many(refs, np.s_[..., 31, 44])
    assert [values.shape for values in found] == [ramp.shape[:2] for ramp in ramps]
    assert all(np.array_equal(values, ramp[..., 31, 44]) for values, ramp in zip(found, ramps, strict=True))
    assert all(np.array_equal(a, b[0, -1]) for a, b in zip(store.read_many(refs, (0, -1)), ramps, strict=True))
    assert store.read_many([], ...) == []


def test_one_that_is_lost_is_not_passed_over(store):
    _, refs = exposures(store, 6)
    lost = refs[5] | {"digest": "0" * 64, "path": "objects/00/" + "0" * 64}
    with pytest.raises(Lost):
        store.read_many([*refs, lost], np.s_[..., 3, 4])
    with pytest.raises(IndexError):
        store.read_many(refs, np.s_[..., 99, 4])


class Slow(FaultyBackend):
    """Every file takes three milliseconds to open, as over a network; how many are asked for at once is noted."""

    __slots__ = ()
    now = most = 0

    def reader(self, path):
        Slow.now += 1
        Slow.most = max(Slow.most, Slow.now)
        time.sleep(0.003)
        Slow.now -= 1
        return self.inner.reader(path)


def test_a_slow_place_is_asked_for_several_at_once():
    backend = open_store(f"memory://{uuid.uuid4().hex}")._backend
    ramps, refs = exposures(ArrayStore(backend), 120)
    found = ArrayStore(Slow(backend, Fault("fails"))).read_many(refs, np.s_[..., 5, 6])
    assert Slow.most > 1
    assert all(np.array_equal(values, ramp[..., 5, 6]) for values, ramp in zip(found, ramps, strict=True))


def test_a_disk_is_told_what_comes_next_and_gives_the_same(tmp_path, monkeypatch):
    """The index of each, then the chunk of each, is asked for before the first is awaited; but for one, by which
    it is seen that the files are not in memory."""
    monkeypatch.setattr("arraystore.many._QUICK", 0)
    store = open_store(tmp_path)
    ramps, refs = exposures(store, 9)
    ramps.append(np.zeros((2, 3, 40, 50), "u2"))  # of zeros, and so without a file
    refs.append(store.put(ramps[-1], kind="ramp").to_dict())
    told = []
    monkeypatch.setattr("os.posix_fadvise", lambda *advice: told.append(advice[1:3]))
    for key in (np.s_[..., 31, 44], np.s_[0, 0, 31, 44], np.s_[:, ::-1, 3:20, 40:], np.s_[..., 0:0, 0]):
        found = store.read_many(refs, key)
        assert all(np.array_equal(values, ramp[key]) for values, ramp in zip(found, ramps, strict=True))
        assert [type(values) for values in found] == [type(ramp[key]) for ramp in ramps]
    assert len(told) >= 8 * 2 * 2  # index and chunk of each of eight, and two of the keys are one pixel
    with pytest.raises(Lost):
        store.read_many([*refs, refs[5] | {"digest": "0" * 64, "path": "objects/00/" + "0" * 64}], np.s_[..., 3, 4])


def test_what_is_kept_of_a_pixel_is_the_pixel(store):
    """A thousand exposures are a thousand ramps in memory, not a thousand chunks of them."""
    _, refs = exposures(store, 3)
    for values in store.read_many(refs, np.s_[..., 3, 4]):
        owner = values
        while owner.base is not None:
            owner = owner.base
        assert owner.nbytes == values.nbytes
