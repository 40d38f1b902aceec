"""Ingest: FITS files become documents and arrays; run it again and only what changed is touched.

The order of effects is the promise: arrays are published, the document is kept in the store, and
only then does the catalog show it. Whatever is cut short leaves nothing visible that is incomplete,
and the next run goes on from there.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo import ReplaceOne

from arraystore import ArrayStore
from catalog import BulkFailure, Catalog, CatalogError
from pipelines import ledger, quarantine, trash
from pipelines.changes import carried_over
from pipelines.errors import UsageError
from pipelines.instruments import profiles
from pipelines.records import record_key
from pipelines.report import IngestReport, Refusal
from pipelines.roots import Located, Roots
from pipelines.take import Outcome, Task, refused
from pipelines.version import __version__
from pipelines.walk import Candidate, candidates, printable
from pipelines.workers import take_all

BATCH = 200  # documents committed together
BATCH_SECONDS = 2.0  # and at least this often, so that a kill costs little
LOOKUP = 500  # files looked up in the catalog together
UPSERTS = 3  # tries when other processes commit the same ids
DUPLICATE = 11000  # MongoDB's code for a duplicate key
_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog holds of a path."""

    document_id: str
    size: int
    mtime: datetime
    sha256: str | None
    ingest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """How to take files.

    Attributes
    ----------
    headers_only : bool
        Documents now, arrays in a later run without this.
    profile : str or None
        The instrument profile for all files; None chooses for each.
    campaign : str or None
        A test or campaign to record in each document.
    jobs : int or None
        Worker processes; None decides by the work there is.
    """

    headers_only: bool = False
    profile: str | None = None
    campaign: str | None = None
    jobs: int | None = None


def ingest(
    paths: Sequence[str | os.PathLike[str]],
    *,
    catalog: Catalog,
    store: ArrayStore,
    store_url: str,
    options: Options,
    progress: Progress | None = None,
) -> IngestReport:
    """Take FITS files and folders of them into an archive.

    Parameters
    ----------
    progress : callable, optional
        Called with files done and files in all.

    Raises
    ------
    UsageError
        A path is not there, or the profile is unknown. Nothing has been taken.
    catalog.CatalogError, arraystore.StoreError
        The catalog or the store cannot be used; what was committed before stays.
    """
    if options.profile is not None and options.profile not in profiles():
        raise UsageError(f"no instrument profile {options.profile!r}; there are: {', '.join(profiles())}")
    started = time.monotonic()
    found = candidates(paths, roots=Roots(catalog.roots))
    run = ledger.start(catalog.runs, verb="ingest", arguments={"paths": [printable(os.fspath(path)) for path in paths]})
    job = _Ingest(catalog, store, IngestReport(run), options)
    try:
        tasks, jobs = job.plan(found)
        done = len(found) - len(tasks)
        outcomes = take_all(tasks, store_url=None if options.headers_only else store_url, jobs=jobs)
        for outcome in outcomes:
            job.add(outcome)
            done += 1
            if progress is not None:
                progress(done, len(found))
        job.commit()
    except BaseException as error:
        with suppress(CatalogError):  # the catalog itself may be what failed
            ledger.finish(catalog.runs, run, status="stopped", result={"error": f"{type(error).__name__}: {error}"})
        raise
    job.report.seconds = time.monotonic() - started
    ledger.finish(catalog.runs, run, status="finished", result=job.report.to_dict())
    return job.report


