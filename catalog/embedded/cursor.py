"""Holds the cursor of a ``find`` in an embedded catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from catalog.errors import InvalidQuery, Misused
from catalog.language.order import UNSORTED, Sort
from catalog.language.values import Document
from catalog.limits import refusal

__all__ = ["EmbeddedCursor", "Request", "read_sort"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a cursor asks for."""

    query: Mapping[str, Any]
    projection: Any = None
    sort: Sort = UNSORTED
    skip: int = 0
    limit: int = 0


def read_sort(keys: Any, direction: Any = None) -> Sort:
    """Read a sort as PyMongo takes it: a name, a list of pairs or names, or a mapping.

    Raises
    ------
    TypeError, ValueError
        As PyMongo does.
    """
    if keys is None:
        return UNSORTED
    if isinstance(keys, str):
        keys = [(keys, 1 if direction is None else direction)]
    elif direction is not None:
        raise TypeError("a direction goes with a single name")
    pairs = list(keys.items()) if isinstance(keys, Mapping) else list(keys)
    if not pairs:
        raise ValueError("key_or_list must not be empty")
    read: list[tuple[str, int]] = []
    for pair in pairs:
        path, order = (pair, 1) if isinstance(pair, str) else pair
        if not isinstance(path, str):
            raise TypeError("a sort key must be a string")
        if isinstance(order, Mapping):
            raise refusal("$meta", "sort") or InvalidQuery("bad sort specification", 2)
        if path == "$natural":
            raise refusal("$natural", "sort") or InvalidQuery("$natural sort can only be ascending", 2)
        if isinstance(order, bool) or order not in (1, -1):
            raise InvalidQuery("$sort key ordering must be 1 (for ascending) or -1 (for descending)", 15975)
        read.append((path, int(order)))
    return Sort(tuple(read))


class EmbeddedCursor:
    """Documents of a ``find``, read as they are asked for."""

    def __init__(
        self,
        request: Request,
        run: Callable[[Request], Iterator[Document]],
        distinct: Callable[..., list[Any]],
    ) -> None:
        self._request = request
        self._run = run
        self._distinct = distinct
        self._documents: Iterator[Document] | None = None
        self._closed = False

    def _changed(self, **changes: Any) -> EmbeddedCursor:
        if self._documents is not None:
            raise Misused("cannot set options after executing query; make another cursor")
        self._request = replace(self._request, **changes)
        return self

    def sort(self, key_or_list: Any, direction: Any = None) -> EmbeddedCursor:
        """Set the order; the last one set counts."""
        return self._changed(sort=read_sort(key_or_list, direction))

    def limit(self, limit: int) -> EmbeddedCursor:
        """Set how many documents to give at most; 0 is all."""
        if not isinstance(limit, int):
            raise TypeError("limit must be an integer")
        return self._changed(limit=abs(limit))

    def skip(self, skip: int) -> EmbeddedCursor:
        """Set how many documents to pass over."""
        if not isinstance(skip, int):
            raise TypeError("skip must be an integer")
        if skip < 0:
            raise ValueError("skip must be >= 0")
        return self._changed(skip=skip)

    def hint(self, argument: Any) -> EmbeddedCursor:
        """Accept what changes no answer: pages are sized by bytes, the planner chooses by counting."""
        return self._changed()

    batch_size = max_time_ms = comment = allow_disk_use = hint

    def collation(self, collation: Any) -> EmbeddedCursor:
        """Refuse a collation."""
        if collation is None:
            return self
        raise refusal("collation", "option") or InvalidQuery("collation", 2)

    def explain(self) -> Document:
        """Refuse: there is no plan as a server has it."""
        raise refusal("explain", "method") or InvalidQuery("explain", 2)

    def distinct(self, key: str) -> list[Any]:
        """Return the distinct values of a field among what the filter matches."""
        return self._distinct(key, self._request.query)

    def clone(self) -> EmbeddedCursor:
        """Return a cursor that asks the same, from the start."""
        return EmbeddedCursor(self._request, self._run, self._distinct)

    def rewind(self) -> EmbeddedCursor:
        """Start again."""
        self._documents = None
        self._closed = False
        return self

    def close(self) -> None:
        """Return no more documents."""
        self._closed = True
        self._documents = iter(())

    @property
    def alive(self) -> bool:
        """Whether there may be more documents."""
        return not self._closed

    def __iter__(self) -> EmbeddedCursor:
        return self

    def __next__(self) -> Document:
        if self._documents is None:
            self._documents = self._run(self._request)
        try:
            return next(self._documents)
        except StopIteration:
            self._closed = True
            raise

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            start, stop = index.start or 0, index.stop
            if index.step is not None or start < 0 or (stop is not None and stop < start):
                raise IndexError("a cursor takes slices forward, without steps")
            if stop == start:
                return self._changed(skip=start, limit=0).close_empty()
            return self._changed(skip=start, limit=0 if stop is None else stop - start)
        if not isinstance(index, int):
            raise TypeError(f"index {index!r} cannot be applied to Cursor instances")
        if index < 0:
            raise IndexError("Cursor instances do not support negative indices")
        self._changed()
        one = replace(self._request, skip=self._request.skip + index, limit=1)
        for document in self._run(one):
            return document
        raise IndexError("no such item for Cursor instance")

    def close_empty(self) -> EmbeddedCursor:
        """Be a cursor without documents."""
        self._documents = iter(())
        return self
