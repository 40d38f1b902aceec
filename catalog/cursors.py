"""Cursors: the documents that a question gives, PyMongo's methods, the catalog's errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Self, cast

from catalog.errors import TimedOut
from catalog.language.values import Document
from catalog.patience import Patience
from catalog.shown import MOST, bundle, frame
from catalog.translate import FOREIGN, reraise, translated

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cursor", "ResultCursor"]


class ResultCursor:
    """Documents that a question gives, one by one."""

    def __init__(
        self,
        inner: Any,
        where: str,
        *,
        patience: Patience | None = None,
        afresh: Callable[[Any], Any] | None = None,
    ) -> None:
        self._inner = inner
        self._where = where
        self._patience = patience
        self._afresh = afresh
        self._given: set[str] = set()  # names of what was given, so that a question asked again gives nothing twice
        self._nameless = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Document:
        if self._patience is None:
            return self._fetch()
        document = self._patience.ask(self._fetch, again=self._resumed)
        self._nameless = self._nameless or "_id" not in document
        self._given.add(repr(document.get("_id")))
        return document

    def _resumed(self) -> Document:
        """Ask anew, and pass over what was given already."""
        if self._afresh is None or self._nameless:
            raise TimedOut(f"{self._where}: the answer broke off; run it again")
        with translated(self._where):
            self._inner = self._afresh(self._inner)
        while repr((document := self._fetch()).get("_id")) in self._given:
            pass
        return document

    def _fetch(self) -> Document:
        try:
            return cast("Document", next(self._inner))
        except StopIteration:
            raise
        except FOREIGN as error:
            reraise(error, self._where)

    def next(self) -> Document:
        """Return the next document."""
        return self.__next__()

    def to_list(self, length: int | None = None) -> list[Document]:
        """Return the documents left, or at most `length` of them."""
        if length is not None and length < 1:
            raise ValueError("to_list() length must be greater than 0")
        found: list[Document] = []
        for document in self:
            found.append(document)
            if len(found) == length:
                break
        return found

    def to_pandas(self) -> pd.DataFrame:
        """Return the documents left as a pandas DataFrame; ``obs.exptime`` and the like are columns, bytes left out.

        Raises
        ------
        NoPandas
            pandas is not installed.
        """
        return frame(list(self))

    def _first(self, count: int) -> list[Document]:
        """Return the first documents left, and leave them where they are."""
        found = list(islice(self, count))
        self._inner = _Ahead(found, self._inner)
        return found

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found = self._first(MOST + 1)
        return bundle(found[:MOST], where=self._where.partition(" in ")[0], more=len(found) > MOST)

    def close(self) -> None:
        """Return no more documents."""
        close: Callable[[], None] | None = getattr(self._inner, "close", None)
        if close is not None:
            close()
        self._inner = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Ahead:
    """A cursor of which some documents were read already: they come first."""

    def __init__(self, found: Sequence[Document], inner: Any) -> None:
        self._documents = chain(found, inner)
        self.close = getattr(inner, "close", lambda: None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Document:
        return next(self._documents)


class Cursor(ResultCursor):
    """Documents of a ``find``; order and number can be set until the first is asked for."""

    def _first(self, count: int) -> list[Document]:
        # Of a copy: order and number can be set after it was shown as before.
        return list(islice(self.clone(), count))

    def _told(self, method: str, *arguments: Any) -> Self:
        with translated(self._where):
            getattr(self._inner, method)(*arguments)
        return self

    def sort(self, key_or_list: Any, direction: Any = None) -> Self:
        """Set the order: a name and a direction, or a list of pairs."""
        return self._told("sort", key_or_list, *(() if direction is None else (direction,)))

    def limit(self, limit: int) -> Self:
        """Set how many documents to give at most; 0 is all."""
        return self._told("limit", limit)

    def skip(self, skip: int) -> Self:
        """Set how many documents to pass over."""
        return self._told("skip", skip)

    def batch_size(self, batch_size: int) -> Self:
        """Set how many documents come from a server at a time."""
        return self._told("batch_size", batch_size)

    def hint(self, index: Any) -> Self:
        """Name the index a server is to use."""
        return self._told("hint", index)

    def max_time_ms(self, max_time_ms: int | None) -> Self:
        """Set how long a server may take."""
        return self._told("max_time_ms", max_time_ms)

    def comment(self, comment: Any) -> Self:
        """Add a comment for the server's log."""
        return self._told("comment", comment)

    def collation(self, collation: Any) -> Self:
        """Set a collation, which the embedded catalog refuses."""
        return self._told("collation", collation)

    def allow_disk_use(self, allow_disk_use: bool) -> Self:
        """Let a server sort on disk."""
        return self._told("allow_disk_use", allow_disk_use)

    def rewind(self) -> Self:
        """Start again."""
        return self._told("rewind")

    def clone(self) -> Cursor:
        """Return a cursor that asks the same, from the start."""
        return Cursor(self._inner.clone(), self._where, patience=self._patience, afresh=self._afresh)

    def distinct(self, key: str) -> list[Any]:
        """Return the distinct values of a field among what the filter matches."""
        with translated(self._where):
            return list(self._inner.distinct(key))

    def explain(self) -> Any:
        """Return a server's plan; the embedded catalog refuses."""
        with translated(self._where):
            return self._inner.explain()

    @property
    def alive(self) -> bool:
        """Whether there may be more documents."""
        return bool(getattr(self._inner, "alive", False))

    def close(self) -> None:
        """Return no more documents."""
        self._inner.close()

    def __getitem__(self, index: Any) -> Any:
        with translated(self._where):
            found = self._inner[index]
        return self if isinstance(index, slice) else found
