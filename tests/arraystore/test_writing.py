"""Writing: the same pixels become the same bytes, however many work at it."""

from __future__ import annotations

import numpy as np
import pytest

from arraystore import open_store


def stored(folder, array, kind, threads):
    store = open_store(folder, threads=threads)
    ref = store.put(array, kind=kind)
    assert store.verify(ref, "decode") == []
    assert np.array_equal(store.open(ref)[...], array)
    return [path.read_bytes() for path in sorted((folder / ref.path).iterdir())]


@pytest.mark.parametrize("kind", ["frame", "array"])
def test_threads_do_not_change_the_bytes(kind, tmp_path):
    rng = np.random.default_rng(3)
    array = np.zeros((1500, 2000), "u2")
    array[600:] = rng.normal(1000, 25, (900, 2000))  # the first bands are zero: nothing can be tried on them
    array[1200:] = np.arange(2000, dtype="u2") * 7
    array[900:980, 400:1600] = 0  # and a chunk in the middle of a band
    assert stored(tmp_path / "one", array, kind, 1) == stored(tmp_path / "many", array, kind, 4)
