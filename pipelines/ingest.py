"""Ingest: FITS files become documents and arrays; run it again and only what changed is touched.

The order of effects is the promise: arrays are published, the document is kept in the store, and
only then does the catalog show it. Whatever is cut short leaves nothing visible that is incomplete,
and the next run goes on from there.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo import InsertOne, ReplaceOne

from arraystore import ArrayStore
from catalog import BulkFailure, Catalog, CatalogError
from pipelines import ledger, quarantine, trash
from pipelines.bounds import Bounds
from pipelines.changes import carried_over
from pipelines.errors import UsageError
from pipelines.instruments import profiles
from pipelines.records import record_key
from pipelines.report import IngestReport, Refusal
from pipelines.roots import Located, Roots
from pipelines.take import UNSETTLED, Outcome, Task, refused
from pipelines.version import __version__
from pipelines.walk import Candidate, candidates, printable
from pipelines.workers import take_all

BATCH = 500  # documents committed together
BATCH_BYTES = 16 << 20  # or so many bytes of them
BATCH_SECONDS = 2.0  # and at least this often, so that a kill costs little
LOOKUP = 500  # files looked up in the catalog together
SMALL = 32 << 20  # bytes of pixels that are not worth a process: one costs about half a second to start
UPSERTS = 5  # tries when other processes commit the same ids
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
    bounds : Bounds
        What one file may cost.
    """

    headers_only: bool = False
    profile: str | None = None
    campaign: str | None = None
    jobs: int | None = None
    bounds: Bounds = field(default_factory=Bounds)

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises
        ------
        UsageError
            The profile is unknown.
        """
        if self.profile is not None and self.profile not in profiles():
            raise UsageError(f"no instrument profile {self.profile!r}; there are: {', '.join(profiles())}")


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
    options.check()
    found = candidates(paths, roots=Roots(catalog.roots))
    arguments = {"paths": [printable(os.fspath(path)) for path in paths]}
    return ingest_found(
        found,
        catalog=catalog,
        store=store,
        store_url=store_url,
        options=options,
        arguments=arguments,
        progress=progress,
    )


def ingest_found(
    found: Sequence[Candidate],
    *,
    catalog: Catalog,
    store: ArrayStore,
    store_url: str,
    options: Options,
    arguments: dict[str, Any],
    progress: Progress | None = None,
    stop: Callable[[], str] | None = None,
) -> IngestReport:
    """Take files that have been found already.

    Parameters
    ----------
    found : sequence of Candidate
        The files.
    arguments : dict
        What the ledger is to say of the run.
    stop : callable, optional
        Asked before each file; when it gives a reason, the files being read are finished and
        committed, and the report says what was left.

    Raises
    ------
    catalog.CatalogError, arraystore.StoreError
        The catalog or the store cannot be used; what was committed before stays.
    """
    started = time.monotonic()
    run = ledger.start(catalog.runs, verb="ingest", arguments=arguments)
    job = _Ingest(catalog, store, IngestReport(run), options)
    try:
        tasks, jobs = job.plan(found)
        done = len(found) - len(tasks)
        offered = _until(tasks, stop, job.report)
        url = None if options.headers_only else store_url
        for outcome in take_all(offered, store_url=url, jobs=jobs, bounds=options.bounds):
            job.add(outcome)
            done += 1
            if progress is not None:
                progress(done, len(found))
        job.finish()
    except BaseException as error:
        job.close()
        with suppress(CatalogError):  # the catalog itself may be what failed
            ledger.finish(catalog.runs, run, status="stopped", result={"error": f"{type(error).__name__}: {error}"})
        raise
    job.close()
    job.report.seconds = time.monotonic() - started
    status = "stopped" if job.report.stopped else "finished"
    ledger.finish(catalog.runs, run, status=status, result=job.report.to_dict())
    return job.report


def _until(tasks: Sequence[Task], stop: Callable[[], str] | None, report: IngestReport) -> Iterator[Task]:
    """Give the tasks one by one, until there is a reason to stop."""
    for number, task in enumerate(tasks):
        if stop is not None and (reason := stop()):
            report.stopped, report.left = reason, len(tasks) - number
            return
        yield task


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
        self._held = 0  # bytes of the documents waiting
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="darkroom-commit")
        self._committing: Future[None] | None = None
        self._committed = time.monotonic()

    # -- what there is to do ---------------------------------------------------------------------

    def plan(self, found: Sequence[Candidate]) -> tuple[list[Task], int]:
        """Give the tasks for the files that are new or changed, and how many processes they earn."""
        tasks: list[Task] = []
        mended: list[Located] = []
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
                    if quarantine.name_of(candidate.located) in self._quarantined:
                        mended.append(candidate.located)  # it is again the file that was taken
                else:
                    tasks.append(task)
                    nbytes += candidate.size
        quarantine.record(self._catalog.quarantine, [], mended=mended)
        return tasks, self._jobs(len(tasks), nbytes)

    def _jobs(self, files: int, nbytes: int) -> int:
        """Give how many processes the work is worth; 0 is this one."""
        if self._store.url.startswith("memory:"):
            return 0  # another process would have a memory of its own
        worth = files // 1000 if self._options.headers_only else max(files // 100, nbytes // SMALL)
        jobs = self._options.jobs or min(os.cpu_count() or 1, worth)
        return 0 if jobs <= 1 and worth == 0 else jobs

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
            size=candidate.size,
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
        self._held += len(outcome.document)
        full = len(self._waiting) >= BATCH or self._held >= BATCH_BYTES
        if full or time.monotonic() - self._committed > BATCH_SECONDS:
            self._wait()
            # Beside the reading, most of whose time is the processor's: a commit waits for the disk.
            self._committing = self._committer.submit(self._commit, self._take_waiting())

    def finish(self) -> None:
        """Commit what is still waiting."""
        self._wait()
        self._commit(self._take_waiting())

    def close(self) -> None:
        """Let a commit under way come to its end."""
        self._committer.shutdown()

    def _wait(self) -> None:
        committing, self._committing = self._committing, None
        if committing is not None:
            committing.result()

    def _take_waiting(self) -> list[Outcome]:
        waiting, self._waiting, self._held = self._waiting, [], 0
        self._committed = time.monotonic()
        return waiting

    def _commit(self, waiting: list[Outcome]) -> None:
        """Make outcomes visible: documents into the store, then into the catalog."""
        documents = {o.task.located: bson.decode(o.document, _AWARE) for o in waiting if o.state == "taken"}
        outcomes = {o.task.located: o for o in waiting}
        for located in self._write(documents):
            outcomes[located] = self._conflict(outcomes[located], documents.pop(located))
        for outcome in outcomes.values():
            self._count(outcome, documents.get(outcome.task.located))
        self._settle(list(outcomes.values()))

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
        """Write documents to the store and the catalog; give the places another path's id shuts out.

        Those whose bytes another process has committed meanwhile are left out, and taken from `documents`.
        """
        waiting = dict(documents)
        shut_out: list[Located] = []
        for attempt in range(UPSERTS):
            self._look_again(waiting)
            for located in [located for located, doc in waiting.items() if self._is_there(located, doc)]:
                del waiting[located], documents[located]
            taken = self._taken_ids(waiting)
            shut_out += taken
            waiting = {located: doc for located, doc in waiting.items() if located not in taken}
            if not waiting:
                break
            self._number(waiting)
            self._store.put_records(
                {record_key(doc["_id"], doc["ingest"]["revision"]): bson.encode(doc) for doc in waiting.values()}
            )
            self._keep_history([doc for located, doc in waiting.items() if self._is_revision(located)])
            waiting = self._upsert(waiting, last=attempt == UPSERTS - 1)
        return shut_out

    def _look_again(self, documents: dict[Located, dict[str, Any]]) -> None:
        """Learn what the catalog holds of these places now: others may have been here since the plan."""
        for located in documents:
            self._known.pop(located, None)
        self._look_up(list(documents))

    def _is_there(self, located: Located, document: dict[str, Any]) -> bool:
        """Tell whether the catalog shows these very bytes: another process was first."""
        known, file = self._known.get(located), document["file"]
        if known is None:
            return False
        if file["sha256"] is not None:
            return bool(known.sha256 == file["sha256"])
        return bool((known.size, known.mtime) == (file["size"], file["mtime"]))

    def _upsert(self, documents: dict[Located, dict[str, Any]], *, last: bool) -> dict[Located, dict[str, Any]]:
        """Write documents into the catalog; give those that other processes were faster with.

        A document is only put in the place of the one it was numbered after, as that was then: what
        others committed or changed since is a duplicate key, and is looked at anew.
        """
        places = list(documents)
        try:
            self._catalog.headers.bulk_write(
                [_put(doc, self._known.get(located)) for located, doc in documents.items()], ordered=False
            )
        except BulkFailure as failure:
            errors = (failure.details or {}).get("writeErrors", [])
            if last or any(error["code"] != DUPLICATE for error in errors):
                raise
            return {places[error["index"]]: documents[places[error["index"]]] for error in errors}
        return {}

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
        if outcome.code == UNSETTLED:
            report.unsettled.append(printable(outcome.task.file))
        elif outcome.state == "refused":
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
            if outcome.state == "refused" and outcome.code != UNSETTLED
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


def _put(document: dict[str, Any], known: Known | None) -> InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]]:
    if known is None:
        return InsertOne(document)
    as_it_was = {
        "_id": document["_id"],
        "root": document["root"],
        "path": document["path"],
        "ingest.revision": known.ingest["revision"],
        "ingest.changes": known.ingest["changes"],
    }
    return ReplaceOne(as_it_was, document, upsert=True)


def _known(doc: dict[str, Any]) -> Known:
    file = doc["file"]
    return Known(doc["_id"], file["size"], file["mtime"], file["sha256"], doc["ingest"])


def _chunks(found: Iterable[Candidate], size: int) -> Iterator[list[Candidate]]:
    iterator = iter(found)
    while chunk := list(islice(iterator, size)):
        yield chunk
