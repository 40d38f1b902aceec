"""Every case through two processes at one catalog file: one writes its documents, the other asks, and they take turns.

What a process knows of a file (collections, indexes, pages, statements) has to follow what the other has made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from catalog import connect
from tests.conformance import runner
from tests.conformance.expectations import expected_verdict
from tests.conformance.suite import CASES

ROOT = Path(__file__).resolve().parents[2]
BY_ID = {case.id: case for case in CASES}
_opened: list[Any] = []  # the catalog of a process of the pool


def _open(path: Path) -> None:
    _opened.append(connect(path))


def _prepare(name: str) -> runner.Outcome | None:
    (catalog,) = _opened
    runner.clear(catalog)
    return runner.prepare(BY_ID[name], catalog)


def _judge(name: str) -> runner.Outcome:
    (catalog,) = _opened
    return runner.judge(BY_ID[name], catalog)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProcessPoolExecutor, ProcessPoolExecutor]]:
    path, context = tmp_path_factory.mktemp("pool") / "catalog.db", get_context("spawn")
    with (
        pytest.MonkeyPatch.context() as patched,
        ProcessPoolExecutor(1, context, _open, (path,)) as one,
        ProcessPoolExecutor(1, context, _open, (path,)) as two,
    ):
        patched.syspath_prepend(ROOT)  # a new process imports this module, wherever the tests were begun
        yield one, two


def test_what_one_process_writes_the_other_answers_of(processes):
    otherwise = {}
    for number, case in enumerate(CASES):
        writer, asker = processes if number % 2 else reversed(processes)
        outcome = writer.submit(_prepare, case.id).result() or asker.submit(_judge, case.id).result()
        expected, _ = expected_verdict("embedded", case.id)
        if outcome.verdict is not expected:
            otherwise[case.id] = outcome.seen
    assert otherwise == {}
