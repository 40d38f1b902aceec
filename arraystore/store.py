"""ArrayStore: the public face of a store of immutable, content-addressed arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

from arraystore.backends.addresses import open_backend
from arraystore.backends.protocol import Backend, Staging, StoredObject
from arraystore.errors import InvalidArray
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
    from arraystore.cubes import Cube
    from arraystore.format.layouts import Layout
    from arraystore.format.manifests import Manifest
    from arraystore.sources import PixelSource
    from arraystore.sweeping import SweepReport
    from arraystore.verifying import ArrayFault
    from arraystore.writing import Written

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
        ``file:///folder``, a plain path, ``s3://bucket/prefix``, ``gs://bucket/prefix`` (both
        need the extra ``s3``; see `arraystore.backends.buckets` for keys and endpoints), or
        ``memory://name``.
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
    from arraystore import many  # noqa: F401 - what reading needs is loaded now: the first question does not wait for it

    workers = threads or min(_MAX_THREADS, os.cpu_count() or 1)
    return ArrayStore(open_backend(url, readonly=readonly, create=create), threads=workers)


class ArrayStore:
    """A store of arrays and small records. Use `open_store` to get one."""

    __slots__ = ("_backend", "_threads")

    def __init__(self, backend: Backend, *, threads: int = 1) -> None:
        self._backend = backend
        self._threads = threads

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
        from arraystore.format.layouts import layout_for
        from arraystore.quicklook import Watched
        from arraystore.sources import as_source, check_dtype
        from arraystore.writing import band_rows, write_shard

        source = as_source(pixels)
        shape = tuple(int(n) for n in source.shape)
        layout = layout_for(kind, shape, check_dtype(source.dtype))
        if scale is not None and layout.dtype.kind not in "iuf":
            raise InvalidArray(f"a scale is for stored numbers; this array is {layout.dtype.name}.")
        band_rows(layout)
        watched = None if layout.quicklook is None else Watched(source)
        staging = self._backend.stage()
        try:
            written = write_shard(watched or source, layout, staging, threads=self._threads, progress=progress)
            manifest = self._publish(staging, layout, written, None if watched is None else watched.picture)
        finally:
            staging.discard()
        return self._ref(manifest, layout, kind, scale)

    def _publish(self, staging: Staging, layout: Layout, written: Written, picture: Any) -> Manifest:
        """Publish what is staged, or take what is there already if it is sound."""
        from arraystore.format.digests import object_digest
        from arraystore.format.manifests import FileRecord, Manifest
        from arraystore.format.metadata import zarr_json
        from arraystore.quicklook import stage_quicklook

        digest = object_digest(written.pixels, layout.document())
        if (present := self._adopt(digest)) is not None:
            return present
        metadata = zarr_json(layout)
        files = {"zarr.json": FileRecord.of(metadata)}
        if written.size:
            files[layout.shard_key] = FileRecord(written.size, written.sha256)
        quicklook = None
        if layout.quicklook is not None:
            quicklook, more = stage_quicklook(picture, layout.quicklook, staging)
            files |= more
        manifest = Manifest(digest, written.pixels, layout.document(), written.size, files, quicklook)
        for name, data in (("zarr.json", metadata), ("manifest.json", manifest.to_bytes())):
            with staging.create(name) as file:
                file.write(data)
        while not staging.publish(digest):
            if (present := self._adopt(digest)) is not None:
                return present
            # Files without a manifest are no object: they are in the way of one.
            self._backend.withdraw(digest, lambda _: False)
        return manifest

    def _adopt(self, digest: str) -> Manifest | None:
        """Make an object young and return its manifest; None if it is not there.

        One that has visibly lost something is removed, so that it can be written anew.
        """
        from arraystore.verifying import sound_manifest

        if not self._backend.touch(digest):
            return None
        manifest = sound_manifest(self._backend, digest)
        if manifest is None:
            self._backend.withdraw(digest, lambda _: False)
        return manifest

    def _ref(self, manifest: Manifest, layout: Layout, kind: str, scale: Scale | None) -> ArrayRef:
        return ArrayRef(
            store=self.id,
            path=object_path(manifest.digest),
            digest=manifest.digest,
            pixels=manifest.pixels,
            shape=layout.shape,
            dtype=layout.dtype.name,
            kind=kind,
            nbytes=layout.nbytes,
            stored=manifest.nbytes,
            layout=layout.name,
            shard=manifest.shard,
            scale=scale,
        )

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

        manifest = parse_manifest(self._backend.read(f"{object_path(check_digest(digest))}/manifest.json"))
        document = manifest.layout
        layout = layout_named(document["layout"], tuple(document["shape"]), document["dtype"])
        stem = layout.name.partition("/")[0]
        kind = next(name for name, kind in KINDS.items() if kind.layout == stem)
        return self._ref(manifest, layout, kind, None)

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

        return Cube(self._backend, as_ref(ref), threads=self._threads)

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

    def sweep(self, *, referenced: Callable[[str], bool], grace: timedelta, dry_run: bool = True) -> SweepReport:
        """Remove what nothing refers to and is older than `grace`: see `arraystore.sweeping`."""
        from arraystore.sweeping import sweep

        return sweep(self._backend, referenced=referenced, grace=grace, dry_run=dry_run)

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
