"""Verify: hold what is stored against what was put, from cheap to thorough."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from arraystore.backends.protocol import Backend
from arraystore.errors import ArrayDamaged, InvalidArray, Lost, StoreError
from arraystore.format.digests import leaf_digests, object_digest, pixel_digest
from arraystore.format.layouts import Layout, layout_named
from arraystore.format.manifests import FileRecord, Manifest, parse_manifest
from arraystore.format.metadata import zarr_json
from arraystore.quicklook import FOLDER, quicklook_finding
from arraystore.reading import ChunkReader
from arraystore.ref import ArrayRef, object_path
from arraystore.selections import parse
from arraystore.writing import band_rows

__all__ = ["LEVELS", "ArrayFault", "sound_manifest", "verify"]

LEVELS = ("exists", "sizes", "digests", "decode")


@dataclass(frozen=True, slots=True)
class ArrayFault:
    """One thing that is wrong.

    Attributes
    ----------
    digest : str
        The object it is wrong with.
    name : str
        The file in the object; empty for the object as a whole.
    code : str
        ``lost``, ``extra``, ``renamed``, ``truncated``, ``grown``, ``changed``,
        ``swapped`` (it is a sound file of another object) or ``undecodable``.
    message : str
        What happened, in words.
    """

    digest: str
    name: str
    code: str
    message: str


def verify(backend: Backend, ref: ArrayRef, level: str, *, threads: int = 1) -> list[ArrayFault]:
    """Say what is wrong with one array, to the depth of `level` (one of `LEVELS`)."""
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level of verification; there are {', '.join(LEVELS)}.")
    layout = layout_named(ref.layout, ref.shape, ref.dtype)
    present = {entry.path.removeprefix(f"{ref.path}/"): entry.size for entry in backend.walk(ref.path)}
    expected = ["manifest.json", "zarr.json", *([layout.shard_key] if ref.shard else [])]
    if layout.quicklook is not None:
        expected.append(f"{FOLDER}/zarr.json")
    if not present:
        return [ArrayFault(ref.digest, "", "lost", f"the object {ref.path} is not there")]
    lost = [_lost(ref, name) for name in expected if name not in present]
    if level == "exists":
        return lost
    if "manifest.json" not in present:
        return lost
    try:
        manifest = parse_manifest(backend.read(f"{ref.path}/manifest.json"))
    except (Lost, ArrayDamaged) as error:
        return [*lost, ArrayFault(ref.digest, "manifest.json", "changed", str(error))]
    if (stranger := _stranger(ref, layout, manifest)) is not None:
        return [stranger]
    findings = list(_sizes(ref, manifest, present))
    if level != "sizes":
        wrong = {finding.name for finding in findings}
        findings += _digests(backend, ref, layout, manifest, wrong)
        findings = _renamed(backend, ref, manifest, findings)
    if level == "decode" and not findings:
        findings += _decode(backend, ref, layout, threads)
    return findings


def sound_manifest(backend: Backend, digest: str) -> Manifest | None:
    """Read the manifest of an object whose files are there, whole and its own; else None."""
    path = object_path(digest)
    try:
        manifest = parse_manifest(backend.read(f"{path}/manifest.json"))
        if object_digest(manifest.pixels, manifest.layout) != digest:
            return None
        for name, record in manifest.files.items():
            with backend.reader(f"{path}/{name}") as file:
                if len(file.read(max(0, record.size - 4), 5)) != min(4, record.size):
                    return None
        return manifest
    except (Lost, ArrayDamaged):
        return None


def _lost(ref: ArrayRef, name: str) -> ArrayFault:
    return ArrayFault(ref.digest, name, "lost", f"{ref.path}/{name} is not there")


def _stranger(ref: ArrayRef, layout: Layout, manifest: Manifest) -> ArrayFault | None:
    """Whether the manifest describes this array at all."""
    if manifest.digest != ref.digest:
        text = f"{ref.path} holds the object {manifest.digest}"
        return ArrayFault(ref.digest, "", "swapped", text)
    if manifest.pixels != ref.pixels or manifest.layout != layout.document():
        text = f"the reference to {ref.digest} describes another array than its manifest"
        return ArrayFault(ref.digest, "manifest.json", "changed", text)
    if object_digest(manifest.pixels, manifest.layout) != ref.digest:
        return ArrayFault(ref.digest, "manifest.json", "changed", "its contents do not have its digest")
    return None


def _sizes(ref: ArrayRef, manifest: Manifest, present: dict[str, int]) -> Iterator[ArrayFault]:
    for name, record in manifest.files.items():
        size = present.get(name)
        if size is None:
            yield _lost(ref, name)
        elif size != record.size:
            code = "truncated" if size < record.size else "grown"
            yield ArrayFault(ref.digest, name, code, f"{ref.path}/{name} has {size} bytes, not {record.size}")
    for name in sorted(present.keys() - manifest.files.keys() - {"manifest.json"}):
        yield ArrayFault(ref.digest, name, "extra", f"{ref.path}/{name} is no part of the object")


def _digests(
    backend: Backend, ref: ArrayRef, layout: Layout, manifest: Manifest, wrong: set[str]
) -> Iterator[ArrayFault]:
    for name, record in manifest.files.items():
        if name in wrong:
            continue
        try:
            found = _record(backend, f"{ref.path}/{name}")
        except Lost:
            yield _lost(ref, name)
            continue
        if found != record:
            yield _changed(backend, ref, name, found)
    for name, described in (("zarr.json", layout), (f"{FOLDER}/zarr.json", layout.quicklook)):
        if described is None or name in wrong:
            continue
        if manifest.files.get(name) != FileRecord.of(zarr_json(described)):
            yield ArrayFault(ref.digest, name, "changed", f"{name} does not describe this array")


def _record(backend: Backend, path: str) -> FileRecord:
    """Size and sha256 of a file, read in parts."""
    digest, size = hashlib.sha256(), 0
    with backend.reader(path) as file:
        while part := file.read(size, 2**22):
            digest.update(part)
            size += len(part)
    return FileRecord(size, digest.hexdigest())


def _changed(backend: Backend, ref: ArrayRef, name: str, found: FileRecord) -> ArrayFault:
    """Describe a file with other bytes: it may be a sound file of another object."""
    for other in backend.objects():
        if other.digest == ref.digest:
            continue
        try:
            manifest = parse_manifest(backend.read(f"{object_path(other.digest)}/manifest.json"))
        except StoreError:
            continue
        if manifest.files.get(name) == found:
            text = f"{ref.path}/{name} is that of object {other.digest}"
            return ArrayFault(ref.digest, name, "swapped", text)
    return ArrayFault(ref.digest, name, "changed", f"{ref.path}/{name} is not what was written")


def _renamed(backend: Backend, ref: ArrayRef, manifest: Manifest, findings: list[ArrayFault]) -> list[ArrayFault]:
    """Of a lost file and an extra one with its bytes, make one that was renamed."""
    extra = [f for f in findings if f.code == "extra"]
    for missing in [f for f in findings if f.code == "lost"]:
        for other in extra:
            if _record(backend, f"{ref.path}/{other.name}") == manifest.files.get(missing.name):
                text = f"{ref.path}/{missing.name} is there under the name {other.name}"
                findings = [f for f in findings if f not in (missing, other)]
                findings.append(ArrayFault(ref.digest, missing.name, "renamed", text))
                break
    return findings


def _decode(backend: Backend, ref: ArrayRef, layout: Layout, threads: int) -> Iterator[ArrayFault]:
    """Decode every chunk, and digest the pixels again."""
    reader = ChunkReader(backend, ref, layout, threads=threads)
    leaves: list[bytes] = []
    try:
        if not layout.shape:
            leaves = leaf_digests(reader.read(()))
        else:
            step, axis = band_rows(layout), layout.row_axis
            for start in range(0, layout.shape[axis], step):
                axes = parse((slice(None),) * axis + (slice(start, start + step),), layout.shape)
                leaves += leaf_digests(reader.read(axes))
    except (ArrayDamaged, Lost, InvalidArray) as error:
        yield ArrayFault(ref.digest, layout.shard_key, "undecodable", str(error))
        return
    if pixel_digest(layout.shape, layout.dtype.name, leaves) != ref.pixels:
        text = f"the pixels of {ref.path} do not have the digest {ref.pixels}"
        yield ArrayFault(ref.digest, layout.shard_key, "undecodable", text)
    if layout.quicklook is not None:
        group = reader.read(parse((0,) * (len(layout.shape) - 3) + (-1,), layout.shape))
        if (text_of := quicklook_finding(backend, ref, layout.quicklook, group[(0,) * (group.ndim - 2)])) is not None:
            yield ArrayFault(ref.digest, FOLDER, "undecodable", text_of)
