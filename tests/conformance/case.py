"""One conformance case: what is in the collection, what is asked of it, what MongoDB answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

Document = Mapping[str, Any]
Pipeline = list[dict[str, Any]]


class Unseen(Enum):
    """Marks an observation a case does not make (``None`` is a value MongoDB answers)."""

    UNSEEN = "unseen"


UNSEEN = Unseen.UNSEEN


@dataclass(frozen=True, slots=True)
class Call:
    """A method of a collection with its arguments, then methods of the cursor it returns."""

    method: str
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    chain: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    on: str = "items"


@dataclass(frozen=True, slots=True)
class Case:
    """A question with the answer of the MongoDB manual.

    Parameters
    ----------
    group, name
        Together the case's identity, ``group/name``.
    given
        Documents put into the collection ``items`` first.
    call
        What is asked.
    expected
        The answer, BSON type for BSON type; a cursor counts as the list of its documents.
    error
        The class (of PyMongo, bson or Python), or one of several, that is raised instead of an answer.
    details
        For a bulk error: counters of its ``details``, and ``indexes`` of its write errors.
    left
        What stands in ``left_in`` afterwards, in order of ``_id``.
    other
        Documents put into the collection ``other``.
    before
        Calls made after ``given`` and before ``call``.
    unordered
        The manual leaves the order of the answer's items open.
    sets
        Fields of each answered document whose array has no defined order.
    parallel
        Fields of each answered document whose arrays have one undefined order in common.
    any_key_order
        The manual leaves the order of the keys open.
    """

    group: str
    name: str
    given: tuple[Document, ...]
    call: Call
    expected: Any = UNSEEN
    error: type[BaseException] | tuple[type[BaseException], ...] | None = None
    details: Mapping[str, Any] | None = None
    left: Any = UNSEEN
    left_in: str = "items"
    other: tuple[Document, ...] = ()
    before: tuple[Call, ...] = ()
    unordered: bool = False
    sets: tuple[str, ...] = ()
    parallel: tuple[str, ...] = ()
    any_key_order: bool = False

    @property
    def id(self) -> str:
        return f"{self.group}/{self.name}"


def utc(year: int, month: int = 1, day: int = 1, *clock: int) -> datetime:
    """An aware instant; `clock` is hours, minutes, seconds, microseconds."""
    return datetime(year, month, day, *clock, tzinfo=UTC)


def numbered(*values: Any, key: str = "v") -> tuple[Document, ...]:
    """Documents ``{'_id': 1, key: value}``, ``{'_id': 2, ...}`` and so on."""
    return tuple({"_id": number, key: value} for number, value in enumerate(values, 1))


def selects(group: str, name: str, given: tuple[Document, ...], query: Document, ids: list[Any]) -> Case:
    """A query of which only the ``_id`` of what it finds matters."""
    call = Call("find", (query, {"_id": 1}), chain=(("sort", ("_id", 1)),))
    return Case(group, name, given, call, [{"_id": identifier} for identifier in ids])


def aggregates(
    group: str,
    name: str,
    given: tuple[Document, ...],
    pipeline: Pipeline,
    expected: Any = UNSEEN,
    **fields: Any,
) -> Case:
    """A pipeline and the documents it yields."""
    return Case(group, name, given, Call("aggregate", (pipeline,)), expected, **fields)


def evaluates(name: str, document: Document, expression: Any, expected: Any, **fields: Any) -> Case:
    """An expression computed over one document; `UNSEEN` means the result is missing."""
    answer: dict[str, Any] = {} if expected is UNSEEN else {"r": expected}
    pipeline = [{"$project": {"_id": 0, "r": expression}}]
    return aggregates("expressions", name, ({"_id": 1, **document},), pipeline, [answer], **fields)


def evaluation_fails(name: str, document: Document, expression: Any, error: type[BaseException]) -> Case:
    """An expression that MongoDB refuses to compute."""
    pipeline = [{"$project": {"_id": 0, "r": expression}}]
    return aggregates("expressions", name, ({"_id": 1, **document},), pipeline, error=error)
