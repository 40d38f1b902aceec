"""Horizon: the moment before which a sweep may take what nothing refers to, by a clock that is not believed blindly."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pipelines.documents import runs as ledger
from pipelines.session import Session

DAY: Final = timedelta(days=1)
GAP: Final = timedelta(days=3)  # of which nothing is in the ledger: the clock may have jumped over it
SKEW: Final = timedelta(minutes=1)  # two clocks may differ by
FOREIGN: Final = timedelta(days=7)  # a run of another machine that began earlier, and never ended, was killed


@dataclass(frozen=True, slots=True)
class Horizon:
    """What a sweep may take.

    Attributes
    ----------
    before : datetime
        Only what is older.
    reason : str
        Why this is earlier than the grace says; empty where it is not.
    """

    before: datetime
    reason: str = ""


def horizon(session: Session, grace: timedelta) -> Horizon:
    """Return what a sweep with this grace may take now.

    The grace is counted by the clock of this machine, which may have been put forward or back. So nothing goes that
    a run which is still at work may have put, by whatever clock it began. And where the ledger has nothing of the last
    three days, only what was old enough at its last run goes: by a clock that was put forward everything is old.
    The next sweep, a day later, has this one to go by. Without a grace nothing is held back.

    Parameters
    ----------
    grace : timedelta
        Age below which nothing is touched.
    """
    now = datetime.now(UTC)
    if not grace:
        newest = ledger.newest(session.runs)
        return Horizon(now if newest is None else max(now, newest))
    found = Horizon(now - grace)
    last = ledger.newest(session.runs, before=now - DAY) if grace >= DAY else None
    if last is not None and now - last > GAP:
        text = (
            f"by this machine's clock nothing was done in this archive for {(now - last).days} days. What became old "
            "enough in that time is left: if the clock is right, sweep again a day later (or with --grace 12h)"
        )
        found = Horizon(last - grace, text)
    at_work = _at_work(session, since=now - grace - FOREIGN)
    if at_work is not None and at_work - SKEW < found.before:
        text = f"a run that began at {at_work:%Y-%m-%d %H:%M:%S} UTC is at work; what is younger is left"
        found = Horizon(at_work - SKEW, text)
    return found


def _at_work(session: Session, *, since: datetime) -> datetime | None:
    """Return when the first of the runs that are at work began."""
    ledger.note_killed(session.runs)
    fields = {"started": 1, "host": 1, "pid": 1, "born": 1}
    began = [
        run["started"]
        for run in session.runs.find({"status": "running"}, fields)
        if ledger.is_here(run) or run["started"] > since
    ]
    return min(began, default=None)
