"""Check: prove that nothing is missing, across documents, arrays and records, and name what is.

Two passes. The census holds the listings against each other: cheap, always done in full. Then every
array, and every document against its record, is read and verified, the least recently verified first;
that pass may be stopped at any time and goes on where it stopped.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pipelines.documents.pairing import require_store
from pipelines.errors import UsageError
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, plain
from pipelines.table.cells import counted
from pipelines.upkeep.census import OutOfTime, take_census
from pipelines.upkeep.confirming import confirmed
from pipelines.upkeep.findings import DAMAGE, GRAVITIES, KINDS, UNFINISHED, Finding
from pipelines.upkeep.retired import retired_masters
from pipelines.upkeep.status import keep_count
from pipelines.upkeep.verifications import AHEAD, Item, Verifications, work_of
from pipelines.upkeep.walking import Walk, is_large

LEVELS = ("exists", "sizes", "digests", "decode")
GRACE = timedelta(hours=1)
SHOWN = 5  # findings of one code that are written out for people


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Attributes
    ----------
    level : str
        How deep it looked.
    findings : tuple of Finding
        What is wrong, the gravest first.
    documents, objects : int
        Documents listed; arrays referred to.
    verified, fresh, left : int
        Arrays and documents verified now; passed over because verified within ``max_age``; and left
        for the next check because the time was up.
    stopped : str
        Why it ended early: ``''``, ``'time'`` or ``'interrupted'``.
    repaired : int
        Findings repaired, and no longer among ``findings``.
    young : int
        Arrays and records that nothing refers to, younger than the grace: not judged.
    seconds : float
        Wall time.
    """

    level: str
    findings: tuple[Finding, ...]
    documents: int
    objects: int
    verified: int
    fresh: int
    left: int
    stopped: str
    repaired: int
    young: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """4 if anything is damaged, 1 if something is unfinished and can be repaired, 0 else."""
        gravities = {finding.gravity for finding in self.findings}
        return 4 if DAMAGE in gravities else 1 if UNFINISHED in gravities else 0

    @property
    def clean(self) -> bool:
        """Whether nothing is damaged or unfinished. Notes (orphans, duplicates) are no fault."""
        return self.exit_code == 0

    def table(self) -> Answer:
        """Return the findings as a table."""
        columns = ("gravity", "code", "what", "documents", "reason", "hint")
        return Answer(columns, tuple(finding.to_dict() for finding in self.findings), repr(self).split("\n", 1)[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "findings"}
        counts = Counter(finding.code for finding in self.findings)
        return {**plain, "clean": self.clean, "counts": counts, "findings": [f.to_dict() for f in self.findings]}

    def __repr__(self) -> str:
        head = "clean" if self.clean else "DAMAGE FOUND" if self.exit_code == 4 else "unfinished work found"
        held = f"{counted(self.documents, 'document')}, {counted(self.objects, 'array')}"
        line = f"{head}: {held}; {self.verified} verified ({self.level})"
        if self.fresh:
            line += f", {self.fresh} verified lately"
        if self.left:
            line += f", {self.left} left for next time ({self.stopped})"
        if self.repaired:
            line += f"; {self.repaired} repaired"
        if self.young:
            line += f"; {self.young} arrays and records that nothing refers to are too young to judge (--grace)"
        lines = [f"{line}; {self.seconds:.1f} s"]
        for code, count in Counter(finding.code for finding in self.findings).items():
            some = [finding for finding in self.findings if finding.code == code]
            lines.append(f"{some[0].gravity:10} {code}: {count}, {KINDS[code][1]}")
            lines += [f"             {_said(finding)}" for finding in some[:SHOWN]]
            if count > SHOWN:
                lines.append(f"             and {count - SHOWN} more; --json lists them all")
            lines.append(f"           → {plain(some[0].hint)}")
        return "\n".join(lines)


def check(
    session: Session,
    *,
    level: str = "digests",
    time_limit: timedelta | None = None,
    max_age: timedelta = timedelta(0),
    grace: timedelta = GRACE,
    repair: bool = False,
    progress: Progress | None = None,
) -> CheckReport:
    """Check the whole archive.

    Parameters
    ----------
    level : {'exists', 'sizes', 'digests', 'decode'}
        How deep each array is looked at; see `arraystore.ArrayStore.verify`. Documents are compared with
        their records at every level but ``exists``.
    time_limit : timedelta, optional
        Verify no longer than this, then stop between two arrays; what was verified is remembered. An archive of more
        than `walking.LISTED` documents is then not listed, but walked through in order of name, from where the last
        such check stopped; what nothing refers to is not looked for.
    max_age : timedelta
        Pass over what was verified within this time, at this level or deeper, and found sound.
    grace : timedelta
        What nothing refers to is no finding while it is younger: an ingest may be at work.
    repair : bool
        Repair what can be repaired without loss: finish changes that were cut short, write lost records anew,
        make damaged arrays again from originals that are still what was ingested.
    progress : callable, optional
        Called with how many arrays and documents are verified, and how many there are.

    Returns
    -------
    CheckReport
        Also after Ctrl-C: with what was found until then.

    Raises
    ------
    UsageError
        There is no such level, the store is not that of the documents, or `repair` on an archive opened
        for reading.
    """
    if level not in LEVELS:
        raise UsageError(f"{level!r} is no level of a check; there are {', '.join(LEVELS)}")
    if repair and session.catalog.readonly:
        raise UsageError("this archive is open read-only and cannot be repaired; open it without readonly=True")
    require_store(session.catalog, session.store)
    started = time.monotonic()
    deadline = None if time_limit is None else started + time_limit.total_seconds()
    if deadline is not None and is_large(session):
        how: dict[str, Any] = {"max_age": max_age, "repair": repair, "progress": progress}
        return _part_by_part(session, level, deadline=deadline, started=started, **how)
    try:
        census, findings = take_census(session, grace=grace, deadline=deadline)
    except OutOfTime as ended:
        return _cut_short(ended, level, seconds=time.monotonic() - started)
    findings += retired_masters(session)
    objects = len(census.references)
    verifications = Verifications(session, level=level)
    items, fresh = verifications.due(work_of(census, level=level), max_age=max_age)
    done, stopped = 0, ""
    try:
        for found in _verified(session, verifications, items, level=level, deadline=deadline):
            findings += found
            done += 1
            if progress is not None:
                progress(done, len(items))
        stopped = "time" if done < len(items) else ""
    except KeyboardInterrupt:
        stopped = "interrupted"
    finally:
        verifications.save()
    repaired = 0
    if repair and stopped != "interrupted":
        findings, repaired = _repaired(session, findings)
    report = CheckReport(
        level=level,
        findings=tuple(sorted(_once(findings), key=lambda f: GRAVITIES.index(f.gravity))),
        documents=census.documents,
        objects=objects,
        verified=done,
        fresh=fresh,
        left=len(items) - done,
        stopped=stopped,
        repaired=repaired,
        young=census.young,
        seconds=round(time.monotonic() - started, 3),
    )
    keep_count(session, "check", _counts(report))
    return report


def _verified(
    session: Session, verifications: Verifications, items: Sequence[Item], *, level: str, deadline: float | None
) -> Iterator[list[Finding]]:
    """Verify one item after another, until there is no time left; yield what is wrong with each."""
    if session.workers is not None:
        found = confirmed(verifications, items, level=level, workers=session.workers, deadline=deadline)
        for item, sound in found:
            if sound:
                verifications.sound(item)
            yield [] if sound else verifications.verify(item)
        return
    for number, item in enumerate(items):
        if deadline is not None and time.monotonic() >= deadline:
            return
        if number % AHEAD == 0:
            verifications.read_ahead(items[number : number + AHEAD])
        yield verifications.verify(item)


def _part_by_part(
    session: Session,
    level: str,
    *,
    deadline: float,
    max_age: timedelta,
    repair: bool,
    started: float,
    progress: Progress | None,
) -> CheckReport:
    """Check the documents that come next, with their arrays and records: what a large archive has time for."""
    verifications = Verifications(session, level=level, listed=False)
    walk = Walk(session, level, max_age)
    findings = [Finding("not-looked-for", "the archive", "what nothing refers to was not looked for")]
    done, left, stopped = 0, 0, ""
    total = walk.left  # all there are
    try:
        for items in walk.parts():
            before = done
            for found in _verified(session, verifications, items, level=level, deadline=deadline):
                findings += found
                done += 1
            if progress is not None:
                progress(min(walk.documents, total), total)
            if done - before < len(items):
                walk.stop(done - before)
                left, stopped = walk.left, "time"
                break
    except KeyboardInterrupt:
        left, stopped = walk.left, "interrupted"
    finally:
        verifications.save()
    repaired = 0
    if repair and stopped != "interrupted":
        findings, repaired = _repaired(session, findings)
    report = CheckReport(
        level=level,
        findings=tuple(sorted(_once(findings), key=lambda f: GRAVITIES.index(f.gravity))),
        documents=walk.documents,
        objects=walk.arrays,
        verified=done,
        fresh=walk.fresh,
        left=left,
        stopped=stopped,
        repaired=repaired,
        young=0,
        seconds=round(time.monotonic() - started, 3),
    )
    keep_count(session, "check", _counts(report))
    return report


def _repaired(session: Session, findings: list[Finding]) -> tuple[list[Finding], int]:
    """Repair what can be; return what is left, and how many were repaired."""
    from pipelines.upkeep.repairing import repair_all

    return repair_all(session, findings)


def _counts(report: CheckReport) -> dict[str, Any]:
    """Return what `status` tells of a check."""
    damage = sum(finding.gravity == DAMAGE for finding in report.findings)
    return {"level": report.level, "findings": len(report.findings), "damage": damage, "left": report.left}


def _cut_short(ended: OutOfTime, level: str, *, seconds: float) -> CheckReport:
    """Return the report of a check that had no time to list the archive: it proves nothing, and says so."""
    text = f"{ended}: nothing was verified, and what is missing was not looked for"
    finding = Finding("not-listed", "the archive", text)
    return CheckReport(
        level=level,
        findings=(finding,),
        documents=ended.documents,
        objects=0,
        verified=0,
        fresh=0,
        left=0,
        stopped="time",
        repaired=0,
        young=0,
        seconds=round(seconds, 3),
    )


def _once(findings: Iterable[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def _said(finding: Finding) -> str:
    """Return the message of a finding, with the documents it does not name itself."""
    unnamed = [name for name in finding.documents if name not in finding.message]
    named = f" (of {', '.join(unnamed[:3])}{' …' if len(unnamed) > 3 else ''})" if unnamed else ""
    return plain(finding.message + named)
