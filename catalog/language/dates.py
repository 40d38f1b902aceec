"""Computes with dates: the date operators of expressions. Instants are naive UTC, to the millisecond."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import Code

from catalog.errors import InvalidQuery, NotSupported
from catalog.language.functions import Compiler, Compute, Operators, Variables, called, named, special, told
from catalog.language.instants import from_zone, offset_of, read_iso, to_instant
from catalog.language.kinds import bson_type, is_number, nullish, numeric, whole_number
from catalog.language.values import Document
from catalog.limits import refused

__all__ = ["OPERATORS"]

OPERATORS: Operators = {}


def _clock(name: str, value: Any, timezone: Any = "UTC") -> datetime:
    """Return an instant as the clocks of a timezone show it."""
    date = to_instant(name, value)
    return _moved(name, date, lambda: date + offset_of(name, timezone, date))


def _moved(name: str, date: datetime, move: Callable[[], datetime]) -> datetime:
    try:
        return move()
    except (OverflowError, ValueError):
        raise NotSupported(
            f"{name} of {date} leaves the years 1 to 9999, which the embedded catalog does not; or use mongodb://", 238
        ) from None


# Parts of a date.


def _week(clock: datetime) -> int:
    """Return the week of the year, the first Sunday beginning week 1."""
    return (clock.timetuple().tm_yday + 6 - (clock.isoweekday() % 7)) // 7


_PARTS: dict[str, Callable[[datetime], int]] = {
    "$year": lambda clock: clock.year,
    "$month": lambda clock: clock.month,
    "$dayOfMonth": lambda clock: clock.day,
    "$dayOfYear": lambda clock: clock.timetuple().tm_yday,
    "$dayOfWeek": lambda clock: clock.isoweekday() % 7 + 1,
    "$week": _week,
    "$hour": lambda clock: clock.hour,
    "$minute": lambda clock: clock.minute,
    "$second": lambda clock: clock.second,
    "$millisecond": lambda clock: clock.microsecond // 1000,
}


@special(OPERATORS, *_PARTS)
def part(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$year`` (manual: operator/aggregation/year), and the page of each of the others."""
    read = _PARTS[name]
    if isinstance(given, list):
        if len(given) != 1:
            raise InvalidQuery(
                f"{name} accepts exactly one argument if given an array, but was given {len(given)}", 40536
            )
        given = given[0]
    if isinstance(given, Mapping) and not next(iter(given), "").startswith("$"):
        given = told(name, given, ("date",), ("timezone",), codes=(40535, 40535, 40539))
        arguments = [compiler(given["date"]), compiler(given.get("timezone", "UTC"))]
    else:
        arguments = [compiler(given), compiler("UTC")]

    def compute(date: Any, timezone: Any) -> Any:
        if nullish(timezone):
            return None
        return None if nullish(date) else read(_clock(name, date, timezone))

    return called(compute, arguments, null=False)


# Dates as text.

_FORMATS: dict[str, Callable[[datetime, timedelta], str]] = {
    "d": lambda clock, offset: f"{clock.day:02d}",
    "G": lambda clock, offset: f"{clock.isocalendar()[0]:04d}",
    "H": lambda clock, offset: f"{clock.hour:02d}",
    "j": lambda clock, offset: f"{clock.timetuple().tm_yday:03d}",
    "L": lambda clock, offset: f"{clock.microsecond // 1000:03d}",
    "m": lambda clock, offset: f"{clock.month:02d}",
    "M": lambda clock, offset: f"{clock.minute:02d}",
    "S": lambda clock, offset: f"{clock.second:02d}",
    "w": lambda clock, offset: f"{clock.isoweekday() % 7 + 1}",
    "u": lambda clock, offset: f"{clock.isoweekday()}",
    "U": lambda clock, offset: f"{_week(clock):02d}",
    "V": lambda clock, offset: f"{clock.isocalendar()[1]:02d}",
    "Y": lambda clock, offset: f"{clock.year:04d}",
    "z": lambda clock, offset: "{}{:02d}{:02d}".format(
        "-" if offset < timedelta() else "+", *divmod(_minutes(offset), 60)
    ),
    "Z": lambda clock, offset: f"{'-' if offset < timedelta() else ''}{_minutes(offset)}",
    "b": lambda clock, offset: calendar.month_abbr[clock.month],
    "B": lambda clock, offset: calendar.month_name[clock.month],
    "%": lambda clock, offset: "%",
}
_PLACE = re.compile(r"%(.?)", re.DOTALL)


