"""Cards become a header that BSON can hold, and none is lost or renamed; header blocks come back byte for byte."""

import math
import zlib

import bson
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import (
    Damaged,
    DocumentTooLarge,
    Unparsable,
    decode_keyword,
    encode_keyword,
    header_document,
    pack_cards,
    unpack_cards,
)
from catalog.headers import MAX_BLOCKS

keywords = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.complex_numbers(),
    st.builds(Unparsable, st.text(max_size=10)),
    st.floats(width=32).map(np.float32),
    st.integers(-(2**31), 2**31 - 1).map(np.int32),
    st.booleans().map(np.bool_),
)


@given(keywords)
def test_keywords_come_back(keyword):
    encoded = encode_keyword(keyword)
    assert decode_keyword(encoded) == keyword
    assert "." not in encoded
    assert "\x00" not in encoded
    assert not encoded.startswith("$")


@given(st.lists(st.tuples(keywords, values, st.just("")), max_size=12))
def test_whatever_the_cards_hold_the_header_is_bson(cards):
    made = header_document(cards)
    assert bson.decode(bson.encode(made.header)).keys() == made.header.keys()
    assert made.flagged.keys() <= made.header.keys()
    named = {encode_keyword(keyword) for keyword, _, _ in cards if keyword.strip()}
    assert made.header.keys() == named


@pytest.mark.parametrize(
    ("value", "kept", "flag"),
    [
        (None, None, None),
        (True, True, None),
        (5, 5, None),
        (-(2**63), -(2**63), None),
        (2**63, str(2**63), "header-bigint"),
        (1.5, 1.5, None),
        (math.inf, None, "header-nonfinite"),
        (math.nan, None, "header-nonfinite"),
        (1 + 2j, "(1.0, 2.0)", "header-complex"),
        ("text ", "text ", None),
        (Unparsable("= 1 2"), "= 1 2", "header-unparsable"),
        ("\udcff", "\\udcff", "header-unparsable"),
        (np.int64(7), 7, None),
        (np.float32(0.5), 0.5, None),
        (np.float64("nan"), None, "header-nonfinite"),
        (np.bool_(False), False, None),
        (np.str_("x"), "x", None),
    ],
)
def test_values(value, kept, flag):
    made = header_document([("KEY", value, "")])
    assert made.header == {"KEY": kept}
    assert type(made.header["KEY"]) is type(kept)
    assert made.flagged == ({} if flag is None else {"KEY": flag})


def test_the_first_of_duplicates_wins_and_commentary_is_kept_in_lines():
    cards = [
        ("A", 1, ""),
        ("COMMENT", "one", ""),
        ("", "blank", ""),
        ("A", 2, ""),
        ("COMMENT", "", ""),
        ("HISTORY", "h", ""),
    ]
    assert header_document(cards).header == {"A": 1, "COMMENT": ["one", ""], "HISTORY": ["h"]}


def test_operators_and_dots_are_only_names():
    made = header_document([("$WHERE", 1, ""), ("ESO DET.CHIP1", 2, ""), ("100%", 3, "")])
    assert list(made.header) == ["%24WHERE", "ESO DET%2ECHIP1", "100%25"]


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
