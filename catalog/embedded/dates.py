"""Computes the aggregation operators on instants, which are naive UTC within the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bson import Int64, ObjectId, Timestamp

from catalog.embedded.arithmetic import bson_type
from catalog.embedded.numeric import Operator, Scope, nullish
from catalog.errors import InvalidQuery

__all__ = ["DATE_OPERATORS"]

_SHORT = {
    "week": 7 * 86400_000,
    "day": 86400_000,
    "hour": 3600_000,
    "minute": 60_000,
    "second": 1000,
    "millisecond": 1,
}
_LONG = {"year": 12, "quarter": 3, "month": 1}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ZERO = datetime(2000, 1, 1)  # noqa: DTZ001 - where MongoDB counts bins from
_MILLISECOND = timedelta(milliseconds=1)


def _instant(name: str, value: Any) -> datetime:
    if isinstance(value, ObjectId):
        return value.generation_time.replace(tzinfo=None)
    if isinstance(value, Timestamp):
        return value.as_datetime().replace(tzinfo=None)
    if not isinstance(value, datetime):
        raise InvalidQuery(f"{name} can't convert from BSON type {bson_type(value)} to Date", 16006)
    return value


def _zone(name: str, value: Any) -> tzinfo:
    if not isinstance(value, str):
        raise InvalidQuery(f"{name} requires a string for the timezone argument", 40533)
    if value[:1] in "+-" and value[1:].replace(":", "").isdigit() and len(value.replace(":", "")) in (3, 5):
        digits = value[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(offset if value[0] == "+" else -offset)
    if value in ("UTC", "GMT", "Z"):
        return UTC
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidQuery(f"unrecognized time zone identifier: {value!r}", 40485) from None


def _part(name: str, take: Callable[[datetime], int]) -> Operator:
    """Make the operator that takes a part of an instant, as its zone's clock shows it."""

    def operator(scope: Scope, given: Any) -> Any:
        given = given[0] if isinstance(given, list) and len(given) == 1 else given
        zone: Any = "UTC"
        if isinstance(given, Mapping) and "date" in given:
            zone = scope.parse(given.get("timezone", "UTC"))
            given = given["date"]
        value = scope.parse(given)
        if nullish(value) or nullish(zone):
            return None
        return take(_instant(name, value).replace(tzinfo=UTC).astimezone(_zone(name, zone)))

    return operator


