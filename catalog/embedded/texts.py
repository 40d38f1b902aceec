"""Computes the aggregation operators on text, arrays and objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import bson
from bson import Decimal128, ObjectId

from catalog.embedded.arithmetic import bson_type
from catalog.embedded.matching import compile_regex
from catalog.embedded.numeric import Operator, Scope, arguments, is_number, mean, nullish, numbers_of, truthy
from catalog.errors import InvalidQuery
from catalog.values import MISSING, encode_key

__all__ = ["TEXT_OPERATORS", "as_text"]


def _parsed(scope: Scope, name: str, given: Any, least: int, most: int | None = None) -> list[Any]:
    return [scope.parse(item) for item in arguments(name, given, least, most)]


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidQuery(f"{name} needs text, not {bson_type(value)}", 16702)
    return value


def _index(name: str, value: Any) -> int:
    if not is_number(value) or value != int(value):
        raise InvalidQuery(f"{name} needs a whole number, not {value!r}", 40096)
    return int(value)


def _items(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidQuery(f"The argument to {name} must be an array, but was of type: {bson_type(value)}", 17124)
    return value


def as_text(value: Any) -> str:
    """Give a value as text, as string operators and ``$toString`` do.

    Raises
    ------
    InvalidQuery
        If its type cannot be turned into text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    if isinstance(value, (int, ObjectId, Decimal128)):
        return str(value)
    if isinstance(value, float):
        return _double(value)
    raise InvalidQuery(f"Unsupported conversion from {bson_type(value)} to string", 241)


