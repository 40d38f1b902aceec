"""Census: holds the listings of catalog and store against each other, reading no array."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import bson
import bson.errors

from arraystore import ArrayDamaged, ArrayRef, ArrayStore, InvalidRef, Lost
from catalog import Catalog
from pipelines.documents.records import PREFIXES, RecordName, older_key, parse_key, record_key, record_stem
from pipelines.documents.schema import Document, pixels_digest
from pipelines.session import Session
from pipelines.upkeep.doubles import LIVE, SHOWN, duplicates, half_deleted
from pipelines.upkeep.findings import Finding
from pipelines.upkeep.partial import partial_files

REFERRING = ("headers", "masters", "views", "trash", "history")
"""Collections whose documents keep arrays alive."""

T = TypeVar("T")
LOOK = 256  # things listed between two looks at the clock


@dataclass(slots=True)
class Census:
    """What catalog and store say they hold.

    Attributes
    ----------
    documents : int
        Documents seen: in use, in the trash, remembered.
    objects : dict of str to float
        Arrays the store lists, and when each was last put; what is referred to is taken out, so that
        what is left at the end is orphaned.
    references : dict of str to bytes
        Arrays referred to, each with a fingerprint of its first reference.
    suspects : list of (str, dict, str)
        References that differ from the first to the same array: digest, reference, document.
    live : dict of str to (str, str)
        Documents in use, by the stem of their records: collection and name.
    records : dict of str to float
        Records the store lists, and when each was put; what is accounted for is taken out.
    remembered : dict of str to str
        Records that trash and history account for, each with its document.
    shown : dict of str to (int, int)
        By the stem of their records: revision and changes that documents in use, or in the trash, show.
    young : int
        Arrays and records that nothing refers to and that are too young to be a finding.
    older : set of str
        Names that records of an older schema are given when they are migrated.
    """

    documents: int = 0
    objects: dict[str, float] = field(default_factory=dict)
    references: dict[str, bytes] = field(default_factory=dict)
    suspects: list[tuple[str, Document, str]] = field(default_factory=list)
    live: dict[str, tuple[str, str]] = field(default_factory=dict)
    records: dict[str, float] = field(default_factory=dict)
    remembered: dict[str, str] = field(default_factory=dict)
    shown: dict[str, tuple[int, int]] = field(default_factory=dict)
    young: int = 0
    older: set[str] = field(default_factory=set)


class OutOfTime(Exception):
    """The time was up before everything was listed.

    Attributes
    ----------
    documents : int
        Documents seen until then.
    """

    def __init__(self, documents: int) -> None:
        super().__init__("the time limit is shorter than listing the archive takes")
        self.documents = documents


def _in_time(listed: Iterable[T], census: Census, deadline: float | None) -> Iterator[T]:
    """Yield what is listed, as long as there is time."""
    for number, item in enumerate(listed):
        if deadline is not None and number % LOOK == LOOK - 1 and time.monotonic() >= deadline:
            raise OutOfTime(census.documents)
        yield item


def take_census(
    session: Session,
    *,
    grace: timedelta,
    seen: Callable[[int], None] | None = None,
    deadline: float | None = None,
) -> tuple[Census, list[Finding]]:
    """Hold what the catalog says against what the store lists.

    Whatever seems wrong is looked at again by itself, so that an ingest or a sweep at work beside it
    makes no finding.

    Parameters
    ----------
    grace : timedelta
        What nothing refers to is no finding while it is younger: an ingest may be at work.
    seen : callable, optional
        Told of the documents seen so far.
    deadline : float, optional
        When there is no time left, by `time.monotonic`.

    Raises
    ------
    OutOfTime
        The deadline came before everything was listed.
    """
    census = Census()
    for found in _in_time(session.store.objects(), census, deadline):
        census.objects[found.digest] = found.modified
    for prefix in PREFIXES.values():
        for record in _in_time(session.store.records(prefix), census, deadline):
            census.records[record.key] = record.modified
            if (new := older_key(record.key)) is not None:
                census.older.add(new)
    listed = set(census.objects)
    findings: list[Finding] = []
    for name in REFERRING:
        for document in _in_time(session.catalog[name].find({}, _FIELDS), census, deadline):
            findings += _count(session, census, document, name, listed=listed)
            census.documents += 1
            if seen is not None and census.documents % 100 == 0:
                seen(census.documents)
    findings += _catalog_lost(session, census)
    findings += half_deleted(session.catalog)
    findings += duplicates(session.catalog)
    findings += _unaccounted(session, census, grace=grace)
    return census, findings


_FIELDS = {
    "arrays": 1, "digests": 1, "pixels_digest": 1, "ingest": 1, "document": 1, "collection": 1, "revision": 1,
    "change": 1, "before.arrays": 1, "before.digests": 1, "before.pixels_digest": 1, "before._id": 1,
    "before.ingest": 1,
}  # fmt: skip


def _count(session: Session, census: Census, document: Document, name: str, *, listed: set[str]) -> Iterator[Finding]:
    """Count one document: its references, and the records that stand for it."""
    for digest in document.get("digests", ()):
        census.objects.pop(digest, None)
    kept = document.get("before", document)
    if "arrays" in kept:
        yield from _references(session, census, kept, listed=listed)
    if name == "views":
        return
    if name in LIVE:
        owner, collection, revision, change = document["_id"], name, kept["ingest"]["revision"], 0
        census.live[record_stem(owner, collection=collection)] = (collection, owner)
    else:
        owner, collection = document["document"], document.get("collection", "headers")
        revision, change = document["revision"], document.get("change", 0)
    key = record_key(owner, revision, change, collection=collection)
    changes = range(1, kept.get("ingest", {}).get("changes", 0) + 1)
    keys = [record_key(owner, revision, number, collection=collection) for number in changes]
    for made in keys:
        census.records.pop(made, None)
    stem = record_stem(owner, collection=collection)
    remembered: dict[str, str] = dict.fromkeys([key, *keys], str(owner))
    if name == "history":
        census.remembered |= remembered
        shown = census.shown.get(stem, (0, 0))
        if change and shown[0] == revision and change > shown[1] and key in census.records:
            return  # remembered, and cut short before the document: left for what is not accounted for
    else:
        shown = (revision, kept["ingest"].get("changes", 0))
        census.shown[stem] = max(shown, census.shown.get(stem, shown))
        if name == "trash":
            census.remembered |= remembered
    if census.records.pop(key, None) is not None or key in census.older:
        return
    if not has_record(session.store, key) and _is_there(session.catalog, name, document):
        text = f"{owner}, revision {revision}{f', change {change}' if change else ''}: there is no record {key}"
        yield Finding("record-missing", key, text, (owner,))


def _references(session: Session, census: Census, document: Document, *, listed: set[str]) -> Iterator[Finding]:
    """Check the references of one document among themselves and against the listing."""
    owner = str(document["_id"])
    refs: dict[str, ArrayRef] = {}
    for name, given in document["arrays"].items():
        try:
            ref = ArrayRef.from_dict(given)
        except InvalidRef as error:
            yield Finding("bad-reference", owner, f"array {name!r} of {owner}: {error}", (owner,))
            continue
        refs[name] = ref
        if ref.store != session.store.id:
            ours = f"this one, {session.store.url}, is {session.store.id}"
            text = f"array {name!r} of {owner} is in the store {ref.store}; {ours}"
            yield Finding("wrong-store", owner, text, (owner,))
            continue
        mark = fingerprint(given)
        if census.references.setdefault(ref.digest, mark) != mark:
            census.suspects.append((ref.digest, given, owner))
        if ref.digest not in listed and _is_dangling(session, ref):
            text = f"array {name!r} of {owner} is not in the store"
            yield Finding("dangling", ref.path, text, owners(session.catalog, ref.digest))
            listed.add(ref.digest)  # named once, with all its documents
            census.references.pop(ref.digest)
    if len(refs) == len(document["arrays"]):
        digests = sorted({ref.digest for ref in refs.values()})
        if digests != document.get("digests"):
            yield Finding("bad-reference", owner, f"`digests` of {owner} are not those of its arrays", (owner,))
        elif "pixels_digest" in document and refs and document["pixels_digest"] != pixels_digest(refs):
            text = f"`pixels_digest` of {owner} is not that of its arrays: a reference was edited"
            yield Finding("bad-reference", owner, text, (owner,))


def fingerprint(ref: Mapping[str, Any]) -> bytes:
    """Return what must be the same in every reference to one array, short."""
    fixed = [ref[name] for name in ("pixels", "shape", "dtype", "layout", "nbytes", "shard")]
    return hashlib.blake2b(repr(fixed).encode(), digest_size=8).digest()


def _is_dangling(session: Session, ref: ArrayRef) -> bool:
    """Look again: the array may have been published after the listing, or swept with its document."""
    missing = any(finding.name == "" for finding in session.store.verify(ref, level="exists"))
    return missing and bool(owners(session.catalog, ref.digest, limit=1))


def owners(catalog: Catalog, digest: str, *, limit: int = SHOWN) -> tuple[str, ...]:
    """Name the documents that refer to an array, wherever they are kept."""
    names: dict[str, None] = {}
    for name in REFERRING:
        for document in catalog[name].find({"digests": digest}, {"document": 1}).limit(limit):
            names[str(document.get("document", document["_id"]))] = None
    return tuple(names)[:limit]


def has_record(store: ArrayStore, key: str) -> bool:
    """Tell whether the store has a record now."""
    try:
        store.get_record(key)
    except Lost:
        return False
    except ArrayDamaged:
        return True
    return True


def _is_there(catalog: Catalog, name: str, document: Document) -> bool:
    """Tell whether a document that was read a while ago is still there as it was."""
    again = catalog[name].find_one({"_id": document["_id"]}, {"ingest.revision": 1})
    return again is not None and again.get("ingest", {}).get("revision") == document.get("ingest", {}).get("revision")


def _catalog_lost(session: Session, census: Census) -> Iterator[Finding]:
    """Tell a catalog that was begun anew: whatever puts a record into the store has a run in the ledger first."""
    if census.documents == 0 and census.records and session.runs.find_one({}, {"_id": 1}) is None:
        text = (
            f"{session.store.url} keeps {len(census.records)} records of documents, and {session.catalog.url} is empty"
        )
        yield Finding("catalog-lost", session.catalog.url, text)


def _unaccounted(session: Session, census: Census, *, grace: timedelta) -> Iterator[Finding]:
    """Name what is in the store and in no document, unless it is young."""
    before = (datetime.now(UTC) - grace).timestamp()
    for digest, modified in census.objects.items():
        if modified > before:
            census.young += 1
        elif not owners(session.catalog, digest, limit=1):
            yield Finding("orphaned", f"objects/{digest[:2]}/{digest}", "nothing refers to this array")
    strangers: dict[str, list[str]] = {}
    for key, modified in census.records.items():
        name = parse_key(key)
        if older_key(key) is not None:
            yield Finding("older-record", key, "the name of this record is that of schema 1")
        elif name is None:
            yield Finding("orphaned", key, "this is the name of no record of ours")
        elif modified > before:
            census.young += 1
        elif has_record(session.store, key):
            if name.stem in census.live:
                yield from _stray(name, key, *census.live[name.stem], catalog=session.catalog)
            else:
                strangers.setdefault(name.stem, []).append(key)
    for keys in strangers.values():
        yield from _stranger(session, keys)
    left = session.store.sweep(referenced=lambda _: True, grace=grace, dry_run=True)
    for path in [*left.staging, *map(str, partial_files(session, grace=grace))]:
        yield Finding("staging", path, f"{path} was left by work that was cut short")


def _stray(name: RecordName, key: str, collection: str, owner: str, *, catalog: Catalog) -> Iterator[Finding]:
    """Say what a record is of which the document in use knows nothing."""
    document = catalog[collection].find_one({"_id": owner}, {"ingest": 1})
    if document is None:
        return  # deleted at this moment
    ingest = document["ingest"]
    if name.revision > ingest["revision"]:
        text = f"revision {name.revision} of {owner} is in the store, and the catalog has {ingest['revision']}"
        yield Finding("document-missing", key, text, (owner,))
    elif name.revision == ingest["revision"] and name.change > ingest.get("changes", 0):
        text = f"change {name.change} of {owner}, revision {name.revision}, was not carried out"
        yield Finding("unfinished-change", key, text, (owner,))
    elif (name.revision, name.change) < (ingest["revision"], 1):
        yield Finding("orphaned", key, f"a record of an earlier revision of {owner} that nothing needs", (owner,))


def _stranger(session: Session, keys: list[str]) -> Iterator[Finding]:
    """Say what the records are of a document that is not in use."""
    first = min(keys, key=lambda key: (parse_key(key).revision, parse_key(key).change))  # type: ignore[union-attr]
    try:
        kept = bson.decode(session.store.get_record(first))
    except (Lost, ArrayDamaged, bson.errors.InvalidBSON) as error:
        yield Finding("record-damaged", first, str(error))
        return
    owner = str(kept["_id"] if "_id" in kept else kept["document"])
    trashed = session.catalog.trash.find_one(
        {"document": owner}, {"revision": 1, "before.ingest": 1}, sort=[("revision", -1)]
    )
    if trashed is None:
        yield Finding("document-missing", first, f"{owner} is in the store and not in the catalog", (owner,))
        return
    for key in keys:
        name = parse_key(key)
        known = (trashed["revision"], trashed["before"]["ingest"].get("changes", 0))
        if name is None or (name.revision, name.change) <= known:
            yield Finding("orphaned", key, f"a record of {owner}, which is in the trash, that nothing needs", (owner,))
        elif name.revision == known[0]:
            text = f"change {name.change} of {owner}, which is in the trash, was not carried out"
            yield Finding("unfinished-change", key, text, (owner,))
        else:
            yield Finding(
                "document-missing", key, f"revision {name.revision} of {owner} is in the store only", (owner,)
            )
