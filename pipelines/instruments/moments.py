"""Moments: the instant of an exposure from whatever a header says of day and time, and whether to doubt it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from pipelines.instruments.dialects import times as tables
from pipelines.instruments.lookup import Found, Headers
from pipelines.instruments.nights import instant_of_mjd, parse_day, parse_instant
from pipelines.instruments.values import number

__all__ = ["Moment", "read_day", "read_middle", "read_moment"]

AGREE = timedelta(minutes=30)
"""DATE-OBS and MJD-OBS may mean begin, middle or end of an exposure; a difference of hours is another clock."""

_LOOSE_DAY = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?=$|[T ,])")
_COMPACT_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?=$|[T ])")
_OLD_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{2}|[0-9]{4})(?=$|[T ,])")
_LOOSE_TIME = re.compile(
    r"([0-9]{1,2})[:h ]\s*([0-9]{1,2})(?:[:m ]\s*([0-9]{1,2})(?:\.([0-9]*))?)?\s*s?(Z|[+-][0-9]{2}:?[0-9]{2}|UTC?)?"
)
_JD_OF_MJD = 2_400_000.5


@dataclass(frozen=True, slots=True)
class Moment:
    """When an exposure began, as far as a header says.

    Attributes
    ----------
    instant, day
        Aware UTC; the day alone where there is no time.
    source
        Keywords and HDU.
    flags
        ``date-missing``, ``date-unreadable``, ``time-unreadable``, ``time-doubtful``.
    doubt
        Where the time is doubtful: each source and what it says.
    """

    instant: datetime | None = None
    day: date | None = None
    source: str | None = None
    flags: tuple[str, ...] = ()
    doubt: dict[str, str] = field(default_factory=dict)


def read_moment(headers: Headers, longitude: float | None = None) -> Moment:
    """Read when an exposure began: a day with a time, day and time apart, a Julian date.

    Parameters
    ----------
    longitude
        Of the site, degrees east, by which local time beside it is compared.
    """
    system_found = headers.find((tables.SYSTEM,))
    system = str(system_found.value) if system_found is not None else "UTC"
    local = system.strip().upper() in ("LOCAL", "LT", "LST")
    days = list(headers.each(tables.DAYS))
    readings = _readings(headers, days, "UTC" if local else system)
    readings += [
        (f"{found.key.name}@{found.hdu}", instant)
        for found in [*headers.each(tables.MJD), *headers.each(tables.JD)]
        if (instant := _of_days(found)) is not None
    ]
    if not readings:
        return _without_time(headers, days)
    source, instant = readings[0]
    doubt: dict[str, str] = {}
    for other, seen in readings[1:]:
        if not other.startswith(("DATE-AVG", "MJD-AVG")) and abs(seen - instant) > AGREE:
            doubt |= {source: _said(instant), other: _said(seen)}
            break
    if local:
        doubt |= {source: f"{_said(instant)} local", "TIMESYS": system}
        if longitude is None:
            return Moment(None, instant.date(), source, ("time-doubtful",), doubt)
        instant -= timedelta(hours=longitude / 15)
    doubt |= _impossible(source, instant) | _local(headers, source, instant, longitude)
    if doubt and _is_absurd(instant) and (sane := next((r for r in readings if not _is_absurd(r[1])), None)):
        source, instant = sane
    return Moment(instant, instant.date(), source, ("time-doubtful",) if doubt else (), doubt)


def _readings(headers: Headers, days: list[Found], system: str) -> list[tuple[str, datetime]]:
    """Return each instant that the days of a header make, alone or with a time of day, in order of preference."""
    found_instants = []
    clocks = None
    for found in days:
        text = str(found.value)
        instant = read_instant(text, system)
        if instant is None and read_day(text) is not None:
            clocks = list(headers.each(tables.CLOCKS)) if clocks is None else clocks
            for clock in clocks:
                instant = _joined(text, clock, system)
                if instant is not None:
                    found_instants.append((f"{found.key.name}+{clock.key.name}@{found.hdu}", instant))
                    break
        elif instant is not None:
            found_instants.append((found.source, instant))
    return found_instants


def _without_time(headers: Headers, days: list[Found]) -> Moment:
    for found in days:
        day = read_day(str(found.value))
        if day is not None:
            return Moment(None, day, found.source, ("time-unreadable",))
    seen = headers.present(tables.DAYS[:4]) or headers.present(tables.MJD)
    return Moment(flags=("date-unreadable" if seen and (days or headers.find(tables.MJD)) else "date-missing",))


def read_instant(text: str, system: str = "UTC") -> datetime | None:
    """Read day and time in one text, in the standard's form or another that is met; None without either.

    Examples
    --------
    >>> read_instant("2013-04-05 T03:02:01").isoformat(), read_instant("31/12/98 23:59:01").isoformat()
    ('2013-04-05T03:02:01+00:00', '1998-12-31T23:59:01+00:00')
    """
    if not text.lstrip()[:1].isdigit():
        return None  # a name, as most texts that are asked
    exact = parse_instant(text, system=system)
    if exact is not None:
        return exact
    for pattern in (_LOOSE_DAY, _COMPACT_DAY, _OLD_DAY):
        found = pattern.match(text.strip())
        if found is not None:
            day = read_day(found[0])
            clock = _clock(text.strip()[found.end() :].strip(" T,"))
            return None if day is None or clock is None else parse_instant(f"{day.isoformat()}T{clock}", system=system)
    return None


def read_day(text: str) -> date | None:
    """Read the day at the start of a text: YYYY-MM-DD, YYYY/MM/DD, YYYYMMDD, DD/MM/YY (the standard's before 2000).

    Examples
    --------
    >>> read_day("20240220"), read_day("05/03/97")
    (datetime.date(2024, 2, 20), datetime.date(1997, 3, 5))
    """
    text = text.strip()
    exact = parse_day(text)
    if exact is not None:
        return exact
    if (found := _LOOSE_DAY.match(text) or _COMPACT_DAY.match(text)) is not None:
        year, month, day = (int(part) for part in found.groups())
    elif (found := _OLD_DAY.match(text)) is not None:
        day, month, year = (int(part) for part in found.groups())
        year += 1900 if year < 100 else 0
    else:
        return None
    try:
        made = date(year, month, day)
    except ValueError:
        return None
    return made if 2 <= made.year <= 9998 else None


def read_middle(headers: Headers, start: datetime | None, exptime: float | None) -> tuple[datetime, str] | None:
    """Return the middle of an exposure and its source: half the exposure after its start where nothing says."""
    for found in headers.each(tables.MIDDLE):
        instant = read_instant(str(found.value)) if isinstance(found.value, str) else None
        if instant is not None and (start is None or abs(instant - start) < timedelta(days=1)):
            return instant, found.source
    for found in headers.each(tables.MIDDLE_MJD):
        instant = _of_days(found)
        if instant is not None and (start is None or abs(instant - start) < timedelta(days=1)):
            return instant, found.source
    if start is None or exptime is None or not 0 <= exptime < 1e6:
        return None
    return start + timedelta(milliseconds=round(exptime * 500)), "start and exptime"


def _clock(text: str) -> str | None:
    """Return a time of day as hh:mm:ss[.fff][zone]."""
    found = _LOOSE_TIME.fullmatch(text.strip())
    if found is None:
        return None
    hour, minute, second, fraction, zone = found.groups()
    whole = f"{int(hour):02}:{int(minute):02}:{int(second or 0):02}" + (f".{fraction}" if fraction else "")
    return whole + (zone if zone and not zone.startswith("UT") else "")


def _joined(day_text: str, clock: Found, system: str) -> datetime | None:
    day = read_day(day_text)
    if day is None:
        return None
    if isinstance(clock.value, str):
        time = _clock(clock.value)
        if time is not None:
            return parse_instant(f"{day.isoformat()}T{time}", system=system)
        if (whole := read_instant(clock.value, system)) is not None and abs(whole.date() - day) <= timedelta(days=1):
            return whole
    hours = number(clock.value)
    if hours is None:
        return None
    if clock.key.unit == "s":
        hours /= 3600
    if not 0 <= hours < 24:
        return None
    start = parse_instant(f"{day.isoformat()}T00:00:00", system=system)
    return None if start is None else start + timedelta(milliseconds=round(hours * 3_600_000))


def _of_days(found: Found) -> datetime | None:
    """Return the instant of a Julian date, whole or modified, under either kind of keyword."""
    days = number(found.value)
    if days is None or days <= 0:
        return None
    if found.key in tables.JD:
        days -= _JD_OF_MJD
    return instant_of_mjd(days) if days > 0 else None


def _is_absurd(instant: datetime) -> bool:
    return (
        instant > datetime.now(UTC) + timedelta(days=2)
        or instant.timetuple()[:3] in tables.NO_DATES
        or instant.year < 1850
    )


def _impossible(source: str, instant: datetime) -> dict[str, str]:
    """Return what to doubt in a time at which no frame can have been taken: to come, or a clock never set."""
    return {source: _said(instant)} if _is_absurd(instant) else {}


def _local(headers: Headers, source: str, instant: datetime, longitude: float | None) -> dict[str, str]:
    """Return what to doubt where local time beside it is the same: one of the two is not what it is called."""
    for found in headers.each(tables.LOCAL):
        local = read_instant(str(found.value)) if isinstance(found.value, str) else None
        if local is None:
            continue
        expected = None if longitude is None else longitude / 15
        offset = (local - instant) / timedelta(hours=1)
        # Zones reach two or three hours from the sun, one more in summer.
        if expected is not None and abs((offset - expected + 12) % 24 - 12) > 3.5:
            return {source: _said(instant), found.source: _said(local)}
    return {}


def _said(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat(timespec="seconds")
