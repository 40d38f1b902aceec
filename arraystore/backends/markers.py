"""Marker: the small file by which a store is known, with its format and identity."""

from __future__ import annotations

import json
import uuid

from arraystore.errors import NotAStore, StoreTooNew, StoreUnreachable

__all__ = ["COPYING", "MARKER", "marker_of", "new_marker", "parse_marker", "unfinished"]

MARKER = "arraystore.json"
#: Stands in the place of the marker while a store is being copied there.
COPYING = "copying.json"
_FORMAT = 1


def new_marker() -> bytes:
    """The marker of a store that is being made."""
    return marker_of(uuid.uuid4().hex)


def marker_of(store: str) -> bytes:
    """The marker of a copy: it has the identity of what it is a copy of."""
    return json.dumps({"format": _FORMAT, "store": store}).encode()


def unfinished(where: object) -> StoreUnreachable:
    """The error for a place that is a store only once the copy to it is finished."""
    return StoreUnreachable(
        f"the store at {where} is an unfinished copy: run the same `darkroom copy` again, it goes on where it stopped."
    )


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
