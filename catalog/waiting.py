"""Waiting until a catalog changes: told by the server or the file where they tell, else by the clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

__all__ = ["FileWaiter", "ServerWaiter", "Waiter"]

logger = logging.getLogger(__name__)

_LOOK = 0.2  # seconds between looks at a file: its counter of changes is one page
_TURN_MS = 500  # that a server holds back an answer in which there is nothing


class Waiter(Protocol):
    """Waits for changes of a catalog that anybody makes."""

    streams: bool

    def wait(self, seconds: float) -> None:
        """Return when something has changed since the last call, or may have, or the time is up."""

    def close(self) -> None:
        """Wait no more."""


class FileWaiter:
    """Waits for a file: SQLite counts the changes that others make."""

    streams = True

    def __init__(self, counter: Callable[[], int]) -> None:
        self._counter = counter
        self._seen = counter()

    def wait(self, seconds: float) -> None:
        """Return when the file has changed, or the time is up."""
        end = time.monotonic() + seconds
        while (found := self._counter()) == self._seen and (left := end - time.monotonic()) > 0:
            time.sleep(min(_LOOK, left))
        self._seen = found

    def close(self) -> None:
        """Do nothing."""


class ServerWaiter:
    """Waits for a server by its change stream; one that has none, as it is no replica set, is asked again in time."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._stream: Any = None
        self.streams = self._open()

    def _open(self) -> bool:
        try:
            self._stream = self._database.watch(max_await_time_ms=_TURN_MS)
        except ConnectionFailure:
            raise
        except OperationFailure as error:
            logger.info("no change streams, so changes are looked for in time: %s", str(error).partition(",")[0])
            return False
        return True

    def wait(self, seconds: float) -> None:
        """Return when the server tells of a change, or the time is up."""
        if self._stream is None:
            time.sleep(seconds)
            return
        end = time.monotonic() + seconds
        try:
            while self._stream.try_next() is None and time.monotonic() < end:
                pass
            while self._stream.try_next() is not None:  # what came with it is looked at together
                pass
        except PyMongoError as error:
            logger.info("the change stream ended, and is opened anew: %s", str(error).partition(",")[0])
            self.close()
            self._stream = None
            self.streams = self._open()

    def close(self) -> None:
        """End the stream."""
        if self._stream is not None:
            self._stream.close()
