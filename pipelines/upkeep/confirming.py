"""Confirming: arrays, records and documents found sound by the workers of a scheduler.

A worker only says what is sound. Whatever it does not confirm is verified again by the caller, who can ask the catalog
too: so what is found, and how it is said, is the same with workers and without.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arraystore import ArrayDamaged, ArrayStore, InvalidArray, InvalidRef, Lost, StoreTooNew
from pipelines.documents.replay import replayed, settled
from pipelines.documents.schema import Document
from pipelines.schedulers.workers import SharedStore, Workers
from pipelines.upkeep.census import fingerprint
from pipelines.upkeep.verifications import AHEAD, Item, Verifications, kept_of

__all__ = ["confirmed"]

NBYTES = 128 << 20  # of arrays in one piece of work, but for the last


@dataclass(frozen=True, slots=True)
class _Piece:
    """Things to verify, each with the reference or the document that the catalog has of it."""

    items: Sequence[Item]
    known: Sequence[Document | None]
    level: str


def confirmed(
    verifications: Verifications, items: Sequence[Item], *, level: str, workers: Workers, deadline: float | None
) -> Iterator[tuple[Item, bool]]:
    """Yield every item, in order, and whether a worker found it sound; no more after the deadline.

    Parameters
    ----------
    deadline
        By `time.monotonic`.
    """
    for done in workers.in_order(_confirm, _pieces(verifications, items, level, deadline)):
        sound = done.result if done.result is not None else [False] * len(done.piece.items)
        yield from zip(done.piece.items, sound, strict=True)


def _pieces(
    verifications: Verifications, items: Sequence[Item], level: str, deadline: float | None
) -> Iterator[_Piece]:
    for start in range(0, len(items), AHEAD):
        some = items[start : start + AHEAD]
        verifications.read_ahead(some)
        known = [verifications.known(item) for item in some]
        first, nbytes = 0, 0
        for number, document in enumerate(known, 1):
            nbytes += int((document or {}).get("stored") or 0)
            if nbytes >= NBYTES or number == len(some):
                if deadline is not None and time.monotonic() >= deadline:
                    return
                yield _Piece(some[first:number], known[first:number], level)
                first, nbytes = number, 0


def _confirm(shared: SharedStore, piece: _Piece) -> list[bool]:
    """Tell of each item whether it is sound beyond doubt."""
    pairs = zip(piece.items, piece.known, strict=True)
    return [_is_sound(shared.store, item, known, piece.level) for item, known in pairs]


def _is_sound(store: ArrayStore, item: Item, known: Document | None, level: str) -> bool:
    collection, _, name = item.name.partition("/")
    try:
        if collection == "records":
            store.get_record(name)
            return True
        if known is None or item.suspects:
            return False
        if collection == "objects":
            edited = level != "exists" and fingerprint(store.describe(name).to_dict()) != fingerprint(known)
            return not edited and not store.verify(known, level=level)
        kept, entries = kept_of(store, known, collection)
        complete = len(entries) >= known["ingest"].get("changes", 0)
        return complete and settled(replayed(kept, entries.values())) == settled(known)
    except (Lost, ArrayDamaged, InvalidRef, InvalidArray, StoreTooNew):
        return False
