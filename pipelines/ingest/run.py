"""Ingest: FITS files become documents and arrays; run it again and only what changed is touched.

The order of effects is the promise: arrays are published, the document is kept in the store, and
only then does the catalog show it. Whatever is cut short leaves nothing visible that is incomplete,
and the next run goes on from there.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from arraystore.processors import processors
from catalog import CatalogError
from pipelines.documents import runs as ledger
from pipelines.documents import strangers
from pipelines.documents.lookup import batches
from pipelines.documents.roots import Located, Roots
from pipelines.errors import UsageError
from pipelines.ingest import quarantine
from pipelines.ingest.again import identify_again
from pipelines.ingest.commit import Commits
from pipelines.ingest.file import Outcome, Task, refused
from pipelines.ingest.known import Known, look_up
from pipelines.ingest.pool import take_all
from pipelines.ingest.report import IngestReport, Refusal
from pipelines.ingest.spread import take_spread
from pipelines.ingest.walk import APPLE, ASDF, Candidate, candidates, printable
from pipelines.instruments import profiles
from pipelines.processes.limits import Bounds
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.version import __version__

logger = logging.getLogger(__name__)

BATCH = 500  # documents committed together
BATCH_BYTES = 16 << 20  # or so many bytes of them
BATCH_SECONDS = 2.0  # and at least this often, so that a kill costs little
WAITS = 1 << 20  # bytes of a file below which its process waits for the disk as long as it reads
SMALL = 32 << 20  # bytes of pixels that are not worth a process: one costs about half a second to start


@dataclass(frozen=True, slots=True)
class IngestOptions:
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
    reread : bool
        Read known files too, whose size and time are what they were.
    patience : float
        Seconds to wait for a server that holds the catalog and does not answer.
    """

    headers_only: bool = False
    profile: str | None = None
    campaign: str | None = None
    jobs: int | None = None
    bounds: Bounds = field(default_factory=Bounds)
    reread: bool = False
    patience: float = 60.0

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises
        ------
        UsageError
            The profile is unknown, or the file of one makes no sense.
        """
        known = profiles()
        if self.profile is not None and self.profile not in known:
            raise UsageError(f"no instrument profile {self.profile!r}; there are: {', '.join(known)}")


def ingest(
    session: Session,
    paths: Sequence[str | os.PathLike[str]],
    *,
    options: IngestOptions,
    progress: Progress | None = None,
    stop: Callable[[], str] | None = None,
) -> IngestReport:
    """Take FITS files and folders of them into an archive.

    Parameters
    ----------
    progress : callable, optional
        Called with files done and files in all.
    stop : callable, optional
        As in `ingest_found`.

    Raises
    ------
    UsageError
        A path is not there, the profile is unknown, or ``darkroom.toml`` makes no sense. Nothing has been taken.
    catalog.CatalogError, arraystore.StoreError
        The catalog or the store cannot be used; what was committed before stays.
    """
    options.check()
    _ = session.site  # read before anything is written: it may make no sense
    session = session.patient(options.patience)
    passed: Counter[str] = Counter()
    found = candidates(paths, roots=Roots(session.catalog.roots), passed=passed)
    arguments = {"paths": [printable(os.fspath(path)) for path in paths]}
    return ingest_found(
        session, found, options=options, arguments=arguments, passed=passed, progress=progress, stop=stop
    )


def ingest_found(
    session: Session,
    found: Sequence[Candidate],
    *,
    options: IngestOptions,
    arguments: dict[str, Any],
    passed: Mapping[str, int] | None = None,
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
    passed : Mapping, optional
        How many files were passed over, by why, as `candidates` counts them.
    stop : callable, optional
        Asked before each file; when it gives a reason, the files being read are finished and
        committed, and the report says what was left.

    Raises
    ------
    catalog.CatalogError, arraystore.StoreError
        The catalog or the store cannot be used; what was committed before stays.
    """
    started, passed = time.monotonic(), passed or {}
    session = session.patient(options.patience)
    lacking = strangers.lacking(session.catalog, session.store)
    run = ledger.start(session.runs, verb="ingest", arguments=arguments)
    if not lacking:
        strangers.leave_mark(session.store, run)
    report = IngestReport(run, passed=passed.get(APPLE, 0), asdf=passed.get(ASDF, 0))
    job = _Ingest(session, report, options, kept={s.document: s for s in lacking})
    try:
        tasks, jobs = job.plan(found)
        done = len(found) - len(tasks)
        offered = _until(tasks, stop, job.report)
        url = None if options.headers_only else session.store_url
        if session.workers is None:
            outcomes = take_all(offered, store_url=url, jobs=jobs, bounds=options.bounds)
        else:
            outcomes = take_spread(offered, found=tasks, workers=session.workers, store_url=url, bounds=options.bounds)
        for outcome in outcomes:
            job.add(outcome)
            done += 1
            if progress is not None:
                progress(done, len(found))
        job.finish()
        job.identify()
    except BaseException as error:
        job.close()
        with suppress(CatalogError):  # the catalog itself may be what failed
            ledger.finish(session.runs, run, status="stopped", result={"error": f"{type(error).__name__}: {error}"})
        raise
    job.close()
    if lacking:
        job.report.lacking = strangers.said(strangers.lacking(session.catalog, session.store))
    job.report.seconds = time.monotonic() - started
    status = "stopped" if job.report.stopped else "finished"
    ledger.finish(session.runs, run, status=status, result=job.report.to_dict())
    session.catalog.keep_reserve()
    return job.report


