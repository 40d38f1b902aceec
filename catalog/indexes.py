"""Declares the indexes of every collection, in the one place they are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["INDEXES", "Index", "ensure"]


@dataclass(frozen=True, slots=True)
class Index:
    """One declared index.

    Attributes
    ----------
    collection : str
        The collection it is on.
    keys : tuple of str
        Dotted paths, all ascending.
    unique : bool
        Whether two documents may not share the values.
    """

    collection: str
    keys: tuple[str, ...]
    unique: bool = False


INDEXES: tuple[Index, ...] = (
    Index("headers", ("date", "kind")),
    Index("headers", ("date", "header.IMAGETYP")),
    Index("headers", ("instrument", "kind", "date")),
    Index("headers", ("profile", "kind", "date")),
    Index("headers", ("path_night", "kind")),
    Index("headers", ("header.SERIALNO", "header.EXPTIME", "date")),
    Index("headers", ("root", "path"), unique=True),
    Index("headers", ("exposure",)),
    Index("headers", ("file.sha256",)),
    Index("headers", ("pixels_digest",)),
    Index("headers", ("parents",)),
    Index("headers", ("digests",)),
    Index("headers", ("campaign",)),
    Index("headers", ("detector", "kind", "window.x")),
    Index("headers", ("obs.camera", "date")),
    Index("headers", ("calibration.references_used",)),
    Index("headers", ("calibration.version",)),
    Index("headers", ("calibration.steps_lacking",)),
    Index("headers", ("ingest.at", "_id")),
    Index("headers", ("schema",)),
    Index("masters", ("kind", "date")),
    Index("masters", ("instrument", "kind", "date")),
    Index("masters", ("instrument", "kind", "camera")),
    Index("masters", ("camera", "kind")),
    Index("masters", ("pixels_digest",)),
    Index("masters", ("parents",)),
    Index("masters", ("digests",)),
    Index("quarantine", ("root", "path"), unique=True),
    Index("quarantine", ("code",)),
    Index("history", ("document", "at")),
    Index("history", ("document", "revision")),
    Index("history", ("digests",)),
    Index("history", ("run",)),
    Index("runs", ("started",)),
    Index("trash", ("deleted_at",)),
    Index("trash", ("document",)),
    Index("trash", ("digests",)),
    Index("views", ("digests",)),
    Index("views", ("view", "detector")),
)


class Indexable(Protocol):
    """A collection that can be indexed."""

    def create_index(self, keys: list[tuple[str, int]], *, unique: bool = False) -> str:
        """Make an index, or find it made."""


class HasCollections(Protocol):
    """Whatever gives collections by name."""

    def __getitem__(self, name: str) -> Indexable: ...


def ensure(catalog: HasCollections, *, indexes: tuple[Index, ...] = INDEXES) -> None:
    """Return the declared indexes; those that exist are left as they are."""
    for index in indexes:
        keys = [(path, 1) for path in index.keys]
        catalog[index.collection].create_index(keys, unique=index.unique)
