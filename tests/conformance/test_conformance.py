"""Every case on every backend: each is right, refused or wrong exactly where the table says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.backends import BACKENDS, Backend, UnavailableError
from tests.conformance.case import Case
from tests.conformance.expectations import expected_verdict
from tests.conformance.runner import Verdict, run
from tests.conformance.suite import CASES


@pytest.fixture(scope="session", params=BACKENDS, ids=lambda backend: backend.name)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Backend, Any]]:
    """A backend and its open database; one server serves the whole session."""
    backend: Backend = request.param
    try:
        with backend.open(tmp_path_factory.mktemp(backend.name)) as database:
            yield backend, database
    except UnavailableError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(asked: tuple[Backend, Any], case: Case) -> None:
    backend, database = asked
    expected, why = expected_verdict(backend.name, case.id)
    with backend.heard():
        outcome = run(case, database)
    if backend.name == "embedded" and outcome.verdict is Verdict.REFUSED:
        assert "NotSupported(" in outcome.seen, "MongoDB knows this operator: only the embedded catalog does not"
    if outcome.verdict is not expected:
        listed = f"listed as {expected.value} ({why})" if why else "expected right"
        pytest.fail(
            f"{case.id} on {backend.name}: {listed}, but {outcome.verdict.value}. {outcome.seen}",
            pytrace=False,
        )
