"""A reserve beside the catalog: room that is given up on a full disk, so that reading and making room go on."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["SIZE", "keep", "lacks_room", "release", "spend"]

SIZE = 1 << 20
"""Bytes of the reserve: what a sweep writes into the catalog's log before the log is folded into the file."""
TIGHT = 1 << 18
"""Bytes free on a disk below which an error of the system counts as one of room."""


def _place(catalog: Path) -> Path:
    return catalog.with_name(f"{catalog.name}.reserve")


def lacks_room(catalog: Path) -> bool:
    """Tell whether the disk of a catalog is full, or nearly so."""
    try:
        disk = os.statvfs(catalog.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < TIGHT


def keep(catalog: Path) -> None:
    """Make the reserve, or make it whole, where the disk has room for it and more."""
    place = _place(catalog)
    with suppress(OSError):  # it is a help, and its lack is no fault
        disk = os.statvfs(catalog.parent)
        if disk.f_bavail * disk.f_frsize < 4 * SIZE or (place.exists() and place.stat().st_size >= SIZE):
            return
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        finally:
            os.close(descriptor)


def release(catalog: Path) -> bool:
    """Give up the reserve; tell whether there was one."""
    try:
        _place(catalog).unlink()
    except OSError:
        return False
    return True


def spend(catalog: Path, nbytes: int) -> bool:
    """Give up a part of the reserve; tell whether there was so much."""
    place = _place(catalog)
    try:
        size = place.stat().st_size
        if size < nbytes:
            return False
        os.truncate(place, size - nbytes)
    except OSError:
        return False
    return True
