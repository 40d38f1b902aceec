"""Instants and observing nights: header text to UTC, and an instant to the night it belongs to.

A night runs from local noon to local noon and is named after the day of the
noon it began with. Noon is what the clock on the observatory's wall shows, so
on the two nights a year when the clocks change a night lasts 23 or 25 hours:
twelve hours of elapsed time subtracted from the instant would put frames near
noon of those days into the wrong night. Nothing here does arithmetic on wall
clock times across a change of clocks; only the instant is converted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.errors import UsageError

_INSTANT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]*))?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_UTC_NAMES = frozenset({"", "UTC", "UT", "GMT", "Z"})
_CONVERTIBLE = {
    "TAI": "tai",
    "IAT": "tai",
    "TT": "tt",
    "TDT": "tt",
    "ET": "tt",
    "TDB": "tdb",
    "TCG": "tcg",
    "TCB": "tcb",
}


def parse_instant(text: str, *, system: str = "UTC") -> datetime | None:
    """Read the instant that a header's text names, as aware UTC; None when it names none.

    Parameters
    ----------
    text
        ``YYYY-MM-DDThh:mm:ss``, with or without a fraction, a ``Z`` or an offset. Without
        either it is UTC. A leap second, ``:60``, is the second after it, as in POSIX.
    system
        FITS time system (TIMESYS) of a text without an offset. TAI, TT, TDB, TCG and TCB
        are converted with astropy's leap seconds.

    Returns
    -------
    datetime or None
        To the millisecond, which is what a document keeps. None for text that is not of
        the form, a day alone, an impossible day, a year outside 2..9998, an unknown system.

    Examples
    --------
    >>> parse_instant('2023-12-31T01:43:11')
    datetime.datetime(2023, 12, 31, 1, 43, 11, tzinfo=datetime.timezone.utc)
    """
    found = _INSTANT.fullmatch(text.strip())
    if found is None:
        return None
    second = int(found["second"])
    offset = _offset(found["zone"])
    day = parse_day(found["day"])
    if day is None or second > 60 or offset is None:
        return None
    try:
        clock = time(int(found["hour"]), int(found["minute"]), min(second, 59))
    except ValueError:
        return None
    milliseconds = int((found["fraction"] or "").ljust(3, "0")[:3])
    instant = datetime.combine(day, clock, tzinfo=UTC) - offset
    if found["zone"] is None and (converted := _to_utc(instant, system)) is not None:
        instant = converted
    elif found["zone"] is None:
        return None
    return instant + timedelta(seconds=second - min(second, 59), milliseconds=milliseconds)


def parse_day(text: str) -> date | None:
    """Read the calendar day ``YYYY-MM-DD`` at the start of a text, with or without a time after it."""
    found = re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?=$|[T ])", text.strip())
    if found is None:
        return None
    try:
        day = date.fromisoformat(found[0])
    except ValueError:
        return None
    return day if 2 <= day.year <= 9998 else None


def instant_of_mjd(days: float) -> datetime | None:
    """Return the instant of a modified Julian date in UTC, to the millisecond; None out of range."""
    if not math.isfinite(days) or not -670_000 < days < 2_900_000:
        return None
    return _MJD_EPOCH + timedelta(milliseconds=round(days * 86_400_000))


def night_of(instant: datetime, zone: str) -> date:
    """Return the night an instant belongs to: the day of the last local noon at or before it.

    Parameters
    ----------
    instant
        An aware datetime.
    zone
        IANA name of the site's zone, such as ``'America/Denver'``.

    Raises
    ------
    ValueError
        `instant` is naive, or the zone is not known.

    Examples
    --------
    >>> night_of(datetime(2023, 12, 31, 1, 43, 11, tzinfo=UTC), 'America/Denver').isoformat()
    '2023-12-30'
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone, so it names no instant; make it aware, in UTC")
    clock = site_zone(zone)
    local = instant.astimezone(clock)
    day = local.date() if local.hour >= 12 else local.date() - timedelta(days=1)
    while not _has_noon(day, clock):  # a zone that jumped over the date line: Samoa, 2011-12-30
        day -= timedelta(days=1)
    return day


def time_of_day(instant: datetime, zone: str) -> str:
    """Tell a flat's twilight by its clock: ``'morning'`` before local noon, else ``'evening'``."""
    return "morning" if instant.astimezone(site_zone(zone)).hour < 12 else "evening"


def site_zone(zone: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises
    ------
    ValueError
        There is no such zone, or this machine has no time zone data.
    """
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"no time zone {zone!r} on this machine; check the name, or install the time zone data: pip install tzdata"
        ) from error


def _has_noon(day: date, zone: ZoneInfo) -> bool:
    wall = datetime.combine(day, time(12), tzinfo=zone)
    return wall.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None)


def _offset(zone: str | None) -> timedelta | None:
    if zone is None or zone == "Z":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[3:].replace(":", "") or 0)
    if hours > 23 or minutes > 59:
        return None
    return (-1 if zone[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)


def _to_utc(instant: datetime, system: str) -> datetime | None:
    name = system.strip().upper()
    if name in _UTC_NAMES:
        return instant
    if name not in _CONVERTIBLE:
        return None
    import warnings

    from astropy.time import Time

    with warnings.catch_warnings():
        # Leap seconds of the far future and the far past are not known; the text is kept in the header.
        warnings.simplefilter("ignore")
        text = Time(instant.replace(tzinfo=None), scale=_CONVERTIBLE[name]).utc.isot
    return parse_instant(text)


def parse_night(text: object) -> date:
    """Read a night, ``YYYY-MM-DD``; anything else is a UsageError."""
    day = parse_day(text) if isinstance(text, str) and len(text) == 10 else None
    if day is None:
        raise UsageError(f"{str(text)!r:.60} is not a valid date; write a day of the calendar as YYYY-MM-DD")
    return day


def on(date: str | Sequence[str] | None) -> dict[str, Any]:
    """Return the condition for a night, several nights, or all.

    Raises
    ------
    UsageError
        What is given is not a valid date: no frame would be found, and nothing said.
    """
    if date is None:
        return {}
    nights = [date] if isinstance(date, str) else list(date)
    for night in nights:
        parse_night(night)
    return {"date": nights[0] if len(nights) == 1 else {"$in": nights}}
