"""Puts one case to a database and judges what comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pymongo.errors import OperationFailure

from tests.conformance.case import UNSEEN, Call, Case
from tests.conformance.compare import same, typed

COLLECTIONS = ("items", "other")
COUNTERS = {"nInserted", "nMatched", "nModified", "nRemoved", "nUpserted"}


class Verdict(Enum):
    """How a backend did on a case."""

    RIGHT = "right"
    REFUSED = "refused"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, and what was seen in words."""

    verdict: Verdict
    seen: str


def run(case: Case, database: Any) -> Outcome:
    """Put `case` to `database`, anything that gives collections by ``[name]``.

    The two collections of a case are dropped before it and after it.
    """
    case = deepcopy(case)
    clear(database)
    try:
        return prepare(case, database) or judge(case, database)
    finally:
        clear(database)


def clear(database: Any) -> None:
    """Drop the collections of a case."""
    for name in COLLECTIONS:
        database[name].drop()


def prepare(case: Case, database: Any) -> Outcome | None:
    """Write the documents of `case`, and make the calls before its own; an outcome if that is refused already."""
    try:
        for name, documents in (("items", case.given), ("other", case.other)):
            if documents:
                database[name].insert_many(list(documents))
        for call in case.before:
            make(call, database)
    except Exception as error:
        # What the case is about may already be refused here: an index, a value.
        return _raised(case, error, database, early=True)
    return None


def judge(case: Case, database: Any) -> Outcome:
    """Make the call of `case` and judge what it answers, and leaves."""
    try:
        got = make(case.call, database)
    except Exception as error:
        return _raised(case, error, database) if case.error is None else _expected_error(case, error, database)
    if case.error is not None:
        return Outcome(Verdict.WRONG, f"no error, but {brief(got)}")
    if case.expected is not UNSEEN and not same(case, got):
        return Outcome(Verdict.WRONG, f"answers {brief(got)}, not {brief(case.expected)}")
    return _left(case, database)


def _left(case: Case, database: Any) -> Outcome:
    if case.left is UNSEEN:
        return Outcome(Verdict.RIGHT, "")
    left = list(database[case.left_in].find({}).sort("_id", 1))
    if typed(left) != typed(case.left):
        return Outcome(Verdict.WRONG, f"leaves {brief(left)}, not {brief(case.left)}")
    return Outcome(Verdict.RIGHT, "")


def make(call: Call, database: Any) -> Any:
    """Make `call` and give what it answers in plain values."""
    answer = getattr(database[call.on], call.method)(*call.args, **call.options)
    for method, arguments in call.chain:
        answer = getattr(answer, method)(*arguments)
    if call.method == "index_information":
        return {name: list(index["key"]) for name, index in answer.items()}
    return plain(answer)


def plain(answer: Any) -> Any:
    """Results of writes as plain values, cursors as lists; anything else as it is."""
    match type(answer).__name__:
        case "InsertOneResult":
            return answer.inserted_id
        case "InsertManyResult":
            return answer.inserted_ids
        case "DeleteResult":
            return answer.deleted_count
        case "UpdateResult":
            return {
                "matched": answer.matched_count,
                "modified": answer.modified_count,
                "upserted": answer.upserted_id,
            }
        case "BulkWriteResult":
            return {
                "inserted": answer.inserted_count,
                "matched": answer.matched_count,
                "modified": answer.modified_count,
                "deleted": answer.deleted_count,
                "upserted": dict(answer.upserted_ids or {}),
            }
    if isinstance(answer, Mapping | list | str | bytes):
        return answer
    return list(answer) if hasattr(answer, "__iter__") else answer


def _expected_error(case: Case, error: Exception, database: Any) -> Outcome:
    if not isinstance(error, case.error or ()):
        names = case.error if isinstance(case.error, tuple) else (case.error,)
        wanted = " or ".join(name.__name__ for name in names if name is not None)
        return Outcome(Verdict.WRONG, f"raises {brief(error)}, not {wanted}")
    if case.details is not None:
        told = getattr(error, "details", None) or {}
        seen = {name: told.get(name) for name in case.details if name in COUNTERS}
        seen["indexes"] = sorted(entry["index"] for entry in told.get("writeErrors", ()))
        if seen != case.details:
            return Outcome(Verdict.WRONG, f"its details say {seen}, not {dict(case.details)}")
    return _left(case, database)


def _raised(case: Case, error: Exception, database: Any, *, early: bool = False) -> Outcome:
    """An error where the manual answers: honest if it says which operator it cannot do."""
    # NotImplementedError is how mongomock says it; from a catalog it would be an escaped error of its engine.
    honest = isinstance(error, OperationFailure) and names_culprit(case, str(error))
    where = "before the question, " if early else ""
    if honest or (type(error) is NotImplementedError and is_mock(database)):
        return Outcome(Verdict.REFUSED, f"{where}{brief(error)}")
    return Outcome(Verdict.WRONG, f"{where}raises {brief(error)}")


def is_mock(database: Any) -> bool:
    """Whether `database` is mongomock's own, not a catalog."""
    return type(database).__module__.startswith("mongomock")


def names_culprit(case: Case, message: str) -> bool:
    """Whether `message` has an operator of the case in it, an option, or its method."""
    calls = (case.call, *case.before)
    words = {word for call in calls for word in operators((call.args, call.options))}
    words |= {name for call in calls for name in call.options}
    words |= {call.method for call in calls}
    return any(re.search(rf"(?<![\w$]){re.escape(word)}(?!\w)", message) for word in words)


def operators(value: Any, *, inside: bool = False) -> Iterator[str]:
    """Every ``$operator`` in `value`, and the names of the arguments of each."""
    match value:
        case str() if value.startswith("$"):
            yield value
        case Mapping():
            for name, item in value.items():
                if inside or str(name).startswith("$"):
                    yield name
                if ".$" in str(name):
                    yield "$"  # the positional operator
                yield from operators(item, inside=str(name).startswith("$"))
        case list() | tuple():
            for item in value:
                yield from operators(item)


def brief(value: Any, limit: int = 300) -> str:
    """A ``repr`` of bounded length."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
