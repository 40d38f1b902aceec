"""Sweep: take away what nothing refers to, once it is old enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from arraystore.backends.protocol import Backend

__all__ = ["SweepReport", "sweep"]


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep removed, or in a dry run would remove.

    Attributes
    ----------
    objects : tuple of str
        Digests of unreferenced objects older than the grace time.
    staging : tuple of str
        Paths of abandoned staging older than the grace time.
    nbytes : int
        Bytes of both.
    dry_run : bool
        Whether nothing was removed.
    """

    objects: tuple[str, ...]
    staging: tuple[str, ...]
    nbytes: int
    dry_run: bool


def sweep(
    backend: Backend, *, referenced: Callable[[str], bool], grace: timedelta, dry_run: bool = True
) -> SweepReport:
    """Remove objects that are not referenced and staging whose writer is gone.

    An object is put out of reach before it is asked about for the last time, and put
    back if it has become young or referenced meanwhile, so that an ingest running at the
    same time loses nothing.

    Parameters
    ----------
    backend : Backend
        The store.
    referenced : callable
        Whether anything refers to the object with this digest.
    grace : timedelta
        Age since an object was last put below which it is left alone. Longer than any
        ingest takes from storing an array to storing the document that refers to it.
    dry_run : bool
        Only report.

    Raises
    ------
    StoreReadOnly
        Not a dry run, and the store may not be written.
    """
    if grace < timedelta(0):
        raise ValueError(f"a grace time cannot be negative: {grace}")
    if not dry_run:
        backend.recover()

    def keep(digest: str, modified: float) -> bool:
        return time.time() - modified < grace.total_seconds() or referenced(digest)

    objects, staging, nbytes = [], [], 0
    for found in backend.objects():
        if keep(found.digest, found.modified):
            continue
        if dry_run or backend.withdraw(found.digest, lambda modified, d=found.digest: keep(d, modified)):  # type: ignore[misc]
            objects.append(found.digest)
            nbytes += found.nbytes
    for left in backend.leftovers():
        if time.time() - left.modified >= grace.total_seconds() and (dry_run or backend.clear(left.path)):
            staging.append(left.path)
            nbytes += left.size
    return SweepReport(tuple(objects), tuple(staging), nbytes, dry_run)