def _named(scope: Scope, name: str, given: Any, needed: tuple[str, ...], others: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not set(needed) <= set(given) <= {*needed, *others}:
        raise InvalidQuery(f"{name} takes {', '.join(needed)} and perhaps {', '.join(others)}", 40517)
    return {key: scope.parse(value) for key, value in given.items()}


def _to_string(scope: Scope, given: Any) -> Any:
    name = "$dateToString"
    told = _named(scope, name, given, ("date",), ("format", "timezone", "onNull"))
    if nullish(told["date"]):
        return told.get("onNull")
    zone, pattern = told.get("timezone", "UTC"), told.get("format", "%Y-%m-%dT%H:%M:%S.%LZ")
    if nullish(zone) or nullish(pattern):
        return None
    value = _instant(name, told["date"]).replace(tzinfo=UTC).astimezone(_zone(name, zone))
    parts, position = [], 0
    while position < len(pattern):
        if pattern[position] == "%":
            specifier = pattern[position + 1 : position + 2]
            if specifier not in _SPECIFIERS:
                raise InvalidQuery(f"Invalid format character '%{specifier}' in format string", 18536)
            parts.append(_SPECIFIERS[specifier](value))
            position += 2
        else:
            parts.append(pattern[position])
            position += 1
    return "".join(parts)


def _offset(value: datetime) -> int:
    return round((value.utcoffset() or timedelta()).total_seconds() / 60)


def _clock_offset(value: datetime) -> str:
    minutes = _offset(value)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


_SPECIFIERS: dict[str, Callable[[datetime], str]] = {
    "%": lambda value: "%",
    "Y": lambda value: f"{value.year:04d}",
    "m": lambda value: f"{value.month:02d}",
    "d": lambda value: f"{value.day:02d}",
    "H": lambda value: f"{value.hour:02d}",
    "M": lambda value: f"{value.minute:02d}",
    "S": lambda value: f"{value.second:02d}",
    "L": lambda value: f"{value.microsecond // 1000:03d}",
    "j": lambda value: f"{value.timetuple().tm_yday:03d}",
    "u": lambda value: str(value.isoweekday()),
    "w": lambda value: str(value.isoweekday() % 7 + 1),
    "U": lambda value: value.strftime("%U"),
    "V": lambda value: f"{value.isocalendar()[1]:02d}",
    "G": lambda value: f"{value.isocalendar()[0]:04d}",
    "z": _clock_offset,
    "Z": lambda value: str(_offset(value)),
}


def _to_date(scope: Scope, given: Any) -> Any:
    value = scope.parse(given[0] if isinstance(given, list) and len(given) == 1 else given)
    if nullish(value) or isinstance(value, datetime):
        return None if nullish(value) else value
    if isinstance(value, (ObjectId, Timestamp)):
        return _instant("$toDate", value)
    if isinstance(value, (float, Int64)) or (isinstance(value, int) and abs(value) >= 1 << 31):
        return datetime(1970, 1, 1) + timedelta(milliseconds=int(value))  # noqa: DTZ001
    if isinstance(value, str):
        return _read(value)
    raise InvalidQuery(f"Unsupported conversion from {bson_type(value)} to date", 241)


def _read(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidQuery(f"Error parsing date string '{text}'", 241) from None
    value = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _from_string(scope: Scope, given: Any) -> Any:
    name = "$dateFromString"
    told = _named(scope, name, given, ("dateString",), ("timezone", "onError", "onNull"))
    text = told["dateString"]
    if nullish(text):
        return told.get("onNull")
    try:
        if not isinstance(text, str):
            raise InvalidQuery(f"{name} requires that 'dateString' be a string", 241)
        value = _read(text)
    except InvalidQuery:
        if "onError" in told:
            return told["onError"]
        raise
    if "timezone" in told:
        return value.replace(tzinfo=_zone(name, told["timezone"])).astimezone(UTC).replace(tzinfo=None)
    return value


def _local(name: str, told: Mapping[str, Any], key: str) -> tuple[datetime, tzinfo]:
    zone = _zone(name, told.get("timezone", "UTC"))
    return _instant(name, told[key]).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None), zone


def _back(value: datetime, zone: tzinfo) -> datetime:
    return value.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def _unit(name: str, told: Mapping[str, Any]) -> str:
    unit = told["unit"]
    if unit not in _SHORT and unit not in _LONG:
        raise InvalidQuery(f"{name}: unknown time unit value: {unit!r}", 5439013)
    return str(unit)


def _first_day(name: str, told: Mapping[str, Any]) -> int:
    day = str(told.get("startOfWeek", "sunday")).lower()
    matching = [place for place, known in enumerate(_DAYS) if day in (known, known[:3])]
    if not matching:
        raise InvalidQuery(f"{name}: unknown day of week value: {day!r}", 5439015)
    return matching[0]


def _bins(value: datetime, unit: str, size: int, first_day: int) -> int:
    """Count the bins from the start of 2000 to the one an instant is in."""
    if unit in _LONG:
        return ((value.year - _ZERO.year) * 12 + value.month - 1) // (_LONG[unit] * size)
    zero = _ZERO + timedelta(days=(first_day - _ZERO.weekday()) % 7) if unit == "week" else _ZERO
    return (value - zero) // _MILLISECOND // (_SHORT[unit] * size)


def _trunc(scope: Scope, given: Any) -> Any:
    name = "$dateTrunc"
    told = _named(scope, name, given, ("date", "unit"), ("binSize", "timezone", "startOfWeek"))
    if any(nullish(value) for value in told.values()):
        return None
    unit, size, day = _unit(name, told), int(told.get("binSize", 1)), _first_day(name, told)
    if size < 1:
        raise InvalidQuery(f"{name} requires 'binSize' to be greater than 0", 5439018)
    value, zone = _local(name, told, "date")
    count = _bins(value, unit, size, day)
    if unit in _LONG:
        months = count * _LONG[unit] * size
        return _back(datetime(_ZERO.year + months // 12, months % 12 + 1, 1), zone)  # noqa: DTZ001
    zero = _ZERO + timedelta(days=(day - _ZERO.weekday()) % 7) if unit == "week" else _ZERO
    return _back(zero + count * _SHORT[unit] * size * _MILLISECOND, zone)


def _diff(scope: Scope, given: Any) -> Any:
    name = "$dateDiff"
    told = _named(scope, name, given, ("startDate", "endDate", "unit"), ("timezone", "startOfWeek"))
    if any(nullish(value) for value in told.values()):
        return None
    unit, day = _unit(name, told), _first_day(name, told)
    start, end = _local(name, told, "startDate")[0], _local(name, told, "endDate")[0]
    return Int64(_bins(end, unit, 1, day) - _bins(start, unit, 1, day))


DATE_OPERATORS: dict[str, Operator] = {
    "$year": _part("$year", lambda value: value.year),
    "$month": _part("$month", lambda value: value.month),
    "$dayOfMonth": _part("$dayOfMonth", lambda value: value.day),
    "$dayOfYear": _part("$dayOfYear", lambda value: value.timetuple().tm_yday),
    "$dayOfWeek": _part("$dayOfWeek", lambda value: value.isoweekday() % 7 + 1),
    "$isoDayOfWeek": _part("$isoDayOfWeek", lambda value: value.isoweekday()),
    "$isoWeek": _part("$isoWeek", lambda value: value.isocalendar()[1]),
    "$isoWeekYear": _part("$isoWeekYear", lambda value: value.isocalendar()[0]),
    "$week": _part("$week", lambda value: int(value.strftime("%U"))),
    "$hour": _part("$hour", lambda value: value.hour),
    "$minute": _part("$minute", lambda value: value.minute),
    "$second": _part("$second", lambda value: value.second),
    "$millisecond": _part("$millisecond", lambda value: value.microsecond // 1000),
    "$dateToString": _to_string,
    "$toDate": _to_date,
    "$dateFromString": _from_string,
    "$dateTrunc": _trunc,
    "$dateDiff": _diff,
}