def _minutes(offset: timedelta) -> int:
    return abs(offset) // timedelta(minutes=1)


def _check_format(text: Any) -> None:
    if not isinstance(text, str) or isinstance(text, Code):
        raise InvalidQuery(f"$dateToString requires that 'format' be a string, found: {bson_type(text)}", 18533)
    for found in _PLACE.finditer(text):
        if not found[1]:
            raise InvalidQuery("Unmatched '%' at end of format string", 18535)
        if found[1] not in _FORMATS:
            raise InvalidQuery(f"Invalid format character '%{found[1]}' in format string", 18536)


@special(OPERATORS, "$dateToString")
def to_text(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$dateToString`` (manual: operator/aggregation/dateToString)."""
    given = told(name, given, ("date",), ("format", "timezone", "onNull"), codes=(18629, 18534, 18628))
    if isinstance(given.get("format"), str) and not given["format"].startswith("$"):
        _check_format(given["format"])
    fields = {key: compiler(value) for key, value in given.items()}

    def compute(document: Document, variables: Variables) -> Any:
        values = {key: field(document, variables) for key, field in fields.items() if key != "onNull"}
        date, timezone = values["date"], values.get("timezone", "UTC")
        if nullish(date):
            return fields["onNull"](document, variables) if "onNull" in fields else None
        if nullish(timezone) or ("format" in values and nullish(values["format"])):
            return None
        clock = to_instant(name, date)
        offset = offset_of(name, timezone, clock)
        zulu = "Z" if timezone in ("UTC", "Z", "GMT") else ""
        pattern = values.get("format", f"%Y-%m-%dT%H:%M:%S.%L{zulu}")
        _check_format(pattern)
        clock = _moved(name, clock, lambda: clock + offset)
        return _PLACE.sub(lambda found: _FORMATS[found[1]](clock, offset), pattern)

    return compute


@special(OPERATORS, "$dateFromString")
def from_text(name: str, given: Any, compiler: Compiler) -> Compute:
    """Compute ``$dateFromString`` (manual: operator/aggregation/dateFromString)."""
    takes = ("format", "timezone", "onNull", "onError")
    given = told(name, given, ("dateString",), takes, codes=(40540, 40541, 40542))
    fields = {key: compiler(value) for key, value in given.items()}

    def compute(document: Document, variables: Variables) -> Any:
        text = fields["dateString"](document, variables)
        timezone = fields["timezone"](document, variables) if "timezone" in fields else None
        if nullish(text) and "onNull" in fields:
            return fields["onNull"](document, variables)
        if nullish(text) or ("timezone" in fields and nullish(timezone)):
            return None
        try:
            if not isinstance(text, str):
                raise InvalidQuery(
                    f"$dateFromString requires that 'dateString' be a string, found: {bson_type(text)}", 241
                )
            return read_iso(name, text, timezone)
        except InvalidQuery as error:
            if isinstance(error, NotSupported) or error.code != 241 or "onError" not in fields:
                raise
            return fields["onError"](document, variables)

    return compute


# Dates from parts, and moved.

_LIMITS = {"hour": 0, "minute": 0, "second": 0, "millisecond": 0, "month": 1, "day": 1}


@named(
    OPERATORS,
    "$dateFromParts",
    needs=("year",),
    takes=(*_LIMITS, "timezone", "isoWeekYear", "isoWeek", "isoDayOfWeek"),
    codes=(40519, 40518, 40516),
)
def from_parts(name: str, values: dict[str, Any]) -> Any:
    """Compute ``$dateFromParts`` (manual: operator/aggregation/dateFromParts)."""
    if any(map(nullish, values.values())):
        return None
    timezone = values.get("timezone", "UTC")
    year = whole_number("'year' of $dateFromParts", values["year"], 40515, bits=64)
    if not 1 <= year <= 9999:
        raise InvalidQuery(f"'year' must evaluate to an integer in the range 1 to 9999, found {year}", 40523)
    parts = {}
    for key, default in _LIMITS.items():
        parts[key] = whole_number(f"'{key}' of $dateFromParts", values.get(key, default), 40515, bits=64)
        if key not in ("second", "millisecond") and not -32768 <= parts[key] <= 32767:
            raise InvalidQuery(f"'{key}' must evaluate to a value in the range [-32768, 32767]", 31034)
    years, month = divmod(parts.pop("month") - 1, 12)
    parts["days"] = parts.pop("day") - 1
    start = datetime(year, 1, 1)  # noqa: DTZ001 - naive UTC

    def move() -> datetime:
        shift = timedelta(**{key if key == "days" else f"{key}s": number for key, number in parts.items()})
        return from_zone(name, start.replace(year=year + years, month=month + 1) + shift, timezone)

    return _moved(name, start, move)


_LENGTHS = {"week": timedelta(weeks=1), "day": timedelta(days=1), "hour": timedelta(hours=1),
            "minute": timedelta(minutes=1), "second": timedelta(seconds=1),
            "millisecond": timedelta(milliseconds=1)}  # fmt: skip
_MONTHS = {"year": 12, "quarter": 3, "month": 1}


def _unit(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidQuery(f"{name} requires 'unit' to be a string, but got {bson_type(value)}", 5439013)
    if value not in _LENGTHS and value not in _MONTHS:
        raise InvalidQuery(f"{name} parameter 'unit' value cannot be recognized as a time unit: {value}", 9)
    return value


def _later(clock: datetime, unit: str, amount: int) -> datetime:
    if unit not in _MONTHS:
        return clock + _LENGTHS[unit] * amount
    years, month = divmod(clock.month - 1 + amount * _MONTHS[unit], 12)
    year = clock.year + years
    day = min(clock.day, calendar.monthrange(year, month + 1)[1])
    return clock.replace(year=year, month=month + 1, day=day)


@named(
    OPERATORS,
    "$dateAdd",
    "$dateSubtract",
    needs=("startDate", "unit", "amount"),
    takes=("timezone",),
    codes=(5166400, 5166401, 5166402),
)
def moved(name: str, values: dict[str, Any]) -> Any:
    """Compute ``$dateAdd`` (manual: operator/aggregation/dateAdd), and that of dateSubtract."""
    if any(map(nullish, values.values())):
        return None
    unit = _unit(name, values["unit"])
    date = to_instant(name, values["startDate"], 5166403)
    amount = values["amount"]
    if not is_number(amount):
        numeric(name, amount, 5166405)
    amount = whole_number(f"{name} amount", amount, 5166405, bits=64)
    if name == "$dateSubtract":
        amount = -amount
    timezone = values.get("timezone", "UTC")
    if unit in ("hour", "minute", "second", "millisecond"):
        offset_of(name, timezone, date)
        return _moved(name, date, lambda: _later(date, unit, amount))
    return _moved(name, date, lambda: from_zone(name, _later(_clock(name, date, timezone), unit, amount), timezone))


_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@named(
    OPERATORS,
    "$dateTrunc",
    needs=("date", "unit"),
    takes=("binSize", "timezone", "startOfWeek"),
    codes=(5439007, 5439008, 5439009),
)
def truncated(name: str, values: dict[str, Any]) -> Any:
    """Compute ``$dateTrunc`` (manual: operator/aggregation/dateTrunc)."""
    unit, first = values["unit"], values.get("startOfWeek", "sunday")
    if unit != "week" and "startOfWeek" in values:
        raise refused("$dateTrunc.startOfWeek", "argument")  # a server heeds it if it is null, or not: it depends
    if any(map(nullish, values.values())):
        return None
    unit, timezone = _unit(name, unit), values.get("timezone", "UTC")
    date = to_instant(name, values["date"], 5439012)
    clock = _clock(name, date, timezone)
    midnight = clock.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in _MONTHS:
        start = midnight.replace(month=(clock.month - 1) // _MONTHS[unit] * _MONTHS[unit] + 1, day=1)
    elif unit == "week":
        if not isinstance(first, str):
            raise InvalidQuery(f"{name} requires 'startOfWeek' to be a string, but got {bson_type(first)}", 5439015)
        day = next((place for place, day in enumerate(_DAYS) if first.lower() in (day, day[:3])), None)
        if day is None:
            raise InvalidQuery(f"{name} parameter 'startOfWeek' cannot be recognized as a day: {first}", 9)
        start = _moved(name, date, lambda: midnight - timedelta(days=(clock.weekday() - day) % 7))
    elif unit == "day":
        start = midnight
    else:
        # Counted from midnight of the instant's own offset, so that hours around a change of clocks stay apart.
        return date - (clock - midnight) % _LENGTHS[unit]
    return _moved(name, date, lambda: from_zone(name, start, timezone))
