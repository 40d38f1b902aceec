"""Batches: arrays written one after the other, durable and visible together, or not there."""

from __future__ import annotations

import numpy as np
import pytest

from arraystore import InvalidArray, StoreUnreachable
from arraystore.putting import _MOST


def picture(number):
    return np.full((6, 7), number, np.uint16)


def test_a_batch_stores_what_single_puts_store(store):
    with store.batch() as batch:
        refs = [batch.put(picture(number), kind="frame") for number in (1, 2, 2, 3)]
    assert refs[1] == refs[2]
    assert len({ref.digest for ref in refs}) == len(list(store.objects())) == 3
    for number, ref in zip((1, 2, 2, 3), refs, strict=True):
        np.testing.assert_array_equal(np.asarray(store.open(ref)), picture(number))
        assert store.verify(ref, level="decode") == []
        assert store.put(picture(number), kind="frame") == ref
    assert not list(store._backend.leftovers())


def test_nothing_of_a_batch_that_an_error_ends_is_there(files):
    kept = files.put(picture(9), kind="frame")
    ended = files.batch()
    with pytest.raises(InvalidArray, match="type"), ended:  # noqa: PT012
        ended.put(picture(1), kind="frame")
        ended.put(np.array(["text"]), kind="frame")
    assert [found.digest for found in files.objects()] == [kept.digest]
    assert not list(files._backend.leftovers())


def test_one_array_that_is_refused_costs_the_others_nothing(files):
    with files.batch() as batch:
        ref = batch.put(picture(1), kind="frame")
        with pytest.raises(InvalidArray):
            batch.put(np.array(["text"]), kind="frame")
    assert files.exists(ref)


def test_a_long_batch_keeps_few_files_open(files):
    with files.batch() as batch:
        refs = [batch.put(picture(number), kind="frame") for number in range(_MOST + 1)]
        assert sum(files.exists(ref) for ref in refs) == _MOST
    assert all(files.exists(ref) for ref in refs)


def test_an_array_of_other_bytes_for_the_same_pixels_is_no_match(files, monkeypatch):
    """Another version of a codec came first, between writing and publishing: the reference would have another size."""
    from arraystore.format.codecs import Effort, Pcodec

    rng = np.random.default_rng(1)
    pixels = rng.integers(900, 1100, (64, 64)).astype(np.uint16)
    weaker, encoder = Pcodec((Effort(1, 0),)), Pcodec.encoder
    batch = files.batch()
    batch.put(pixels, kind="frame")
    monkeypatch.setattr(Pcodec, "encoder", lambda self, sample: encoder(weaker, sample))
    first = files.put(pixels, kind="frame")
    with pytest.raises(StoreUnreachable, match="Nothing is lost; do it once more"):
        batch.publish()
    assert files.verify(first, level="decode") == []
    assert files.put(pixels, kind="frame") == first
