"""Which files belong to which night, before any of them is opened, and which have just changed."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePosixPath

from pipelines.errors import UsageError
from pipelines.ingest.walk import Candidate, printable
from pipelines.instruments import Profile, path_night
from pipelines.instruments.nights import parse_night
from pipelines.table.cells import counted

logger = logging.getLogger(__name__)

UNDATED = "undated"
MOST = 10_000  # nights in one range
FUTURE = 3600.0  # seconds that the clock of a file server may be ahead of ours


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which nights to take.

    Attributes
    ----------
    first, last : date, optional
        The nights asked for; all when both are None.
    since : datetime, optional
        Only files that arrived or changed since, of whatever night.
    """

    first: date | None = None
    last: date | None = None
    since: datetime | None = None

    def has(self, candidate: Candidate, night: date | None) -> bool:
        """Tell whether a file is wanted.

        A file whose path names no night is offered with every night during which, or in the 24 hours
        after which, it was last modified (UTC): from noon of its day to noon two days later.
        """
        if self.since is not None:
            # Also the folder: files come into sight when theirs is renamed into place.
            arrived = max(candidate.mtime_ns, candidate.changed_ns, _folder_changed(candidate.file))
            return candidate.problem is not None or arrived >= self.since.timestamp() * 1e9
        if self.first is None or self.last is None:
            return True
        if night is not None:
            return self.first <= night <= self.last
        return candidate.mtime_ns >= 0 and self.modified(candidate.mtime_ns / 1e9)

    def modified(self, time: float) -> bool:
        """Tell whether a file that was modified then, seconds since 1970, is offered with these nights."""
        if self.first is None or self.last is None:
            return True
        noon = datetime(self.first.year, self.first.month, self.first.day, 12, tzinfo=UTC)
        end = noon + (self.last - self.first) + timedelta(days=2)
        return noon.timestamp() <= time < end.timestamp()


def wanted(day: str | None = None, days: str | None = None, since: datetime | None = None) -> Wanted:
    """Read which nights are asked for.

    Parameters
    ----------
    day : str, optional
        ``YYYY-MM-DD``.
    days : str, optional
        ``FIRST:LAST``, both included.

    Raises
    ------
    UsageError
        Those are not valid dates, or more than one of the three is given.
    """
    if sum(given is not None for given in (day, days, since)) > 1:
        raise UsageError("give one of --date, --dates and --since-last")
    if day is not None:
        return Wanted(parse_night(day), parse_night(day))
    if days is not None:
        first, colon, last = days.partition(":")
        if not colon or parse_night(first) > parse_night(last):
            raise UsageError(
                f"{days!r:.60} are not valid dates; write FIRST:LAST, the earlier first: 2024-02-18:2024-02-20"
            )
        if parse_night(last) - parse_night(first) > timedelta(days=MOST):
            raise UsageError(f"{days} are more than {MOST} nights; leave the nights out to take all")
        return Wanted(parse_night(first), parse_night(last))
    return Wanted(since=since)


def by_night(
    found: Iterable[Candidate], *, want: Wanted, profiles: Mapping[str, Profile], profile: str | None = None
) -> dict[str, list[Candidate]]:
    """Sort the wanted files by the night of their path, oldest first; `UNDATED` where it names none.

    Parameters
    ----------
    profile : str, optional
        The profile that reads the paths; by default every one that has a path rule is asked, then the folder
        nearest to the file that names a night.
    """
    named = None if profile is None else {profile: profiles[profile]}
    nights: dict[str, list[Candidate]] = {}
    others = 0
    for candidate in found:
        night = night_of_path(PurePosixPath(candidate.file), named or profiles)
        if want.has(candidate, night):
            nights.setdefault(night.isoformat() if night else UNDATED, []).append(candidate)
        else:
            others += 1
            logger.debug("not asked for: %s: night %s", printable(candidate.file), night or UNDATED)
    if others:
        logger.info("not asked for: %s of other nights, or looked at before; -vv names them", counted(others, "file"))
    return dict(sorted(nights.items()))


def night_of_path(path: PurePosixPath, profiles: Mapping[str, Profile]) -> date | None:
    """Return the night that a path names: by the path rule of a profile, else by its folders; None without."""
    readers = sorted(profiles.values(), key=lambda profile: profile.path is None)
    return next((day for reader in readers if (day := path_night(reader, path)) is not None), None)


def settled(found: Sequence[Candidate], *, settle: float, now: float) -> tuple[list[Candidate], list[Candidate]]:
    """Part the files that nothing has written for a while from those that have just changed.

    Parameters
    ----------
    settle : float
        Seconds since the last change of any kind. A time of modification in the future, as a wrong
        clock sets it, is not believed; when the file system itself saw the last change counts then, unless
        that too is far in the future: the clock was put back since, and would keep the file waiting until then.
    now : float
        Seconds since 1970.
    """
    ready: list[Candidate] = []
    early: list[Candidate] = []
    for candidate in found:
        times = [t / 1e9 for t in (candidate.mtime_ns, candidate.changed_ns) if t >= 0]
        past = [t for t in times if t <= now] or [t for t in times[-1:] if t <= now + FUTURE]
        young = candidate.problem is None and bool(past) and now - max(past) < settle
        (early if young else ready).append(candidate)
    return ready, early


def _folder_changed(file: str) -> int:
    try:
        return os.stat(os.path.dirname(file)).st_ctime_ns
    except OSError:
        return -1
