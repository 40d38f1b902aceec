"""Marker: the small file by which a store is known, with its format and identity."""

from __future__ import annotations

import json
import uuid

from arraystore.errors import NotAStore, StoreTooNew

__all__ = ["MARKER", "new_marker", "parse_marker"]

MARKER = "arraystore.json"
_FORMAT = 1


def new_marker() -> bytes:
    """The marker of a store that is being made."""
    return json.dumps({"format": _FORMAT, "store": uuid.uuid4().hex}).encode()


def parse_marker(data: bytes, where: object) -> str:
    """Identity of the store whose marker this is.

    Raises
    ------
    NotAStore, StoreTooNew
        It is no marker, or that of a later release.
    """
    try:
        document = json.loads(data)
        version, store = int(document["format"]), str(document["store"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotAStore(f"{where}/{MARKER} is not the marker of an array store. Restore it from a copy.") from error
    if version > _FORMAT:
        raise StoreTooNew(f"the store at {where} has format {version}: upgrade to open it.")
    return store
