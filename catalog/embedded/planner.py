"""Finds, by SQL alone, the few documents a filter can match.

SQL only narrows: what it finds is put to the filter again. Only a count asks whether it was exact.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson import MaxKey, MinKey, Regex

from catalog.embedded.schema import CollectionSchema
from catalog.language.matching import is_operators
from catalog.language.values import encode_key

__all__ = ["Condition", "Plan", "candidates", "count_exactly", "estimate", "narrowing", "plan_filter"]

_CHUNK = 8000  # keys in one statement; SQLite allows 32,766 variables
_CAP = 4000  # counting further does not change which condition drives


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one indexed path: one of some keys, or a range of keys.

    Attributes
    ----------
    table : str
        The table that holds the keys: entries of a path, or the documents for ``_id``.
    keys : tuple of bytes
        The keys, sorted; empty for a range.
    low, high : tuple of (str, bytes) or None
        SQL comparison and bound of a range.
    """

    table: str
    keys: tuple[bytes, ...] = ()
    low: tuple[str, bytes] | None = None
    high: tuple[str, bytes] | None = None

    def sql(self, keys: tuple[bytes, ...] | None = None) -> tuple[str, list[bytes]]:
        """Return the condition on ``key`` as SQL, with its variables."""
        if self.low is not None and self.high is not None:
            return f"key{self.low[0]}? AND key{self.high[0]}?", [self.low[1], self.high[1]]
        wanted = self.keys if keys is None else keys
        if len(wanted) == 1:
            return "key=?", list(wanted)
        return f"key IN ({','.join('?' * len(wanted))})", list(wanted)


@dataclass(frozen=True, slots=True)
class Plan:
    """Conditions that a matching document meets, all of them.

    Attributes
    ----------
    conditions : tuple of Condition
        Empty if no index helps.
    exact : bool
        Whether every document that meets them matches the filter.
    """

    conditions: tuple[Condition, ...] = ()
    exact: bool = False


def plan_filter(query: Mapping[str, Any], schema: CollectionSchema) -> Plan:
    """Find out what the indexes say about a filter."""
    conditions: list[Condition] = []
    exact = _collect(query, schema, conditions)
    return Plan(tuple(conditions), exact)


def _collect(query: Mapping[str, Any], schema: CollectionSchema, found: list[Condition]) -> bool:
    exact = True
    for path, condition in query.items():
        if path == "$comment":
            continue
        if path == "$and" and isinstance(condition, list):
            for part in condition:
                exact &= isinstance(part, Mapping) and _collect(part, schema, found)
            continue
        table = f"d{schema.id}" if path == "_id" else _entry_table(path, schema)
        if table is None:
            exact = False
        elif is_operators(condition):
            for name, value in condition.items():
                exact &= _operator(table, name, value, found)
        else:
            exact &= _equal(table, [condition], found)
    return exact


def _entry_table(path: str, schema: CollectionSchema) -> str | None:
    field = schema.fields.get(path)
    return None if field is None else f"e{field.id}"


def _operator(table: str, operator: str, argument: Any, found: list[Condition]) -> bool:
    if operator == "$eq":
        return _equal(table, [argument], found)
    if operator == "$in" and isinstance(argument, list):
        return _equal(table, argument, found)
    if operator in ("$gt", "$gte", "$lt", "$lte"):
        _range(table, operator, argument, found)
    return False


def _equal(table: str, values: list[Any], found: list[Condition]) -> bool:
    if any(isinstance(value, (Regex, re.Pattern)) for value in values):
        return False
    keys = tuple(sorted({encode_key(value) for value in values}))
    found.append(Condition(table, keys))
    return True


def _range(table: str, operator: str, argument: Any, found: list[Condition]) -> None:
    if isinstance(argument, (MinKey, MaxKey, Regex, re.Pattern)):
        return
    bound = encode_key(argument)
    kind, after = bound[:1], bytes([bound[0] + 1])
    if operator in ("$gt", "$gte"):
        found.append(Condition(table, (), (">=", bound), ("<", after)))
    else:
        found.append(Condition(table, (), (">=", kind), ("<=", bound)))


def estimate(connection: sqlite3.Connection, condition: Condition) -> int:
    """Count the entries that meet a condition, up to a cap."""
    if len(condition.keys) > _CHUNK:
        return len(condition.keys)
    if not condition.keys and condition.low is None:
        return 0
    clause, variables = condition.sql()
    statement = f"SELECT count(*) FROM (SELECT 1 FROM {condition.table} WHERE {clause} LIMIT {_CAP})"  # noqa: S608
    return int(connection.execute(statement, variables).fetchone()[0])


def candidates(connection: sqlite3.Connection, plan: Plan) -> list[int]:
    """Return the numbers of the documents that meet the conditions of a plan, in natural order."""
    found: set[int] = set()
    for statement, variables in _statements(connection, plan):
        found.update(row[0] for row in connection.execute(statement, variables))
    return sorted(found)


def count_exactly(connection: sqlite3.Connection, plan: Plan) -> int:
    """Count the documents that meet the conditions of a plan."""
    statements = list(_statements(connection, plan))
    if len(statements) == 1:
        statement, variables = statements[0]
        counting = statement.replace("SELECT n ", "SELECT count(DISTINCT n) ", 1)
        return int(connection.execute(counting, variables).fetchone()[0])
    return len(candidates(connection, plan))


def _statements(connection: sqlite3.Connection, plan: Plan) -> Iterator[tuple[str, list[bytes]]]:
    conditions = list(plan.conditions)
    if any(not condition.keys and condition.low is None for condition in conditions):
        return  # one of no values: nothing matches
    if len(conditions) > 1:
        conditions.sort(key=lambda condition: estimate(connection, condition))
    driver, *rest = conditions
    tests, bound = narrowing(Plan(tuple(rest)))
    chunks = [driver.keys[start : start + _CHUNK] for start in range(0, len(driver.keys), _CHUNK)] or [()]
    for chunk in chunks:
        clause, variables = driver.sql(chunk)
        yield f"SELECT n FROM {driver.table} AS a WHERE {clause}{tests}", variables + bound  # noqa: S608


def narrowing(plan: Plan) -> tuple[str, list[bytes]]:
    """Return, as SQL about the entry ``a`` and its variables, that its document meets the conditions by keys."""
    tests: list[str] = []
    bound: list[bytes] = []
    for condition in plan.conditions:
        if condition.low is not None:
            continue  # to look through a range once per candidate costs more than to read the candidate
        if len(condition.keys) <= _CHUNK and len(bound) + len(condition.keys) <= 2 * _CHUNK:
            clause, variables = condition.sql()
            tests.append(f" AND EXISTS (SELECT 1 FROM {condition.table} WHERE {clause} AND n=a.n)")  # noqa: S608
            bound += variables
    return "".join(tests), bound