def _double(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    return text.removesuffix(".0")


def _to_string(scope: Scope, given: Any) -> Any:
    value = _parsed(scope, "$toString", given, 1)[0]
    return None if nullish(value) else as_text(value)


def _cased(name: str, change: Callable[[str], str]) -> Operator:
    """Change the case of ASCII letters only, as MongoDB does."""

    def operator(scope: Scope, given: Any) -> str:
        value = _parsed(scope, name, given, 1)[0]
        if isinstance(value, (bool, ObjectId)):
            raise InvalidQuery(f"can't convert from BSON type {bson_type(value)} to String in {name}", 16007)
        return "" if nullish(value) else "".join(change(c) if c.isascii() else c for c in as_text(value))

    return operator


def _concat(scope: Scope, given: Any) -> Any:
    parts = [scope.parse(item) for item in (given if isinstance(given, list) else [given])]
    if any(nullish(part) for part in parts):
        return None
    return "".join(_string("$concat", part) for part in parts)


def _compare_cased(scope: Scope, given: Any) -> int:
    left, right = (("" if nullish(v) else as_text(v)).upper() for v in _parsed(scope, "$strcasecmp", given, 2))
    return (left > right) - (left < right)


def _substring_points(scope: Scope, given: Any) -> str:
    value, start, length = _parsed(scope, "$substrCP", given, 3)
    text, first, count = (
        "" if nullish(value) else as_text(value),
        _index("$substrCP", start),
        _index("$substrCP", length),
    )
    if first < 0 or count < 0:
        raise InvalidQuery("$substrCP: start and length must not be negative", 34454)
    return text[first : first + count]


def _substring_bytes(scope: Scope, given: Any) -> str:
    value, start, length = _parsed(scope, "$substrBytes", given, 3)
    data = b"" if nullish(value) else as_text(value).encode()
    first, count = _index("$substrBytes", start), _index("$substrBytes", length)
    if first < 0:
        raise InvalidQuery("$substrBytes: the start must not be negative", 50752)
    cut = data[first:] if count < 0 else data[first : first + count]
    try:
        return cut.decode()
    except UnicodeDecodeError:
        raise InvalidQuery("$substrBytes: Invalid range, it cuts a character in two", 28656) from None


def _length(name: str, measure: Callable[[str], int]) -> Operator:
    return lambda scope, given: measure(_string(name, _parsed(scope, name, given, 1)[0]))


def _index_of(scope: Scope, given: Any) -> Any:
    text, part, *bounds = _parsed(scope, "$indexOfCP", given, 2, 4)
    if nullish(text):
        return None
    limits = [_index("$indexOfCP", bound) for bound in bounds]
    return _string("$indexOfCP", text).find(_string("$indexOfCP", part), *limits)


def _split(scope: Scope, given: Any) -> Any:
    text, delimiter = _parsed(scope, "$split", given, 2)
    if nullish(text) or nullish(delimiter):
        return None
    if delimiter == "":
        raise InvalidQuery("$split requires a non-empty separator", 40087)
    return _string("$split", text).split(_string("$split", delimiter))


def _trim(name: str, trim: Callable[[str, str], str]) -> Operator:
    def operator(scope: Scope, given: Any) -> Any:
        if not isinstance(given, Mapping) or "input" not in given:
            raise InvalidQuery(f"{name} requires an 'input' field", 50695)
        text = scope.parse(given["input"])
        characters = scope.parse(given["chars"]) if "chars" in given else " \t\n\v\f\r\x00\u00a0\u1680\u2000\u2001"
        if nullish(text) or nullish(characters):
            return None
        return trim(_string(name, text), _string(name, characters))

    return operator


def _replace(name: str, count: int) -> Operator:
    def operator(scope: Scope, given: Any) -> Any:
        if not isinstance(given, Mapping) or set(given) != {"input", "find", "replacement"}:
            raise InvalidQuery(f"{name} requires 'input', 'find' and 'replacement'", 51751)
        texts = [scope.parse(given[key]) for key in ("input", "find", "replacement")]
        if any(nullish(text) for text in texts):
            return None
        text, find, replacement = (_string(name, part) for part in texts)
        return text.replace(find, replacement, count)

    return operator


def _matches(scope: Scope, given: Any, name: str) -> Iterator[dict[str, Any]]:
    if not isinstance(given, Mapping) or not {"input", "regex"} <= set(given) <= {
        "input",
        "regex",
        "options",
    }:
        raise InvalidQuery(f"{name} requires 'input' and 'regex'", 51105)
    text, pattern = scope.parse(given["input"]), scope.parse(given["regex"])
    if nullish(text) or nullish(pattern):
        return
    options = scope.parse(given["options"]) if "options" in given else ""
    for match in compile_regex(pattern, options or "").finditer(_string(name, text)):
        yield {"match": match[0], "idx": match.start(), "captures": list(match.groups())}


def _array_elem_at(scope: Scope, given: Any) -> Any:
    value, position = _parsed(scope, "$arrayElemAt", given, 2)
    if nullish(value) or nullish(position):
        return None
    items, place = _items("$arrayElemAt", value), _index("$arrayElemAt", position)
    return items[place] if -len(items) <= place < len(items) else MISSING


def _end(name: str, place: int) -> Operator:
    def operator(scope: Scope, given: Any) -> Any:
        value = _parsed(scope, name, given, 1)[0]
        if nullish(value):
            return None
        items = _items(name, value)
        return items[place] if items else MISSING

    return operator


def _concat_arrays(scope: Scope, given: Any) -> Any:
    values = [scope.parse(item) for item in (given if isinstance(given, list) else [given])]
    if any(nullish(value) for value in values):
        return None
    return list(itertools.chain.from_iterable(_items("$concatArrays", value) for value in values))


def _slice(scope: Scope, given: Any) -> Any:
    value, *bounds = _parsed(scope, "$slice", given, 2, 3)
    if nullish(value) or any(nullish(bound) for bound in bounds):
        return None
    items, first = _items("$slice", value), _index("$slice", bounds[0])
    if len(bounds) == 1:
        return items[:first] if first >= 0 else items[first:]
    count = _index("$slice", bounds[1])
    if count <= 0:
        raise InvalidQuery(f"Third argument to $slice must be positive: {count}", 28729)
    start = max(len(items) + first, 0) if first < 0 else first
    return items[start : start + count]


def _reverse(scope: Scope, given: Any) -> Any:
    value = _parsed(scope, "$reverseArray", given, 1)[0]
    return None if nullish(value) else _items("$reverseArray", value)[::-1]


def _range(scope: Scope, given: Any) -> list[int]:
    numbers = [_index("$range", value) for value in _parsed(scope, "$range", given, 2, 3)]
    if len(numbers) == 3 and numbers[2] == 0:
        raise InvalidQuery("$range requires a non-zero step value", 34449)
    if len(range(*numbers)) > 1_000_000:
        raise InvalidQuery("$range would make more than a million numbers", 146)
    return list(range(*numbers))


def _any_element(name: str, test: Callable[[Iterator[bool]], bool]) -> Operator:
    return lambda scope, given: test(truthy(item) for item in _items(name, _parsed(scope, name, given, 1)[0]))


def _index_of_array(scope: Scope, given: Any) -> Any:
    value, wanted, *bounds = _parsed(scope, "$indexOfArray", given, 2, 4)
    if nullish(value):
        return None
    key, limits = encode_key(wanted), [_index("$indexOfArray", bound) for bound in bounds]
    items = _items("$indexOfArray", value)
    places = range(*slice(*(limits if len(limits) == 2 else [*limits, None] if limits else [None])).indices(len(items)))
    return next((place for place in places if encode_key(items[place]) == key), -1)


def _merge_objects(scope: Scope, given: Any) -> Any:
    value = scope.parse(given)
    merged: dict[str, Any] = {}
    for item in value if isinstance(value, list) else [value]:
        if nullish(item):
            continue
        if not isinstance(item, dict):
            raise InvalidQuery(f"$mergeObjects requires object inputs, but input is of type {bson_type(item)}", 40400)
        merged.update(item)
    return merged


def _get_field(scope: Scope, given: Any) -> Any:
    if not isinstance(given, Mapping) or set(given) - {"field", "input"} or "field" not in given:
        given = {"field": given}
    name = _string("$getField", scope.parse(given["field"]))
    source = scope.parse(given.get("input", "$$CURRENT"))
    return source.get(name, MISSING) if isinstance(source, dict) else None if source is None else MISSING


def _deviation(name: str, *, sample: bool) -> Operator:
    def operator(scope: Scope, given: Any) -> Any:
        value = scope.parse(given[0] if isinstance(given, list) and len(given) == 1 else given)
        known = numbers_of(name, value if isinstance(value, list) else [value])
        freedom = len(known) - 1 if sample else len(known)
        middle = mean(known)
        if freedom < 1 or middle is None:
            return None
        return float((sum((item - middle) ** 2 for item in known) / freedom) ** 0.5)

    return operator


TEXT_OPERATORS: dict[str, Operator] = {
    "$toString": _to_string,
    "$toLower": _cased("$toLower", str.lower),
    "$toUpper": _cased("$toUpper", str.upper),
    "$concat": _concat,
    "$strcasecmp": _compare_cased,
    "$substr": _substring_bytes,
    "$substrBytes": _substring_bytes,
    "$substrCP": _substring_points,
    "$strLenCP": _length("$strLenCP", len),
    "$strLenBytes": _length("$strLenBytes", lambda text: len(text.encode())),
    "$indexOfCP": _index_of,
    "$split": _split,
    "$trim": _trim("$trim", str.strip),
    "$ltrim": _trim("$ltrim", str.lstrip),
    "$rtrim": _trim("$rtrim", str.rstrip),
    "$replaceOne": _replace("$replaceOne", 1),
    "$replaceAll": _replace("$replaceAll", -1),
    "$regexMatch": lambda scope, given: next(_matches(scope, given, "$regexMatch"), None) is not None,
    "$regexFind": lambda scope, given: next(_matches(scope, given, "$regexFind"), None),
    "$regexFindAll": lambda scope, given: list(_matches(scope, given, "$regexFindAll")),
    "$arrayElemAt": _array_elem_at,
    "$first": _end("$first", 0),
    "$last": _end("$last", -1),
    "$size": lambda scope, given: len(_items("$size", _parsed(scope, "$size", given, 1)[0])),
    "$concatArrays": _concat_arrays,
    "$slice": _slice,
    "$reverseArray": _reverse,
    "$range": _range,
    "$anyElementTrue": _any_element("$anyElementTrue", any),
    "$allElementsTrue": _any_element("$allElementsTrue", all),
    "$indexOfArray": _index_of_array,
    "$mergeObjects": _merge_objects,
    "$getField": _get_field,
    "$bsonSize": lambda scope, given: None if nullish(value := scope.parse(given)) else len(bson.encode(value)),
    "$stdDevPop": _deviation("$stdDevPop", sample=False),
    "$stdDevSamp": _deviation("$stdDevSamp", sample=True),
}
