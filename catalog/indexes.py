"""Declares the indexes of every collection, in the one place they are made from."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["INDEXES", "Index"]


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

    @property
    def spec(self) -> list[tuple[str, int]]:
        """Its keys as PyMongo takes them."""
        return [(path, 1) for path in self.keys]


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
    Index("headers", ("ingest.arrays",)),
    Index("masters", ("kind", "date")),
    Index("masters", ("instrument", "kind", "date")),
    Index("masters", ("instrument", "kind", "camera")),
    Index("masters", ("camera", "kind")),
    Index("masters", ("pixels_digest",)),
    Index("masters", ("parents",)),
    Index("masters", ("digests",)),
    Index("masters", ("ingest.at",)),
    Index("quarantine", ("root", "path"), unique=True),
    Index("quarantine", ("code",)),
    Index("history", ("at",)),
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
