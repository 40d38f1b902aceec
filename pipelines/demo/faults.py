"""Deliberate damage to a FITS frame, for trying what an archive does with bad files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

_CARD = 80
_BLOCK = 2880


def _truncated(file: bytes) -> bytes:
    return file[: _BLOCK + (len(file) - _BLOCK) // 3]


def _not_fits(file: bytes) -> bytes:
    return b"This disk is full of notes, not of frames.\n" * 40


def _empty(file: bytes) -> bytes:
    return b""


def _no_end(file: bytes) -> bytes:
    return _cards(file, [card for card in _read(file) if not card.startswith(b"END")])


def _no_date(file: bytes) -> bytes:
    return _cards(file, [card for card in _read(file) if not card.startswith(b"DATE ")])


def _duplicate_card(file: bytes) -> bytes:
    cards = _read(file)
    place = next(index for index, card in enumerate(cards) if card.startswith(b"TARGET  ="))
    return _cards(file, [*cards[: place + 1], b"TARGET  = 'another one'".ljust(_CARD), *cards[place + 1 :]])


def _bad_card(file: bytes) -> bytes:
    bad = b"TEMPERAT=              -10.0.0".ljust(_CARD)
    return _cards(file, [bad if card.startswith(b"TEMPERAT=") else card for card in _read(file)])


FAULTS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "truncated": _truncated,
        "not-fits": _not_fits,
        "empty": _empty,
        "no-end": _no_end,
        "no-date": _no_date,
        "duplicate-card": _duplicate_card,
        "bad-card": _bad_card,
    }
)
"""Each takes the bytes of a good frame, with a header of one block, and gives those of a damaged one."""


def _read(file: bytes) -> list[bytes]:
    return [file[start : start + _CARD] for start in range(0, _BLOCK, _CARD)]


def _cards(file: bytes, cards: list[bytes]) -> bytes:
    """Return the file other cards, the header filled up with blanks to whole blocks as before."""
    while cards and not cards[-1].strip():
        cards.pop()
    header = b"".join(cards)
    return header.ljust(-(-len(header) // _BLOCK) * _BLOCK) + file[_BLOCK:]
