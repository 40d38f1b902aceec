"""Answers that are kept for a while, in bounded memory: the latest used ones."""

import threading
import time
from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Kept"]

T = TypeVar("T")


class Kept(Generic[T]):
    """A store of answers.

    Parameters
    ----------
    room : int
        Bytes of them, at most.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._used = 0
        self._lock = threading.Lock()
        self._answers: OrderedDict[object, tuple[T, int, float]] = OrderedDict()

    def get(self, key: object, *, age: float) -> T | None:
        """Return an answer that is not older than so many seconds; None where there is none."""
        with self._lock:
            found = self._answers.get(key)
            if found is None or time.monotonic() - found[2] > age:
                return None
            self._answers.move_to_end(key)
            return found[0]

    def put(self, key: object, answer: T, size: int) -> None:
        """Keep an answer of so many bytes; the ones that were not used for longest go."""
        with self._lock:
            before = self._answers.pop(key, None)
            self._used -= 0 if before is None else before[1]
            if size > self._room // 2:
                return
            self._answers[key] = (answer, size, time.monotonic())
            self._used += size
            while self._used > self._room:
                _, (_, gone, _) = self._answers.popitem(last=False)
                self._used -= gone
