"""Lends operators and updates of mongomock-ng: the only module that touches it, for its hooks are private.

The engine is right for the arguments operators commonly have, not for every BSON type, so each names the
kinds of arguments it takes: others are refused, not answered wrongly. Instants are naive UTC here, and the
engine is loaded when it is first needed.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pymongo.errors as pm
from bson import Decimal128, ObjectId, Regex

from catalog.errors import InvalidQuery, NotSupported
from catalog.language.kinds import bson_type, is_number, no_decimals, nullish, whole
from catalog.language.values import MISSING

__all__ = ["EXACT", "WAY_OUT", "Function", "Odd", "apply_update", "compute", "literal", "literals"]

#: Up to here doubles hold every integer.
EXACT = 1 << 53
_NUMBER_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DIGITS = re.compile(r"[+-]?\d+", re.ASCII)
_FORMAT = re.compile(r"(?:[^%\0]|%[YmdHMSLjGVu%])*")
_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, TypeError, ValueError,
             pm.PyMongoError)  # fmt: skip
#: What to do instead.
WAY_OUT = "or connect to a MongoDB server (mongodb://...)"


def _is_whole(value: Any) -> bool:
    return is_number(value) and math.isfinite(value) and value == int(value)


def _is_text(value: Any, pattern: re.Pattern[str] | None = None) -> bool:
    return isinstance(value, str) and (pattern is None or pattern.fullmatch(value) is not None)


def _is_plain(value: Any) -> bool:
    """Tell whether Python compares a value as MongoDB does, among its like."""
    return isinstance(value, (str, datetime, ObjectId)) or (is_number(value) and value == value)


#: The kinds of arguments, each with its test.
_KINDS: dict[str, Callable[[Any], bool]] = {
    "anything": lambda value: True,
    "a number": is_number,
    "a finite number": lambda value: is_number(value) and math.isfinite(value),
    "a number below 2^53": lambda value: is_number(value) and abs(value) <= EXACT,
    "a number or a date": lambda value: is_number(value) or isinstance(value, datetime),
    "a whole number": _is_whole,
    "a whole number above 0": lambda value: _is_whole(value) and value > 0,
    "a whole number from 0": lambda value: _is_whole(value) and value >= 0,
    "text": _is_text,
    "text that is not empty": lambda value: isinstance(value, str) and value != "",
    "ASCII text": lambda value: isinstance(value, str) and value.isascii(),
    "ASCII text or an integer": lambda value: (
        (isinstance(value, str) and value.isascii()) or (isinstance(value, int) and not isinstance(value, bool))
    ),
    "a pattern": lambda value: isinstance(value, (str, Regex)),
    "a date": lambda value: isinstance(value, datetime),
    "a date format": lambda value: _is_text(value, _FORMAT),
    "a date, text, an ObjectId or a whole long or double": lambda value: (
        isinstance(value, (datetime, str, ObjectId)) or (_is_whole(value) and bson_type(value) != "int")
    ),
    "a finite number, a bool or digits": lambda value: (
        isinstance(value, (bool, int))
        or (isinstance(value, float) and math.isfinite(value))
        or _is_text(value, _DIGITS)
    ),
    "a finite number, a bool, a date or digits": lambda value: (
        isinstance(value, datetime) or _KINDS["a finite number, a bool or digits"](value)
    ),
    "a number, a bool, a date or a number as text": lambda value: (
        isinstance(value, (bool, int, float, datetime)) or _is_text(value, _NUMBER_TEXT)
    ),
    "text, a number, a bool, a date or an ObjectId": lambda value: isinstance(
        value, (str, bool, int, float, datetime, ObjectId)
    ),
    "text or an ObjectId": lambda value: isinstance(value, (str, ObjectId)),
    "an array": lambda value: isinstance(value, list),
    "an array of texts, numbers, dates or ids": lambda value: isinstance(value, list) and all(map(_is_plain, value)),
    "an array of bools, numbers and nulls": lambda value: (
        isinstance(value, list) and all(item is None or isinstance(item, (bool, int, float)) for item in value)
    ),
    "an object": lambda value: isinstance(value, dict),
    "an object or null": lambda value: nullish(value) or isinstance(value, dict),
}


class Odd(Exception):
    """What an operator was given, or what comes of it, is beyond what the engine has right."""


@dataclass(frozen=True, slots=True)
class Function:
    """An operator that is a function of computed arguments.

    Attributes
    ----------
    name : str
        The operator.
    kinds : tuple of str
        The kinds of its arguments.
    names : tuple of str
        The names of its arguments, if it takes an object of them.
    least : int or None
        The fewest arguments it takes, None for one of each kind.
    repeats : bool
        Whether there may be more arguments, of the last kind.
    alone : bool
        Whether the first of its named arguments may be given without an object.
    null : object
        What it gives if an argument is null.
    nullable : int or None
        Of how many of its first arguments `null` holds, None for all; else null is of no kind but its own.
    own : callable or None
        Computes it of the arguments, in place of the engine; by name if they have names.
    told : callable or None
        Makes what the engine is told of the arguments.
    settle : callable or None
        Mends the engine's answer, given the arguments.
    engine : str
        The engine's operator, if it has another name.
    failure : type
        What the engine's failure means.
    """

    name: str
    kinds: tuple[str, ...]
    names: tuple[str, ...] = ()
    least: int | None = None
    repeats: bool = False
    alone: bool = False
    null: Any = None
    nullable: int | None = None
    own: Callable[..., Any] | None = None
    told: Callable[..., Any] | None = None
    settle: Callable[..., Any] | None = None
    engine: str = ""
    failure: type[InvalidQuery] = InvalidQuery

    def __call__(self, parse: Callable[[Any], Any], given: Any) -> Any:
        """Compute the operator; `parse` computes the arguments."""
        values = self._arguments(parse, given)
        null = False
        for key, value in values.items():
            place = self.names.index(key) if self.names else key
            if nullish(value) and (self.nullable is None or place < self.nullable):
                null = True
            else:
                values[key] = self._checked(self.kinds[min(place, len(self.kinds) - 1)], value)
        if null:
            return copy.copy(self.null)
        try:
            return self._computed(values)
        except Odd as error:
            raise NotSupported(f"the embedded catalog does not answer {self.name} {error}; {WAY_OUT}", 238) from None

    def _computed(self, values: dict[Any, Any]) -> Any:
        if self.own is not None:
            return _call(self.own, values)
        listed = self.repeats or len(self.kinds) > 1
        told: Any = literals(*values.values()) if listed else literal(*values.values())
        if self.told is not None:
            told = _call(self.told, values)
        answer = _settled(compute(self.engine or self.name, told, failure=self.failure))
        return answer if self.settle is None else self.settle(answer, *values.values())

    def _arguments(self, parse: Callable[[Any], Any], given: Any) -> dict[Any, Any]:
        """Return the arguments by name or position."""
        least = len(self.kinds) if self.least is None else self.least
        items = given if isinstance(given, list) else [given]
        if not self.names:
            if len(items) < least:
                raise InvalidQuery(
                    f"Expression {self.name} takes {least} arguments, {len(items)} were passed in", 16020
                )
            if len(items) > len(self.kinds) and not self.repeats:
                raise NotSupported(
                    f"the embedded catalog computes {self.name} of {len(self.kinds)} arguments, not of {len(items)}; "
                    f"{WAY_OUT}",
                    238,
                )
            return dict(enumerate(map(parse, items)))
        if not isinstance(given, Mapping) or self.names[0] not in given:
            if not self.alone or len(items) != 1:
                raise InvalidQuery(f"{self.name} takes an object with {', '.join(self.names[:least])}", 50696)
            given = {self.names[0]: items[0]}
        for key in given.keys() - set(self.names):
            raise NotSupported(f"the embedded catalog does not answer {key} of {self.name}; {WAY_OUT}", 238)
        for key in self.names[:least]:
            if key not in given:
                raise InvalidQuery(f"{self.name} requires {key!r}", 40517)
        return {key: parse(value) for key, value in given.items()}

    def _checked(self, kind: str, value: Any) -> Any:
        if _KINDS[kind](value):
            return int(value) if kind.startswith("a whole number") else value
        if isinstance(value, Decimal128) and "number" in kind:
            raise no_decimals(self.name)
        raise NotSupported(
            f"the embedded catalog computes {self.name} of {kind}; arguments of other types, as {value!r:.60} of "
            f"type {bson_type(value)}, are refused: convert them first; {WAY_OUT}",
            238,
        )


def _call(function: Callable[..., Any], values: dict[Any, Any]) -> Any:
    by_name = {key: value for key, value in values.items() if isinstance(key, str)}
    return function(*(value for key, value in values.items() if key not in by_name), **by_name)


def literal(value: Any) -> dict[str, Any]:
    """Return a value as the engine takes an argument it is not to look into."""
    return {"$literal": None if value is MISSING else value}


def literals(*values: Any) -> list[dict[str, Any]]:
    """Return values as the engine takes arguments it is not to look into."""
    return [literal(value) for value in values]


def _settled(value: Any) -> Any:
    """Return a value of the engine as BSON has it: 64 bits, instants in UTC and whole milliseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return whole(value)
    if isinstance(value, datetime):
        naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return naive.replace(microsecond=naive.microsecond // 1000 * 1000)
    return value


def compute(operator: str, arguments: Any, *, failure: type[InvalidQuery] = InvalidQuery) -> Any:
    """Let the engine compute an operator.

    Parameters
    ----------
    operator : str
        The operator.
    arguments : object
        Its arguments, as `{'$literal': ...}` where they are not to be looked into.
    failure : type
        What to raise if the engine fails: `NotSupported` where MongoDB might not.
    """
    from mongomock_ng.aggregate import NOTHING, _Parser

    try:
        value = _Parser({}).parse({operator: arguments})
    except NotImplementedError as error:
        raise _unknown(operator, error) from None
    except _FAILURES as error:
        way_out = "; or use mongodb://" if failure is NotSupported else ""
        raise failure(f"{operator} failed: {error or type(error).__name__}{way_out}", 2) from None
    return MISSING if value is NOTHING else value


def _unknown(operator: str, error: Exception) -> NotSupported:
    text = str(error).split(" in Mongomock")[0]
    return NotSupported(f"the embedded catalog does not answer {operator}: {text}; use a MongoDB URL", 238)


@cache
def _collection() -> Any:
    """Return a collection that is never written to, for its way of applying updates."""
    from mongomock_ng import MongoClient

    return MongoClient()["darkroom"]["updates"]


def apply_update(document: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document as update operators make it; the one given is not changed.

    Parameters
    ----------
    document : mapping
        The document.
    update : mapping
        Operators and what they do to which path, all of which can be applied to it.
    """
    made: dict[str, Any] = copy.deepcopy(dict(document))
    try:
        _collection()._apply_update_document(made, {}, copy.deepcopy(dict(update)), False)
    except NotImplementedError as error:
        raise _unknown("the update", error) from None
    except _FAILURES as error:
        names = ", ".join(update)
        text = f"the embedded catalog could not apply {names}: {error or type(error).__name__}; or use mongodb://"
        raise NotSupported(text, 238) from None
    return made
