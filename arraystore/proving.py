"""Proving: whether a copy holds what the original does, and the notes of what was found to."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from arraystore.backends.protocol import Backend
from arraystore.backends.receiving import LOG
from arraystore.errors import ArrayDamaged, Lost
from arraystore.format.digests import object_digest
from arraystore.format.manifests import FileRecord, Manifest, parse_manifest
from arraystore.ref import object_path

__all__ = ["Notes", "hashed", "holds", "manifest_of"]

_PART = 4 * 2**20
_MOST = 256  # proved between two notes


@dataclass(slots=True)
class Notes:
    """What has arrived at a target and was read back, noted there from time to time.

    Attributes
    ----------
    known : dict of str to str
        Digests of objects and paths of records, each with what tells one content from a later one.
    """

    target: Backend
    known: dict[str, str] = field(default_factory=dict)
    _waiting: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, target: Backend) -> Notes:
        """Read the notes of a copy that was cut short."""
        known: dict[str, str] = {}
        for entry in target.walk(LOG):
            for line in target.read(entry.path).decode().splitlines():
                stamp, _, name = line.partition(" ")
                known[name] = stamp
        return cls(target, known)

    def add(self, name: str, stamp: str) -> None:
        """Add one; it is written down with others."""
        self.known[name] = self._waiting[name] = stamp
        if len(self._waiting) >= _MOST:
            self.write()

    def write(self) -> None:
        """Write down what was added."""
        if self._waiting:
            lines = "".join(f"{stamp} {name}\n" for name, stamp in self._waiting.items())
            self.target.write({f"{LOG}/{uuid.uuid4().hex}": lines.encode()})
            self._waiting = {}


def manifest_of(backend: Backend, digest: str) -> tuple[bytes, Manifest]:
    """Return the manifest of an object, as bytes and read.

    Raises
    ------
    Lost, ArrayDamaged
        There is none, or it cannot be trusted.
    """
    data = backend.read(f"{object_path(digest)}/manifest.json")
    manifest = parse_manifest(data)
    if manifest.digest != digest or object_digest(manifest.pixels, manifest.layout) != digest:
        raise ArrayDamaged("its manifest is that of another object")
    return data, manifest


def hashed(backend: Backend, path: str, record: FileRecord) -> Iterator[bytes]:
    """Yield a file part by part; at its end it must have been what the manifest says.

    Raises
    ------
    Lost, ArrayDamaged
        It is not there, or it is not what was written.
    """
    digest, size = hashlib.sha256(), 0
    with backend.reader(path) as file:
        while size <= record.size and (part := file.read(size, _PART)):
            digest.update(part)
            size += len(part)
            yield part
    if FileRecord(size, digest.hexdigest()) != record:
        raise ArrayDamaged("it is not what was written")


def holds(backend: Backend, digest: str, data: bytes, manifest: Manifest) -> bool:
    """Tell whether a place has an object with this manifest, and every file of it."""
    path = object_path(digest)
    try:
        if backend.read(f"{path}/manifest.json") != data:
            return False
        for name, record in manifest.files.items():
            for _ in hashed(backend, f"{path}/{name}", record):
                pass
    except (Lost, ArrayDamaged):
        return False
    return True
