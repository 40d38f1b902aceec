"""Manifest: what an object consists of, file by file, and what it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from arraystore.errors import ArrayDamaged, InvalidRef, StoreTooNew
from arraystore.format.digests import canonical
from arraystore.ref import check_digest

__all__ = ["FORMAT", "FileRecord", "Manifest", "parse_manifest"]

#: Version of the manifest's form.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Bytes and sha256 of a file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> FileRecord:
        """The record of a file with these bytes."""
        return cls(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object: its identity, its layout, its files but this one.

    Attributes
    ----------
    digest, pixels : str
        Identity of the object and of its pixels.
    layout : dict
        The layout's document; with `pixels` it gives `digest`.
    shard : int
        Bytes of the shard, 0 without one.
    files : dict
        Record of each file by name.
    quicklook : str or None
        Digest of the pixels of the quick look, where there is one.
    """

    digest: str
    pixels: str
    layout: dict[str, Any]
    shard: int
    files: dict[str, FileRecord]
    quicklook: str | None = None

    def to_bytes(self) -> bytes:
        """The manifest as a file: canonical JSON that carries its own sha256."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "digest": self.digest,
            "pixels": self.pixels,
            "layout": self.layout,
            "shard": self.shard,
            "files": {name: {"size": f.size, "sha256": f.sha256} for name, f in self.files.items()},
        }
        if self.quicklook is not None:
            document["quicklook"] = self.quicklook
        document["sha256"] = hashlib.sha256(canonical(document)).hexdigest()
        return canonical(document)

    @property
    def nbytes(self) -> int:
        """Bytes of the files and of the manifest."""
        return sum(record.size for record in self.files.values()) + len(self.to_bytes())


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises
    ------
    ArrayDamaged
        It is not, to the bit, what was written.
    StoreTooNew
        It has a later form.
    """
    try:
        document = json.loads(data)
        own = document.pop("sha256")
        sound = own == hashlib.sha256(canonical(document)).hexdigest()
        if not sound or canonical(document | {"sha256": own}) != data:
            raise ArrayDamaged("the manifest is not what was written")
        if document["format"] > FORMAT:
            raise StoreTooNew(f"a manifest has format {document['format']}: upgrade to read it.")
        return Manifest(
            digest=check_digest(document["digest"]),
            pixels=check_digest(document["pixels"]),
            layout=document["layout"],
            shard=document["shard"],
            files={name: FileRecord(f["size"], f["sha256"]) for name, f in document["files"].items()},
            quicklook=None if "quicklook" not in document else check_digest(document["quicklook"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, InvalidRef) as error:
        raise ArrayDamaged(f"the manifest cannot be read ({error!r:.80})") from error
