"""Verifications: arrays and documents read and proved, the least recently verified first.

When each was last found sound is kept in the collection ``checks``, never in the documents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo import DeleteOne, ReplaceOne

from arraystore import ArrayDamaged, ArrayStore, InvalidArray, InvalidRef, Lost, StoreTooNew
from pipelines.documents.lookup import found_in
from pipelines.documents.records import record_key
from pipelines.documents.replay import entries_of, kept_document, replayed, settled
from pipelines.documents.schema import Document
from pipelines.session import Session
from pipelines.upkeep.census import REFERRING, Census, fingerprint, owners
from pipelines.upkeep.doubles import LIVE
from pipelines.upkeep.findings import Finding

BATCH = 200  # results written together
AHEAD = 200  # items whose documents are read together
_ARRAYS = {"arrays": 1, "before.arrays": 1}
LEVELS = ("exists", "sizes", "digests", "decode")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to verify.

    Attributes
    ----------
    name : str
        Its name in ``checks``: ``objects/<digest>``, ``records/<key>`` or ``<collection>/<id>``.
    suspects : tuple
        Of an array: references to it that differ from the others, with their documents.
    owner : str
        Of a record: the document it is of.
    """

    name: str
    suspects: tuple[tuple[Document, str], ...] = ()
    owner: str = ""


def work_of(census: Census, *, level: str) -> Iterator[Item]:
    """Return everything that can be verified."""
    suspects: dict[str, list[tuple[Document, str]]] = {}
    for digest, ref, owner in census.suspects:
        suspects.setdefault(digest, []).append((ref, owner))
    for digest in census.references:
        yield Item(f"objects/{digest}", tuple(suspects.get(digest, ())))
    if level != "exists":
        for collection, name in census.live.values():
            yield Item(f"{collection}/{name}")
        for key, owner in census.remembered.items():
            yield Item(f"records/{key}", owner=owner)


