"""Putting arrays: written into staging one after the other, made durable and visible several at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from arraystore.backends.protocol import Backend, Staging
from arraystore.errors import InvalidArray, StoreUnreachable
from arraystore.format.digests import object_digest
from arraystore.format.layouts import Layout, layout_for
from arraystore.format.manifests import FileRecord, Manifest
from arraystore.format.metadata import zarr_json
from arraystore.quicklook import Watched, stage_quicklook
from arraystore.ref import ArrayRef, Scale, object_path
from arraystore.sources import PixelSource, as_source, check_dtype
from arraystore.verifying import sound_manifest
from arraystore.writing import Written, band_rows, write_shard

__all__ = ["Batch", "make_ref"]

#: Arrays whose files are open and not yet forced to disk; each has three to five.
_MOST = 32
#: Arrays that are published at the same time: one flush of a disk's journal serves all who wait for it.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class _Staged:
    """An array that is written and not yet published."""

    staging: Staging
    manifest: Manifest


class Batch:
    """Arrays that are put together. Use `ArrayStore.batch` to begin one.

    A disk that forces a file needs hardly longer for sixteen at once: small arrays gain much by it. What
    `put` returns names an array that is there once the batch has ended, or `publish` has returned.

    Parameters
    ----------
    backend : Backend
        Where the bytes are kept.
    threads : int
        Workers for large arrays.
    """

    __slots__ = ("_backend", "_staged", "_threads")

    def __init__(self, backend: Backend, *, threads: int = 1) -> None:
        self._backend = backend
        self._threads = threads
        self._staged: list[_Staged] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.publish()
        finally:
            self._discard()

    def put(
        self,
        pixels: PixelSource | Any,
        *,
        kind: str,
        scale: Scale | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> ArrayRef:
        """Write an array, as `ArrayStore.put` does; it is there when the batch has ended.

        Raises
        ------
        InvalidArray, StoreReadOnly, StoreFull, StoreUnreachable
            As `ArrayStore.put`; the other arrays of the batch are as they were.
        """
        source = as_source(pixels)
        shape = tuple(int(n) for n in source.shape)
        layout = layout_for(kind, shape, check_dtype(source.dtype))
        if scale is not None and layout.dtype.kind not in "iuf":
            raise InvalidArray(f"a scale is for stored numbers; this array is {layout.dtype.name}.")
        band_rows(layout)
        watched = None if layout.quicklook is None else Watched(source)
        staging = self._backend.stage()
        kept = False
        try:
            written = write_shard(watched or source, layout, staging, threads=self._threads, progress=progress)
            digest = object_digest(written.pixels, layout.document())
            manifest = _adopt(self._backend, digest)
            if manifest is None:
                manifest = _finish(staging, digest, layout, written, None if watched is None else watched.picture)
                self._staged.append(_Staged(staging, manifest))
                kept = True
        finally:
            if not kept:
                staging.discard()
        if len(self._staged) >= _MOST:
            self.publish()
        return make_ref(self._backend.id, manifest, layout, kind, scale)

    def publish(self) -> None:
        """Make every array that was put durable and visible.

        Raises
        ------
        StoreFull, StoreUnreachable, ArrayDamaged
            The first error that was met; those of the others that could be published are.
        """
        staged, self._staged = self._staged, []
        try:
            if len(staged) == 1:
                self._publish_one(staged[0])
            elif staged:
                with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="arraystore-publish") as pool:
                    for done in [pool.submit(self._publish_one, one) for one in staged]:
                        done.result()
        finally:
            for one in staged:
                one.staging.discard()

    def _publish_one(self, staged: _Staged) -> None:
        digest = staged.manifest.digest
        while not staged.staging.publish(digest):
            present = _adopt(self._backend, digest)
            if present == staged.manifest:
                return
            if present is not None:
                # Its reference has been given away with the size of what was written here.
                raise StoreUnreachable(
                    f"another process stored {object_path(digest)} at the same moment, with other bytes for the same "
                    "pixels, as another version of a codec makes them. Nothing is lost; do it once more."
                )
            # Files without a manifest are no object: they are in the way of one.
            self._backend.withdraw(digest, lambda _: False)

    def _discard(self) -> None:
        staged, self._staged = self._staged, []
        for one in staged:
            one.staging.discard()


def _adopt(backend: Backend, digest: str) -> Manifest | None:
    """Make an object young and return its manifest; None if it is not there.

    One that has visibly lost something is removed, so that it can be written anew.
    """
    if not backend.touch(digest):
        return None
    manifest = sound_manifest(backend, digest)
    if manifest is None:
        backend.withdraw(digest, lambda _: False)
    return manifest


def _finish(staging: Staging, digest: str, layout: Layout, written: Written, picture: Any) -> Manifest:
    """Stage what belongs to a shard: its metadata, its quick look, its manifest."""
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
    return manifest


def make_ref(store: str, manifest: Manifest, layout: Layout, kind: str, scale: Scale | None = None) -> ArrayRef:
    """Return a reference to an object by its manifest."""
    return ArrayRef(
        store=store,
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
