"""Equality of BSON values type by type: 1, 1.0, True and -0.0 against 0.0 are all different."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson import Binary, Code, DBRef, Decimal128, ObjectId, Regex, Timestamp
from bson.max_key import MaxKey
from bson.min_key import MinKey

from tests.conformance.case import Case


def typed(value: Any, *, key_order: bool = True) -> Any:
    """A plain, hashable stand-in of `value` that is equal exactly when the BSON values are.

    Integers of 32 and 64 bits are one type here, as they are in Python.
    """
    match value:
        case Code():  # before str, whose subclass it is
            return ("code", str(value), typed(value.scope))
        case None | bool() | str():
            return (type(value).__name__, value)
        case int():
            return ("int", int(value))
        case float():
            return ("double", repr(float(value)))  # tells -0.0 from 0.0, and NaN is itself
        case datetime():
            zone = "aware" if value.utcoffset() is not None else "naive"
            instant = value.astimezone(UTC).replace(tzinfo=None) if zone == "aware" else value
            return ("date", zone, instant)
        case DBRef():
            return ("dbref", typed(value.as_doc(), key_order=key_order))
        case Mapping():
            items = [(key, typed(item, key_order=key_order)) for key, item in value.items()]
            return ("object", tuple(items if key_order else sorted(items, key=repr)))
        case list() | tuple():
            return ("array", tuple(typed(item, key_order=key_order) for item in value))
    return _scalar(value)


def _scalar(value: Any) -> Any:
    match value:
        case Binary() if value.subtype != 0:
            return ("binary", value.subtype, bytes(value))
        case bytes():
            return ("binary", 0, bytes(value))
        case Decimal128():
            return ("decimal", str(value))
        case re.Pattern():
            regex = Regex.from_native(value)
            return ("regex", regex.pattern, regex.flags & ~re.UNICODE)
        case Regex():
            return ("regex", value.pattern, value.flags & ~re.UNICODE)
        case ObjectId() | Timestamp():
            return (type(value).__name__, str(value))
        case MinKey() | MaxKey():
            return (type(value).__name__,)
    return (f"not BSON: {type(value).__name__}", repr(value))


def same(case: Case, got: Any) -> bool:
    """Whether `got` is the case's expected answer, up to the orders the manual leaves open."""
    return _settled(case, got) == _settled(case, case.expected)


def _settled(case: Case, value: Any) -> Any:
    if not isinstance(value, list):
        return typed(value, key_order=not case.any_key_order)
    items = [typed(_document(case, item), key_order=not case.any_key_order) for item in value]
    return sorted(items, key=repr) if case.unordered else items


def _document(case: Case, item: Any) -> Any:
    if not isinstance(item, Mapping) or not (case.sets or case.parallel):
        return item
    settled = dict(item)
    for name in case.sets:
        if isinstance(settled.get(name), list):
            settled[name] = sorted(settled[name], key=lambda entry: repr(typed(entry)))
    columns = [settled.get(name) for name in case.parallel]
    if columns and all(isinstance(column, list) for column in columns):
        rows = sorted(zip(*columns, strict=True), key=lambda row: repr(typed(list(row))))
        for position, name in enumerate(case.parallel):
            settled[name] = [row[position] for row in rows]
    return settled
