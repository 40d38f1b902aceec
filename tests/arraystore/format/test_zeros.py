"""Zeros: told by their bits, and digested without being read again."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from arraystore.format.digests import leaf_digests
from arraystore.format.zeros import is_zero, sha256_of_zeros


@pytest.mark.parametrize("dtype", ["bool", "u1", "u2", "f4", "f8", "c16"])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 4099])
def test_one_bit_is_found_wherever_it_is(dtype, size):
    array = np.zeros(size, dtype)
    assert is_zero(array)
    for place in {0, size // 2, size - 1} if size else ():
        array.view("u1")[place * array.itemsize] = 1
        assert not is_zero(array)
        array.view("u1")[place * array.itemsize] = 0


def test_minus_zero_is_not_zero():
    assert not is_zero(np.full(9, -0.0, "f4"))


@pytest.mark.parametrize("count", [0, 1, 2**20, 2**20 + 3])
def test_the_digest_of_zeros(count):
    assert sha256_of_zeros(count) == hashlib.sha256(bytes(count)).digest()


def test_leaves_of_zeros_are_those_of_any_other_pixels():
    band = np.zeros((2, 3, 70, 5), "<u2")
    assert leaf_digests(band) == [hashlib.sha256(bytes(2 * 2 * 3 * 5 * rows)).digest() for rows in (32, 32, 6)]
