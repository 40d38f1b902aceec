"""A lock in the catalog for one camera's certifications, so that two processes decide one after the other."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from catalog import Catalog, Collection, DuplicateKey
from pipelines.errors import Refused

__all__ = ["locked"]

_HELD = timedelta(seconds=60)  # a lock this old belongs to a process that is no more
_PATIENCE = 20.0  # seconds


@contextmanager
def locked(name: str, *, catalog: Catalog, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold a named lock while the block runs.

    Raises
    ------
    Refused
        Another process has held it all the time that we waited.
    """
    owner = secrets.token_hex(8)
    leases = catalog["leases"]
    deadline = time.monotonic() + patience
    while not _take(leases, name, owner):
        if time.monotonic() > deadline:
            raise Refused(f"another process is at work on {name}; try again when it has finished")
        time.sleep(0.02)
    try:
        yield
    finally:
        leases.delete_one({"_id": name, "owner": owner})


def _take(leases: Collection, name: str, owner: str) -> bool:
    now = datetime.now(UTC)
    entry = {"owner": owner, "until": now + _HELD}
    try:
        leases.insert_one({"_id": name, **entry})
    except DuplicateKey:
        taken = leases.update_one({"_id": name, "until": {"$lt": now}}, {"$set": entry})
        return taken.modified_count == 1
    return True
