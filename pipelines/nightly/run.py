"""The nightly run: what an observatory starts unattended, every night, for years.

Finds the files of the nights that are asked for, leaves those that have just changed, holds a lease on
each night while its files are taken, stops at a safe boundary when told to or when its time is up,
and writes down what it did. Whatever ends it, the next run goes on from there.
"""

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from catalog import CatalogError
from pipelines.documents import runs as ledger
from pipelines.documents.lease import LENGTH, Holder, Lease, held
from pipelines.documents.roots import Roots
from pipelines.documents.strangers import lacking, said
from pipelines.ingest.run import IngestOptions, ingest_found
from pipelines.ingest.walk import APPLE, ASDF, Candidate, candidates, printable
from pipelines.instruments import profiles
from pipelines.nightly.nights import Wanted, by_night, settled
from pipelines.nightly.report import NightlyReport, NightReport
from pipelines.pixels.rates import update_rates
from pipelines.progress import Progress
from pipelines.session import Session

logger = logging.getLogger(__name__)

OVERLAP = timedelta(days=1)  # looked at again before the last run began: clocks differ, copies take their time
SETTLE = 60.0  # seconds without a change before a file is believed to be whole


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a nightly run goes about its work.

    Attributes
    ----------
    settle : float
        Seconds a file must have been left alone.
    wait : float
        Seconds to wait for a night that another run is at work on; 0 leaves it to that run.
    limit : float or None
        Seconds after which the run stops at the next safe boundary.
    lease : float
        Seconds a lease lasts without being renewed.
    rates : bool
        Whether the rate history is brought up to date when the files are taken.
    """

    settle: float = SETTLE
    wait: float = 0.0
    limit: float | None = None
    lease: float = LENGTH
    rates: bool = False


def nightly(
    session: Session,
    paths: Sequence[str | os.PathLike[str]],
    *,
    wanted: Wanted | None = None,
    options: IngestOptions | None = None,
    schedule: Schedule | None = None,
    progress: Progress | None = None,
    interrupted: Callable[[], str] | None = None,
) -> NightlyReport:
    """Take the files of some nights, each night by one run at a time.

    Parameters
    ----------
    paths : sequence of path
        Folders of files, and files.
    wanted : Wanted, optional
        Which nights; all by default.
    progress : callable, optional
        Called with files done and files in all.
    interrupted : callable, optional
        Gives a reason to stop, or an empty text; asked before each file.

    Raises
    ------
    UsageError
        A path is not there, or the profile is unknown. Nothing has been taken.
    catalog.CatalogError, arraystore.StoreError
        The catalog or the store cannot be used; what was committed before stays.
    """
    options, wanted, schedule = options or IngestOptions(), wanted or Wanted(), schedule or Schedule()
    options.check()
    began = time.monotonic()
    session = session.patient(options.patience)
    passed: Counter[str] = Counter()
    found = candidates(paths, roots=Roots(session.catalog.roots), passed=passed)
    nights = by_night(found, want=wanted, profiles=profiles(), profile=options.profile)
    arguments = _arguments(paths, wanted, options, schedule)
    run = ledger.start(session.runs, verb="nightly", arguments=arguments)
    job = _Run(
        session,
        options,
        schedule,
        NightlyReport(run, passed=passed[APPLE], asdf=passed[ASDF]),
        began,
        interrupted,
        progress,
    )
    try:
        job.take(nights)
        if schedule.rates and not job.report.stopped:
            job.report.rates = update_rates(session)
    except BaseException as error:
        with suppress(CatalogError):  # the catalog itself may be what failed
            result = {**job.report.to_dict(), "error": f"{type(error).__name__}: {error}"}
            ledger.finish(session.runs, run, status="stopped", result=result)
        raise
    job.report.lacking = said(lacking(session.catalog, session.store))
    job.report.seconds = time.monotonic() - began
    status = "finished" if job.report.complete else "stopped"
    ledger.finish(session.runs, run, status=status, result=job.report.to_dict())
    return job.report


def last_finished(session: Session, paths: Sequence[str | os.PathLike[str]]) -> datetime | None:
    """Return the time from which a run over these paths must look for files that have arrived.

    That is when the last run began that looked at all of them, of every night, and left nothing to
    another run; less a day, for clocks that differ. None when there was none.
    """
    need = set(_places(paths))
    finished = {"verb": "nightly", "status": "finished", "arguments.nights": None}
    for run in session.runs.find(finished, {"started": 1, "arguments": 1}).sort("started", -1):
        if need <= set(run["arguments"]["paths"]):
            started: datetime = run["started"]
            return started - OVERLAP
    return None


def _places(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    return sorted({printable(os.path.realpath(os.path.expanduser(path))) for path in paths})


def _arguments(
    paths: Sequence[str | os.PathLike[str]], wanted: Wanted, options: IngestOptions, schedule: Schedule
) -> dict[str, Any]:
    nights = [wanted.first.isoformat(), wanted.last.isoformat()] if wanted.first and wanted.last else None
    return {
        "paths": _places(paths),
        "nights": nights,
        "since": wanted.since,
        "headers_only": options.headers_only,
        "profile": options.profile,
        "campaign": options.campaign,
        "jobs": options.jobs,
        "settle": schedule.settle,
        "wait": schedule.wait,
        "limit": schedule.limit,
        "rates": schedule.rates,
    }


@dataclass(slots=True)
class _Run:
    """One nightly run at work."""

    session: Session
    options: IngestOptions
    schedule: Schedule
    report: NightlyReport
    began: float
    interrupted: Callable[[], str] | None
    progress: Progress | None

    def take(self, nights: dict[str, list[Candidate]]) -> None:
        """Take night after night."""
        total = sum(map(len, nights.values()))
        done = 0
        for night, found in nights.items():
            reason = self._reason()
            if reason:
                self.report.stopped = reason
                _left(found, reason)
                self.report.nights.append(NightReport(night, left=len(found)))
                continue
            ready, early = settled(found, settle=self.schedule.settle, now=time.time())
            _left(early, f"changed less than {self.schedule.settle:.0f} s ago")
            self.report.unsettled += [printable(candidate.file) for candidate in early]
            if ready:
                self.report.nights.append(self._night(night, ready, done, total))
            done += len(found)
        if self.progress is not None:
            self.progress(done, total)

    def _night(self, night: str, ready: list[Candidate], done: int, total: int) -> NightReport:
        lease = held(
            self.session.catalog["leases"],
            f"nightly/{night}",
            run=self.report.run,
            length=self.schedule.lease,
            wait=self._patience(),
        )
        with lease as got:
            if isinstance(got, Holder):
                _left(ready, f"{got} is at work on the night {night}")
                return NightReport(night, left=len(ready), holder=str(got))
            report = ingest_found(
                self.session,
                ready,
                options=self.options,
                arguments={"nightly": self.report.run, "night": night},
                progress=None if self.progress is None else lambda now, _: self._advance(done + now, total),
                stop=lambda: self._reason(got),
            )
        self.report.stopped = self.report.stopped or report.stopped
        self.report.unsettled += report.unsettled
        return NightReport.of(night, report)

    def _advance(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(done, total)

    def _patience(self) -> float:
        """Return the seconds there are to wait for a lease."""
        if self.schedule.limit is None:
            return self.schedule.wait
        return max(0.0, min(self.schedule.wait, self.schedule.limit - (time.monotonic() - self.began)))

    def _reason(self, lease: Lease | None = None) -> str:
        """Return the reason to stop now, if there is one."""
        if self.interrupted is not None and (told := self.interrupted()):
            return told
        if self.schedule.limit is not None and time.monotonic() - self.began >= self.schedule.limit:
            return f"time is up after {self.schedule.limit:.0f} s"
        if lease is not None and lease.lost:
            return "another run may have taken this night over"
        return ""


def _left(found: Sequence[Candidate], reason: str) -> None:
    """Log the files that this run does not touch."""
    for candidate in found:
        logger.info("left for the next run: %s: %s", printable(candidate.file), reason)


@contextmanager
def on_signals() -> Iterator[Callable[[], str]]:
    """Turn SIGTERM and Ctrl-C into a reason to stop at a safe boundary; a second one is as usual."""
    told: list[str] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def tell(number: int, _frame: object) -> None:
        told.append(f"interrupted by {signal.Signals(number).name}")
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, tell)
    try:
        yield lambda: told[0] if told else ""
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def since_last(session: Session, paths: Sequence[str | os.PathLike[str]]) -> Wanted:
    """Want the files that have come since the last run over these paths; all, if there was none."""
    return Wanted(since=last_finished(session, paths) or datetime.fromtimestamp(0, UTC))
