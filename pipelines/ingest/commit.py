"""Commits: outcomes become visible, documents in the store first, then in the catalog.

What others have committed since the plan is looked at again, so that several processes at work on the
same files leave one document per file, whoever is first.
"""

import logging
from collections.abc import Mapping
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, ReplaceOne, UpdateOne

from catalog import BulkFailure
from pipelines.documents import runs as ledger
from pipelines.documents import trash
from pipelines.documents.changes import carried_over
from pipelines.documents.records import record_key
from pipelines.documents.roots import Located
from pipelines.documents.strangers import Stranger
from pipelines.ingest import quarantine
from pipelines.ingest.file import UNSETTLED, Outcome, refused
from pipelines.ingest.known import Known, look_up
from pipelines.ingest.report import IngestReport, Refusal
from pipelines.ingest.walk import printable
from pipelines.session import Session

logger = logging.getLogger(__name__)

UPSERTS = 5  # tries when other processes commit the same ids
DUPLICATE = 11000  # MongoDB's code for a duplicate key
_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


Documents = dict[Located, dict[str, Any]]
Before = dict[Located, Known]


class Commits:
    """Adds what became of the files of a run to its archive and to its report."""

    def __init__(self, session: Session, report: IngestReport, *, kept: Mapping[str, Stranger]) -> None:
        self._session = session
        self._report = report
        self._kept = kept  # what only the store has is not written over

    def commit(self, waiting: list[Outcome]) -> None:
        """Make outcomes visible: documents into the store, then into the catalog."""
        documents = {o.task.located: bson.decode(o.document, _AWARE) for o in waiting if o.state == "taken"}
        outcomes = {o.task.located: o for o in waiting}
        before: Before = {}
        read = {o.task.located: o.document for o in waiting if o.state == "taken"}
        shut_out = self._write(documents, before, read)
        for located in shut_out:
            outcomes[located] = self._conflict(outcomes[located], documents.pop(located))
        entries = [quarantine.entry_of(o) for o in outcomes.values() if o.state == "refused" and o.code != UNSETTLED]
        known = quarantine.still_acknowledged(self._session.quarantine, entries)
        entries = [
            entry | ({"acknowledged": known[entry["_id"]]} if entry["_id"] in known else {}) for entry in entries
        ]
        for located, outcome in outcomes.items():
            if quarantine.name_of(located) in known:
                logger.info("still in quarantine, acknowledged: %s", printable(outcome.task.file))
                self._report.acknowledged += 1
                continue
            self._count(outcome, documents.get(located), before.get(located))
        self._settle(list(outcomes.values()), entries)

    def _write(self, documents: Documents, before: Before, read: Mapping[Located, bytes]) -> list[Located]:
        """Write documents to the store and the catalog.

        Those whose bytes another process has committed meanwhile are left out, and taken from `documents`.

        Parameters
        ----------
        before : dict
            Is told what the catalog held of each place when its document was numbered after that.
        read : Mapping
            Each document as it was encoded by whoever read its file.

        Returns
        -------
        list of Located
            The places whose id is the name of another path's document.
        """
        waiting = dict(documents)
        shut_out: list[Located] = []
        for attempt in range(UPSERTS):
            now = look_up(self._session.headers, waiting)  # others may have been here since the plan
            for located in [located for located, doc in waiting.items() if _is_there(now.get(located), doc)]:
                del waiting[located]
                if now[located].ingest["run"] != self._report.run:  # it is ours where the answer was lost
                    del documents[located]
            taken = self._taken_ids(waiting)
            shut_out += taken
            waiting = {located: doc for located, doc in waiting.items() if located not in taken}
            if not waiting:
                break
            for located in waiting:
                before.pop(located, None)
            before |= {located: known for located, known in now.items() if located in waiting}
            self._number(waiting, now)
            encoded = {located: _encoded(doc, read[located]) for located, doc in waiting.items()}
            self._session.store.put_records(
                {record_key(doc["_id"], doc["ingest"]["revision"]): encoded[place] for place, doc in waiting.items()}
            )
            self._keep_history([doc for located, doc in waiting.items() if _is_revision(now.get(located))])
            waiting = self._upsert(waiting, encoded, now, last=attempt == UPSERTS - 1)
        return shut_out

    def _number(self, documents: Documents, before: Before) -> None:
        """Set the revision of each document: one more than the catalog, or the trash, has seen."""
        new = [doc["_id"] for located, doc in documents.items() if located not in before]
        trashed = trash.latest_revisions(self._session.catalog.trash, new)
        for located, document in documents.items():
            known = before.get(located)
            if known is None:
                document["ingest"]["revision"] = self._next(document, trashed.get(document["_id"], 0) + 1)
            elif _is_revision(known):
                document["ingest"]["revision"] = self._next(document, known.ingest["revision"] + 1)
            else:
                document["ingest"]["revision"] = known.ingest["revision"]
                if known.ingest["changes"]:
                    documents[located] = carried_over(document, known=known.ingest, store=self._session.store)

    def _next(self, document: dict[str, Any], least: int) -> int:
        stranger = self._kept.get(document["_id"])
        return least if stranger is None else stranger.next_revision(least, document["digests"])

    def _upsert(
        self, documents: Documents, encoded: Mapping[Located, bytes], before: Before, *, last: bool
    ) -> Documents:
        """Write documents into the catalog; return those that other processes were faster with.

        A document is only put in the place of the one it was numbered after, as that was then: what
        others committed or changed since is a duplicate key, and is looked at anew.
        """
        places = list(documents)
        try:
            self._session.headers.bulk_write(
                [_put(doc, encoded[located], before.get(located)) for located, doc in documents.items()], ordered=False
            )
        except BulkFailure as failure:
            errors = (failure.details or {}).get("writeErrors", [])
            if last or any(error["code"] != DUPLICATE for error in errors):
                raise
            logger.info("retried: another process committed %d of these %d files first", len(errors), len(documents))
            return {places[error["index"]]: documents[places[error["index"]]] for error in errors}
        return {}

    def _taken_ids(self, documents: Documents) -> set[Located]:
        """Return the places whose document id belongs to another path, in the catalog or this batch."""
        owners: dict[str, Located] = {}
        ids = [doc["_id"] for doc in documents.values()]
        for doc in self._session.headers.find({"_id": {"$in": ids}}, {"root": 1, "path": 1}):
            owners[doc["_id"]] = Located(doc["root"], doc["path"])
        return {located for located, doc in documents.items() if owners.setdefault(doc["_id"], located) != located}

    def _keep_history(self, documents: list[dict[str, Any]]) -> None:
        ids = [doc["_id"] for doc in documents]
        if not ids:
            return
        for before in self._session.headers.find({"_id": {"$in": ids}}):
            ledger.remember(
                self._session.history,
                document=before,
                why="revision: the file has new bytes",
                run=self._report.run,
            )

    def _conflict(self, outcome: Outcome, document: dict[str, Any]) -> Outcome:
        other = self._session.headers.find_one({"_id": document["_id"]}, {"root": 1, "path": 1})
        where = f"{other['root']}:{other['path']}" if other else "another file of this run"
        return refused(
            outcome.task,
            "id-conflict",
            f"would be named {document['_id']}, which is {where}",
            "if that file has gone or moved, delete its document first (darkroom delete); else rename one",
        )

    def _count(self, outcome: Outcome, document: dict[str, Any] | None, known: Known | None) -> None:
        report = self._report
        file = printable(outcome.task.file)
        if outcome.code == UNSETTLED:
            logger.info("left for the next run: %s: it %s", file, outcome.message)
            report.unsettled.append(file)
        elif outcome.state == "refused":
            refusal = Refusal(file, outcome.code, outcome.message, outcome.hint)
            logger.info("quarantined: %s: %s: %s", file, outcome.code, outcome.message.partition("\n")[0])
            report.refused.append(refusal)
        elif outcome.state == "same" or document is None:
            logger.info("unchanged: %s: its bytes are those of the archive", file)
            report.unchanged += 1
        else:
            report.nbytes += outcome.size
            report.note(document)
            report.stored += sum(ref["stored"] for ref in document["arrays"].values())
            if known is None:
                what, report.new = "new", report.new + 1
            elif known.sha256 is None:
                what, report.completed = "arrays added", report.completed + 1
            else:
                what, report.revised = "new bytes", report.revised + 1
            if logger.isEnabledFor(logging.INFO):
                logger.info("taken: %s: %s, %s", file, what, _taken_as(document))

    def _settle(self, outcomes: list[Outcome], entries: list[dict[str, Any]]) -> None:
        """Write the quarantine, and the new times of files whose bytes are the same."""
        taken = [o.task.located for o in outcomes if o.state != "refused"]
        resolved = quarantine.entries_of(self._session.quarantine, taken)
        quarantine.record(self._session.quarantine, entries, resolved=resolved)
        times = [
            UpdateOne(
                {"_id": outcome.task.known.document_id},
                {"$set": {"file.mtime": quarantine.time_of(outcome.mtime_ns), "file.size": outcome.size}},
            )
            for outcome in outcomes
            if outcome.state == "same" and outcome.task.known is not None
        ]
        if times:
            self._session.headers.bulk_write(times, ordered=False)


