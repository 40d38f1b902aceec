"""Every case on every backend: each is right, refused or wrong exactly where the table says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.backends import BACKENDS, Backend, unavailable
from tests.conformance.case import Case
from tests.conformance.expectations import expected_verdict
from tests.conformance.runner import Verdict, run
from tests.conformance.suite import CASES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every case on each database that is here; a database that is not is one test, skipped with the reason."""
    rows: list[Any] = []
    for backend in BACKENDS:
        reason = unavailable(backend)
        if reason:
            rows.append(pytest.param(backend, CASES[0], id=backend.name, marks=pytest.mark.skip(reason=reason)))
        else:
            rows += [pytest.param(backend, case, id=f"{backend.name}-{case.id}") for case in CASES]
    metafunc.parametrize("asked, case", rows, indirect=["asked"], scope="session")


@pytest.fixture(scope="session")
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Backend, Any]]:
    """A backend and its open database; one server serves the whole session."""
    backend: Backend = request.param
    with backend.open(tmp_path_factory.mktemp(backend.name)) as database:
        yield backend, database


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
