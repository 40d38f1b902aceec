"""What must hold of an archive after anything that has happened to it: G1 to G7, asked directly."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import bson
import numpy as np
from bson.codec_options import CodecOptions

from catalog import connect
from pipelines import open_archive
from pipelines.archive import Archive
from pipelines.documents.records import parse_key, record_key, record_stem
from pipelines.errors import Refused
from pipelines.session import Session
from pipelines.upkeep.check import CheckReport, check
from pipelines.upkeep.findings import DAMAGE, UNFINISHED
from pipelines.upkeep.rebuild import rebuild
from tests.crash.nights import Night, Truth

NONE = timedelta(0)
AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
#: What differs between two runs that did the same.
CHANGING = ("ingest",)


def whole(archive: Archive, truth: Mapping[str, Truth | tuple[Truth, ...]]) -> int:
    """Assert that whatever is visible is complete and true; return the number of documents.

    Parameters
    ----------
    truth : Mapping
        By document id; several where a file has had several contents.
    """
    count = 0
    for document in archive.headers.find():
        allowed = truth[document["_id"]]
        complete(archive, document, allowed if isinstance(allowed, tuple) else (allowed,))
        recorded(archive, document)
        count += 1
    for collection in (archive.history, archive.catalog.trash):
        for entry in collection.find({"before": {"$exists": True}}):
            allowed = truth[entry["document"]]
            complete(archive, entry["before"], allowed if isinstance(allowed, tuple) else (allowed,))
            recorded(archive, entry["before"])
    return count


def complete(archive: Archive, document: Mapping[str, Any], allowed: tuple[Truth, ...]) -> None:
    """Assert that a document's arrays are there to the last byte, and hold one of the allowed frames."""
    name = document["_id"]
    assert document["digests"] == sorted({ref["digest"] for ref in document["arrays"].values()}), name
    sha256 = document["file"]["sha256"]
    if sha256 is None:
        assert document["arrays"] == {}, name
        return
    (expected,) = (truth for truth in allowed if truth.sha256 == sha256)
    for ref in document["arrays"].values():
        assert archive.store.verify(ref, "digests") == [], name
    np.testing.assert_array_equal(archive.cube(document)[...], expected.pixels, err_msg=name)


def recorded(archive: Archive, document: Mapping[str, Any]) -> None:
    """Assert that the store holds the record a lost catalog is rebuilt from, of the same bytes."""
    key = record_key(document["_id"], document["ingest"]["revision"])
    kept = bson.decode(archive.store.get_record(key), AWARE)
    for field in ("_id", "root", "path", "header", "cards"):
        assert kept[field] == document[field], (key, field)
    if document["file"]["sha256"] is not None:  # else the record may be ahead: its arrays are there by now
        for field in ("arrays", "digests"):
            assert kept[field] == document[field], (key, field)
        assert kept["file"]["sha256"] == document["file"]["sha256"], key


def converged(archive: Archive, night: Night, allowed: Mapping[str, Truth | tuple[Truth, ...]] | None = None) -> None:
    """Assert that one more clean run gives the state of one clean run, and that sweep leaves nothing else."""
    report = archive.ingest(night.folder, progress=False, jobs=1)
    assert sorted(refusal.code for refusal in report.refused) == ["truncated"] * len(night.broken)
    assert {doc["_id"] for doc in archive.headers.find({}, {"_id": 1})} == set(night.truth)
    assert whole(archive, allowed or night.truth) == len(night.truth)
    for document in archive.headers.find():
        assert document["file"]["sha256"] == night.truth[document["_id"]].sha256
    quarantined = sorted(entry["path"].split("/", 3)[-1] for entry in archive.quarantine.find())
    assert quarantined == sorted(name.rsplit("/", 1)[-1] for name in night.broken) or quarantined == sorted(
        night.broken
    )
    again = archive.ingest(night.folder, progress=False, jobs=1)
    assert (again.taken, again.unchanged) == (0, len(night.truth))


def sweep(archive: Archive, grace: timedelta) -> None:
    """Sweep; where a run was cut short it is refused, until what the store has is brought back."""
    try:
        archive.sweep(grace=grace, dry_run=False)
    except Refused:
        assert rebuild(archive.session, missing=True).lost == []
        archive.sweep(grace=grace, dry_run=False)


def swept_clean(archive: Archive, home: Path) -> None:
    """Assert that a sweep without grace leaves exactly what documents refer to."""
    archive.sweep(grace=NONE, dry_run=False)
    referenced: set[str] = set()
    keys: set[str] = set()
    for document in archive.headers.find():
        referenced.update(document["digests"])
        keys.add(record_key(document["_id"], document["ingest"]["revision"]))
    for entry in archive.history.find({"before": {"$exists": True}}):
        referenced.update(entry["digests"])
        keys.add(record_key(entry["document"], entry["revision"]))
    assert {found.digest for found in archive.store.objects()} == referenced
    kept = {record.key for record in archive.store.records("documents/")}
    assert keys <= kept
    documents = {key for key in kept if not parse_key(key).change}
    assert documents == keys, documents ^ keys
    assert list((home / "store" / ".staging").glob("*")) == []


def contents(archive: Archive) -> dict[str, Any]:
    """Everything the documents say but who ingested them and when."""
    return {
        doc["_id"]: {key: value for key, value in doc.items() if key not in CHANGING} for doc in archive.headers.find()
    }


