"""A limit on the time of every question that is asked inside a block of code, whichever backend answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import pymongo

from catalog.errors import TimedOut

__all__ = ["check", "time_limit"]

_END: ContextVar[float | None] = ContextVar("_END", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let the questions inside the block take so long, all together.

    A server is told by PyMongo; a file looks at the clock with every page of documents it reads.

    Parameters
    ----------
    seconds : float
        From now. A limit around this one stays, if it ends earlier.

    Raises
    ------
    TimedOut
        By the question that has no time left.

    Examples
    --------
    >>> from catalog import connect, time_limit
    >>> with connect(":memory:") as catalog, time_limit(2.0):  # doctest: +SKIP
    ...     catalog.headers.count_documents({"header.EXPTIME": 30.0})
    """
    end, outer = time.monotonic() + seconds, _END.get()
    token = _END.set(end if outer is None else min(end, outer))
    try:
        with pymongo.timeout(seconds):
            yield
    finally:
        _END.reset(token)


def check() -> None:
    """Raise `TimedOut` where the time is up."""
    end = _END.get()
    if end is not None and time.monotonic() > end:
        raise TimedOut("the question took longer than it was allowed to; ask for less or allow more time")
