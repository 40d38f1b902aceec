"""Waits for a server that does not answer: an election, a restart, a network that comes back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from catalog.errors import TimedOut, Unreachable

__all__ = ["Patience"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

FIRST, LONGEST = 0.2, 2.0  # seconds between two tries


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may not answer before that is an error.

    Attributes
    ----------
    seconds : float
        From the first try that failed.
    """

    seconds: float

    def ask(self, question: Callable[[], T], *, again: Callable[[], T] | None = None) -> T:
        """Ask until there is an answer, or the time is up.

        Parameters
        ----------
        question : callable
            What is asked; asked twice it must do what it does once.
        again : callable, optional
            Asked in its place after a try that failed, and may have done its work all the same.

        Raises
        ------
        Unreachable
            Nobody answered in time.
        """
        failed: float | None = None
        pause = FIRST
        while True:
            try:
                answer = (question if failed is None or again is None else again)()
            except TimedOut:
                raise  # it was reached, and took too long
            except Unreachable as error:
                now = time.monotonic()
                if failed is None:
                    failed = now
                    logger.warning("waiting up to %.0f s for the catalog: %s", self.seconds, error)
                if now + pause - failed > self.seconds:
                    raise
                time.sleep(pause)
                pause = min(LONGEST, 2 * pause)
            else:
                if failed is not None:
                    logger.warning("the catalog answers again, after %.1f s", time.monotonic() - failed)
                return answer
