"""Makes the collections of one catalog like those of another: two lists in order, held against each other."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, ReplaceOne

from catalog import BulkFailure, Catalog, CatalogError, TimedOut, Unreachable
from catalog.language.values import encode_key
from pipelines.errors import IntegrityError

logger = logging.getLogger(__name__)

T = TypeVar("T")

DOCUMENTS = 250
NBYTES = 8 << 20
"""At most so many documents, and so many bytes of them, are written together."""
NAMED = 20
_TAKEN = 11000  # a unique value that another document has
TRIES = 20  # of a collection, when the line breaks within a list of documents


@dataclass(slots=True)
class Difference:
    """What was found to differ between two collections, and was made alike.

    Attributes
    ----------
    documents : int
        Documents in the source.
    written, removed : int
        Those written to the target, and those removed from it.
    names : list of str
        Some of both.
    """

    documents: int = 0
    written: int = 0
    removed: int = 0
    names: list[str] = field(default_factory=list)


class _Stream:
    """Documents in the order of their ``_id``, one ahead."""

    def __init__(self, catalog: Catalog, name: str) -> None:
        self._where = f"{name} in {catalog.url}"
        self._blobs = catalog.blobs(name)
        self._last = b""
        self._document: RawBSONDocument | None = None
        self._key = b""
        self.blob: bytes | None = None
        self.step()

    def step(self) -> None:
        self._last, self._key = self._key or self._last, b""
        self.blob, self._document = next(self._blobs, None), None

    @property
    def document(self) -> RawBSONDocument:
        if self._document is None:
            self._document = RawBSONDocument(self.blob or b"")
        return self._document

    @property
    def key(self) -> bytes:
        """The ``_id`` as bytes that are in its order."""
        if not self._key:
            self._key = encode_key(plain_id(self.document))
            if self._key <= self._last:
                raise IntegrityError(f"{self._where}: documents do not come in the order of their _id")
        return self._key


def plain_id(document: RawBSONDocument) -> Any:
    """Return the ``_id`` of a raw document, decoded."""
    value = document["_id"]
    return dict(value) if isinstance(value, RawBSONDocument) else value


def differences(
    source: Catalog, target: Catalog, name: str
) -> Iterator[tuple[RawBSONDocument | None, RawBSONDocument | None]]:
    """Yield the documents that differ: that of the source and that of the target, None where one has none.

    (None, None) stands for a document that is the same in both.
    """
    mine, theirs = _Stream(source, name), _Stream(target, name)
    while mine.blob is not None or theirs.blob is not None:
        if mine.blob == theirs.blob:
            yield None, None
            mine.step()
            theirs.step()
            continue
        first = min(stream.key for stream in (mine, theirs) if stream.blob is not None)
        pair = [stream if stream.blob is not None and stream.key == first else None for stream in (mine, theirs)]
        yield (None if pair[0] is None else mine.document, None if pair[1] is None else theirs.document)
        for stream in pair:
            if stream is not None:
                stream.step()


def make_like(
    source: Catalog,
    target: Catalog,
    name: str,
    *,
    own: frozenset[str],
    advance: Callable[[int], None] = lambda count: None,
) -> Difference:
    """Write whatever the source has and the target has not, and remove what only the target has.

    Parameters
    ----------
    name : str
        The collection.
    own : frozenset of str
        Names of documents that belong to the target alone.
    advance : callable
        Called with the number of documents of the source passed.
    """
    found = Difference()
    requests: list[InsertOne[Any] | ReplaceOne[Any] | DeleteOne] = []
    nbytes = 0
    for mine, theirs in differences(source, target, name):
        if mine is None and theirs is not None:
            if (gone := plain_id(theirs)) in own:
                continue
            requests.append(DeleteOne({"_id": gone}))
            found.removed += 1
        elif mine is not None:
            requests.append(InsertOne(mine) if theirs is None else ReplaceOne({"_id": plain_id(mine)}, mine))
            nbytes += len(mine.raw)
            found.written += 1
        changed = mine if mine is not None else theirs
        if changed is not None and len(found.names) < NAMED:
            found.names.append(f"{plain_id(changed)} in {name}")
        if mine is not None or theirs is None:
            found.documents += 1
            advance(1)
        if len(requests) >= DOCUMENTS or nbytes >= NBYTES:
            _write(target, name, requests)
            requests, nbytes = [], 0
    _write(target, name, requests)
    return found


def _write(target: Catalog, name: str, requests: list[Any]) -> None:
    """Write a batch: removals first, as what comes may have a unique value of what goes.

    What is there already, as the answer to an earlier try was lost, or has a unique value of a document that goes
    later, is left to the next pass: it compares all and writes what is still not right.
    """
    gone = [request for request in requests if isinstance(request, DeleteOne)]
    for some in (gone, [request for request in requests if not isinstance(request, DeleteOne)]):
        if some:
            try:
                target[name].bulk_write(some, ordered=False)
            except BulkFailure as error:
                if {one.get("code") for one in (error.details or {}).get("writeErrors", ())} != {_TAKEN}:
                    raise
                logger.info("%s: written in the next pass: %s", name, error)


def patiently(target: Catalog, work: Callable[[], T]) -> T:
    """Do work that does the same when it is done again; again where the line breaks while documents come.

    Parameters
    ----------
    target : Catalog
        A patient one: it is asked, and so waited for, before the work is done again.
    """
    for _ in range(TRIES):
        try:
            return work()
        except TimedOut:
            raise
        except Unreachable as error:
            logger.warning("the copy goes on once the catalog answers: %s", error)
            target.collection_names()
    return work()


def copy_indexes(source: Catalog, target: Catalog, name: str) -> list[str]:
    """Make the indexes of a collection that the target lacks; return those that cannot be made, with the reason."""
    left_out = []
    there = {_keys(spec) for spec in target[name].index_information().values()}
    for index, spec in source[name].index_information().items():
        if _keys(spec) in there:
            continue
        odd = spec.keys() - {"key", "v", "ns", "unique", "sparse", "background"}
        try:
            if odd:
                raise IntegrityError(f"it has {', '.join(sorted(odd))}")
            target[name].create_index(
                [tuple(pair) for pair in spec["key"]],
                unique=bool(spec.get("unique")),
                sparse=bool(spec.get("sparse")),
            )
        except (CatalogError, IntegrityError) as error:
            left_out.append(f"index {index} of {name}: {error}")
    return left_out


def _keys(spec: dict[str, Any]) -> tuple[Any, ...]:
    return (*(tuple(pair) for pair in spec["key"]), bool(spec.get("unique")))
