"""Quick look: one group of a big ramp kept a second time, as a picture, beside the ramp.

A ramp lies pixel by pixel, so a picture of one group touches every chunk of it. Of a big
ramp the last group of the first integration, where the most signal is, is therefore also
kept as a small Zarr array of its own, ``quicklook/`` in the folder of the object. Which
ramps have one follows from shape and type alone and is part of their layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arraystore.backends.protocol import Backend, StagedFile, Staging
from arraystore.errors import ArrayDamaged
from arraystore.format.digests import leaf_digests, pixel_digest
from arraystore.format.layouts import Layout
from arraystore.format.manifests import FileRecord, Manifest, parse_manifest
from arraystore.format.metadata import zarr_json
from arraystore.reading import ChunkReader
from arraystore.ref import ArrayRef
from arraystore.selections import parse
from arraystore.sources import MemorySource, PixelSource
from arraystore.writing import write_shard

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["FOLDER", "Watched", "quicklook_finding", "quicklook_reader", "stage_quicklook"]

FOLDER = "quicklook"


class Watched:
    """A source whose last group of the first integration is kept as it is read."""

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self.shape = source.shape
        self.dtype = source.dtype
        self.picture: NDArray[Any] = np.zeros(source.shape[-2:], source.dtype.newbyteorder("<"))

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows of the source."""
        band = self._source.read(start, stop)
        self.picture[start:stop] = band[(0,) * (band.ndim - 3) + (-1,)]
        return band


class _Inside:
    """The staging of an object, seen from the folder of its quick look."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    def create(self, name: str) -> AbstractContextManager[StagedFile]:
        return self._staging.create(f"{FOLDER}/{name}")

    def publish(self, digest: str) -> bool:
        return self._staging.publish(digest)

    def discard(self) -> None:
        self._staging.discard()


def stage_quicklook(picture: NDArray[Any], layout: Layout, staging: Staging) -> tuple[str, dict[str, FileRecord]]:
    """Stage a picture; return its pixel digest and the records of its files."""
    inside = _Inside(staging)
    written = write_shard(MemorySource(picture), layout, inside)
    metadata = zarr_json(layout)
    with inside.create("zarr.json") as file:
        file.write(metadata)
    files = {f"{FOLDER}/zarr.json": FileRecord.of(metadata)}
    if written.size:
        files[f"{FOLDER}/{layout.shard_key}"] = FileRecord(written.size, written.sha256)
    return written.pixels, files


def quicklook_reader(backend: Backend, ref: ArrayRef, layout: Layout) -> ChunkReader:
    """Open the quick look of an array by its manifest.

    Parameters
    ----------
    backend : Backend
        Where the bytes are.
    ref : ArrayRef
        The array.
    layout : Layout
        Layout of its quick look.

    Raises
    ------
    Lost, ArrayDamaged
        The manifest is not there, is not what was written, or is of another array.
    """
    try:
        manifest = parse_manifest(backend.read(f"{ref.path}/manifest.json"))
    except ArrayDamaged as error:
        raise ArrayDamaged(f"{ref.path}: {error}. Restore it from a copy.") from error
    if manifest.digest != ref.digest or manifest.quicklook is None:
        raise ArrayDamaged(f"the manifest of {ref.path} is that of another array. Restore it from a copy.")
    return ChunkReader(backend, _ref(ref, manifest, manifest.quicklook, layout), layout)


def _ref(ref: ArrayRef, manifest: Manifest, pixels: str, layout: Layout) -> ArrayRef:
    shard = manifest.files.get(f"{FOLDER}/{layout.shard_key}")
    size = 0 if shard is None else shard.size
    return ArrayRef(
        store=ref.store,
        path=f"{ref.path}/{FOLDER}",
        digest=ref.digest,
        pixels=pixels,
        shape=layout.shape,
        dtype=ref.dtype,
        kind="frame",
        nbytes=layout.nbytes,
        stored=size,
        layout=layout.name,
        shard=size,
    )


def quicklook_finding(backend: Backend, ref: ArrayRef, layout: Layout, group: NDArray[Any]) -> str | None:
    """Say what is wrong with a quick look that should show `group`; None if nothing is."""
    try:
        reader = quicklook_reader(backend, ref, layout)
        picture = reader.read(parse(..., layout.shape))
    except ArrayDamaged as error:
        return str(error)
    if pixel_digest(layout.shape, ref.dtype, leaf_digests(picture)) != pixel_digest(
        layout.shape, ref.dtype, leaf_digests(np.ascontiguousarray(group))
    ):
        return f"the quick look of {ref.path} is not the group it stands for"
    return None
