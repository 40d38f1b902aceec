"""Warm processes to be killed: forked from a server that has imported everything and opened nothing."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.context import ForkServerProcess as Process
from typing import Any

PRELOADED = [
    "pytest",
    "tests.crash.processes",
    "tests.crash.verbs",
    "tests.crash.faults",
    "pipelines.archive",
    "pipelines.ingest.run",
    "pipelines.upkeep.sweep",
    "pipelines.documents.trash",
    "pipelines.documents.deletion",
    "pipelines.upkeep.rebuild",
    "pipelines.documents.migrate",
    "pipelines.upkeep.check",
    "pipelines.upkeep.repairing",
    "pipelines.calibration.masters.run",
    "pipelines.combine.stack",
    "pipelines.fits",
    "pipelines.instruments",
    "arraystore.store",
    "arraystore.writing",
    "arraystore.verifying",
    "arraystore.quicklook",
    "catalog.embedded.backend",
    "pcodec",
    "numcodecs",
    "pymongo",
]
DIED = 86  # what a process that ends itself at a fault exits with


def context() -> ForkServerContext:
    """The fork server; it starts with the first process and is shared by all tests of this worker."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(PRELOADED)
    return made


def start(function: Callable[..., Any], *arguments: Any) -> Process:
    """Run a function of a module in a warm process of its own."""
    process = context().Process(target=_quietly, args=(function, arguments), daemon=True)
    process.start()
    return process


def _quietly(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    function(*arguments)
    os._exit(0)


def finish(*processes: Process, seconds: float = 60) -> list[int | None]:
    """Wait for processes; return their exit codes, None for one that had to be killed."""
    deadline = time.monotonic() + seconds
    codes: list[int | None] = []
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        late = process.exitcode is None
        if late:
            process.kill()
            process.join()
        codes.append(None if late else process.exitcode)
        process.close()
    return codes