def _is_there(known: Known | None, document: dict[str, Any]) -> bool:
    """Tell whether the catalog shows these very bytes: another process was first."""
    file = document["file"]
    if known is None:
        return False
    if file["sha256"] is not None:
        return bool(known.sha256 == file["sha256"])
    return bool((known.size, known.mtime) == (file["size"], file["mtime"]))


def _is_revision(known: Known | None) -> bool:
    """Tell whether a new document takes the place of one with other bytes, rather than of its bare headers."""
    return known is not None and known.sha256 is not None


def _taken_as(document: dict[str, Any]) -> str:
    """Say what a document was taken for, and by which profile."""
    told = {name: document.get(name) for name in ("kind", "camera", "date")}
    named = ", ".join(f"{name} {value}" for name, value in told.items() if value is not None)
    return f"{document['_id']} revision {document['ingest']['revision']} by profile {document['profile']}: {named}"


def _encoded(document: dict[str, Any], read: bytes) -> bytes:
    """Return a document as BSON: as it was read, unless it has been numbered or changed since."""
    ingest = document["ingest"]
    return read if (ingest["revision"], ingest["changes"]) == (1, 0) else bson.encode(document)


def _put(
    document: dict[str, Any], encoded: bytes, known: Known | None
) -> InsertOne[RawBSONDocument] | ReplaceOne[RawBSONDocument]:
    """Return the write of a document, which need not be encoded again for it."""
    if known is None:
        return InsertOne(RawBSONDocument(encoded))
    as_it_was = {
        "_id": document["_id"],
        "root": document["root"],
        "path": document["path"],
        "ingest.revision": known.ingest["revision"],
        "ingest.changes": known.ingest["changes"],
    }
    return ReplaceOne(as_it_was, RawBSONDocument(encoded), upsert=True)
