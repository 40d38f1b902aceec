"""Leases: a run says what it is at work on, so that another need not do it as well.

A lease saves work and nothing depends on it: two runs that both hold a night, after a clock or a
network has misled one of them, commit the same documents, as ingest always converges.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from catalog import CatalogError, Collection, DuplicateKey
from pipelines.documents import runs as ledger

logger = logging.getLogger(__name__)

LENGTH = 60.0  # seconds a lease lasts; it is renewed three times as often
SKEW = 60.0  # seconds two clocks may differ
LOOK = 1.0  # seconds between looks at a lease that is waited for


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lease, as far as it says."""

    name: str
    host: str
    pid: int
    user: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.user} on {self.host}, process {self.pid}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class Lease:
    """A lease that is held; `lost` once it could not be renewed in time or another has taken it over."""

    def __init__(self, leases: Collection, entry: dict[str, Any], length: float) -> None:
        self._leases = leases
        self._mine = {"_id": entry["_id"], "holder": entry["holder"]}
        self._length = length
        self._renewed = time.monotonic()
        self._released = threading.Event()
        self._taken = False
        self._thread = threading.Thread(target=self._keep, name="darkroom-lease", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether somebody else may have it now."""
        return self._taken or time.monotonic() - self._renewed > self._length

    def release(self) -> None:
        """Release it. A catalog that cannot be told lets it expire."""
        self._released.set()
        self._thread.join()
        with suppress(CatalogError):
            self._leases.delete_one(self._mine)
            logger.debug("lease %s: given back", self._mine["_id"])

    def _keep(self) -> None:
        while not self._taken and not self._released.wait(self._length / 3):
            began = time.monotonic()
            with suppress(CatalogError):  # tried again, until the lease has expired
                expires = datetime.now(UTC) + timedelta(seconds=self._length)
                update = {"$set": {"expires": expires}, "$inc": {"beat": 1}}
                if self._leases.update_one(self._mine, update).matched_count:
                    self._renewed = began
                    logger.debug("lease %s: renewed", self._mine["_id"])
                else:
                    logger.info("lease %s: lost to another run", self._mine["_id"])
                    self._taken = True


def acquire(leases: Collection, name: str, *, run: str, length: float = LENGTH, wait: float = 0) -> Lease | Holder:
    """Take a lease, or say who has it.

    A lease is taken over from a holder that is no more: a process of this machine that has ended; one
    whose lease expired by more than clocks may differ; or one that has not renewed it for longer than
    it lasts while we watched, whatever any clock says.

    Parameters
    ----------
    leases : Collection
        Documents ``{'_id': name, 'holder', 'beat', 'expires', 'run', 'host', 'pid', 'user', 'since'}``.
    name : str
        What it is for.
    run : str
        The run that wants it.
    length : float
        Seconds it lasts without being renewed.
    wait : float
        Seconds to wait for one that is held.

    Raises
    ------
    catalog.CatalogError
        The catalog cannot be used.
    """
    began = seen_at = time.monotonic()
    seen: tuple[str, int] | None = None
    while True:
        entry = _entry(name, run, length)
        with suppress(DuplicateKey):
            leases.insert_one(entry)
            logger.info("lease %s: taken", name)
            return Lease(leases, entry, length)
        held = leases.find_one({"_id": name})
        if held is None:
            continue  # released in this moment
        now = time.monotonic()
        if seen != (held["holder"], held["beat"]):
            seen, seen_at = (held["holder"], held["beat"]), now
        if _is_over(held) or now - seen_at > 1.5 * held["length"]:
            took = leases.find_one_and_update(
                {"_id": name, "holder": held["holder"], "beat": held["beat"]},
                {"$set": {key: value for key, value in entry.items() if key != "_id"}},
            )
            if took is not None:
                logger.info(
                    "lease %s: taken over from process %s on %s, which is no more", name, held["pid"], held["host"]
                )
                return Lease(leases, entry, length)
            continue  # another was quicker, or the holder has renewed it
        if now - began >= wait:
            logger.info("lease %s: not taken, process %s on %s has it", name, held["pid"], held["host"])
            return Holder(name, held["host"], held["pid"], held["user"], held["since"])
        time.sleep(min(LOOK, max(0.01, wait - (now - began))))


@contextmanager
def held(
    leases: Collection, name: str, *, run: str, length: float = LENGTH, wait: float = 0
) -> Iterator[Lease | Holder]:
    """Hold a lease while the block runs; the block is told who else has it if we have not."""
    found = acquire(leases, name, run=run, length=length, wait=wait)
    try:
        yield found
    finally:
        if isinstance(found, Lease):
            found.release()


def _entry(name: str, run: str, length: float) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "_id": name,
        "holder": secrets.token_hex(8),
        "beat": 0,
        "length": length,
        "expires": now + timedelta(seconds=length),
        "run": run,
        "since": now,
        "born": ledger.born(os.getpid()),
        **ledger.who(),
    }


def _is_over(entry: dict[str, Any]) -> bool:
    """Tell whether a lease has expired, or its holder was a process of this machine and has ended."""
    if datetime.now(UTC) - entry["expires"] > timedelta(seconds=SKEW):
        return True
    return ledger.has_ended(entry)
