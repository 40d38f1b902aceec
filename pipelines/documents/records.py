"""The documents as ingested, and every change since, kept in the array store: how they are named there.

They are what a lost catalog is rebuilt from, so their names follow from the document alone.
"""

import hashlib
import re
from dataclasses import dataclass

PREFIXES = {"headers": "documents/", "masters": "masters/"}
"""Where the records of each collection's documents are."""

_KEY = re.compile(r"(?P<stem>[a-z]+/[0-9a-f]{2}/[0-9a-f]{40})\.(?P<revision>\d+)(?:\.(?P<change>\d+))?\.bson")
_OLDER = re.compile(r"(?P<stem>documents/[0-9a-f]{2}/[0-9a-f]{40})/(?P<revision>\d+)\.bson")
"""In schema 1 the records of each document had a folder of their own."""


@dataclass(frozen=True, slots=True)
class RecordName:
    """What the name of a record says.

    Attributes
    ----------
    stem : str
        Stands for the document.
    revision, change : int
        Which of its revisions, and which change of it; 0 is the document as ingested.
    """

    stem: str
    revision: int
    change: int


def record_key(document_id: str, revision: int, change: int = 0, *, collection: str = "headers") -> str:
    """Name of the record of a document, or of a change of it: by id and numbers, never its content."""
    return numbered(record_stem(document_id, collection=collection), revision, change)


def numbered(stem: str, revision: int, change: int = 0) -> str:
    """Name of a record, of what stands for its document and its numbers."""
    # No folder for each document: making one and forcing it to disk costs more than the record itself.
    return f"{stem}.{revision}.{change}.bson" if change else f"{stem}.{revision}.bson"


def record_stem(document_id: str, *, collection: str = "headers") -> str:
    """Return what the names of all records of a document begin with."""
    name = hashlib.sha256(document_id.encode()).hexdigest()[:40]
    return f"{PREFIXES[collection]}{name[:2]}/{name}"


def parse_key(key: str) -> RecordName | None:
    """Read the name of a record; None if it is none of ours."""
    match = _KEY.fullmatch(key)
    if match is None or not key.startswith(tuple(PREFIXES.values())):
        return None
    return RecordName(match["stem"], int(match["revision"]), int(match["change"] or 0))


def older_key(key: str) -> str | None:
    """Return what a record with a name of schema 1 is called now; None if it is none.

    Examples
    --------
    >>> older_key(f"documents/0a/0a{38 * '7'}/2.bson") == f"documents/0a/0a{38 * '7'}.2.bson"
    True
    """
    match = _OLDER.fullmatch(key)
    return None if match is None else numbered(match["stem"], int(match["revision"]))
