"""The suite's own instruments: comparison, the evaluator, the names of cases and of their exceptions."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from bson import Code, Decimal128, Int64
from pymongo import MongoClient

from tests.conformance.backends import with_database
from tests.conformance.case import UNSEEN, Call, Case, utc
from tests.conformance.compare import same, typed
from tests.conformance.evaluator import grouped, key_of, selected
from tests.conformance.expectations import DEVIATIONS, listed
from tests.conformance.runner import names_culprit, operators
from tests.conformance.suite import CASES, GROUPS

QUERIES = {"$in", "$ne", "$exists", "$gt", "$gte", "$lt", "$lte", "$and", "$or"}
ACCUMULATORS = {"$sum", "$avg", "$push", "$first", "$min", "$max", "$ifNull", "$group", "$sort"}
BEYOND = {"find/$gte null", "group/$min across types", "group/$max across types"}  # the evaluator's knowledge
DIFFERENT = (
    (1, 1.0),
    (1, True),
    (0, False),
    (0.0, -0.0),
    ("a", b"a"),
    ("a", Code("a")),
    (None, []),
    ({}, []),
    (Decimal128("1.0"), Decimal128("1.00")),
    (utc(2024), datetime(2024, 1, 1)),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ([1, 2], [2, 1]),
    (float("nan"), None),
)


@pytest.mark.parametrize(("left", "right"), DIFFERENT, ids=repr)
def test_values_of_different_types_differ(left: object, right: object) -> None:
    assert typed(left) != typed(right)
    assert typed(left) == typed(left)


def test_values_that_are_the_same() -> None:
    assert typed(float("nan")) == typed(float("nan"))
    assert typed(Int64(5)) == typed(5)
    assert typed({"a": 1, "b": 2}, key_order=False) == typed({"b": 2, "a": 1}, key_order=False)


def test_orders_the_manual_leaves_open() -> None:
    call = Call("aggregate")
    columns = Case("", "", (), call, [{"t": ["e", "m"], "n": [2, 1]}], parallel=("t", "n"))
    assert same(columns, [{"t": ["m", "e"], "n": [1, 2]}])
    assert not same(columns, [{"t": ["m", "e"], "n": [2, 1]}])
    assert same(Case("", "", (), call, [{"s": [1, 2]}], sets=("s",)), [{"s": [2, 1]}])
    assert not same(Case("", "", (), call, [1, 2]), [2, 1])
    assert same(Case("", "", (), call, [1, 2], unordered=True), [2, 1])


def test_a_refusal_names_what_it_refuses() -> None:
    case = Case("", "", (), Call("aggregate", ([{"$fill": {"output": {"v": {"value": 0}}}}],)))
    assert names_culprit(case, "the stage $fill is not known")
    assert not names_culprit(case, "the stage $filler is not known")
    assert not names_culprit(case, "out of memory")


def test_cases_are_named_once_and_in_a_group() -> None:
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []
    assert {case.group for case in CASES} == set(GROUPS)
    assert all(case.expected is not UNSEEN or case.error or case.left is not UNSEEN for case in CASES)


@pytest.mark.parametrize("backend", DEVIATIONS)
def test_exceptions_are_of_cases_there_are(backend: str) -> None:
    names = list(listed(backend))
    assert set(names) <= {case.id for case in CASES}
    assert [name for name, count in Counter(names).items() if count > 1] == []


def known_queries() -> list[Case]:
    """The cases of ``find`` the evaluator can be put to."""
    cases = [case for case in CASES if case.group in ("find", "indexes") and case.call.method == "find"]
    return [
        case
        for case in cases
        if case.error is None
        and not any(call.method != "create_index" for call in case.before)
        and case.call.chain == (("sort", ("_id", 1)),)
        and set(operators(case.call.args[0])) <= QUERIES
        and case.id not in BEYOND
        and "Decimal128" not in repr(case.given)
        and "re.compile" not in repr(case.call)
    ]


@pytest.mark.parametrize("case", known_queries(), ids=lambda case: case.id)
def test_the_evaluator_selects_as_the_cases_say(case: Case) -> None:
    found = selected([dict(document) for document in case.given], case.call.args[0])
    assert sorted(({"_id": document["_id"]} for document in found), key=repr) == case.expected


def known_groups() -> list[tuple[Case, dict[str, Any]]]:
    """The cases of ``$group`` the evaluator can be put to, and the group of each."""
    pairs = []
    for case in CASES:
        if case.group != "group" or case.error is not None or case.id in BEYOND or "Decimal128" in repr(case):
            continue
        stages = [stage for stage in case.call.args[0] if "$sort" not in stage]
        names = {name for name in operators(case.call.args) if name.startswith("$")}
        fields = {f"${name}" for document in case.given for name in document} | {"$q", "$h.S", "$r.a", "$_id"}
        if len(stages) == 1 and "$group" in stages[0] and names - fields <= ACCUMULATORS:
            pairs.append((case, stages[0]["$group"]))
    return pairs


@pytest.mark.parametrize(("case", "group"), known_groups(), ids=lambda item: getattr(item, "id", ""))
def test_the_evaluator_groups_as_the_cases_say(case: Case, group: dict[str, Any]) -> None:
    answered = grouped([dict(document) for document in case.given], group)
    assert {key_of(document) for document in answered} == {key_of(document) for document in case.expected}


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://h",
        "mongodb://h:1,g:2/",
        "mongodb://h/old?w=1",
        "mongodb://h?w=1",
        "mongodb://[::1]:27018/old",
        "mongodb://u:p%40w@h/users",
        "mongodb://u:p@h",
        "mongodb://u:p@h/?w=1;journal=true",
        "mongodb://u:p@h/old?authSource=users",
        "mongodb://u:p@h/old?AUTHSOURCE=users&w=1",
        "mongodb://u:p@h/?authMechanism=PLAIN&tls=true",
        "mongodb://u:p@h/old?authMechanism=PLAIN&tls=true",
        "mongodb://CN%3Dme%2COU%3Dx@h/?authMechanism=MONGODB-X509&tls=true",
        "mongodb://%2Ftmp%2Fmongodb-27017.sock/old",
    ],
)
def test_a_server_is_asked_in_a_database_of_our_own_whatever_its_url(uri):
    before, after = (MongoClient(url, connect=False) for url in (uri, with_database(uri, "d")))
    assert after.get_default_database().name == "d"
    for of in (lambda client: client._topology_settings.seeds, lambda client: client.write_concern, _user):
        assert of(after) == of(before)
    before.close()
    after.close()


def _user(client: Any) -> Any:
    known = client.options.pool_options._credentials
    return known and (known.mechanism, known.source, known.username, known.password)


def test_a_server_named_by_its_service_keeps_its_user():  # looked up by DNS: not to be parsed here
    wanted = "mongodb+srv://u:p@h/d?retryWrites=true&authSource=admin"
    assert with_database("mongodb+srv://u:p@h/?retryWrites=true", "d") == wanted
