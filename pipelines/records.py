"""The documents as ingested, kept in the array store: how they are named there.

They are what a lost catalog is rebuilt from, so their names follow from the document alone.
"""

import hashlib

PREFIX = "documents/"


def record_key(document_id: str, revision: int) -> str:
    """Name of a document's record: by its id and revision, never its content."""
    name = hashlib.sha256(document_id.encode()).hexdigest()[:40]
    return f"{PREFIX}{name[:2]}/{name}/{revision}.bson"
