"""The pytest plugin by which the public conformance tests ask an embedded catalog; see `public`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.public_adapter import Client, Observed

CLIENT = Client()


def _put_in_place() -> None:
    """Put our client in the place of the one that would connect; before their conftest takes the names."""
    from documentdb_tests.framework import engine_registry, fixtures, preconditions

    engine_registry.ensure_initiated = lambda *_, **__: None
    fixtures.create_engine_client = lambda *_, **__: CLIENT
    preconditions.detect_capabilities = lambda *_, **__: frozenset()
    # Tests that require something of their server (a replica set, an extension) are left out.
    preconditions.unmet_requirements = lambda required, _: {name: value for name, value in required.items() if value}


if not os.environ.get("DARKROOM_PUBLIC_SERVER"):
    _put_in_place()


def pytest_runtest_setup(item: pytest.Item) -> None:
    CLIENT.observed = Observed()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" or (report.when == "setup" and not report.passed):
        text = report.longreprtext if report.failed else ""
        report.user_properties.append(("class", classify(report.outcome, text, CLIENT.observed)))
        report.user_properties.append(("error", CLIENT.observed.error))
        report.user_properties.append(("told", text[-3000:]))


def classify(outcome: str, text: str, seen: Observed) -> str:
    """How a test ended: passed, refused by name, or one of the ways to fail."""
    if outcome != "failed":
        return outcome
    if seen.unaskable:
        return "not askable"
    if seen.refused:
        return "refused"
    if "[UNEXPECTED_SUCCESS]" in text:
        return "lenient"
    if "[ERROR_MISMATCH]" in text:
        return "other code"
    if "[UNEXPECTED_ERROR]" in text or "Expected success but got" in text or (seen.error and "MISMATCH]" in text):
        return "error"
    return "wrong" if any(mark in text for mark in ("MISMATCH]", "[DOC_COUNT", "[NO_DOCUMENTS]")) else "other"


def pytest_runtest_logreport(report: Any) -> None:
    """Write a line for each test, in the process that gathers the reports of all workers."""
    told = dict(report.user_properties)
    if "class" in told and "PYTEST_XDIST_WORKER" not in os.environ:
        with open(os.environ["DARKROOM_PUBLIC_OUT"], "a", encoding="utf-8") as out:
            out.write(json.dumps({"id": report.nodeid, **told}) + "\n")