def undamaged(archive: Archive) -> None:
    """Assert that a check finds no damage, that what is unfinished can be mended, and is then no more."""
    found = check(archive.session, grace=NONE)
    if [f.code for f in found.findings if f.gravity == DAMAGE] == ["catalog-lost"]:
        # A rebuild that was cut short before its first document: to go on with it is what mends that.
        rebuild(archive.session, missing=True)
        found = check(archive.session, grace=NONE)
    assert [f for f in found.findings if f.gravity == DAMAGE] == []
    if found.exit_code == 0:
        return
    check(archive.session, grace=NONE, repair=True)
    again = check(archive.session, grace=NONE)
    # A record without its document is an ingest that was cut short: taking the file again ends it.
    assert {f.code for f in again.findings if f.gravity == UNFINISHED} <= {"document-missing"}


def tells_the_truth(archive: Archive, home: Path, *, sound: bool = True) -> CheckReport:
    """Assert that a check says what is so: compared with a second, plainer look at catalog and store.

    Parameters
    ----------
    sound : bool
        Whether all that is visible is known to be whole, so that there must be no damage.
    """
    report = check(archive.session, grace=NONE)
    said: dict[str, set[str]] = {}
    for finding in report.findings:
        said.setdefault(finding.code, set()).add(finding.what)
    shown: dict[str, tuple[int, int]] = {}  # by record stem: the revision and changes of what is in use or in the trash
    referred: set[str] = set()
    for name in ("headers", "masters", "trash", "history"):
        for entry in archive.catalog[name].find():
            document = entry.get("before", entry)
            referred |= set(entry.get("digests", ()))
            collection = name if name in ("headers", "masters") else entry.get("collection", "headers")
            stem = record_stem(entry.get("document", entry["_id"]), collection=collection)
            if name != "history":
                number = document["ingest"]["revision"], document["ingest"].get("changes", 0)
                shown[stem] = max(number, shown.get(stem, number))
    arrays = {f"objects/{found.digest[:2]}/{found.digest}" for found in archive.store.objects()}
    referred |= {digest for view in archive.catalog["views"].find() for digest in view.get("digests", ())}
    wanted = {f"objects/{digest[:2]}/{digest}" for digest in referred}
    assert {what for what in said.get("orphaned", ()) if what.startswith("objects/")} == arrays - wanted
    assert said.get("dangling", set()) == wanted - arrays
    ahead, undone = set(), set()
    for prefix in ("documents/", "masters/"):
        for record in archive.store.records(prefix):
            key = parse_key(record.key)
            if key is not None and (key.stem not in shown or key.revision > shown[key.stem][0]):
                ahead.add(key.stem)
            elif key is not None and (key.revision, key.change) > shown[key.stem]:
                undone.add(key.stem)
    assert {_stem(what) for what in said.get("document-missing", ())} == ahead
    assert {_stem(what) for what in said.get("unfinished-change", ())} == undone
    left = [*(home / "store" / ".staging").glob("*"), *(home / "store").glob(".arraystore.json.*.new")]
    assert len(said.get("staging", ())) == len(left)
    damage = [finding for finding in report.findings if finding.gravity == DAMAGE]
    assert not sound or {finding.code for finding in damage} <= {"catalog-lost"}, damage
    return report


def _stem(key: str) -> str:
    name = parse_key(key)
    return key if name is None else name.stem


def rebuilt(archive: Archive, home: Path, *, swept: bool = False) -> None:
    """Assert that a new catalog, rebuilt from the store alone, holds the documents and the trash of this one."""
    with connect(home / "rebuilt.db") as catalog:
        lost = rebuild(Session(catalog, store=archive.store)).lost
        assert swept or lost == []  # a sweep that was cut short leaves changes of what it has taken
        for name in ("headers", "masters", "trash"):
            before, after = ({doc["_id"]: doc for doc in c[name].find()} for c in (archive.catalog, catalog))
            assert before.keys() <= after.keys(), name  # and ingests that were cut short
            for key, document in before.items():
                if name == "trash" or not ahead(after[key]["ingest"], document["ingest"]):
                    assert after[key] == document, key
    (home / "rebuilt.db").unlink()


def ahead(record: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    """Tell whether the store is ahead of the catalog: an ingest was cut short between the two."""
    return record["revision"] > shown["revision"] or (record["arrays"], shown["arrays"]) == ("kept", "pending")


@dataclass(frozen=True, slots=True)
class Known:
    """What an archive knew at a moment: documents in use, in the trash (with their revisions), what it remembers."""

    live: frozenset[str]
    trashed: Mapping[str, int]
    history: frozenset[str]


def known(archive: Archive) -> Known:
    """What an archive knows now."""
    return Known(
        frozenset(doc["_id"] for doc in archive.headers.find({}, {"_id": 1})),
        {entry["document"]: entry["revision"] for entry in archive.catalog.trash.find()},
        frozenset(entry["_id"] for entry in archive.history.find({}, {"_id": 1})),
    )


def kept(archive: Archive, before: Known, *, swept: bool) -> None:
    """Assert that no document that was there is gone, nor what is remembered of one that is in use.

    Parameters
    ----------
    swept : bool
        What was in the trash may have gone for good.
    """
    now = known(archive)
    if not swept:
        assert before.live | before.trashed.keys() <= now.live | now.trashed.keys()
    for entry in before.history - now.history:
        name, _, revision = entry.rpartition("@")
        # What led to a deletion goes with the trash, also where the file was ingested again since.
        assert name not in now.live or int(revision.partition(".")[0]) <= before.trashed.get(name, 0), entry


def sha256_of(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def look(home: Path, night: Night) -> int:
    """Open, assert that all that is visible is whole, close; return the number of documents."""
    with open_archive(home) as archive:
        return whole(archive, night.truth)
