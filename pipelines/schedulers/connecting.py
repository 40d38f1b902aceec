"""Connecting: find a scheduler, or start processes of this machine, and see that its workers are like this process."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from arraystore import ArrayStore
from arraystore.processors import VARIABLE, processors
from pipelines.errors import UsageError, require
from pipelines.processes.interpreter import SECRET
from pipelines.schedulers.workers import Alike, SchedulerGone, SharedStore, Unlike, Workers, introduce
from pipelines.version import __version__

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connected"]

LOCAL = ("processes", "synchronous")
REMOTE = ("tcp://", "tls://", "ws://", "wss://", "ucx://")
TIMEOUT = 30.0  # seconds to find a scheduler, and its first worker


@contextmanager
def connected(
    scheduler: Any, *, store: ArrayStore, url: str, facts: Callable[[], Mapping[str, str]]
) -> Iterator[Workers]:
    """Connect to a scheduler, or start processes of this machine, and see that its workers are like this process.

    Parameters
    ----------
    scheduler : str or distributed.Client
        ``'processes'``: one for each processor, ended with the block. ``'synchronous'``: here, piece after piece.
        ``'tcp://host:8786'``: a scheduler that is there. A client: its cluster; it stays open.
    store : ArrayStore
        The array store, open in this process.
    url : str
        Its address, by which workers open it.
    facts : callable
        Returns what else has to be the same on both sides, by name.

    Raises
    ------
    UsageError
        That is no scheduler, or the store is in the memory of this process.
    MissingExtra
        Dask is not installed.
    SchedulerGone
        No scheduler answers at the address, or it has no workers.
    Unlike
        Workers of another release, with other profiles, or that do not see the store: all are named.
    """
    # Between processes of this machine keys that stand in the address stay in it; over a network they do not go.
    shared = SharedStore(_full(url) if scheduler in LOCAL else without_keys(_full(url)), store.id)
    alike = Alike(__version__, facts, dict(facts()))
    if scheduler == "synchronous":
        yield Workers(None, shared, alike)
        return
    if url.startswith("memory:"):
        raise UsageError(f"{url} is in the memory of this process, which no worker sees: name a folder or a bucket")
    with ExitStack() as opened:
        client = _client(scheduler, opened)
        _require_alike(client, shared, alike)
        yield Workers(client, shared, alike)


def _full(url: str) -> str:
    """Return an address that means the same wherever a worker stands."""
    return url if "://" in url or url.startswith(("file:", "s3:", "gs:")) else os.path.abspath(os.path.expanduser(url))


def without_keys(url: str) -> str:
    """Return the address of a bucket without the keys that its query has; a worker has its own.

    >>> without_keys("s3://nights/raw?endpoint=http://127.0.0.1:9000&secret_access_key=hidden")
    's3://nights/raw?endpoint=http://127.0.0.1:9000'
    """
    place, mark, query = url.partition("?")
    kept = [part for part in query.split("&") if part and not SECRET.search(part.partition("=")[0])]
    return place + (mark + "&".join(kept) if kept else "")


def _client(scheduler: Any, opened: ExitStack) -> Client:
    distributed = require("distributed", extra="dask", what="scheduler=")
    if isinstance(scheduler, distributed.Client):
        return scheduler
    opened.enter_context(_quiet())
    if scheduler == "processes":
        return _processes(distributed, opened)
    if not (isinstance(scheduler, str) and scheduler.startswith(REMOTE)):
        ways = "'processes', 'synchronous', 'tcp://HOST:8786' or a Dask client"
        raise UsageError(f"{scheduler!r:.100} is no scheduler; there are {ways}")
    try:
        client = distributed.Client(scheduler, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:  # a time-out is an OSError; a malformed address a ValueError
        raise SchedulerGone(f"no scheduler answers at {scheduler}: {error}; start one: dask scheduler") from error
    return opened.enter_context(client)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask logs of lost connections off the screen: what it means is told, and traced, by our own errors."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "distributed.core")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _processes(distributed: Any, opened: ExitStack) -> Client:
    """Start a process for each processor of this machine."""
    try:
        cluster = distributed.LocalCluster(
            n_workers=processors(),
            threads_per_worker=1,
            env={VARIABLE: "1"},  # a piece at a time, and all of them keep the processors busy
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        )
    except RuntimeError as error:  # the usual cause, met before anything was done
        raise UsageError(
            'worker processes did not start; in a script, call this below `if __name__ == "__main__":`, for each '
            f"process reads the script first ({error})"
        ) from error
    opened.enter_context(cluster)
    return opened.enter_context(distributed.Client(cluster, set_as_default=False))


def _require_alike(client: Client, shared: SharedStore, alike: Alike) -> None:
    try:
        client.wait_for_workers(1, timeout=TIMEOUT)
        told = client.run(introduce, shared, alike, on_error="return")
    except (OSError, TimeoutError) as error:
        raise SchedulerGone(f"{client.scheduler.address} has no workers: start some: dask worker ADDRESS") from error
    wrong = [f"the worker {name} {_said(answer)}" for name, answer in sorted(told.items()) if answer]
    if wrong:
        raise Unlike("; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""))


def _said(answer: object) -> str:
    if isinstance(answer, str):
        return answer
    return f"cannot run darkroom ({type(answer).__name__}: {answer}): install the same release there"
