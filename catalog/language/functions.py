"""Holds the operators that are functions of their arguments, and what each takes.

What the engine lacks, or has wrong for common arguments, is computed or mended here where a line or two do it.
"""

# ruff: noqa: A002, A006 - the arguments of an operator have the names it gives them
from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bson import Int64

from catalog.errors import InvalidQuery, NotSupported
from catalog.language.borrowed import EXACT, Function, Odd, literal, literals
from catalog.language.kinds import NUMBER_TYPES, bson_type, nullish, truthy, whole
from catalog.language.matching import compile_regex
from catalog.language.values import MISSING, encode_key

__all__ = ["FUNCTIONS"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants inside the engine are naive UTC
_MILLISECOND = timedelta(milliseconds=1)
_BLANKS = "\0\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))


def _object(**arguments: Any) -> Any:
    return {name: literal(value) for name, value in arguments.items()}


def _as_double(answer: Any, value: Any, *_: Any) -> Any:
    """Return a rounded double as a double, minus zero too."""
    return math.copysign(float(answer), value) if isinstance(value, float) else answer


def _as_integer(answer: float, *values: Any) -> Any:
    """Return what integers make as an integer, where the engine has a double."""
    if any(isinstance(value, float) for value in values) or not answer.is_integer():
        return answer
    if abs(answer) > EXACT:
        raise Odd("of integers beyond 2^53")
    return whole(int(answer))


def _ranged(name: str, bits: int) -> Callable[..., Any]:
    def settle(answer: Any, value: Any) -> Any:
        if isinstance(answer, float) or not -(1 << (bits - 1)) <= answer < 1 << (bits - 1):
            raise InvalidQuery(f"Conversion would overflow target type in {name}: {value}", 241)
        return int(answer) if bits == 32 else Int64(answer)

    return settle


def _add(*values: Any) -> Any:
    dates = [value for value in values if isinstance(value, datetime)]
    numbers = [value for value in values if not isinstance(value, datetime)]
    if len(dates) > 1:
        raise InvalidQuery("only one date allowed in an $add expression", 16612)
    if dates:
        return dates[0] + timedelta(milliseconds=round(sum(numbers)))
    if not any(isinstance(value, float) for value in numbers):
        return whole(sum(numbers))
    return math.fsum(numbers) if all(map(math.isfinite, numbers)) else float(sum(numbers))


def _difference(left: Any, right: Any) -> Any:
    if isinstance(left, datetime) and isinstance(right, float) and not right.is_integer():
        raise Odd("of a date and a fraction of a millisecond")
    return literals(left, right)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _milliseconds(value: Any) -> Any:
    return literal((value - _EPOCH) // _MILLISECOND if isinstance(value, datetime) else value)


def _local(date: datetime, timezone: str = "UTC") -> datetime:
    """Return an instant as the clock of a zone shows it."""
    try:
        return date.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    except (LookupError, ValueError, OSError):
        raise Odd(f"in the timezone {timezone!r}; name it as Europe/Paris") from None


def _date_to_string(parse: Callable[[Any], Any], given: Any) -> Any:
    """Compute ``$dateToString``, of which the engine lacks milliseconds, zones and what to give for null."""
    told = given if isinstance(given, Mapping) else {}
    if nullish(parse(told.get("date", "$$REMOVE"))) and "date" in told:
        return parse(told.get("onNull"))
    kept = {name: value for name, value in told.items() if name != "onNull"}
    return _DATE_TO_STRING(parse, {"date": None, "format": "%Y-%m-%dT%H:%M:%S.%LZ", "timezone": "UTC", **kept})


def _formatted(date: datetime, format: str, timezone: str) -> Any:
    thousandth = f"{date.microsecond // 1000:03d}"
    cut = re.sub(r"%(.)", lambda found: thousandth if found[1] == "L" else found[0], format)
    return _object(date=_local(date, timezone), format=cut)


_DATE_TO_STRING = Function(
    "$dateToString", ("a date", "a date format", "text"), ("date", "format", "timezone"), told=_formatted
)


def _date_from_string(parse: Callable[[Any], Any], given: Any) -> Any:
    """Compute ``$dateFromString``; what stands for null or an error is parsed only then."""
    told = given if isinstance(given, Mapping) else {}
    text = parse(told.get("dateString", "$$REMOVE"))
    if nullish(text) and "dateString" in told:
        return parse(told.get("onNull"))
    kept = {name: value for name, value in told.items() if name not in ("onNull", "onError")}
    try:
        return _DATE_FROM_STRING(parse, kept)
    except NotSupported:
        raise
    except InvalidQuery:
        if "onError" not in told:
            raise
        return parse(told["onError"])


_DATE_FROM_STRING = Function("$dateFromString", ("text",), ("dateString",), told=_object)


def _trimmed(input: str, chars: str = _BLANKS) -> Any:
    return _object(input=input, chars=chars)


def _found(input: str, regex: Any, options: str = "") -> Iterator[dict[str, Any]]:
    for match in compile_regex(regex, options).finditer(input):
        yield {"match": match[0], "idx": match.start(), "captures": list(match.groups())}


def _compared(test: Callable[[bytes, bytes], Any]) -> Callable[[Any, Any], Any]:
    """Compare as aggregation does, where the missing comes before null."""

    def compare(left: Any, right: Any) -> Any:
        keys = [b"\x02" if value is MISSING else encode_key(value) for value in (left, right)]
        return test(*keys)

    return compare


def _range(*bounds: Any) -> list[int]:
    numbers = range(*map(int, bounds))
    if len(numbers) > 1_000_000:
        raise InvalidQuery("$range would make more than a million numbers", 146)
    return list(numbers)


def _place(items: list[Any], wanted: Any) -> int:
    key = encode_key(wanted)
    return next((place for place, item in enumerate(items) if encode_key(item) == key), -1)


def _sliced(items: list[Any], *bounds: Any) -> Any:
    first, *count = map(int, bounds)
    # The engine counts a start before the first element from the end all the same.
    return literals(items, max(first, -len(items)) if count else first, *count)


_NUMBER, _SMALL, _TEXT, _ARRAY, _ANY = "a number", "a number below 2^53", "text", "an array", "anything"
_SET, _DATE, _COUNT = "an array of texts, numbers, dates or ids", "a date", "a whole number from 0"
_AMOUNT = (_DATE, _TEXT, "a whole number")

_TABLE = (
    # Numbers.
    Function("$abs", (_NUMBER,)),
    *(Function(name, ("a finite number",), settle=_as_double) for name in ("$ceil", "$floor", "$trunc")),
    Function("$round", ("a finite number", "a whole number"), least=1, settle=_as_double),
    *(Function(name, (_NUMBER,)) for name in ("$sqrt", "$ln", "$log10")),
    Function("$exp", (_NUMBER,), failure=NotSupported),
    Function("$log", (_NUMBER, _NUMBER)),
    Function("$add", ("a number or a date",), repeats=True, own=_add),
    Function("$subtract", ("a number or a date", "a number or a date"), told=_difference),
    Function("$multiply", (_NUMBER,), repeats=True),
    Function("$divide", (_NUMBER, _NUMBER)),
    Function("$mod", (_SMALL, _SMALL), settle=_as_integer),
    Function("$pow", (_SMALL, _SMALL), settle=_as_integer, failure=NotSupported),
    # Comparison and types.
    Function("$eq", (_ANY, _ANY), nullable=0, own=_compared(lambda a, b: a == b)),
    Function("$ne", (_ANY, _ANY), nullable=0, own=_compared(lambda a, b: a != b)),
    Function("$gt", (_ANY, _ANY), nullable=0, own=_compared(lambda a, b: a > b)),
    Function("$gte", (_ANY, _ANY), nullable=0, own=_compared(lambda a, b: a >= b)),
    Function("$lt", (_ANY, _ANY), nullable=0, own=_compared(lambda a, b: a < b)),
    Function("$lte", (_ANY, _ANY), nullable=0, own=_compared(lambda a, b: a <= b)),
    Function("$cmp", (_ANY, _ANY), nullable=0, own=_compared(lambda a, b: (a > b) - (a < b))),
    Function("$type", (_ANY,), nullable=0, own=bson_type),
    Function("$isNumber", (_ANY,), nullable=0, own=lambda value: bson_type(value) in NUMBER_TYPES),
    Function("$isArray", (_ANY,), nullable=0),
    Function("$toInt", ("a finite number, a bool or digits",), settle=_ranged("$toInt", 32)),
    Function("$toLong", ("a finite number, a bool, a date or digits",), told=_milliseconds,
             settle=_ranged("$toLong", 64)),
    Function("$toDouble", ("a number, a bool, a date or a number as text",), told=_milliseconds,
             settle=lambda answer, _: float(answer)),
    Function("$toBool", (_ANY,), nullable=0, own=lambda value: None if nullish(value) else truthy(value)),
    Function("$toDate", ("a date, text, an ObjectId or a whole long or double",)),
    Function("$toObjectId", ("text or an ObjectId",)),
    Function("$toString", ("text, a number, a bool, a date or an ObjectId",), own=_as_text),
    # Text.
    Function("$concat", (_TEXT,), repeats=True),
    *(Function(name, ("ASCII text or an integer",), null="") for name in ("$toUpper", "$toLower")),
    Function("$strcasecmp", ("ASCII text", "ASCII text"), nullable=0,
             told=lambda *texts: literals(*(text.upper() for text in texts))),
    *(Function(name, ("ASCII text", _COUNT, _COUNT), null="", nullable=1, engine="$substr")
      for name in ("$substr", "$substrBytes")),
    Function("$substrCP", (_TEXT, _COUNT, _COUNT), null="", nullable=1, engine="$substr"),
    Function("$strLenCP", (_TEXT,), nullable=0, own=len),
    Function("$strLenBytes", (_TEXT,), nullable=0, own=lambda text: len(text.encode())),
    Function("$indexOfCP", (_TEXT, _TEXT), nullable=1, own=str.find),
    Function("$split", (_TEXT, _TEXT)),
    *(Function(name, (_TEXT, "text that is not empty"), ("input", "chars"), least=1, told=_trimmed)
      for name in ("$trim", "$ltrim", "$rtrim")),
    Function("$replaceOne", (_TEXT,) * 3, ("input", "find", "replacement"),
             own=lambda input, find, replacement: input.replace(find, replacement, 1)),
    Function("$replaceAll", (_TEXT,) * 3, ("input", "find", "replacement"),
             own=lambda input, find, replacement: input.replace(find, replacement)),
    Function("$regexMatch", (_TEXT, "a pattern", _TEXT), ("input", "regex", "options"), least=2, null=False,
             own=lambda **told: next(_found(**told), None) is not None),
    Function("$regexFind", (_TEXT, "a pattern", _TEXT), ("input", "regex", "options"), least=2,
             own=lambda **told: next(_found(**told), None)),
    Function("$regexFindAll", (_TEXT, "a pattern", _TEXT), ("input", "regex", "options"), least=2,
             null=[], own=lambda **told: list(_found(**told))),
    # Arrays, sets and objects.
    Function("$arrayElemAt", (_ARRAY, "a whole number")),
    Function("$first", (_ARRAY,), told=lambda items: literals(items, 0), engine="$arrayElemAt"),
    Function("$last", (_ARRAY,), told=lambda items: literals(items, -1), engine="$arrayElemAt"),
    Function("$size", (_ARRAY,), nullable=0),
    Function("$slice", (_ARRAY, "a whole number", "a whole number"), least=2, told=_sliced),
    Function("$concatArrays", (_ARRAY,), repeats=True),
    Function("$reverseArray", (_ARRAY,), own=lambda items: items[::-1]),
    Function("$range", ("a whole number",) * 3, least=2, nullable=0, own=_range),
    Function("$in", (_ANY, _ARRAY), nullable=0, own=lambda value, items: _place(items, value) >= 0),
    Function("$indexOfArray", (_ARRAY, _ANY), nullable=1, own=_place),
    *(Function(name, (_SET,), repeats=True)
      for name in ("$setUnion", "$setIntersection")),
    Function("$setDifference", (_SET, _SET)),
    Function("$setEquals", (_SET, _SET), nullable=0),
    Function("$setIsSubset", (_SET, _SET), nullable=0),
    *(Function(name, ("an array of bools, numbers and nulls",), nullable=0)
      for name in ("$anyElementTrue", "$allElementsTrue")),
    Function("$mergeObjects", ("an object or null",), repeats=True, nullable=0),
    Function("$objectToArray", ("an object",)),
    Function("$arrayToObject", (_ARRAY,)),
    # Dates.
    *(Function(name, (_DATE, _TEXT), ("date", "timezone"), least=1, alone=True,
               told=lambda **given: literal(_local(**given)))
      for name in ("$year", "$month", "$dayOfMonth", "$dayOfYear", "$dayOfWeek", "$week", "$hour", "$minute",
                   "$second", "$millisecond")),
    Function("$dateTrunc", (_DATE, _TEXT), ("date", "unit"), told=_object),
    *(Function(name, _AMOUNT, ("startDate", "unit", "amount"), failure=NotSupported, told=_object)
      for name in ("$dateAdd", "$dateSubtract")),
    Function("$dateFromParts", ("a whole number", *("a whole number above 0",) * 2, *(_COUNT,) * 3),
             ("year", "month", "day", "hour", "minute", "second"), least=1, told=_object, failure=NotSupported),
)  # fmt: skip
FUNCTIONS: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    **{function.name: function for function in _TABLE},
    "$dateToString": _date_to_string,
    "$dateFromString": _date_from_string,
}
