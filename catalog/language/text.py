"""Computes with text: the string operators of expressions.

A position is that of a code point. Upper and lower case is of ASCII letters only, as on a server.
"""

from __future__ import annotations

from typing import Any

from bson import Code, Regex

from catalog.errors import InvalidQuery
from catalog.language.conversion import text_of
from catalog.language.functions import Operators, named, positional
from catalog.language.kinds import bson_type, is_number, nullish, numeric, whole_number
from catalog.language.patterns import compile_pattern
from catalog.limits import refused

__all__ = ["OPERATORS"]

OPERATORS: Operators = {}
_TO_THE_END = object()
_MOST_BYTES = 16 * 1024 * 1024  # of a text that is made; a document holds less
_BLANKS = "\0\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _string(name: str, value: Any, code: int) -> str:
    if not isinstance(value, str) or isinstance(value, Code):
        raise InvalidQuery(f"{name} requires a string, found: {bson_type(value)}", code)
    return value


def _coerced(name: str, value: Any) -> str:
    """Return a value as text where an operator takes more than text; null is empty."""
    if nullish(value):
        return ""
    if isinstance(value, Code):
        text = str(value) if value.scope is None else None
    elif isinstance(value, float):
        return f"{value:g}"  # six digits, unlike $toString
    else:
        text = text_of(value) if isinstance(value, str) or is_number(value) or bson_type(value) == "date" else None
    if text is None:
        if bson_type(value) in ("decimal", "timestamp"):
            raise refused("arguments of other types", f"operator {name}:")
        raise InvalidQuery(f"can't convert from BSON type {bson_type(value)} to String", 16007)
    return text


@positional(OPERATORS, "$concat", 0, None)
def concatenate(*values: Any) -> Any:
    """Compute ``$concat`` (manual: operator/aggregation/concat)."""
    if any(map(nullish, values)):
        position = next(place for place, value in enumerate(values) if nullish(value))
        values = values[:position]
        for value in values:
            _string("$concat", value, 16702)
        return None
    return _made("$concat", "".join(_string("$concat", value, 16702) for value in values))


def _made(name: str, text: str) -> str:
    """Return a text that was made, if a document can hold it."""
    if len(text) * 4 >= _MOST_BYTES and len(text.encode()) >= _MOST_BYTES:
        raise InvalidQuery(f"{name} produced a text of {_MOST_BYTES} bytes or more, the limit of a document", 16493)
    return text


@positional(OPERATORS, "$toUpper")
def upper(value: Any) -> str:
    """Compute ``$toUpper`` (manual: operator/aggregation/toUpper)."""
    return _coerced("$toUpper", value).translate(_UPPER)


@positional(OPERATORS, "$toLower")
def lower(value: Any) -> str:
    """Compute ``$toLower`` (manual: operator/aggregation/toLower)."""
    return _coerced("$toLower", value).translate(_LOWER)


@positional(OPERATORS, "$strLenCP")
def length(value: Any) -> int:
    """Compute ``$strLenCP`` (manual: operator/aggregation/strLenCP)."""
    return len(_string("$strLenCP", value, 34471))


@positional(OPERATORS, "$substrCP", 3)
def substring(value: Any, start: Any, count: Any) -> str:
    """Compute ``$substrCP`` (manual: operator/aggregation/substrCP)."""
    text = _coerced("$substrCP", value)
    first = whole_number("$substrCP: starting index", numeric("$substrCP", start, 34450), 34451)
    size = whole_number("$substrCP: length", numeric("$substrCP", count, 34452), 34453)
    if size < 0:
        raise InvalidQuery("$substrCP: length must be a nonnegative integer.", 34454)
    if first < 0:
        raise InvalidQuery("$substrCP: the starting index must be nonnegative integer.", 34455)
    return text[first : first + size]


@positional(OPERATORS, "$indexOfCP", 2, 4)
def index_of(value: Any, part: Any, start: Any = 0, end: Any = _TO_THE_END) -> Any:
    """Compute ``$indexOfCP`` (manual: operator/aggregation/indexOfCP)."""
    if nullish(value):
        return None
    text, wanted = _string("$indexOfCP", value, 40093), _string("$indexOfCP", part, 40094)
    first = _bound(start)
    last = len(text) if end is _TO_THE_END else min(_bound(end), len(text))
    if not text and not wanted and first == 0:
        return 0
    place = text.find(wanted, first)  # it is enough to begin before the end
    return place if place < last else -1


def _bound(value: Any) -> int:
    number = whole_number("$indexOfCP index", value, 40096)
    if number < 0:
        raise InvalidQuery(f"$indexOfCP requires a nonnegative index, found: {number}", 40097)
    return number


@positional(OPERATORS, "$split", 2, null=True)
def split(value: Any, separator: Any) -> list[str]:
    """Compute ``$split`` (manual: operator/aggregation/split)."""
    text = _string("$split", value, 40085)
    if isinstance(separator, Regex):
        raise refused("arguments of other types", "operator $split:")
    if not _string("$split", separator, 40086):
        raise InvalidQuery("$split requires a non-empty separator", 40087)
    return text.split(separator)


@named(OPERATORS, "$trim", needs=("input",), takes=("chars",), codes=(50696, 50694, 50695))
def trim(name: str, values: dict[str, Any]) -> Any:
    """Compute ``$trim`` (manual: operator/aggregation/trim)."""
    if nullish(values["input"]):
        return None
    text, chars = _string(name, values["input"], 50699), values.get("chars", _BLANKS)
    if nullish(chars):
        return None
    return text.strip(_string(name, chars, 50700)) if chars else text


@named(OPERATORS, "$replaceOne", "$replaceAll", needs=("input", "find", "replacement"), codes=(51751, 51750, 51749))
def replaced(name: str, values: dict[str, Any]) -> Any:
    """Compute ``$replaceOne`` (manual: operator/aggregation/replaceOne), and that of replaceAll."""
    for key, code in (("input", 51746), ("find", 51745), ("replacement", 51744)):
        if not nullish(values[key]):
            _string(f"{name} '{key}'", values[key], code)
    if any(map(nullish, values.values())):
        return None
    count = 1 if name == "$replaceOne" else -1
    return _made(name, str(values["input"]).replace(values["find"], values["replacement"], count))


@named(OPERATORS, "$regexMatch", needs=("input", "regex"), takes=("options",), codes=(51103, 31024, 31022))
def regex_match(name: str, values: dict[str, Any]) -> bool:
    """Compute ``$regexMatch`` (manual: operator/aggregation/regexMatch)."""
    text, regex, options = values["input"], values["regex"], values.get("options")
    if not nullish(text):
        _string(f"{name} needs 'input' to be of type string:", text, 51104)
    if not nullish(options):
        _string(f"{name} needs 'options' to be of type string:", options, 51106)
    if not nullish(regex) and not isinstance(regex, (str, Regex)):
        raise InvalidQuery(f"{name} needs 'regex' to be of type string or regex", 51105)
    if isinstance(regex, Regex) and regex.flags and not nullish(options):
        raise InvalidQuery(f"{name}: found regex option(s) specified in both 'regex' and 'option' fields", 51107)
    if nullish(regex):
        return False
    pattern = compile_pattern(regex, "" if nullish(options) else options)
    return not nullish(text) and pattern.matches(text)
