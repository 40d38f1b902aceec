"""Walking: a large archive checked part by part, in order of name, from where the last check stopped.

Listing millions of records and arrays takes longer than a night has, and more memory than a small machine. A walk lists
nothing: it reads some documents at a time, and verifies each, its record and its arrays. What nothing refers to it does
not see, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.documents.lookup import found_in
from pipelines.documents.records import record_key
from pipelines.documents.schema import Document
from pipelines.session import Session
from pipelines.upkeep.doubles import LIVE
from pipelines.upkeep.status import COUNTS
from pipelines.upkeep.verifications import LEVELS, Item

__all__ = ["LISTED", "Walk", "is_large"]

LISTED = 50_000
"""Documents up to which a check with a time limit lists the whole archive."""

TOGETHER = 200  # documents read at a time
PLACE = "check-walk"
_FIELDS = {"digests": 1, "ingest.revision": 1}


def is_large(session: Session) -> bool:
    """Tell whether an archive is too large to be listed in a limited time."""
    return sum(session.catalog[name].estimated_document_count() for name in LIVE) > LISTED


@dataclass(slots=True)
class Walk:
    """One walk through the documents in use, as far as time allows.

    Attributes
    ----------
    documents, arrays, fresh : int
        Documents and arrays that were come to; what was passed over as verified lately.
    """

    session: Session
    level: str
    max_age: timedelta
    documents: int = 0
    arrays: int = 0
    fresh: int = 0
    _at: tuple[str, str] = (LIVE[0], "")
    _passed: int = 0
    _ends: list[tuple[int, str]] = field(default_factory=list)

    def parts(self) -> Iterator[list[Item]]:
        """Yield what is to be verified, part by part, to the end of the round.

        When the next part is asked for, the one before is done, and the next walk does not come to it again.
        """
        self._at, self._passed = self._place()
        for name in LIVE[LIVE.index(self._at[0]) :]:
            while some := self._next(name, self._at[1]):
                self.documents += len(some)
                self._at = (name, self._at[1])
                yield self._items(name, some)
                self._at = (name, str(some[-1]["_id"]))
                self._passed += len(some)
                self._keep()
            self._at = (name, "")
        passed, self._at, self._passed = self._passed, (LIVE[0], ""), 0
        self._keep()
        self._passed = passed  # of the round that is at its end

    def stop(self, done: int) -> None:
        """Stop within a part, of which so many items are done: the documents that they complete are behind us."""
        complete = [name for end, name in self._ends if end <= done]
        if complete:
            self._at = (self._at[0], complete[-1])
            self._passed += len(complete)
            self._keep()

    @property
    def left(self) -> int:
        """Documents that the round has not come to, by what it has passed: to count them would take long."""
        return max(0, sum(self.session.catalog[name].estimated_document_count() for name in LIVE) - self._passed)

    def _next(self, collection: str, after: str) -> list[Document]:
        query: dict[str, Any] = {"_id": {"$gt": after}}
        return self.session.catalog[collection].find(query, _FIELDS).sort("_id", 1).limit(TOGETHER).to_list()

    def _items(self, collection: str, documents: list[Document]) -> list[Item]:
        """Return what of some documents is to be verified, document by document: arrays, itself, its record."""
        groups: dict[str, list[Item]] = {}
        seen: set[str] = set()
        for document in documents:
            name = str(document["_id"])
            key = record_key(name, document["ingest"]["revision"], collection=collection)
            mine = [Item(f"objects/{digest}") for digest in document["digests"] if digest not in seen]
            seen.update(document["digests"])
            mine += [Item(f"{collection}/{name}")] if self.level != "exists" else []
            groups[name] = [*mine, Item(f"records/{key}", owner=name)]
        self.arrays += len(seen)
        fresh = self._fresh([item.name for items in groups.values() for item in items])
        self.fresh += len(fresh)
        due: list[Item] = []
        self._ends = []
        for name, items in groups.items():
            due += [item for item in items if item.name not in fresh]
            self._ends.append((len(due), name))
        return due

    def _fresh(self, names: list[str]) -> set[str]:
        """Return what was verified within the age that is allowed."""
        if not self.max_age:
            return set()
        recent, depth = datetime.now(UTC) - self.max_age, LEVELS.index(self.level)
        known = found_in(self.session.catalog["checks"], "_id", names, {"at": 1, "level": 1})
        return {one["_id"] for one in known if one["at"] > recent and LEVELS.index(one["level"]) >= depth}

    def _place(self) -> tuple[tuple[str, str], int]:
        """Return where the last walk stopped, a collection and the last document of it, and how many it had passed."""
        kept = self.session.catalog[COUNTS].find_one({"_id": PLACE}) or {}
        if kept.get("collection") not in LIVE:
            return (LIVE[0], ""), 0
        return (str(kept["collection"]), str(kept["after"])), int(kept.get("passed", 0))

    def _keep(self) -> None:
        if not self.session.catalog.readonly:
            collection, after = self._at
            entry = {"_id": PLACE, "collection": collection, "after": after, "passed": self._passed}
            entry |= {"at": datetime.now(UTC)}
            self.session.catalog[COUNTS].replace_one({"_id": PLACE}, entry, upsert=True)
