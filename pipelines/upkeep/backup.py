"""Backup: a catalog copied to a file while it is in use, or document by document into another catalog."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
from pymongo import ReplaceOne

from catalog import Catalog, Collection
from pipelines.documents import runs as ledger
from pipelines.documents.schema import Document
from pipelines.errors import IntegrityError, Refused, UsageError
from pipelines.progress import Progress
from pipelines.session import Session

BATCH = 200  # documents compared and written together
NOT_COPIED = frozenset({"leases"})
"""Who holds what at this moment is no one's business elsewhere."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied and verified.

    Attributes
    ----------
    target : str
        The file or catalog.
    documents : dict of str to int
        Documents there now, by collection.
    written : int
        Those written in this run; the others were there and the same.
    nbytes : int
        Bytes of the file; 0 for a server.
    """

    target: str
    documents: dict[str, int]
    written: int
    nbytes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.documents.items() if count)
        size = f"; {self.nbytes / 1e6:.1f} MB" if self.nbytes else ""
        return f"{self.target}: {counts or 'no documents'}{size}; verified ({self.written} written)"


def backup(session: Session, out: str | os.PathLike[str]) -> Copied:
    """Write an embedded catalog, as it is at this moment, to a new file; others may go on writing.

    The file is a catalog like any other: ``darkroom --catalog FILE status`` reads it.

    Raises
    ------
    UsageError
        There is a file of that name, or no folder for it, or the catalog is on a server.
    catalog.Damaged
        The copy does not hold what the original does. Nothing is written.
    """
    target = Path(out).expanduser().absolute()
    if session.catalog.backend != "embedded":
        raise UsageError(f"{session.catalog.url} is on a server: use mongodump, or `darkroom copy --to {target}`")
    if target.exists():
        raise UsageError(f"{target} exists and is not overwritten; name a new file")
    if not target.parent.is_dir():
        raise UsageError(f"the folder {target.parent} is not there; make it, or write elsewhere")
    counts = session.catalog.back_up(target)
    return Copied(str(target), counts, sum(counts.values()), target.stat().st_size)


def copy(*, source: Catalog, target: Catalog, progress: Progress | None = None) -> Copied:
    """Copy every document of a catalog into another, then hold each against the original.

    Cut short, run it again: what is there already and the same is not written twice.

    Parameters
    ----------
    source, target : Catalog
        Of either kind; the target may be empty, or hold an unfinished copy of the source.
    progress : callable, optional
        Called with documents done, and how many there are (each is written, then verified).

    Raises
    ------
    UsageError
        Both are the same catalog.
    Refused
        The target has documents of its own. Nothing was written.
    IntegrityError
        A document there is not that of the source: it changed meanwhile, or was damaged on the way.
    """
    if source.url == target.url:
        raise UsageError(f"{source.url} would be copied onto itself; name another catalog")
    names = [name for name in source.collection_names() if name not in NOT_COPIED]
    strangers = [name for name in target.collection_names() if name not in NOT_COPIED]
    for name in strangers:
        _require_no_stranger(source[name], target[name])
    counts = {name: source[name].count_documents({}) for name in names}
    total, done, written = 2 * sum(counts.values()), 0, 0
    for name in names:
        for batch in _batches(source[name]):
            written += _write(batch, target[name])
            done += len(batch)
            if progress is not None:
                progress(done, max(done, total))
    for name in names:
        for batch in _batches(source[name]):
            _verify(batch, target[name], name)
            done += len(batch)
            if progress is not None:
                progress(done, max(done, total))
    found = {name: target[name].count_documents({}) for name in names}
    if not target.readonly and written:
        run = ledger.start(target.runs, verb="copy", arguments={"source": source.url})
        ledger.finish(target.runs, run, status="finished", result={"documents": found, "written": written})
    return Copied(target.url, found, written)


def _batches(collection: Collection) -> Iterator[list[Document]]:
    cursor = collection.find()
    while batch := cursor.to_list(BATCH):
        yield batch


def _digests(collection: Collection, ids: list[Any]) -> dict[Any, bytes]:
    return {document["_id"]: _digest(document) for document in collection.find({"_id": {"$in": ids}})}


def _digest(document: Document) -> bytes:
    return hashlib.sha256(bson.encode(document)).digest()


def _write(batch: list[Document], target: Collection) -> int:
    there = _digests(target, [document["_id"] for document in batch])
    new = [document for document in batch if there.get(document["_id"]) != _digest(document)]
    if new:
        target.bulk_write([ReplaceOne({"_id": d["_id"]}, d, upsert=True) for d in new], ordered=False)
    return len(new)


def _verify(batch: list[Document], target: Collection, name: str) -> None:
    there = _digests(target, [document["_id"] for document in batch])
    for document in batch:
        if there.get(document["_id"]) != _digest(document):
            raise IntegrityError(
                f"{document['_id']} in {name} is not the same in the copy; if the source is in use, stop what "
                "changes it, and run the copy again: it goes on from here"
            )


def _require_no_stranger(source: Collection, target: Collection) -> None:
    for batch in _batches(target):
        ids = [document["_id"] for document in batch if document.get("verb") != "copy"]
        known = {document["_id"] for document in source.find({"_id": {"$in": ids}}, {"_id": 1})}
        for name in ids:
            if name not in known:
                raise Refused(
                    f"the target has a document of its own, {name} in {target.name}; copy into an empty catalog. "
                    "Nothing was written"
                )