def _until(tasks: Sequence[Task], stop: Callable[[], str] | None, report: IngestReport) -> Iterator[Task]:
    """Return the tasks one by one, until there is a reason to stop."""
    for number, task in enumerate(tasks):
        if stop is not None and (reason := stop()):
            report.stopped, report.left = reason, len(tasks) - number
            for left in tasks[number:]:
                logger.info("left for the next run: %s: %s", printable(left.file), reason)
            return
        yield task


class _Ingest:
    """One run: what is known, what is waiting to be committed, what the report says so far."""

    def __init__(
        self, session: Session, report: IngestReport, options: IngestOptions, *, kept: Mapping[str, strangers.Stranger]
    ) -> None:
        self._session = session
        self.report = report
        self._options = options
        self._site = session.site
        self._whole = session.roots.whole()
        self._seen: list[str] = []  # documents of files that are as they were
        self._commits = Commits(session, report, kept=kept)
        self._waiting: list[Outcome] = []
        self._held = 0  # bytes of the documents waiting
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="darkroom-commit")
        self._committing: Future[None] | None = None
        self._committed = time.monotonic()

    # -- what there is to do ---------------------------------------------------------------------

    def plan(self, found: Sequence[Candidate]) -> tuple[list[Task], int]:
        """Return the tasks for the files that are new or changed, and how many processes they earn."""
        tasks: list[Task] = []
        resolved: list[Located] = []
        nbytes = 0
        for chunk in batches(found):
            places = [candidate.located for candidate in chunk]
            documents = look_up(self._session.headers, places)
            quarantined = quarantine.entries_of(self._session.quarantine, places)
            for candidate in chunk:
                known = documents.get(candidate.located)
                task = self._task(candidate, known)
                if candidate.problem is not None:
                    self._waiting.append(refused(task, *candidate.problem))
                elif known is not None and self._unchanged(candidate, known):
                    self.report.unchanged += 1
                    self._seen.append(known.document_id)
                    logger.info("unchanged: %s: size and time are those of %s", candidate.file, known.document_id)
                    if candidate.located in quarantined:
                        resolved.append(candidate.located)  # it is again the file that was taken
                else:
                    logger.debug("to be read: %s: %s", printable(candidate.file), _why(known, self._options))
                    tasks.append(task)
                    nbytes += candidate.size
        quarantine.record(self._session.quarantine, [], resolved=resolved)
        return tasks, self._jobs(len(tasks), nbytes)

    def _jobs(self, files: int, nbytes: int) -> int:
        """Return how many processes the work is worth; 0 is this one."""
        if self._session.store.url.startswith("memory:"):
            return 0  # another process would have a memory of its own
        worth = files // 1000 if self._options.headers_only else max(files // 100, nbytes // SMALL)
        most = processors()
        if not self._options.headers_only and nbytes < files * WAITS:
            most *= 2
        jobs = self._options.jobs or min(most, worth)
        jobs = 0 if jobs <= 1 and worth == 0 else jobs
        logger.debug(
            "%d files of %d bytes to read, in %s", files, nbytes, f"{jobs} processes" if jobs else "this process"
        )
        return jobs

    def _task(self, candidate: Candidate, known: Known | None) -> Task:
        return Task(
            candidate,
            known,
            profile=self._options.profile,
            campaign=self._options.campaign,
            headers_only=self._options.headers_only,
            run=self.report.run,
            version=__version__,
            site=self._site,
            whole=candidate.located.root in self._whole,
        )

    def _unchanged(self, candidate: Candidate, known: Known) -> bool:
        if self._options.reread:
            return False  # its bytes tell, not what the file system says of them
        return known.is_of(candidate, headers_only=self._options.headers_only)

    # -- what was done ---------------------------------------------------------------------------

    def add(self, outcome: Outcome) -> None:
        """Hold an outcome until the next commit, and commit when enough are waiting."""
        self._waiting.append(outcome)
        self._held += len(outcome.document)
        full = len(self._waiting) >= BATCH or self._held >= BATCH_BYTES
        if full or time.monotonic() - self._committed > BATCH_SECONDS:
            self._wait()
            # Beside the reading, most of whose time is the processor's: a commit waits for the disk.
            self._committing = self._committer.submit(self._commits.commit, self._take_waiting())

    def finish(self) -> None:
        """Commit what is still waiting."""
        self._wait()
        self._commits.commit(self._take_waiting())

    def identify(self) -> None:
        """Identify the known files by the profile that was asked for: their bytes need not be read for that."""
        if self._options.profile is None:
            return
        for start in range(0, len(self._seen), BATCH):
            some = {"_id": {"$in": self._seen[start : start + BATCH]}}
            done = identify_again(self._session, some, profile=self._options.profile)
            self.report.identified += done.changed
            self.report.refused += [
                Refusal(name, "profile-refused", why, "the document stays as it is")
                for name, why in done.refused.items()
            ]

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


def _why(known: Known | None, options: IngestOptions) -> str:
    """Say why a file has to be read."""
    if known is None:
        return "new"
    if known.sha256 is None and not options.headers_only:
        return f"only the headers of {known.document_id} are there"
    return f"its size or time is not that of {known.document_id}"
