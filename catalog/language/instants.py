"""Reads and writes instants, and moves them between UTC and the clocks of a timezone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId, Timestamp
from bson.datetime_ms import DatetimeMS

from catalog.errors import InvalidQuery, NotSupported
from catalog.language.kinds import bson_type
from catalog.language.values import EPOCH
from catalog.limits import refused

__all__ = ["from_zone", "iso_text", "offset_of", "read_iso", "to_instant"]

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?", re.ASCII)
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? ?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)


def to_instant(name: str, value: Any, code: int = 16006) -> datetime:
    """Return the instant a date, a timestamp or an ObjectId stands for, naive UTC.

    Raises
    ------
    InvalidQuery
        With `code`, for another type.
    NotSupported
        For an instant beyond the years 1 to 9999.
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, ObjectId):
        return EPOCH + timedelta(seconds=int.from_bytes(value.binary[:4], "big", signed=True))
    if isinstance(value, Timestamp):
        return value.as_datetime().replace(tzinfo=None)
    if isinstance(value, DatetimeMS):
        raise refused("dates beyond the years 1 to 9999", f"operator {name}:")
    raise InvalidQuery(f"can't convert from BSON type {bson_type(value)} to Date in {name}", code)


def offset_of(name: str, timezone: Any, at: datetime) -> timedelta:
    """Return how far the clocks of a timezone are ahead of UTC at an instant.

    Raises
    ------
    InvalidQuery
        If there is no such timezone.
    """
    if not isinstance(timezone, str):
        raise InvalidQuery(f"timezone of {name} must evaluate to a string, found {bson_type(timezone)}", 40517)
    found = _OFFSET.fullmatch(timezone)
    if found:
        shift = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        return -shift if found[1] == "-" else shift
    return _zone(timezone).utcoffset(at.replace(tzinfo=UTC).astimezone(_zone(timezone))) or timedelta()


def from_zone(name: str, clock: datetime, timezone: Any) -> datetime:
    """Return the instant, naive UTC, at which the clocks of a timezone show a time."""
    if isinstance(timezone, str) and not _OFFSET.fullmatch(timezone):
        return clock.replace(tzinfo=_zone(timezone)).astimezone(UTC).replace(tzinfo=None)
    return clock - offset_of(name, timezone, clock)


@lru_cache(64)
def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (LookupError, ValueError, OSError):
        raise InvalidQuery(f'unrecognized time zone identifier: "{timezone}"', 40485) from None


def iso_text(value: datetime | DatetimeMS) -> str:
    """Return an instant as ``$toString`` writes it.

    >>> iso_text(datetime(2024, 2, 20, 1, 2, 3))
    '2024-02-20T01:02:03.000Z'
    """
    return f"{to_instant('$toString', value).isoformat(timespec='milliseconds')}Z"


def read_iso(name: str, text: str, timezone: Any = None) -> datetime:
    """Read a date as ISO 8601 has it; one without an offset is of `timezone`, by default UTC.

    Raises
    ------
    InvalidQuery
        If it is of that form and no date, with code 241.
    NotSupported
        If it is of another form: MongoDB reads many, and some of them by guessing.
    """
    found = _ISO.fullmatch(text)
    if not found:
        if not any(letter.isdigit() for letter in text):
            raise InvalidQuery(f"an incomplete date/time string has been found in {name}: {text!r:.60}", 241)
        raise NotSupported(
            f"the embedded catalog reads dates as 2024-02-20T01:02:03.456Z only, not {text!r:.60} in {name}; "
            "bring them into that form, or connect to a MongoDB server (mongodb://...)",
            238,
        )
    if found[1] == "0000":
        raise refused("dates beyond the years 1 to 9999", f"operator {name}:")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        clock = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - naive UTC
        clock += timedelta(milliseconds=int((found[7] or "0").ljust(3, "0")[:3]))
    except (ValueError, OverflowError) as error:
        raise InvalidQuery(f"Error parsing date string {text!r} in {name}: {error}", 241) from None
    zone = found[8]
    if zone is None:
        return clock if timezone is None else from_zone(name, clock, timezone)
    if timezone not in (None, "UTC", "GMT"):
        raise InvalidQuery(f"{name}: you cannot pass a date that names its time zone beside a timezone: {text!r}", 241)
    return clock if zone == "Z" else clock - offset_of(name, zone, clock)
