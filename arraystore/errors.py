"""Errors of the array store, arranged by what a caller would do about each.

::

    StoreError
    ├── Lost                something that was stored is not there
    ├── ArrayDamaged             it is there, and is not what was stored
    ├── NotAStore           the place exists and is something else
    ├── NotInstalled        install what the message names (also an ImportError)
    ├── StoreTooNew         written by a later release than this one
    ├── StoreReadOnly       a write was asked of a store that may not be written
    ├── StoreFull           no space, or quota used up
    ├── StoreUnreachable    the place cannot be reached now
    ├── InvalidArray        (also ValueError) this array cannot be stored
    ├── InvalidRef          (also ValueError) this is not a reference to an array
    ├── InvalidKey          (also ValueError) this is not a name for a record
    └── InvalidStoreURL          (also ValueError) this is not an address of a store
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "ArrayDamaged",
    "InvalidArray",
    "InvalidKey",
    "InvalidRef",
    "InvalidStoreURL",
    "Lost",
    "NotAStore",
    "NotInstalled",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "StoreUnreachable",
    "translated",
]


class StoreError(Exception):
    """Anything that goes wrong in an array store."""

    def _render_traceback_(self) -> list[str]:
        # Asked by Jupyter and IPython: the message is for the asker, the frames are ours; %debug has them.
        return [f"{type(self).__name__}: {self}"]


class NotInstalled(StoreError, ImportError):
    """Another library was asked for, and it is not installed."""


class Lost(StoreError):
    """Something that was stored is no longer there."""


class ArrayDamaged(StoreError):
    """What is stored is not what was put there."""


class NotAStore(StoreError):
    """The place exists and is not an array store."""


class StoreTooNew(StoreError):
    """The store, or an array in it, was written by a later release."""


class StoreReadOnly(StoreError):
    """The store may be read only."""


class StoreFull(StoreError):
    """There is no space left, or a quota is used up."""


class StoreUnreachable(StoreError):
    """The store cannot be reached at the moment."""


class InvalidArray(StoreError, ValueError):
    """The array cannot be stored as it is."""


class InvalidRef(StoreError, ValueError):
    """The value given is not a reference to an array."""


class InvalidKey(StoreError, ValueError):
    """The value given cannot name a record."""


class InvalidStoreURL(StoreError, ValueError):
    """The value given is not the address of a store."""


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_MISSING = {errno.ENOENT, errno.ENOTDIR}


def _translate(error: OSError, action: str, place: str) -> StoreError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return StoreFull(f"cannot {action} {place}: {reason}. Nothing was published; free some space and try again.")
    if error.errno in _FORBIDDEN:
        return StoreReadOnly(
            f"cannot {action} {place}: {reason}. Check the owner and mode of the folder and its mount."
        )
    if error.errno in _MISSING:
        return Lost(f"cannot {action} {place}: it is not there. Restore it from a copy, or ingest it again.")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StoreUnreachable(f"cannot {action} {place}: {reason}. Raise the limit on open files.")
    if error.errno == errno.ENAMETOOLONG:
        return InvalidKey(f"cannot {action} {place}: the name is too long for this file system.")
    return StoreUnreachable(f"cannot {action} {place}: {reason}. Check the disk or mount and try again.")


@contextmanager
def translated(action: str, place: object) -> Iterator[None]:
    """Turn an ``OSError`` inside the block into the matching `StoreError`."""
    try:
        yield
    except OSError as error:
        raise _translate(error, action, str(place)) from error
