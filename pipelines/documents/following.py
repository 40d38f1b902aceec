"""Follow: what is ingested, made, changed and deleted, as it happens.

What happened is asked of the catalog, by time, each time it may have changed; that it has is told by a server's change
stream or by the file, and where neither tells, it is asked every few seconds. So nothing depends on a stream.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from catalog import Catalog

EVERY = 2.0  # seconds
LATE = timedelta(minutes=2)
"""A document may be committed so much later than the time it bears: by another clock, or as its batch was large."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a document.

    Attributes
    ----------
    what : str
        ``'ingested'`` (of a master, made), ``'changed'``, ``'deleted'`` or ``'restored'``.
    document, collection : str
        Which.
    at : datetime
        When, by the clock of whoever did it; UTC.
    run : str
        By which run.
    """

    what: str
    document: str
    collection: str
    at: datetime
    run: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.what} {self.document} ({self.collection}, run {self.run})"


def follow(
    catalog: Catalog, *, since: datetime | None = None, every: float = EVERY, time_limit: float | None = None
) -> Iterator[Event]:
    """Yield what happens, until the time is up or for ever.

    Parameters
    ----------
    catalog : Catalog
        Any; it may be open for reading.
    since : datetime, optional
        Begin with what happened from then on; by default with what happens from now on.
    every : float
        Seconds between two questions where nothing tells of changes, and at most that where something does.
    time_limit : float, optional
        Seconds after which it ends.

    Examples
    --------
    >>> for event in archive.follow():  # doctest: +SKIP
    ...     print(event.what, event.document)
    """
    began = time.monotonic()
    start = datetime.now(UTC) if since is None else since
    waiter = catalog.waiter()
    seen: dict[Event, None] = {}
    if since is None:  # what is there now is no news, though others' clocks may be ahead
        seen = dict.fromkeys(_events(catalog, start - LATE))
    newest = start
    try:
        while True:
            for event in _events(catalog, (newest if since is None else max(newest, start + LATE)) - LATE):
                if event not in seen:
                    seen[event] = None
                    newest = max(newest, event.at)
                    yield event
            seen = {event: None for event in seen if event.at >= newest - 2 * LATE}
            left = every if time_limit is None else min(every, time_limit - (time.monotonic() - began))
            if left <= 0:
                return
            waiter.wait(left)
    finally:
        waiter.close()


def _events(catalog: Catalog, since: datetime) -> list[Event]:
    """Return what happened from a time on, in the order of the times it bears."""
    found = []
    for collection in ("headers", "masters"):
        query = {"ingest.at": {"$gte": since}}
        for one in catalog[collection].find(query, {"ingest.at": 1, "ingest.run": 1}):
            found.append(Event("ingested", str(one["_id"]), collection, one["ingest"]["at"], one["ingest"]["run"]))
    fields = {"document": 1, "collection": 1, "at": 1, "run": 1, "state": 1}
    for one in catalog.history.find({"at": {"$gte": since}, "change": {"$gte": 1}}, fields):
        what = one.get("state") or "changed"
        found.append(Event(what, one["document"], one.get("collection", "headers"), one["at"], one["run"]))
    return sorted(found, key=lambda event: (event.at, event.document))