class Verifications:
    """What has been verified, when and how deeply.

    Parameters
    ----------
    level : str
        How deep to look.
    listed : bool
        Whether a census has listed the records, and named those that are missing.
    """

    def __init__(self, session: Session, *, level: str, listed: bool = True) -> None:
        self._session = session
        self._listed = listed
        self._level = level
        self._waiting: list[ReplaceOne[Document] | DeleteOne] = []
        self._references: dict[str, Document] = {}
        self._documents: dict[tuple[str, str], Document] = {}

    def due(self, items: Iterator[Item], *, max_age: timedelta) -> tuple[list[Item], int]:
        """Order items by when they were last verified, and leave out those that were within `max_age`.

        Returns
        -------
        list of Item, int
            What to verify, the least recently verified first; how many were left out.
        """
        depth = LEVELS.index(self._level)
        known = {
            entry["_id"]: entry["at"]
            for entry in self._session.catalog["checks"].find()
            if LEVELS.index(entry["level"]) >= depth
        }
        now = datetime.now(UTC)
        recent = now - max_age
        due, fresh = [], 0
        for item in items:
            at = known.pop(item.name, NEVER)
            if recent < at <= now and not item.suspects:  # one of the future is of a clock that was wrong
                fresh += 1
            else:
                due.append((at, item))
        if not self._session.catalog.readonly:
            self._forget(set(known))
        return [item for _, item in sorted(due, key=lambda pair: pair[0])], fresh

    def _forget(self, gone: set[str]) -> None:
        """Drop the results of what is no more; documents are not looked at on the shallowest level."""
        for name in gone:
            if name.startswith("objects/") or self._level != "exists":
                self._waiting.append(DeleteOne({"_id": name}))
        self.save()

    def read_ahead(self, items: Sequence[Item]) -> None:
        """Ask the catalog for what verifying some items needs, together: one question for all of a kind."""
        self._references, self._documents = {}, {}
        wanted: dict[str, list[str]] = {}
        for item in items:
            collection, _, name = item.name.partition("/")
            wanted.setdefault(collection, []).append(name)
        digests = set(wanted.pop("objects", ()))
        for name in REFERRING:
            open_ones = sorted(digests - self._references.keys())
            for document in found_in(self._session.catalog[name], "digests", open_ones, _ARRAYS):
                for ref in document.get("before", document).get("arrays", {}).values():
                    if isinstance(ref, dict) and ref.get("digest") in digests:
                        self._references.setdefault(str(ref["digest"]), dict(ref))
        wanted.pop("records", None)
        for collection, names in wanted.items():
            for document in found_in(self._session.catalog[collection], "_id", names):
                self._documents[collection, document["_id"]] = document

    def verify(self, item: Item) -> list[Finding]:
        """Verify one thing, and remember that it is sound if it is."""
        collection, _, name = item.name.partition("/")
        if collection == "objects":
            found = list(self._array(name, item))
        elif collection == "records":
            found = list(self._record(name, item.owner))
        else:
            found = list(self._document(collection, name))
        if found:
            self._waiting.append(DeleteOne({"_id": item.name}))
            self._save_some()
        else:
            self.sound(item)
        return found

    def known(self, item: Item) -> Document | None:
        """Return what was read ahead of an item: the reference of an array, or the document."""
        collection, _, name = item.name.partition("/")
        return self._references.get(name) if collection == "objects" else self._documents.get((collection, name))

    def sound(self, item: Item) -> None:
        """Remember that an item was found sound."""
        entry = {"_id": item.name, "level": self._level, "at": datetime.now(UTC)}
        self._waiting.append(ReplaceOne({"_id": item.name}, entry, upsert=True))
        self._save_some()

    def _save_some(self) -> None:
        if len(self._waiting) >= BATCH:
            self.save()

    def save(self) -> None:
        """Write down what was verified, unless the archive may only be read."""
        waiting, self._waiting = self._waiting, []
        if waiting and not self._session.catalog.readonly:
            self._session.catalog["checks"].bulk_write(waiting, ordered=False)

    # -- one array -------------------------------------------------------------------------------

    def _array(self, digest: str, item: Item) -> Iterator[Finding]:
        ref = self._reference(digest)
        if ref is None:
            return  # its documents have gone since
        whole = list(self._compare(ref, digest, self._level))
        if whole and not owners(self._session.catalog, digest, limit=1):
            return  # swept at this moment
        yield from whole
        for other, owner in item.suspects:
            if other != ref:
                for finding in self._compare(other, digest, "sizes"):
                    yield Finding("bad-reference", owner, f"a reference of {owner}: {finding.message}", (owner,))

    def _reference(self, digest: str) -> Document | None:
        """Find a reference to an array."""
        if digest in self._references:
            return self._references[digest]
        for name in REFERRING:
            for document in self._session.catalog[name].find({"digests": digest}, _ARRAYS):
                kept = document.get("before", document)
                for ref in kept.get("arrays", {}).values():
                    if isinstance(ref, dict) and ref.get("digest") == digest:
                        return dict(ref)
        return None

    def _compare(self, ref: Document, digest: str, level: str) -> Iterator[Finding]:
        path = f"objects/{digest[:2]}/{digest}"
        try:
            found = self._session.store.verify(ref, level=level)
            wrong = level != "exists" and self._is_edited(ref, digest)
        except StoreTooNew as error:
            yield Finding("too-new", path, str(error), owners(self._session.catalog, digest))
            return
        except (InvalidRef, InvalidArray) as error:
            yield self._bad_reference(digest, str(error))
            return
        except (Lost, ArrayDamaged) as error:
            yield Finding("unreadable", path, str(error), owners(self._session.catalog, digest))
            return
        if wrong:
            yield self._bad_reference(digest, f"a reference to {digest} is not that of the array")
            return
        for finding in found:
            code = "dangling" if (finding.code, finding.name) == ("lost", "") else finding.code
            names = owners(self._session.catalog, digest)
            yield Finding(code, f"{path}/{finding.name}".rstrip("/"), finding.message, names)

    def _bad_reference(self, digest: str, text: str) -> Finding:
        names = owners(self._session.catalog, digest)
        return Finding("bad-reference", names[0] if names else digest, text, names)

    def _is_edited(self, ref: Document, digest: str) -> bool:
        try:
            own = self._session.store.describe(digest).to_dict()
        except (Lost, ArrayDamaged):
            return False  # the verification says what is wrong
        return fingerprint(own) != fingerprint(ref)

    # -- one record ------------------------------------------------------------------------------

    def _record(self, key: str, owner: str) -> Iterator[Finding]:
        """Read a record that trash or history needs; that of a document in use is compared with it."""
        try:
            self._session.store.get_record(key)
        except Lost:  # swept, or the census says so
            if not self._listed and any(self._session.catalog[name].find_one({"_id": owner}) for name in LIVE):
                yield Finding("record-missing", key, f"{owner}: there is no record {key}", (owner,))
        except ArrayDamaged as error:
            yield Finding("record-damaged", key, str(error), (owner,))

    # -- one document ----------------------------------------------------------------------------

    def _document(self, collection: str, name: str) -> Iterator[Finding]:
        ahead = self._documents.get((collection, name))
        if ahead is not None and not list(self._held_against_record(ahead, collection)):
            return
        for _ in range(3):  # it may have been changed since it was read
            document = self._session.catalog[collection].find_one({"_id": name})
            if document is None:
                return
            found = list(self._held_against_record(document, collection))
            again = self._session.catalog[collection].find_one({"_id": name}, {"ingest": 1})
            if again is not None and again["ingest"] == document["ingest"]:
                break  # else it was changed between the two looks
        yield from found

    def _held_against_record(self, document: Document, collection: str) -> Iterator[Finding]:
        name, ingest = document["_id"], document["ingest"]
        key = record_key(name, ingest["revision"], collection=collection)
        try:
            kept, entries = kept_of(self._session.store, document, collection)
            # A change whose record is lost (the census says so) is taken from the history.
            query = {"document": name, "collection": collection, "revision": ingest["revision"]}
            if len(entries) < ingest.get("changes", 0):
                for entry in self._session.history.find({**query, "change": {"$exists": True}}):
                    entries.setdefault(entry["change"], entry)
            expected = settled(replayed(kept, entries.values()))
        except Lost:
            return  # the census says so
        except ArrayDamaged as error:
            yield Finding("record-damaged", key, str(error), (name,))
            return
        if ingest.get("arrays") == "pending" and kept["ingest"].get("arrays") == "kept":
            return  # the ingest of its arrays was cut short before the catalog: the next one ends it
        found = settled(document)
        if expected != found:
            fields = sorted(field for field in {*expected, *found} if expected.get(field) != found.get(field))
            if fields == ["ingest"] and _by_number(expected) == _by_number(found):
                runs = (
                    f"the catalog names the run {found['ingest'].get('run')}, the store {expected['ingest'].get('run')}"
                )
                yield Finding("ingested-twice", name, f"{name} was ingested by two runs at once: {runs}", (name,))
                return
            text = f"{name} differs from what the store keeps of it, in {', '.join(fields)}"
            yield Finding("record-differs", name, text, (name,))


def _by_number(document: Document) -> Document:
    """Return what counts of how a document was ingested, without which run did it, and when."""
    return {key: value for key, value in document["ingest"].items() if key not in ("run", "at", "version")}


def kept_of(store: ArrayStore, document: Document, collection: str) -> tuple[Document, dict[int, Document]]:
    """Return what the store keeps of a document: as it was ingested, and its changes by number.

    Raises
    ------
    Lost, ArrayDamaged
        The record is not there, or cannot be trusted.
    """
    name, ingest = document["_id"], document["ingest"]
    kept = kept_document(store, record_key(name, ingest["revision"], collection=collection))
    changes = ingest.get("changes", 0)
    entries = entries_of(store, name, ingest["revision"], upto=changes, collection=collection)
    return kept, {entry["change"]: entry for entry in entries}
