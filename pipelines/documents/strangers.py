"""Strangers: documents that the store keeps and the catalog lacks, because it was lost, replaced or half rebuilt.

The record of a document in the store protects its arrays until its deletion is itself recorded there,
whatever the catalog says. Each run that adds documents leaves its name in the store first; a catalog
whose ledger does not have that name is not the one that run wrote to, and then every record is compared.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from bson import decode, encode
from bson.errors import InvalidBSON

from arraystore import ArrayDamaged, ArrayStore, Lost
from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents.lookup import found_in
from pipelines.documents.records import PREFIXES, numbered, parse_key, record_stem

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pipelines.documents.lives import Life

LAST_RUN = "runs/last"
"""The record that holds the name of the last run that added documents to a catalog that had all there are."""
EVER = datetime.fromtimestamp(0, UTC)
PATIENCE = 2.0  # seconds in which an ingest that has kept its documents in the store shows them in the catalog


@dataclass(frozen=True, slots=True)
class Stranger:
    """A document that the store keeps and the catalog lacks, or has in an older state.

    Attributes
    ----------
    stem : str
        What the names of its records begin with.
    document : str
        Its name; where no record of it can be read, the name of its first record.
    revision : int
        The highest revision of it in the store.
    readable : bool
        Whether its records can be read.
    deleted : bool
        The store says that it was deleted: what is lacking is its entry in the trash.
    untouched : frozenset of str, optional
        The arrays of that revision, where no change of it is recorded: an ingest that was cut short.
    """

    stem: str
    document: str
    revision: int
    readable: bool = True
    deleted: bool = False
    untouched: frozenset[str] | None = None

    def next_revision(self, least: int, digests: Iterable[str]) -> int:
        """Return the number for a document that is ingested, so that it writes over nothing that would be lost.

        Parameters
        ----------
        least : int
            The number it has by the catalog.
        digests : iterable of str
            Its arrays.
        """
        if self.revision < least:
            return least
        same = self.untouched is not None and self.untouched <= set(digests)
        return self.revision if same else self.revision + 1


def leave_mark(store: ArrayStore, run: str) -> None:
    """Write down in the store which run adds documents now; only for a catalog that lacks nothing."""
    store.put_records({LAST_RUN: encode({"run": run})})


def is_current(catalog: Catalog, store: ArrayStore, *, ended: bool = False) -> bool:
    """Tell whether the catalog is the one that the last run wrote to, and has all that run wrote.

    Parameters
    ----------
    ended : bool
        Not if that run is still at work, or may be, on another machine.
    """
    try:
        run = str(decode(store.get_record(LAST_RUN))["run"])
    except (Lost, ArrayDamaged, KeyError, InvalidBSON):  # a mark that cannot be read is none: the store is listed then
        return False
    entry = catalog.runs.find_one({"_id": run}, {"status": 1, "host": 1, "pid": 1, "born": 1})
    if entry is None:
        return False
    if entry["status"] == "running":
        return not (ended or ledger.has_ended(entry))
    return bool(entry["status"] != "killed")


def lacking(catalog: Catalog, store: ArrayStore) -> list[Stranger]:
    """Return what the store keeps and the catalog lacks, deleted or not.

    Nothing is listed where the catalog is the one that the last run wrote to.
    """
    return [] if is_current(catalog, store) else strangers(catalog, store, before=EVER)


def said(found: int | Iterable[Stranger]) -> str:
    """Say that a catalog lacks documents and what to do; nothing if it lacks none."""
    count = found if isinstance(found, int) else sum(not stranger.deleted for stranger in found)
    documents = "1 document" if count == 1 else f"{count} documents"
    return f"the store keeps {documents} that this catalog lacks: darkroom rebuild --missing" if count else ""


def strangers(
    catalog: Catalog, store: ArrayStore, *, before: datetime | None = None, patience: float | None = None
) -> list[Stranger]:
    """Return the documents that the store keeps and the catalog lacks.

    What the catalog has in use, in its trash or as an earlier revision it does not lack, and neither what the
    store itself says was deleted.

    Parameters
    ----------
    before : datetime, optional
        Deletions later than this do not count, and what the catalog has in its trash since before this
        must be deleted by the word of the store too: that is what a sweep is about to remove.
    patience : float, optional
        Seconds after which what seems to be lacking is looked at again: an ingest at work keeps documents
        in the store a moment before the catalog shows them.
    """
    exact = not is_current(catalog, store, ended=True)
    found = list(_unknown(catalog, store, before=before, exact=exact))
    patience = PATIENCE if patience is None else patience
    if found and patience:
        time.sleep(patience)
        again = {stranger.stem: stranger for stranger in _unknown(catalog, store, before=before, exact=exact)}
        found = [again[stranger.stem] for stranger in found if stranger.stem in again]
    return found


def _unknown(catalog: Catalog, store: ArrayStore, *, before: datetime | None, exact: bool) -> Iterator[Stranger]:
    known = _Known(catalog, before=before, exact=exact)
    until = datetime.now(UTC) if before is None else before
    for stem, numbers in _listed(store):
        kept = sorted(revision for revision, change in numbers if not change)
        if not kept or (not exact and all(known.has(stem, revision) for revision in kept)):
            continue
        from pipelines.documents.lives import Life  # with the words of instruments: a current catalog needs none

        life = Life.read(store, stem, sorted(numbers))
        deletion = life.revisions[-1].deletion if life.revisions else None
        gone = deletion is not None and deletion["at"] <= until
        if not gone and not all(known.has(stem, number) for number in _unreadable(store, life, kept)):
            name = life.document_id or numbered(stem, kept[0])
            yield Stranger(stem, name, kept[-1], readable=bool(life.revisions))
        elif not _is_released(life, known, until=until):
            yield _described(life, kept[-1])


def _described(life: "Life", revision: int) -> Stranger:
    highest = max(life.revisions, key=lambda one: int(one.document["ingest"]["revision"]))
    whole = not highest.entries and highest.document["ingest"]["revision"] == revision
    return Stranger(
        life.stem,
        life.document_id,
        revision,
        deleted=life.revisions[-1].deletion is not None,
        untouched=frozenset(highest.document["digests"]) if whole else None,
    )


def _unreadable(store: ArrayStore, life: "Life", kept: Iterable[int]) -> Iterator[int]:
    """Return the revisions whose records are there, and damaged."""
    read = {revision.document["ingest"]["revision"] for revision in life.revisions}
    for number in kept:
        if number not in read:
            try:
                store.get_record(numbered(life.stem, number))
            except Lost:  # swept since it was listed
                continue
            except ArrayDamaged:
                pass
            yield number


def _is_released(life: "Life", known: "_Known", *, until: datetime) -> bool:
    """Tell whether of every revision the catalog lacks the store says that it, or a later one, was deleted."""
    released = False
    for revision in reversed(life.revisions):
        document = revision.document
        what = life.stem, document["ingest"]["revision"], document["digests"]
        if revision.deletion is not None:
            released = revision.deletion["at"] <= until or known.trashed(*what)
        if not released and not known.has(*what):
            return False
    return True


class _Known:
    """Which revisions of which documents a catalog has, in 32 bytes each: there may be millions.

    With `exact` each is known together with the arrays it has there.
    """

    def __init__(self, catalog: Catalog, *, before: datetime | None, exact: bool) -> None:
        import numpy as np  # here: most who import this module find that nothing is lacking

        self._exact = exact
        trashed, kept = _trashed(catalog, before=before, exact=exact)
        self._trash = np.sort(np.array(kept, dtype="S32"))
        self._keys = np.sort(np.fromiter(_keys(catalog, trashed=trashed, exact=exact), dtype="S32"))

    def has(self, stem: str, revision: int, digests: Iterable[str] | None = None) -> bool:
        """Tell whether the catalog has a revision of a document; where it counts, with just these arrays."""
        return self._is_in(self._keys, stem, revision, digests)

    def trashed(self, stem: str, revision: int, digests: Iterable[str] | None = None) -> bool:
        """Tell whether the catalog has it in its trash, and not for so long that a sweep takes it now."""
        return self._is_in(self._trash, stem, revision, digests)

    def _is_in(self, keys: "npt.NDArray[np.bytes_]", stem: str, revision: int, digests: Iterable[str] | None) -> bool:
        key = _key(stem, revision, digests if self._exact else None)
        place = int(keys.searchsorted(key))
        return place < len(keys) and bytes(keys[place]).ljust(32, b"\0").startswith(key)


Owner = tuple[str, str]


def _trashed(catalog: Catalog, *, before: datetime | None, exact: bool) -> tuple[dict[Owner, int], list[bytes]]:
    """Return the highest revision in the trash of each document, and the keys of what stays in the trash."""
    fields = {"document": 1, "revision": 1, "collection": 1, "deleted_at": 1, "digests": 1}
    highest: dict[Owner, int] = {}
    kept = []
    for entry in catalog.trash.find({}, fields):
        owner = entry.get("collection", "headers"), entry["document"]
        highest[owner] = max(entry["revision"], highest.get(owner, 0))
        if before is None or entry["deleted_at"] > before:
            kept.append(_owned(*owner, entry["revision"], entry["digests"] if exact else None))
    back = _restored(catalog, highest)
    return {owner: revision for owner, revision in highest.items() if owner not in back}, kept


def _restored(catalog: Catalog, trashed: Mapping[Owner, int]) -> set[Owner]:
    """Return what is in use in the revision that the trash has: a restore was cut short before it emptied the trash."""
    back = set()
    for name in PREFIXES:
        ids = [document for collection, document in trashed if collection == name]
        for document in found_in(catalog[name], "_id", ids, {"ingest.revision": 1}):
            if document["ingest"]["revision"] == trashed[name, document["_id"]]:
                back.add((name, document["_id"]))
    return back


def _keys(catalog: Catalog, *, trashed: Mapping[Owner, int], exact: bool) -> Iterator[bytes]:
    # Only earlier revisions: a change of the one in use says nothing of whether it is there. A rebuild writes history
    # first, and cut short then it has the changes of documents that it does not show yet.
    fields = {"document": 1, "revision": 1, "collection": 1, "digests": 1}
    for entry in catalog.history.find({"before": {"$exists": True}}, fields):
        owner = entry.get("collection", "headers"), entry["document"]
        if entry["revision"] > trashed.get(owner, 0):
            yield _owned(*owner, entry["revision"], entry["digests"] if exact else None)
    for name in PREFIXES:
        for document in catalog[name].find({}, {"ingest.revision": 1, "digests": 1}):
            digests = document["digests"] if exact else None
            yield _owned(name, document["_id"], document["ingest"]["revision"], digests)


def _owned(collection: str, document_id: str, revision: int, digests: Iterable[str] | None) -> bytes:
    return _key(record_stem(document_id, collection=collection), revision, digests)


def _key(stem: str, revision: int, digests: Iterable[str] | None) -> bytes:
    key = hashlib.blake2b(stem.encode(), digest_size=20).digest() + revision.to_bytes(4, "big")
    return key if digests is None else key + hashlib.blake2b(repr(sorted(digests)).encode(), digest_size=8).digest()


def _listed(store: ArrayStore) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Return the numbers of the records of each document."""
    for prefix in PREFIXES.values():
        # A store lists folder by folder, and all records of a document are in one.
        for _, records in groupby(store.records(prefix), key=lambda record: record.key.rpartition("/")[0]):
            found: dict[str, list[tuple[int, int]]] = defaultdict(list)
            for record in records:
                name = parse_key(record.key)
                if name is not None:
                    found[name.stem].append((name.revision, name.change))
            yield from sorted(found.items())
