"""Sweep: take away what nothing refers to, once it is old enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from arraystore.backends.protocol import Backend, StoredObject

__all__ = ["SweepReport", "sweep"]

BATCH = 500  # objects asked about together


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
    backend: Backend,
    *,
    referenced: Callable[[str], bool],
    among: Callable[[Sequence[str]], Container[str]] | None = None,
    grace: timedelta,
    dry_run: bool = True,
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
    among : callable, optional
        Which of many digests anything refers to, asked a few hundred at a time; without it `referenced`
        is asked of each. What is removed is asked about once more by itself.
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
    old = (found for found in backend.objects() if time.time() - found.modified >= grace.total_seconds())
    for found in _unreferenced(old, referenced=referenced, among=among):
        if dry_run or backend.withdraw(found.digest, lambda modified, d=found.digest: keep(d, modified)):  # type: ignore[misc]
            objects.append(found.digest)
            nbytes += found.nbytes
    for left in backend.leftovers():
        if time.time() - left.modified >= grace.total_seconds() and (dry_run or backend.clear(left.path)):
            staging.append(left.path)
            nbytes += left.size
    return SweepReport(tuple(objects), tuple(staging), nbytes, dry_run)


def _unreferenced(
    objects: Iterator[StoredObject],
    *,
    referenced: Callable[[str], bool],
    among: Callable[[Sequence[str]], Container[str]] | None,
) -> Iterator[StoredObject]:
    """Yield the objects that nothing refers to, asking of many together where that can be asked."""
    if among is None:
        yield from (found for found in objects if not referenced(found.digest))
        return
    while some := list(islice(objects, BATCH)):
        wanted = among([found.digest for found in some])
        yield from (found for found in some if found.digest not in wanted)
