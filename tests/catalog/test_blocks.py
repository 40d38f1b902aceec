"""Header blocks come back byte for byte, or not at all."""

import zlib

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import Damaged, DocumentTooLarge, pack_cards, unpack_cards
from catalog.blocks import MAX_BLOCKS


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_blocks_come_back_through_bson(blocks):
    stored = bson.decode(bson.encode(pack_cards(blocks)))
    assert unpack_cards(stored) == blocks


def test_headers_shrink():
    block = b"".join(f"KEY{i:05d}= {i:20d} / number".ljust(80).encode() for i in range(36))
    assert len(pack_cards([block])["data"]) < len(block) / 4


def damaged(**changes):
    return {**pack_cards([b"a" * 2880, b"b" * 2880]), **changes}


@pytest.mark.parametrize(
    "packed",
    [
        damaged(data=b"not zlib"),
        damaged(data=zlib.compress(b"a" * 5759)),
        damaged(data=zlib.compress(b"a" * 5761)),
        damaged(data=zlib.compress(b"a" * 5760)[:-6]),
        damaged(sizes=[2880]),
        damaged(sizes=[2880, -2880]),
        damaged(sizes=["2880", "2880"]),
        damaged(sizes=[MAX_BLOCKS + 1]),
        damaged(codec="zstd"),
        {"codec": "zlib"},
    ],
)
def test_what_was_changed_is_refused(packed):
    with pytest.raises(Damaged):
        unpack_cards(packed)


def test_a_bomb_is_not_decompressed():
    bomb = {"codec": "zlib", "sizes": [10], "data": zlib.compress(b"\0" * 50_000_000)}
    with pytest.raises(Damaged, match="another size"):
        unpack_cards(bomb)


def test_too_much_is_refused():
    block = bytes(MAX_BLOCKS // 4)
    with pytest.raises(DocumentTooLarge):
        pack_cards([block] * 5)