class _Ingest:
    """One run: what is known, what is waiting to be committed, what the report says so far."""

    def __init__(self, catalog: Catalog, store: ArrayStore, report: IngestReport, options: Options) -> None:
        self._catalog = catalog
        self._store = store
        self.report = report
        self._options = options
        self._candidates: dict[Located, Candidate] = {}
        self._known: dict[Located, Known] = {}
        self._quarantined: set[str] = set()
        self._waiting: list[Outcome] = []
        self._committed = time.monotonic()

    # -- what there is to do ---------------------------------------------------------------------

    def plan(self, found: Sequence[Candidate]) -> tuple[list[Task], int]:
        """Give the tasks for the files that are new or changed, and how many processes they earn."""
        tasks: list[Task] = []
        nbytes = 0
        for candidate in found:
            self._candidates[candidate.located] = candidate
        for chunk in _chunks(found, LOOKUP):
            self._look_up([candidate.located for candidate in chunk])
            for candidate in chunk:
                known = self._known.get(candidate.located)
                task = self._task(candidate, known)
                if candidate.problem is not None:
                    self._waiting.append(refused(task, *candidate.problem))
                elif known is not None and self._unchanged(candidate, known):
                    self.report.unchanged += 1
                else:
                    tasks.append(task)
                    nbytes += candidate.size
        # A worker costs about half a second to start: 32 MB of pixels, or a thousand headers.
        worth = len(tasks) // 1000 if self._options.headers_only else max(len(tasks) // 100, nbytes >> 25)
        jobs = self._options.jobs or max(1, min(os.cpu_count() or 1, worth))
        if self._store.url.startswith("memory:"):
            jobs = 1  # another process would have a memory of its own
        return tasks, jobs

    def _look_up(self, places: list[Located]) -> None:
        fields = {"root": 1, "path": 1, "file": 1, "ingest": 1}
        for root in {place.root for place in places}:
            paths = [place.path for place in places if place.root == root]
            for doc in self._catalog.headers.find({"root": root, "path": {"$in": paths}}, fields):
                self._known[Located(doc["root"], doc["path"])] = _known(doc)
            for entry in self._catalog.quarantine.find({"root": root, "path": {"$in": paths}}, {"_id": 1}):
                self._quarantined.add(entry["_id"])

    def _task(self, candidate: Candidate, known: Known | None) -> Task:
        return Task(
            located=candidate.located,
            file=candidate.file,
            document_id=known.document_id if known else None,
            sha256=known.sha256 if known else None,
            profile=self._options.profile,
            campaign=self._options.campaign,
            headers_only=self._options.headers_only,
            run=self.report.run,
            version=__version__,
        )

    def _unchanged(self, candidate: Candidate, known: Known) -> bool:
        if known.sha256 is None and not self._options.headers_only:
            return False  # its arrays are still to be taken
        milliseconds = round(known.mtime.timestamp() * 1000)
        return candidate.size == known.size and candidate.mtime_ns // 1_000_000 == milliseconds

    # -- what was done ---------------------------------------------------------------------------

    def add(self, outcome: Outcome) -> None:
        """Hold an outcome until the next commit, and commit when enough are waiting."""
        self._waiting.append(outcome)
        if len(self._waiting) >= BATCH or time.monotonic() - self._committed > BATCH_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Make the waiting outcomes visible: documents into the store, then into the catalog."""
        waiting, self._waiting = self._waiting, []
        documents = {o.task.located: bson.decode(o.document, _AWARE) for o in waiting if o.state == "taken"}
        outcomes = {o.task.located: o for o in waiting}
        self._number(documents)
        for located in self._write(documents):
            outcomes[located] = self._conflict(outcomes[located], documents.pop(located))
        for outcome in outcomes.values():
            self._count(outcome, documents.get(outcome.task.located))
        self._settle(list(outcomes.values()))
        self._committed = time.monotonic()

    def _number(self, documents: dict[Located, dict[str, Any]]) -> None:
        """Give each document its revision: one more than the catalog, or the trash, has seen."""
        new = [doc["_id"] for located, doc in documents.items() if located not in self._known]
        trashed = trash.latest_revisions(self._catalog.trash, new)
        for located, document in documents.items():
            known = self._known.get(located)
            if known is None:
                document["ingest"]["revision"] = trashed.get(document["_id"], 0) + 1
            else:
                document["ingest"]["revision"] = known.ingest["revision"] + self._is_revision(located)
                if known.ingest["changes"] and not self._is_revision(located):
                    documents[located] = carried_over(document, known=known.ingest, store=self._store)

    def _write(self, documents: dict[Located, dict[str, Any]]) -> list[Located]:
        """Write documents to the store and the catalog; give the places another path's id shuts out."""
        if not documents:
            return []
        taken = self._taken_ids(documents)
        free = {located: doc for located, doc in documents.items() if located not in taken}
        self._store.put_records(
            {record_key(doc["_id"], doc["ingest"]["revision"]): bson.encode(doc) for doc in free.values()}
        )
        self._keep_history([doc for located, doc in free.items() if self._is_revision(located)])
        for attempt in range(UPSERTS):
            try:
                self._upsert(free)
                break
            except BulkFailure as failure:
                # Another process has committed the same id in this moment: the same file, and the
                # upsert is made again, or another, and this one is shut out.
                errors = (failure.details or {}).get("writeErrors", [])
                if attempt == UPSERTS - 1 or any(error["code"] != DUPLICATE for error in errors):
                    raise
                places = list(free)
                free = {places[error["index"]]: free[places[error["index"]]] for error in errors}
                late = self._taken_ids(free)
                taken |= late
                free = {located: doc for located, doc in free.items() if located not in late}
        return list(taken)

    def _upsert(self, documents: dict[Located, dict[str, Any]]) -> None:
        # The place is part of the filter: an id that another path holds is a duplicate key, whatever
        # was looked up before.
        if documents:
            self._catalog.headers.bulk_write(
                [
                    ReplaceOne({"_id": doc["_id"], "root": located.root, "path": located.path}, doc, upsert=True)
                    for located, doc in documents.items()
                ],
                ordered=False,
            )

    def _taken_ids(self, documents: dict[Located, dict[str, Any]]) -> set[Located]:
        """Give the places whose document id belongs to another path, in the catalog or this batch."""
        owners: dict[str, Located] = {}
        ids = [doc["_id"] for doc in documents.values()]
        for doc in self._catalog.headers.find({"_id": {"$in": ids}}, {"root": 1, "path": 1}):
            owners[doc["_id"]] = Located(doc["root"], doc["path"])
        return {located for located, doc in documents.items() if owners.setdefault(doc["_id"], located) != located}

    def _is_revision(self, located: Located) -> bool:
        known = self._known.get(located)
        return known is not None and known.sha256 is not None

    def _keep_history(self, documents: list[dict[str, Any]]) -> None:
        ids = [doc["_id"] for doc in documents]
        if not ids:
            return
        for before in self._catalog.headers.find({"_id": {"$in": ids}}):
            ledger.remember(
                self._catalog.history,
                document=before,
                why="revision: the file has new bytes",
                run=self.report.run,
            )

    def _conflict(self, outcome: Outcome, document: dict[str, Any]) -> Outcome:
        other = self._catalog.headers.find_one({"_id": document["_id"]}, {"root": 1, "path": 1})
        where = f"{other['root']}:{other['path']}" if other else "another file of this run"
        return refused(
            outcome.task,
            "id-conflict",
            f"would be named {document['_id']}, which is {where}",
            "if that file has gone or moved, delete its document first (darkroom delete); else rename one",
        )

    def _count(self, outcome: Outcome, document: dict[str, Any] | None) -> None:
        report = self.report
        known = self._known.get(outcome.task.located)
        if outcome.state == "refused":
            report.refused.append(Refusal(printable(outcome.task.file), outcome.code, outcome.message, outcome.hint))
        elif outcome.state == "same" or document is None:
            report.unchanged += 1
        else:
            report.nbytes += outcome.size
            report.stored += sum(ref["stored"] for ref in document["arrays"].values())
            if known is None:
                report.new += 1
            elif known.sha256 is None:
                report.completed += 1
            else:
                report.revised += 1

    def _settle(self, outcomes: list[Outcome]) -> None:
        """Write the quarantine, and the new times of files whose bytes are the same."""
        entries = [
            quarantine.entry_of(outcome, self._candidates[outcome.task.located])
            for outcome in outcomes
            if outcome.state == "refused"
        ]
        mended = [
            o.task.located
            for o in outcomes
            if o.state != "refused" and quarantine.name_of(o.task.located) in self._quarantined
        ]
        quarantine.record(self._catalog.quarantine, entries, mended=mended)
        for outcome in outcomes:
            if outcome.state == "same":
                mtime = datetime.fromtimestamp(outcome.mtime_ns // 1_000_000 / 1000, UTC)
                self._catalog.headers.update_one(
                    {"_id": outcome.task.document_id},
                    {"$set": {"file.mtime": mtime, "file.size": outcome.size}},
                )


def _known(doc: dict[str, Any]) -> Known:
    file = doc["file"]
    return Known(doc["_id"], file["size"], file["mtime"], file["sha256"], doc["ingest"])


def _chunks(found: Iterable[Candidate], size: int) -> Iterator[list[Candidate]]:
    iterator = iter(found)
    while chunk := list(islice(iterator, size)):
        yield chunk
