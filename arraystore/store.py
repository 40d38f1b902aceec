"""ArrayStore: the public face of a store of immutable, content-addressed arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

from arraystore.backends.addresses import open_backend
from arraystore.backends.protocol import Backend, StoredObject
from arraystore.processors import processors
from arraystore.records import (
    StoredRecord,
    add_record,
    add_records,
    get_record,
    list_records,
    put_records,
    remove_record,
)
from arraystore.ref import ArrayRef, Scale, check_digest, object_path

if TYPE_CHECKING:
    from arraystore.copying import StoreCopy
    from arraystore.cubes import Cube
    from arraystore.indexes import Indexes
    from arraystore.putting import Batch
    from arraystore.sources import PixelSource
    from arraystore.sweeping import SweepReport
    from arraystore.verifying import ArrayFault

__all__ = ["ArrayStore", "open_store"]

#: More workers than this gain nothing: the thread that reads and writes is then the limit.
_MAX_THREADS = 8


def open_store(
    url: str | os.PathLike[str], *, readonly: bool = False, create: bool = True, threads: int | None = None
) -> ArrayStore:
    """Open an array store.

    Parameters
    ----------
    url : str or path
        ``file:///folder``, a plain path, ``s3://bucket/prefix``, ``gs://bucket/prefix``,
        ``az://container/prefix`` (all three need the extra ``s3``; see
        `arraystore.backends.buckets` for keys and endpoints), or ``memory://name``.
    readonly : bool
        Refuse every write.
    create : bool
        Make the store if the folder is missing or empty.
    threads : int, optional
        Workers for large reads and writes; by default one for each processor.

    Raises
    ------
    InvalidURL, NotAStore, StoreTooNew, StoreReadOnly, StoreUnreachable
        See `arraystore.errors`.

    Examples
    --------
    >>> import numpy as np
    >>> store = open_store("memory://example")
    >>> ref = store.put(np.arange(12, dtype="uint16").reshape(3, 4), kind="frame")
    >>> store.open(ref)[1, 2]
    np.uint16(6)
    """
    workers = threads or min(_MAX_THREADS, processors())
    return ArrayStore(open_backend(url, readonly=readonly, create=create), threads=workers)


class ArrayStore:
    """A store of arrays and small records. Use `open_store` to get one."""

    __slots__ = ("_backend", "_indexes", "_threads")

    def __init__(self, backend: Backend, *, threads: int = 1) -> None:
        self._backend = backend
        self._threads = threads
        self._indexes: Indexes | None = None

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._backend.url

    @property
    def id(self) -> str:
        """Identity of the store, kept in its marker."""
        return self._backend.id

    def __repr__(self) -> str:
        return f"<ArrayStore {self.url}>"

    def __enter__(self) -> ArrayStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    # -- arrays -------------------------------------------------------------------

    def put(
        self,
        pixels: PixelSource | Any,
        *,
        kind: str,
        scale: Scale | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> ArrayRef:
        """Store an array; equal pixels in the same layout are stored once.

        When it returns, the array is complete and on disk; if it raises, nothing has
        been published.

        Parameters
        ----------
        pixels : ndarray or PixelSource
            In natural axis order, (integration, group, y, x). Any byte order and memory
            order; every bit pattern is kept.
        kind : str
            What it is, which decides its layout (see `arraystore.format.layouts.KINDS`).
        scale : Scale, optional
            How stored values become physical; kept in the reference, not in the object.
        progress : callable, optional
            Called with the bytes of pixels done, after each band.

        Returns
        -------
        ArrayRef

        Raises
        ------
        InvalidArray
            The type, shape or size cannot be stored; nothing was read or allocated.
        StoreReadOnly, StoreFull, StoreUnreachable
            The store cannot take it.
        """
        with self.batch() as batch:
            return batch.put(pixels, kind=kind, scale=scale, progress=progress)

    def batch(self) -> Batch:
        """Begin a batch: arrays that are put one after the other, and made durable and visible together.

        Returns
        -------
        Batch
            To be used in a ``with`` statement: at its end every array is complete and on disk, or,
            if an error ends it, those that were not yet are not there.

        Examples
        --------
        >>> import numpy as np
        >>> store = open_store("memory://batch")
        >>> with store.batch() as batch:
        ...     refs = [batch.put(np.full((3, 4), n, "u2"), kind="frame") for n in (1, 2)]
        >>> [int(store.open(ref)[0, 0]) for ref in refs]
        [1, 2]
        """
        from arraystore.putting import Batch

        return Batch(self._backend, threads=self._threads)

    def describe(self, digest: str) -> ArrayRef:
        """Make a reference to an object from its own manifest, as `check` and `rebuild` need it.

        Its kind is the first that has the object's layout, and it has no scale: the
        object knows neither.

        Raises
        ------
        Lost, Damaged
            There is no such object, or its manifest cannot be trusted.
        """
        from arraystore.format.layouts import KINDS, layout_named
        from arraystore.format.manifests import parse_manifest
        from arraystore.putting import make_ref

        manifest = parse_manifest(self._backend.read(f"{object_path(check_digest(digest))}/manifest.json"))
        document = manifest.layout
        layout = layout_named(document["layout"], tuple(document["shape"]), document["dtype"])
        stem = layout.name.partition("/")[0]
        kind = next(name for name, kind in KINDS.items() if kind.layout == stem)
        return make_ref(self.id, manifest, layout, kind)

    def open(self, ref: ArrayRef | Mapping[str, Any]) -> Cube:
        """Open the array a reference names. Nothing is read from the store yet.

        Raises
        ------
        InvalidRef
            It is no reference.
        StoreTooNew
            The array has a layout of a later release.
        """
        from arraystore.cubes import Cube
        from arraystore.indexes import Indexes

        if self._indexes is None:
            self._indexes = Indexes()
        return Cube(self._backend, as_ref(ref), threads=self._threads, indexes=self._indexes)

    def open_many(self, refs: Iterable[ArrayRef | Mapping[str, Any]]) -> list[Cube]:
        """Open the arrays several references name, in the same order."""
        return [self.open(ref) for ref in refs]

    def read_many(self, refs: Iterable[ArrayRef | Mapping[str, Any]], key: object) -> list[Any]:
        """Read the same selection of several arrays, in their order.

        Parameters
        ----------
        refs : iterable of ArrayRef or dict
            The arrays.
        key : object
            As in ``cube[key]``; ``numpy.s_[..., y, x]`` is one pixel of each.

        Examples
        --------
        >>> import numpy as np
        >>> store = open_store("memory://many")
        >>> refs = [store.put(np.full((1, n, 8, 9), n, "u2"), kind="ramp") for n in (2, 3)]
        >>> store.read_many(refs, np.s_[..., 4, 5])
        [array([[2, 2]], dtype=uint16), array([[3, 3, 3]], dtype=uint16)]
        """
        from arraystore.many import select_from_each

        return select_from_each(self.open_many(refs), key, concurrency=self._backend.concurrency)

    def exists(self, ref: ArrayRef | Mapping[str, Any]) -> bool:
        """Whether every file of the array is there."""
        return not self.verify(ref, level="exists")

    def verify(self, ref: ArrayRef | Mapping[str, Any], level: str = "digests") -> list[ArrayFault]:
        """Say what is wrong with a stored array; an empty list if nothing is.

        Parameters
        ----------
        ref : ArrayRef or dict
            The array.
        level : {'exists', 'sizes', 'digests', 'decode'}
            ``exists``: the files are there. ``sizes``: and as long as they should be,
            and no others. ``digests``: and every byte is what was written. ``decode``:
            and the pixels, decoded, have the digest of those that were put.
        """
        from arraystore.verifying import verify

        return verify(self._backend, as_ref(ref), level, threads=self._threads)

    def objects(self) -> Iterator[StoredObject]:
        """Every object in the store, referenced or not."""
        return self._backend.objects()

    def withdraw(self, digest: str) -> bool:
        """Remove one object for good, as one that is damaged and about to be put again; False if it is not there."""
        return self._backend.withdraw(check_digest(digest), lambda _: False)

    def sweep(
        self,
        *,
        referenced: Callable[[str], bool],
        among: Callable[[Sequence[str]], Container[str]] | None = None,
        grace: timedelta,
        dry_run: bool = True,
    ) -> SweepReport:
        """Remove what nothing refers to and is older than `grace`: see `arraystore.sweeping`."""
        from arraystore.sweeping import sweep

        return sweep(self._backend, referenced=referenced, among=among, grace=grace, dry_run=dry_run)

    def copy_to(self, url: str | os.PathLike[str], *, begin: bool = True) -> StoreCopy:
        """Begin a copy of the whole store, or go on with one; without `begin` only look at the place.

        Examples
        --------
        >>> copy = open_store("memory://somewhere").copy_to("/tmp/another-place")  # doctest: +SKIP
        >>> copy.once(), copy.finish()  # doctest: +SKIP
        """
        from arraystore.copying import StoreCopy

        return StoreCopy(self._backend, url, begin=begin)

    # -- records ------------------------------------------------------------------

    def put_records(self, records: Mapping[str, bytes]) -> None:
        """Store small named files, each whole, all on disk when it returns."""
        put_records(self._backend, records)

    def add_record(self, key: str, data: bytes) -> bool:
        """Store a record unless the name is taken by another; return whether the name is now this one's."""
        return add_record(self._backend, key, data)

    def add_records(self, records: Mapping[str, bytes]) -> set[str]:
        """Store records as :meth:`add_record` does, many together; return the keys whose name others have."""
        return add_records(self._backend, records)

    def get_record(self, key: str) -> bytes:
        """Read a record; `Lost` if there is none, `Damaged` if they changed."""
        return get_record(self._backend, key)

    def records(self, prefix: str = "") -> Iterator[StoredRecord]:
        """Return the records whose names begin with `prefix`, folder by folder."""
        return list_records(self._backend, prefix)

    def delete_record(self, key: str) -> None:
        """Remove a record; `Lost` if there is none of that name."""
        remove_record(self._backend, key)

    def usage(self) -> dict[str, int]:
        """Objects and records in the store, and the bytes they take."""
        objects = [found.nbytes for found in self._backend.objects()]
        records = [entry.size for entry in self._backend.walk("records")]
        return {"objects": len(objects), "records": len(records), "nbytes": sum(objects) + sum(records)}


def as_ref(ref: ArrayRef | Mapping[str, Any]) -> ArrayRef:
    """Check a reference, or the document of one."""
    return ArrayRef.from_dict(ref.to_dict() if isinstance(ref, ArrayRef) else ref)
